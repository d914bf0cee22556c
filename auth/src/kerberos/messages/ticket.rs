//! Tickets, and what is encrypted in them. *Core.*

use super::parts::{Sealed, read_key, read_name, tag};
use crate::kerberos::crypto::Key;
use crate::kerberos::der::Reader;
use crate::kerberos::error::Error;
use crate::kerberos::principal::Principal;

/// A ticket as everybody can read it.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) server: Principal,
    pub(crate) sealed: Sealed,
}

impl Ticket {
    pub(crate) fn read(mut reader: Reader<'_>) -> Result<Self, Error> {
        let mut ticket = reader.application(tag::TICKET)?;
        ticket.context(0)?;
        let realm = ticket.context(1)?.string()?;
        let server = read_name(realm, ticket.context(2)?)?;
        Ok(Self { server, sealed: Sealed::read(ticket.context(3)?)? })
    }
}

/// What only the service can read in a ticket.
#[derive(Debug)]
pub(crate) struct TicketPart {
    pub(crate) flags: u32,
    pub(crate) key: Key,
    pub(crate) client: Principal,
    pub(crate) start: i64,
    pub(crate) end: i64,
    #[cfg(any(test, feature = "kdc"))]
    pub(crate) renew_till: i64,
}

impl TicketPart {
    /// A ticket that is not good before a KDC has validated it.
    pub(crate) const INVALID: u32 = 0x0100_0000;

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut part = Reader::new(bytes).application(tag::TICKET_PART)?;
        let flags = part.context(0)?.flags()?;
        let key = read_key(part.context(1)?)?;
        let realm = part.context(2)?.string()?;
        let client = read_name(realm, part.context(3)?)?;
        let _transited = part.context(4)?;
        let authenticated = part.context(5)?.time()?;
        let start = part.optional(6)?.map(|mut time| time.time()).transpose()?;
        let end = part.context(7)?.time()?;
        Ok(Self {
            flags,
            key,
            client,
            start: start.unwrap_or(authenticated),
            end,
            #[cfg(any(test, feature = "kdc"))]
            renew_till: match part.optional(8)? {
                Some(mut time) => time.time()?,
                None => 0,
            },
        })
    }
}
