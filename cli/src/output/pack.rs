//! Core: what the bytes of a key or value say, by a list of their fields: kcat's `-s`.

use std::fmt;
use std::str::FromStr;

use super::number::{number, unsigned};

/// A list of fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pack(Vec<Field>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// One byte, or a letter of ASCII.
    Char,
    Integer(Integer),
    /// All that is left.
    Rest,
    /// Nothing may be left.
    End,
    Space,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Integer {
    letter: char,
    size: usize,
    is_signed: bool,
    is_little_endian: bool,
}

impl FromStr for Pack {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("avro") {
            return Err("avro needs a schema registry, of which this command knows nothing".into());
        }
        let (mut fields, mut is_little_endian) = (Vec::new(), false);
        for (at, letter) in text.chars().enumerate() {
            let integer = |size| {
                let is_signed = letter.is_ascii_lowercase();
                Field::Integer(Integer { letter, size, is_signed, is_little_endian })
            };
            fields.push(match letter {
                '<' | '>' => {
                    is_little_endian = letter == '<';
                    continue;
                }
                'b' | 'B' => integer(1),
                'h' | 'H' => integer(2),
                'i' | 'I' => integer(4),
                'q' | 'Q' => integer(8),
                'c' => Field::Char,
                's' => Field::Rest,
                '$' => Field::End,
                ' ' => Field::Space,
                other => return Err(format!("unknown `{other}` at letter {}; {KNOWN}", at + 1)),
            });
        }
        if fields.is_empty() {
            return Err(format!("it has no field; {KNOWN}"));
        }
        Ok(Self(fields))
    }
}

impl Pack {
    /// Appends what the bytes say.
    ///
    /// # Errors
    ///
    /// They do not fit the list; then `out` holds a part of it.
    pub(crate) fn render(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Misfit> {
        let mut left = bytes;
        for field in &self.0 {
            match field {
                Field::Integer(integer) => integer.render(&mut left, out)?,
                Field::Char => {
                    let (first, rest) = left.split_first().ok_or(Misfit::Short {
                        letter: 'c',
                        size: 1,
                        left: 0,
                    })?;
                    out.push(*first);
                    left = rest;
                }
                Field::Rest => out.extend_from_slice(std::mem::take(&mut left)),
                Field::End if left.is_empty() => {}
                Field::End => return Err(Misfit::Long { left: left.len() }),
                Field::Space => out.push(b' '),
            }
        }
        Ok(())
    }
}

impl Integer {
    fn render(self, left: &mut &[u8], out: &mut Vec<u8>) -> Result<(), Misfit> {
        let (letter, size) = (self.letter, self.size);
        let (bytes, rest) =
            left.split_at_checked(size).ok_or(Misfit::Short { letter, size, left: left.len() })?;
        *left = rest;
        let join = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
        let value = match self.is_little_endian {
            true => bytes.iter().rev().fold(0, join),
            false => bytes.iter().fold(0, join),
        };
        if self.is_signed {
            // The sign is its first bit.
            let unused = 64 - 8 * size;
            number(i64::from_be_bytes((value << unused).to_be_bytes()) >> unused, out);
        } else {
            unsigned(value, out);
        }
        Ok(())
    }
}

/// Bytes that do not fit the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Misfit {
    Short { letter: char, size: usize, left: usize },
    Long { left: usize },
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short { letter, size, left } => {
                let left = bytes(*left);
                write!(f, "`{letter}` is {size} long, and {left} left")
            }
            Self::Long { left } => write!(f, "`$` is the end, and {} left", bytes(*left)),
        }
    }
}

fn bytes(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { " is" } else { "s are" })
}

/// What `-s` is given: for keys, for values or for both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packs {
    pub(crate) key: Option<Pack>,
    pub(crate) value: Option<Pack>,
}

impl Packs {
    /// These, and what a later `-s` says.
    pub(crate) fn and(self, later: Self) -> Self {
        Self { key: later.key.or(self.key), value: later.value.or(self.value) }
    }
}

impl FromStr for Packs {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.split_once('=') {
            Some(("key", pack)) => Self { key: Some(pack.parse()?), value: None },
            Some(("value", pack)) => Self { key: None, value: Some(pack.parse()?) },
            Some(_) => return Err("write key=FIELDS, value=FIELDS or FIELDS".into()),
            None => Self { key: Some(text.parse()?), value: Some(text.parse()?) },
        })
    }
}

const KNOWN: &str = "known are < > b B h H i I q Q c s $ and spaces";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pack: &str, bytes: &[u8], expected: Result<&str, &str>) {
        let mut out = Vec::new();
        let rendered = pack.parse::<Pack>().unwrap().render(bytes, &mut out);
        let found = rendered.map(|()| String::from_utf8(out).unwrap());
        let found = found.map_err(|misfit| misfit.to_string());
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{pack}");
    }

    #[test]
    fn fields_are_read_in_their_order_as_kcat_reads_them() {
        let bytes = b"\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xfe";
        check("iq$", bytes, Ok("1-2"));
        check(">i q", bytes, Ok("1 -2"));
        check("<iI", bytes, Ok("167772164294967295"));
        check("<i>I<Q", &[&bytes[..8], b"\x01\0\0\0\0\0\0\x80"].concat(), Ok(MIXED));
        check("b B h H", b"\x80\x80\xff\xff\xff\xff", Ok("-128 128 -1 65535"));
        check("q", &i64::MIN.to_be_bytes(), Ok("-9223372036854775808"));
        check("Q", &[0xff; 8], Ok("18446744073709551615"));
        check("cs", b"abc", Ok("abc"));
        check("s$", b"", Ok(""));
        check("B", b"\x07rest", Ok("7"));
    }

    const MIXED: &str = "1677721642949672959223372036854775809";

    #[test]
    fn bytes_that_do_not_fit_are_told_and_never_passed_over() {
        check("iq", b"\0\0\0\x07abc", Err("`q` is 8 long, and 3 bytes are left"));
        check("c", b"", Err("`c` is 1 long, and 0 bytes are left"));
        check("b$", b"ab", Err("`$` is the end, and 1 byte is left"));
    }

    #[test]
    fn a_wrong_list_is_named_with_the_place() {
        for (text, part) in
            [("ix", "`x` at letter 2"), ("", "no field"), ("<", "no field"), ("avro", "registry")]
        {
            let error = text.parse::<Packs>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        assert!("keys=i".parse::<Packs>().is_err());
    }

    #[test]
    fn a_later_list_wins_for_what_it_names() {
        let both: Packs = "s".parse().unwrap();
        let both = both.and("value=i".parse().unwrap());
        assert_eq!((both.key, both.value), ("s".parse().ok(), "i".parse().ok()));
    }
}
