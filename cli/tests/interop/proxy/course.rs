//! What becomes of the bytes of one direction of a connection. *core*

use std::ops::RangeInclusive;
use std::time::Duration;

use super::weather::{End, Flow, Lane};

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Course {
    lane: Lane,
    chance: Chance,
    /// How many bytes went through.
    passed: u64,
    /// Behind how many bytes the connection is cut.
    cut_at: Option<u64>,
    /// Its other end has gone.
    is_lost: bool,
}

/// What is next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes go on, after this time.
    Pass(usize, Duration),
    /// All that is there is lost.
    Lose,
    /// Nothing goes on until the weather changes.
    Wait,
}

impl Course {
    pub(super) fn new(lane: &Lane, seed: u64) -> Self {
        let mut course = Self {
            lane: Lane::default(),
            chance: Chance(seed),
            passed: 0,
            cut_at: None,
            is_lost: false,
        };
        course.change(lane);
        course
    }

    /// The weather may have changed.
    pub(super) fn change(&mut self, lane: &Lane) {
        if self.lane != *lane {
            let cut = lane.cut.as_ref();
            self.cut_at = cut.map(|cut| self.passed + self.chance.within(&cut.after));
            self.lane = lane.clone();
        }
        self.is_lost |= self.lane.flow == Flow::Lost;
    }

    /// How the connection ends, if it does now.
    pub(super) fn is_cut(&self) -> Option<End> {
        let is_due = self.cut_at.is_some_and(|at| at <= self.passed);
        self.lane.cut.as_ref().map(|cut| cut.end).filter(|_| is_due)
    }

    /// Whether nothing is taken until the weather changes.
    pub(super) fn is_blocked(&self) -> bool {
        self.lane.flow == Flow::Blocked && !self.is_lost
    }

    /// What is next, when so many bytes are there, and the connection is not cut.
    pub(super) fn step(&mut self, ready: usize) -> Step {
        match self.lane.flow {
            _ if self.is_lost => Step::Lose,
            Flow::Blocked => Step::Wait,
            Flow::Open | Flow::Lost => self.pass(ready),
        }
    }

    fn pass(&mut self, ready: usize) -> Step {
        let left = self.cut_at.map(|at| at.saturating_sub(self.passed));
        let mut bytes = ready;
        if let Some(most) = self.lane.piece_bytes_max {
            let piece = self.chance.within(&(1..=most as u64));
            bytes = bytes.min(usize::try_from(piece).unwrap());
        }
        // Slow bytes come one by one, so that they keep coming.
        if let Some(rate) = self.lane.bytes_per_second {
            bytes = bytes.min(usize::try_from(rate / 10).unwrap().max(1));
        }
        bytes = left.map_or(bytes, |left| bytes.min(usize::try_from(left).unwrap_or(bytes)));
        let (from, to) = (self.lane.latency.start().as_micros(), self.lane.latency.end());
        let micros = u64::try_from(from).unwrap()..=u64::try_from(to.as_micros()).unwrap();
        let mut after = Duration::from_micros(self.chance.within(&micros));
        if let Some(rate) = self.lane.bytes_per_second {
            after += Duration::from_micros(bytes as u64 * 1_000_000 / rate);
        }
        self.passed += bytes as u64;
        Step::Pass(bytes, after)
    }
}

/// Numbers from a seed, by splitmix64.
#[derive(Debug)]
struct Chance(u64);

impl Chance {
    fn within(&mut self, range: &RangeInclusive<u64>) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let width = range.end() - range.start() + 1;
        range.start() + mixed % width
    }
}

#[cfg(test)]
mod tests {
    use super::super::weather::Cut;
    use super::*;

    fn lane() -> Lane {
        Lane::default()
    }

    /// Passes all of so many bytes, and gives the pieces.
    fn pieces(course: &mut Course, mut ready: usize) -> Vec<(usize, Duration)> {
        let mut pieces = Vec::new();
        while ready > 0 {
            let Step::Pass(bytes, after) = course.step(ready) else { panic!("bytes do not pass") };
            assert!((1..=ready).contains(&bytes));
            pieces.push((bytes, after));
            ready -= bytes;
        }
        pieces
    }

    #[test]
    fn bytes_go_on_at_once_by_default() {
        let mut course = Course::new(&lane(), 1);
        assert_eq!(course.step(4096), Step::Pass(4096, Duration::ZERO));
    }

    #[test]
    fn pieces_and_times_follow_from_the_seed() {
        let ms = Duration::from_millis;
        let slow = Lane { latency: ms(2)..=ms(9), piece_bytes_max: Some(7), ..lane() };
        let of = |seed| pieces(&mut Course::new(&slow, seed), 1000);
        assert!(
            of(1).iter().all(|(bytes, after)| {
                (1..=7).contains(bytes) && (ms(2)..=ms(9)).contains(after)
            })
        );
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn bytes_take_as_long_as_the_bandwidth_says() {
        let slow = Lane { bytes_per_second: Some(1000), ..lane() };
        let pieces = pieces(&mut Course::new(&slow, 1), 5000);
        assert_eq!(pieces.iter().map(|(_, after)| *after).sum::<Duration>().as_secs(), 5);
        let trickle = Lane { bytes_per_second: Some(1), ..lane() };
        assert_eq!(Course::new(&trickle, 1).step(9), Step::Pass(1, Duration::from_secs(1)));
    }

    #[test]
    fn a_cut_comes_behind_exactly_so_many_bytes() {
        let cut = Some(Cut { after: 10..=10, end: End::Reset });
        let mut course = Course::new(&Lane { cut, ..lane() }, 1);
        assert_eq!(course.step(6), Step::Pass(6, Duration::ZERO));
        assert_eq!(course.is_cut(), None);
        assert_eq!(course.step(6), Step::Pass(4, Duration::ZERO));
        assert_eq!(course.is_cut(), Some(End::Reset));
    }

    #[test]
    fn what_was_lost_once_stays_lost_and_what_was_blocked_goes_on() {
        let mut course = Course::new(&Lane { flow: Flow::Lost, ..lane() }, 1);
        assert_eq!(course.step(6), Step::Lose);
        course.change(&lane());
        assert_eq!(course.step(6), Step::Lose);
        let mut course = Course::new(&Lane { flow: Flow::Blocked, ..lane() }, 1);
        assert_eq!(course.step(6), Step::Wait);
        course.change(&lane());
        assert_eq!(course.step(6), Step::Pass(6, Duration::ZERO));
    }
}
