//! The texts of what people meet on the first day, word for word.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kurier_protocol::api::create_topics::CreateTopicsRequest;
use kurier_protocol::api::list_offsets::ListOffsetsRequest;
use kurier_protocol::record::{Compression, RecordError};
use kurier_protocol::{ApiKey, EncodeError, ErrorCode};

use super::super::*;

#[track_caller]
fn check(error: &Error, kind: ErrorKind, text: &str) {
    assert_eq!(error.to_string(), text);
    assert_eq!(error.kind(), kind, "{error}");
}

fn met(first: &[u8; 4]) -> Error {
    // What a handshake allows.
    Error::unreachable("b:9092", Cause::Fault(Fault::of_length(*first, 512 << 10)))
}

#[test]
fn a_port_that_is_not_kafkas_is_told_by_what_it_speaks() {
    let rows = [
        (
            [0x15, 3, 3, 0],
            "the port speaks TLS and this connection is plain text; set security.protocol=SSL or \
             SASL_SSL, or use the port of a PLAINTEXT listener",
        ),
        (*b"HTTP", "the port speaks HTTP; use the port of a Kafka listener, which usually is 9092"),
        (
            *b"SSH-",
            "the port speaks SSH: its answer begins with \"SSH-\"; use the port of a Kafka \
             listener, which usually is 9092",
        ),
        (
            *b"220 ",
            "the port speaks SMTP or FTP: its answer begins with \"220 \"; use the port of a \
             Kafka listener, which usually is 9092",
        ),
        (
            *b"AMQP",
            "the port speaks AMQP: its answer begins with \"AMQP\"; use the port of a Kafka \
             listener, which usually is 9092",
        ),
        (
            [0x4a, 0, 0, 0],
            "an answer begins with the bytes 4a 00 00 00, which is no length of a frame; check \
             that the port is Kafka's",
        ),
        // The limit of a handshake is no setting's.
        (
            [0, 0x10, 0, 0],
            "an answer begins with the bytes 00 10 00 00, which no broker begins with; check \
             that the port is Kafka's",
        ),
    ];
    for (first, text) in rows {
        check(&met(&first), ErrorKind::Protocol, &format!("b:9092: {text}"));
        assert!(met(&first).is_fatal());
    }
    check(
        &Error::unreachable("b:9092", TlsFault::NotTls.into()),
        ErrorKind::Protocol,
        "cannot reach b:9092: this listener does not speak TLS; use security.protocol=PLAINTEXT \
         or SASL_PLAINTEXT, or the port of an SSL or SASL_SSL listener",
    );
}

#[test]
fn a_frame_over_the_limit_of_a_connection_in_use_names_the_setting() {
    let fault = Fault::of_length([0x08, 0, 0, 0], 100 << 20);
    let text = fault.to_string();
    assert!(text.ends_with("or raise frame_bytes_max (receive.message.max.bytes)"), "{text}");
}

#[test]
fn a_question_is_never_said_to_have_been_executed_perhaps() {
    let late = |api| Error::TimedOut {
        what: Waiting::Answer { api, address: "b:1".into() },
        after: Duration::from_secs(2),
        maybe_written: true,
        last: None,
    };
    let lost = |api| Error::Disconnected {
        address: "b:1".into(),
        api: Some(api),
        maybe_written: true,
        cause: Cause::Closed,
    };
    let found = |api| [late(api).found(), lost(api).found()];
    for text in found(ApiKey::METADATA) {
        assert!(!text.contains("executed"), "{text}");
    }
    for text in found(ApiKey::CREATE_TOPICS) {
        assert!(text.ends_with(", and it may have been executed"), "{text}");
    }
}

#[test]
fn an_answer_that_belongs_to_no_request_names_the_address() {
    let fault = Fault::Correlation { wanted: Some(7), found: 9 };
    let lost = Error::Disconnected {
        address: "b:9092".into(),
        api: Some(ApiKey::FETCH),
        maybe_written: false,
        cause: Cause::Fault(fault.clone()),
    };
    check(
        &lost,
        ErrorKind::Unavailable,
        "lost b:9092 before it answered Fetch: an answer has correlation id 9, and 7 is next in \
         line, and it was not executed; check that the port is a Kafka broker's and that nothing \
         between changes its answers",
    );
    check(
        &Error::unreachable("b:9092", Cause::Fault(fault)),
        ErrorKind::Corrupt,
        "b:9092: an answer has correlation id 9, and 7 is next in line; check that the port is a \
         Kafka broker's and that nothing between changes its answers",
    );
}

