//! Core: how a producer comes by its identity: it asks for one when it is first needed, and for
//! another when that one is used up.

use std::mem;
use std::time::Instant;

use kurier_protocol::ApiKey;

use super::config::{Idempotence, ProducerConfig};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::transactions::ProducerIdAndEpoch;

/// What a producer that numbers its batches has instead of an identity, until it has one.
#[derive(Debug)]
pub(crate) struct Claim {
    state: State,
    wanted: Idempotence,
    backoff: Backoff,
    /// It is not asked for before this.
    retry_at: Option<Instant>,
    /// Partitions that wait for it, by slot.
    waiting: Vec<usize>,
    /// Whether there ever was one: then batches have numbers, and go on having them.
    was_known: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Batches go without numbers.
    Off,
    /// Nobody needs one yet.
    Idle,
    /// One is needed.
    Needed,
    /// A broker was asked.
    Asked,
    Known(ProducerIdAndEpoch),
}

/// What follows from a broker's answer.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// These partitions go on: there is an identity, or there will be none and none is needed.
    Go(Vec<usize>),
    /// It is asked for again; why these partitions wait.
    Later(Vec<usize>, Error),
    /// What these partitions have now fails. It is asked for again when there is more.
    Failed(Vec<usize>, Error),
}

impl Claim {
    pub(crate) fn new(config: &ProducerConfig, backoff: Backoff) -> Self {
        let state = if config.is_idempotent() { State::Idle } else { State::Off };
        let wanted = config.idempotence;
        Self { state, wanted, backoff, retry_at: None, waiting: Vec::new(), was_known: false }
    }

    /// Of a producer that was given its identity, and gets no other.
    pub(crate) fn given(identity: ProducerIdAndEpoch, backoff: Backoff) -> Self {
        let state = State::Known(identity);
        let wanted = Idempotence::Required;
        Self { state, wanted, backoff, retry_at: None, waiting: Vec::new(), was_known: true }
    }

    /// Whether batches are numbered.
    pub(crate) fn is_on(&self) -> bool {
        self.state != State::Off
    }

    /// Whether there is nothing to do without.
    pub(crate) fn is_required(&self) -> bool {
        self.is_on() && self.wanted == Idempotence::Required
    }

    /// It will be needed soon.
    pub(crate) fn prepare(&mut self) {
        if self.state == State::Idle {
            self.state = State::Needed;
        }
    }

    /// The identity, unless it is one whose producer id is used up. If there is none it is asked
    /// for, and the partition of this slot waits.
    pub(crate) fn of(&mut self, slot: usize, worn: Option<i64>) -> Option<ProducerIdAndEpoch> {
        match self.state {
            State::Known(identity) if Some(identity.id) != worn => return Some(identity),
            State::Known(_) | State::Idle => self.state = State::Needed,
            State::Needed | State::Asked | State::Off => {}
        }
        self.waiting.push(slot);
        None
    }

    /// Whether a broker is to be asked now.
    pub(crate) fn poll(&mut self, now: Instant) -> bool {
        let is_due = self.state == State::Needed && self.retry_at.is_none_or(|at| at <= now);
        if is_due {
            (self.state, self.retry_at) = (State::Asked, None);
        }
        is_due
    }

    /// When [`poll`](Self::poll) is to be called again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.retry_at.filter(|_| self.state == State::Needed)
    }

    /// A broker has answered, or will not.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        answer: Result<ProducerIdAndEpoch, Error>,
        chance: u64,
    ) -> Claimed {
        let waiting = mem::take(&mut self.waiting);
        let error = match answer {
            Ok(identity) => {
                (self.state, self.was_known) = (State::Known(identity), true);
                self.backoff.reset();
                let ProducerIdAndEpoch { id, epoch } = identity;
                tracing::debug!(producer_id = id, epoch, "idempotent");
                return Claimed::Go(waiting);
            }
            Err(error) => error,
        };
        let is_unsupported = matches!(error, Error::Unsupported { .. });
        if is_unsupported && self.wanted != Idempotence::Required && !self.was_known {
            tracing::debug!(%error, "not idempotent: one batch of a partition is in flight");
            self.state = State::Off;
            return Claimed::Go(waiting);
        }
        self.retry_at = Some(now + self.backoff.next(chance));
        if error.is_retriable() {
            tracing::debug!(%error, "asking for a producer id again");
            self.state = State::Needed;
            self.waiting.clone_from(&waiting);
            return Claimed::Later(waiting, error);
        }
        tracing::warn!(%error, "there is no producer id");
        self.state = State::Idle;
        let error = if is_unsupported { unsupported() } else { error };
        Claimed::Failed(waiting, error)
    }
}

