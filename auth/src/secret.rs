//! A text that no log shows.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text_and_its_length() {
        let (short, long) = (Secret::new("a"), Secret::new("a much longer password"));
        assert_eq!(format!("{short:?}"), format!("{long:?}"));
        assert_eq!(long.reveal(), "a much longer password");
        assert_ne!(short, long);
        assert_eq!(long.clone(), long);
    }
}
