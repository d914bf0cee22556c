//! Core: the sender's way back: answers and time become outcomes, retries, or failures.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use kurier_protocol::api::produce::ProduceResponse;

use super::config::Acks;
use super::fate::Fate;
use super::request::Loaded;
use super::response::{self, Verdict};
use super::sealed::Sealed;
use super::sender::{Action, Sender};
use super::sequence::{Refused, Written};
use crate::error::{Error, Waiting};
use crate::metrics::Produce;

/// What came.
impl Sender {
    /// A call has its answer, or will have none.
    pub(crate) fn handle_answer(
        &mut self,
        now: Instant,
        id: u64,
        answer: Result<ProduceResponse, Error>,
        chance: u64,
    ) {
        let Some(flight) = self.flights.remove(&id) else { return };
        let broker = self.brokers.entry(flight.broker).or_default();
        broker.in_flight -= 1;
        self.lanes.requeue(mem::take(&mut broker.blocked));
        let moment = Moment { now, chance };
        match answer {
            Ok(_) if self.config.acks == Acks::None => {
                let unknown = Fate::Stored { base_offset: -1, append_time: -1 };
                for loaded in flight.batches {
                    self.finish(loaded.slot, loaded.sealed, unknown.clone());
                }
            }
            Ok(response) => {
                for (loaded, verdict) in response::read(flight.batches, response) {
                    self.handle_verdict(moment, loaded, flight.broker, verdict);
                }
            }
            Err(error) => {
                for loaded in flight.batches {
                    self.handle_lost(moment, loaded, flight.broker, error.clone());
                }
            }
        }
        self.report_flushes();
    }
}

/// What an answer's handling needs to know of the world.
#[derive(Clone, Copy)]
struct Moment {
    now: Instant,
    chance: u64,
}

/// Time.
impl Sender {
    pub(super) fn pass_time(&mut self, now: Instant) {
        while let Some(timer) = self.linger.pop_due(now) {
            self.lanes.make_due(timer.slot, timer.number);
        }
        while let Some(timer) = self.linger.pop_late(now) {
            if let Some(lane) = self.lanes.get_mut(timer.slot) {
                lane.partition.mark_late(timer.number);
            }
        }
        self.lanes.pass_time(now);
        while let Some(slot) = self.lanes.pop_expired(now) {
            self.expire(slot);
        }
    }

    /// Fails the oldest batch of a partition: its delivery timeout has passed.
    fn expire(&mut self, slot: usize) {
        let after = self.config.delivery_timeout;
        let Some(lane) = self.lanes.get_mut(slot) else { return };
        let Some((number, _)) = lane.oldest() else { return };
        let topic = lane.partition.topic.clone();
        let partition = lane.partition.index;
        let last = lane.last_error.clone().map(Arc::new);
        let timed_out = |maybe_written| {
            let what = Waiting::Delivery { topic: (&*topic).into(), partition };
            Error::TimedOut { what, after, maybe_written, last: last.clone() }
        };
        let failed = |maybe_written| Fate::Failed(timed_out(maybe_written));
        let (mut was_sent, mut lost) = (false, 0);
        // Not even taken: it never left this process.
        while lane.taken < number
            && let Some(closed) = lane.partition.take(number)
        {
            lane.taken = closed.number;
            lost += closed.part.len();
            closed.part.complete(failed(false));
        }
        let is_due = |sealed: &Sealed| sealed.number == number;
        let waiting = mem::take(&mut lane.waiting);
        let (due, waiting) = waiting.into_iter().partition(is_due);
        lane.waiting = waiting;
        let mut due: VecDeque<Sealed> = due;
        for sealed in &mut due {
            let maybe_written = sealed.indefinite.is_some();
            was_sent |= maybe_written;
            lost += sealed.records();
            sealed.complete(failed(maybe_written));
            if let Some(stamp) = &sealed.stamp {
                lane.sequence.handle_failed(stamp, sealed.written());
            }
        }
        // In flight: the deliveries are told, the buffer is kept until the connection lets go. What
        // it has not begun to write, it will not write.
        for flight in self.flights.values_mut() {
            for (index, loaded) in flight.batches.iter_mut().enumerate() {
                if loaded.slot == slot && loaded.sealed.number == number {
                    let is_withdrawn = flight.gates.withdraw(index);
                    let maybe_written = !is_withdrawn || loaded.sealed.indefinite.is_some();
                    was_sent |= maybe_written;
                    lost += loaded.sealed.records();
                    loaded.sealed.complete(failed(maybe_written));
                    // What the flight comes to says nothing of it any more.
                    if let (true, Some(stamp)) = (is_withdrawn, &loaded.sealed.stamp)
                        && let Some(lane) = self.lanes.get_mut(slot)
                    {
                        lane.sequence.handle_failed(stamp, loaded.sealed.written());
                    }
                }
            }
        }
        self.note_failure(slot, number, &timed_out(was_sent));
        self.note_failed(slot, lost);
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.forget(number);
        }
        self.lanes.update_expiry(slot);
        self.report_flushes();
    }
}

