//! What a KDC answers: AS-REP and TGS-REP. *Core.*

use super::parts::{Sealed, VERSION, read_key, read_name, tag};
use super::refusal::{is_refusal, read_refusal};
use super::request::KdcRequest;
use super::ticket::Ticket;
use super::usage;
use crate::kerberos::credential::Credential;
use crate::kerberos::crypto::{EncryptionType, Key};
use crate::kerberos::der::Reader;
use crate::kerberos::error::{Error, KDC_ERR_SVC_UNAVAILABLE};
use crate::kerberos::principal::Principal;

/// The answer to a request, before its secret part is decrypted.
#[derive(Debug)]
pub(crate) struct KdcReply {
    request: KdcRequest,
    client: Principal,
    /// The ticket as it came.
    ticket: Vec<u8>,
    server: Principal,
    pub(crate) sealed: Sealed,
}

/// What an answer must agree with.
#[derive(Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) nonce: u32,
    pub(crate) client: &'a Principal,
    /// The service; none if the KDC may know it by another name, or refer to another realm.
    pub(crate) server: Option<&'a Principal>,
    /// The encryption types that the ticket's key may have.
    pub(crate) kinds: &'a [EncryptionType],
}

impl KdcReply {
    /// Reads the answer to a request.
    pub(crate) fn read(bytes: &[u8], request: KdcRequest) -> Result<Self, Error> {
        if is_refusal(bytes) {
            return Err(Error::Refused(Box::new(read_refusal(bytes)?)));
        }
        let kind = match request {
            KdcRequest::As => tag::AS_REPLY,
            KdcRequest::Tgs => tag::TGS_REPLY,
        };
        let mut reply = Reader::new(bytes).application(kind)?;
        if reply.context(0)?.number()? != VERSION || reply.context(1)?.integer()? != i64::from(kind)
        {
            return Err(Error::malformed("a KDC's reply", "its version or type is wrong"));
        }
        reply.optional(2)?;
        let realm = reply.context(3)?.string()?;
        let client = read_name(realm, reply.context(4)?)?;
        let ticket = reply.context(5)?;
        let server = Ticket::read(ticket)?.server;
        let sealed = Sealed::read(reply.context(6)?)?;
        Ok(Self { request, client, ticket: ticket.bytes().to_vec(), server, sealed })
    }

    /// Decrypts the secret part and compares all with the question.
    pub(crate) fn open(self, key: &Key, expected: &Expected<'_>) -> Result<Credential, Error> {
        let usage = match self.request {
            KdcRequest::As => usage::AS_REPLY,
            KdcRequest::Tgs => usage::TGS_REPLY,
        };
        let plain = self.sealed.open(key, usage, "a KDC's reply")?;
        let (part, mut reader, _) = Reader::new(&plain).any()?;
        // Some KDCs use the tag of the TGS in both.
        if part != 0x60 | tag::AS_REPLY_PART && part != 0x60 | tag::TGS_REPLY_PART {
            return Err(Error::malformed("a KDC's reply", "its secret part has another tag"));
        }
        let mut part = reader.sequence()?;
        let key = read_key(part.context(0)?)?;
        let _last_requests = part.context(1)?;
        let nonce = part.context(2)?.unsigned()?;
        let _key_expires = part.optional(3)?;
        let flags = part.context(4)?.flags()?;
        let authenticated = part.context(5)?.time()?;
        let start = part.optional(6)?.map(|mut time| time.time()).transpose()?;
        let end = part.context(7)?.time()?;
        let renew_till = part.optional(8)?.map(|mut time| time.time()).transpose()?;
        let realm = part.context(9)?.string()?;
        let server = read_name(realm, part.context(10)?)?;
        if nonce != expected.nonce {
            let (wanted, found) = (expected.nonce.to_string(), nonce.to_string());
            return Err(Error::mismatch("the nonce of the KDC's reply", &wanted, &found));
        }
        same("the client of the ticket", expected.client, &self.client)?;
        same("the service on the outside of the ticket", &server, &self.server)?;
        if let Some(wanted) = expected.server {
            same("the service of the ticket", wanted, &server)?;
        }
        if !expected.kinds.contains(&key.kind()) {
            let wanted: Vec<_> = expected.kinds.iter().map(|kind| kind.name()).collect();
            let what = "the encryption type of the ticket's key";
            return Err(Error::mismatch(what, &wanted.join(" or "), key.kind().name()));
        }
        Ok(Credential {
            client: self.client,
            server,
            key,
            flags,
            start: start.unwrap_or(authenticated),
            end,
            renew_till: renew_till.unwrap_or(0),
            ticket: self.ticket,
        })
    }
}

/// Why an answer is of no use, although that of another KDC may be: it is none of a KDC, or says
/// that this one cannot serve now.
#[must_use]
pub fn unusable_reply(reply: &[u8]) -> Option<Error> {
    let request = match reply.first() {
        Some(first) if *first == 0x60 | tag::AS_REPLY => KdcRequest::As,
        _ => KdcRequest::Tgs,
    };
    match KdcReply::read(reply, request) {
        Ok(_) => None,
        Err(Error::Refused(refusal)) if refusal.code != KDC_ERR_SVC_UNAVAILABLE => None,
        Err(error) => Some(error),
    }
}

fn same(what: &'static str, wanted: &Principal, found: &Principal) -> Result<(), Error> {
    if wanted.is(found) {
        return Ok(());
    }
    Err(Error::mismatch(what, &wanted.to_string(), &found.to_string()))
}
