//! Core: from a request's bytes to what the brokers do about it; one file an API.

mod served;
mod once;
mod words;
mod operations;
mod api;
mod api_versions;
mod metadata;
mod leaders;
mod acknowledgement;
mod produce;
mod downconversion;
mod nearest;
mod fetch;
mod list_offsets;
mod offset_for_leader_epoch;
mod find_coordinator;
mod init_producer_id;
mod membership;
mod commitment;
mod join_group;
mod sync_group;
mod heartbeat;
mod leave_group;
mod offset_commit;
mod offset_fetch;
mod offset_delete;
mod describe_groups;
mod list_groups;
mod delete_groups;
mod config_resource;
mod setting;
mod delete_records;
mod describe_configs;
mod alter_configs;
mod incremental_alter_configs;
mod describe_cluster;
mod consumer_group_heartbeat;
mod consumer_group_describe;
mod add_partitions_to_txn;
mod add_offsets_to_txn;
mod end_txn;
mod write_txn_markers;
mod txn_offset_commit;
mod describe_producers;
mod describe_transactions;
mod list_transactions;
mod create_topics;
mod delete_topics;
mod create_partitions;
mod sasl_handshake;
mod sasl_authenticate;

pub(crate) use api::{Context, Pending, Step};

use bytes::Bytes;
use kurier_protocol::api::add_offsets_to_txn::AddOffsetsToTxnRequest;
use kurier_protocol::api::add_partitions_to_txn::AddPartitionsToTxnRequest;
use kurier_protocol::api::alter_configs::AlterConfigsRequest;
use kurier_protocol::api::api_versions::ApiVersionsRequest;
use kurier_protocol::api::consumer_group_describe::ConsumerGroupDescribeRequest;
use kurier_protocol::api::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;
use kurier_protocol::api::create_partitions::CreatePartitionsRequest;
use kurier_protocol::api::create_topics::CreateTopicsRequest;
use kurier_protocol::api::delete_groups::DeleteGroupsRequest;
use kurier_protocol::api::delete_records::DeleteRecordsRequest;
use kurier_protocol::api::delete_topics::DeleteTopicsRequest;
use kurier_protocol::api::describe_cluster::DescribeClusterRequest;
use kurier_protocol::api::describe_configs::DescribeConfigsRequest;
use kurier_protocol::api::describe_groups::DescribeGroupsRequest;
use kurier_protocol::api::describe_producers::DescribeProducersRequest;
use kurier_protocol::api::describe_transactions::DescribeTransactionsRequest;
use kurier_protocol::api::end_txn::EndTxnRequest;
use kurier_protocol::api::fetch::FetchRequest;
use kurier_protocol::api::find_coordinator::FindCoordinatorRequest;
use kurier_protocol::api::heartbeat::HeartbeatRequest;
use kurier_protocol::api::incremental_alter_configs::IncrementalAlterConfigsRequest;
use kurier_protocol::api::init_producer_id::InitProducerIdRequest;
use kurier_protocol::api::join_group::JoinGroupRequest;
use kurier_protocol::api::leave_group::LeaveGroupRequest;
use kurier_protocol::api::list_groups::ListGroupsRequest;
use kurier_protocol::api::list_offsets::ListOffsetsRequest;
use kurier_protocol::api::list_transactions::ListTransactionsRequest;
use kurier_protocol::api::metadata::MetadataRequest;
use kurier_protocol::api::offset_commit::OffsetCommitRequest;
use kurier_protocol::api::offset_delete::OffsetDeleteRequest;
use kurier_protocol::api::offset_fetch::OffsetFetchRequest;
use kurier_protocol::api::offset_for_leader_epoch::OffsetForLeaderEpochRequest;
use kurier_protocol::api::produce::ProduceRequest;
use kurier_protocol::api::sasl_authenticate::SaslAuthenticateRequest;
use kurier_protocol::api::sasl_handshake::SaslHandshakeRequest;
use kurier_protocol::api::sync_group::SyncGroupRequest;
use kurier_protocol::api::txn_offset_commit::TxnOffsetCommitRequest;
use kurier_protocol::api::write_txn_markers::WriteTxnMarkersRequest;
use kurier_protocol::header::RequestHeader;
use kurier_protocol::{ApiKey, frame};

use crate::state::Spoken;
use api::pending;
use api_versions::UnknownVersion;

/// A request that was read.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) header: RequestHeader,
    pub(crate) body: Bytes,
    pub(crate) pending: Box<dyn Pending>,
}

/// Reads a request (without its length) as a broker does that speaks this.
///
/// # Errors
///
/// Why the broker closes the connection.
pub(crate) fn open(spoken: &Spoken, bytes: &Bytes) -> Result<Opened, String> {
    let (header, body) = frame::open_request(bytes).map_err(|error| error.to_string())?;
    let key = ApiKey(header.request_api_key);
    let version = header.request_api_version;
    let pending = if spoken.accepts(key, version) {
        decode(key, &header, &body)?
    } else if key == ApiKey::API_VERSIONS {
        Box::new(UnknownVersion { spoken: spoken.clone(), correlation_id: header.correlation_id })
    } else {
        let release = spoken.release;
        return Err(format!("a broker of release {release} has no {key} version {version}"));
    };
    Ok(Opened { header, body, pending })
}

