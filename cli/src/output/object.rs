//! Core: a record as a JSON object on one line, byte for byte as kcat writes it; but bytes that are
//! no text become `{"base64": ".."}`, so that it is JSON, and `produce --json` gives back the same
//! record.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kurier_protocol::record::{RecordRef, TimestampType};

use super::format::{Found, Unfit};
use super::number::number;
use super::pack::{Misfit, Pack, Packs};

/// How objects are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) packs: Packs,
    /// What ends each.
    pub(crate) delimiter: Vec<u8>,
}

impl Object {
    /// Appends the record.
    ///
    /// # Errors
    ///
    /// Its key or value does not fit the list of fields; then `out` holds a part of it.
    pub(crate) fn render(&self, found: &Found<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
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
        out.extend_from_slice(b",\"broker\":");
        number(found.broker.into(), out);
        headers(record, out);
        out.extend_from_slice(b",\"key\":");
        part(record.key, &self.packs.key, out).map_err(Unfit::Key)?;
        out.extend_from_slice(b",\"payload\":");
        part(record.value, &self.packs.value, out).map_err(Unfit::Value)?;
        out.push(b'}');
        out.extend_from_slice(&self.delimiter);
        Ok(())
    }
}

/// A key or value; what its list of fields says is a text.
fn part(bytes: Option<&[u8]>, pack: &Option<Pack>, out: &mut Vec<u8>) -> Result<(), Misfit> {
    let (Some(bytes), Some(pack)) = (bytes, pack) else {
        string_or_null(bytes, out);
        return Ok(());
    };
    let mut text = Vec::new();
    pack.render(bytes, &mut text)?;
    string(&text, out);
    Ok(())
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
    if std::str::from_utf8(bytes).is_err() {
        out.extend_from_slice(b"{\"base64\":\"");
        out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        out.extend_from_slice(b"\"}");
        return;
    }
    out.push(b'"');
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| is_escaped(*byte)) {
        let (before, from) = rest.split_at(at);
        out.extend_from_slice(before);
        let Some((byte, after)) = from.split_first() else { break };
        escape(*byte, out);
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn is_escaped(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let letter = match byte {
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        b'\x08' => b'b',
        b'\x0c' => b'f',
        b'"' | b'\\' => byte,
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([byte >> 4, byte & 15].map(|digit| match digit {
                0..10 => b'0' + digit,
                _ => b'A' + digit - 10,
            }));
            return;
        }
    };
    out.extend_from_slice(&[b'\\', letter]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;
    use crate::output::tests::with_record;
    use kurier_protocol::record::Header;

    fn line(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[Header<'_>]) -> String {
        let mut out = Vec::new();
        let object = Object { packs: Packs::default(), delimiter: b"\n".to_vec() };
        with_record(key, value, headers, |found| object.render(found, &mut out).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_the_names_of_kcat() {
        let place = r#"{"topic":"orders","partition":3,"offset":0,"tstype":"create""#;
        let head = format!("{place},\"ts\":1700000000000,\"broker\":1");
        let headers = [Header::new("a", Some(b"1")), Header::new("a", None)];
        let expected = format!(
            "{head},\"headers\":[\"a\",\"1\",\"a\",null],\"key\":null,\"payload\":\"x\\n\\\"\"}}\n"
        );
        assert_eq!(line(None, Some(b"x\n\""), &headers), expected);
        let expected = format!("{head},\"key\":{{\"base64\":\"/w==\"}},\"payload\":null}}\n");
        assert_eq!(line(Some(b"\xff"), None, &[]), expected);
    }

    #[test]
    fn every_text_is_json_that_means_it() {
        let all: String =
            (0..=0x200).filter_map(char::from_u32).chain(['\u{2028}', '😀']).collect();
        for text in ["", "a/b", "\\\"\\", "\u{1}\u{1f}\u{7f}", &all] {
            let mut out = Vec::new();
            string(text.as_bytes(), &mut out);
            assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
        let mut out = Vec::new();
        string(b"\x01\x1f\x7f\x08\x0c/", &mut out);
        assert_eq!(out, b"\"\\u0001\\u001F\x7f\\b\\f/\"", "as kcat");
    }

    #[test]
    fn what_fields_say_is_a_text() {
        let (mut out, packs) = (Vec::new(), "key=b$".parse::<Packs>().unwrap());
        let object = Object { packs, delimiter: b";".to_vec() };
        with_record(Some(b"\xff"), Some(b"v"), &[], |found| {
            object.render(found, &mut out).unwrap();
            let text = String::from_utf8(out).unwrap();
            assert!(text.ends_with(r#","key":"-1","payload":"v"};"#), "{text}");
        });
        with_record(Some(b""), None, &[], |found| {
            assert!(object.render(found, &mut Vec::new()).is_err());
        });
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
