//! What errors say, and what they promise about what was written.

mod advice;
mod reference;
mod classes;
mod texts;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::{ApiKey, ErrorCode};

use super::rounded::Rounded;
use super::*;

fn check(error: &Error, text: &str) {
    assert_eq!(error.to_string(), text);
}

#[test]
fn who_gives_tickets_and_tokens_is_no_broker() {
    let refused = || Cause::io(io::ErrorKind::ConnectionRefused.into());
    let stranger = TlsFault::UnknownIssuer { trusted: "the system".into(), issuer: "".into() };
    for (at, cause, wanted) in [
        ("KDC kdc:88", refused(), "check that the KDCs of the realm, as krb5.conf has them"),
        ("token endpoint https://t", refused(), "check sasl.oauthbearer.token.endpoint.url, that"),
        ("token endpoint https://t", stranger.into(), "name the CA's certificate in https.ca.loc"),
    ] {
        let error = Error::unreachable(at, cause);
        let advice = error.advice().unwrap();
        assert!(advice.starts_with(wanted) && !advice.contains("broker"), "{error}");
    }
}

#[test]
fn every_message_names_what_was_tried_and_what_to_do() {
    let refused = Cause::io(io::ErrorKind::ConnectionRefused.into());
    check(
        &Error::unreachable("localhost:9092", refused),
        "cannot reach localhost:9092: connection refused; check the address, that the broker \
         runs, and that nothing between blocks the port",
    );
    check(
        &Error::unreachable("localhost:443", Cause::Fault(Fault::Tls)),
        "localhost:443: the port speaks TLS and this connection is plain text; set \
         security.protocol=SSL or SASL_SSL, or use the port of a PLAINTEXT listener",
    );
    check(
        &Error::Broker {
            api: ApiKey::CREATE_TOPICS,
            code: ErrorCode::TOPIC_ALREADY_EXISTS,
            about: About::topic("a"),
            message: Some("Topic 'a' already exists.".into()),
            principal: None,
        },
        "broker answered TOPIC_ALREADY_EXISTS to CreateTopics for topic a; delete it first, or \
         use it as it is",
    );
    check(
        &Error::unsupported_api(ApiKey::CREATE_TOPICS, (0, 7), None, Some("0.10.0")),
        "CreateTopics needs Kafka 0.10.1 or newer (version 0 to 7 of it), and the broker offers \
         none of it, as Kafka 0.10.0 does; let the broker create the topic at its first use \
         (auto.create.topics.enable), or use kafka-topics.sh of its release",
    );
    check(
        &Error::UnknownTopic { topic: "a".into(), partition: Some((7, 3)) },
        "topic a has no partition 7: it has 3, counted from 0",
    );
    check(
        &Error::TimedOut {
            what: Waiting::Answer { api: ApiKey::PRODUCE, address: "b:1".into() },
            after: Duration::from_secs(30),
            maybe_written: true,
            last: None,
        },
        "no answer to Produce from b:1 within 30 s, and it may have been executed; check the \
         broker's health, or raise request_timeout (request.timeout.ms)",
    );
}

#[test]
fn a_message_names_a_few_of_many_addresses() {
    let attempt = |port| Attempt {
        address: format!("b:{port}").into(),
        cause: Cause::io(io::ErrorKind::ConnectionRefused.into()),
    };
    let text = Error::Unreachable { tried: (1..=3000).map(attempt).collect(), advertised: None }
        .to_string();
    assert!(text.contains("b:8: connection refused; and 2992 more; check the address"), "{text}");
    assert!(text.len() < 400, "{} bytes", text.len());
}

#[test]
fn a_message_says_times_as_people_do_and_nothing_twice() {
    let what = Waiting::Connection { address: "b:1".into() };
    check(
        &Error::timed_out(what, Duration::from_micros(4_999_970)),
        "no connection to b:1 within 5 s; check that a broker runs there, and that nothing \
         between blocks the port",
    );
    check(
        &Error::Broker {
            api: ApiKey::CREATE_TOPICS,
            code: ErrorCode::TOPIC_ALREADY_EXISTS,
            about: About::Nothing,
            message: Some("TOPIC_ALREADY_EXISTS".into()),
            principal: None,
        },
        "broker answered TOPIC_ALREADY_EXISTS to CreateTopics; delete it first, or use it as it is",
    );
    let rounded = |millis| Rounded(Duration::from_millis(millis)).to_string();
    assert_eq!([5, 1500, 9970, 60_000].map(rounded), ["5 ms", "1.5 s", "10 s", "60 s"]);
    assert_eq!([994, 998, 2499, 2999].map(rounded), ["994 ms", "1 s", "2.5 s", "3 s"]);
}

#[test]
fn only_an_attempt_that_may_have_been_executed_is_maybe_written() {
    let lost = |maybe_written| Error::Disconnected {
        address: "b:1".into(),
        api: Some(ApiKey::PRODUCE),
        maybe_written,
        cause: Cause::Closed,
    };
    assert!(lost(true).maybe_written());
    assert!(!lost(false).maybe_written());
    let said = |code| Error::broker(ApiKey::PRODUCE, code, About::Nothing).maybe_written();
    assert!(said(ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND));
    assert!(!said(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert!(!Error::Closed { what: "producer" }.maybe_written());
}

#[test]
fn the_first_bytes_tell_tls_and_http_from_a_broken_frame() {
    assert_eq!(Fault::of_length([0x15, 3, 3, 0], 9), Fault::Tls);
    assert_eq!(Fault::of_length(*b"HTTP", 9), Fault::Http);
    assert_eq!(Fault::of_length(*b"<htm", 9), Fault::Http);
    let length = Fault::FrameLength { bytes: -1, bytes_max: 9 };
    assert_eq!(Fault::of_length([0xff; 4], 9), length);
    for (first, speaker) in [(*b"SSH-", "SSH"), (*b"220 ", "SMTP or FTP"), (*b"-NO\r", "another")] {
        let text = Fault::of_length(first, 9).to_string();
        let expected = format!("the port speaks {speaker}");
        assert!(text.starts_with(&expected) && text.contains("Kafka listener"), "{text}");
    }
    let binary = Fault::of_length([0x4a, 0, 0, 1], 9).to_string();
    assert!(binary.contains("4a 00 00 01") && binary.contains("check that the port"), "{binary}");
    let large = Fault::of_length([0x08, 0, 0, 0], 100 << 20).to_string();
    assert!(large.contains("receive.message.max.bytes"), "{large}");
}

#[test]
fn errors_are_small_and_can_be_given_to_many() {
    assert!(size_of::<Error>() <= 72, "{}", size_of::<Error>());
    let error = Error::unreachable("a:1", Cause::Io(Arc::new(io::Error::other("x"))));
    assert_eq!(error.clone().to_string(), error.to_string());
}
