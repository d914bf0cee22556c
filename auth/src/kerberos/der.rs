//! The little of DER that RFC 4120 uses: one-byte tags, definite lengths. *Core.*

use super::error::Error;

/// Reads elements one after the other. No input panics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next element: its tag, its content, and all of it.
    pub(crate) fn any(&mut self) -> Result<(u8, Self, &'a [u8]), Error> {
        let all = self.0;
        let (&tag, rest) = all.split_first().ok_or(TRUNCATED)?;
        if tag & 0x1f == 0x1f {
            return Err(bad("a tag of more than one byte"));
        }
        let (&first, rest) = rest.split_first().ok_or(TRUNCATED)?;
        let (length, rest) = match first {
            short @ ..0x80 => (usize::from(short), rest),
            long => {
                let count = usize::from(long & 0x7f);
                if count == 0 || count > 4 {
                    return Err(bad("a length of no or of more than four bytes"));
                }
                let (digits, rest) = rest.split_at_checked(count).ok_or(TRUNCATED)?;
                (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
            }
        };
        let (content, rest) = rest.split_at_checked(length).ok_or(TRUNCATED)?;
        self.0 = rest;
        let (element, _) = all.split_at_checked(all.len() - rest.len()).ok_or(TRUNCATED)?;
        Ok((tag, Self(content), element))
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Self, Error> {
        match self.any()? {
            (found, content, _) if found == tag => Ok(content),
            _ => Err(bad("another tag than is due")),
        }
    }

    /// The content of the explicit tag `[n]`.
    pub(crate) fn context(&mut self, n: u8) -> Result<Self, Error> {
        self.expect(CONTEXT | n)
    }

    /// The content of the explicit tag `[n]`, if that comes next.
    pub(crate) fn optional(&mut self, n: u8) -> Result<Option<Self>, Error> {
        match self.0.first() {
            Some(tag) if *tag == CONTEXT | n => self.context(n).map(Some),
            _ => Ok(None),
        }
    }

    /// The content of the application tag `[n]`, a sequence.
    pub(crate) fn application(&mut self, n: u8) -> Result<Self, Error> {
        self.expect(APPLICATION | n)?.sequence()
    }

    pub(crate) fn sequence(&mut self) -> Result<Self, Error> {
        self.expect(SEQUENCE)
    }

    pub(crate) fn integer(&mut self) -> Result<i64, Error> {
        let content = self.expect(INTEGER)?.0;
        let Some(first) = content.first().filter(|_| content.len() <= 8) else {
            return Err(bad("an integer of no or of more than eight bytes"));
        };
        let start = if *first >= 0x80 { -1 } else { 0 };
        Ok(content.iter().fold(start, |sum, byte| sum << 8 | i64::from(*byte)))
    }

    /// An integer of 32 bits, as enctypes and error codes are.
    pub(crate) fn number(&mut self) -> Result<i32, Error> {
        self.integer()?.try_into().map_err(|_| bad("an integer of more than 32 bits"))
    }

    /// A number of 32 bits without a sign. Some senders write it as a negative one.
    pub(crate) fn unsigned(&mut self) -> Result<u32, Error> {
        let value = self.integer()?;
        let signed = |_| i32::try_from(value).map(i32::cast_unsigned);
        u32::try_from(value).or_else(signed).map_err(|_| bad("an integer of more than 32 bits"))
    }

    pub(crate) fn octets(&mut self) -> Result<&'a [u8], Error> {
        Ok(self.expect(OCTETS)?.0)
    }

    /// A `KerberosString`; some senders use other tags for strings.
    pub(crate) fn string(&mut self) -> Result<Vec<u8>, Error> {
        match self.any()? {
            (GENERAL_STRING | 0x0c | 0x16, content, _) => Ok(content.0.to_vec()),
            _ => Err(bad("no string where one is due")),
        }
    }

    /// `KerberosFlags`, of which the first 32 matter.
    pub(crate) fn flags(&mut self) -> Result<u32, Error> {
        let bits = self.expect(BITS)?.0.iter().skip(1).copied();
        let padded = bits.chain(std::iter::repeat(0)).take(4);
        Ok(padded.fold(0, |sum, byte| sum << 8 | u32::from(byte)))
    }

    /// A `KerberosTime`, in seconds since 1970.
    pub(crate) fn time(&mut self) -> Result<i64, Error> {
        let text = self.expect(TIME)?.0;
        let digits = match text.split_last() {
            Some((b'Z', digits)) if digits.len() == 14 && digits.iter().all(u8::is_ascii_digit) => {
                digits
            }
            _ => return Err(bad("a time of another form than YYYYMMDDhhmmssZ")),
        };
        let value = |from: usize, count: usize| {
            let part = digits.iter().skip(from).take(count);
            part.fold(0, |sum, digit| sum * 10 + i64::from(*digit - b'0'))
        };
        let days = days_of(value(0, 4), value(4, 2), value(6, 2));
        Ok(days * 86_400 + value(8, 2) * 3600 + value(10, 2) * 60 + value(12, 2))
    }
}

