//! Which of many names was meant, for errors that say so. *core*

/// `did you mean a, b or c?` of the names that are most like this one, three at most; `None` if all
/// are quite different. Capitals count as small letters, and `_`, `-` and spaces as dots.
///
/// ```
/// use kurier_protocol::nearest::question;
///
/// let names = ["linger.ms", "retry.backoff.ms"];
/// assert_eq!(question("LINGER_MS", names).unwrap(), "did you mean linger.ms?");
/// assert_eq!(question("compression.type", names), None);
/// ```
#[must_use]
pub fn question<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    match nearest(wanted, names.into_iter()).as_slice() {
        [] => None,
        [one] => Some(format!("did you mean {one}?")),
        [rest @ .., last] => Some(format!("did you mean {} or {last}?", rest.join(", "))),
    }
}

/// The names that are most like this one, best first; none if all are quite different.
fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let plain = plain(wanted);
    let far = (plain.len() / 3).max(1);
    let mut found: Vec<(usize, &str)> = names
        .map(|name| (distance(&plain, name), name))
        .filter(|(distance, _)| *distance <= far)
        .collect();
    found.sort_unstable();
    let best = found.first().map_or(0, |(distance, _)| *distance);
    found.retain(|(distance, _)| *distance <= best + 1);
    found.into_iter().take(NAMES_MAX).map(|(_, name)| name).collect()
}

/// Small letters, with dots between the words.
fn plain(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.chars().take(LETTERS_MAX) {
        match letter {
            '_' | '-' | ' ' => plain.push('.'),
            letter => plain.extend(letter.to_lowercase()),
        }
    }
    plain
}

/// How many letters must be changed, added, left out or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (i, letter) in a.chars().enumerate() {
        let mut row = vec![i + 1];
        for (j, other) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX - 1);
            let changed = at(&last, j) + usize::from(letter != *other);
            let mut cost = changed.min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let is_swap = j > 0 && previous == Some(*other) && b.get(j - 1) == Some(&letter);
            if is_swap {
                cost = cost.min(at(&before, j - 1) + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
        previous = Some(letter);
    }
    last.last().copied().unwrap_or(0)
}

const NAMES_MAX: usize = 3;
/// Longer names are cut: nothing is like them anyway.
const LETTERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_letters_and_swaps() {
        for (a, b, wanted) in [
            ("", "", 0),
            ("", "ab", 2),
            ("acks", "acks", 0),
            ("akcs", "acks", 1),
            ("ac", "acks", 2),
        ] {
            assert_eq!(distance(a, b), wanted, "{a} {b}");
        }
    }

    #[test]
    fn finds_what_was_meant() {
        let names = ["acks", "linger.ms", "batch.size", "client.id"];
        let check = |wanted, found: &[&str]| {
            assert_eq!(nearest(wanted, names.into_iter()), found, "{wanted}");
        };
        check("ack", &["acks"]);
        check("LINGER_MS", &["linger.ms"]);
        check("batchsize", &["batch.size"]);
        check("cleint.id", &["client.id"]);
        check("completely.different", &[]);
    }
}
