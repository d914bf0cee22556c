//! What errors mean for a program agrees with itself, and with the Java client's exceptions.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kurier_protocol::api::metadata::MetadataResponse;
use kurier_protocol::record::RecordError;
use kurier_protocol::{ApiKey, ErrorCode};

use super::super::class::{Course, course_of};
use super::super::*;

/// Every API that has a name.
fn apis() -> impl Iterator<Item = ApiKey> {
    (0..=i16::from(u8::MAX)).map(ApiKey).filter(|api| api.name().is_some())
}

/// One error of each variant, and of each that means something of its own.
pub(super) fn specimens() -> Vec<Error> {
    let login = |fault| {
        let user = Some("alice".into());
        let failure = Arc::new(LoginFailure { mechanism: "PLAIN", user, fault });
        Error::Authentication { address: "b:1".into(), failure }
    };
    let tls = |fault: TlsFault| Error::unreachable("b:1", fault.into());
    let faulty = |fault| Error::unreachable("b:1", Cause::Fault(fault));
    let timed_out = |what| Error::timed_out(what, Duration::from_secs(1));
    let lost = |cause| Error::Disconnected {
        address: "b:1".into(),
        api: Some(ApiKey::PRODUCE),
        maybe_written: true,
        cause,
    };
    let decode = kurier_protocol::decode::<MetadataResponse>(&Bytes::new(), 1).unwrap_err();
    vec![
        timed_out(Waiting::BufferSpace),
        timed_out(Waiting::Transactions { transactional_id: "a".into() }),
        timed_out(Waiting::Division { group: "g".into() }),
        timed_out(Waiting::Coordinator { api: ApiKey::HEARTBEAT, group: "g".into() }),
        timed_out(Waiting::Metadata { topic: "t".into() }),
        lost(Cause::Closed),
        lost(Cause::Unwelcome),
        Error::unreachable("b:1", Cause::io(io::ErrorKind::ConnectionRefused.into())),
        Error::unreachable("b:1", Cause::Rejected(ErrorCode::UNSUPPORTED_VERSION)),
        Error::Unreachable { tried: [].into(), advertised: None },
        tls(TlsFault::NotTls),
        tls(TlsFault::HungUp),
        tls(TlsFault::CertificateWanted),
        tls(TlsFault::Unusable("no such file".into())),
        faulty(Fault::Tls),
        faulty(Fault::Http),
        faulty(Fault::Foreign(*b"SSH-")),
        faulty(Fault::FrameLength { bytes: -1, bytes_max: 9 }),
        faulty(Fault::Correlation { wanted: Some(1), found: 2 }),
        faulty(Fault::Decode(decode)),
        faulty(Fault::Record(RecordError::UnknownCodec { id: 7 })),
        login(LoginFault::NotWanted),
        login(LoginFault::Refused { code: ErrorCode::SASL_AUTHENTICATION_FAILED, message: None }),
        login(LoginFault::Credentials { problem: "no ticket".into(), is_passing: true }),
        login(LoginFault::Closed),
        Error::unsupported_api(ApiKey::CREATE_TOPICS, (0, 7), None, None),
        Error::UnknownTopic { topic: "t".into(), partition: None },
        Error::TooLarge {
            what: Oversized::Record,
            bytes: 2,
            bytes_max: 1,
            setting: "batch_bytes_max",
        },
        Error::invalid("acks", "is 7"),
        Error::Closed { what: "producer" },
    ]
}

/// Of each kind, whether its errors can be tried again, if that is the same for all of them.
fn is_retriable(kind: ErrorKind) -> Option<bool> {
    match kind {
        ErrorKind::Unavailable | ErrorKind::TimedOut => Some(true),
        ErrorKind::NotFound | ErrorKind::Corrupt | ErrorKind::Broker => None,
        _ => Some(false),
    }
}

