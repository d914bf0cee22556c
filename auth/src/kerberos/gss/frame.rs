//! The frame around the tokens that set up a context (RFC 2743 section 3.1). *Core.*

use crate::kerberos::der::{Reader, element};
use crate::kerberos::error::Error;

/// What a token holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// AP-REQ.
    Request,
    /// AP-REP.
    Reply,
    /// KRB-ERROR.
    Refusal,
}

impl Kind {
    fn id(self) -> [u8; 2] {
        match self {
            Self::Request => [1, 0],
            Self::Reply => [2, 0],
            Self::Refusal => [3, 0],
        }
    }
}

pub(super) fn framed(kind: Kind, inner: &[u8]) -> Vec<u8> {
    element(FRAME, &[&MECHANISM[..], &kind.id(), inner].concat())
}

/// What a token holds, and its content.
pub(super) fn unframed(token: &[u8]) -> Result<(Kind, &[u8]), Error> {
    let bad = |problem| Error::malformed("GSS token", problem);
    let body = if token.first() == Some(&FRAME) {
        let body = Reader::new(token).expect(FRAME)?.bytes();
        body.strip_prefix(&MECHANISM).ok_or_else(|| bad("it is of another mechanism"))?
    } else {
        token
    };
    let (id, inner) = body.split_first_chunk::<2>().ok_or_else(|| bad("it ends too early"))?;
    let kinds = [Kind::Request, Kind::Reply, Kind::Refusal];
    let kind = kinds.into_iter().find(|kind| kind.id() == *id);
    kind.map(|kind| (kind, inner)).ok_or_else(|| bad("its type is unknown"))
}

const FRAME: u8 = 0x60;
/// The object identifier 1.2.840.113554.1.2.2.
const MECHANISM: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
