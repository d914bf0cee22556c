//! Core: what a Produce response says of each batch of its request.

use std::sync::Arc;

use kurier_protocol::api::produce::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    ProduceResponse, TopicProduceResponse,
};
use kurier_protocol::{ApiKey, ErrorCode, Str};

use super::delivery::Fate;
use super::request::Loaded;
use crate::error::{About, Error, Remedy, remedy};
use crate::metadata::Leader;

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
    /// It goes as two; a single record fails with this.
    Split(Error),
}

/// A new leader that a broker named (KIP-951).
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) leader: Leader,
    pub(crate) endpoint: Option<(String, u16)>,
}

/// Takes a response apart: a verdict on each batch, and the leaders that it names.
pub(crate) fn read(
    batches: Vec<Loaded>,
    response: ProduceResponse,
) -> (Vec<(Loaded, Verdict)>, Vec<Heard>) {
    let mut batches: Vec<_> = batches.into_iter().map(Some).collect();
    let mut verdicts = Vec::with_capacity(batches.len());
    let mut heard = Vec::new();
    let mut hint = 0;
    for topic in response.responses {
        for partition in &topic.partition_responses {
            let Some(loaded) = find(&mut batches, &mut hint, &topic, partition.index) else {
                continue;
            };
            heard.extend(named(&loaded, &partition.current_leader, &response.node_endpoints));
            let verdict = verdict(&loaded, partition);
            verdicts.push((loaded, verdict));
        }
    }
    // A partition that the answer leaves out: nobody knows.
    verdicts.extend(batches.into_iter().flatten().map(|loaded| {
        let code = ErrorCode::UNKNOWN_SERVER_ERROR;
        let error = Error::broker(ApiKey::PRODUCE, code, about(&loaded));
        (loaded, Verdict::Retry(error))
    }));
    (verdicts, heard)
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

fn named(loaded: &Loaded, named: &LeaderIdAndEpoch, endpoints: &[NodeEndpoint]) -> Option<Heard> {
    if named.leader_id < 0 {
        return None;
    }
    let endpoint = endpoints.iter().find(|endpoint| endpoint.node_id == named.leader_id);
    Some(Heard {
        topic: loaded.topic.clone(),
        partition: loaded.index,
        leader: Leader { broker: named.leader_id, epoch: named.leader_epoch },
        endpoint: endpoint.and_then(|e| Some((e.host.to_string(), u16::try_from(e.port).ok()?))),
    })
}

fn verdict(loaded: &Loaded, partition: &PartitionProduceResponse) -> Verdict {
    let code = partition.error_code;
    let with = |message| {
        let about = about(loaded);
        Error::Broker { api: ApiKey::PRODUCE, code, about, message, principal: None }
    };
    let words = || partition.error_message.as_ref().map(|words| Box::from(&**words));
    match remedy(ApiKey::PRODUCE, code) {
        // Of a duplicate the broker may have forgotten the offset.
        Remedy::Ok => Verdict::Done(Fate::Stored {
            base_offset: partition.base_offset,
            append_time: partition.log_append_time_ms,
        }),
        Remedy::Retry => Verdict::Retry(with(words())),
        Remedy::Refresh => Verdict::Refresh(with(words())),
        Remedy::Split => Verdict::Split(with(Some(too_large(
            loaded.sealed.bytes.len(),
            partition.error_message.as_ref(),
        )))),
        _ if !partition.record_errors.is_empty() => Verdict::Each(Refusals {
            code,
            about: about(loaded),
            message: partition.error_message.clone(),
            refused: partition.record_errors.clone(),
        }),
        _ => Verdict::Done(Fate::Failed(with(words()))),
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
        let message = match self.refused.iter().find(is_it) {
            Some(own) => {
                let words = own.batch_index_error_message.as_ref().or(self.message.as_ref());
                words.map(|words| Box::from(&**words))
            }
            None => Some(NEIGHBOUR.into()),
        };
        let about = self.about.clone();
        let (api, code) = (ApiKey::PRODUCE, self.code);
        Error::Broker { api, code, about, message, principal: None }
    }
}

/// What the records beside a refused one are told.
const NEIGHBOUR: &str = "another record of the batch was refused, and with it the batch";

fn about(loaded: &Loaded) -> About {
    About::partition(&loaded.topic, loaded.index)
}

fn too_large(bytes: usize, words: Option<&Str>) -> Box<str> {
    let words = words.map(|w| format!(" ({})", &**w)).unwrap_or_default();
    format!(
        "one record makes a batch of {bytes} bytes, which is over max.message.bytes of the topic \
         or message.max.bytes of the broker{words}"
    )
    .into()
}
