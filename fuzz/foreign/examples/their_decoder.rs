//! How to fuzz a decoder that is not Kurier's: whole requests of every version must be read to
//! their end, and broken ones must not make it panic. Take `decode` away and put yours in.

use std::panic::catch_unwind;

use arbitrary::Unstructured;
use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, RequestKind};
use kurier_fuzz::mutate::{Mutation, mutate};
use kurier_fuzz::random::Random;
use kurier_protocol::api::apis;

/// The decoder: whether it takes a request without its header, all of it.
fn decode(key: i16, version: i16, body: &[u8]) -> Option<bool> {
    let key = ApiKey::try_from(key).ok()?;
    let known = key.valid_versions();
    let mut bytes = Bytes::copy_from_slice(body);
    (known.min..=known.max)
        .contains(&version)
        .then(|| RequestKind::decode(key, &mut bytes, version).is_ok() && !bytes.has_remaining())
}

fn main() -> Result<(), arbitrary::Error> {
    let (mut read, mut refused) = (0, 0);
    let mut random = Random::new(1);
    for api in apis() {
        for version in api.request.versions.clone() {
            let data = random.some(1000);
            let mut u = Unstructured::new(&data);
            let frame = kurier_fuzz::arbitrary(api.key, version, &mut u)?;
            match decode(api.key.0, version, &frame.body()) {
                Some(true) => read += 1,
                Some(false) => println!("{} was refused: {:02x?}", frame.half(), frame.body()),
                None => continue,
            }
            // A length prefix and a header stand before the message.
            let before = 4 + frame.header_bytes().len();
            for mutation in [Mutation::Truncated, Mutation::NotUtf8, Mutation::UnknownTag] {
                let Some(bytes) = mutate(&frame, mutation, &mut u)? else { continue };
                let taken = catch_unwind(|| decode(api.key.0, version, &bytes[before..]));
                let taken = taken.expect("no panic, whatever the bytes");
                assert!(
                    taken != Some(true) || !mutation.is_fatal(),
                    "{} {mutation:?}",
                    frame.half()
                );
                refused += usize::from(taken == Some(false));
            }
        }
    }
    println!("{read} whole requests were read, {refused} broken ones refused");
    Ok(())
}
