//! How long a broker asks to be left alone (KIP-219). *core*

use std::any::Any;
use std::time::Duration;

use kurier_protocol::api::produce::ProduceResponse;
use kurier_protocol::schema::Field;
use kurier_protocol::value::{self, Value};
use kurier_protocol::{ApiKey, Bytes, Message, Request, api};

/// How long nothing may be sent on the connection that gave this answer.
pub(super) fn of<R: Request>(version: i16, body: &Bytes, response: &R::Response) -> Duration {
    if version < version_min(R::KEY) {
        return Duration::ZERO;
    }
    let millis = match (response as &dyn Any).downcast_ref::<ProduceResponse>() {
        Some(produce) => produce.throttle_time_ms,
        None => leading::<R::Response>(version, body)
            .or_else(|| elsewhere::<R>(version, body))
            .unwrap_or(0),
    };
    Duration::from_millis(u64::try_from(millis).unwrap_or(0)).min(THROTTLE_MAX)
}

/// Nearly every answer begins with it.
fn leading<M: Message>(version: i16, body: &Bytes) -> Option<i32> {
    let mut fields = M::FIELDS.iter().filter(|field| field.is_in(version) && field.tag.is_none());
    if fields.next()?.name != "throttle_time_ms" {
        return None;
    }
    body.first_chunk::<4>().map(|bytes| i32::from_be_bytes(*bytes))
}

/// A few rare answers have it behind other fields.
fn elsewhere<R: Request>(version: i16, body: &Bytes) -> Option<i32> {
    let info = &api::info(R::KEY)?.response;
    let is_it = |field: &Field| field.name == "throttle_time_ms" && field.is_in(version);
    let index = info.fields.iter().position(is_it)?;
    let Value::Struct(values) = value::decode(info, body, version).ok()? else { return None };
    match values.get(index)? {
        Value::Int(millis) => i32::try_from(*millis).ok(),
        _ => None,
    }
}

/// What sounds longer is no quota but a fault, and must not silence a connection for days. A broker
/// that means it does not read from the connection for that long, whatever the client does.
const THROTTLE_MAX: Duration = Duration::from_secs(60);

/// From this version the broker answers at once and the client must wait; before, the broker has
/// already waited.
fn version_min(api: ApiKey) -> i16 {
    match api {
        ApiKey::FETCH => 8,
        ApiKey::PRODUCE | ApiKey::METADATA => 6,
        ApiKey::OFFSET_COMMIT | ApiKey::OFFSET_FETCH => 4,
        ApiKey::LIST_OFFSETS | ApiKey::JOIN_GROUP | ApiKey::CREATE_TOPICS => 3,
        ApiKey::FIND_COORDINATOR
        | ApiKey::HEARTBEAT
        | ApiKey::LEAVE_GROUP
        | ApiKey::SYNC_GROUP
        | ApiKey::DESCRIBE_GROUPS
        | ApiKey::LIST_GROUPS
        | ApiKey::API_VERSIONS
        | ApiKey::DELETE_TOPICS
        | ApiKey::DESCRIBE_CONFIGS => 2,
        ApiKey::DELETE_RECORDS
        | ApiKey::INIT_PRODUCER_ID
        | ApiKey::ADD_PARTITIONS_TO_TXN
        | ApiKey::ADD_OFFSETS_TO_TXN
        | ApiKey::END_TXN
        | ApiKey::TXN_OFFSET_COMMIT
        | ApiKey::DESCRIBE_ACLS
        | ApiKey::CREATE_ACLS
        | ApiKey::DELETE_ACLS
        | ApiKey::ALTER_CONFIGS
        | ApiKey::ALTER_REPLICA_LOG_DIRS
        | ApiKey::DESCRIBE_LOG_DIRS
        | ApiKey::CREATE_PARTITIONS
        | ApiKey::CREATE_DELEGATION_TOKEN
        | ApiKey::RENEW_DELEGATION_TOKEN
        | ApiKey::EXPIRE_DELEGATION_TOKEN
        | ApiKey::DESCRIBE_DELEGATION_TOKEN
        | ApiKey::DELETE_GROUPS => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use kurier_protocol::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
    use kurier_protocol::api::offset_delete::{OffsetDeleteRequest, OffsetDeleteResponse};
    use kurier_protocol::api::produce::ProduceRequest;
    use kurier_protocol::encode;

    use super::*;

    #[test]
    fn the_client_waits_only_from_the_version_that_says_so() {
        let response = MetadataResponse { throttle_time_ms: 250, ..Default::default() };
        let wait = |version| {
            let body = encode(&response, version).unwrap();
            of::<MetadataRequest>(version, &body, &response)
        };
        assert_eq!(wait(5), Duration::ZERO);
        assert_eq!(wait(6), Duration::from_millis(250));
        assert_eq!(wait(12), Duration::from_millis(250));
    }

    #[test]
    fn no_broker_silences_a_connection_for_days() {
        let response = ProduceResponse { throttle_time_ms: i32::MAX, ..Default::default() };
        assert_eq!(of::<ProduceRequest>(9, &Bytes::new(), &response), THROTTLE_MAX);
        let response = ProduceResponse { throttle_time_ms: -1, ..Default::default() };
        assert_eq!(of::<ProduceRequest>(9, &Bytes::new(), &response), Duration::ZERO);
    }

    #[test]
    fn produce_has_it_at_the_end() {
        let response = ProduceResponse { throttle_time_ms: 40, ..Default::default() };
        let wait = |version| of::<ProduceRequest>(version, &Bytes::new(), &response);
        assert_eq!(wait(5), Duration::ZERO);
        assert_eq!(wait(9), Duration::from_millis(40));
    }

    #[test]
    fn it_is_found_wherever_an_answer_has_it() {
        let response = OffsetDeleteResponse { throttle_time_ms: 30, ..Default::default() };
        let body = encode(&response, 0).unwrap();
        let wait = of::<OffsetDeleteRequest>(0, &body, &response);
        assert_eq!(wait, Duration::from_millis(30));
        let response = ApiVersionsResponse { throttle_time_ms: 20, ..Default::default() };
        let body = encode(&response, 3).unwrap();
        let wait = of::<ApiVersionsRequest>(3, &body, &response);
        assert_eq!(wait, Duration::from_millis(20));
    }
}
