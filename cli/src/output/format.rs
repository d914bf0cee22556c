//! Core: how a record is printed: kcat's `-f FORMAT`, compiled once.

use std::fmt;

use kurier_protocol::record::{RecordRef, TimestampType};

use super::number::number;
use super::pack::{Misfit, Pack, Packs};
use crate::text::escape::escape;

/// A record and where it was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: i32,
    /// Who has sent it.
    pub(crate) broker: i32,
    pub(crate) timestamp_type: Option<TimestampType>,
    pub(crate) record: RecordRef<'a>,
}

/// A compiled format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    tokens: Vec<Token>,
    packs: Packs,
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
        Self::parse_with_rest(text).map_err(|(why, rest)| {
            let before = text.len().saturating_sub(rest.len());
            let at = text.get(..before).unwrap_or(text).chars().count() + 1;
            format!("at letter {at}: {why}")
        })
    }

    /// An error comes with the text that begins where it is.
    fn parse_with_rest(text: &str) -> Result<Self, (String, &str)> {
        let (mut tokens, mut literal) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some(at) = rest.find(['%', '\\']) {
            let (before, from) = rest.split_at_checked(at).unwrap_or_default();
            literal.extend_from_slice(before.as_bytes());
            if let Some(after) = from.strip_prefix('\\') {
                let (byte, after) = escape(after).map_err(|why| (why, from))?;
                literal.push(byte);
                rest = after;
                continue;
            }
            let mut letters = from.chars();
            match letters.by_ref().nth(1) {
                Some('%') => literal.push(b'%'),
                Some(letter) => {
                    let token = token(letter).map_err(|why| (why, from))?;
                    push_literal(&mut tokens, &mut literal);
                    tokens.push(token);
                }
                None => return Err((format!("a lone `%` at the end; {KNOWN}"), from)),
            }
            rest = letters.as_str();
        }
        literal.extend_from_slice(rest.as_bytes());
        push_literal(&mut tokens, &mut literal);
        Ok(Self { tokens, packs: Packs::default(), null: b"" })
    }

    /// `key`, `key_delimiter` (both only if it is given), value, `delimiter`.
    pub(crate) fn delimited(key_delimiter: Option<Vec<u8>>, delimiter: Vec<u8>) -> Self {
        let key = key_delimiter.into_iter().flat_map(|text| [Token::Key, Token::Literal(text)]);
        let tokens = key.chain([Token::Value, Token::Literal(delimiter)]).collect();
        Self { tokens, packs: Packs::default(), null: b"" }
    }

    /// The same format, which prints null keys and values as `NULL`.
    pub(crate) fn with_visible_null(self) -> Self {
        Self { null: b"NULL", ..self }
    }

    /// The same format, which prints keys and values by these lists of fields.
    pub(crate) fn with_packs(self, packs: Packs) -> Self {
        Self { packs, ..self }
    }

    /// Appends the record.
    ///
    /// # Errors
    ///
    /// Its key or value does not fit the list of fields; then `out` holds a part of it.
    #[inline]
    pub(crate) fn render(&self, found: &Found<'_>, out: &mut Vec<u8>) -> Result<(), Unfit> {
        let record = &found.record;
        for token in &self.tokens {
            match token {
                Token::Literal(bytes) => out.extend_from_slice(bytes),
                Token::Topic => out.extend_from_slice(found.topic.as_bytes()),
                Token::Partition => number(found.partition.into(), out),
                Token::Offset => number(record.offset, out),
                Token::Timestamp => number(record.timestamp, out),
                Token::Key => self.part(record.key, &self.packs.key, out).map_err(Unfit::Key)?,
                Token::KeyLen => number(len(record.key), out),
                Token::Value => {
                    self.part(record.value, &self.packs.value, out).map_err(Unfit::Value)?;
                }
                Token::ValueLen => number(len(record.value), out),
                Token::ValueLenBinary => {
                    let len = i32::try_from(len(record.value)).unwrap_or(i32::MAX);
                    out.extend_from_slice(&len.to_be_bytes());
                }
                Token::Headers => headers(record, out),
            }
        }
        Ok(())
    }

    #[inline]
    fn part(
        &self,
        bytes: Option<&[u8]>,
        pack: &Option<Pack>,
        out: &mut Vec<u8>,
    ) -> Result<(), Misfit> {
        match (bytes, pack) {
            (Some(bytes), Some(pack)) => return pack.render(bytes, out),
            (bytes, _) => out.extend_from_slice(bytes.unwrap_or(self.null)),
        }
        Ok(())
    }
}

/// A key or value that does not fit its list of fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Key(Misfit),
    Value(Misfit),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(misfit) => write!(f, "the key does not fit -s: {misfit}"),
            Self::Value(misfit) => write!(f, "the value does not fit -s: {misfit}"),
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
            format.render(found, &mut out).unwrap();
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
    fn fields_are_printed_in_place_of_bytes_and_lengths_are_those_of_the_bytes() {
        let packs = |text: &str| text.parse::<Packs>().unwrap();
        let format = Format::parse("%k %s %K %S;").unwrap();
        check(&format.clone().with_packs(packs("ccc")), b"key val 3 5;");
        check(&format.clone().with_packs(packs("value=B s")), b"key 118 alue 3 5;");
        let format = format.with_packs(packs("key=h"));
        with_record(None, Some(b"v"), &[], |found| {
            let mut out = Vec::new();
            format.render(found, &mut out).unwrap();
            assert_eq!(out, b" v -1 1;");
        });
        with_record(Some(b"k"), None, &[], |found| {
            let unfit = format.render(found, &mut Vec::new()).unwrap_err().to_string();
            assert_eq!(unfit, "the key does not fit -s: `h` is 2 long, and 1 byte is left");
        });
    }

    #[test]
    fn null_is_empty_unless_asked() {
        with_record(None, None, &[], |found| {
            let mut out = Vec::new();
            let format = Format::parse("%k|%K|%s|%S|%h;").unwrap();
            format.render(found, &mut out).unwrap();
            format.with_visible_null().render(found, &mut out).unwrap();
            assert_eq!(out, b"|-1||-1|;NULL|-1|NULL|-1|;");
        });
    }

    #[test]
    fn an_unknown_token_is_named_with_its_place() {
        for (text, at, part) in [
            ("%x", 1, "`%x`"),
            ("a%", 2, "lone `%`"),
            (r"é%s\q", 4, r"`\q`"),
            (r"\n%%é%é", 6, "`%é`"),
            (r"%s\x1", 3, "two hexadecimal digits"),
            ("%d", 1, "`%d`"),
        ] {
            let error = Format::parse(text).unwrap_err();
            assert!(error.starts_with(&format!("at letter {at}: ")), "{text}: {error}");
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
