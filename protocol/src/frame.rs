//! Frames: a length of four bytes, a header, a message.

use bytes::Bytes;

use crate::api;
use crate::api_key::ApiKey;
use crate::error::{DecodeCause, DecodeError, EncodeError};
use crate::header::{
    RequestHeader, ResponseHeader, request_header_version, response_header_version,
};
use crate::message::{Message, Request, decode_prefix, encode_into};
pub use crate::wire::Segments;
use crate::wire::{Version, Writer};

/// Encodes a request as a frame, its length included.
///
/// # Errors
///
/// [`EncodeError`] if the version cannot hold the request.
pub fn request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
) -> Result<Segments, EncodeError> {
    let header = RequestHeader {
        request_api_key: R::KEY.0,
        request_api_version: version,
        correlation_id,
        client_id: client_id.map(Into::into),
    };
    let header_version = request_header_version(R::KEY, Version::of(version, R::FLEXIBLE));
    message(&header, header_version, request, version)
}

/// Encodes a response as a frame, its length included.
///
/// # Errors
///
/// [`EncodeError`] if the version cannot hold the response.
pub fn response<M: Message>(
    key: ApiKey,
    response: &M,
    version: i16,
    correlation_id: i32,
) -> Result<Segments, EncodeError> {
    let header_version = response_header_version(key, Version::of(version, M::FLEXIBLE));
    message(&ResponseHeader { correlation_id }, header_version, response, version)
}

fn message<H: Message, M: Message>(
    header: &H,
    header_version: i16,
    body: &M,
    version: i16,
) -> Result<Segments, EncodeError> {
    let mut w = Writer::new(Version::of(0, i16::MAX));
    w.put(&[0; 4]);
    encode_into(header, header_version, &mut w)?;
    encode_into(body, version, &mut w)?;
    w.finish_frame().map_err(|error| error.in_message(M::NAME))
}

/// The length of the frame that comes behind these four bytes. Who reads frames asks for it before
/// it makes room for one: `bytes_max` is what it is willing to hold.
///
/// ```
/// use kurier_protocol::{frame, limits};
///
/// let max = limits::REQUEST_BYTES_MAX_DEFAULT;
/// assert_eq!(frame::length([0, 0, 1, 0], max)?, 256);
/// let error = frame::length(*b"GET ", max).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "at byte 0: the length 1195725856 is above the limit of 104857600",
/// );
/// # Ok::<(), kurier_protocol::DecodeError>(())
/// ```
///
/// # Errors
///
/// [`DecodeCause::Length`] if it is below zero, [`DecodeCause::TooLong`] if it is above the limit.
pub fn length(prefix: [u8; 4], bytes_max: usize) -> Result<usize, DecodeError> {
    let claimed = i32::from_be_bytes(prefix);
    let cause = match usize::try_from(claimed) {
        Ok(length) if length <= bytes_max => return Ok(length),
        Ok(length) => DecodeCause::TooLong { length, max: bytes_max },
        Err(_) => DecodeCause::Length(claimed.into()),
    };
    Err(DecodeError::new(0, cause))
}

/// Splits a request frame (without its length) into header and body.
///
/// # Errors
///
/// [`DecodeError`] if there is no such API, or the header is broken. A version that is not known is
/// no error here: the header is read as that of the API's nearest version.
pub fn open_request(frame: &Bytes) -> Result<(RequestHeader, Bytes), DecodeError> {
    let (start, _) = decode_prefix::<RequestHeader>(frame, 0)?;
    let key = ApiKey(start.request_api_key);
    let version = request_header_version(key, known(key, start.request_api_version)?);
    let (header, length) = decode_prefix::<RequestHeader>(frame, version)?;
    Ok((header, frame.slice(length..)))
}

/// Splits a response frame (without its length) into correlation id and body.
///
/// # Errors
///
/// [`DecodeError`] if there is no such API, or the header is broken.
pub fn open_response(
    key: ApiKey,
    version: i16,
    frame: &Bytes,
) -> Result<(i32, Bytes), DecodeError> {
    let version = response_header_version(key, known(key, version)?);
    let (header, length) = decode_prefix::<ResponseHeader>(frame, version)?;
    Ok((header.correlation_id, frame.slice(length..)))
}

