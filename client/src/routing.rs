//! Requests to whoever must answer them, again where that is safe.

use std::time::Duration;

use kurier_env::Purpose;
use kurier_protocol::api;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::{self, Value};
use kurier_protocol::{ApiKey, ErrorCode, Message, Request, encode};
use tokio::time::{Instant, sleep, timeout_at};

use crate::backoff::Backoff;
use crate::cluster::Cluster;
use crate::error::{About, Cause, Error, Remedy, Waiting, remedy};
use crate::metadata::Creation;
use crate::net::Class;

/// Who must answer a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Any broker.
    Any,
    /// The broker that changes topics.
    Controller,
    /// The broker with this id.
    Broker(i32),
    /// The broker that serves this partition.
    Leader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
    },
}

/// Sends a request to its target until it is answered by whoever is the target then, or until the
/// deadline. After an attempt that may have been executed, only requests that change nothing are
/// sent again.
pub(crate) async fn request<R: Request>(
    cluster: &Cluster,
    target: &Target,
    deadline: Instant,
    request: impl Fn(i16) -> R + Clone + Send + 'static,
) -> Result<(i16, R::Response), Error> {
    let has_moved = |version, response: &_| has_moved::<R>(target, version, response);
    send(cluster, target, deadline, request, has_moved).await
}

/// As [`request`], for callers that look at the answer's error codes themselves.
pub(crate) async fn ask<R: Request>(
    cluster: &Cluster,
    target: &Target,
    deadline: Instant,
    request: impl Fn(i16) -> R + Clone + Send + 'static,
) -> Result<(i16, R::Response), Error> {
    send(cluster, target, deadline, request, |_, _| false).await
}

async fn send<R: Request>(
    cluster: &Cluster,
    target: &Target,
    deadline: Instant,
    request: impl Fn(i16) -> R + Clone + Send + 'static,
    has_moved: impl Fn(i16, &R::Response) -> bool,
) -> Result<(i16, R::Response), Error> {
    // The topic of its target is kept fresh until it is answered.
    let cluster = &cluster.with_own_interest();
    let mut retries = Retries::new(cluster, deadline);
    loop {
        let answer = match resolve(cluster, target, deadline).await {
            Ok(broker) => {
                let call = cluster.call(broker, Class::Normal, 0..=i16::MAX, request.clone());
                until(deadline, (R::KEY, broker), call).await
            }
            Err(error) => Err(error),
        };
        let is_safe = match &answer {
            Ok((version, response)) => has_moved(*version, response),
            Err(error) => {
                error.is_retriable() && (!error.maybe_written() || changes_nothing(R::KEY))
            }
        };
        if !is_safe || !retries.wait().await {
            return answer;
        }
    }
}

/// Gives up on a call when its operation's time is over, and lets the connection be: others use it
/// too, and it has timeouts of its own.
pub(crate) async fn until<T>(
    deadline: Instant,
    (api, broker): (ApiKey, i32),
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let start = Instant::now();
    timeout_at(deadline + GRACE, call).await.unwrap_or_else(|_| {
        let address = format!("broker {broker}").into();
        let what = Waiting::Answer { api, address };
        Err(Error::TimedOut { what, after: start.elapsed(), maybe_written: true })
    })
}

/// A call whose own timeout ends with its operation says more than that the operation is over.
const GRACE: Duration = Duration::from_secs(1);

/// Waits between the tries of one operation.
pub(crate) struct Retries<'a> {
    cluster: &'a Cluster,
    backoff: Backoff,
    deadline: Instant,
}

impl<'a> Retries<'a> {
    pub(crate) fn new(cluster: &'a Cluster, deadline: Instant) -> Self {
        let config = cluster.config();
        let backoff = Backoff::new(config.retry_backoff, config.retry_backoff_max);
        Self { cluster, backoff, deadline }
    }

    /// Asks for metadata and waits. False if there is no time left for another try.
    pub(crate) async fn wait(&mut self) -> bool {
        let wait = self.backoff.next(self.cluster.env().chance(Purpose::Backoff));
        if Instant::now() + wait >= self.deadline {
            return false;
        }
        self.cluster.refresh();
        sleep(wait).await;
        true
    }
}

/// The broker that must answer.
pub(crate) async fn resolve(
    cluster: &Cluster,
    target: &Target,
    deadline: Instant,
) -> Result<i32, Error> {
    let picture = cluster.picture();
    match target {
        Target::Any => any(cluster),
        Target::Broker(id) => Ok(*id),
        // Without a controller in the metadata (KRaft names any broker; 0.10.0 none), any broker
        // may know better.
        Target::Controller => match picture.controller.filter(|id| picture.broker(*id).is_some()) {
            Some(id) => Ok(id),
            None => any(cluster),
        },
        Target::Leader { topic, partition } => {
            let known = cluster.topic(topic, Creation::Never, deadline).await?;
            let Some(found) = known.partition(*partition) else {
                let partition = Some((*partition, known.partitions.len()));
                return Err(Error::UnknownTopic { topic: topic.as_str().into(), partition });
            };
            found.leader.map(|leader| leader.broker).ok_or_else(|| {
                let about = About::partition(topic, *partition);
                Error::broker(ApiKey::METADATA, ErrorCode::LEADER_NOT_AVAILABLE, about)
            })
        }
    }
}

