//! Core: what was recorded, in total and over the latest windows.
//!
//! As in Java, rates, averages and extremes are those of the latest windows, of which the last one
//! is not over yet; totals are of all time. All windows of a client begin at the same moments.

use std::time::{Duration, Instant};

/// When windows begin, and how many count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    start: Instant,
    window_ms: u64,
    windows: u64,
}

/// A moment among the windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// When it is.
    pub(crate) now: Instant,
    /// The number of its window.
    window: u64,
    /// How much of that is over.
    into_ms: u64,
    line: Timeline,
}

/// What was recorded of one kind. The first record allocates; none after it does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sensor {
    count: u64,
    total: f64,
    /// By the window's number, modulo their count.
    samples: Vec<Sample>,
}

/// What was recorded in one window.
#[derive(Clone, Copy, Debug)]
struct Sample {
    window: u64,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Timeline {
    /// Windows of this length from now on, so many of which count.
    pub(crate) fn new(start: Instant, window: Duration, windows: u32) -> Self {
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { start, window_ms, windows: u64::from(windows.max(1)) }
    }

    /// Where a time stands.
    pub(crate) fn at(self, now: Instant) -> Moment {
        let elapsed = now.saturating_duration_since(self.start).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let (window, into_ms) = (elapsed / self.window_ms, elapsed % self.window_ms);
        Moment { now, window, into_ms, line: self }
    }
}

impl Moment {
    /// The time that all windows which count cover until now, in seconds. A client that is younger
    /// counts as if nothing had happened before, so that its first second is not a storm.
    fn covered(self) -> f64 {
        let full_ms = (self.line.windows - 1) * self.line.window_ms;
        (full_ms + self.into_ms).max(1) as f64 / 1000.0
    }

    fn counts(self, sample: &Sample) -> bool {
        sample.count > 0 && sample.window + self.line.windows > self.window
    }
}

impl Sensor {
    /// Something of this value happened.
    pub(crate) fn record(&mut self, at: Moment, value: f64) {
        self.record_many(at, 1, value, value);
    }

    /// Several things happened, whose values have this sum and this maximum.
    pub(crate) fn record_many(&mut self, at: Moment, count: u64, sum: f64, max: f64) {
        self.count += count;
        self.total += sum;
        if self.samples.is_empty() {
            let windows = usize::try_from(at.line.windows).unwrap_or(1);
            self.samples = vec![Sample::new(at.window); windows];
        }
        let index = usize::try_from(at.window % at.line.windows).unwrap_or(0);
        let Some(sample) = self.samples.get_mut(index) else { return };
        if sample.window != at.window {
            *sample = Sample::new(at.window);
        }
        sample.count += count;
        sample.sum += sum;
        sample.min = sample.min.min(max);
        sample.max = sample.max.max(max);
    }

    /// How often it happened.
    pub(crate) fn count(&self) -> f64 {
        self.count as f64
    }

    /// The sum of all values.
    pub(crate) fn total(&self) -> f64 {
        self.total
    }

    /// How often it happened in a second.
    pub(crate) fn count_rate(&self, at: Moment) -> f64 {
        self.latest(at).map(|sample| sample.count as f64).sum::<f64>() / at.covered()
    }

    /// The sum of the values of a second.
    pub(crate) fn rate(&self, at: Moment) -> f64 {
        self.latest(at).map(|sample| sample.sum).sum::<f64>() / at.covered()
    }

    /// The average value; not a number if nothing happened.
    pub(crate) fn avg(&self, at: Moment) -> f64 {
        let sum: f64 = self.latest(at).map(|sample| sample.sum).sum();
        let count: u64 = self.latest(at).map(|sample| sample.count).sum();
        if count == 0 { f64::NAN } else { sum / count as f64 }
    }

    /// The greatest value; not a number if nothing happened.
    pub(crate) fn max(&self, at: Moment) -> f64 {
        self.latest(at).map(|sample| sample.max).fold(f64::NAN, f64::max)
    }

    /// The smallest value; not a number if nothing happened.
    pub(crate) fn min(&self, at: Moment) -> f64 {
        self.latest(at).map(|sample| sample.min).fold(f64::NAN, f64::min)
    }

    fn latest(&self, at: Moment) -> impl Iterator<Item = &Sample> {
        self.samples.iter().filter(move |sample| at.counts(sample))
    }
}

impl Sample {
    fn new(window: u64) -> Self {
        Self { window, count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

/// Milliseconds, with their fraction.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Nanoseconds.
pub(crate) fn nanos(time: Duration) -> f64 {
    time.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two windows of 30 s, and moments so many seconds after the first began.
    fn line() -> impl Fn(u64) -> Moment {
        let start = tokio::time::Instant::now().into_std();
        let line = Timeline::new(start, Duration::from_secs(30), 2);
        move |seconds| line.at(start + Duration::from_secs(seconds))
    }

    #[test]
    fn a_rate_is_of_the_latest_windows_and_a_total_of_all_time() {
        let at = line();
        let mut sensor = Sensor::default();
        sensor.record(at(10), 60.0);
        assert_eq!((sensor.rate(at(10)), sensor.count_rate(at(10))), (1.5, 0.025));
        sensor.record(at(40), 30.0);
        assert_eq!(sensor.rate(at(45)), 2.0);
        // The first window is over, and so is what happened in it.
        assert_eq!(sensor.rate(at(60)), 1.0);
        assert_eq!(sensor.rate(at(90)), 0.0);
        assert_eq!((sensor.total(), sensor.count()), (90.0, 2.0));
    }

    #[test]
    fn averages_and_extremes_are_of_the_latest_windows_or_not_a_number() {
        let at = line();
        let mut sensor = Sensor::default();
        let seen = |sensor: &Sensor, at| (sensor.avg(at), sensor.min(at), sensor.max(at));
        assert!(sensor.avg(at(0)).is_nan() && sensor.max(at(0)).is_nan());
        sensor.record(at(1), 2.0);
        sensor.record(at(31), 6.0);
        sensor.record(at(31), 10.0);
        assert_eq!(seen(&sensor, at(32)), (6.0, 2.0, 10.0));
        assert_eq!(seen(&sensor, at(61)), (8.0, 6.0, 10.0));
        assert!(sensor.avg(at(95)).is_nan() && sensor.max(at(95)).is_nan());
    }

    #[test]
    fn several_things_weigh_as_many() {
        let at = line();
        let mut sensor = Sensor::default();
        sensor.record_many(at(1), 3, 30.0, 20.0);
        sensor.record_many(at(1), 1, 50.0, 50.0);
        assert_eq!((sensor.avg(at(1)), sensor.max(at(1)), sensor.count()), (20.0, 50.0, 4.0));
    }

    #[test]
    fn a_time_before_the_first_window_is_in_it() {
        let start = tokio::time::Instant::now().into_std() + Duration::from_secs(9);
        let line = Timeline::new(start, Duration::ZERO, 0);
        let mut sensor = Sensor::default();
        sensor.record(line.at(start - Duration::from_secs(1)), 1.0);
        assert_eq!(sensor.rate(line.at(start)), 1000.0);
    }
}
