//! What a certificate says of itself, as far as people are told of it. *core*

use crate::error::shown;

/// Who issued a certificate, and until when it is good. Nothing of it is proven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Certificate {
    /// As in `CN=Test CA, O=Example`.
    pub(super) issuer: Box<str>,
    /// Seconds since 1970.
    pub(super) end: u64,
}

impl Certificate {
    /// Reads DER (RFC 5280, section 4.1); none if it is something else.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let (certificate, _) = element(der, SEQUENCE)?;
        let (mut fields, _) = element(certificate, SEQUENCE)?;
        if let Some((_, rest)) = element(fields, VERSION) {
            fields = rest;
        }
        let (_serial, rest) = element(fields, INTEGER)?;
        let (_algorithm, rest) = element(rest, SEQUENCE)?;
        let (issuer, rest) = element(rest, SEQUENCE)?;
        let (validity, _) = element(rest, SEQUENCE)?;
        let (_, _, end) = any(validity)?;
        let (tag, time, _) = any(end)?;
        Some(Self { issuer: name(issuer), end: seconds(tag, time)? })
    }
}

/// The parts of a name that people know, the last first, as RFC 4514 has them.
fn name(mut parts: &[u8]) -> Box<str> {
    let mut words = Vec::new();
    while let Some((set, rest)) = element(parts, SET) {
        parts = rest;
        let Some((pair, _)) = element(set, SEQUENCE) else { continue };
        let Some((id, value)) = element(pair, OBJECT_ID) else { continue };
        let Some((tag, text, _)) = any(value) else { continue };
        let known = KNOWN.iter().find(|(_, known)| *known == id);
        if let (Some((short, _)), true) = (known, tag != BMP_STRING) {
            words.push(format!("{short}={}", String::from_utf8_lossy(text)));
        }
    }
    words.reverse();
    shown(&words.join(", "), NAME_CHARS_MAX)
}

/// A UTCTime or GeneralizedTime, which must end in Z: seconds since 1970.
fn seconds(tag: u8, time: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(time).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let number = |at: usize| rest.get(at..at + 2)?.parse::<u64>().ok();
    let (month, day) = (number(0)?, number(2)?);
    // Counts in years that begin with March, so that the leap day is a year's last.
    let since_march = (month + 9) % 12;
    let year = if month > 2 { year } else { year.checked_sub(1)? };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * since_march + 2) / 5 + day;
    let day = days.checked_sub(DAYS_BEFORE_1970)?;
    Some(day * 86_400 + number(4)? * 3600 + number(6)? * 60 + number(8)?)
}

/// The content of the element with this tag that the bytes begin with, and what stands behind it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag and content of the first element, and what stands behind it.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = match first {
        ..=0x7f => (usize::from(first), rest),
        0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 3))?;
            (length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

const INTEGER: u8 = 0x02;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// Two bytes a letter, in certificates of another century.
const BMP_STRING: u8 = 0x1e;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
/// What people call the parts of a name, and their object identifiers.
const KNOWN: [(&str, &[u8]); 4] = [
    ("CN", &[0x55, 0x04, 0x03]),
    ("C", &[0x55, 0x04, 0x06]),
    ("O", &[0x55, 0x04, 0x0a]),
    ("OU", &[0x55, 0x04, 0x0b]),
];
const NAME_CHARS_MAX: usize = 200;
/// From the first of March of year 0, counted as day 1.
const DAYS_BEFORE_1970: u64 = 719_469;

#[cfg(test)]
mod tests {
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;

    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let path = format!("{}/tests/tls/{name}", env!("CARGO_MANIFEST_DIR"));
        CertificateDer::from_pem_slice(&std::fs::read(path).unwrap()).unwrap().to_vec()
    }

    #[test]
    fn issuer_and_end_are_read() {
        let read = Certificate::read(&fixture("server.pem")).unwrap();
        assert_eq!(&*read.issuer, "CN=kurier test CA");
        assert_eq!(read.end, 4_102_444_799, "the last second of 2099");
    }

    #[test]
    fn both_forms_of_time_are_understood() {
        for (tag, text, wanted) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000229000001Z", Some(951_782_401)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (GENERALIZED_TIME, "20991231235959Z", Some(4_102_444_799)),
            (GENERALIZED_TIME, "20991231235959", None),
            (UTC_TIME, "7001", None),
        ] {
            assert_eq!(seconds(tag, text.as_bytes()), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_or_altered_does_no_harm() {
        let whole = fixture("server.pem");
        for length in 0..whole.len() {
            Certificate::read(&whole[..length]);
        }
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0x83, 0xff] {
                let mut altered = whole.clone();
                altered[at] = value;
                Certificate::read(&altered);
            }
        }
    }
}
