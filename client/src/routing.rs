//! Requests to whoever must answer them, again where that is safe.

use kurier_protocol::api;
use kurier_protocol::schema::{Field, Kind};
use kurier_protocol::value::{self, Value};
use kurier_protocol::{ErrorCode, Message, Request, encode};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::coordination::coordinator;
use crate::error::{Error, Remedy, changes_nothing, may_be_done, remedy};
use crate::metadata::{Creation, KeyType};
use crate::net::Class;
use crate::retries::{Retries, call_until};

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
    /// The broker that looks after the group with this id.
    Group(String),
    /// The broker that looks after this transactional id.
    TransactionalId(String),
}

impl Target {
    /// What a coordinator must look after to be this target.
    fn key(&self) -> Option<(KeyType, &str)> {
        match self {
            Self::Group(id) => Some((KeyType::Group, id)),
            Self::TransactionalId(id) => Some((KeyType::Transaction, id)),
            _ => None,
        }
    }
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
    let mut before = None;
    loop {
        let resolved = resolve(cluster, target, deadline).await;
        let broker = resolved.as_ref().ok().copied();
        let answer = match resolved {
            Ok(broker) => {
                call_until(cluster, deadline, broker, 0..=i16::MAX, request.clone()).await
            }
            Err(error) => Err(error),
        };
        let is_safe = match &answer {
            Ok((version, response)) => has_moved(*version, response),
            Err(error) => error.may_go_again(R::KEY),
        };
        // Whoever is not there, or says that it is somebody else, is asked for again.
        let is_lost = match &answer {
            Ok((version, response)) => has_moved(*version, response),
            Err(error) => error.is_retriable(),
        };
        if let (true, Some((of, key)), Some(broker)) = (is_lost, target.key(), broker) {
            cluster.forget_coordinator(of, key, broker);
        }
        if !is_safe || !retries.wait().await {
            return answer.map_err(|error| error.after(before.as_ref()));
        }
        let error = answer.err();
        let shown = error.as_ref().map(tracing::field::display);
        tracing::debug!(api = %R::KEY, error = shown, "asking again");
        before = error.or(before);
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
        Target::Group(id) => coordinator(cluster, KeyType::Group, id, deadline).await,
        Target::TransactionalId(id) => {
            coordinator(cluster, KeyType::Transaction, id, deadline).await
        }
        Target::Leader { topic, partition } => {
            let known = cluster.topic(topic, Creation::Never, deadline).await?;
            Ok(known.leader(topic, *partition)?.broker)
        }
    }
}

fn any(cluster: &Cluster) -> Result<i32, Error> {
    cluster.least_loaded(Class::Normal).ok_or_else(|| cluster.picture().absence(None))
}

