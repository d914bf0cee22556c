//! The texts of SCRAM's messages: attributes, names, nonces.

use std::ops::RangeInclusive;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::hash::ScramHash;
use crate::error::Error;

/// A value of `letter=value`, if this attribute is there.
pub(super) fn attribute(part: Option<&str>, letter: char) -> Option<&str> {
    part?.strip_prefix(letter)?.strip_prefix('=')
}

/// A name as a message carries it.
pub(super) fn escaped(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

/// A name out of a message. None if it holds a `=` that begins neither of the two escapes.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            (None, None) => return None,
        };
        name.push(sign);
        name.push_str(rest);
    }
    Some(name)
}

/// Whether these are characters that a nonce may have.
pub(super) fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

pub(super) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

pub(super) fn utf8(bytes: &[u8], hash: ScramHash) -> Result<&str, Error> {
    str::from_utf8(bytes).map_err(|_| malformed(hash, "the message is not UTF-8"))
}

pub(super) fn malformed(hash: ScramHash, problem: &'static str) -> Error {
    Error::Malformed { mechanism: hash.mechanism(), problem }
}

/// What the proofs of both sides are made over.
pub(super) fn auth_message(client_first: &str, server_first: &str, client_final: &str) -> String {
    [client_first, ",", server_first, ",", client_final].concat()
}

pub(super) const ITERATIONS: RangeInclusive<u32> = 4096..=1_000_000;
pub(super) const NONCE_BYTES: usize = 24;
/// "No channel binding, and the server is not believed to support it"; no authorization id.
pub(super) const GS2_HEADER: &str = "n,,";
/// How the client says that the name is a delegation token's id (KIP-48).
pub(super) const TOKEN_EXTENSION: &str = "tokenauth=true";
