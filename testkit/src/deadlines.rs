//! Core: what is due when, of many things of which few are due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kurier_protocol::Str;

/// When things are due, by name. What is not due costs nothing when the time is asked for.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    in_order: BTreeSet<(Instant, Str)>,
    by_name: BTreeMap<Str, Instant>,
}

impl Deadlines {
    /// Remembers when a thing is due next; `None` if it is not.
    pub(crate) fn set(&mut self, name: &str, due: Option<Instant>) {
        let before = self.by_name.get(name).copied();
        if before == due {
            return;
        }
        if let Some((name, before)) = self.by_name.remove_entry(name) {
            self.in_order.remove(&(before, name));
        }
        if let Some(due) = due {
            let name = Str::from(name);
            self.in_order.insert((due, name.clone()));
            self.by_name.insert(name, due);
        }
    }

    /// Forgets a thing. Says whether it was to be due.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        let was_due = self.by_name.contains_key(name);
        self.set(name, None);
        was_due
    }

    /// Whether nothing is due, however long one waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// When the first thing is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.in_order.first().map(|(due, _)| *due)
    }

    /// What is due until now, the first first.
    pub(crate) fn due(&self, now: Instant) -> impl Iterator<Item = &Str> {
        self.in_order.iter().take_while(move |(due, _)| *due <= now).map(|(_, name)| name)
    }

    /// Takes what is due until now, the first first. Who does it sets its next deadline.
    pub(crate) fn take(&mut self, now: Instant) -> Vec<Str> {
        let mut taken = Vec::new();
        while self.next().is_some_and(|due| due <= now)
            && let Some((_, name)) = self.in_order.pop_first()
        {
            self.by_name.remove(&name);
            taken.push(name);
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test needs some moment to begin with")]
    fn things_are_taken_in_the_order_in_which_they_are_due() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.next(), None);
        for (name, due) in [("a", 3), ("b", 1), ("c", 2), ("d", 9)] {
            deadlines.set(name, Some(at(due)));
        }
        deadlines.set("b", Some(at(4)));
        deadlines.set("c", None);
        assert_eq!(deadlines.next(), Some(at(3)));
        assert_eq!(deadlines.take(at(2)), [] as [Str; 0]);
        assert_eq!(deadlines.take(at(4)), ["a", "b"]);
        assert_eq!(deadlines.next(), Some(at(9)));
        assert!(deadlines.remove("d") && !deadlines.remove("d"));
        assert!(deadlines.is_empty());
    }
}
