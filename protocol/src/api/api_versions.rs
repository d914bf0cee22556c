//! ApiVersions: which APIs a broker speaks, in which versions, and which features are on. It is the
//! first request on every connection, because everything else depends on its answer (KIP-35).

use crate::api_key::ApiKey;
use crate::error_code::ErrorCode;
use crate::wire::Str;

api! {
    ApiVersionsRequest => ApiVersionsResponse, key 18, versions 0..=5, flexible 3..;

    /// Asks what the broker speaks. A broker that lacks this version answers UNSUPPORTED_VERSION in
    /// a response of version 0, and since 2.4 names the versions that it has.
    struct ApiVersionsRequest {
        /// Name of the client library (KIP-511): letters, digits, `-` and `.`, a letter or digit
        /// first and last. Anything else is answered INVALID_REQUEST.
        3..     client_software_name: Str [ignorable],
        /// Version of the client library, in the same alphabet.
        3..     client_software_version: Str [ignorable],
        /// Cluster that the client believes to be talking to (KIP-1242); null if it does not know
        /// yet, together with `node_id`. Another cluster answers REBOOTSTRAP_REQUIRED.
        5..     cluster_id: Option<Str> [null 5.., ignorable],
        /// Broker that the client believes to be talking to; -1 if it does not know. Another broker
        /// answers REBOOTSTRAP_REQUIRED.
        5..     node_id: i32 [ignorable] = -1,
    }

    /// What the broker speaks. Its header is always the oldest one, so that a client can read it
    /// before it knows anything.
    struct ApiVersionsResponse {
        /// NONE, UNSUPPORTED_VERSION (ask again in a version that is named for this API, else in
        /// version 0), INVALID_REQUEST or REBOOTSTRAP_REQUIRED.
        0..     error_code: ErrorCode,
        /// The APIs of this listener, each with its versions.
        0..     api_keys: Vec<ApiVersion>,
        /// Milliseconds for which the client must not send on this connection, its quota being
        /// used up; 0 if it is not.
        1..     throttle_time_ms: i32 [ignorable],
        /// Features that this broker is able to run, each with its range of levels (KIP-584).
        3..     supported_features: Vec<SupportedFeatureKey> [tag 0, ignorable],
        /// Grows with each change of `finalized_features`; -1 if they are not known.
        3..     finalized_features_epoch: i64 [tag 1, ignorable] = -1,
        /// Features that are on in the whole cluster. They, and not the APIs, say whether e.g. the
        /// group protocol of KIP-848 can be used.
        3..     finalized_features: Vec<FinalizedFeatureKey> [tag 2, ignorable],
        /// A KRaft controller sets it when it could take over from ZooKeeper (KIP-866).
        3..     zk_migration_ready: bool [tag 3, ignorable],
    }

    /// The versions of one API.
    struct ApiVersion {
        /// The API.
        0..     api_key: ApiKey,
        /// Lowest version that is advertised. Brokers from 4.0 on advertise Produce from 0 and
        /// refuse versions below 3 (KAFKA-18659).
        0..     min_version: i16,
        /// Highest version that is served.
        0..     max_version: i16,
    }

    /// The levels of one feature that a broker is able to run.
    struct SupportedFeatureKey {
        /// Name of the feature, such as `transaction.version`.
        3..     name: Str,
        /// Lowest level. Brokers leave out features whose lowest level is 0 when they are asked
        /// below version 4 (KAFKA-17011).
        3..     min_version: i16,
        /// Highest level.
        3..     max_version: i16,
    }

    /// The level at which one feature is on.
    struct FinalizedFeatureKey {
        /// Name of the feature.
        3..     name: Str,
        /// The level that is on.
        3..     max_version_level: i16,
        /// The lowest level that members of the cluster may still assume.
        3..     min_version_level: i16,
    }
}