/// One element.
pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short @ ..0x80) => out.push(short),
        _ => {
            let digits = content.len().to_be_bytes();
            let zeros = digits.iter().take_while(|digit| **digit == 0).count();
            // No content of ours has more than 4 GiB, so at most four digits remain.
            let count = u8::try_from(digits.len() - zeros).unwrap_or(0);
            out.push(0x80 | count);
            out.extend(digits.iter().skip(zeros));
        }
    }
    out.extend_from_slice(content);
    out
}

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// The explicit tag `[n]`.
pub(crate) fn context(n: u8, inner: &[u8]) -> Vec<u8> {
    element(CONTEXT | n, inner)
}

/// The application tag `[n]` around a sequence.
pub(crate) fn application(n: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    element(APPLICATION | n, &sequence(parts))
}

pub(crate) fn integer(value: impl Into<i64>) -> Vec<u8> {
    let bytes = value.into().to_be_bytes();
    let spare = |pair: &&[u8]| match pair {
        [0, next] => *next < 0x80,
        [0xff, next] => *next >= 0x80,
        _ => false,
    };
    let skip = bytes.windows(2).take_while(spare).count();
    let short: Vec<u8> = bytes.iter().skip(skip).copied().collect();
    element(INTEGER, &short)
}

pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    element(OCTETS, bytes)
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    element(GENERAL_STRING, bytes)
}

pub(crate) fn flags(value: u32) -> Vec<u8> {
    let [a, b, c, d] = value.to_be_bytes();
    element(BITS, &[0, a, b, c, d])
}

/// A `KerberosTime` of seconds since 1970.
pub(crate) fn time(seconds: i64) -> Vec<u8> {
    let (year, month, day) = date_of(seconds.div_euclid(86_400));
    let rest = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let text = format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    element(TIME, text.as_bytes())
}

/// Days since 1970 of a date. Years are counted from March, so that the leap day is the last.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let in_era = year.rem_euclid(400);
    let of_era = in_era * 365 + in_era / 4 - in_era / 100 + of_year;
    year.div_euclid(400) * DAYS_OF_ERA + of_era - DAYS_TO_1970
}

/// Year, month and day of days since 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_1970;
    let of_era = days.rem_euclid(DAYS_OF_ERA);
    let in_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * in_era + in_era / 4 - in_era / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = in_era + days.div_euclid(DAYS_OF_ERA) * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * march + 2) / 5 + 1)
}

fn bad(problem: &'static str) -> Error {
    Error::malformed("DER", problem)
}

const TRUNCATED: Error = Error::Malformed { what: "DER", problem: "it ends too early" };
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const TIME: u8 = 0x18;
const GENERAL_STRING: u8 = 0x1b;
const SEQUENCE: u8 = 0x30;
const APPLICATION: u8 = 0x60;
const CONTEXT: u8 = 0xa0;
/// Four hundred years.
const DAYS_OF_ERA: i64 = 146_097;
/// From the first of March of year 0.
const DAYS_TO_1970: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_survive_the_way_out_and_in() {
        for value in [0, 1, 127, 128, 255, 256, -1, -128, -129, 0x7fff_ffff, i64::MAX, i64::MIN] {
            assert_eq!(Reader::new(&integer(value)).integer(), Ok(value));
        }
        assert_eq!(integer(128), [2, 2, 0, 128]);
        assert_eq!(integer(-128), [2, 1, 0x80]);
        assert_eq!(Reader::new(&integer(-1)).unsigned(), Ok(u32::MAX));
        assert!(Reader::new(&integer(1_i64 << 32)).unsigned().is_err());
    }

    #[test]
    fn times_survive_the_way_out_and_in() {
        for seconds in [0, 951_782_400, 1_700_000_000, 4_102_444_800, 68_169_599, -1] {
            assert_eq!(Reader::new(&time(seconds)).time(), Ok(seconds));
        }
        assert_eq!(&time(1_763_880_839)[2..], b"20251123065359Z");
    }

    #[test]
    fn long_elements_have_long_lengths() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let bytes = element(OCTETS, &vec![7; length]);
            assert_eq!(Reader::new(&bytes).octets().unwrap().len(), length);
        }
    }

    #[test]
    fn no_short_input_panics() {
        for x in 0..1_u32 << 20 {
            let bytes = (x << 12).to_be_bytes();
            for length in 0..=4 {
                let mut reader = Reader::new(&bytes[..length]);
                let _ = reader.any();
                let _ = Reader::new(&bytes[..length]).integer();
                let _ = Reader::new(&bytes[..length]).flags();
            }
        }
    }
}
