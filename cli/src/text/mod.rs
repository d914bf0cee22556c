//! Small readers of what a user types, all of them cores: escapes, times, lists. And a wait.

pub(crate) mod escape;
pub(crate) mod time;
pub(crate) mod list;
pub(crate) mod moment;

/// One line that leaves a terminal as it is, whatever a broker or a file has put into it: spaces in
/// place of line breaks, control characters and those that turn the direction of text.
pub(crate) fn plain(text: &str) -> String {
    let is_fit = |c: char| !c.is_control() && !STEERING.contains(&c);
    text.chars().map(|c| if is_fit(c) { c } else { ' ' }).collect()
}

/// Letters that nobody sees and that change where others stand.
const STEERING: [char; 14] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{202a}', '\u{202b}', '\u{202c}',
    '\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// Why I/O failed, without the number of the operating system.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_is_one_line_and_steers_nothing() {
        assert_eq!(plain("a\u{1b}[31m\u{7}\nb\u{202e}c \u{e9}\u{2067}"), "a [31m  b c \u{e9} ");
    }
}
