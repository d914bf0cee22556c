//! Runs against brokers that are functions: no network.

use std::collections::VecDeque;

use bytes::Bytes;
use kurier_protocol::api::api_versions::{ApiVersion, ApiVersionsResponse};
use kurier_protocol::{ErrorCode, api, frame, value};

use super::*;
use crate::frame::arbitrary_response;
use crate::half::Direction;

/// What a broker does with a frame.
enum Deed {
    Answer(Vec<u8>),
    Close,
    Nothing,
}

/// A connection to a function: frames in, deeds out.
struct Pipe<F> {
    broker: F,
    inbox: Vec<u8>,
    outbox: VecDeque<u8>,
    is_closed: bool,
}

impl<F: FnMut(&Bytes) -> Deed> Pipe<F> {
    const fn new(broker: F) -> Self {
        Self { broker, inbox: Vec::new(), outbox: VecDeque::new(), is_closed: false }
    }
}

impl<F: FnMut(&Bytes) -> Deed> Write for Pipe<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inbox.extend_from_slice(bytes);
        while let Some((prefix, rest)) = self.inbox.split_first_chunk::<4>() {
            match usize::try_from(i32::from_be_bytes(*prefix)) {
                Ok(length) if length > 1 << 20 => self.is_closed = true,
                Ok(length) if length > rest.len() => break,
                Ok(length) => {
                    let frame = Bytes::copy_from_slice(&rest[..length]);
                    self.inbox.drain(..4 + length);
                    match (self.broker)(&frame) {
                        Deed::Answer(bytes) => self.outbox.extend(bytes),
                        Deed::Close => self.is_closed = true,
                        Deed::Nothing => {}
                    }
                }
                Err(_) => self.is_closed = true,
            }
            if self.is_closed {
                break;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F> Read for Pipe<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.outbox.is_empty() && !self.is_closed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = into.len().min(self.outbox.len());
        into.iter_mut().zip(self.outbox.drain(..count)).for_each(|(to, byte)| *to = byte);
        Ok(count)
    }
}

/// Answers what it can read with something valid, and closes on all else.
fn good(frame: &Bytes) -> Deed {
    let Ok((header, body)) = frame::open_request(frame) else { return Deed::Close };
    let (key, version) = (ApiKey(header.request_api_key), header.request_api_version);
    if (key, version) == (ApiKey::API_VERSIONS, 0) && body.is_empty() {
        return answer_versions(header.correlation_id);
    }
    let Some(info) = api::info(key) else { return Deed::Close };
    if value::decode(&info.request, &body, version).is_err() {
        return Deed::Close;
    }
    let mut answer = arbitrary_response(key, version, &mut Unstructured::new(&[])).unwrap();
    answer.header.correlation_id = header.correlation_id;
    Deed::Answer(answer.to_bytes())
}

fn answer_versions(correlation_id: i32) -> Deed {
    let api_keys = [(ApiKey::METADATA, 0, 13), (ApiKey::PRODUCE, 0, 13), (ApiKey(7777), 0, 1)];
    let api_keys = api_keys.map(|(api_key, min_version, max_version)| ApiVersion {
        api_key,
        min_version,
        max_version,
    });
    let response = ApiVersionsResponse { api_keys: api_keys.to_vec(), ..Default::default() };
    let segments = frame::response(ApiKey::API_VERSIONS, &response, 0, correlation_id).unwrap();
    Deed::Answer(segments.to_bytes().to_vec())
}

fn note<T>(all: &mut Vec<T>, new: T) -> ControlFlow<()> {
    all.push(new);
    ControlFlow::Continue(())
}

const OPTIONS: Options = Options { count: 500, seed: 1, first: 0, skip: Vec::new() };

fn reports(broker: impl FnMut(&Bytes) -> Deed + Copy) -> (Summary, Vec<Report>) {
    let mut reports = Vec::new();
    let summary =
        run(|| Ok(Pipe::new(broker)), OPTIONS, |report| note(&mut reports, report.clone()));
    (summary.unwrap(), reports)
}