#[test]
fn an_address_that_is_advertised_and_cannot_be_reached_names_both_ends() {
    let advertised = || Advertised { broker: 2, servers: "localhost:9092".into() };
    let unknown = Cause::Resolve(Arc::new(io::Error::other("no such host")));
    check(
        &Error::unreachable("kafka-2:9092", unknown).advertised(advertised),
        ErrorKind::Unavailable,
        "cannot reach kafka-2:9092: the name cannot be resolved (no such host); that is the \
         address of broker 2 as localhost:9092 (bootstrap.servers) has it: set \
         advertised.listeners of the broker to an address that can be reached from here, or make \
         this one known here; and check that the broker runs",
    );
    let other = Error::unreachable("kafka-2:9092", Cause::Fault(Fault::Tls)).advertised(advertised);
    check(
        &other,
        ErrorKind::Protocol,
        "kafka-2:9092 (the address of broker 2 as localhost:9092 has it, by its \
         advertised.listeners): the port speaks TLS and this connection is plain text; set \
         security.protocol=SSL or SASL_SSL, or use the port of a PLAINTEXT listener",
    );
    // Whoever waits for the next try hears it with the last one.
    let what = Waiting::Connection { address: "kafka-2:9092".into() };
    let refused =
        Error::unreachable("kafka-2:9092", Cause::io(io::ErrorKind::ConnectionRefused.into()));
    let late = Error::timed_out(what, Duration::from_secs(30)).after(Some(&refused));
    let text = late.advertised(advertised).to_string();
    assert!(text.contains("connection refused; that is the address of broker 2"), "{text}");
    // What answers there has an address that is right.
    let fault = Error::unreachable("kafka-2:9093", TlsFault::CertificateWanted.into());
    assert_eq!(fault.clone().advertised(advertised).to_string(), fault.to_string());
}

#[test]
fn what_a_release_lacks_names_the_release_that_has_it() {
    check(
        &Error::unsupported_api(ApiKey::CREATE_TOPICS, (0, 7), None, Some("0.10.0")),
        ErrorKind::Unsupported,
        "CreateTopics needs Kafka 0.10.1 or newer (version 0 to 7 of it), and the broker offers \
         none of it, as Kafka 0.10.0 does; let the broker create the topic at its first use \
         (auto.create.topics.enable), or use kafka-topics.sh of its release",
    );
    check(
        &Error::unsupported_api(ApiKey::LIST_OFFSETS, (8, 10), Some((0, 7)), Some("3.4")),
        ErrorKind::Unsupported,
        "ListOffsets needs Kafka 3.5 or newer (version 8 to 10 of it), and the broker offers \
         version 0 to 7 of it, as Kafka 3.4 does; start at the earliest or latest offset, or at \
         one by number",
    );
    check(
        &Error::unsupported_api(ApiKey::FETCH, (0, 3), Some((4, 18)), Some("4.0")),
        ErrorKind::Unsupported,
        "Fetch needs version 0 to 3 of it, and the broker offers version 4 to 18 of it, as Kafka \
         4.0 does; use a newer version of this client",
    );
    let (version, field) = (0, "validate_only");
    let lost = EncodeError::UnsupportedField { message: "CreateTopicsRequest", version, field };
    check(
        &Error::encode::<CreateTopicsRequest>(&lost),
        ErrorKind::Unsupported,
        "this value of validate_only in CreateTopicsRequest needs version 1 of it (Kafka 0.10.2 \
         or newer), and the broker offers version 0; leave it at its default, or use a newer \
         broker",
    );
    let nested = EncodeError::UnsupportedField {
        message: "ListOffsetsRequest",
        version: 3,
        field: "current_leader_epoch",
    };
    let text = Error::encode::<ListOffsetsRequest>(&nested).to_string();
    assert!(text.contains("version 4 of it (Kafka 2.1 or newer)"), "{text}");
}