/// What becomes of a batch.
impl Sender {
    fn handle_verdict(
        &mut self,
        moment: Moment,
        mut loaded: Loaded,
        broker: i32,
        verdict: Verdict,
    ) {
        match verdict {
            Verdict::Done(Fate::Failed(error)) => {
                let error = error.seen_as(self.principal.as_ref());
                self.fail(loaded, error);
            }
            Verdict::Done(fate) => {
                self.note_stored(&loaded, broker, &fate);
                self.finish(loaded.slot, loaded.sealed, fate);
            }
            Verdict::Each(refusals) => {
                let error = refusals.error(0);
                if let Some(part) = loaded.sealed.part.take() {
                    self.note_failed(loaded.slot, part.len());
                    self.note_failure(loaded.slot, loaded.sealed.number, &error);
                    part.complete_each(|index| Fate::Failed(refusals.error(index)));
                }
                self.finish(loaded.slot, loaded.sealed, Fate::Failed(error));
            }
            Verdict::Retry(error) => self.retry(moment, loaded, error),
            Verdict::Refresh(error) => {
                self.wants_refresh = true;
                self.retry(moment, loaded, error);
            }
            Verdict::Follow(error, hint) => {
                self.actions.push_back(Action::Heard(hint));
                let slot = loaded.slot;
                // A broker that is wrong again and again is not followed at once.
                let is_first = self.lanes.get(slot).is_some_and(|lane| lane.backoff.is_fresh());
                self.retry(moment, loaded, error);
                if is_first {
                    self.lanes.heed_news(slot);
                }
            }
            Verdict::Split(_) if loaded.sealed.records() > 1 => self.split(loaded),
            Verdict::Split(error) => self.fail(loaded, error),
            Verdict::Renumber(error, log_start) => {
                self.handle_refused(moment, loaded, error, log_start);
            }
        }
    }

    fn note_stored(&mut self, loaded: &Loaded, broker: i32, fate: &Fate) {
        let (Some(lane), Some(stamp)) = (self.lanes.get_mut(loaded.slot), &loaded.sealed.stamp)
        else {
            return;
        };
        let last = match fate {
            Fate::Stored { base_offset: 0.., .. } if loaded.sealed.records() == 0 => None,
            Fate::Stored { base_offset: base @ 0.., .. } => {
                Some(base.saturating_add(i64::from(loaded.sealed.records()) - 1))
            }
            _ => None,
        };
        lane.sequence.handle_stored(stamp, broker, last);
        if let Some(transaction) = &mut self.transaction {
            transaction.handle_stored();
        }
    }

    /// The leader refuses the number of a batch.
    fn handle_refused(&mut self, moment: Moment, loaded: Loaded, error: Error, log_start: i64) {
        let (Some(lane), Some(stamp)) = (self.lanes.get_mut(loaded.slot), &loaded.sealed.stamp)
        else {
            return self.fail(loaded, error);
        };
        match lane.sequence.handle_refused(stamp, loaded.sealed.written()) {
            Refused::Early => {}
            Refused::Unknown => return self.fail(loaded, error),
            Refused::Renumber if self.transaction.is_some() => return self.fail(loaded, error),
            Refused::Renumber => {
                let (topic, partition) = (&loaded.topic, loaded.index);
                if lane.sequence.suspects_loss(log_start) {
                    tracing::warn!(%topic, partition, %error, "confirmed records may be lost");
                } else {
                    tracing::debug!(%topic, partition, %error, "numbers begin anew");
                }
            }
        }
        self.retry(moment, loaded, error);
    }

    /// The call has failed as a whole.
    fn handle_lost(&mut self, moment: Moment, mut loaded: Loaded, broker: i32, error: Error) {
        let magic = self.brokers.get(&broker).and_then(|b| b.magic);
        if loaded.sealed.part.is_some()
            && matches!(error, Error::Unsupported { .. })
            && magic.is_some_and(|magic| magic != loaded.sealed.magic)
        {
            // It went in the wrong format; the next drain converts it.
            loaded.sealed.attempts -= 1;
            return self.put_back(loaded);
        }
        if error.is_retriable() {
            self.wants_refresh = true;
            return self.retry(moment, loaded, error);
        }
        self.fail(loaded, error);
    }

    fn retry(&mut self, moment: Moment, mut loaded: Loaded, error: Error) {
        let slot = loaded.slot;
        if loaded.sealed.part.is_none() {
            // Its deliveries were told that the timeout has passed.
            return self.finish(slot, loaded.sealed, Fate::Failed(error));
        }
        let is_over = self.refusal().is_some();
        if is_over || loaded.sealed.attempts > self.config.retry_count_max {
            return self.fail(loaded, error);
        }
        tracing::debug!(topic = %loaded.topic, partition = loaded.index, %error, "sending again");
        let (topic, records) = (Arc::clone(&loaded.topic), loaded.sealed.records());
        self.done.push(Produce::Retry { topic, records });
        if error.maybe_written() {
            loaded.sealed.indefinite = Some(error.clone());
        }
        let stamp = loaded.sealed.stamp;
        let wait = self.lanes.get_mut(slot).and_then(|lane| {
            lane.last_error = Some(error);
            // Those behind it wait for it anyway, and their failures are no news.
            let is_first = stamp.is_none_or(|stamp| lane.sequence.is_first(&stamp));
            is_first.then(|| lane.backoff.next(moment.chance))
        });
        self.put_back(loaded);
        if let Some(wait) = wait {
            self.lanes.back_off(slot, moment.now + wait);
        }
    }

