//! `Meter`: what several tasks record into; `Book`: meters by what they are about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::window::{Moment, Timeline};

/// What several tasks record into, each for a few lines under its lock, once a request or a batch.
#[derive(Debug)]
pub(crate) struct Meter<S> {
    timeline: Timeline,
    state: Mutex<S>,
}

/// Meters of one kind, by what they are about. Its lock is held for a lookup; whoever records
/// keeps the meter.
#[derive(Debug)]
pub(crate) struct Book<K, S> {
    timeline: Timeline,
    meters: Mutex<BTreeMap<K, Arc<Meter<S>>>>,
}

impl<S: Default> Meter<S> {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self { timeline, state: Mutex::default() }
    }

    /// Records something that happened now.
    pub(crate) fn record(&self, now: Instant, note: impl FnOnce(&mut S, Moment)) {
        note(&mut self.state(), self.timeline.at(now));
    }

    /// Records something that has no time.
    pub(crate) fn set(&self, note: impl FnOnce(&mut S)) {
        note(&mut self.state());
    }

    /// Looks at what was recorded.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&S) -> T) -> T {
        look(&self.state())
    }

    fn state(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone, S: Default> Book<K, S> {
    pub(crate) fn new(timeline: Timeline) -> Self {
        Self { timeline, meters: Mutex::default() }
    }

    /// The meter about this, which may be new; none if it would be one too many.
    pub(crate) fn meter(&self, about: &K) -> Option<Arc<Meter<S>>> {
        let mut meters = self.meters();
        if let Some(meter) = meters.get(about) {
            return Some(Arc::clone(meter));
        }
        if meters.len() >= METERS_MAX {
            return None;
        }
        let meter = Arc::new(Meter::new(self.timeline));
        meters.insert(about.clone(), Arc::clone(&meter));
        Some(meter)
    }

    /// All of them, in the order of what they are about.
    pub(crate) fn all(&self) -> Vec<(K, Arc<Meter<S>>)> {
        self.meters().iter().map(|(key, meter)| (key.clone(), Arc::clone(meter))).collect()
    }

    /// Forgets what nobody records any more.
    pub(crate) fn retain_held(&self) {
        self.meters().retain(|_, meter| Arc::strong_count(meter) > 1);
    }

    fn meters(&self) -> MutexGuard<'_, BTreeMap<K, Arc<Meter<S>>>> {
        self.meters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brokers, topics or partitions that are told apart. What concerns others counts in the sums
/// alone, so that a client that meets ever new names does not grow.
pub(crate) const METERS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::window::Sensor;
    use super::*;

    #[test]
    fn a_book_does_not_grow_without_end() {
        let now = tokio::time::Instant::now().into_std();
        let line = Timeline::new(now, Duration::from_secs(1), 2);
        let book: Book<usize, Sensor> = Book::new(line);
        let kept = (0..METERS_MAX + 5).filter(|about| book.meter(about).is_some()).count();
        assert_eq!(kept, METERS_MAX);
        let meter = book.meter(&7).unwrap();
        meter.record(now, |sensor, at| sensor.record(at, 2.0));
        // The meter is the same for whoever asks.
        assert_eq!(book.meter(&7).unwrap().read(Sensor::total), 2.0);
        book.retain_held();
        assert_eq!(book.all().len(), 1, "what nobody holds makes room");
    }
}
