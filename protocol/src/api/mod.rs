//! One file an API, in the order of their keys; and a register of all messages.

pub mod produce;
pub mod fetch;
pub mod list_offsets;
pub mod metadata;
pub mod leader_and_isr;
pub mod stop_replica;
pub mod update_metadata;
pub mod controlled_shutdown;
pub mod offset_commit;
pub mod offset_fetch;
pub mod find_coordinator;
pub mod join_group;
pub mod heartbeat;
pub mod leave_group;
pub mod sync_group;
pub mod describe_groups;
pub mod list_groups;
pub mod sasl_handshake;
pub mod api_versions;
pub mod create_topics;
pub mod delete_topics;
pub mod delete_records;
pub mod init_producer_id;
pub mod offset_for_leader_epoch;
pub mod add_partitions_to_txn;
pub mod add_offsets_to_txn;
pub mod end_txn;
pub mod write_txn_markers;
pub mod txn_offset_commit;
pub mod describe_acls;
pub mod create_acls;
pub mod delete_acls;
pub mod describe_configs;
pub mod alter_configs;
pub mod alter_replica_log_dirs;
pub mod describe_log_dirs;
pub mod sasl_authenticate;
pub mod create_partitions;
pub mod create_delegation_token;
pub mod renew_delegation_token;
pub mod expire_delegation_token;
pub mod describe_delegation_token;
pub mod delete_groups;
pub mod elect_leaders;
pub mod incremental_alter_configs;
pub mod alter_partition_reassignments;
pub mod list_partition_reassignments;
pub mod offset_delete;
pub mod describe_client_quotas;
pub mod alter_client_quotas;
pub mod describe_user_scram_credentials;
pub mod alter_user_scram_credentials;
pub mod vote;
pub mod begin_quorum_epoch;
pub mod end_quorum_epoch;
pub mod describe_quorum;
pub mod alter_partition;
pub mod update_features;
pub mod envelope;
pub mod fetch_snapshot;
pub mod describe_cluster;
pub mod describe_producers;
pub mod broker_registration;
pub mod broker_heartbeat;
pub mod unregister_broker;
pub mod describe_transactions;
pub mod list_transactions;
pub mod allocate_producer_ids;
pub mod consumer_group_heartbeat;
pub mod consumer_group_describe;
pub mod controller_registration;
pub mod get_telemetry_subscriptions;
pub mod push_telemetry;
pub mod assign_replicas_to_dirs;
pub mod list_config_resources;
pub mod describe_topic_partitions;
pub mod share_group_heartbeat;
pub mod share_group_describe;
pub mod share_fetch;
pub mod share_acknowledge;
pub mod add_raft_voter;
pub mod remove_raft_voter;
pub mod update_raft_voter;
pub mod initialize_share_group_state;
pub mod read_share_group_state;
pub mod write_share_group_state;
pub mod delete_share_group_state;
pub mod read_share_group_state_summary;
pub mod streams_group_heartbeat;
pub mod streams_group_describe;
pub mod describe_share_group_offsets;
pub mod alter_share_group_offsets;
pub mod delete_share_group_offsets;
pub mod streams_group_topology_description_update;
pub mod unregister_controller;

use crate::api_key::ApiKey;
use crate::data;
use crate::header::{RequestHeader, ResponseHeader};
pub use crate::info::{ApiInfo, MessageInfo, ReencodeError};
use crate::message::Message;
use crate::wire::Version;

/// Registers the APIs: their requests, by key.
macro_rules! apis {
    ($($api:ident: $request:ident,)*) => {
        static APIS: &[ApiInfo] = &[$(ApiInfo::of::<$api::$request>(),)*];

        /// First flexible version of each API, by key. It stands alone so that who opens frames
        /// does not draw in every message.
        static FLEXIBLE: &[i16] = &[$(<$api::$request as Message>::FLEXIBLE,)*];

        /// Does something with the types of each API.
        #[cfg(test)]
        fn each_api(work: &mut tests::Work) {
            $(work.api::<$api::$request>();)*
        }
    };
}

