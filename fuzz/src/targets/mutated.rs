//! Every frame with one change is read, if the change keeps the framing, and refused, if nobody
//! could read it.

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use kurier_protocol::{ApiKey, frame};

use super::decode::decoded;
use crate::frame::of_half;
use crate::half::{Direction, Half};
use crate::mutate::{Mutation, mutate};
use crate::random::Random;

/// The bytes choose a frame, what it holds, and a mutation.
///
/// # Panics
///
/// When a decoder panics, takes what is no message, or refuses what is one.
pub fn mutated(data: &[u8]) {
    let made = make_frame(&mut Unstructured::new(data));
    let Ok(Some((half, mutation, bytes))) = made else { return };
    let is_taken = is_taken(half, &Bytes::from(bytes));
    assert!(is_taken || !mutation.keeps_framing(), "{half} {mutation:?} was refused");
    assert!(!is_taken || !mutation.is_fatal(), "{half} {mutation:?} was taken");
}

fn make_frame(u: &mut Unstructured<'_>) -> Result<Option<(Half, Mutation, Vec<u8>)>> {
    let halves: Vec<_> = Half::all().collect();
    let half = *u.choose(&halves)?;
    let mutation = *u.choose(&Mutation::ALL)?;
    if is_of_requests(mutation) && half.direction() == Direction::Response {
        return Ok(None);
    }
    let frame = of_half(half, u)?;
    let bytes = mutate(&frame, mutation, u)?;
    Ok(bytes.map(|bytes| (half, mutation, bytes)))
}

/// Whether it changes what only a request's header says.
const fn is_of_requests(mutation: Mutation) -> bool {
    matches!(mutation, Mutation::UnknownApi | Mutation::UnknownVersion | Mutation::HeaderTruncated)
}

/// Whether our decoder takes a frame of this half.
fn is_taken(half: Half, bytes: &Bytes) -> bool {
    let Some((prefix, _)) = bytes.split_first_chunk::<4>() else { return false };
    let body = bytes.slice(4..);
    let length = frame::length(*prefix, BYTES_MAX).ok().filter(|length| *length <= body.len());
    let Some(length) = length else { return false };
    let body = body.slice(..length);
    match half.direction() {
        Direction::Request => {
            let Ok((header, body)) = frame::open_request(&body) else { return false };
            let (key, version) = (ApiKey(header.request_api_key), header.request_api_version);
            let half = Half::of(key, Direction::Request, version);
            half.is_some_and(|half| decoded(half.info(), version, &body).is_some())
        }
        Direction::Response => {
            let opened = frame::open_response(half.key(), half.version(), &body);
            opened.is_ok_and(|(_, body)| decoded(half.info(), half.version(), &body).is_some())
        }
    }
}

/// Bytes that choose.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    random.bytes(2000)
}

/// More than any of these frames has.
const BYTES_MAX: usize = 1 << 24;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn mutations_do_what_they_say_in_every_version_of_every_api() {
        let mut random = Random::new(2);
        let mut done = BTreeMap::new();
        for half in Half::all() {
            for mutation in Mutation::ALL {
                if is_of_requests(mutation) && half.direction() == Direction::Response {
                    continue;
                }
                let data = random.some(1500);
                let mut u = Unstructured::new(&data);
                let frame = of_half(half, &mut u).unwrap();
                let Some(bytes) = mutate(&frame, mutation, &mut u).unwrap() else { continue };
                let bytes = Bytes::from(bytes);
                let taken = is_taken(half, &bytes);
                if mutation.keeps_framing() {
                    assert!(taken, "{half} {mutation:?} {bytes:x}");
                } else {
                    assert_ne!(bytes, frame.to_bytes(), "{half} {mutation:?}");
                }
                if mutation.is_fatal() {
                    assert!(!taken, "{half} {mutation:?} {bytes:x}");
                }
                *done.entry(mutation).or_insert(0) += 1;
            }
        }
        for mutation in Mutation::ALL {
            let count = done.get(&mutation).copied().unwrap_or(0);
            assert!(count > 10, "{mutation:?} was possible {count} times");
        }
    }
}
