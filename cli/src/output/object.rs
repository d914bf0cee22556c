//! Core: a record as a JSON object on one line. The names are kcat's; bytes that are no text become
//! `{"base64": ".."}`, so that `produce --json` gives back the same record.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kurier_protocol::record::{RecordRef, TimestampType};

use super::format::{Found, number};

/// Appends the record and a line feed.
pub(crate) fn render(found: &Found<'_>, out: &mut Vec<u8>) {
    let record = &found.record;
    out.extend_from_slice(b"{\"topic\":");
    string(found.topic.as_bytes(), out);
    out.extend_from_slice(b",\"partition\":");
    number(found.partition.into(), out);
    out.extend_from_slice(b",\"offset\":");
    number(record.offset, out);
    out.extend_from_slice(b",\"tstype\":");
    out.extend_from_slice(match found.timestamp_type {
        Some(TimestampType::CreateTime) => b"\"create\"",
        Some(TimestampType::LogAppendTime) => b"\"logappend\"",
        None => b"\"unknown\"",
    });
    out.extend_from_slice(b",\"ts\":");
    number(record.timestamp, out);
    headers(record, out);
    out.extend_from_slice(b",\"key\":");
    string_or_null(record.key, out);
    out.extend_from_slice(b",\"payload\":");
    string_or_null(record.value, out);
    out.extend_from_slice(b"}\n");
}

/// `["name", value, "name", value]`: names may come twice, so it cannot be an object.
fn headers(record: &RecordRef<'_>, out: &mut Vec<u8>) {
    let mut opened = false;
    for header in record.headers() {
        out.extend_from_slice(if opened { b"," } else { b",\"headers\":[" });
        opened = true;
        string(header.key, out);
        out.push(b',');
        string_or_null(header.value, out);
    }
    if opened {
        out.push(b']');
    }
}

fn string_or_null(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    match bytes {
        Some(bytes) => string(bytes, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            // Invariant: a text is always JSON, and a Vec takes every write.
            let written = serde_json::to_writer(&mut *out, text);
            debug_assert!(written.is_ok());
        }
        Err(_) => {
            out.extend_from_slice(b"{\"base64\":\"");
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.extend_from_slice(b"\"}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;
    use crate::output::tests::with_record;
    use kurier_protocol::record::Header;

    fn line(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header<'_>]) -> String {
        let mut out = Vec::new();
        with_record(key, value, headers, |found| render(found, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_the_names_of_kcat() {
        let head =
            r#"{"topic":"orders","partition":3,"offset":0,"tstype":"create","ts":1700000000000"#;
        let headers = [Header::new("a", Some(b"1")), Header::new("a", None)];
        let expected = format!(
            "{head},\"headers\":[\"a\",\"1\",\"a\",null],\"key\":null,\"payload\":\"x\\n\\\"\"}}\n"
        );
        assert_eq!(line(None, Some(b"x\n\""), &headers), expected);
        let expected = format!("{head},\"key\":{{\"base64\":\"/w==\"}},\"payload\":null}}\n");
        assert_eq!(line(Some(b"\xff"), None, &[]), expected);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let headers = [Header::new("n", Some(b"\xfe")), Header::new("n", None)];
        let text = line(Some(b"\0k"), Some(b"\xf0\x9f"), &headers);
        let record = input::object::parse(text.as_bytes()).unwrap();
        assert_eq!(record.key.as_deref(), Some(&b"\0k"[..]));
        assert_eq!(record.value.as_deref(), Some(&b"\xf0\x9f"[..]));
        assert_eq!(record.timestamp, Some(1_700_000_000_000));
        let expected = [("n".into(), Some(b"\xfe".to_vec())), ("n".into(), None)];
        assert_eq!(record.headers, expected);
    }
}
