//! Escapes in delimiters and formats: `\n`, `\t`, `\r`, `\0`, `\\`, `\xNN`.

/// The bytes that a text with escapes stands for.
///
/// # Errors
///
/// An escape that is unknown or cut off, as a sentence for the user.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (byte, after) = escape(after)?;
        bytes.push(byte);
        rest = after;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// The byte of the escape that `text` begins with (after its backslash), and what follows.
pub(crate) fn escape(text: &str) -> Result<(u8, &str), String> {
    let mut chars = text.chars();
    let byte = match chars.next() {
        Some('n') => b'\n',
        Some('t') => b'\t',
        Some('r') => b'\r',
        Some('0') => 0,
        Some('\\') => b'\\',
        Some('x') => return hexadecimal(chars.as_str()),
        Some(other) => return Err(format!("unknown escape `\\{other}`; {KNOWN}")),
        None => return Err(format!("a lone `\\` at the end; {KNOWN}")),
    };
    Ok((byte, chars.as_str()))
}

fn hexadecimal(text: &str) -> Result<(u8, &str), String> {
    let byte = text.split_at_checked(2).and_then(|(digits, rest)| {
        let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        Some((u8::from_str_radix(digits, 16).ok().filter(|_| all)?, rest))
    });
    byte.ok_or_else(|| "`\\x` needs two hexadecimal digits, as in `\\x1f`".into())
}

const KNOWN: &str = r"known are \n \t \r \0 \\ \xNN";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_their_bytes() {
        assert_eq!(unescape(r"a\n\t\r\0\\\x1F\xffé"), Ok(b"a\n\t\r\0\\\x1f\xff\xc3\xa9".to_vec()));
        assert_eq!(unescape(""), Ok(vec![]));
    }

    #[test]
    fn a_wrong_escape_is_named() {
        for (text, part) in [(r"\q", r"`\q`"), ("a\\", "lone"), (r"\x1", "two"), (r"\x+1", "two")] {
            let error = unescape(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