apis! {
    produce: ProduceRequest,
    fetch: FetchRequest,
    list_offsets: ListOffsetsRequest,
    metadata: MetadataRequest,
    leader_and_isr: LeaderAndIsrRequest,
    stop_replica: StopReplicaRequest,
    update_metadata: UpdateMetadataRequest,
    controlled_shutdown: ControlledShutdownRequest,
    offset_commit: OffsetCommitRequest,
    offset_fetch: OffsetFetchRequest,
    find_coordinator: FindCoordinatorRequest,
    join_group: JoinGroupRequest,
    heartbeat: HeartbeatRequest,
    leave_group: LeaveGroupRequest,
    sync_group: SyncGroupRequest,
    describe_groups: DescribeGroupsRequest,
    list_groups: ListGroupsRequest,
    sasl_handshake: SaslHandshakeRequest,
    api_versions: ApiVersionsRequest,
    create_topics: CreateTopicsRequest,
    delete_topics: DeleteTopicsRequest,
    delete_records: DeleteRecordsRequest,
    init_producer_id: InitProducerIdRequest,
    offset_for_leader_epoch: OffsetForLeaderEpochRequest,
    add_partitions_to_txn: AddPartitionsToTxnRequest,
    add_offsets_to_txn: AddOffsetsToTxnRequest,
    end_txn: EndTxnRequest,
    write_txn_markers: WriteTxnMarkersRequest,
    txn_offset_commit: TxnOffsetCommitRequest,
    describe_acls: DescribeAclsRequest,
    create_acls: CreateAclsRequest,
    delete_acls: DeleteAclsRequest,
    describe_configs: DescribeConfigsRequest,
    alter_configs: AlterConfigsRequest,
    alter_replica_log_dirs: AlterReplicaLogDirsRequest,
    describe_log_dirs: DescribeLogDirsRequest,
    sasl_authenticate: SaslAuthenticateRequest,
    create_partitions: CreatePartitionsRequest,
    create_delegation_token: CreateDelegationTokenRequest,
    renew_delegation_token: RenewDelegationTokenRequest,
    expire_delegation_token: ExpireDelegationTokenRequest,
    describe_delegation_token: DescribeDelegationTokenRequest,
    delete_groups: DeleteGroupsRequest,
    elect_leaders: ElectLeadersRequest,
    incremental_alter_configs: IncrementalAlterConfigsRequest,
    alter_partition_reassignments: AlterPartitionReassignmentsRequest,
    list_partition_reassignments: ListPartitionReassignmentsRequest,
    offset_delete: OffsetDeleteRequest,
    describe_client_quotas: DescribeClientQuotasRequest,
    alter_client_quotas: AlterClientQuotasRequest,
    describe_user_scram_credentials: DescribeUserScramCredentialsRequest,
    alter_user_scram_credentials: AlterUserScramCredentialsRequest,
    vote: VoteRequest,
    begin_quorum_epoch: BeginQuorumEpochRequest,
    end_quorum_epoch: EndQuorumEpochRequest,
    describe_quorum: DescribeQuorumRequest,
    alter_partition: AlterPartitionRequest,
    update_features: UpdateFeaturesRequest,
    envelope: EnvelopeRequest,
    fetch_snapshot: FetchSnapshotRequest,
    describe_cluster: DescribeClusterRequest,
    describe_producers: DescribeProducersRequest,
    broker_registration: BrokerRegistrationRequest,
    broker_heartbeat: BrokerHeartbeatRequest,
    unregister_broker: UnregisterBrokerRequest,
    describe_transactions: DescribeTransactionsRequest,
    list_transactions: ListTransactionsRequest,
    allocate_producer_ids: AllocateProducerIdsRequest,
    consumer_group_heartbeat: ConsumerGroupHeartbeatRequest,
    consumer_group_describe: ConsumerGroupDescribeRequest,
    controller_registration: ControllerRegistrationRequest,
    get_telemetry_subscriptions: GetTelemetrySubscriptionsRequest,
    push_telemetry: PushTelemetryRequest,
    assign_replicas_to_dirs: AssignReplicasToDirsRequest,
    list_config_resources: ListConfigResourcesRequest,
    describe_topic_partitions: DescribeTopicPartitionsRequest,
    share_group_heartbeat: ShareGroupHeartbeatRequest,
    share_group_describe: ShareGroupDescribeRequest,
    share_fetch: ShareFetchRequest,
    share_acknowledge: ShareAcknowledgeRequest,
    add_raft_voter: AddRaftVoterRequest,
    remove_raft_voter: RemoveRaftVoterRequest,
    update_raft_voter: UpdateRaftVoterRequest,
    initialize_share_group_state: InitializeShareGroupStateRequest,
    read_share_group_state: ReadShareGroupStateRequest,
    write_share_group_state: WriteShareGroupStateRequest,
    delete_share_group_state: DeleteShareGroupStateRequest,
    read_share_group_state_summary: ReadShareGroupStateSummaryRequest,
    streams_group_heartbeat: StreamsGroupHeartbeatRequest,
    streams_group_describe: StreamsGroupDescribeRequest,
    describe_share_group_offsets: DescribeShareGroupOffsetsRequest,
    alter_share_group_offsets: AlterShareGroupOffsetsRequest,
    delete_share_group_offsets: DeleteShareGroupOffsetsRequest,
    streams_group_topology_description_update: StreamsGroupTopologyDescriptionUpdateRequest,
    unregister_controller: UnregisterControllerRequest,
}

/// Messages that are no requests or responses, other than data.
static HEADERS: &[MessageInfo] =
    &[MessageInfo::of::<RequestHeader>(), MessageInfo::of::<ResponseHeader>()];

/// Every API there is, by key.
#[must_use]
pub fn apis() -> &'static [ApiInfo] {
    APIS
}

/// What there is to know of an API; `None` if there is none of this number.
#[must_use]
pub fn info(key: ApiKey) -> Option<&'static ApiInfo> {
    APIS.get(usize::try_from(key.0).ok()?)
}

/// A version of an API, which knows whether it is flexible; `None` if there is no such API. Whether
/// the API has this version is not checked.
#[must_use]
pub fn version(key: ApiKey, number: i16) -> Option<Version> {
    let flexible = FLEXIBLE.get(usize::try_from(key.0).ok()?);
    flexible.map(|&flexible| Version::of(number, flexible))
}

/// Every message there is: requests, responses, headers, data.
pub fn messages() -> impl Iterator<Item = &'static MessageInfo> {
    let apis = APIS.iter().flat_map(|api| [&api.request, &api.response]);
    apis.chain(HEADERS).chain(data::MESSAGES)
}

/// The message of a name, such as `FetchRequest`.
#[must_use]
pub fn message(name: &str) -> Option<&'static MessageInfo> {
    messages().find(|info| info.name == name)
}

#[cfg(test)]
mod tests;
