//! Core: one direction of a connection, from what is written to what has arrived.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::ReadBuf;

use super::link::Link;
use crate::clock::later;
use crate::limits::STREAM_BYTES_MAX;

/// Bytes under way in one direction, in their order.
#[derive(Debug, Default)]
pub(super) struct Wire {
    segments: VecDeque<Segment>,
    /// Bytes that are not read yet.
    bytes: usize,
    /// When the latest bytes arrive: nothing overtakes them.
    last_at: Option<Instant>,
    /// When the bandwidth is free again.
    free_at: Option<Instant>,
    /// When the end of the stream arrives, and how it ended.
    end: Option<(Option<Instant>, End)>,
    /// Nothing gets through.
    is_blocked: bool,
    /// And never will.
    is_dead: bool,
    /// Nobody will read it.
    is_void: bool,
    pub(super) reader: Option<Waker>,
    pub(super) writer: Option<Waker>,
}

/// Bytes that arrive together.
#[derive(Debug)]
struct Segment {
    /// None while they do not get through.
    at: Option<Instant>,
    bytes: BytesMut,
}

impl Segment {
    /// Whether bytes that arrive at a time make no difference to these but their number.
    fn arrives_with(&self, at: Option<Instant>, now: Instant) -> bool {
        self.at == at || (is_there(self.at, now) && is_there(at, now))
    }
}

/// How a sender ends its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It sends nothing more.
    Finished,
    /// It has gone: it does not read any more, either.
    Gone,
}

/// What a reader finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Bytes are there.
    Bytes,
    /// The stream has ended.
    End,
    /// Something arrives at this time.
    At(Instant),
    /// Nothing is under way.
    Nothing,
}

impl Wire {
    /// How many bytes can be written now.
    pub(super) fn room(&self) -> usize {
        if self.is_void { usize::MAX } else { STREAM_BYTES_MAX.saturating_sub(self.bytes) }
    }

    /// Sends bytes, as many as there is room for, and gives their number.
    pub(super) fn write(
        &mut self,
        now: Instant,
        slices: &[IoSlice<'_>],
        link: &Link,
        chance: u64,
    ) -> usize {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let taken = offered.min(self.room());
        if taken == 0 || self.is_void {
            return taken;
        }
        self.bytes += taken;
        let at = self.arrival(now, taken, link, chance);
        match self.segments.back_mut().filter(|last| last.arrives_with(at, now)) {
            Some(last) => fill(&mut last.bytes, slices, taken),
            None => {
                let mut bytes = BytesMut::with_capacity(taken);
                fill(&mut bytes, slices, taken);
                self.segments.push_back(Segment { at, bytes });
            }
        }
        taken
    }

    /// When bytes that are sent now arrive, as far as that is known.
    fn arrival(&mut self, now: Instant, bytes: usize, link: &Link, chance: u64) -> Option<Instant> {
        if self.is_blocked {
            return None;
        }
        let begins = self.free_at.map_or(now, |free| free.max(now));
        let takes = link.bytes_per_second.map_or(Duration::ZERO, |rate| {
            let nanos = (bytes as u128 * 1_000_000_000).div_ceil(u128::from(rate.max(1)));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        });
        self.free_at = Some(later(begins, takes));
        let at = later(later(begins, takes), link.latency.pick(chance));
        let at = self.last_at.map_or(at, |last| last.max(at));
        self.last_at = Some(at);
        Some(at)
    }

    /// Ends this direction; what was sent before arrives before it.
    pub(super) fn end(&mut self, now: Instant, end: End, link: &Link, chance: u64) {
        if let Some((_, known)) = &mut self.end {
            // The bytes of the second news would arrive later; nobody can tell.
            *known = end;
            return;
        }
        self.end = Some((self.arrival(now, 0, link, chance), end));
    }

    /// Whether the other side knows by now that the sender has gone.
    pub(super) fn is_gone(&self, now: Instant) -> bool {
        self.end.is_some_and(|(at, end)| end == End::Gone && is_there(at, now))
    }

    /// Whether the sender has ended this direction.
    pub(super) fn is_ended(&self) -> bool {
        self.end.is_some()
    }

    /// What a reader finds now.
    pub(super) fn next(&self, now: Instant) -> Next {
        let (at, what) = match (self.segments.front(), self.end) {
            (Some(segment), _) => (segment.at, Next::Bytes),
            (None, Some((at, _))) => (at, Next::End),
            (None, None) => (None, Next::Nothing),
        };
        match at {
            None => Next::Nothing,
            Some(at) if at > now => Next::At(at),
            Some(_) => what,
        }
    }

    /// Moves what has arrived to a buffer, at most so many bytes.
    pub(super) fn read(&mut self, now: Instant, buffer: &mut ReadBuf<'_>, bytes_max: usize) {
        let mut left = buffer.remaining().min(bytes_max);
        while left > 0 && self.next(now) == Next::Bytes {
            let Some(segment) = self.segments.front_mut() else { return };
            let taken = left.min(segment.bytes.len());
            buffer.put_slice(segment.bytes.get(..taken).unwrap_or_default());
            segment.bytes.advance(taken);
            left -= taken;
            self.bytes -= taken;
            if segment.bytes.is_empty() {
                self.segments.pop_front();
            }
        }
    }

    /// From now on nothing arrives.
    pub(super) fn block(&mut self, now: Instant) {
        self.is_blocked = true;
        self.under_way().filter(|at| !is_there(**at, now)).for_each(|at| *at = None);
    }

    /// From now on nothing arrives, whatever happens.
    pub(super) fn kill(&mut self, now: Instant) {
        self.block(now);
        self.is_dead = true;
    }

    /// What waits arrives at a time. Says whether anything waited.
    pub(super) fn unblock(&mut self, arrival: Instant) -> bool {
        if self.is_dead || !self.is_blocked {
            return false;
        }
        self.is_blocked = false;
        let mut has_waited = false;
        for at in self.under_way().filter(|at| at.is_none()) {
            *at = Some(arrival);
            has_waited = true;
        }
        if has_waited {
            self.last_at = Some(arrival);
        }
        has_waited
    }

    fn under_way(&mut self) -> impl Iterator<Item = &mut Option<Instant>> {
        let end = self.end.iter_mut().map(|(at, _)| at);
        self.segments.iter_mut().map(|segment| &mut segment.at).chain(end)
    }

    /// Nobody reads this any more: what is sent is taken, and lost.
    pub(super) fn make_void(&mut self) {
        self.segments.clear();
        self.bytes = 0;
        self.is_void = true;
    }

    /// Lets both ends look again.
    pub(super) fn wake(&mut self) {
        self.wake_reader();
        self.wake_writer();
    }

    /// Lets the receiver look again.
    pub(super) fn wake_reader(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }

    /// Lets the sender look again.
    pub(super) fn wake_writer(&mut self) {
        self.writer.take().into_iter().for_each(Waker::wake);
    }
}

fn is_there(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

fn fill(bytes: &mut BytesMut, slices: &[IoSlice<'_>], mut left: usize) {
    for slice in slices {
        let part = slice.get(..left).unwrap_or(slice);
        bytes.extend_from_slice(part);
        left -= part.len();
    }
}

#[cfg(test)]
mod tests;
