//! KRB-ERROR. *Core.*

use super::parts::{read_name, tag};
use crate::kerberos::der::Reader;
use crate::kerberos::error::{Error, KRB_ERR_RESPONSE_TOO_BIG, Refusal};

/// Whether the bytes begin as a KRB-ERROR does.
pub(crate) fn is_refusal(bytes: &[u8]) -> bool {
    bytes.first() == Some(&(0x60 | tag::REFUSAL))
}

/// Whether a KDC's answer says that the true one does not fit a datagram: ask by a stream.
#[must_use]
pub fn is_too_big(reply: &[u8]) -> bool {
    is_refusal(reply)
        && read_refusal(reply).is_ok_and(|refusal| refusal.code == KRB_ERR_RESPONSE_TOO_BIG)
}

/// Reads a KRB-ERROR.
pub(crate) fn read_refusal(bytes: &[u8]) -> Result<Refusal, Error> {
    let mut error = Reader::new(bytes).application(tag::REFUSAL)?;
    error.context(0)?;
    error.context(1)?;
    error.optional(2)?;
    error.optional(3)?;
    let server_time = error.context(4)?.time()?;
    error.context(5)?;
    let code = error.context(6)?.number()?;
    let client_realm = error.optional(7)?.map(|mut realm| realm.string()).transpose()?;
    error.optional(8)?;
    let realm = error.context(9)?.string()?;
    let server = read_name(realm, error.context(10)?)?.to_string().into();
    let text = error.optional(11)?.map(|mut text| text.string()).transpose()?;
    let data = match error.optional(12)? {
        Some(mut data) => data.octets()?.to_vec(),
        None => Vec::new(),
    };
    let text = text.map(|text| shown(&text)).filter(|text| !text.is_empty());
    Ok(Refusal { code, text, server, client_realm, server_time, data })
}

/// A text of somebody else, fit for a line of a log.
fn shown(text: &[u8]) -> Box<str> {
    let text = String::from_utf8_lossy(text);
    let plain: String = text.chars().filter(|c| !c.is_control()).take(SHOWN_MAX).collect();
    plain.into()
}

/// Characters of a KDC's text that are shown.
const SHOWN_MAX: usize = 256;
