//! How far a connection has come that is being made.

use std::sync::atomic::{AtomicU8, Ordering};

/// What a connection still waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Milestone {
    /// Its turn to be tried again.
    Turn,
    /// The addresses of the broker's name.
    Addresses,
    /// TCP.
    Stream,
    /// TLS.
    Encryption,
    /// ApiVersions.
    Versions,
    /// A token or a ticket to log in with.
    Credentials,
    /// The broker's answers to the login.
    Login,
}

/// The milestone that one connection is at: its dialling notes it, whoever waits reads it.
#[derive(Debug, Default)]
pub(super) struct Track(AtomicU8);

impl Track {
    /// From now on, this is waited for.
    pub(super) fn reach(&self, milestone: Milestone) {
        self.0.store(milestone as u8, Ordering::Relaxed);
    }

    /// What is waited for.
    pub(super) fn at(&self) -> Milestone {
        let number = self.0.load(Ordering::Relaxed);
        let is_it = |milestone: &&Milestone| **milestone as u8 == number;
        MILESTONES.iter().find(is_it).copied().unwrap_or(Milestone::Turn)
    }
}

const MILESTONES: [Milestone; 7] = [
    Milestone::Turn,
    Milestone::Addresses,
    Milestone::Stream,
    Milestone::Encryption,
    Milestone::Versions,
    Milestone::Credentials,
    Milestone::Login,
];
