//! `Pattern`: which topics a group reads, by their names.

use std::sync::Arc;

use regex_lite::{Regex, RegexBuilder};

use crate::error::Error;
use crate::transactions::TopicPartition;

/// What a member is to read.
#[derive(Clone, Debug)]
pub(crate) enum Subscription {
    Topics(Vec<Arc<str>>),
    Pattern(Pattern),
    /// What the program has assigned itself. These of it begin where the group has stopped.
    Assigned(Vec<TopicPartition>),
}

/// A pattern that whole names of topics match.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Arc<str>,
    regex: Regex,
}

impl Pattern {
    /// Reads a pattern.
    pub(crate) fn new(text: &str) -> Result<Self, Error> {
        let read = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
        let refused = |error: regex_lite::Error| {
            Error::invalid("pattern", format!("{text} is no regular expression: {error}"))
        };
        // By itself first: what is put around it must not close what it leaves open.
        read(text).map_err(refused)?;
        let regex = read(&format!("^(?:{text})$")).map_err(refused)?;
        Ok(Self { text: text.into(), regex })
    }

    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Those of these names that match.
    pub(crate) fn choose(&self, names: Vec<Arc<str>>) -> Vec<Arc<str>> {
        names.into_iter().filter(|name| self.regex.is_match(name)).collect()
    }
}

/// What a pattern may take when it is read.
const PATTERN_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_match() {
        let pattern = Pattern::new("orders-.*|eu").unwrap();
        let names = ["orders-1", "my-orders-1", "eu", "europe", "orders-"].map(Into::into).to_vec();
        let chosen = ["orders-1", "eu", "orders-"].map(Into::into).to_vec();
        assert_eq!(pattern.choose(names), chosen as Vec<Arc<str>>);
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for text in ["(", "a)(b", "[", "*", "(?:.{999}){999}"] {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("regular expression"), "{error}");
        }
    }
}