fn any(cluster: &Cluster) -> Result<i32, Error> {
    let none = || Error::unreachable("any broker", Cause::NoSuchBroker);
    cluster.least_loaded(Class::Normal).ok_or_else(none)
}

/// Whether an answer says that leader or controller is somebody else now, so that the same request
/// goes there. A request that changes something must have been refused as a whole.
fn has_moved<R: Request>(target: &Target, version: i16, response: &R::Response) -> bool {
    if !matches!(target, Target::Controller | Target::Leader { .. }) {
        return false;
    }
    let codes = codes::<R>(version, response);
    let is_refresh = |code: &ErrorCode| remedy(R::KEY, *code) == Remedy::Refresh;
    let mut errors = codes.iter().filter(|code| !code.is_ok()).peekable();
    match changes_nothing(R::KEY) {
        true => errors.any(is_refresh),
        // The code of the whole says nothing of the parts, where those have codes of their own.
        false => {
            let of_whole = R::Response::FIELDS.iter().any(|f| is_code(f) && f.is_in(version));
            let parts = codes.iter().skip(usize::from(of_whole));
            errors.peek().is_some()
                && errors.all(is_refresh)
                && parts.into_iter().all(|code| !code.is_ok())
        }
    }
}

/// Every error code in a response, outermost first. Its type is the user's choice, so that nothing
/// here knows where it has them.
fn codes<R: Request>(version: i16, response: &R::Response) -> Vec<ErrorCode> {
    let mut found = Vec::new();
    let value = api::info(R::KEY).and_then(|info| {
        let bytes = encode(response, version).ok()?;
        let value = value::decode(&info.response, &bytes, version).ok()?;
        Some((Kind::Struct(info.response.fields), value))
    });
    if let Some((kind, value)) = value {
        collect(kind, &value, &mut found);
    }
    found
}

fn collect(kind: Kind, value: &Value, found: &mut Vec<ErrorCode>) {
    match (kind, value) {
        (Kind::Struct(fields), Value::Struct(values)) => {
            for (_, value) in fields.iter().zip(values).filter(|(field, _)| is_code(field)) {
                if let Value::Int(code) = value {
                    found.extend(i16::try_from(*code).ok().map(ErrorCode));
                }
            }
            for (field, value) in fields.iter().zip(values) {
                collect(field.kind, value, found);
            }
        }
        (Kind::Array(kind), Value::Array(values)) => {
            values.iter().for_each(|value| collect(*kind, value, found));
        }
        _ => {}
    }
}

fn is_code(field: &Field) -> bool {
    field.name == "error_code"
}

/// Whether a request can be sent twice without harm.
fn changes_nothing(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::FETCH
            | ApiKey::LIST_OFFSETS
            | ApiKey::METADATA
            | ApiKey::FIND_COORDINATOR
            | ApiKey::API_VERSIONS
            | ApiKey::OFFSET_FOR_LEADER_EPOCH
            | ApiKey::OFFSET_FETCH
            | ApiKey::DESCRIBE_GROUPS
            | ApiKey::LIST_GROUPS
            | ApiKey::DESCRIBE_CONFIGS
            | ApiKey::DESCRIBE_CLUSTER
    )
}

#[cfg(test)]
mod tests {
    use kurier_protocol::api::create_topics::{
        CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
    };
    use kurier_protocol::api::list_offsets::{
        ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
        ListOffsetsTopicResponse,
    };

    use super::*;

    fn created(codes: &[ErrorCode]) -> bool {
        let topics = codes
            .iter()
            .map(|code| CreatableTopicResult { error_code: *code, ..Default::default() })
            .collect();
        let response = CreateTopicsResponse { topics, ..Default::default() };
        has_moved::<CreateTopicsRequest>(&Target::Controller, 5, &response)
    }

    #[test]
    fn a_change_is_sent_again_only_if_nothing_of_it_was_done() {
        assert!(created(&[ErrorCode::NOT_CONTROLLER, ErrorCode::NOT_CONTROLLER]));
        assert!(!created(&[ErrorCode::NOT_CONTROLLER, ErrorCode::NONE]));
        assert!(!created(&[ErrorCode::NONE, ErrorCode::NOT_CONTROLLER]));
        assert!(!created(&[ErrorCode::NONE]));
        assert!(!created(&[ErrorCode::TOPIC_ALREADY_EXISTS]));
        assert!(!created(&[]));
    }

    #[test]
    fn a_question_is_asked_again_if_any_part_has_moved() {
        let partition =
            |error_code| ListOffsetsPartitionResponse { error_code, ..Default::default() };
        let partitions =
            vec![partition(ErrorCode::NONE), partition(ErrorCode::NOT_LEADER_OR_FOLLOWER)];
        let topic = ListOffsetsTopicResponse { partitions, ..Default::default() };
        let response = ListOffsetsResponse { topics: vec![topic], ..Default::default() };
        let leader = Target::Leader { topic: "t".into(), partition: 0 };
        assert!(has_moved::<ListOffsetsRequest>(&leader, 5, &response));
        assert!(!has_moved::<ListOffsetsRequest>(&Target::Broker(1), 5, &response));
    }
}
