//! What is wanted of metadata: the topics of interest, and when it shall be fresh. *core*

use std::collections::BTreeMap;
use std::sync::Arc;

use super::picture::Picture;

/// Whether a broker may create a topic that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Creation {
    /// It may not.
    Never,
    /// It may, if it is set up to.
    Allowed,
}

/// What all parts of a client together want of metadata.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(super) topics: BTreeMap<Arc<str>, Creation>,
    /// Counts the calls for fresh metadata.
    pub(super) refreshes: u64,
}

/// One request for metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) topics: Vec<Arc<str>>,
    pub(super) creation: Creation,
}

impl Wishes {
    /// Keeps a topic in all refreshes to come. Says whether that is new.
    pub(crate) fn want(&mut self, topic: &str, creation: Creation) -> bool {
        match self.topics.get_mut(topic) {
            Some(held) if *held >= creation => false,
            Some(held) => {
                *held = creation;
                true
            }
            None => {
                self.topics.insert(topic.into(), creation);
                true
            }
        }
    }

    /// Gives up on a topic that does not exist. Says whether it was wanted.
    pub(crate) fn forget(&mut self, topic: &str) -> bool {
        self.topics.remove(topic).is_some()
    }

    /// Metadata shall be fresh.
    pub(crate) fn refresh(&mut self) {
        self.refreshes += 1;
    }

    /// The requests that fulfil the wishes. Topics that are known go where creation is forbidden;
    /// only unknown ones that may be created are asked for with the permission.
    pub(super) fn asks(&self, picture: &Picture) -> Vec<Ask> {
        let is_known = |name: &str| picture.topic(name).is_some_and(|t| t.error.is_ok());
        let (create, rest): (Vec<_>, Vec<_>) = self
            .topics
            .iter()
            .partition(|(name, creation)| **creation == Creation::Allowed && !is_known(name));
        let names = |of: Vec<(&Arc<str>, &Creation)>| -> Vec<_> {
            of.into_iter().map(|(name, _)| Arc::clone(name)).collect()
        };
        let mut asks = Vec::new();
        if !rest.is_empty() || create.is_empty() {
            asks.push(Ask { topics: names(rest), creation: Creation::Never });
        }
        if !create.is_empty() {
            asks.push(Ask { topics: names(create), creation: Creation::Allowed });
        }
        asks
    }

    /// Whether a picture has all that is wanted.
    pub(super) fn is_fulfilled(&self, picture: &Picture) -> bool {
        self.topics.keys().all(|name| {
            let topic = picture.topic(name);
            topic.is_some_and(|t| {
                !t.error.is_retriable() && t.partitions.iter().all(|p| p.leader.is_some())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permission_to_create_is_never_taken_back() {
        let mut wishes = Wishes::default();
        assert!(wishes.want("a", Creation::Never));
        assert!(!wishes.want("a", Creation::Never));
        assert!(wishes.want("a", Creation::Allowed));
        assert!(!wishes.want("a", Creation::Never));
        assert_eq!(wishes.topics["a"], Creation::Allowed);
    }

    #[test]
    fn only_topics_that_may_be_created_are_asked_for_with_permission() {
        let mut wishes = Wishes::default();
        wishes.want("reads", Creation::Never);
        wishes.want("writes", Creation::Allowed);
        let ask = |topic: &str, creation| Ask { topics: vec![topic.into()], creation };
        let asks = wishes.asks(&Picture::default());
        assert_eq!(asks, [ask("reads", Creation::Never), ask("writes", Creation::Allowed)]);
        let nothing = Ask { topics: Vec::new(), creation: Creation::Never };
        assert_eq!(Wishes::default().asks(&Picture::default()), [nothing]);
    }
}
