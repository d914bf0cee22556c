//! Every message that obeys the protocol survives being encoded and decoded.

use arbitrary::Unstructured;
use kurier_protocol::api;
use kurier_protocol::value;

use crate::layout;
use crate::message::message;
use crate::random::Random;

/// The bytes choose a message, its version, and what it holds.
///
/// # Panics
///
/// When the message does not survive, or three ways to encode it do not give the same bytes: by its
/// fields, typed, and that of [`layout`].
pub fn round_trip(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let messages: Vec<_> = api::messages().collect();
    let Ok(info) = u.choose(&messages) else { return };
    let Ok(version) = u.int_in_range(info.versions.clone()) else { return };
    let Ok(message) = message(info, version, &mut u) else { return };
    let context = || format!("{} v{version}: {message:?}", info.name);
    let encoded = value::encode(info, &message, version);
    let encoded = encoded.unwrap_or_else(|error| panic!("{error}: {}", context()));
    let decoded = value::decode(info, &encoded, version);
    let decoded = decoded.unwrap_or_else(|error| panic!("{error}: {}", context()));
    assert_eq!(decoded, message, "{}", context());
    let typed = (info.reencode)(&encoded, version);
    let typed = typed.unwrap_or_else(|error| panic!("{error}: {}", context()));
    assert_eq!(typed, encoded, "{}", context());
    let apart = layout::write(info, &message, version, &mut |_| None);
    assert_eq!(apart, encoded, "{}", context());
}

/// Bytes that choose.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    random.bytes(2000)
}
