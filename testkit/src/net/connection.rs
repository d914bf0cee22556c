//! One connection: the wires between its two ends, under its lock.

use std::io;
use std::io::IoSlice;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use kurier_env::{Chance, Purpose, Seeded};
use tokio::io::ReadBuf;

use super::link::{Blocked, Link, Side};
use super::wire::{End, Next, Wire};
use crate::clock::later;

/// A connection between a client and a broker.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) client: Arc<str>,
    pub(super) broker: i32,
    /// Its own numbers, so that what others do does not change what it meets.
    chance: Seeded,
    wires: Mutex<Wires>,
}

/// Both directions, by their senders.
#[derive(Debug)]
struct Wires {
    link: Link,
    from_client: Wire,
    from_broker: Wire,
    /// Whom a read or write tells that the connection was reset.
    is_reset: [bool; 2],
}

/// What a read came to.
pub(super) enum Arrival {
    /// Bytes, or the end of the stream.
    Done,
    /// Something arrives at this time.
    At(Instant),
    /// Whoever changes that wakes the reader.
    Nothing,
}

impl Connection {
    pub(super) fn new(number: u64, client: Arc<str>, broker: i32, seed: u64) -> Self {
        let wires = Wires {
            link: Link::default(),
            from_client: Wire::default(),
            from_broker: Wire::default(),
            is_reset: [false; 2],
        };
        Self { number, client, broker, chance: Seeded::new(seed), wires: Mutex::new(wires) }
    }

    /// The next of its numbers.
    pub(super) fn chance(&self) -> u64 {
        self.chance.next(Purpose::Fault)
    }

    fn wires(&self) -> std::sync::MutexGuard<'_, Wires> {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what has arrived at a side.
    pub(super) fn read(
        &self,
        side: Side,
        cx: &Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> io::Result<Arrival> {
        let now = now();
        let mut wires = self.wires();
        wires.check(side)?;
        let bytes_max = wires.link.read_bytes_max.unwrap_or(usize::MAX).max(1);
        let wire = wires.wire(side.other());
        let next = wire.next(now);
        match next {
            Next::Bytes => {
                wire.read(now, buffer, bytes_max);
                wire.wake_writer();
            }
            Next::End => {}
            Next::At(_) | Next::Nothing => wire.reader = Some(cx.waker().clone()),
        }
        Ok(match next {
            Next::Bytes | Next::End => Arrival::Done,
            Next::At(at) => Arrival::At(at),
            Next::Nothing => Arrival::Nothing,
        })
    }

    /// Sends bytes from a side, as many as the wire takes.
    pub(super) fn write(
        &self,
        side: Side,
        cx: &Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let now = now();
        let mut wires = self.wires();
        wires.check(side)?;
        if wires.wire(side.other()).is_gone(now) || wires.wire(side).is_ended() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let link = wires.link;
        let wire = wires.wire(side);
        if wire.room() == 0 {
            wire.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = wire.write(now, slices, &link, self.chance());
        wire.wake_reader();
        Poll::Ready(Ok(taken))
    }

    /// Ends what a side sends. Says whether that is news.
    pub(super) fn end(&self, side: Side, end: End) -> bool {
        let mut wires = self.wires();
        let link = wires.link;
        let wire = wires.wire(side);
        let is_news = !wire.is_ended();
        wire.end(now(), end, &link, self.chance());
        wire.wake();
        if end == End::Gone {
            let unread = wires.wire(side.other());
            unread.make_void();
            unread.wake_writer();
        }
        is_news
    }

    /// What lies between the ends is different from now on. Says whether that resets it.
    pub(super) fn set_link(&self, link: Link) -> bool {
        let now = now();
        let mut wires = self.wires();
        let old = std::mem::replace(&mut wires.link, link);
        let mut has_lost = false;
        for sender in [Side::Client, Side::Broker] {
            let wire = wires.wire(sender);
            match (old.blocked(sender), link.blocked(sender)) {
                (None, Some(_)) => wire.block(now),
                (Some(blocked), None) => {
                    let has_waited = wire.unblock(later(now, link.latency.pick(self.chance())));
                    has_lost |= has_waited && blocked == Blocked::Lost;
                }
                _ => {}
            }
            wire.wake();
        }
        if has_lost {
            wires.reset();
        }
        has_lost
    }

    /// Both ends are told that it was reset.
    pub(super) fn reset(&self) {
        self.wires().reset();
    }

    /// One end has forgotten the connection, and the other one is not told.
    pub(super) fn half_open(&self, gone: Side) {
        let now = now();
        let mut wires = self.wires();
        for sender in [gone, gone.other()] {
            wires.wire(sender).kill(now);
        }
        *wires.is_reset_mut(gone) = true;
        wires.wire(gone).wake_writer();
        wires.wire(gone.other()).wake_reader();
    }
}

impl Wires {
    fn wire(&mut self, sender: Side) -> &mut Wire {
        match sender {
            Side::Client => &mut self.from_client,
            Side::Broker => &mut self.from_broker,
        }
    }

    fn is_reset_mut(&mut self, side: Side) -> &mut bool {
        let [client, broker] = &mut self.is_reset;
        match side {
            Side::Client => client,
            Side::Broker => broker,
        }
    }

    fn check(&mut self, side: Side) -> io::Result<()> {
        match *self.is_reset_mut(side) {
            true => Err(io::ErrorKind::ConnectionReset.into()),
            false => Ok(()),
        }
    }

    fn reset(&mut self) {
        self.is_reset = [true; 2];
        for wire in [&mut self.from_client, &mut self.from_broker] {
            wire.make_void();
            wire.wake();
        }
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
