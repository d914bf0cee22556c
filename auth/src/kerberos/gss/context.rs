//! What both sides share in the end, and the messages that they wrap with it. *Core.*

use crate::kerberos::crypto::Key;
use crate::kerberos::error::Error;
use crate::kerberos::messages::usage;

/// Which side somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Initiator,
    Acceptor,
}

impl Role {
    fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Acceptor,
            Self::Acceptor => Self::Initiator,
        }
    }

    fn usage(self) -> u32 {
        match self {
            Self::Initiator => usage::INITIATOR_SEAL,
            Self::Acceptor => usage::ACCEPTOR_SEAL,
        }
    }
}

/// An established context.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) role: Role,
    pub(super) key: Key,
    /// Whether the key is one that the acceptor chose.
    pub(super) acceptor_chose: bool,
    /// The number of the next message that is sent.
    pub(super) send: u64,
    /// The number that the next message must have; none if it is not known.
    pub(super) receive: Option<u64>,
}

impl Context {
    /// Wraps a message with a checksum, unencrypted.
    pub(super) fn wrap(&mut self, message: &[u8]) -> Vec<u8> {
        let flags = self.flags(self.role);
        let [_, _, _, _, _, _, high, low] = self.key.kind().checksum_bytes().to_be_bytes();
        let number = self.send.to_be_bytes();
        self.send += 1;
        // The checksum is of the message and a header that has no lengths in it.
        let plain_header = header(flags, [0, 0], [0, 0], number);
        let sum = self.key.checksum(self.role.usage(), &[message, &plain_header].concat());
        [&header(flags, [high, low], [0, 0], number), message, &sum].concat()
    }

    /// Wraps a message encrypted, as some acceptors do with their offer.
    #[cfg(test)]
    pub(super) fn wrap_sealed(&mut self, message: &[u8]) -> Vec<u8> {
        let plain = header(self.flags(self.role) | SEALED, [0, 0], [0, 0], self.send.to_be_bytes());
        self.send += 1;
        let inner = [message, &plain].concat();
        let sealed = self.key.encrypt(self.role.usage(), &[4; 16], &inner);
        [&plain[..], &sealed].concat()
    }

    /// Unwraps a message of the other side.
    pub(super) fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, Error> {
        let (head, body) =
            token.split_first_chunk::<16>().ok_or_else(|| bad("it ends too early"))?;
        let [5, 4, flags, 0xff, e0, e1, r0, r1, number @ ..] = *head else {
            return Err(bad("its header is not a wrapped message's"));
        };
        let other = self.role.other();
        if flags & !SEALED != self.flags(other) {
            return Err(bad("its flags are not those that the other side has to set"));
        }
        let number = u64::from_be_bytes(number);
        if self.receive.is_some_and(|due| due != number) {
            return Err(bad("it is out of sequence"));
        }
        let extra = usize::from(u16::from_be_bytes([e0, e1]));
        let mut body = body.to_vec();
        if !body.is_empty() {
            let turns = usize::from(u16::from_be_bytes([r0, r1])) % body.len();
            body.rotate_left(turns);
        }
        let message = if flags & SEALED == 0 {
            self.open_plain(body, extra, header(flags, [0, 0], [0, 0], number.to_be_bytes()))?
        } else {
            let inner = header(flags, [e0, e1], [0, 0], number.to_be_bytes());
            self.open_sealed(&body, extra, inner)?
        };
        self.receive = Some(number.wrapping_add(1));
        Ok(message)
    }

    fn open_plain(&self, mut body: Vec<u8>, extra: usize, inner: Header) -> Result<Vec<u8>, Error> {
        // A shorter checksum, or none, would be a forged one.
        if extra != self.key.kind().checksum_bytes() || extra > body.len() {
            return Err(bad("the length of its checksum is not that of its key's type"));
        }
        let sum = body.split_off(body.len() - extra);
        let covered = [&body[..], &inner].concat();
        if self.key.verify(self.role.other().usage(), &covered, &sum) {
            Ok(body)
        } else {
            Err(Error::Integrity { what: "a wrapped message" })
        }
    }

    fn open_sealed(&self, body: &[u8], extra: usize, inner: Header) -> Result<Vec<u8>, Error> {
        let plain = self.key.decrypt(self.role.other().usage(), body);
        let plain = plain.ok_or(Error::Integrity { what: "a wrapped message" })?;
        let rest = plain.strip_suffix(&inner);
        let rest = rest.ok_or_else(|| bad("its header is not the one inside"))?;
        let length = rest.len().checked_sub(extra).ok_or_else(|| bad("it ends too early"))?;
        Ok(rest.iter().take(length).copied().collect())
    }

    fn flags(&self, sender: Role) -> u8 {
        let from_acceptor = if sender == Role::Acceptor { SENT_BY_ACCEPTOR } else { 0 };
        from_acceptor | if self.acceptor_chose { ACCEPTOR_SUBKEY } else { 0 }
    }
}

type Header = [u8; 16];

fn header(flags: u8, extra: [u8; 2], rotation: [u8; 2], number: [u8; 8]) -> Header {
    let ([e0, e1], [r0, r1]) = (extra, rotation);
    let [a, b, c, d, e, f, g, h] = number;
    [5, 4, flags, 0xff, e0, e1, r0, r1, a, b, c, d, e, f, g, h]
}

fn bad(problem: &'static str) -> Error {
    Error::malformed("wrapped message", problem)
}

const SENT_BY_ACCEPTOR: u8 = 1;
const SEALED: u8 = 2;
const ACCEPTOR_SUBKEY: u8 = 4;
