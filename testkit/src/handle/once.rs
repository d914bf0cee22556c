//! Core: the things that a request names, each once.

use std::collections::BTreeMap;

/// The first item of each key, in their order, and how many items have its key.
pub(super) fn once<'a, T, K: Ord>(
    items: &'a [T],
    key: impl Fn(&'a T) -> K,
) -> impl Iterator<Item = (&'a T, usize)> {
    let mut places = BTreeMap::new();
    let mut found: Vec<(&T, usize)> = Vec::new();
    for item in items {
        let place = *places.entry(key(item)).or_insert(found.len());
        match found.get_mut(place) {
            Some((_, times)) => *times += 1,
            None => found.push((item, 1)),
        }
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_named_once_in_the_order_of_the_first_ones() {
        let found: Vec<_> = once(&[3, 1, 3, 2, 1, 3], |item| item).collect();
        assert_eq!(found, [(&3, 3), (&1, 2), (&2, 1)]);
    }

    #[test]
    fn a_request_that_names_very_many_things_is_gone_through_once() {
        // Comparing each with each would take a minute.
        let items: Vec<u32> = (0..200_000).chain(0..100_000).collect();
        let asked = std::cell::Cell::new(0);
        let found = once(&items, |item| {
            asked.set(asked.get() + 1);
            *item
        });
        assert_eq!(found.filter(|(_, times)| *times == 2).count(), 100_000);
        assert_eq!(asked.get(), items.len());
    }
}