    fn put_back(&mut self, loaded: Loaded) {
        if let Some(lane) = self.lanes.get_mut(loaded.slot) {
            lane.in_flight -= 1;
            lane.sequence.handle_returned();
            lane.put_back(loaded.sealed);
            self.lanes.queue(loaded.slot);
        }
    }

    /// The broker finds a batch too large: sends it as two. That is no attempt.
    fn split(&mut self, mut loaded: Loaded) {
        let slot = loaded.slot;
        loaded.sealed.attempts -= 1;
        let number = loaded.sealed.number;
        match self.sealer.split(&mut loaded.sealed) {
            Ok([first, second]) => {
                self.done.push(Produce::Split);
                let Some(lane) = self.lanes.get_mut(slot) else { return };
                if let (Some(stamp), Some(middle)) = (&first.stamp, &second.stamp) {
                    lane.sequence.handle_split(stamp, middle);
                }
                lane.in_flight -= 1;
                lane.sequence.handle_returned();
                lane.note_split(number);
                lane.put_back(second);
                lane.put_back(first);
                self.lanes.queue(slot);
            }
            Err(error) => {
                tracing::warn!(topic = %loaded.topic, %error, "cannot split a batch");
                self.fail(loaded, error);
            }
        }
    }

    fn fail(&mut self, mut loaded: Loaded, error: Error) {
        let error = loaded.sealed.reported(error);
        tracing::debug!(topic = %loaded.topic, partition = loaded.index, %error, "not delivered");
        self.finish(loaded.slot, loaded.sealed, Fate::Failed(error));
    }

    /// A batch that was in flight has its outcome.
    fn finish(&mut self, slot: usize, sealed: Sealed, fate: Fate) {
        let is_stored = matches!(fate, Fate::Stored { .. });
        if let Some(lane) = self.lanes.get_mut(slot) {
            lane.in_flight -= 1;
            if is_stored {
                lane.backoff.reset();
                lane.last_error = None;
            }
            if lane.has_batch() {
                self.lanes.queue(slot);
            }
        }
        self.drop_sealed(slot, sealed, fate);
    }

    pub(super) fn drop_sealed(&mut self, slot: usize, mut sealed: Sealed, fate: Fate) {
        if let Fate::Failed(error) = &fate
            && let (Some(lane), Some(stamp)) = (self.lanes.get_mut(slot), &sealed.stamp)
        {
            let written = match error.maybe_written() {
                true => Written::Maybe,
                false => sealed.written(),
            };
            lane.sequence.handle_failed(stamp, written);
        }
        // Of one that had its outcome before, nobody waits to hear.
        let failure = match &fate {
            Fate::Failed(error) if sealed.part.is_some() => Some(error.clone()),
            _ => None,
        };
        if failure.is_some() {
            self.note_failed(slot, sealed.records());
        }
        sealed.complete(fate);
        self.accumulator.pool.put_sealed(sealed.bytes);
        drop(sealed.space);
        self.settle(slot, sealed.number, failure.as_ref());
    }

    /// A batch, or a piece of one, has its outcome, and its deliveries know.
    pub(super) fn settle(&mut self, slot: usize, number: u64, failure: Option<&Error>) {
        if let Some(error) = failure {
            self.note_failure(slot, number, error);
        }
        self.lanes.settle(slot, number);
    }

    /// Records of a partition were not delivered.
    pub(super) fn note_failed(&mut self, slot: usize, records: u32) {
        if let Some(lane) = self.lanes.get(slot) {
            let topic = Arc::clone(&lane.partition.topic);
            self.done.push(Produce::Failure { topic, records });
        }
    }

    /// Whoever waits for these records shall hear of it, and the log if nobody can.
    fn note_failure(&mut self, slot: usize, number: u64, error: &Error) {
        if self.is_ending
            && let Some(lane) = self.lanes.get_mut(slot)
        {
            let (topic, partition) = (lane.partition.topic.clone(), lane.partition.index);
            tracing::warn!(%topic, partition, %error, "records were not delivered");
        }
        if let Some(transaction) = &mut self.transaction {
            transaction.handle_failure(error);
        }
        self.flushes.note_failure(slot, number, error);
    }

    pub(super) fn report_flushes(&mut self) {
        if self.flushes.is_empty() {
            return;
        }
        let lanes = &self.lanes;
        let oldest = |slot| lanes.get(slot)?.oldest().map(|(number, _)| number);
        let done = self.flushes.take_done(oldest).into_iter();
        self.actions.extend(done.map(|flush| Action::Flushed(flush.id, flush.failure)));
    }
}
