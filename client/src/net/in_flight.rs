//! Requests on their way: answers are owed first in, first out. *core*

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::error::Fault;

/// The requests of one connection that were queued for the socket and are not done.
#[derive(Debug)]
pub(super) struct InFlight<T> {
    /// Those that will be answered.
    owed: VecDeque<Sent<T>>,
    /// Those that are done as soon as they are sent (acks = 0).
    unanswered: VecDeque<Sent<T>>,
    next_id: i32,
    /// No request is due earlier. It may lag behind, never ahead.
    earliest: Option<Instant>,
}

/// A request that was queued for the socket.
#[derive(Debug)]
pub(super) struct Sent<T> {
    pub(super) correlation_id: i32,
    pub(super) version: i16,
    pub(super) queued_at: Instant,
    /// How many bytes the socket must have taken for all of the request to be out.
    pub(super) end: u64,
    pub(super) deadline: Instant,
    pub(super) timeout: Duration,
    /// Memory that the answer may take without proof.
    pub(super) reserve_bytes: usize,
    pub(super) what: T,
}

impl<T> Sent<T> {
    /// Whether the broker may have got it, when the socket has taken so many bytes. A request that
    /// is cut cannot be executed.
    pub(super) fn maybe_written(&self, sent_bytes: u64) -> bool {
        self.end <= sent_bytes
    }
}

impl<T> InFlight<T> {
    pub(super) fn new() -> Self {
        Self { owed: VecDeque::new(), unanswered: VecDeque::new(), next_id: 0, earliest: None }
    }

    /// How many are on their way.
    pub(super) fn len(&self) -> usize {
        self.owed.len() + self.unanswered.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The id that the next request must carry.
    pub(super) fn take_id(&mut self) -> i32 {
        let id = self.next_id;
        self.next_id = id.checked_add(1).unwrap_or(0);
        id
    }

    /// A request that will be answered is on its way.
    pub(super) fn push(&mut self, sent: Sent<T>) {
        self.note(sent.deadline);
        self.owed.push_back(sent);
    }

    /// A request that will not be answered is on its way.
    pub(super) fn push_unanswered(&mut self, sent: Sent<T>) {
        self.note(sent.deadline);
        self.unanswered.push_back(sent);
    }

    fn note(&mut self, deadline: Instant) {
        self.earliest = Some(self.earliest.map_or(deadline, |e| e.min(deadline)));
    }

    /// Memory that the next answer may take without proof.
    pub(super) fn reserve_bytes(&self) -> usize {
        self.owed.front().map_or(0, |sent| sent.reserve_bytes)
    }

    /// An answer has come: the request that it belongs to.
    pub(super) fn handle_answer(&mut self, found: i32) -> Result<Sent<T>, Fault> {
        let wanted = self.owed.front().map(|sent| sent.correlation_id);
        let fault = Fault::Correlation { wanted, found };
        if wanted != Some(found) {
            return Err(fault);
        }
        self.owed.pop_front().ok_or(fault)
    }

    /// The next request without an answer that has left whole.
    pub(super) fn poll_sent(&mut self, flushed_bytes: u64) -> Option<Sent<T>> {
        match self.unanswered.front() {
            Some(sent) if sent.end <= flushed_bytes => self.unanswered.pop_front(),
            _ => None,
        }
    }

    /// When to look at [`poll_late`](Self::poll_late) again.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.earliest
    }

    /// The request that has waited too long, the longest of them. Then the connection is of no use
    /// any more, because answers come in order.
    pub(super) fn poll_late(&mut self, now: Instant) -> Option<&T> {
        if self.earliest.is_none_or(|earliest| now < earliest) {
            return None;
        }
        let first = self.owed.iter().chain(&self.unanswered).min_by_key(|sent| sent.deadline);
        self.earliest = first.map(|sent| sent.deadline);
        first.filter(|sent| sent.deadline <= now).map(|sent| &sent.what)
    }

    /// All that is left, in the order of sending, when the connection has ended.
    pub(super) fn drain(&mut self) -> Vec<Sent<T>> {
        self.earliest = None;
        let mut all: Vec<_> = self.owed.drain(..).chain(self.unanswered.drain(..)).collect();
        all.sort_by_key(|sent| sent.end);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(in_flight: &mut InFlight<&'static str>, end: u64, due: Instant) -> Sent<&'static str> {
        Sent {
            correlation_id: in_flight.take_id(),
            version: 0,
            queued_at: due,
            end,
            deadline: due,
            timeout: Duration::from_secs(1),
            reserve_bytes: 7,
            what: "it",
        }
    }

    fn three(now: Instant) -> InFlight<&'static str> {
        let mut in_flight = InFlight::new();
        for n in 1..=3 {
            let request = sent(&mut in_flight, n * 10, now + Duration::from_secs(4 - n));
            in_flight.push(request);
        }
        in_flight
    }

    #[test]
    fn answers_are_taken_in_order() {
        let mut in_flight = three(now());
        for id in 0..3 {
            assert_eq!(in_flight.handle_answer(id).unwrap().correlation_id, id);
        }
        assert!(in_flight.is_empty());
    }

    #[test]
    fn an_unknown_or_doubled_or_late_answer_is_a_fault() {
        let mut in_flight = three(now());
        let wrong = |wanted, found| Fault::Correlation { wanted, found };
        assert_eq!(in_flight.handle_answer(1).unwrap_err(), wrong(Some(0), 1));
        assert!(in_flight.handle_answer(0).is_ok());
        assert_eq!(in_flight.handle_answer(0).unwrap_err(), wrong(Some(1), 0));
        assert!(in_flight.handle_answer(1).is_ok());
        assert!(in_flight.handle_answer(2).is_ok());
        assert_eq!(in_flight.handle_answer(3).unwrap_err(), wrong(None, 3));
    }

    #[test]
    fn the_earliest_deadline_counts_whatever_the_order() {
        let start = now();
        let mut in_flight = three(start);
        assert_eq!(in_flight.deadline(), Some(start + Duration::from_secs(1)));
        assert_eq!(in_flight.poll_late(start), None);
        assert_eq!(in_flight.poll_late(start + Duration::from_secs(1)), Some(&"it"));
        for id in 0..3 {
            in_flight.handle_answer(id).unwrap();
        }
        assert_eq!(in_flight.poll_late(start + Duration::from_secs(9)), None);
        assert_eq!(in_flight.deadline(), None);
    }

    #[test]
    fn a_request_that_is_cut_was_certainly_not_executed() {
        let mut in_flight = three(now());
        let written: Vec<_> = in_flight.drain().iter().map(|sent| sent.maybe_written(29)).collect();
        assert_eq!(written, [true, true, false]);
    }

    #[test]
    fn a_request_without_an_answer_is_done_when_it_is_sent() {
        let mut in_flight = InFlight::new();
        let request = sent(&mut in_flight, 10, now());
        in_flight.push_unanswered(request);
        assert!(in_flight.poll_sent(9).is_none());
        assert_eq!(in_flight.poll_sent(10).unwrap().correlation_id, 0);
        assert!(in_flight.is_empty());
    }

    #[test]
    fn ids_never_become_negative() {
        let mut in_flight = InFlight::<()>::new();
        in_flight.next_id = i32::MAX;
        assert_eq!(in_flight.take_id(), i32::MAX);
        assert_eq!(in_flight.take_id(), 0);
    }

    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }
}
