//! A ticket and what belongs to it. *Core.*

use super::crypto::Key;
use super::der::Reader;
use super::principal::Principal;

/// A ticket, the key that belongs to it, and for how long it is good.
#[derive(Clone)]
pub struct Credential {
    /// Whose ticket it is.
    pub client: Principal,
    /// What it is good for.
    pub server: Principal,
    /// The session key.
    pub key: Key,
    /// The flags of the ticket, of RFC 4120 section 5.3.
    pub flags: u32,
    /// From when it is good, in seconds since 1970 by the KDC's clock; 0 is always.
    pub start: i64,
    /// Until when it is good, in seconds since 1970 by the KDC's clock.
    pub end: i64,
    /// Until when it can be renewed, if it can be; else 0.
    pub renew_till: i64,
    /// The ticket as it came.
    pub ticket: Vec<u8>,
}

impl Credential {
    /// Whether the ticket can be renewed.
    #[must_use]
    pub fn is_renewable(&self) -> bool {
        self.flags & RENEWABLE != 0
    }

    /// The number of the encryption type that the ticket itself is under.
    #[must_use]
    pub fn ticket_encryption(&self) -> Option<i32> {
        let mut ticket = Reader::new(&self.ticket).application(1).ok()?;
        for n in 0..3 {
            ticket.context(n).ok()?;
        }
        ticket.context(3).ok()?.sequence().ok()?.context(0).ok()?.number().ok()
    }
}

impl std::fmt::Debug for Credential {
    /// Without the ticket.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("client", &self.client.to_string())
            .field("server", &self.server.to_string())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// The flag, and the option, of a ticket that can be renewed.
pub(crate) const RENEWABLE: u32 = 0x0080_0000;