/// Whether an answer says that leader, controller or coordinator is somebody else now, so that the
/// same request goes there. A request that changes something must have been refused as a whole.
fn has_moved<R: Request>(target: &Target, version: i16, response: &R::Response) -> bool {
    let wanted = match target {
        Target::Controller | Target::Leader { .. } => Remedy::Refresh,
        Target::Group(_) | Target::TransactionalId(_) => Remedy::Coordinator,
        Target::Any | Target::Broker(_) => return false,
    };
    let codes = codes::<R>(version, response);
    let is_moved = |code: &ErrorCode| remedy(R::KEY, *code) == wanted;
    let mut errors = codes.iter().filter(|code| !code.is_ok()).peekable();
    let is_refused = |code: &ErrorCode| is_moved(code) && !may_be_done(R::KEY, *code);
    match changes_nothing(R::KEY) {
        true => errors.any(is_moved),
        // The code of the whole says nothing of the parts, where those have codes of their own.
        false => {
            let of_whole = R::Response::FIELDS.iter().any(|f| is_code(f) && f.is_in(version));
            let parts = codes.iter().skip(usize::from(of_whole));
            errors.peek().is_some()
                && errors.all(is_refused)
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

#[cfg(test)]
mod tests {
    use kurier_protocol::ApiKey;
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

    /// What changes something, or must not be said twice; a new API is decided on here or there.
    const DEEDS: &[ApiKey] = &[
        ApiKey::PRODUCE,
        ApiKey::LEADER_AND_ISR,
        ApiKey::STOP_REPLICA,
        ApiKey::UPDATE_METADATA,
        ApiKey::CONTROLLED_SHUTDOWN,
        ApiKey::OFFSET_COMMIT,
        ApiKey::JOIN_GROUP,
        ApiKey::HEARTBEAT,
        ApiKey::LEAVE_GROUP,
        ApiKey::SYNC_GROUP,
        ApiKey::SASL_HANDSHAKE,
        ApiKey::CREATE_TOPICS,
        ApiKey::DELETE_TOPICS,
        ApiKey::DELETE_RECORDS,
        ApiKey::INIT_PRODUCER_ID,
        ApiKey::ADD_PARTITIONS_TO_TXN,
        ApiKey::ADD_OFFSETS_TO_TXN,
        ApiKey::END_TXN,
        ApiKey::WRITE_TXN_MARKERS,
        ApiKey::TXN_OFFSET_COMMIT,
        ApiKey::CREATE_ACLS,
        ApiKey::DELETE_ACLS,
        ApiKey::ALTER_CONFIGS,
        ApiKey::ALTER_REPLICA_LOG_DIRS,
        ApiKey::SASL_AUTHENTICATE,
        ApiKey::CREATE_PARTITIONS,
        ApiKey::CREATE_DELEGATION_TOKEN,
        ApiKey::RENEW_DELEGATION_TOKEN,
        ApiKey::EXPIRE_DELEGATION_TOKEN,
        ApiKey::DELETE_GROUPS,
        ApiKey::ELECT_LEADERS,
        ApiKey::INCREMENTAL_ALTER_CONFIGS,
        ApiKey::ALTER_PARTITION_REASSIGNMENTS,
        ApiKey::OFFSET_DELETE,
        ApiKey::ALTER_CLIENT_QUOTAS,
        ApiKey::ALTER_USER_SCRAM_CREDENTIALS,
        ApiKey::VOTE,
        ApiKey::BEGIN_QUORUM_EPOCH,
        ApiKey::END_QUORUM_EPOCH,
        ApiKey::ALTER_PARTITION,
        ApiKey::UPDATE_FEATURES,
        ApiKey::ENVELOPE,
        ApiKey::BROKER_REGISTRATION,
        ApiKey::BROKER_HEARTBEAT,
        ApiKey::UNREGISTER_BROKER,
        ApiKey::ALLOCATE_PRODUCER_IDS,
        ApiKey::CONSUMER_GROUP_HEARTBEAT,
        ApiKey::CONTROLLER_REGISTRATION,
        // It gives out an id of the client's.
        ApiKey::GET_TELEMETRY_SUBSCRIPTIONS,
        ApiKey::PUSH_TELEMETRY,
        ApiKey::ASSIGN_REPLICAS_TO_DIRS,
        ApiKey::SHARE_GROUP_HEARTBEAT,
        // It locks records for its member, and acknowledges others.
        ApiKey::SHARE_FETCH,
        ApiKey::SHARE_ACKNOWLEDGE,
        ApiKey::ADD_RAFT_VOTER,
        ApiKey::REMOVE_RAFT_VOTER,
        ApiKey::UPDATE_RAFT_VOTER,
        ApiKey::INITIALIZE_SHARE_GROUP_STATE,
        // It raises the leader epoch of the state.
        ApiKey::READ_SHARE_GROUP_STATE,
        ApiKey::WRITE_SHARE_GROUP_STATE,
        ApiKey::DELETE_SHARE_GROUP_STATE,
        ApiKey::STREAMS_GROUP_HEARTBEAT,
        ApiKey::ALTER_SHARE_GROUP_OFFSETS,
        ApiKey::DELETE_SHARE_GROUP_OFFSETS,
        ApiKey::STREAMS_GROUP_TOPOLOGY_DESCRIPTION_UPDATE,
        ApiKey::UNREGISTER_CONTROLLER,
    ];

    #[test]
    fn every_api_is_a_question_or_a_deed() {
        for api in (0..=i16::from(u8::MAX)).map(ApiKey).filter(|api| api.name().is_some()) {
            let is_deed = DEEDS.contains(&api);
            assert_ne!(changes_nothing(api), is_deed, "{api}: decide whether it can go twice");
        }
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
