//! Any bytes as what members and coordinators of groups keep: subscriptions, assignments, what
//! assignors remember, and the keys and values of the groups' and transactions' logs.

use arbitrary::Unstructured;
use bytes::Bytes;
use kurier_protocol::api::{self, MessageInfo};
use kurier_protocol::data::consumer_protocol_assignment::ConsumerProtocolAssignment;
use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
use kurier_protocol::data::group_log::{
    GroupMetadataKey, GroupMetadataValue, OffsetCommitKey, OffsetCommitValue,
};
use kurier_protocol::data::transaction_log::{TransactionLogKey, TransactionLogValue};
use kurier_protocol::data::{decode_versioned, encode_versioned};
use kurier_protocol::{Message, value};

use super::decode::decoded;
use crate::message::message;
use crate::random::Random;

/// The first byte chooses what the others are; if that says its version, two bytes do.
///
/// # Panics
///
/// When a decoder panics, the decoders do not agree, or data changes by being encoded and decoded
/// again.
pub fn group_blobs(data: &[u8]) {
    let Some(([which], rest)) = data.split_first_chunk() else { return };
    let bytes = Bytes::copy_from_slice(rest);
    versioned::<ConsumerProtocolSubscription>(&bytes);
    versioned::<ConsumerProtocolAssignment>(&bytes);
    versioned::<OffsetCommitKey>(&bytes);
    versioned::<OffsetCommitValue>(&bytes);
    versioned::<GroupMetadataKey>(&bytes);
    versioned::<GroupMetadataValue>(&bytes);
    versioned::<TransactionLogKey>(&bytes);
    versioned::<TransactionLogValue>(&bytes);
    let all = messages();
    let at = usize::from(*which).checked_rem(all.len()).unwrap_or(0);
    let Some(info) = all.get(at) else { return };
    for version in info.versions.clone() {
        decoded(info, version, &bytes);
    }
}

fn versioned<M: Message>(bytes: &Bytes) {
    let Ok(data) = decode_versioned::<M>(bytes) else { return };
    let said = bytes.first_chunk().map_or(0, |version| i16::from_be_bytes(*version));
    let version = said.min(*M::VERSIONS.end());
    let encoded = encode_versioned(&data, version).expect("what was decoded is encoded");
    let again = decode_versioned::<M>(&encoded).expect("what was encoded is decoded");
    let once_more = encode_versioned(&again, version).expect("what was decoded is encoded");
    assert_eq!(encoded, once_more, "{} v{version}", M::NAME);
}

/// Data messages: those that are no halves of APIs, and no headers.
fn messages() -> Vec<&'static MessageInfo> {
    let is_data = |info: &&MessageInfo| {
        !["Request", "Response", "Header"].iter().any(|end| info.name.ends_with(end))
    };
    api::messages().filter(is_data).collect()
}

/// Data with its version before it, often damaged.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let all = messages();
    let at = random.below(all.len());
    let Some(info) = all.get(at) else { return Vec::new() };
    let versions: Vec<_> = info.versions.clone().collect();
    let version = random.pick(&versions);
    let data = random.bytes(500);
    let value = message(info, version, &mut Unstructured::new(&data)).expect("no error");
    let body = value::encode(info, &value, version).expect("an obedient message");
    let body = if random.one_in(4) { body.to_vec() } else { random.damage(&body) };
    let version = if random.one_in(2) { version.to_be_bytes().to_vec() } else { Vec::new() };
    [vec![u8::try_from(at).unwrap_or(0)], version, body].concat()
}
