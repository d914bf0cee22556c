//! Core: what a Produce response says of each batch of its request.

use kurier_protocol::api::produce::{
    BatchIndexAndErrorMessage, NodeEndpoint, PartitionProduceResponse, ProduceResponse,
    TopicProduceResponse,
};
use kurier_protocol::{ApiKey, ErrorCode, Str};

use super::fate::Fate;
use super::request::Loaded;
use crate::error::{About, Error, Remedy, remedy};
use crate::metadata::{Hint, Leader};
use crate::net::Address;

/// What happens to a batch next.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// All its records have this fate.
    Done(Fate),
    /// Each of its records has its own fate.
    Each(Refusals),
    /// It is sent again.
    Retry(Error),
    /// It is sent again, to the leader that fresh metadata names.
    Refresh(Error),
    /// It is sent again, to the leader that the broker has named (KIP-951).
    Follow(Error, Hint),
    /// It goes as two; a single record fails with this.
    Split(Error),
    /// Its leader refuses its number. Where the log begins, if the leader says so, else -1.
    Renumber(Error, i64),
}

/// Takes a response apart: a verdict on each batch.
pub(crate) fn read(batches: Vec<Loaded>, response: ProduceResponse) -> Vec<(Loaded, Verdict)> {
    let mut batches: Vec<_> = batches.into_iter().map(Some).collect();
    let mut verdicts = Vec::with_capacity(batches.len());
    let mut hint = 0;
    for topic in response.responses {
        for partition in &topic.partition_responses {
            let Some(loaded) = find(&mut batches, &mut hint, &topic, partition.index) else {
                continue;
            };
            let verdict = match verdict(&loaded, partition) {
                Verdict::Refresh(error) => {
                    match named(&loaded, partition, &response.node_endpoints) {
                        Some(hint) => Verdict::Follow(error, hint),
                        None => Verdict::Refresh(error),
                    }
                }
                other => other,
            };
            verdicts.push((loaded, verdict));
        }
    }
    // A partition that the answer leaves out: nobody knows.
    verdicts.extend(batches.into_iter().flatten().map(|loaded| {
        let code = ErrorCode::UNKNOWN_SERVER_ERROR;
        let error = Error::broker(ApiKey::PRODUCE, code, about(&loaded));
        (loaded, Verdict::Retry(error))
    }));
    verdicts
}

/// Takes the batch that an answer is about; nearly always it is the next one.
fn find(
    batches: &mut [Option<Loaded>],
    hint: &mut usize,
    topic: &TopicProduceResponse,
    index: i32,
) -> Option<Loaded> {
    let is_it = |loaded: &Option<Loaded>| {
        let Some(loaded) = loaded else { return false };
        let is_named = match topic.name.is_empty() {
            true => loaded.topic_id == topic.topic_id,
            false => *loaded.topic == *topic.name,
        };
        is_named && loaded.index == index
    };
    if !batches.get(*hint).is_some_and(is_it) {
        *hint = batches.iter().position(is_it)?;
    }
    let loaded = batches.get_mut(*hint)?.take();
    *hint += 1;
    loaded
}

/// The leader that an answer names.
fn named(
    loaded: &Loaded,
    partition: &PartitionProduceResponse,
    endpoints: &[NodeEndpoint],
) -> Option<Hint> {
    let named = &partition.current_leader;
    let is_there = |endpoint: &&NodeEndpoint| endpoint.node_id == named.leader_id;
    let address = endpoints.iter().find(is_there).and_then(|endpoint| {
        let port = u16::try_from(endpoint.port).ok()?;
        Some(Address::new(&*endpoint.host, port))
    });
    (named.leader_id >= 0).then(|| Hint {
        topic: loaded.topic.clone(),
        topic_id: loaded.topic_id,
        partition: loaded.index,
        leader: Leader { broker: named.leader_id, epoch: named.leader_epoch },
        address,
    })
}

fn verdict(loaded: &Loaded, partition: &PartitionProduceResponse) -> Verdict {
    let code = partition.error_code;
    let with = |words: Option<&str>| Error::said(ApiKey::PRODUCE, code, about(loaded), words);
    let words = partition.error_message.as_deref();
    match remedy(ApiKey::PRODUCE, code) {
        // Of a duplicate the broker may have forgotten the offset.
        Remedy::Ok => Verdict::Done(Fate::Stored {
            base_offset: partition.base_offset,
            append_time: partition.log_append_time_ms,
        }),
        Remedy::Retry => Verdict::Retry(with(words)),
        Remedy::Refresh => Verdict::Refresh(with(words)),
        Remedy::Split => Verdict::Split(with(Some(&too_large(loaded.sealed.bytes.len(), words)))),
        Remedy::Epoch if loaded.sealed.stamp.is_some() => {
            Verdict::Renumber(with(words), partition.log_start_offset)
        }
        _ if !partition.record_errors.is_empty() => Verdict::Each(Refusals {
            code,
            about: about(loaded),
            message: partition.error_message.clone(),
            refused: partition.record_errors.clone(),
        }),
        _ => Verdict::Done(Fate::Failed(with(words))),
    }
}

/// A batch of which the broker names the records that it refused (KIP-467).
#[derive(Debug)]
pub(crate) struct Refusals {
    code: ErrorCode,
    about: About,
    message: Option<Str>,
    refused: Vec<BatchIndexAndErrorMessage>,
}

impl Refusals {
    /// What one record is told.
    pub(crate) fn error(&self, index: u32) -> Error {
        let is_it = |e: &&BatchIndexAndErrorMessage| u32::try_from(e.batch_index) == Ok(index);
        let words = match self.refused.iter().find(is_it) {
            Some(own) => own.batch_index_error_message.as_deref().or(self.message.as_deref()),
            None => Some(NEIGHBOUR),
        };
        Error::said(ApiKey::PRODUCE, self.code, self.about.clone(), words)
    }
}

/// What the records beside a refused one are told.
const NEIGHBOUR: &str = "another record of the batch was refused, and with it the batch";

fn about(loaded: &Loaded) -> About {
    About::partition(&loaded.topic, loaded.index)
}

fn too_large(bytes: usize, words: Option<&str>) -> String {
    let words = words.map(|words| format!(" ({words})")).unwrap_or_default();
    format!(
        "one record makes a batch of {bytes} bytes, which is over max.message.bytes of the topic \
         or message.max.bytes of the broker{words}"
    )
}
