//! How long a broker asks to be left alone (KIP-219). *core*

use std::any::Any;
use std::time::Duration;

use kurier_protocol::api::produce::ProduceResponse;
use kurier_protocol::{ApiKey, Bytes, Message, Request};

/// How long nothing may be sent on the connection that gave this answer.
pub(super) fn of<R: Request>(version: i16, body: &Bytes, response: &R::Response) -> Duration {
    if version < version_min(R::KEY) {
        return Duration::ZERO;
    }
    let millis = match (response as &dyn Any).downcast_ref::<ProduceResponse>() {
        Some(produce) => produce.throttle_time_ms,
        None => leading::<R::Response>(version, body).unwrap_or(0),
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
    use kurier_protocol::api::metadata::{MetadataRequest, MetadataResponse};
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
    fn no_other_answer_keeps_it_elsewhere() {
        for api in kurier_protocol::api::apis() {
            let fields = api.response.fields;
            let at = fields.iter().position(|field| field.name == "throttle_time_ms");
            let excepted = matches!(api.key, ApiKey::PRODUCE | ApiKey::API_VERSIONS);
            assert!(excepted || at.is_none_or(|at| at == 0), "{}", api.response.name);
        }
    }
}
