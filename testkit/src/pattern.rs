//! Core: patterns of names as brokers read them, by RE2's syntax: they must match a whole name.

use regex_lite::{Regex, RegexBuilder};

use crate::limits::{PATTERN_BYTES_MAX, PATTERN_COST_MAX};

/// A pattern that was read.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Bytes that it takes at most: a power of two.
    bytes: usize,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// It is none; why, in RE2's words.
    pub(crate) fn new(text: &str) -> Result<Self, &'static str> {
        let text = translate(text);
        let refused = |error: regex_lite::Error| words(&error.to_string());
        // By itself first: what is put around it must not close what it leaves open.
        let read = |text: &str, bytes| RegexBuilder::new(text).size_limit(bytes).build();
        read(&text, PATTERN_BYTES_MAX).map_err(refused)?;
        let text = format!("^(?:{text})$");
        let mut bytes = PATTERN_BYTES_MIN;
        loop {
            match read(&text, bytes) {
                Ok(regex) => return Ok(Self { regex, bytes }),
                Err(error) if bytes >= PATTERN_BYTES_MAX => return Err(refused(error)),
                Err(_) => bytes *= 2,
            }
        }
    }

    /// Whether it matches a name from its beginning to its end.
    pub(crate) fn is_match(&self, name: &str) -> bool {
        #[cfg(test)]
        MATCHED.set(MATCHED.get() + 1);
        self.regex.is_match(name)
    }

    /// What it may cost to look for it in so many bytes of names: for each of them the engine may
    /// go through all of the pattern.
    pub(crate) fn cost(&self, name_bytes: usize) -> u64 {
        (self.bytes as u64).saturating_mul(name_bytes as u64)
    }
}

/// Whether so much is more than anybody should wait for.
pub(crate) fn is_too_costly(cost: u64) -> bool {
    cost > PATTERN_COST_MAX
}

/// Writes what RE2 has and the engine has not in other words: `\Q..\E` quotes, and `\p` stands for
/// a class, of which names that brokers take have ASCII's part only.
fn translate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut is_in_class) = (text, false);
    while let Some(next) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix(r"\Q") {
            let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            out += &regex_lite::escape(literal);
            rest = after;
            continue;
        }
        if let Some((class, after)) = unicode_class(rest) {
            if is_in_class {
                out += class;
            } else {
                out.extend(["[", class, "]"]);
            }
            rest = after;
            continue;
        }
        let taken = if next == '\\' { 2 } else { 1 };
        let taken = rest.chars().take(taken).map(char::len_utf8).sum();
        match next {
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            _ => {}
        }
        let (done, after) = rest.split_at(taken);
        out += done;
        rest = after;
    }
    out
}

/// The class that stands at the beginning of a text, and what follows it.
fn unicode_class(text: &str) -> Option<(&'static str, &str)> {
    let rest = text.strip_prefix(r"\p")?;
    let (name, after) = match rest.strip_prefix('{') {
        Some(braced) => braced.split_once('}')?,
        None => rest.split_at_checked(1)?,
    };
    let class = match name {
        "L" => "A-Za-z",
        "Lu" => "A-Z",
        "Ll" => "a-z",
        "N" | "Nd" => "0-9",
        _ => return None,
    };
    Some((class, after))
}

/// RE2's words for what the engine says.
fn words(error: &str) -> &'static str {
    let words = [
        ("no closing bracket", "missing closing ]"),
        ("unclosed character class", "missing closing ]"),
        ("without matching", "regexp/syntax: internal error"),
        ("closing ')'", "missing closing )"),
        ("range", "invalid character class range"),
        ("must be applied", "missing argument to repetition operator"),
        ("min bigger than its max", "invalid repeat count"),
        ("duplicate capture", "duplicate capture group name"),
        ("group name", "invalid named capture"),
        ("look-around", "invalid or unsupported Perl syntax"),
        ("flag", "invalid or unsupported Perl syntax"),
        ("size limit", "expression too large"),
        ("start of escape sequence", "trailing backslash at end of expression"),
    ];
    let found = words.iter().find(|(part, _)| error.contains(part));
    found.map_or("invalid escape sequence", |(_, words)| words)
}

/// What even the smallest pattern may take.
const PATTERN_BYTES_MIN: usize = 256;

#[cfg(test)]
thread_local! {
    /// How often names were compared with patterns.
    pub(crate) static MATCHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        for (pattern, yes, no) in [
            ("t|x.*", "xy", "tt"),
            ("", "", "a"),
            (r"\Qa.b\E+", "a.bb", "acb"),
            (r"\pL[\p{Nd}_]", "a_", "ab"),
            ("(?i)orders-[[:digit:]]+", "ORDERS-12", "orders-"),
            (r"a\\Qb", r"a\Qb", "ab"),
        ] {
            let read = Pattern::new(pattern).unwrap();
            assert!(read.is_match(yes), "{pattern} {yes}");
            assert!(!read.is_match(no), "{pattern} {no}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_the_words_of_re2() {
        for (pattern, why) in [
            ("[", "missing closing ]"),
            ("t[a-", "missing closing ]"),
            ("(a", "missing closing )"),
            ("a)|(b", "regexp/syntax: internal error"),
            ("*", "missing argument to repetition operator"),
            ("(?=a)", "invalid or unsupported Perl syntax"),
            (r"\1", "invalid escape sequence"),
            (r"a\", "trailing backslash at end of expression"),
            ("((a{1,100}){1,100}){1,100}", "expression too large"),
            ("[z-a]", "invalid character class range"),
        ] {
            assert_eq!(Pattern::new(pattern).map(drop), Err(why), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_costs_more_the_longer_it_is() {
        let cost = |text: &str| Pattern::new(text).unwrap().cost(1000);
        assert!(cost("orders-.*") <= 1000 << 10, "{}", cost("orders-.*"));
        assert!(cost("(a{1,20}){1,20}") > 4 * cost("orders-.*"));
    }
}