#[track_caller]
fn check(what: &str, kind: ErrorKind, answers: [bool; 3]) {
    let yes = answers.iter().filter(|answer| **answer).count();
    assert!(yes <= 1, "{what}: retriable, fatal, abort: {answers:?}");
    if let Some(wanted) = is_retriable(kind) {
        assert_eq!(answers[0], wanted, "{what} is {kind:?}");
    }
    let ends = matches!(kind, ErrorKind::Closed | ErrorKind::Protocol | ErrorKind::Authentication);
    assert!(!ends || answers[1], "{what} is {kind:?} and not fatal");
}

#[test]
fn a_service_that_says_by_kerberos_what_passes_is_asked_again() {
    for (code, passes) in [(21, true), (33, true), (34, true), (37, false), (41, false)] {
        let error = kurier_auth::Error::Kerberos { code: Some(code), problem: "KRB-ERROR".into() };
        let fault = LoginFault::Exchange(error);
        let failure = LoginFailure { mechanism: "GSSAPI", user: None, fault };
        assert_eq!(failure.is_passing(), passes, "{code}");
    }
}

#[test]
fn no_error_gives_a_program_two_answers() {
    let mut seen = BTreeSet::new();
    for error in specimens() {
        let answers = [error.is_retriable(), error.is_fatal(), error.requires_abort()];
        check(&error.to_string(), error.kind(), answers);
        seen.insert(error.kind());
        if error.maybe_written() {
            // What never left this process, or was refused, has changed nothing.
            let kinds = [ErrorKind::TimedOut, ErrorKind::Unavailable, ErrorKind::Corrupt];
            assert!(kinds.contains(&error.kind()), "{error:?}");
            assert_eq!(error.origin(), Origin::Network, "{error:?}");
        }
        if error.origin() == Origin::Client {
            assert!(error.code().is_none(), "{error:?}");
        }
    }
    for kind in [ErrorKind::Protocol, ErrorKind::Corrupt, ErrorKind::Closed, ErrorKind::Invalid] {
        assert!(seen.contains(&kind), "{kind:?}");
    }
}

#[test]
fn no_code_gives_a_program_two_answers_whatever_was_asked() {
    let mut seen = BTreeSet::new();
    for code in ErrorCode::ALL.iter().copied().chain([ErrorCode(9999)]) {
        for api in apis() {
            let error = Error::broker(api, code, About::Nothing);
            let answers = [error.is_retriable(), error.is_fatal(), error.requires_abort()];
            let yes = answers.iter().filter(|answer| **answer).count();
            assert!(yes <= 1, "{api} {code}: retriable, fatal, abort: {answers:?}");
            assert_eq!((error.origin(), error.code()), (Origin::Broker, Some(code)));
            match error.kind() {
                _ if is_lookup(api) || api == ApiKey::API_VERSIONS => {}
                ErrorKind::Unavailable => assert!(error.is_retriable(), "{api} {code}"),
                ErrorKind::Fenced => assert!(error.is_fatal(), "{api} {code}"),
                _ => {}
            }
            seen.insert(error.kind());
        }
    }
    let missing: Vec<_> = ErrorKind::ALL.iter().filter(|kind| !seen.contains(kind)).collect();
    assert_eq!(missing, [&ErrorKind::Protocol, &ErrorKind::Closed]);
}

/// Offset lookups try again whatever they do not know, as the Java client does.
fn is_lookup(api: ApiKey) -> bool {
    matches!(api, ApiKey::LIST_OFFSETS | ApiKey::OFFSET_FOR_LEADER_EPOCH)
}

/// Where an answer may be tried again and Java's exception is no `RetriableException`, or the other
/// way round, whatever was asked.
const UNLIKE_JAVA: &[(ErrorCode, &str)] = &[
    (ErrorCode::ELECTION_NOT_NEEDED, "what was asked for is so already"),
    (ErrorCode::REBOOTSTRAP_REQUIRED, "the client begins again with the bootstrap servers"),
];

