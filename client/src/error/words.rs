//! What somebody else says, fit to be shown in one line.

/// The first so many characters, without any that would end the line or steer a terminal.
pub(crate) fn shown(text: &str, chars_max: usize) -> Box<str> {
    let is_fit = |letter: &char| letter.is_whitespace() || !letter.is_control();
    let spaced = |letter: char| if letter.is_whitespace() { ' ' } else { letter };
    text.trim().chars().filter(is_fit).map(spaced).take(chars_max).collect()
}

/// Of a broker's words about an error.
pub(crate) const WORDS_CHARS_MAX: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_of_bounded_length() {
        let words = "  no\r\nsuch\u{1b}[31m\u{2028}topic\n";
        assert_eq!(&*shown(words, 99), "no  such[31m topic");
        assert_eq!(&*shown("\u{e9}\u{e8}\u{ea}", 2), "\u{e9}\u{e8}");
    }
}
