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
    /// By topic, who wants it. A topic that nobody wants any more is not here.
    pub(super) topics: BTreeMap<Arc<str>, BTreeMap<Owner, Creation>>,
    /// Counts the calls for fresh metadata.
    pub(super) refreshes: u64,
    /// Counts the brokers' calls to begin again with the bootstrap servers.
    pub(super) recoveries: u64,
}

/// Whoever wants topics, and stops wanting all of them at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner(pub(crate) u64);

/// One request for metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) topics: Vec<Arc<str>>,
    pub(super) creation: Creation,
}

impl Wishes {
    /// Keeps a topic in all refreshes until its last owner has gone. Says whether there is
    /// something new to be asked.
    pub(crate) fn want(&mut self, owner: Owner, topic: &str, creation: Creation) -> bool {
        let Some(owners) = self.topics.get_mut(topic) else {
            self.topics.insert(topic.into(), BTreeMap::from([(owner, creation)]));
            return true;
        };
        let before = permission(owners);
        let held = owners.entry(owner).or_insert(creation);
        *held = creation.max(*held);
        permission(owners) > before
    }

    /// An owner wants a topic no more.
    pub(crate) fn forget(&mut self, owner: Owner, topic: &str) {
        if let Some(owners) = self.topics.get_mut(topic) {
            owners.remove(&owner);
            if owners.is_empty() {
                self.topics.remove(topic);
            }
        }
    }

    /// An owner wants nothing any more.
    pub(crate) fn release(&mut self, owner: Owner) {
        self.topics.retain(|_, owners| {
            owners.remove(&owner);
            !owners.is_empty()
        });
    }

    /// Metadata shall be fresh.
    pub(crate) fn refresh(&mut self) {
        self.refreshes += 1;
    }

    /// A broker has asked in an answer to begin again with the bootstrap servers.
    pub(crate) fn recover(&mut self) {
        self.recoveries += 1;
        self.refresh();
    }

    /// The requests that fulfil the wishes. Topics that are known go where creation is forbidden;
    /// only unknown ones that may be created are asked for with the permission.
    pub(super) fn asks(&self, picture: &Picture) -> Vec<Ask> {
        let is_known = |name: &str| picture.topic(name).is_some_and(|t| t.error.is_ok());
        let (create, rest): (Vec<_>, Vec<_>) = self
            .topics
            .iter()
            .map(|(name, owners)| (Arc::clone(name), permission(owners)))
            .partition(|(name, creation)| *creation == Creation::Allowed && !is_known(name));
        let names = |of: Vec<(Arc<str>, Creation)>| -> Vec<_> {
            of.into_iter().map(|(name, _)| name).collect()
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

    /// The wanted topics that a picture lacks, or that lack a leader in it.
    pub(super) fn missing(&self, picture: &Picture) -> Vec<Arc<str>> {
        let is_whole = |name: &str| {
            picture.topic(name).is_some_and(|topic| {
                !topic.error.is_retriable() && topic.partitions.iter().all(|p| p.leader.is_some())
            })
        };
        self.topics.keys().filter(|name| !is_whole(name)).cloned().collect()
    }
}

/// What the most liberal of the owners permits.
fn permission(owners: &BTreeMap<Owner, Creation>) -> Creation {
    owners.values().copied().max().unwrap_or(Creation::Never)
}

/// How long to go on asking for what is missing. A topic may be deleted and a partition offline for
/// good; whoever needs them nevertheless asks for a refresh.
#[derive(Debug, Default)]
pub(super) struct Patience {
    /// By topic, how many answers in a row it was missing in.
    rounds: BTreeMap<Arc<str>, u32>,
}

/// Whether to ask again soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Nothing is missing.
    Whole,
    /// Something is missing that asking again may bring.
    Hopeful,
    /// Something is missing, and asking has not helped for long.
    Hopeless,
}

impl Patience {
    /// An answer has come in which these are missing.
    pub(super) fn push_missing(&mut self, missing: Vec<Arc<str>>) -> Outlook {
        let round = |name: Arc<str>| {
            let before = self.rounds.get(&name).copied().unwrap_or(0);
            (name, before.saturating_add(1))
        };
        self.rounds = missing.into_iter().map(round).collect();
        match self.rounds.values().min() {
            None => Outlook::Whole,
            Some(rounds) if *rounds < MISSING_ROUNDS_MAX => Outlook::Hopeful,
            Some(_) => Outlook::Hopeless,
        }
    }
}

/// Answers in a row in which a topic may be missing before it is asked for no more often than the
/// others: about a minute of them.
const MISSING_ROUNDS_MAX: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Owner = Owner(1);
    const TWO: Owner = Owner(2);

    #[test]
    fn permission_to_create_is_not_taken_back_while_its_owner_is_there() {
        let mut wishes = Wishes::default();
        assert!(wishes.want(ONE, "a", Creation::Never));
        assert!(!wishes.want(ONE, "a", Creation::Never));
        assert!(wishes.want(TWO, "a", Creation::Allowed));
        assert!(!wishes.want(TWO, "a", Creation::Never));
        let ask = |creation| [Ask { topics: vec!["a".into()], creation }];
        assert_eq!(wishes.asks(&Picture::default()), ask(Creation::Allowed));
        wishes.release(TWO);
        assert_eq!(wishes.asks(&Picture::default()), ask(Creation::Never));
    }

    #[test]
    fn a_topic_is_wanted_until_its_last_owner_has_gone() {
        let mut wishes = Wishes::default();
        wishes.want(ONE, "a", Creation::Never);
        wishes.want(TWO, "a", Creation::Never);
        wishes.want(TWO, "b", Creation::Never);
        wishes.forget(ONE, "b");
        assert_eq!(wishes.missing(&Picture::default()).len(), 2);
        wishes.forget(TWO, "b");
        assert_eq!(wishes.missing(&Picture::default()), ["a".into()]);
        wishes.release(TWO);
        assert_eq!(wishes.missing(&Picture::default()), ["a".into()]);
        wishes.release(ONE);
        assert!(wishes.missing(&Picture::default()).is_empty());
    }

    #[test]
    fn patience_ends_with_what_stays_missing_and_not_with_what_has_just_gone() {
        let mut patience = Patience::default();
        for round in 1..=MISSING_ROUNDS_MAX {
            let outlook = patience.push_missing(vec!["gone".into()]);
            assert_eq!(outlook == Outlook::Hopeful, round < MISSING_ROUNDS_MAX, "{round}");
        }
        let mut push = |missing: &[&str]| {
            patience.push_missing(missing.iter().copied().map(Arc::from).collect())
        };
        assert_eq!(push(&["gone", "new"]), Outlook::Hopeful);
        assert_eq!(push(&["gone"]), Outlook::Hopeless);
        assert_eq!(push(&[]), Outlook::Whole);
        assert_eq!(push(&["gone"]), Outlook::Hopeful, "it was back in between");
    }

    #[test]
    fn only_topics_that_may_be_created_are_asked_for_with_permission() {
        let mut wishes = Wishes::default();
        wishes.want(ONE, "reads", Creation::Never);
        wishes.want(ONE, "writes", Creation::Allowed);
        let ask = |topic: &str, creation| Ask { topics: vec![topic.into()], creation };
        let asks = wishes.asks(&Picture::default());
        assert_eq!(asks, [ask("reads", Creation::Never), ask("writes", Creation::Allowed)]);
        let nothing = Ask { topics: Vec::new(), creation: Creation::Never };
        assert_eq!(Wishes::default().asks(&Picture::default()), [nothing]);
    }
}