/// The version of an API that exists, which knows whether it is flexible.
fn known(key: ApiKey, version: i16) -> Result<Version, DecodeError> {
    api::version(key, version).ok_or_else(|| DecodeError::new(0, DecodeCause::Api(key.0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    use crate::api::metadata::MetadataRequest;
    use crate::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
    use crate::limits::FRAME_BYTES_MAX;
    use crate::wire::Records;

    fn framed(segments: Segments) -> Bytes {
        let bytes = segments.to_bytes();
        assert_eq!(bytes.len(), segments.len());
        let (length, frame) = bytes.split_first_chunk::<4>().unwrap();
        assert_eq!(u32::from_be_bytes(*length) as usize, frame.len());
        bytes.slice(4..)
    }

    #[test]
    fn a_request_comes_back_from_its_frame() {
        for version in 0..=13 {
            let asked = MetadataRequest::default();
            let frame = framed(request(&asked, version, 7, Some("me")).unwrap());
            let (header, body) = open_request(&frame).unwrap();
            assert_eq!(header.request_api_key, ApiKey::METADATA.0);
            assert_eq!((header.request_api_version, header.correlation_id), (version, 7));
            assert_eq!(header.client_id.as_deref(), Some("me"));
            assert_eq!(crate::decode::<MetadataRequest>(&body, version), Ok(asked));
        }
    }

    #[test]
    fn the_header_of_an_api_versions_response_is_always_the_oldest() {
        for version in 0..=5 {
            let answer = ApiVersionsResponse::default();
            let frame = framed(response(ApiKey::API_VERSIONS, &answer, version, 7).unwrap());
            let body = crate::encode(&answer, version).unwrap();
            assert_eq!(frame, [&[0, 0, 0, 7], &body[..]].concat());
            let opened = open_response(ApiKey::API_VERSIONS, version, &frame);
            assert_eq!(opened, Ok((7, body)));
        }
    }

    #[test]
    fn the_header_of_a_version_that_is_not_known_is_read() {
        let frame = framed(request(&ApiVersionsRequest::default(), 5, 7, None).unwrap());
        let mut newer = frame.to_vec();
        newer[3] = 99;
        let (header, body) = open_request(&newer.into()).unwrap();
        assert_eq!((header.request_api_version, header.client_id), (99, None));
        assert_eq!(body, crate::encode(&ApiVersionsRequest::default(), 5).unwrap());
    }

    #[test]
    fn the_frame_of_an_api_that_is_not_known_is_refused() {
        let error = open_request(&Bytes::from_static(&[0x7f, 0, 0, 0, 0, 0, 0, 0])).unwrap_err();
        assert_eq!(error.cause(), DecodeCause::Api(0x7f00));
        let error = open_request(&Bytes::from_static(&[0, 0, 0])).unwrap_err();
        assert_eq!(error.message(), "RequestHeader");
    }

    #[test]
    fn a_length_below_zero_or_above_the_limit_is_refused() {
        let cause = |prefix, max| length(prefix, max).unwrap_err().cause();
        assert_eq!(length([0, 0, 0, 7], 7), Ok(7));
        assert_eq!(cause([0, 0, 0, 8], 7), DecodeCause::TooLong { length: 8, max: 7 });
        assert_eq!(cause([0xff; 4], 7), DecodeCause::Length(-1));
        assert_eq!(length([0x7f, 0xff, 0xff, 0xff], FRAME_BYTES_MAX), Ok(FRAME_BYTES_MAX));
    }

    #[test]
    fn large_records_leave_from_where_they_are() {
        let large = Bytes::from(vec![7; 4 << 10]);
        let small = large.slice(1..);
        let partition = |records: &Bytes| PartitionProduceData {
            index: 0,
            records: Some(Records(records.clone())),
        };
        let partition_data = vec![partition(&large), partition(&small), partition(&large)];
        let topic_data = vec![TopicProduceData { partition_data, ..Default::default() }];
        let produce = ProduceRequest { topic_data, ..Default::default() };
        let segments = request(&produce, 12, 7, None).unwrap();
        let whole = framed(segments.clone());
        let pieces: Vec<_> = segments.into_iter().collect();
        assert_eq!(pieces.len(), 5);
        assert_eq!(pieces.concat()[4..], whole);
        let same = |piece: &Bytes| piece.as_ptr() == large.as_ptr() && piece.len() == large.len();
        assert_eq!(pieces.iter().map(same).collect::<Vec<_>>(), [false, true, false, true, false]);
    }
}
