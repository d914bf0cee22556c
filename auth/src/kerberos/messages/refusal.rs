//! KRB-ERROR. *Core.*

use super::parts::{read_name, tag};
use crate::kerberos::der::Reader;
use crate::kerberos::error::{Error, KRB_ERR_RESPONSE_TOO_BIG, Refusal, shown};

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
    let server = shown(&read_name(realm, error.context(10)?)?.to_string());
    let text = error.optional(11)?.map(|mut text| text.string()).transpose()?;
    let data = match error.optional(12)? {
        Some(mut data) => data.octets()?.to_vec(),
        None => Vec::new(),
    };
    let text =
        text.map(|text| shown(&String::from_utf8_lossy(&text))).filter(|text| !text.is_empty());
    Ok(Refusal { code, text, server, client_realm, server_time, data })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kerberos::der;

    #[test]
    fn what_a_kdc_says_is_shown_in_one_short_line() {
        let long = b"\x1b[2J\n".repeat(50_000);
        let name = der::sequence(&[
            der::context(0, &der::integer(1)),
            der::context(1, &der::sequence(&[der::string(&long)])),
        ]);
        let parts = [
            der::context(0, &der::integer(5)),
            der::context(1, &der::integer(tag::REFUSAL)),
            der::context(4, &der::time(0)),
            der::context(5, &der::integer(0)),
            der::context(6, &der::integer(60)),
            der::context(9, &der::string(&long)),
            der::context(10, &name),
            der::context(11, &der::string(&long)),
        ];
        let text = read_refusal(&der::application(tag::REFUSAL, &parts)).unwrap().to_string();
        assert!(text.contains("KDC's log says more") && text.len() < 700, "{}", text.len());
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}
