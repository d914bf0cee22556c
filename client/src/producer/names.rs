//! Values by name that come and never go, so that they are looked up without a lock.
//!
//! A tree: a node has a name and its value; below it are those whose hashes go on alike. It is
//! about as deep as the logarithm of their number to the base of [`WIDTH`].

use std::sync::{Arc, OnceLock};

/// Values by name.
#[derive(Debug)]
pub(crate) struct Names<T>(Slots<T>);

type Slots<T> = [OnceLock<Box<Node<T>>>; WIDTH];

#[derive(Debug)]
struct Node<T> {
    name: Arc<str>,
    value: T,
    below: Slots<T>,
}

const WIDTH_BITS: u32 = 3;
const WIDTH: usize = 1 << WIDTH_BITS;

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self(Default::default())
    }
}

impl<T> Names<T> {
    /// The value of a name. Waits for nobody.
    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<&T> {
        let (mut slots, mut hash) = (&self.0, hash(name));
        loop {
            let node = slot(slots, hash)?.get()?;
            if *node.name == *name {
                return Some(&node.value);
            }
            (slots, hash) = (&node.below, hash << WIDTH_BITS);
        }
    }

    /// Adds a name that is not there yet.
    pub(crate) fn insert(&self, name: Arc<str>, value: T) {
        let (mut slots, mut hash) = (&self.0, hash(&name));
        let mut node = Box::new(Node { name, value, below: Slots::default() });
        while let Some(slot) = slot(slots, hash) {
            let Err(again) = slot.set(node) else { return };
            node = again;
            let Some(taken) = slot.get() else { return };
            (slots, hash) = (&taken.below, hash << WIDTH_BITS);
        }
    }
}

/// The slot that a hash leads to. Once all of its bits were used, it is the first one.
#[inline]
fn slot<T>(slots: &Slots<T>, hash: u64) -> Option<&OnceLock<Box<Node<T>>>> {
    slots.get(usize::try_from(hash >> (u64::BITS - WIDTH_BITS)).unwrap_or_default())
}

/// Eight bytes at a time. Names are the program's own, so that nobody makes them collide.
#[inline]
fn hash(name: &str) -> u64 {
    let (words, rest) = name.as_bytes().as_chunks::<8>();
    let length = u64::try_from(rest.len()).unwrap_or_default();
    let rest = rest.iter().fold(length, |sum, byte| sum << 8 | u64::from(*byte));
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    words.chain([rest]).fold(0, |sum: u64, word| {
        let mixed = (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 32
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_alike_are_told_apart() {
        let names = Names::default();
        let alike = ["", "a", "b", "aa", "a\0", "orders-1", "orders-2", "orders-2\0", "2-orders"];
        for (value, name) in alike.into_iter().enumerate() {
            assert_eq!(names.get(name), None, "{name}");
            names.insert(name.into(), value);
        }
        for (value, name) in alike.into_iter().enumerate() {
            assert_eq!(names.get(name), Some(&value), "{name}");
        }
        assert_eq!(names.get("orders-3"), None);
    }

    #[test]
    fn ten_thousand_names_are_a_few_steps_away() {
        let names = Names::default();
        let name = |n: u32| format!("topic-{n}");
        (0..10_000).for_each(|n| names.insert(name(n).into(), n));
        assert!((0..10_000).all(|n| names.get(&name(n)) == Some(&n)));
        let steps = deepest(&names.0);
        assert!(steps <= 10, "{steps}");
    }

    fn deepest(slots: &Slots<u32>) -> usize {
        slots
            .iter()
            .filter_map(OnceLock::get)
            .map(|node| 1 + deepest(&node.below))
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn who_looks_up_while_others_insert_finds_what_was_there() {
        let names = Names::default();
        let name = |n: u32| Arc::from(format!("{n}"));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let names = &names;
                scope.spawn(move || {
                    for n in (thread..4000).step_by(4) {
                        names.insert(name(n), n);
                        assert_eq!(names.get(&name(n)), Some(&n));
                    }
                });
            }
        });
        assert!((0..4000).all(|n| names.get(&name(n)) == Some(&n)));
    }
}