#[test]
fn a_topic_that_is_not_there_says_how_it_comes_to_be() {
    check(
        &Error::UnknownTopic { topic: "orders".into(), partition: None },
        ErrorKind::NotFound,
        "topic orders does not exist; create it; reading never does, writing where brokers have \
         auto.create.topics.enable",
    );
    check(
        &Error::UnknownTopic { topic: "orders".into(), partition: Some((7, 3)) },
        ErrorKind::NotFound,
        "topic orders has no partition 7: it has 3, counted from 0",
    );
    check(
        &Error::UnknownTopic { topic: "orders".into(), partition: Some((0, 1)) },
        ErrorKind::NotFound,
        "topic orders has no partition 0 among the 1 that the brokers know",
    );
}

#[test]
fn a_record_that_is_too_large_names_its_size_and_both_settings() {
    let setting = "request_bytes_max (max.request.size)";
    check(
        &Error::TooLarge {
            what: Oversized::Record,
            bytes: 2_000_000,
            bytes_max: 1_048_576,
            setting,
        },
        ErrorKind::TooLarge,
        "a record of 2000000 bytes is over the limit of 1048576; send less in one record, or \
         raise request_bytes_max (max.request.size) and the topic's max.message.bytes",
    );
}

#[test]
fn a_batch_that_is_too_large_to_be_read_names_its_place_and_the_setting() {
    let what = Oversized::Batch { topic: "orders".into(), partition: 3, offset: 17 };
    let setting = "the consumer's batch_bytes_max";
    check(
        &Error::TooLarge { what, bytes: 2_000_000, bytes_max: 1_048_576, setting },
        ErrorKind::TooLarge,
        "a batch (partition 3 of topic orders at offset 17) of 2000000 bytes is over the limit \
         of 1048576; raise the consumer's batch_bytes_max, or start behind it",
    );
    let error = RecordError::LimitExceeded { codec: Compression::Zstd, bytes_max: 1_048_576 };
    check(
        &Error::NotKafka {
            from: "partition 3 of topic orders at offset 17".into(),
            fault: Fault::Record(error),
        },
        ErrorKind::TooLarge,
        "partition 3 of topic orders at offset 17: a record batch cannot be read: zstd batch \
         unpacks to more than the limit of 1048576 bytes; raise the consumer's batch_bytes_max, \
         or start behind it",
    );
}

#[test]
fn whoever_must_begin_again_is_told_by_which_setting() {
    check(
        &Error::broker(ApiKey::METADATA, ErrorCode::REBOOTSTRAP_REQUIRED, About::Nothing),
        ErrorKind::Unavailable,
        "broker answered REBOOTSTRAP_REQUIRED to Metadata; set recovery.rebootstrap \
         (metadata.recovery.strategy=rebootstrap), and check that bootstrap.servers names brokers \
         of the cluster",
    );
}

#[test]
fn a_delivery_that_ran_out_of_time_names_what_the_broker_last_said() {
    let last = Error::broker(
        ApiKey::PRODUCE,
        ErrorCode::NOT_ENOUGH_REPLICAS,
        About::partition("orders", 0),
    );
    let what = Waiting::Delivery { topic: "orders".into(), partition: 0 };
    let error = Error::timed_out(what, Duration::from_secs(120)).after(Some(&last));
    check(
        &error,
        ErrorKind::TimedOut,
        "no acknowledgement from partition 0 of topic orders (the last try: broker answered \
         NOT_ENOUGH_REPLICAS to Produce for partition 0 of topic orders; fewer replicas are in \
         sync than min.insync.replicas asks for: start brokers) within 120 s, and it was not \
         executed; check the partition's leader and replicas, or raise delivery_timeout \
         (delivery.timeout.ms)",
    );
    assert_eq!(error.code(), Some(ErrorCode::NOT_ENOUGH_REPLICAS));
    assert_eq!((error.origin(), error.is_retriable()), (Origin::Broker, true));
    // What is known of a failure is not replaced by what came before it.
    assert_eq!(error.clone().after(Some(&Error::invalid("a", "b"))).to_string(), error.to_string());
}