impl Opened {
    /// Its API and version.
    pub(crate) fn api(&self) -> (ApiKey, i16) {
        (ApiKey(self.header.request_api_key), self.header.request_api_version)
    }
}

/// A request like another one, with this body.
///
/// # Errors
///
/// The body is not such a request.
pub(crate) fn reopen(like: &Opened, body: Bytes) -> Result<Opened, String> {
    let header = like.header.clone();
    let pending = decode(like.api().0, &header, &body)?;
    Ok(Opened { header, body, pending })
}

fn decode(key: ApiKey, header: &RequestHeader, body: &Bytes) -> Result<Box<dyn Pending>, String> {
    match key {
        ApiKey::PRODUCE => pending::<ProduceRequest>(header, body),
        ApiKey::FETCH => pending::<FetchRequest>(header, body),
        ApiKey::LIST_OFFSETS => pending::<ListOffsetsRequest>(header, body),
        ApiKey::METADATA => pending::<MetadataRequest>(header, body),
        ApiKey::FIND_COORDINATOR => pending::<FindCoordinatorRequest>(header, body),
        ApiKey::API_VERSIONS => pending::<ApiVersionsRequest>(header, body),
        ApiKey::CREATE_TOPICS => pending::<CreateTopicsRequest>(header, body),
        ApiKey::DELETE_TOPICS => pending::<DeleteTopicsRequest>(header, body),
        ApiKey::INIT_PRODUCER_ID => pending::<InitProducerIdRequest>(header, body),
        ApiKey::OFFSET_FOR_LEADER_EPOCH => pending::<OffsetForLeaderEpochRequest>(header, body),
        ApiKey::SASL_HANDSHAKE => pending::<SaslHandshakeRequest>(header, body),
        ApiKey::SASL_AUTHENTICATE => pending::<SaslAuthenticateRequest>(header, body),
        ApiKey::CREATE_PARTITIONS => pending::<CreatePartitionsRequest>(header, body),
        ApiKey::OFFSET_COMMIT => pending::<OffsetCommitRequest>(header, body),
        ApiKey::OFFSET_FETCH => pending::<OffsetFetchRequest>(header, body),
        ApiKey::JOIN_GROUP => pending::<JoinGroupRequest>(header, body),
        ApiKey::HEARTBEAT => pending::<HeartbeatRequest>(header, body),
        ApiKey::LEAVE_GROUP => pending::<LeaveGroupRequest>(header, body),
        ApiKey::SYNC_GROUP => pending::<SyncGroupRequest>(header, body),
        ApiKey::DESCRIBE_GROUPS => pending::<DescribeGroupsRequest>(header, body),
        ApiKey::LIST_GROUPS => pending::<ListGroupsRequest>(header, body),
        ApiKey::DELETE_GROUPS => pending::<DeleteGroupsRequest>(header, body),
        ApiKey::OFFSET_DELETE => pending::<OffsetDeleteRequest>(header, body),
        ApiKey::ADD_PARTITIONS_TO_TXN => pending::<AddPartitionsToTxnRequest>(header, body),
        ApiKey::ADD_OFFSETS_TO_TXN => pending::<AddOffsetsToTxnRequest>(header, body),
        ApiKey::END_TXN => pending::<EndTxnRequest>(header, body),
        ApiKey::WRITE_TXN_MARKERS => pending::<WriteTxnMarkersRequest>(header, body),
        ApiKey::TXN_OFFSET_COMMIT => pending::<TxnOffsetCommitRequest>(header, body),
        ApiKey::DESCRIBE_PRODUCERS => pending::<DescribeProducersRequest>(header, body),
        ApiKey::DESCRIBE_TRANSACTIONS => pending::<DescribeTransactionsRequest>(header, body),
        ApiKey::LIST_TRANSACTIONS => pending::<ListTransactionsRequest>(header, body),
        ApiKey::CONSUMER_GROUP_HEARTBEAT => pending::<ConsumerGroupHeartbeatRequest>(header, body),
        ApiKey::CONSUMER_GROUP_DESCRIBE => pending::<ConsumerGroupDescribeRequest>(header, body),
        ApiKey::DELETE_RECORDS => pending::<DeleteRecordsRequest>(header, body),
        ApiKey::DESCRIBE_CONFIGS => pending::<DescribeConfigsRequest>(header, body),
        ApiKey::ALTER_CONFIGS => pending::<AlterConfigsRequest>(header, body),
        ApiKey::INCREMENTAL_ALTER_CONFIGS => {
            pending::<IncrementalAlterConfigsRequest>(header, body)
        }
        ApiKey::DESCRIBE_CLUSTER => pending::<DescribeClusterRequest>(header, body),
        _ => Err(format!("the testkit does not serve {key}")),
    }
}

#[cfg(test)]
mod tests;
