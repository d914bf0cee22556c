//! Core: the things that a request names, each once.

/// Each item whose key was not there before, and how many items have this key.
pub(super) fn once<'a, T, K: PartialEq>(
    items: &'a [T],
    key: impl Fn(&'a T) -> K + Copy + 'a,
) -> impl Iterator<Item = (&'a T, usize)> {
    let keyed = move || items.iter().map(key);
    items.iter().enumerate().filter_map(move |(index, item)| {
        let is_first = !keyed().take(index).any(|other| other == key(item));
        is_first.then(|| (item, keyed().filter(|other| *other == key(item)).count()))
    })
}
