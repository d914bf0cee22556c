//! Core: how a record is printed: kcat's `-f FORMAT`, compiled once.

use kurier_protocol::record::{RecordRef, TimestampType};

use crate::text::escape::escape;

/// A record and where it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    pub(crate) timestamp_type: Option<TimestampType>,
    pub(crate) record: RecordRef<'a>,
}

/// A compiled format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    tokens: Vec<Token>,
    null: &'static [u8],
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Literal(Vec<u8>),
    Topic,
    Partition,
    Offset,
    Timestamp,
    Key,
    KeyLen,
    Value,
    ValueLen,
    ValueLenBinary,
    Headers,
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as a sentence for the user.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut tokens, mut literal) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(at) = rest.find(['%', '\\']) {
            let (before, from) = rest.split_at_checked(at).unwrap_or_default();
            literal.extend_from_slice(before.as_bytes());
            if let Some(after) = from.strip_prefix('\\') {
                let (byte, after) = escape(after)?;
                literal.push(byte);
                rest = after;
                continue;
            }
            let mut letters = from.chars();
            match letters.by_ref().nth(1) {
                Some('%') => literal.push(b'%'),
                Some(letter) => {
                    let token = token(letter)?;
                    push_literal(&mut tokens, &mut literal);
                    tokens.push(token);
                }
                None => return Err(format!("a lone `%` at the end; {KNOWN}")),
            }
            rest = letters.as_str();
        }
        literal.extend_from_slice(rest.as_bytes());
        push_literal(&mut tokens, &mut literal);
        Ok(Self { tokens, null: b"" })
    }

    /// `key`, `key_delimiter` (both only if it is given), value, `delimiter`.
    pub(crate) fn delimited(key_delimiter: Option<Vec<u8>>, delimiter: Vec<u8>) -> Self {
        let key = key_delimiter.into_iter().flat_map(|text| [Token::Key, Token::Literal(text)]);
        let tokens = key.chain([Token::Value, Token::Literal(delimiter)]).collect();
        Self { tokens, null: b"" }
    }

    /// The same format, which prints null keys and values as `NULL`.
    pub(crate) fn with_visible_null(self) -> Self {
        Self { null: b"NULL", ..self }
    }

    /// Appends the record.
    pub(crate) fn render(&self, found: &Found<'_>, out: &mut Vec<u8>) {
        let record = &found.record;
        for token in &self.tokens {
            match token {
                Token::Literal(bytes) => out.extend_from_slice(bytes),
                Token::Topic => out.extend_from_slice(found.topic.as_bytes()),
                Token::Partition => number(found.partition.into(), out),
                Token::Offset => number(record.offset, out),
                Token::Timestamp => number(record.timestamp, out),
                Token::Key => out.extend_from_slice(record.key.unwrap_or(self.null)),
                Token::KeyLen => number(len(record.key), out),
                Token::Value => out.extend_from_slice(record.value.unwrap_or(self.null)),
                Token::ValueLen => number(len(record.value), out),
                Token::ValueLenBinary => {
                    let len = i32::try_from(len(record.value)).unwrap_or(i32::MAX);
                    out.extend_from_slice(&len.to_be_bytes());
                }
                Token::Headers => headers(record, out),
            }
        }
    }
}

fn push_literal(tokens: &mut Vec<Token>, literal: &mut Vec<u8>) {
    if !literal.is_empty() {
        tokens.push(Token::Literal(std::mem::take(literal)));
    }
}

fn token(letter: char) -> Result<Token, String> {
    Ok(match letter {
        't' => Token::Topic,
        'p' => Token::Partition,
        'o' => Token::Offset,
        'T' => Token::Timestamp,
        'k' => Token::Key,
        'K' => Token::KeyLen,
        's' => Token::Value,
        'S' => Token::ValueLen,
        'R' => Token::ValueLenBinary,
        'h' => Token::Headers,
        other => return Err(format!("unknown token `%{other}`; {KNOWN}")),
    })
}

/// `a=1,b=NULL`, as kcat prints headers.
fn headers(record: &RecordRef<'_>, out: &mut Vec<u8>) {
    for (at, header) in record.headers().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(header.key);
        out.push(b'=');
        out.extend_from_slice(header.value.unwrap_or(b"NULL"));
    }
}

fn len(bytes: Option<&[u8]>) -> i64 {
    bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX))
}

/// Appends a number in decimal, without an allocation.
pub(crate) fn number(number: i64, out: &mut Vec<u8>) {
    let (mut digits, mut rest) = ([b'0'; 20], number.unsigned_abs());
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).unwrap_or_default();
        (rest, count) = (rest / 10, count + 1);
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

const KNOWN: &str = "known are %t %p %o %T %k %K %s %S %R %h %%";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::with_record;
    use kurier_protocol::record::Header;

    #[track_caller]
    fn check(format: &Format, expected: &[u8]) {
        let headers = [Header::new("a", Some(b"1")), Header::new("b", None)];
        with_record(Some(b"key"), Some(b"value"), &headers, |found| {
            let mut out = Vec::new();
            format.render(found, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expected));
        });
    }

    #[test]
    fn every_token_prints_its_part() {
        let format = Format::parse(r"%t[%p]@%o %T %k:%K %s:%S %h 100%%\t\x21\n").unwrap();
        check(&format, b"orders[3]@0 1700000000000 key:3 value:5 a=1,b=NULL 100%\t!\n");
        check(&Format::parse("%R").unwrap(), &[0, 0, 0, 5]);
        check(&Format::parse("").unwrap(), b"");
    }

    #[test]
    fn without_a_format_values_are_delimited() {
        check(&Format::delimited(None, b"\n".to_vec()), b"value\n");
        check(&Format::delimited(Some(b"=>".to_vec()), b"\0".to_vec()), b"key=>value\0");
    }

    #[test]
    fn null_is_empty_unless_asked() {
        with_record(None, None, &[], |found| {
            let mut out = Vec::new();
            let format = Format::parse("%k|%K|%s|%S|%h;").unwrap();
            format.render(found, &mut out);
            format.with_visible_null().render(found, &mut out);
            assert_eq!(out, b"|-1||-1|;NULL|-1|NULL|-1|;");
        });
    }

    #[test]
    fn an_unknown_token_is_named() {
        for (text, part) in [("%x", "`%x`"), ("a%", "lone `%`"), (r"\q", r"`\q`"), ("%é", "`%é`")]
        {
            let error = Format::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_are_decimal_to_both_ends() {
        for value in [0, 7, -1, 10, 1_234_567_890, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            number(value, &mut out);
            assert_eq!(out, value.to_string().as_bytes());
        }
    }
}
