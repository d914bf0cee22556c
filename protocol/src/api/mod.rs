//! One file an API, in the order of their keys; and a register of all of them.

pub mod produce;
pub mod fetch;
pub mod list_offsets;
pub mod metadata;
pub mod find_coordinator;
pub mod api_versions;
pub mod create_topics;
pub mod delete_topics;
pub mod init_producer_id;
pub mod offset_for_leader_epoch;
pub mod create_partitions;

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError};
use crate::header::{self, RequestHeader, ResponseHeader};
use crate::message::{Message, Request, decode, encode};
use crate::schema::Field;
use crate::wire::Version;

/// What there is to know of a message at run time.
#[derive(Clone, Debug)]
pub struct MessageInfo {
    /// Kafka's name for it, such as `FetchRequest`.
    pub name: &'static str,
    /// The versions that exist.
    pub versions: RangeInclusive<i16>,
    /// First version with compact lengths and tagged fields; `i16::MAX` if there is none.
    pub flexible: i16,
    /// What the protocol says of each field.
    pub fields: &'static [Field],
    /// Decodes bytes as the typed message and encodes it again.
    pub reencode: fn(&Bytes, i16) -> Result<Bytes, ReencodeError>,
}

/// What there is to know of an API at run time.
#[derive(Clone, Debug)]
pub struct ApiInfo {
    /// Its number.
    pub key: ApiKey,
    /// The highest version that a client uses.
    pub version_stable_max: i16,
    /// What asks.
    pub request: MessageInfo,
    /// What answers.
    pub response: MessageInfo,
}

/// Why a message did not survive being decoded and encoded.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReencodeError {
    /// The bytes are not such a message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The message cannot be written in the version it was read in.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

impl MessageInfo {
    const fn of<M: Message>() -> Self {
        Self {
            name: M::NAME,
            versions: M::VERSIONS,
            flexible: M::FLEXIBLE,
            fields: M::FIELDS,
            reencode: |bytes, version| Ok(encode(&decode::<M>(bytes, version)?, version)?),
        }
    }

    /// The version of this number, which knows whether it is flexible.
    #[must_use]
    pub const fn version(&self, number: i16) -> Version {
        Version::of(number, self.flexible)
    }
}

impl ApiInfo {
    const fn of<R: Request>() -> Self {
        Self {
            key: R::KEY,
            version_stable_max: R::VERSION_STABLE_MAX,
            request: MessageInfo::of::<R>(),
            response: MessageInfo::of::<R::Response>(),
        }
    }

    /// The version of the header that stands before a request of this version.
    #[must_use]
    pub fn request_header_version(&self, version: i16) -> i16 {
        header::request_header_version(self.key, self.request.version(version))
    }

    /// The version of the header that stands before the response.
    #[must_use]
    pub fn response_header_version(&self, version: i16) -> i16 {
        header::response_header_version(self.key, self.response.version(version))
    }
}

/// The APIs that this crate knows, by key.
static APIS: &[ApiInfo] = &[
    ApiInfo::of::<produce::ProduceRequest>(),
    ApiInfo::of::<fetch::FetchRequest>(),
    ApiInfo::of::<list_offsets::ListOffsetsRequest>(),
    ApiInfo::of::<metadata::MetadataRequest>(),
    ApiInfo::of::<find_coordinator::FindCoordinatorRequest>(),
    ApiInfo::of::<api_versions::ApiVersionsRequest>(),
    ApiInfo::of::<create_topics::CreateTopicsRequest>(),
    ApiInfo::of::<delete_topics::DeleteTopicsRequest>(),
    ApiInfo::of::<init_producer_id::InitProducerIdRequest>(),
    ApiInfo::of::<offset_for_leader_epoch::OffsetForLeaderEpochRequest>(),
    ApiInfo::of::<create_partitions::CreatePartitionsRequest>(),
];

/// Messages that are no requests or responses.
static OTHERS: &[MessageInfo] =
    &[MessageInfo::of::<RequestHeader>(), MessageInfo::of::<ResponseHeader>()];

/// The APIs that this crate knows, by key.
#[must_use]
pub fn apis() -> &'static [ApiInfo] {
    APIS
}

/// What there is to know of an API.
#[must_use]
pub fn info(key: ApiKey) -> Option<&'static ApiInfo> {
    APIS.binary_search_by_key(&key, |api| api.key).ok().and_then(|index| APIS.get(index))
}

/// Every message that this crate knows: requests, responses, headers.
pub fn messages() -> impl Iterator<Item = &'static MessageInfo> {
    APIS.iter().flat_map(|api| [&api.request, &api.response]).chain(OTHERS)
}

/// The message of a name, such as `FetchRequest`.
#[must_use]
pub fn message(name: &str) -> Option<&'static MessageInfo> {
    messages().find(|info| info.name == name)
}