/// The same, for one request.
const UNLIKE_JAVA_IN: &[(ApiKey, ErrorCode, &str)] = &[
    (ApiKey::FETCH, ErrorCode::UNKNOWN_SERVER_ERROR, "Java's fetcher asks again too"),
    (ApiKey::FETCH, ErrorCode::CORRUPT_MESSAGE, "Java's fetcher gives up too"),
    (ApiKey::FETCH, ErrorCode(9999), "as UNKNOWN_SERVER_ERROR"),
    (ApiKey::JOIN_GROUP, ErrorCode::REBALANCE_IN_PROGRESS, "Java's consumer asks again too"),
    (ApiKey::HEARTBEAT, ErrorCode::UNKNOWN_SERVER_ERROR, "the session ends soon if it goes on"),
    (ApiKey::HEARTBEAT, ErrorCode(9999), "as UNKNOWN_SERVER_ERROR"),
    (ApiKey::OFFSET_FETCH, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "Java's consumer gives up too"),
    (ApiKey::CREATE_TOPICS, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "it is the answer"),
    (ApiKey::CREATE_TOPICS, ErrorCode::UNKNOWN_TOPIC_ID, "it is the answer"),
    (ApiKey::CREATE_TOPICS, ErrorCode::REQUEST_TIMED_OUT, "the controller goes on with it"),
    (ApiKey::DELETE_TOPICS, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "it is the answer"),
    (ApiKey::DELETE_TOPICS, ErrorCode::UNKNOWN_TOPIC_ID, "it is the answer"),
    (ApiKey::DELETE_TOPICS, ErrorCode::REQUEST_TIMED_OUT, "the controller goes on with it"),
    (ApiKey::CREATE_PARTITIONS, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "it is the answer"),
    (ApiKey::CREATE_PARTITIONS, ErrorCode::UNKNOWN_TOPIC_ID, "it is the answer"),
    (ApiKey::CREATE_PARTITIONS, ErrorCode::REQUEST_TIMED_OUT, "the controller goes on with it"),
];

#[test]
fn what_may_be_tried_again_is_what_java_calls_retriable_but_for_what_is_written_down() {
    let in_transactions = [ApiKey::ADD_OFFSETS_TO_TXN, ApiKey::ADD_PARTITIONS_TO_TXN]
        .into_iter()
        .chain([ApiKey::TXN_OFFSET_COMMIT, ApiKey::END_TXN]);
    let in_transactions: Vec<_> = in_transactions.collect();
    for code in ErrorCode::ALL.iter().copied().chain([ErrorCode(9999)]) {
        // A handshake that fails is over, whatever the code.
        for api in apis().filter(|api| !is_lookup(*api) && *api != ApiKey::API_VERSIONS) {
            let is_election = code == ErrorCode::ELECTION_NOT_NEEDED;
            let is_unlike = UNLIKE_JAVA.iter().any(|(unlike, _)| *unlike == code)
                && !(is_election && in_transactions.contains(&api));
            let is_unlike_here = UNLIKE_JAVA_IN.iter().any(|row| (row.0, row.1) == (api, code));
            let wanted = code.is_retriable() != (is_unlike || is_unlike_here);
            assert_eq!(course_of(api, code) == Course::Retry, wanted, "{api} {code}");
        }
    }
}

/// Codes whose exceptions Kafka 4.4 derives from `ApplicationRecoverableException`: the application
/// makes a new producer or member (KIP-1050).
const RECOVERABLE: [ErrorCode; 6] = [
    ErrorCode::ILLEGAL_GENERATION,
    ErrorCode::UNKNOWN_MEMBER_ID,
    ErrorCode::INVALID_PRODUCER_EPOCH,
    ErrorCode::INVALID_PRODUCER_ID_MAPPING,
    ErrorCode::FENCED_INSTANCE_ID,
    ErrorCode::PRODUCER_FENCED,
];

#[test]
fn what_java_recovers_from_by_a_new_producer_or_member_is_fatal_but_for_what_is_written_down() {
    let is_fatal = |api, code| Error::broker(api, code, About::Nothing).is_fatal();
    for code in RECOVERABLE {
        let own = match code {
            // The consumer joins again by itself.
            ErrorCode::ILLEGAL_GENERATION | ErrorCode::UNKNOWN_MEMBER_ID => continue,
            ErrorCode::INVALID_PRODUCER_EPOCH => ApiKey::END_TXN,
            ErrorCode::FENCED_INSTANCE_ID => ApiKey::HEARTBEAT,
            _ => ApiKey::ADD_PARTITIONS_TO_TXN,
        };
        assert!(is_fatal(own, code), "{own} {code}");
    }
    // A leader may only be late to know the epoch that the coordinator gave (KIP-588).
    let late = Error::broker(ApiKey::PRODUCE, ErrorCode::INVALID_PRODUCER_EPOCH, About::Nothing);
    assert!(late.requires_abort() && late.kind() == ErrorKind::Transaction, "{late:?}");
}

