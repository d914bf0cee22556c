//! Data that says its own version: two bytes before everything else.

use bytes::Bytes;

use crate::error::{DecodeError, EncodeError};
use crate::message::{Message, decode_prefix, encode_into};
use crate::wire::{Reader, Segments, Version, Writer};

/// Encodes data in a version, with the version as two bytes before it.
///
/// ```
/// use kurier_protocol::data::consumer_protocol_subscription::ConsumerProtocolSubscription;
/// use kurier_protocol::data::{decode_versioned, encode_versioned};
///
/// let mine = ConsumerProtocolSubscription { topics: vec!["a".into()], ..Default::default() };
/// let bytes = encode_versioned(&mine, 0)?;
/// assert_eq!(bytes[..], [0, 0, 0, 0, 0, 1, 0, 1, b'a', 0xff, 0xff, 0xff, 0xff]);
/// assert_eq!(decode_versioned::<ConsumerProtocolSubscription>(&bytes)?, mine);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// As [`crate::encode`].
pub fn encode_versioned<M: Message>(data: &M, version: i16) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new(Version::of(version, M::FLEXIBLE));
    w.put(&version.to_be_bytes());
    encode_into(data, version, &mut w)?;
    Ok(Segments::to_bytes(&w.finish()))
}

/// Decodes data in the version that its first two bytes say. A version above those that are known
/// is read as the highest of them, and what stands behind the fields that are known is passed over:
/// newer versions only add. This is how Kafka's own consumers read each other's data.
///
/// # Errors
///
/// [`DecodeError`] if there is no version, it is below the known ones, or the bytes are not such
/// data. Offsets in it count from behind the version.
pub fn decode_versioned<M: Message>(bytes: &Bytes) -> Result<M, DecodeError> {
    let mut r = Reader::new(bytes, Version::of(0, M::FLEXIBLE));
    let said = i16::from_be_bytes(r.array().map_err(|error| error.in_message(M::NAME, 0))?);
    let version = said.min(*M::VERSIONS.end());
    let (data, _) = decode_prefix(&bytes.slice(2..), version)?;
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::consumer_protocol_assignment::ConsumerProtocolAssignment;
    use crate::data::consumer_protocol_subscription::{
        ConsumerProtocolSubscription, TopicPartition,
    };

    fn subscription() -> ConsumerProtocolSubscription {
        ConsumerProtocolSubscription {
            topics: vec!["a".into(), "b".into()],
            user_data: Some(Bytes::from_static(b"x")),
            owned_partitions: vec![TopicPartition { topic: "a".into(), partitions: vec![0, 3] }],
            generation_id: 5,
            rack_id: Some("r".into()),
        }
    }

    #[test]
    fn a_version_that_is_too_new_is_read_as_the_newest() {
        let mut bytes = encode_versioned(&subscription(), 3).unwrap().to_vec();
        bytes[1] = 9;
        bytes.extend(*b"fields of a later version");
        assert_eq!(decode_versioned(&bytes.into()), Ok(subscription()));
    }

    #[test]
    fn an_older_version_loses_what_it_lacks() {
        let bytes = encode_versioned(&subscription(), 1).unwrap();
        let back: ConsumerProtocolSubscription = decode_versioned(&bytes).unwrap();
        assert_eq!(
            back,
            ConsumerProtocolSubscription { generation_id: -1, rack_id: None, ..subscription() }
        );
    }

    #[test]
    fn a_version_below_zero_or_none_at_all_is_refused() {
        let read = |bytes: &'static [u8]| {
            decode_versioned::<ConsumerProtocolAssignment>(&Bytes::from_static(bytes))
                .unwrap_err()
                .to_string()
        };
        let text = "ConsumerProtocolAssignment v-1, at byte 0: \
                    this version is not known (known are 0 to 3)";
        assert_eq!(read(&[0xff, 0xff, 0, 0, 0, 0]), text);
        let text = "ConsumerProtocolAssignment v0, at byte 0: 2 more bytes are needed, 1 are left";
        assert_eq!(read(&[0]), text);
    }
}
