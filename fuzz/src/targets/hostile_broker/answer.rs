//! The bytes of an answer that is not as it should be. *core*

use arbitrary::Unstructured;
use kurier_protocol::ApiKey;
use kurier_protocol::header::RequestHeader;

use super::script::Act;
use crate::frame::{Frame, arbitrary_response};
use crate::mutate::{Mutation, mutate};

/// Bytes that are sent, and whether the connection ends behind them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    pub(super) is_last: bool,
}

/// What is sent instead of the honest answer, which is a frame without its length.
pub(super) fn answer(act: &Act, asked: &RequestHeader, honest: &[u8]) -> Sent {
    let sent = |bytes| Sent { bytes, is_last: false };
    match act {
        Act::Honest | Act::Late(_) => sent(framed(honest)),
        Act::Damaged(places) => sent(framed(&damaged(honest, places))),
        Act::Other(piece) => sent(other(piece, asked).map_or_else(Vec::new, |f| f.to_bytes())),
        Act::Broken(piece) => sent(broken(piece, asked).unwrap_or_else(|| framed(honest))),
        Act::Body(body) => {
            let header = honest.get(..NUMBER_BYTES).unwrap_or_default();
            sent(framed(&[header, body].concat()))
        }
        Act::Raw(bytes) => sent(bytes.clone()),
        Act::OtherNumber(change) => {
            let mut bytes = honest.to_vec();
            bytes.iter_mut().take(NUMBER_BYTES).for_each(|byte| *byte ^= change);
            sent(framed(&bytes))
        }
        Act::Twice => sent([framed(honest), framed(honest)].concat()),
        Act::Cut(at) => {
            let mut bytes = framed(honest);
            bytes.truncate((*at).into());
            Sent { bytes, is_last: true }
        }
        Act::Length(length) => sent([&length[..], honest].concat()),
        Act::Silence => sent(Vec::new()),
        Act::Close => Sent { bytes: Vec::new(), is_last: true },
    }
}

/// Each two bytes say where, and what is there then.
fn damaged(honest: &[u8], places: &[u8]) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    for place in places.chunks_exact(2) {
        let [at, value] = *place else { continue };
        // The number of the answer stays, so that somebody reads it.
        let at = NUMBER_BYTES + usize::from(at);
        bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = value);
    }
    bytes
}

fn other(piece: &[u8], asked: &RequestHeader) -> Option<Frame> {
    let (key, version) = (ApiKey(asked.request_api_key), asked.request_api_version);
    let mut frame = arbitrary_response(key, version, &mut Unstructured::new(piece)).ok()?;
    frame.header.correlation_id = asked.correlation_id;
    Some(frame)
}

fn broken(piece: &[u8], asked: &RequestHeader) -> Option<Vec<u8>> {
    let (which, piece) = piece.split_first()?;
    let mutation = Mutation::ALL.get(usize::from(*which) % Mutation::ALL.len())?;
    let (how, what) = piece.split_at(piece.len() / 4);
    mutate(&other(what, asked)?, *mutation, &mut Unstructured::new(how)).ok()?
}

fn framed(frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], frame].concat()
}

/// The correlation id, with which an answer begins.
const NUMBER_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use kurier_protocol::frame;

    use super::*;

    const HONEST: [u8; 10] = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0];

    fn sent(act: &Act) -> Sent {
        let asked = RequestHeader {
            request_api_key: ApiKey::API_VERSIONS.0,
            request_api_version: 0,
            correlation_id: 7,
            client_id: None,
        };
        answer(act, &asked, &HONEST)
    }

    #[test]
    fn an_honest_answer_is_the_clusters_own() {
        let bytes = sent(&Act::Honest).bytes;
        assert_eq!((bytes[..4].to_vec(), &bytes[4..]), (vec![0, 0, 0, 10], &HONEST[..]));
    }

    #[test]
    fn damage_and_other_answers_keep_the_number_that_is_waited_for() {
        for act in [Act::Damaged(vec![0, 9]), Act::Body(vec![1, 2]), Act::Other(vec![3; 40])] {
            let bytes = sent(&act).bytes;
            assert_eq!(bytes[4..8], [0, 0, 0, 7], "{act:?}");
            let honest = [&[0, 0, 0, 10], &HONEST[..]].concat();
            assert_ne!(bytes, honest, "{act:?}");
            assert!(frame::length(bytes[..4].try_into().unwrap(), 1000).is_ok(), "{act:?}");
        }
    }

    #[test]
    fn a_cut_answer_is_the_last_thing_that_comes() {
        let cut = sent(&Act::Cut(6));
        assert_eq!((cut.bytes.len(), cut.is_last), (6, true));
        assert!(sent(&Act::Silence).bytes.is_empty() && !sent(&Act::Silence).is_last);
        assert!(sent(&Act::Close).is_last);
    }
}