#[test]
fn a_broker_that_answers_what_it_can_read_and_closes_on_the_rest_has_no_findings() {
    let (summary, reports) = reports(good);
    let findings: Vec<_> =
        reports.iter().filter(|report| report.is_finding()).map(ToString::to_string).collect();
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!((summary.sent, summary.findings), (500, 0));
    // Fourteen versions of Metadata, eleven of Produce, of which three are named and not taken; the
    // API that nobody knows is left out.
    assert_eq!(summary.right.len(), 25);
    let closed = reports.iter().filter(|report| report.outcome == Outcome::Closed).count();
    assert!(closed > 100, "{closed} frames were refused");
}

#[test]
fn a_broker_that_closes_on_frames_it_should_read_is_found() {
    let (_, reports) = reports(|frame| match good(frame) {
        Deed::Answer(_) if frame.starts_with(&[0, 3, 0, 9]) => Deed::Close,
        deed => deed,
    });
    let findings: Vec<_> = reports.iter().filter(|report| report.is_finding()).collect();
    assert!(findings.len() > 3);
    for finding in findings {
        assert_eq!(finding.half.to_string(), "MetadataRequest v9", "{finding}");
        assert_eq!(finding.outcome, Outcome::Closed);
        assert_eq!(finding.hex().get(8..16), Some("00030009"));
    }
}

#[test]
fn a_broker_that_says_nothing_is_found() {
    let (summary, _) = reports(|frame| match good(frame) {
        Deed::Answer(_) if frame.starts_with(&[0, 3, 0, 9]) => Deed::Nothing,
        deed => deed,
    });
    let tally = summary.right[&(ApiKey::METADATA, 9)];
    assert!(tally.silence > 3 && tally.answered == 0, "{tally}");
    assert!(summary.findings >= tally.silence);
}

#[test]
fn an_answer_of_another_version_or_number_is_found() {
    let wrong = |frame: &Bytes| match good(frame) {
        Deed::Answer(mut bytes) if frame.starts_with(&[0, 3, 0, 9]) => {
            bytes[7] ^= 1;
            Deed::Answer(bytes)
        }
        Deed::Answer(mut bytes) if frame.starts_with(&[0, 3, 0, 8]) => {
            bytes.push(0);
            bytes[3] += 1;
            Deed::Answer(bytes)
        }
        deed => deed,
    };
    let (summary, reports) = reports(wrong);
    assert!(summary.right[&(ApiKey::METADATA, 9)].error > 3);
    assert!(summary.right[&(ApiKey::METADATA, 8)].error > 3);
    let texts: Vec<_> = reports.iter().filter(|r| r.is_finding()).map(|r| r.to_string()).collect();
    assert!(texts.iter().any(|text| text.contains("correlation id")), "{texts:#?}");
    assert!(texts.iter().any(|text| text.contains("1 bytes are left over")), "{texts:#?}");
}

#[test]
fn an_error_that_the_broker_does_not_know_is_found() {
    let (summary, _) = reports(|frame| match good(frame) {
        Deed::Answer(_) if frame.starts_with(&[0, 3, 0, 13]) => {
            use kurier_protocol::api::metadata::MetadataResponse;
            let (header, _) = frame::open_request(frame).unwrap();
            let error_code = ErrorCode::UNKNOWN_SERVER_ERROR;
            let response = MetadataResponse { error_code, ..Default::default() };
            let id = header.correlation_id;
            let segments = frame::response(ApiKey::METADATA, &response, 13, id).unwrap();
            Deed::Answer(segments.to_bytes().to_vec())
        }
        deed => deed,
    });
    assert!(summary.right[&(ApiKey::METADATA, 13)].error > 3);
}

