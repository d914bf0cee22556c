//! `Pattern`: which topics a group reads, by their names.

use std::collections::BTreeSet;
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
    /// As this client reads it. The coordinator may read what it cannot.
    regex: Result<Regex, Error>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), regex: regex(text) }
    }

    /// The same, if this client can read it.
    pub(crate) fn readable(self) -> Result<Self, Error> {
        match self.regex {
            Ok(_) => Ok(self),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// Those of these names that match.
    pub(crate) fn choose(&self, names: Vec<Arc<str>>) -> Result<Vec<Arc<str>>, Error> {
        let regex = self.regex.as_ref().map_err(Clone::clone)?;
        Ok(names.into_iter().filter(|name| regex.is_match(name)).collect())
    }
}

/// The topics of a pattern, as they were found by and by.
#[derive(Debug, Default)]
pub(crate) struct Chosen {
    topics: BTreeSet<Arc<str>>,
    /// Those that were not found the last time.
    missed: BTreeSet<Arc<str>>,
}

impl Chosen {
    /// These were found now. What is to be read: one that was there before stays until it is missed
    /// twice, as whoever has answered may not have heard of all.
    pub(crate) fn update(&mut self, found: Vec<Arc<str>>) -> Vec<Arc<str>> {
        let found: BTreeSet<Arc<str>> = found.into_iter().collect();
        let missed = self.topics.difference(&found).filter(|name| !self.missed.contains(*name));
        self.missed = missed.cloned().collect();
        self.topics = found.union(&self.missed).cloned().collect();
        self.topics.iter().cloned().collect()
    }

    /// Whether one of them was not found the last time.
    pub(crate) fn is_doubtful(&self) -> bool {
        !self.missed.is_empty()
    }
}

fn regex(text: &str) -> Result<Regex, Error> {
    let read = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
    let refused = |error: regex_lite::Error| {
        let problem = format!("{text} is no regular expression that the client can read: {error}");
        Error::invalid("pattern", problem)
    };
    // By itself first: what is put around it must not close what it leaves open.
    read(text).map_err(refused)?;
    read(&format!("^(?:{text})$")).map_err(refused)
}

/// What a pattern may take when it is read.
const PATTERN_BYTES_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_match() {
        let pattern = Pattern::new("orders-.*|eu");
        let names = ["orders-1", "my-orders-1", "eu", "europe", "orders-"].map(Into::into).to_vec();
        let chosen = ["orders-1", "eu", "orders-"].map(Into::into).to_vec();
        assert_eq!(pattern.choose(names).unwrap(), chosen as Vec<Arc<str>>);
    }

    #[test]
    fn a_topic_is_given_up_once_it_is_missed_twice() {
        let mut chosen = Chosen::default();
        let mut update = |found: &str| {
            let found = found.chars().map(|name| name.to_string().into()).collect();
            (chosen.update(found).concat(), chosen.is_doubtful())
        };
        assert_eq!(update("ab"), ("ab".into(), false));
        assert_eq!(update("a"), ("ab".into(), true));
        assert_eq!(update("abc"), ("abc".into(), false), "it was only missed");
        assert_eq!(update("ac"), ("abc".into(), true));
        assert_eq!(update("a"), ("ac".into(), true), "the one is gone, the other one perhaps");
        assert_eq!(update(""), ("a".into(), true));
        assert_eq!(update(""), (String::new(), false));
    }

    #[test]
    fn what_is_no_pattern_is_named() {
        for text in ["(", "a)(b", "[", "*", "(?:.{999}){999}", r"\pL+"] {
            let pattern = Pattern::new(text);
            assert_eq!(&**pattern.text(), text, "another may read it");
            let errors = [pattern.choose(Vec::new()).unwrap_err(), pattern.readable().unwrap_err()];
            for error in errors.map(|error| error.to_string()) {
                assert!(error.contains(text) && error.contains("regular expression"), "{error}");
            }
        }
    }
}
