//! What an error may show of a name that is nowhere, and of a value. *core*
//!
//! A file may hold a private key or a password where a name should be: what does not look like a
//! name is not repeated.

use kurier_protocol::nearest::question;

use super::settings::Properties;

/// What to say of a name that is nowhere.
pub(super) fn unknown(name: &str) -> String {
    match meant(name) {
        None => "is not a setting of Kafka clients".to_owned(),
        Some(meant) => format!("is not a setting; {meant}"),
    }
}

/// Whether a name that is nowhere looks like a setting: words of small letters and digits with
/// dots, `_` or `-` between them, or nearly the name of one.
pub(super) fn may_be_shown(name: &str) -> bool {
    let is_between = |letter| matches!(letter, b'.' | b'_' | b'-');
    let is_small = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let has_words = name.bytes().any(is_between)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|letter| is_between(letter) || is_small(letter));
    let is_plain = || name.bytes().all(|letter| letter.is_ascii_graphic());
    name.len() <= NAME_BYTES_MAX && (has_words || (is_plain() && meant(name).is_some()))
}

/// As much of a value as an error shows.
pub(super) fn beginning(value: &str) -> String {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        None => value.to_owned(),
        Some((end, _)) => format!("{}..", value.get(..end).unwrap_or_default()),
    }
}

/// Those that are most like it, or else those that begin as it does: `linger`, `retry`.
fn meant(name: &str) -> Option<String> {
    let names = || Properties::names().flatten().copied();
    question(name, names()).or_else(|| {
        let stem = name.get(..name.len().checked_sub(1)?)?.to_ascii_lowercase();
        let is_word = name.bytes().all(|letter| letter.is_ascii_alphabetic());
        if !is_word || stem.len() < STEM_BYTES_MIN {
            return None;
        }
        let mut begun: Vec<&str> = names().filter(|name| name.starts_with(&stem)).collect();
        begun.sort_unstable_by_key(|name| (name.len(), *name));
        begun.dedup();
        begun.truncate(BEGUN_MAX);
        let (last, others) = begun.split_last()?;
        let others = others.iter().map(|name| format!("{name} or ")).collect::<String>();
        Some(format!("did you mean {others}{last}?"))
    })
}

/// What stands for a name that is not shown.
pub(super) const UNSHOWN_NAME: &str = "a name";
/// What is said of it.
pub(super) const UNSHOWN: &str =
    "is not a setting of Kafka clients; it is not shown, since it may be part of a password or key";
/// What is said of the first such line of a file.
pub(super) const UNSHOWN_LINE: &str = "begins with no setting of Kafka clients; it is not shown, \
    since it may be part of a password or key: a PEM of several lines needs `\\n\\` at the end of \
    each but its last, or a file of its own that ssl.truststore.location or ssl.keystore.location \
    names";

/// Fewer letters are the beginning of too much.
const STEM_BYTES_MIN: usize = 4;
/// How many of the names are told that begin as a word does.
const BEGUN_MAX: usize = 2;
/// No setting has a longer name.
const NAME_BYTES_MAX: usize = 64;
/// What an error shows of a value.
const VALUE_CHARS_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_looks_like_one() {
        for name in Properties::names().flatten() {
            assert!(may_be_shown(name), "{name}");
        }
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for shown in ["schema.registry.url", "lingr.ms", "LINGER_MS", "ack", "my_setting", "linger"]
        {
            assert!(may_be_shown(shown), "{shown}");
        }
        let long = "long.".repeat(20);
        for secret in [
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
            "MIITOPSECRETBASE64",
            "QQ",
            "-----END",
            "Tr0ub4dor&3",
            "Correct-Horse.9",
            "hunter2",
            "lingerie",
            "sesame",
            "linger\u{1b}ms",
            "",
            &long,
        ] {
            assert!(!may_be_shown(secret), "{secret}");
        }
    }

    #[test]
    fn a_word_that_settings_begin_with_names_them() {
        let check = |name, told: &str| assert_eq!(unknown(name), told, "{name}");
        check("linger", "is not a setting; did you mean linger.ms?");
        check("retry", "is not a setting; did you mean retries or retry.backoff.ms?");
    }

    #[test]
    fn a_long_value_is_cut() {
        assert_eq!(beginning("5s"), "5s");
        assert_eq!(beginning(&"\u{e9}".repeat(5_000_000)), "\u{e9}".repeat(128) + "..");
    }
}
