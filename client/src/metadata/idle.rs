//! Which topics have not been used for long (KIP-526). *core*

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The topics in use, and since when each is not.
#[derive(Debug)]
pub(crate) struct Idle {
    max: Duration,
    last_use: BTreeMap<Arc<str>, Instant>,
    /// None has been idle for long earlier. It may lag behind, never ahead.
    earliest: Option<Instant>,
}

impl Idle {
    /// Without use for more than `max` is long.
    pub(crate) fn new(max: Duration) -> Self {
        Self { max, last_use: BTreeMap::new(), earliest: None }
    }

    /// A topic is used.
    pub(crate) fn handle_use(&mut self, now: Instant, topic: &Arc<str>) {
        let due = now + self.max;
        self.earliest = Some(self.earliest.map_or(due, |earliest| earliest.min(due)));
        match self.last_use.get_mut(topic) {
            Some(last) => *last = now,
            None => drop(self.last_use.insert(Arc::clone(topic), now)),
        }
    }

    /// Takes the topics that have been idle for long, but for those that something still waits in.
    pub(crate) fn poll(&mut self, now: Instant, is_busy: impl Fn(&str) -> bool) -> Vec<Arc<str>> {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return Vec::new();
        }
        let mut idle = Vec::new();
        let max = self.max;
        self.last_use.retain(|topic, last| {
            if now < *last + max {
                return true;
            }
            if is_busy(topic) {
                *last = now;
                return true;
            }
            idle.push(Arc::clone(topic));
            false
        });
        self.earliest = self.last_use.values().min().map(|last| *last + max);
        idle
    }

    /// When to look at [`poll`](Self::poll) again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.earliest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: Duration = Duration::from_secs(300);

    fn names(idle: &[Arc<str>]) -> Vec<&str> {
        idle.iter().map(|name| &**name).collect()
    }

    #[test]
    fn what_is_not_used_for_long_and_is_empty_is_told_once() {
        let start = tokio::time::Instant::now().into_std();
        let mut idle = Idle::new(MAX);
        let [a, b, c] = ["a", "b", "c"].map(Arc::from);
        for topic in [&a, &b, &c] {
            idle.handle_use(start, topic);
        }
        idle.handle_use(start + MAX / 2, &b);
        assert_eq!(idle.deadline(), Some(start + MAX));
        assert!(idle.poll(start + MAX / 2, |_| false).is_empty());
        let told = idle.poll(start + MAX, |topic| topic == "c");
        assert_eq!(names(&told), ["a"]);
        assert_eq!(idle.deadline(), Some(start + MAX / 2 + MAX));
        let told = idle.poll(start + MAX * 2, |_| false);
        assert_eq!(names(&told), ["b", "c"]);
        assert!(idle.deadline().is_none() && idle.poll(start + MAX * 9, |_| false).is_empty());
    }
}
