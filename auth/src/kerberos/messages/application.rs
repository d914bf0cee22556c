//! How a client shows its ticket to a service, and how the service answers. *Core.*

use super::parts::{Sealed, VERSION, key_der, name_der, read_key, read_name, tag};
use super::ticket::Ticket;
use super::usage;
use crate::kerberos::credential::Credential;
use crate::kerberos::crypto::Key;
use crate::kerberos::der::{self, Reader};
use crate::kerberos::error::Error;
use crate::kerberos::moment::Moment;
use crate::kerberos::principal::Principal;

/// What proves that the sender of a ticket has its session key, and now.
#[derive(Debug)]
pub(crate) struct Authenticator {
    pub(crate) client: Principal,
    /// Type and bytes of a checksum of what it is sent with.
    pub(crate) checksum: Option<(i32, Vec<u8>)>,
    pub(crate) seconds: i64,
    pub(crate) micros: u32,
    pub(crate) subkey: Option<Key>,
    pub(crate) sequence: Option<u32>,
}

impl Authenticator {
    fn der(&self) -> Vec<u8> {
        let checksum = self.checksum.as_ref().map(|(kind, bytes)| {
            let kind = der::context(0, &der::integer(*kind));
            let both = der::sequence(&[kind, der::context(1, &der::octets(bytes))]);
            der::context(3, &both)
        });
        let subkey = self.subkey.as_ref().map(|key| der::context(6, &key_der(key)));
        let sequence = self.sequence.map(|number| der::context(7, &der::integer(number)));
        let parts = [
            der::context(0, &der::integer(VERSION)),
            der::context(1, &der::string(&self.client.realm)),
            der::context(2, &name_der(&self.client)),
            checksum.unwrap_or_default(),
            der::context(4, &der::integer(self.micros)),
            der::context(5, &der::time(self.seconds)),
            subkey.unwrap_or_default(),
            sequence.unwrap_or_default(),
        ];
        der::application(tag::AUTHENTICATOR, &parts)
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut part = Reader::new(bytes).application(tag::AUTHENTICATOR)?;
        part.context(0)?;
        let realm = part.context(1)?.string()?;
        let client = read_name(realm, part.context(2)?)?;
        let checksum = match part.optional(3)? {
            Some(mut both) => {
                let mut both = both.sequence()?;
                Some((both.context(0)?.number()?, both.context(1)?.octets()?.to_vec()))
            }
            None => None,
        };
        let micros = part.context(4)?.unsigned()?;
        let seconds = part.context(5)?.time()?;
        let subkey = part.optional(6)?.map(read_key).transpose()?;
        let sequence = part.optional(7)?.map(|mut number| number.unsigned()).transpose()?;
        Ok(Self { client, checksum, seconds, micros, subkey, sequence })
    }
}

/// AP-REQ.
#[derive(Debug)]
pub(crate) struct ApRequest {
    pub(crate) options: u32,
    pub(crate) ticket: Ticket,
    authenticator: Sealed,
}

impl ApRequest {
    /// The client wants the service to prove itself too.
    pub(crate) const MUTUAL: u32 = 0x2000_0000;

    pub(crate) fn der(
        credential: &Credential,
        options: u32,
        usage: u32,
        authenticator: &Authenticator,
        confounder: &[u8; 16],
    ) -> Vec<u8> {
        let sealed = Sealed::seal(&credential.key, usage, confounder, &authenticator.der());
        let parts = [
            der::context(0, &der::integer(VERSION)),
            der::context(1, &der::integer(tag::AP_REQUEST)),
            der::context(2, &der::flags(options)),
            der::context(3, &credential.ticket),
            der::context(4, &sealed.der()),
        ];
        der::application(tag::AP_REQUEST, &parts)
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut request = Reader::new(bytes).application(tag::AP_REQUEST)?;
        request.context(0)?;
        request.context(1)?;
        let options = request.context(2)?.flags()?;
        let ticket = Ticket::read(request.context(3)?)?;
        Ok(Self { options, ticket, authenticator: Sealed::read(request.context(4)?)? })
    }

    pub(crate) fn open(&self, session: &Key, usage: u32) -> Result<Authenticator, Error> {
        let plain = self.authenticator.open(session, usage, "an authenticator")?;
        Authenticator::read(&plain)
    }
}

/// AP-REP: proves that the service could read the ticket.
#[derive(Debug)]
pub(crate) struct ApReply {
    pub(crate) seconds: i64,
    pub(crate) micros: u32,
    pub(crate) subkey: Option<Key>,
    pub(crate) sequence: Option<u32>,
}

impl ApReply {
    pub(crate) fn read(bytes: &[u8], session: &Key) -> Result<Self, Error> {
        let mut reply = Reader::new(bytes).application(tag::AP_REPLY)?;
        reply.context(0)?;
        reply.context(1)?;
        let sealed = Sealed::read(reply.context(2)?)?;
        let plain = sealed.open(session, usage::AP_REPLY, "the service's answer")?;
        let mut part = Reader::new(&plain).application(tag::AP_REPLY_PART)?;
        let seconds = part.context(0)?.time()?;
        let micros = part.context(1)?.unsigned()?;
        let subkey = part.optional(2)?.map(read_key).transpose()?;
        let sequence = part.optional(3)?.map(|mut number| number.unsigned()).transpose()?;
        Ok(Self { seconds, micros, subkey, sequence })
    }

    pub(crate) fn der(&self, session: &Key, moment: &Moment) -> Vec<u8> {
        let subkey = self.subkey.as_ref().map(|key| der::context(2, &key_der(key)));
        let sequence = self.sequence.map(|number| der::context(3, &der::integer(number)));
        let plain = [
            der::context(0, &der::time(self.seconds)),
            der::context(1, &der::integer(self.micros)),
            subkey.unwrap_or_default(),
            sequence.unwrap_or_default(),
        ];
        let plain = der::application(tag::AP_REPLY_PART, &plain);
        let sealed = Sealed::seal(session, usage::AP_REPLY, &moment.confounder(), &plain);
        let parts = [
            der::context(0, &der::integer(VERSION)),
            der::context(1, &der::integer(tag::AP_REPLY)),
            der::context(2, &sealed.der()),
        ];
        der::application(tag::AP_REPLY, &parts)
    }
}
