//! A text that no log shows.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A password, a key or a token. `Debug` hides it; it has no `Display`, is compared in constant
/// time, and wiped when dropped.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// A secret of this text.
    #[must_use]
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the wire, never for a log.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What somebody else says, without this secret, should they repeat it: as it is, in Base64, or
    /// cut short at the end. Secrets of less than four characters are left alone: they stand in
    /// many a word.
    #[must_use]
    pub fn hide_in(&self, text: &str) -> String {
        if self.0.chars().count() < CHARS_MIN {
            return text.to_owned();
        }
        let encoded = Self::new(STANDARD.encode(&*self.0));
        let mut text = text.to_owned();
        for secret in [self.reveal(), encoded.reveal()] {
            text = text.replace(secret, HIDDEN);
            let starts = (BEGUN_MIN..secret.len()).rev().filter_map(|end| secret.get(..end));
            let cut = starts.into_iter().find_map(|start| text.strip_suffix(start));
            if let Some(kept) = cut {
                text = [kept, HIDDEN].concat();
            }
        }
        text
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Eq for Secret {}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// What stands in the place of a secret.
const HIDDEN: &str = "(hidden)";
/// Shorter secrets are not looked for in texts.
const CHARS_MIN: usize = 4;
/// How much of a secret must stand at a text's end to be taken for the beginning of it.
const BEGUN_MIN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_repeats_a_secret_is_not_repeated() {
        let hidden = |secret: &str, text: &str| Secret::new(secret).hide_in(text);
        assert_eq!(hidden("wonderland", "not wonderland!"), "not (hidden)!");
        assert_eq!(hidden("wonderland", "got d29uZGVybGFuZA=="), "got (hidden)");
        assert_eq!(hidden("wonderland", "cut off: wonderl"), "cut off: (hidden)");
        assert_eq!(hidden("wonderland", "no wonder"), "no (hidden)");
        assert_eq!(hidden("wonderland", "won"), "won");
        assert_eq!(hidden("a", "alas"), "alas");
        assert_eq!(hidden("gr\u{fc}\u{fc}\u{fc}ezi", "gr\u{fc}\u{fc}\u{fc}"), "(hidden)");
    }

    #[test]
    fn debug_hides_the_text_and_its_length() {
        let (short, long) = (Secret::new("a"), Secret::new("a much longer password"));
        assert_eq!(format!("{short:?}"), format!("{long:?}"));
        assert_eq!(long.reveal(), "a much longer password");
        assert_ne!(short, long);
        assert_eq!(long.clone(), long);
    }
}