#[test]
fn a_broker_that_dies_ends_the_run_with_the_frame_that_killed_it() {
    let dead = std::cell::Cell::new(false);
    let mut reports = Vec::new();
    let connect = || {
        if dead.get() {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(Pipe::new(|frame: &Bytes| {
            if frame.starts_with(&[0, 3, 0, 9]) {
                dead.set(true);
                return Deed::Close;
            }
            good(frame)
        }))
    };
    let summary = run(connect, OPTIONS, |report| note(&mut reports, report.clone())).unwrap();
    let last = reports.last().unwrap();
    assert_eq!(last.outcome, Outcome::Crashed);
    assert!(!summary.survived);
    assert_eq!((last.half.key(), last.half.version()), (ApiKey::METADATA, 9));
    assert!(last.is_finding() && summary.sent < 500, "{summary}");
}

#[test]
fn the_same_seed_sends_the_same_frames_and_another_sends_others() {
    let frames = |seed, first| {
        let mut frames = Vec::new();
        let options = Options { count: 20, seed, first, ..OPTIONS };
        run(|| Ok(Pipe::new(good)), options, |report| note(&mut frames, report.hex())).unwrap();
        frames
    };
    assert_eq!(frames(3, 0), frames(3, 0));
    assert_ne!(frames(3, 0), frames(4, 0));
    assert_eq!(frames(3, 0)[10..], frames(3, 10)[..10]);
}

#[test]
fn a_run_ends_when_nobody_wants_more() {
    let mut left = 3;
    let summary = run(
        || Ok(Pipe::new(good)),
        OPTIONS,
        |_| {
            left -= 1;
            if left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    let summary = summary.unwrap();
    assert_eq!((summary.sent, summary.survived), (3, true));
}

#[test]
fn an_api_that_is_skipped_is_not_sent_and_the_others_are_the_same() {
    let frames = |skip| {
        let mut frames = Vec::new();
        let options = Options { count: 60, skip, ..OPTIONS };
        run(|| Ok(Pipe::new(good)), options, |report| note(&mut frames, report.clone())).unwrap();
        frames
    };
    let of_metadata = |report: &&Report| report.half.key() == ApiKey::METADATA;
    let (all, some) = (frames(vec![]), frames(vec![ApiKey::PRODUCE]));
    let wanted: Vec<_> = all.iter().filter(of_metadata).map(Report::hex).collect();
    assert_eq!(some.iter().map(Report::hex).collect::<Vec<_>>(), wanted);
    assert!(some.len() < all.len());
}

#[test]
fn a_frame_is_sent_again_and_has_the_same_fate() {
    let fate =
        |broker: fn(&Bytes) -> Deed, frame: &[u8]| resend(|| Ok(Pipe::new(broker)), frame).unwrap();
    let half = Half::of(ApiKey::METADATA, Direction::Request, 9).unwrap();
    let frame = of_half(half, &mut Unstructured::new(&[])).unwrap().to_bytes();
    assert_eq!(fate(good, &frame), Outcome::Answered);
    assert_eq!(fate(good, &[0, 0, 0, 1, 7]), Outcome::Closed);
    let other = |frame: &Bytes| match good(frame) {
        Deed::Answer(mut bytes) if frame.starts_with(&[0, 3]) => {
            bytes[7] ^= 1;
            Deed::Answer(bytes)
        }
        deed => deed,
    };
    assert!(matches!(fate(other, &frame), Outcome::Error(_)));
}

#[test]
fn a_peer_that_is_no_broker_is_not_fuzzed() {
    let silent =
        run(|| Ok(Pipe::new(|_: &Bytes| Deed::Nothing)), OPTIONS, |_| ControlFlow::Continue(()));
    assert_eq!(
        silent.unwrap_err().to_string(),
        "the peer does not answer ApiVersions: it is silent"
    );
    let nobody = || Err::<Pipe<fn(&Bytes) -> Deed>, _>(io::ErrorKind::ConnectionRefused.into());
    assert_eq!(
        run(nobody, OPTIONS, |_| ControlFlow::Continue(())).unwrap_err().to_string(),
        "no connection"
    );
}

#[test]
fn the_mutations_that_keep_the_framing_come_first() {
    let keeping = Mutation::ALL.into_iter().take_while(|mutation| mutation.keeps_framing());
    assert_eq!(keeping.count(), KEEPING);
    assert!(Mutation::ALL.into_iter().skip(KEEPING).all(|mutation| !mutation.keeps_framing()));
}
