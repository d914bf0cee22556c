//! Core: which names topics may have.

use crate::limits::TOPIC_NAME_MAX;

/// Whether a topic may have this name.
///
/// # Errors
///
/// Why not, in the words of Kafka.
pub(crate) fn check_topic_name(name: &str) -> Result<(), String> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.is_empty() {
        Err("Topic name is invalid: the empty string is not allowed".to_owned())
    } else if name == "." || name == ".." {
        Err(format!("Topic name is invalid: '{name}' is not allowed"))
    } else if name.len() > TOPIC_NAME_MAX {
        Err(format!(
            "Topic name is invalid: the length of '{name}' is longer than the max allowed length \
             {TOPIC_NAME_MAX}"
        ))
    } else if !name.bytes().all(is_legal) {
        Err(format!(
            "Topic name is invalid: '{name}' contains one or more characters other than ASCII \
             alphanumerics, '.', '_' and '-'"
        ))
    } else {
        Ok(())
    }
}

/// The name of a topic in metrics, which do not tell dots from underscores: two topics with one
/// name there cannot be.
pub(crate) fn metric_name(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        for good in ["a", "A.b_c-9", &"x".repeat(249)] {
            assert_eq!(check_topic_name(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", "a b", "a/b", "ä", &"x".repeat(250)] {
            assert!(check_topic_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_that_differ_in_dots_only_collide() {
        assert_eq!(metric_name("a.b"), metric_name("a_b"));
        assert_ne!(metric_name("a.b"), metric_name("a-b"));
        assert_ne!(metric_name("a.b"), metric_name("a.bc"));
    }
}