/// What is said where brokers are older than producer ids, and idempotence was asked for.
pub(crate) fn unsupported() -> Error {
    Error::Unsupported {
        feature: "an idempotent producer (enable.idempotence)".into(),
        needed: format!("{} (Kafka 0.11)", ApiKey::INIT_PRODUCER_ID).into(),
        offered: "none of it".into(),
        remedy: "upgrade the brokers, or leave enable.idempotence unset: then a record that is \
                 sent again after a lost answer may be written twice"
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kurier_protocol::ErrorCode;

    use super::*;
    use crate::error::About;

    const MS: Duration = Duration::from_millis(1);
    const ONE: ProducerIdAndEpoch = ProducerIdAndEpoch { id: 1, epoch: 0 };
    const TWO: ProducerIdAndEpoch = ProducerIdAndEpoch { id: 2, epoch: 0 };

    fn claim(wanted: Idempotence) -> (Claim, Instant) {
        let backoff = Backoff::new(100 * MS, 1000 * MS);
        let config = ProducerConfig { idempotence: wanted, ..ProducerConfig::default() };
        (Claim::new(&config, backoff), tokio::time::Instant::now().into_std())
    }

    fn refused(code: ErrorCode) -> Error {
        Error::broker(ApiKey::INIT_PRODUCER_ID, code, About::Nothing)
    }

    #[test]
    fn one_answer_serves_all_partitions_that_wait() {
        let (mut claim, now) = claim(Idempotence::IfPossible);
        assert!(!claim.poll(now), "nobody needs it");
        claim.prepare();
        assert!(claim.poll(now) && !claim.poll(now));
        assert_eq!((claim.of(3, None), claim.of(5, None)), (None, None));
        let Claimed::Go(waiting) = claim.handle(now, Ok(ONE), 200) else { panic!() };
        assert_eq!((waiting, claim.of(3, None)), (vec![3, 5], Some(ONE)));
    }

    #[test]
    fn one_whose_producer_id_is_used_up_is_asked_for_anew() {
        let (mut claim, now) = claim(Idempotence::IfPossible);
        claim.prepare();
        assert!(claim.poll(now));
        drop(claim.handle(now, Ok(ONE), 200));
        assert_eq!(claim.of(0, Some(1)), None);
        assert!(claim.poll(now));
        drop(claim.handle(now, Ok(TWO), 200));
        assert_eq!((claim.of(0, Some(1)), claim.of(1, Some(1))), (Some(TWO), Some(TWO)));
    }

    #[test]
    fn what_passes_is_tried_again_and_everything_else_is_told() {
        let (mut claim, now) = claim(Idempotence::IfPossible);
        assert_eq!(claim.of(7, None), None);
        assert!(claim.poll(now));
        let passing = refused(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS);
        assert!(matches!(claim.handle(now, Err(passing), 200), Claimed::Later(..)));
        assert_eq!((claim.deadline(), claim.poll(now)), (Some(now + 100 * MS), false));
        let later = now + 100 * MS;
        assert!(claim.poll(later));
        let refused = refused(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
        let Claimed::Failed(slots, _) = claim.handle(later, Err(refused), 200) else { panic!() };
        assert_eq!((slots, claim.deadline()), (vec![7], None));
        // The next record asks again, as an ACL may have been added, but not at once.
        assert_eq!(claim.of(7, None), None);
        assert!(!claim.poll(later) && claim.deadline() == Some(later + 200 * MS));
        assert!(claim.poll(later + 200 * MS));
    }

    #[test]
    fn a_broker_without_producer_ids_ends_it_unless_it_was_asked_for() {
        let too_old = || Error::unsupported_api(ApiKey::INIT_PRODUCER_ID, (0, 5), None, None);
        let (mut claim, now) = claim(Idempotence::IfPossible);
        claim.prepare();
        assert!(claim.poll(now));
        assert!(matches!(claim.handle(now, Err(too_old()), 200), Claimed::Go(_)));
        assert!(!claim.is_on());
        let (mut claim, now) = self::claim(Idempotence::Required);
        claim.prepare();
        assert!(claim.poll(now));
        let Claimed::Failed(_, error) = claim.handle(now, Err(too_old()), 200) else { panic!() };
        let text = error.to_string();
        for part in ["enable.idempotence", "InitProducerId", "0.11"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(claim.is_on());
    }
}