#[test]
fn what_asks_for_an_abort_is_written_down() {
    let asked = |code: &ErrorCode| {
        let asks = |api: &ApiKey| course_of(*api, *code) == Course::Abort;
        let apis: Vec<_> = apis().filter(asks).map(|api| api.to_string()).collect();
        match apis.len() {
            0 => None,
            1..8 => Some(format!("{code} {}", apis.join(" "))),
            _ => Some(code.to_string()),
        }
    };
    let adds = |found: &String| !found.ends_with(" AddPartitionsToTxn");
    let found: Vec<_> = ErrorCode::ALL.iter().filter_map(asked).filter(adds).collect();
    assert_eq!(
        found,
        [
            "ILLEGAL_GENERATION AddPartitionsToTxn TxnOffsetCommit",
            "UNKNOWN_MEMBER_ID AddPartitionsToTxn TxnOffsetCommit",
            "GROUP_AUTHORIZATION_FAILED AddPartitionsToTxn AddOffsetsToTxn TxnOffsetCommit",
            "OUT_OF_ORDER_SEQUENCE_NUMBER",
            "INVALID_PRODUCER_EPOCH",
            "INVALID_TXN_STATE Produce",
            "UNKNOWN_PRODUCER_ID",
            "FENCED_INSTANCE_ID AddPartitionsToTxn TxnOffsetCommit",
            "STALE_MEMBER_EPOCH AddPartitionsToTxn TxnOffsetCommit",
            "TRANSACTION_ABORTABLE",
        ]
    );
}

#[test]
fn the_page_of_errors_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/errors.md");
    let made = super::reference::markdown();
    if std::env::var_os("KURIER_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == made, "docs/errors.md is old: run this test with KURIER_BLESS=1");
}

#[test]
fn what_may_help_is_the_end_of_the_text_and_told_apart_from_what_was_found() {
    for error in specimens() {
        let whole = match error.advice() {
            Some(advice) => format!("{}; {advice}", error.found()),
            None => error.found().into_owned(),
        };
        assert_eq!(error.to_string(), whole);
    }
    let attempt = |address: &str| Attempt { address: address.into(), cause: Cause::Closed };
    let tried = [attempt("a:1"), attempt("b:2")].into();
    let error = Error::Unreachable { tried, advertised: None };
    assert!(error.found().contains("a:1") && error.found().contains("b:2"), "{error}");
    assert!(error.advice().is_some_and(|advice| advice.starts_with("check the address")));
}

#[test]
fn what_is_printed_for_developers_can_be_read_and_is_one_line() {
    let said = Error::Broker {
        api: ApiKey::PRODUCE,
        code: ErrorCode::POLICY_VIOLATION,
        about: About::partition("t", 3),
        message: Some("no\n\u{1b}[31m".into()),
        principal: None,
    };
    let text = format!("{said:?}");
    assert!(text.starts_with("Invalid: broker answered POLICY_VIOLATION to Produce"), "{text}");
    assert!(!text.contains(char::is_control), "{text}");
    // What a broker has said is so for users too.
    let words = format!("no\n\u{1b}[31m{}", "x".repeat(10_000));
    let said = Error::said(ApiKey::PRODUCE, ErrorCode::NONE, About::Nothing, Some(&words));
    let text = said.to_string();
    assert!(text.len() < 1_000 && !text.contains(char::is_control), "{text}");
    for error in specimens() {
        let text = format!("{error:?} {error:#?}");
        assert!(text.contains(&error.to_string()) && !text.contains("Some("), "{text}");
        assert!(std::error::Error::source(&error).is_none(), "its text is said twice: {text}");
    }
}
