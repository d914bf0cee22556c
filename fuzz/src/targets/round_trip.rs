//! Every message that obeys the protocol survives being encoded and decoded.

use kurier_protocol::value;

use crate::arbitrary;
use crate::random::Random;

/// The bytes are the seed of a message.
///
/// # Panics
///
/// When the message does not survive, or its typed form encodes to other bytes.
pub fn round_trip(data: &[u8]) {
    let (info, version, message) = arbitrary::message(&mut Random::from_bytes(data));
    let context = || format!("{} v{version}: {message:?}", info.name);
    let encoded = value::encode(info, &message, version);
    let encoded = encoded.unwrap_or_else(|error| panic!("{error}: {}", context()));
    let decoded = value::decode(info, &encoded, version);
    let decoded = decoded.unwrap_or_else(|error| panic!("{error}: {}", context()));
    assert_eq!(decoded, message, "{}", context());
    let typed = (info.reencode)(&encoded, version);
    let typed = typed.unwrap_or_else(|error| panic!("{error}: {}", context()));
    assert_eq!(typed, encoded, "{}", context());
}

/// A seed.
pub fn make(random: &mut Random) -> Vec<u8> {
    random.number().to_be_bytes().to_vec()
}
