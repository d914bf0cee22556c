//! Core: what must hold in every run.

use std::fmt;

/// A promise that a history can show to be broken. The letters say whose list it is from: J for
/// the anomalies that `jepsen.tests.kafka` looks for, Q for further ones that clients promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Invariant {
    /// An offset of a partition has one value, whoever asks.
    J1,
    /// An acknowledged value that a consumer has read past was polled by somebody.
    J2,
    /// At the end, when all was polled that there is, every acknowledged value was polled.
    J3,
    /// A value stands at one offset only.
    J4,
    /// A value whose send or transaction definitely failed is never polled.
    J5,
    /// No transaction reads what depends on its own writes.
    J6,
    /// Nobody who wants committed records polls those of a transaction before its end is asked for,
    /// not even itself.
    J7,
    /// Inside one operation polls neither skip a record nor go back.
    J8,
    /// Nor between operations of one consumer whose assignment has not changed.
    J9,
    /// What one producer sends to a partition lands in the order of sending.
    J10,
    /// Records of a transaction stand side by side. **Allowed to be broken**: Kafka does not keep
    /// writers apart, so nothing ever reports this (Jepsen: `int-send-skip`, `G0`).
    J11,
    /// If one record of a transaction was read, the others can be read.
    J12,
    /// Transactions of a group that commit consume each record once.
    J13,
    /// Once all is well again, consumers are not further behind than agreed.
    J14,
    /// No acknowledged write is lost: J2, J3 or J12 says how.
    Q1,
    /// There is no duplicate: see J4.
    Q2,
    /// Nothing that was aborted is read: see J5.
    Q3,
    /// Of a transaction all is seen if it was committed, nothing if it was aborted.
    Q4,
    /// Flush and close return only after every earlier send has an outcome.
    Q5,
    /// A committed offset never covers a record that the group has not processed.
    Q6,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Self; 20] = [
        Self::J1,
        Self::J2,
        Self::J3,
        Self::J4,
        Self::J5,
        Self::J6,
        Self::J7,
        Self::J8,
        Self::J9,
        Self::J10,
        Self::J11,
        Self::J12,
        Self::J13,
        Self::J14,
        Self::Q1,
        Self::Q2,
        Self::Q3,
        Self::Q4,
        Self::Q5,
        Self::Q6,
    ];

    /// What is wrong when it does not hold, in a few words.
    #[must_use]
    pub const fn broken(self) -> &'static str {
        match self {
            Self::J1 => "inconsistent offsets",
            Self::J2 => "lost write",
            Self::J3 => "unseen",
            Self::J4 => "duplicate",
            Self::J5 => "aborted read",
            Self::J6 => "circular flow of information",
            Self::J7 => "precommitted read",
            Self::J8 => "poll skips or goes back inside an operation",
            Self::J9 => "poll skips or goes back",
            Self::J10 => "sends out of order",
            Self::J11 => "sends apart",
            Self::J12 => "torn transaction",
            Self::J13 => "consumed twice",
            Self::J14 => "lag",
            Self::Q1 => "acknowledged write lost",
            Self::Q2 => "stored twice",
            Self::Q3 => "aborted record read",
            Self::Q4 => "partial commit",
            Self::Q5 => "flush came back too early",
            Self::Q6 => "committed but not processed",
        }
    }

    /// Whether Kafka does not promise it, so that it is never reported: J11 only.
    #[must_use]
    pub const fn may_break(self) -> bool {
        matches!(self, Self::J11)
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
