//! Core: error messages of answers.

use kurier_protocol::Str;

use crate::limits::MESSAGE_BYTES_MAX;

/// A message for an answer: what a client made too long, as a name that it sent, is cut off.
pub(super) fn words(message: &str) -> Str {
    if message.len() <= MESSAGE_BYTES_MAX {
        return message.into();
    }
    let mut ends = (0..=MESSAGE_BYTES_MAX).rev();
    let cut = ends.find_map(|end| message.get(..end)).unwrap_or_default();
    format!("{cut}...").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_two_letters() {
        assert_eq!(words("as it is"), "as it is");
        let long = "ä".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(words(&format!("x{long}")), format!("x{}...", "ä".repeat(499)));
    }
}
