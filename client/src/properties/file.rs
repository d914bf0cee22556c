//! The text of a Java properties file. *core*

use std::iter::Peekable;
use std::str::Chars;

use crate::error::Error;

/// The lines with their numbers, names and values, in the order in which they stand.
pub(super) fn read(text: &str) -> Result<Vec<(usize, String, String)>, Error> {
    let mut pairs = Vec::new();
    // Editors of Windows put a mark before the first name, which nobody sees.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = lines(text).enumerate();
    while let Some((index, first)) = lines.next() {
        let first = first.trim_start();
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut line = first.to_owned();
        while goes_on(&line) {
            line.pop();
            let Some((_, next)) = lines.next() else { break };
            line.push_str(next.trim_start());
        }
        let number = index + 1;
        if line.contains('\0') {
            return Err(Error::invalid(format!("line {number}"), BINARY));
        }
        let (name, value) =
            pair(&line).map_err(|problem| Error::invalid(format!("line {number}"), problem))?;
        pairs.push((number, name, value));
    }
    Ok(pairs)
}

/// The lines of a text, however it ends them: as Unix, Windows or old Macs do.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').flat_map(|line| {
        let line = line.strip_suffix('\n').unwrap_or(line);
        line.strip_suffix('\r').unwrap_or(line).split('\r')
    })
}

/// Whether a line ends in an odd number of backslashes.
fn goes_on(line: &str) -> bool {
    line.chars().rev().take_while(|letter| *letter == '\\').count() % 2 == 1
}

fn pair(line: &str) -> Result<(String, String), &'static str> {
    let mut letters = line.chars().peekable();
    let name = part(&mut letters, |letter| matches!(letter, '=' | ':' | ' ' | '\t' | '\u{c}'))?;
    while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    if letters.next_if(|letter| matches!(letter, '=' | ':')).is_some() {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
    }
    Ok((name, part(&mut letters, |_| false)?))
}

/// Letters up to one that ends the part, escapes resolved.
fn part(
    letters: &mut Peekable<Chars<'_>>,
    ends: impl Fn(char) -> bool,
) -> Result<String, &'static str> {
    let mut text = String::new();
    while let Some(letter) = letters.next_if(|letter| !ends(*letter)) {
        if letter != '\\' {
            text.push(letter);
            continue;
        }
        match letters.next() {
            None => break,
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('f') => text.push('\u{c}'),
            Some('u') => text.push(unicode(letters)?),
            Some(other) => text.push(other),
        }
    }
    Ok(text)
}

/// `\u` and four digits, or two of these for a letter beyond the first 65536.
fn unicode(letters: &mut Peekable<Chars<'_>>) -> Result<char, &'static str> {
    let first = unit(letters)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) {
        if letters.next() != Some('\\') || letters.next() != Some('u') {
            return Err(HALF);
        }
        units.push(unit(letters)?);
    }
    let mut decoded = char::decode_utf16(units);
    decoded.next().and_then(Result::ok).ok_or(HALF)
}

fn unit(letters: &mut Peekable<Chars<'_>>) -> Result<u16, &'static str> {
    let digits: String = letters.take(4).collect();
    match digits.len() {
        4 if digits.chars().all(|digit| digit.is_ascii_hexdigit()) => {
            u16::from_str_radix(&digits, 16).map_err(|_| DIGITS)
        }
        _ => Err(DIGITS),
    }
}

const BINARY: &str = "has a NUL byte: it is no text, or one in UTF-16; write it as UTF-8";
const DIGITS: &str = r"four hexadecimal digits must follow \u";
const HALF: &str = r"half a letter stands behind \u";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[(&str, &str)]) {
        let pairs = read(text).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(_, n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, wanted, "{text:?}");
    }

    #[test]
    fn reads_what_java_reads() {
        check("a=1\nb : 2\r\nc 3\nd\n", &[("a", "1"), ("b", "2"), ("c", "3"), ("d", "")]);
        check("# no\n! no\n\n   a = b c \n", &[("a", "b c ")]);
        check("a=1,\\\n   2,\\\n3\nb=\\\\\nc=4", &[("a", "1,2,3"), ("b", "\\"), ("c", "4")]);
        check(r"a\=b\:c=d\t\u00e9\q", &[("a=b:c", "d\t\u{e9}q")]);
        check(r"a=\ud83d\ude00", &[("a", "\u{1f600}")]);
        check("a==b", &[("a", "=b")]);
        check("a=1\\", &[("a", "1")]);
        check("a=1\rb=\\\r 2\r\rc=3\r", &[("a", "1"), ("b", "2"), ("c", "3")]);
        check("\u{feff}a=1\nb=\u{feff}", &[("a", "1"), ("b", "\u{feff}")]);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        for text in ["a=1\nb=\\u12", "a=1\nb=\\ud83d", "a=1\nb=\\ud83d\\u0041", "\na=\\uzzzz"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("line 2: "), "{error}");
        }
        let error = read("# a\rb=1\r\nc\0=1\0").unwrap_err().to_string();
        assert_eq!(error, format!("line 3: {BINARY}"));
    }
}
