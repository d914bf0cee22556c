//! The client's half of setting up a context. *Core.*

use super::context::{Context, Role};
use super::frame::{Kind, framed, unframed};
use crate::kerberos::credential::Credential;
use crate::kerberos::crypto::Key;
use crate::kerberos::error::Error;
use crate::kerberos::messages::{ApReply, ApRequest, Authenticator, read_refusal, usage};
use crate::kerberos::moment::Moment;

/// A context that waits for the service's answer.
#[derive(Debug)]
pub(super) struct Initiator {
    session: Key,
    subkey: Option<Key>,
    sequence: u32,
    seconds: i64,
    micros: u32,
}

impl Initiator {
    /// Begins: the first token, and what is needed to understand the answer. `flags` are GSS
    /// flags; a subkey is sent if `subkey` says so.
    pub(super) fn start(
        credential: &Credential,
        flags: u32,
        subkey: Subkey,
        now: &Moment,
    ) -> (Self, Vec<u8>) {
        let kind = credential.key.kind();
        let subkey = (subkey == Subkey::Own).then(|| Key::from_random(kind, &now.key()));
        let sequence = now.number();
        let authenticator = Authenticator {
            client: credential.client.clone(),
            checksum: Some((GSS_CHECKSUM, flags_checksum(flags))),
            seconds: now.seconds(),
            micros: now.micros(),
            subkey: subkey.clone(),
            sequence: Some(sequence),
        };
        let options = if flags & MUTUAL == 0 { 0 } else { ApRequest::MUTUAL };
        let usage = usage::AP_AUTHENTICATOR;
        let request = ApRequest::der(credential, options, usage, &authenticator, &now.confounder());
        let (seconds, micros) = (now.seconds(), now.micros());
        let session = credential.key.clone();
        (Self { session, subkey, sequence, seconds, micros }, framed(Kind::Request, &request))
    }

    /// Takes in the service's answer.
    pub(super) fn finish(self, token: &[u8]) -> Result<Context, Error> {
        let reply = match unframed(token)? {
            (Kind::Reply, reply) => ApReply::read(reply, &self.session)?,
            (Kind::Refusal, refusal) => {
                return Err(Error::Refused(Box::new(read_refusal(refusal)?)));
            }
            (Kind::Request, _) => {
                return Err(Error::malformed("GSS token", "it is a request, not an answer"));
            }
        };
        if (reply.seconds, reply.micros) != (self.seconds, self.micros) {
            return Err(Error::Mismatch {
                what: "the time in the service's answer",
                wanted: self.seconds.to_string().into(),
                found: reply.seconds.to_string().into(),
            });
        }
        Ok(Context {
            role: Role::Initiator,
            acceptor_chose: reply.subkey.is_some(),
            key: reply.subkey.or(self.subkey).unwrap_or(self.session),
            send: self.sequence.into(),
            receive: reply.sequence.map(u64::from),
        })
    }

    /// Goes on without an answer: the service does not prove itself. Some clients do so.
    pub(super) fn finish_unanswered(self) -> Context {
        Context {
            role: Role::Initiator,
            key: self.subkey.unwrap_or(self.session),
            acceptor_chose: false,
            send: self.sequence.into(),
            receive: None,
        }
    }
}

/// Whether a side chooses a key of its own for the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subkey {
    Own,
    None,
}

/// The "checksum" of RFC 4121 section 4.1.1: no channel bindings, no delegation, only flags.
fn flags_checksum(flags: u32) -> Vec<u8> {
    [&16_u32.to_le_bytes()[..], &[0; 16], &flags.to_le_bytes()].concat()
}

/// What a client asks for: an order of messages, and checksums.
pub(super) const INITIATOR_FLAGS: u32 = MUTUAL | REPLAY | SEQUENCE | INTEGRITY;
/// The type of that "checksum".
pub(super) const GSS_CHECKSUM: i32 = 0x8003;
/// The service must prove itself too.
pub(super) const MUTUAL: u32 = 2;
/// Repeated messages are detected.
const REPLAY: u32 = 4;
/// Messages have an order.
const SEQUENCE: u32 = 8;
/// Messages can have a checksum.
const INTEGRITY: u32 = 32;
