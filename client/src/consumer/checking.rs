//! Core: the fetcher's fifth part: whether its positions are still of the logs that leaders have
//! (KIP-320), and of the topics (KIP-516).
//!
//! A position knows the leader epoch of the record before it. When another leader is known, or the
//! same in another epoch, it is asked where that epoch ends in its log before anything is fetched
//! of it: if that is before the position, records were read that are gone, because a replica was
//! elected that had not got them. What follows is a policy, never silent, and never a jump to the
//! log's beginning.

use std::sync::Arc;

use kurier_protocol::api::offset_for_leader_epoch::{EpochEndOffset, OffsetForLeaderEpochResponse};
use kurier_protocol::{ApiKey, Uuid};

use super::entry::{Entry, Item, Then};
use super::fetcher::{Fetcher, Moment};
use super::lane::Lane;
use super::position::Place;
use super::question::Check;
use super::turn::{Mark, Turn};
use crate::error::{About, Error, Remedy, remedy};

/// What came of it.
impl Fetcher {
    /// A leader has answered about positions, or will not.
    pub(crate) fn handle_checked(
        &mut self,
        moment: Moment,
        (lane, checks): (Option<Lane>, Vec<Check>),
        answer: Result<OffsetForLeaderEpochResponse, Error>,
    ) {
        self.is_stirred = true;
        if let (Some(lane), Err(error)) = (lane, &answer)
            && error.is_retriable()
        {
            self.shun(lane, moment.now);
        }
        for check in checks {
            let Some(track) = self.current(check.turn) else { continue };
            if track.checking.take() != Some(check.leader) || track.place != Place::At(check.offset)
            {
                continue;
            }
            match &answer {
                Ok(response) => match found(response, &check) {
                    Some(found) => self.handle_epoch_end(moment, &check, found),
                    None => self.ask_again(moment, &check, &missing(&check)),
                },
                // The broker is older than the question: it is believed, as it always was.
                Err(Error::Unsupported { .. }) => track.checked = Some(check.leader),
                Err(error) if error.is_retriable() => self.ask_again(moment, &check, error),
                Err(error) => self.fail(check.turn, error.clone()),
            }
        }
    }

    fn handle_epoch_end(&mut self, moment: Moment, check: &Check, found: &EpochEndOffset) {
        let code = found.error_code;
        match remedy(ApiKey::OFFSET_FOR_LEADER_EPOCH, code) {
            Remedy::Ok if found.end_offset < 0 || found.leader_epoch < 0 => {
                self.handle_divergence(check.turn, None);
            }
            Remedy::Ok if found.end_offset < check.offset => {
                let divergence = Some((found.end_offset, found.leader_epoch));
                self.handle_divergence(check.turn, divergence);
            }
            Remedy::Ok => {
                if let Some(track) = self.current(check.turn) {
                    track.checked = Some(check.leader);
                }
            }
            decided => {
                let about = About::partition(&check.topic, check.partition);
                let error = Error::broker(ApiKey::OFFSET_FOR_LEADER_EPOCH, code, about);
                match decided {
                    Remedy::Retry | Remedy::Refresh => self.ask_again(moment, check, &error),
                    _ => self.fail(check.turn, error),
                }
            }
        }
    }

    fn ask_again(&mut self, moment: Moment, check: &Check, error: &Error) {
        self.wants_refresh = true;
        self.retry(moment, check.turn, error);
        // Another leader may answer at once.
        if self.track(check.turn.slot).is_some_and(|track| track.checked.is_some()) {
            self.heed_news(check.turn.slot);
        }
    }

    /// The leader's log is another one than was read from: up to here both agree.
    pub(super) fn handle_divergence(&mut self, turn: Turn, divergence: Option<(i64, i32)>) {
        let reset = self.config.offset_reset;
        let Some(track) = self.current(turn) else { return };
        let Place::At(offset) = track.place else { return };
        let (topic, partition) = (Arc::clone(&track.topic), track.partition);
        let error = Error::LogTruncation {
            topic: (&*topic).into(),
            partition,
            offset,
            leader_epoch: track.epoch,
            divergence,
        };
        let end = divergence.map(|(offset, leader_epoch)| Mark { offset, leader_epoch });
        match (end, reset.start()) {
            (None, Some(start)) => {
                track.reset(start);
                tracing::warn!(%topic, partition, offset, ?start, "log truncated: reset");
            }
            (None, None) => {
                track.cut(None);
                self.entries.push(Entry { turn, item: Item::Gone });
                self.fail(turn, error);
            }
            (Some(end @ Mark { offset: until, leader_epoch }), start) => {
                track.cut(Some(end));
                (track.place, track.epoch) = (Place::At(until), leader_epoch);
                let then = if start.is_none() { Then::StandsStill } else { Then::GoesOn };
                self.entries.push(Entry { turn, item: Item::Cut { end, then } });
                if then == Then::StandsStill {
                    return self.fail(turn, error);
                }
                tracing::warn!(%topic, partition, offset, until, "log truncated: going back");
            }
        }
    }

    /// The topic has another id than the one that was read.
    pub(super) fn handle_recreated(&mut self, slot: usize, topic_id: Uuid) {
        let reset = self.config.offset_reset;
        let Some(track) = self.track(slot) else { return };
        let Place::At(offset) = track.place else { return };
        let (turn, topic, partition) = (track.turn, Arc::clone(&track.topic), track.partition);
        // No cut is kept: whoever gives something back is told of the other id once more.
        track.told.cuts += 1;
        self.entries.push(Entry { turn, item: Item::Gone });
        let Some(start) = reset.start() else {
            let topic = (&*topic).into();
            return self.fail(turn, Error::TopicRecreated { topic, partition, offset });
        };
        self.is_stirred = true;
        let Some(track) = self.track(slot) else { return };
        track.topic_id = topic_id;
        track.reset(start);
        tracing::warn!(%topic, partition, offset, ?start, "topic created anew: reset");
    }
}

fn found<'a>(
    response: &'a OffsetForLeaderEpochResponse,
    check: &Check,
) -> Option<&'a EpochEndOffset> {
    let of_topic = response.topics.iter().filter(|topic| *topic.topic == *check.topic);
    of_topic.flat_map(|topic| &topic.partitions).find(|found| found.partition == check.partition)
}

/// What to say where an answer leaves a partition out.
fn missing(check: &Check) -> Error {
    let code = kurier_protocol::ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let about = About::partition(&check.topic, check.partition);
    Error::broker(ApiKey::OFFSET_FOR_LEADER_EPOCH, code, about)
}
