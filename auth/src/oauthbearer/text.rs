//! What may stand in the messages of OAUTHBEARER.

use crate::error::Error;

/// Whether these characters make a token: those of RFC 6750, and a few more that Kafka takes.
pub(crate) fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// Whether an extension may have this name: letters alone, and not the token's own name.
pub(super) fn is_extension_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic()) && text != "auth"
}

/// Whether an extension may have this value: printable ASCII and white space.
pub(super) fn is_extension_value(text: &str) -> bool {
    let fits = |byte: u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    !text.is_empty() && text.bytes().all(fits)
}

pub(super) fn malformed(problem: &'static str) -> Error {
    Error::Malformed { mechanism: NAME, problem }
}

pub(super) const NAME: &str = "OAUTHBEARER";
/// Stands between the parts of a message, and alone means that the client has seen the refusal.
pub(super) const SEPARATOR: char = '\u{1}';
