//! Which broker looks after which group or transactional id, as far as is known. *core*

use std::collections::BTreeMap;

/// What a coordinator looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyType {
    /// Groups.
    Group,
    /// Transactional ids.
    Transaction,
}

impl KeyType {
    /// The number that stands in the request.
    pub(crate) const fn number(self) -> i8 {
        match self {
            Self::Group => 0,
            Self::Transaction => 1,
        }
    }
}

/// The coordinators that are known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coordinators {
    known: BTreeMap<KeyType, BTreeMap<Box<str>, i32>>,
}

impl Coordinators {
    /// Who looks after a key.
    pub(crate) fn find(&self, of: KeyType, key: &str) -> Option<i32> {
        self.known.get(&of)?.get(key).copied()
    }

    /// A broker has named the coordinator of a key.
    pub(crate) fn insert(&mut self, of: KeyType, key: &str, broker: i32) {
        let known = self.known.entry(of).or_default();
        if known.len() >= KEYS_MAX {
            // Whatever is still needed is asked for once more.
            known.clear();
        }
        known.insert(key.into(), broker);
    }

    /// A broker is not, or cannot be reached as, the coordinator of a key. If another one is known
    /// by now, this is no news.
    pub(crate) fn forget(&mut self, of: KeyType, key: &str, broker: i32) {
        if let Some(known) = self.known.get_mut(&of)
            && known.get(key) == Some(&broker)
        {
            known.remove(key);
        }
    }
}

/// Keys of one type whose coordinators are remembered.
const KEYS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_two_types_are_apart() {
        let mut known = Coordinators::default();
        known.insert(KeyType::Group, "a", 1);
        known.insert(KeyType::Transaction, "a", 2);
        assert_eq!(known.find(KeyType::Group, "a"), Some(1));
        assert_eq!(known.find(KeyType::Transaction, "a"), Some(2));
        known.forget(KeyType::Group, "a", 1);
        assert_eq!(known.find(KeyType::Group, "a"), None);
        assert_eq!(known.find(KeyType::Transaction, "a"), Some(2));
    }

    #[test]
    fn late_news_of_an_old_coordinator_forgets_no_new_one() {
        let mut known = Coordinators::default();
        known.insert(KeyType::Group, "a", 1);
        known.insert(KeyType::Group, "a", 2);
        known.forget(KeyType::Group, "a", 1);
        assert_eq!(known.find(KeyType::Group, "a"), Some(2));
    }

    #[test]
    fn a_limited_number_is_remembered() {
        let mut known = Coordinators::default();
        for n in 0..KEYS_MAX + 1 {
            known.insert(KeyType::Group, &n.to_string(), 1);
        }
        assert_eq!(known.known[&KeyType::Group].len(), 1);
        assert_eq!(known.find(KeyType::Group, &KEYS_MAX.to_string()), Some(1));
    }
}
