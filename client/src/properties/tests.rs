//! Names, values, and what is said of those that are wrong.

use std::time::Duration;

use kurier_protocol::record::Compression;

use super::*;
use crate::group::GroupProtocol;
use crate::offsets::Isolation;
use crate::producer::Acks;
#[cfg(feature = "tls")]
use crate::security::Tls;

#[test]
fn what_is_not_built_yet_is_taken_with_a_warning_that_names_it() {
    let java = [("sasl.oauthbearer.assertion.file", "f"), ("enable.metrics.push", "true")];
    let properties = Properties::from_pairs(java.iter().chain(&java).copied()).unwrap();
    let warnings = properties.warnings();
    assert_eq!(warnings.len(), 1, "each is said once: {warnings:?}");
    let names = "sasl.oauthbearer.assertion.file, enable.metrics.push change nothing yet";
    assert!(warnings[0].starts_with(names));
}

#[test]
fn what_cannot_change_the_data_is_passed_over_and_what_names_code_is_refused() {
    let passed = set(&[("key.serializer", "x.StringSerializer"), ("debug", "all")]);
    assert!(passed.warnings().is_empty());
    for name in ["interceptor.classes", "partitioner_cb", "ssl.engine.id", "dr_cb"] {
        let error = Properties::from_pairs([(name, "x")]).unwrap_err().to_string();
        assert!(error.starts_with(name) && error.len() > name.len() + 20, "{error}");
    }
}

#[test]
fn whoever_wants_canonical_names_is_told_to_list_them() {
    let lookup = "resolve_canonical_bootstrap_servers_only";
    let error = Properties::from_pairs([("client.dns.lookup", lookup)]).unwrap_err().to_string();
    assert!(error.starts_with("client.dns.lookup: ") && error.contains(lookup), "{error}");
    assert!(error.contains("list in bootstrap.servers the brokers' own names"), "{error}");
    set(&[("client.dns.lookup", "use_all_dns_ips")]);
}

#[test]
fn the_page_of_settings_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md");
    let made = Properties::reference();
    if std::env::var_os("KURIER_BLESS").is_some() {
        std::fs::write(path, &made).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap();
    assert!(found == made, "docs/configuration.md is old: run this test with KURIER_BLESS=1");
}

#[test]
fn a_part_that_is_built_has_no_settings_that_wait_for_it() {
    use super::table::{Fate, OTHERS};
    for other in OTHERS {
        if let Fate::Later(part) = other.fate {
            let file = format!("{}/{}", env!("CARGO_MANIFEST_DIR"), part.file());
            assert!(!std::path::Path::new(&file).exists(), "{file} is there: {:?}", other.names);
        }
    }
}

fn set(pairs: &[(&str, &str)]) -> Properties {
    Properties::from_pairs(pairs.iter().copied()).unwrap()
}

#[test]
fn names_of_java_and_of_librdkafka_set_the_same() {
    let java = set(&[
        ("bootstrap.servers", "a:1, b:2"),
        ("acks", "1"),
        ("linger.ms", "7"),
        ("compression.type", "zstd"),
        ("max.partition.fetch.bytes", "1000"),
        ("isolation.level", "read_committed"),
    ]);
    let librdkafka = set(&[
        ("metadata.broker.list", "a:1,b:2"),
        ("request.required.acks", "1"),
        ("queue.buffering.max.ms", "7"),
        ("compression.codec", "ZSTD"),
        ("fetch.message.max.bytes", "1000"),
        ("isolation.level", "READ_COMMITTED"),
    ]);
    for properties in [java, librdkafka] {
        assert_eq!(properties.servers, ["a:1", "b:2"]);
        assert_eq!(properties.producer.acks, Acks::Leader);
        assert_eq!(properties.producer.linger, Duration::from_millis(7));
        assert_eq!(properties.producer.compression, Compression::Zstd);
        assert_eq!(properties.consumer.partition_bytes_max, 1000);
        assert_eq!(properties.consumer.isolation, Isolation::ReadCommitted);
    }
}

#[test]
fn one_timeout_counts_for_all_parts_and_the_last_value_wins() {
    let properties = set(&[("request.timeout.ms", "1"), ("socket.timeout.ms", "2000")]);
    let two = Duration::from_secs(2);
    assert_eq!(properties.client.request_timeout, two);
    assert_eq!(properties.producer.request_timeout, two);
    assert_eq!(properties.consumer.request_timeout, two);
}

#[test]
fn the_level_of_the_codec_in_use_counts_whatever_the_order() {
    let one = set(&[("compression.zstd.level", "9"), ("compression.type", "zstd")]);
    let two = set(&[("compression.type", "zstd"), ("compression.zstd.level", "9")]);
    let other = set(&[("compression.type", "gzip"), ("compression.zstd.level", "9")]);
    assert_eq!(one.producer.compression_level, Some(9));
    assert_eq!(two.producer.compression_level, Some(9));
    assert_eq!(other.producer.compression_level, None);
}

#[test]
fn the_last_level_counts_and_goes_with_its_codec() {
    let level = |pairs: &[(&str, &str)]| set(pairs).producer.compression_level;
    let (codec, zstd) = (("compression.type", "zstd"), ("compression.zstd.level", "9"));
    let any = ("compression.level", "3");
    assert_eq!(level(&[codec, zstd, any]), Some(3));
    assert_eq!(level(&[codec, any, zstd]), Some(9));
    assert_eq!(level(&[codec, zstd, ("compression.type", "gzip")]), None);
    assert_eq!(level(&[any, codec, zstd, ("compression.type", "gzip")]), Some(3));
    assert_eq!(level(&[codec, zstd, ("compression.level", "-1")]), None);
}

#[test]
fn a_level_is_one_that_kafka_has() {
    for (codec, good, bad) in [
        ("gzip", &["-1", "1", "9"][..], &["-2", "0", "10", "99"][..]),
        ("lz4", &["1", "17"], &["-1", "0", "18"]),
        ("zstd", &["-131072", "0", "22"], &["-999999", "23"]),
    ] {
        let name = format!("compression.{codec}.level");
        for level in good {
            set(&[("compression.type", codec), (&name, level)]).producer.validate().unwrap();
        }
        for level in bad {
            let error = Properties::default().set(&name, level).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}: \"{level}\" is no level of ")), "{error}");
        }
    }
    let any = |codec, level| {
        set(&[("compression.type", codec), ("compression.level", level)]).producer.validate()
    };
    for (codec, level) in [("gzip", "0"), ("lz4", "0"), ("lz4", "-1"), ("snappy", "5")] {
        any(codec, level).unwrap();
    }
    for (codec, level, range) in
        [("gzip", "99", "1 to 9"), ("lz4", "18", "1 to 17"), ("zstd", "23", "-131072 to 22")]
    {
        let error = any(codec, level).unwrap_err().to_string();
        assert!(error.contains("compression.level") && error.contains(range), "{error}");
    }
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    let check = |name: &str, value: &str, wanted: &str| {
        let error = Properties::default().set(name, value).unwrap_err();
        assert_eq!(error.to_string(), wanted);
    };
    check("ack", "1", "ack: is not a setting; did you mean acks?");
    check("my.own.setting", "1", "my.own.setting: is not a setting of Kafka clients");
    check("lingr.ms", "1", "lingr.ms: is not a setting; did you mean linger.ms?");
    check(
        "retry.backof.ms",
        "1",
        "retry.backof.ms: is not a setting; did you mean retry.backoff.ms?",
    );
    check("acks", "2", "acks: \"2\" is none of all, -1, 0, 1");
    check("linger.ms", "5s", "linger.ms: \"5s\" is not a number between 0 and 31622400000");
    check(
        "request.timeout.ms",
        "0",
        "request.timeout.ms: \"0\" is not a number between 1 and 31622400000",
    );
    check(
        "metadata.max.idle.ms",
        "1",
        "metadata.max.idle.ms: \"1\" is not a number between 5000 and 31622400000",
    );
    check("check.crcs", "false", "check.crcs: \"false\" is not possible here, only true is");
    check("enable.idempotence", "yes", "enable.idempotence: \"yes\" is neither true nor false");
    check(
        "security.protocol",
        "TLS",
        "security.protocol: \"TLS\" is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
    );
    check("bootstrap.servers", " , ", "bootstrap.servers: \",\" names no host:port");
}

#[test]
fn a_line_that_may_be_part_of_a_secret_is_named_by_its_number() {
    for secret in [
        "ssl.key.pem=-----BEGIN PRIVATE KEY-----\nhushMIIhush+hush/hush==\n-----END",
        "acks=all\nHushHush",
        "acks=all\nHush.Hush hush",
    ] {
        let error = Properties::default().set_file(secret).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains(r"`\n\`"), "{error}");
        assert!(!error.to_lowercase().contains("hush"), "{error}");
        let pairs = Properties::read(secret).unwrap();
        let error = Properties::from_pairs(pairs).unwrap_err().to_string();
        assert!(error.starts_with("a name: ") && !error.to_lowercase().contains("hush"), "{error}");
    }
    let error = Properties::default().set_file("acks=all\nlingr.ms=1").unwrap_err().to_string();
    assert_eq!(error, "line 2: lingr.ms: is not a setting; did you mean linger.ms?");
    let key = Properties::default().set(&"k".repeat(5_000_000), "1").unwrap_err().to_string();
    let value = Properties::default().set("acks", &"v".repeat(5_000_000)).unwrap_err().to_string();
    assert!(key.len() < 300 && value.len() < 300);
}

#[test]
fn none_and_never_are_taken_where_java_or_librdkafka_take_them() {
    let none = ["reconnect.backoff.ms", "retry.backoff.ms", "retry.backoff.max.ms"];
    let never = ["connections.max.idle.ms", "topic.metadata.refresh.interval.ms"];
    let pairs = none.map(|name| (name, "0")).into_iter().chain(never.map(|name| (name, "-1")));
    for (name, value) in pairs.chain([("metadata.max.age.ms", "0"), (never[0], "0")]) {
        set(&[(name, value)]).client.check().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let long = set(&[(never[0], "0"), (never[1], "-1")]).client;
    let year = Duration::from_secs(365 * 24 * 3600);
    assert!(long.connection_idle_max > year && long.metadata_age_max > year);
    let error = Properties::default().set("request.timeout.ms", "-1").unwrap_err().to_string();
    assert!(error.starts_with("request.timeout.ms"), "{error}");
}

#[test]
fn values_that_one_of_the_other_clients_takes_are_taken() {
    let properties = set(&[
        ("linger.ms", "0.5"),
        ("batch.size", "0"),
        ("message.timeout.ms", "0"),
        ("client.dns.lookup", "default"),
        ("sasl.oauthbearer.grant.type", "client_credentials"),
        ("auto.include.jmx.reporter", "true"),
    ]);
    let producer = properties.producer_config();
    assert_eq!((producer.linger, producer.batch_bytes_max), (Duration::from_micros(500), 1));
    assert!(producer.delivery_timeout > Duration::from_secs(365 * 24 * 3600));
    producer.validate().unwrap();
    for (name, value) in [("linger.ms", "-0.5"), ("linger.ms", "NaN"), ("linger.ms", "1e3")] {
        Properties::default().set(name, value).unwrap_err();
    }
}

#[test]
fn the_range_that_an_error_tells_is_the_range_that_producers_take() {
    let names = [
        "linger.ms",
        "batch.size",
        "buffer.memory",
        "queue.buffering.max.kbytes",
        "message.max.bytes",
    ];
    for name in names {
        let error = Properties::default().set(name, "none").unwrap_err().to_string();
        let (_, range) = error.split_once("between ").expect(&error);
        let (least, most) = range.split_once(" and ").expect(&error);
        for bound in [least, most] {
            let properties = set(&[(name, bound)]);
            let checked = properties.producer_config().validate();
            checked.unwrap_or_else(|error| panic!("{name}={bound}: {error}"));
        }
        let beyond = [least.parse::<i64>().unwrap() - 1, most.parse::<i64>().unwrap() + 1];
        for value in beyond {
            let refused = Properties::default().set(name, &value.to_string()).unwrap_err();
            assert!(refused.to_string().ends_with(range), "{refused}");
        }
    }
    set(&[("linger.ms", "31622399999.5")]).producer_config().validate().unwrap();
}

#[test]
fn no_name_stands_for_two_settings() {
    let mut names: Vec<&str> = Properties::names().flatten().copied().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn every_setting_is_read_by_something() {
    let values = [
        "12345",
        "65536",
        "false",
        "true",
        "zstd",
        "1",
        "a:1",
        "PLAINTEXT",
        "PLAIN",
        "0.5",
        "PEM",
        "TLS",
        "PKIX",
        "",
        PLAIN,
        "murmur2_random",
        "none",
        "read_committed",
        "latest",
        "use_all_dns_ips",
        "any",
        "oidc",
        "classic",
        "range",
        "consumer",
        "broker",
        "client_credentials",
    ];
    for names in settings().map(|setting| setting.names) {
        let taken = values.iter().any(|value| Properties::default().set(names[0], value).is_ok());
        assert!(taken, "{names:?}");
    }
}

#[test]
fn a_file_is_read_as_java_reads_it() {
    let pairs = Properties::read("# comment\nbootstrap.servers = a:1,\\\n  b:2\nacks: all\n");
    let properties = Properties::from_pairs(pairs.unwrap()).unwrap();
    assert_eq!(properties.servers, ["a:1", "b:2"]);
    assert_eq!(properties.producer.acks, Acks::All);
}

#[test]
fn all_lines_of_a_file_that_are_wrong_are_named_at_once() {
    let text = "acks=all\nlingr.ms=1\nschema.registry.url=http://r\n\nack=1\nacks=2\n";
    let mut properties = Properties::default();
    let error = properties.set_file(text).unwrap_err().to_string();
    assert_eq!(
        error,
        "line 2: lingr.ms: is not a setting; did you mean linger.ms?; \
         line 5: ack: is not a setting; did you mean acks?; \
         line 6: acks: \"2\" is none of all, -1, 0, 1"
    );
    properties.set_file("acks=1").unwrap();
    assert_eq!(properties.producer.acks, Acks::Leader);
}

#[test]
fn a_setting_that_is_given_twice_and_differs_is_warned_of_and_the_last_one_counts() {
    let pairs = [
        ("acks", "all"),
        ("compression.type", "gzip"),
        ("linger.ms", "7"),
        ("acks", "1"),
        ("compression.codec", "lz4"),
        ("linger.ms", " 7 "),
        ("sasl.password", "hush"),
        ("sasl.password", ""),
        ("sasl.password", "hash"),
    ];
    let mut properties = Properties::default();
    properties.set_all(pairs).unwrap();
    assert_eq!(properties.producer.acks, Acks::Leader);
    let warnings = properties.warnings();
    assert_eq!(
        warnings,
        ["set more than once, to different values, of which the last counts: acks, \
          compression.codec after compression.type"]
    );
    // What one place says, another one may well say otherwise.
    let mut both = Properties::default();
    both.set_file("acks=all\nlinger.ms=5").unwrap();
    both.set_all([("acks", "1")]).unwrap();
    assert!(both.warnings().is_empty());
    both.set_file("acks=all\nacks=0\n").unwrap();
    assert_eq!(both.warnings().len(), 1);
}

#[test]
fn all_settings_of_a_program_that_are_wrong_are_named_at_once() {
    let pairs = [("lingr.ms", "1"), ("acks", "2"), ("linger.ms", "7"), ("ack", "1"), ("ack", "1")];
    let error = crate::Client::from_properties(pairs).unwrap_err().to_string();
    assert_eq!(
        error,
        "lingr.ms: is not a setting; did you mean linger.ms?; acks: \"2\" is none of all, -1, 0, \
         1; ack: is not a setting; did you mean acks?"
    );
    for (lines, end) in [(100, "; and 80 more"), (100_000, "; and 980 more, at least")] {
        let many: String = (0..lines).map(|number| format!("no.such.{number}=1\n")).collect();
        let error = Properties::default().set_file(&many).unwrap_err().to_string();
        assert!(error.ends_with(end) && error.len() < 2000, "{error}");
    }
}

const PLAIN: &str = "x.PlainLoginModule required username=\"alice\" password=\"hush\";";
const SCRAM: &str = "x.ScramLoginModule required username=t password=hush tokenauth=true;";
const UNSECURED: &str = "x.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=alice;";

#[test]
fn logins_are_set_by_names_of_java_and_of_librdkafka() {
    use crate::security::{Sasl, ScramHash, Secret};
    let password = || Secret::new("hush");
    let plain = Sasl::Plain { user: "alice".to_owned(), password: password() };
    let scram = |hash, user: &str, is_token| Sasl::Scram {
        hash,
        user: user.to_owned(),
        password: password(),
        is_token,
    };
    let protocol = ("security.protocol", "sasl_plaintext");
    let (user, word) = (("sasl.username", "alice"), ("sasl.password", "hush"));
    for (pairs, wanted) in [
        (vec![protocol, ("sasl.mechanisms", "PLAIN"), user, word], plain.clone()),
        (vec![("sasl.jaas.config", PLAIN), ("sasl.mechanism", "plain"), protocol], plain),
        (
            vec![protocol, ("sasl.mechanism", "SCRAM-SHA-512"), user, word],
            scram(ScramHash::Sha512, "alice", false),
        ),
        (
            vec![protocol, ("sasl.mechanism", "SCRAM-SHA-256"), ("sasl.jaas.config", SCRAM)],
            scram(ScramHash::Sha256, "t", true),
        ),
    ] {
        let properties = set(&pairs);
        assert_eq!(properties.client_config().unwrap().sasl, Some(wanted));
        assert!(!format!("{properties:?}").contains("hush"), "{properties:?}");
    }
    let unsecured =
        set(&[protocol, ("sasl.mechanism", "OAUTHBEARER"), ("sasl.jaas.config", UNSECURED)]);
    assert!(matches!(unsecured.client_config().unwrap().sasl, Some(Sasl::OauthBearer(_))));
    let plain = set(&[("security.protocol", "PLAINTEXT")]).client_config().unwrap();
    assert_eq!(plain.sasl, None);
    #[cfg(feature = "tls")]
    for (protocol, is_encrypted) in
        [("SSL", true), ("sasl_ssl", true), ("PLAINTEXT", false), ("SASL_PLAINTEXT", false)]
    {
        let mut properties = Properties::default();
        properties.set("security.protocol", protocol).unwrap();
        let tls = properties.security.tls(None).unwrap();
        assert_eq!(tls.is_some(), is_encrypted, "{protocol}");
    }
}

const OIDC: [(&str, &str); 5] = [
    ("security.protocol", "SASL_SSL"),
    ("sasl.mechanism", "OAUTHBEARER"),
    ("sasl.oauthbearer.token.endpoint.url", "https://idp.example/token"),
    ("sasl.oauthbearer.client.credentials.client.id", "the-client"),
    ("sasl.oauthbearer.client.credentials.client.secret", "hush"),
];
const CLIENT: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule \
                      required clientId=\"the-client\" clientSecret=\"hush\" scope=\"kafka\";";

#[cfg(feature = "tls")]
#[test]
fn token_endpoints_are_set_by_names_of_java_old_and_new_and_of_librdkafka() {
    let handler = "org.apache.kafka.common.security.oauthbearer.secured.\
                   OAuthBearerLoginCallbackHandler";
    let old = [
        OIDC[0],
        OIDC[1],
        OIDC[2],
        ("sasl.jaas.config", CLIENT),
        ("sasl.login.callback.handler.class", handler),
    ];
    let librdkafka = [
        OIDC[0],
        OIDC[1],
        ("sasl.oauthbearer.method", "OIDC"),
        OIDC[2],
        ("sasl.oauthbearer.client.id", "the-client"),
        ("sasl.oauthbearer.client.secret", "hush"),
        ("sasl.oauthbearer.scope", "kafka"),
        ("sasl.oauthbearer.extensions", "logicalCluster=lkc-1,pool=p"),
        ("https.ca.location", "/etc/idp.pem"),
    ];
    let times = [
        ("sasl.login.connect.timeout.ms", "1000"),
        ("sasl.login.retry.backoff.ms", "50"),
        ("sasl.login.refresh.buffer.seconds", "30"),
        ("sasl.oauthbearer.header.urlencode", "true"),
    ];
    let new = [&OIDC[..], &times].concat();
    for (pairs, parts) in [
        (&old[..], &["scope: Some(\"kafka\")", "trust: System"][..]),
        (&librdkafka, &["logicalCluster", "/etc/idp.pem", "scope: Some(\"kafka\")"]),
        (
            &new,
            &[
                "connect_timeout: 1s",
                "retry_backoff: 50ms",
                "refresh_buffer: 30s",
                "urlencode: true",
            ],
        ),
    ] {
        let text = format!("{:?}", set(pairs).client_config().unwrap().sasl.unwrap());
        let all = ["https://idp.example/token", "\"the-client\""];
        for part in all.iter().chain(parts) {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("hush"), "{text}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn whom_to_trust_at_a_token_endpoint_is_said_once() {
    let jaas = CLIENT.replace(';', " ssl.truststore.location=\"/etc/idp.p12\";");
    let old = |more: (&'static str, &'static str)| {
        Properties::from_pairs([OIDC[0], OIDC[1], OIDC[2], ("sasl.jaas.config", &jaas), more])
    };
    old(("client.id", "me")).unwrap();
    for name in ["https.ca.location", "https.ca.pem"] {
        let error = old((name, "probe")).unwrap_err().to_string();
        let wanted = format!("{name}: is set, and sasl.jaas.config has ssl.truststore.location");
        assert!(error.contains(&wanted), "{error}");
    }
}

#[test]
fn settings_of_a_token_endpoint_that_do_not_fit_together_are_named() {
    let [protocol, mechanism, url, id, secret] = OIDC;
    let file = ("sasl.oauthbearer.token.endpoint.url", "file:///hush");
    let plain = ("sasl.mechanism", "PLAIN");
    let handler = ("sasl.login.callback.handler.class", "com.example.Mine");
    let retriever = (
        "sasl.oauthbearer.jwt.retriever.class",
        "org.apache.kafka.common.security.oauthbearer.FileJwtRetriever",
    );
    let other = ("sasl.oauthbearer.client.id", "another");
    for (pairs, names) in [
        (vec![protocol, mechanism, url, id], [secret.0, "is not set"]),
        (vec![protocol, mechanism, url, secret], [id.0, "is not set"]),
        (vec![protocol, mechanism, id, secret], [url.0, "is not set"]),
        (vec![protocol, mechanism, ("sasl.oauthbearer.method", "oidc")], [url.0, "is not set"]),
        (vec![protocol, mechanism, ("sasl.jaas.config", CLIENT)], [url.0, "is not set"]),
        (vec![protocol, mechanism, file, id, secret], [url.0, "https://"]),
        (vec![protocol, plain, url, id, secret], [url.0, "sasl.mechanism is PLAIN"]),
        (vec![mechanism, url], ["sasl.mechanism", "security.protocol is PLAINTEXT"]),
        (
            vec![protocol, mechanism, url, other, ("sasl.jaas.config", CLIENT)],
            [id.0, "sasl.jaas.config says otherwise"],
        ),
        (
            vec![protocol, mechanism, url, ("sasl.jaas.config", UNSECURED)],
            [url.0, "unsecured token"],
        ),
        (vec![handler], [handler.0, "no Java here"]),
        (vec![retriever], [retriever.0, "no Java here"]),
        (
            vec![protocol, mechanism, url, id, secret, ("sasl.login.refresh.window.factor", "0.1")],
            ["sasl.login.refresh.window.factor", "from 0.5 to 1"],
        ),
        (
            vec![protocol, mechanism, url, id, secret, ("sasl.login.read.timeout.ms", "86400001")],
            ["sasl.login.read.timeout.ms", "at most a day"],
        ),
    ] {
        let text = Properties::from_pairs(pairs.iter().copied()).unwrap_err().to_string();
        assert!(names.iter().all(|name| text.contains(name)), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
#[cfg(feature = "tls")]
fn what_was_given_by_its_type_stays_whatever_is_set_by_name() {
    use crate::security::{OauthBearer, Sasl, UnsecuredLogin};
    let sasl = Sasl::OauthBearer(OauthBearer::new(UnsecuredLogin::new("alice")));
    let mut properties = Properties::default();
    properties.client.sasl = Some(sasl.clone());
    for (name, value) in [
        ("sasl.mechanism", "OAUTHBEARER"),
        ("ssl.ca.location", "/etc/ca.pem"),
        ("security.protocol", "SASL_SSL"),
    ] {
        properties.set(name, value).unwrap();
    }
    let config = properties.client_config().unwrap();
    assert_eq!(config.sasl, Some(sasl), "the provider of tokens is gone");
    assert!(config.tls.is_some_and(|tls| tls != Tls::default()));
}

#[test]
#[cfg(feature = "tls")]
fn what_was_given_by_its_type_and_is_set_by_name_otherwise_is_refused() {
    use crate::security::{Sasl, Secret};
    let plain = || Sasl::Plain { user: "alice".to_owned(), password: Secret::new("hush") };
    let rows: [(&str, &str, &str); 5] = [
        ("security.protocol", "SSL", "no login"),
        ("security.protocol", "SASL_PLAINTEXT", "does not encrypt"),
        ("sasl.mechanism", "SCRAM-SHA-256", "a login was given by its type"),
        ("sasl.username", "bob", "a login was given by its type"),
        ("ssl.ca.location", "/etc/ca.pem", "encryption was given by its type"),
    ];
    for (name, value, part) in rows {
        let mut properties = Properties::default();
        properties.client.sasl = Some(plain());
        properties.client.tls = Some(Tls::default());
        properties.check().unwrap();
        properties.set(name, value).unwrap();
        let error = properties.check().unwrap_err().to_string();
        assert!(error.starts_with(name) && error.contains(part), "{error}");
    }
}

#[test]
fn space_around_a_value_does_not_count_but_for_a_password() {
    use crate::security::{Sasl, Secret};
    let text = "sasl.username = alice \nsasl.password = \\ hush \nsasl.mechanism= PLAIN \n";
    let mut pairs = Properties::read(text).unwrap();
    pairs.push(("security.protocol".into(), " SASL_PLAINTEXT ".into()));
    let config = Properties::from_pairs(pairs).unwrap().client_config().unwrap();
    let password = Secret::new(" hush ");
    assert_eq!(config.sasl, Some(Sasl::Plain { user: "alice".to_owned(), password }));
}

#[test]
fn an_empty_value_unsets_what_a_file_says_of_logins_and_encryption() {
    let file = [
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.username", "alice"),
        ("sasl.password", "hush"),
        ("ssl.ca.location", "/etc/ca.pem"),
        ("sasl.kerberos.keytab", "/etc/keytab"),
        ("sasl.oauthbearer.scope", "kafka"),
        ("security.protocol", "PLAINTEXT"),
    ];
    let error = Properties::from_pairs(file).unwrap_err().to_string();
    let unset = "; set security.protocol to SASL_SSL or SASL_PLAINTEXT, or unset with an empty \
                 value: -X sasl.mechanism= -X sasl.username= -X sasl.password= \
                 -X sasl.kerberos.keytab= -X sasl.oauthbearer.scope=";
    assert!(error.ends_with(unset), "{error}");
    let empty = file.map(|(name, _)| (name, ""));
    let config = set(&[&file[..], &empty].concat()).client_config().unwrap();
    assert_eq!(config.sasl, None);
}

#[test]
fn settings_of_a_login_that_do_not_fit_together_are_named() {
    let sasl = ("security.protocol", "SASL_SSL");
    let (user, word) = (("sasl.username", "alice"), ("sasl.password", "hush"));
    let plain = ("sasl.mechanism", "PLAIN");
    for (pairs, names) in [
        (vec![plain], ["sasl.mechanism", "security.protocol is PLAINTEXT"]),
        (vec![word, ("security.protocol", "SSL")], ["sasl.password", "is SSL"]),
        (vec![sasl, plain], ["sasl.username", "sasl.jaas.config"]),
        (vec![sasl, plain, user], ["sasl.password", "sasl.mechanism is PLAIN"]),
        (vec![sasl, user, word], ["sasl.mechanism", "sasl.username"]),
        (
            vec![sasl, plain, user, word, ("sasl.jaas.config", PLAIN)],
            ["sasl.username", "sasl.jaas.config"],
        ),
        (
            vec![sasl, plain, ("sasl.jaas.config", SCRAM)],
            ["ScramLoginModule", "sasl.mechanism is PLAIN"],
        ),
        (
            vec![sasl, plain, user, word, ("sasl.kerberos.service.name", "kafka")],
            ["sasl.kerberos.service.name", "sasl.mechanism is PLAIN"],
        ),
        (vec![sasl, ("sasl.mechanism", "OAUTHBEARER")], ["sasl.mechanism", "token"]),
        (vec![sasl, ("sasl.mechanism", "CRAM-MD5")], ["CRAM-MD5", "PLAIN, SCRAM-SHA-256"]),
        (vec![sasl, plain, ("sasl.username", ""), word], ["sasl.username", "is not set"]),
        (vec![("sasl.jaas.config", "hush")], ["sasl.jaas.config", "control flag"]),
    ] {
        let text = Properties::from_pairs(pairs.iter().copied()).unwrap_err().to_string();
        assert!(names.iter().all(|name| text.contains(name)), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[test]
fn partitioners_have_the_names_of_both_clients_and_keep_how_they_spread() {
    use crate::producer::{Partitioner, Sticky};
    let of = |pairs: &[(&str, &str)]| set(pairs).producer.partitioner;
    let java = "org.apache.kafka.clients.producer.";
    let availability_timeout = Duration::from_millis(70);
    let spread = Sticky { adaptive: false, availability_timeout, rack: None };
    let spread_by = [
        ("partitioner.adaptive.partitioning.enable", "false"),
        ("partitioner.availability.timeout.ms", "70"),
    ];
    assert_eq!(of(&[]), Partitioner::Murmur2Random(Sticky::default()));
    assert_eq!(of(&spread_by), Partitioner::Murmur2Random(spread.clone()));
    let set_later = [&spread_by[..], &[("partitioner", "consistent_random")]].concat();
    assert_eq!(of(&set_later), Partitioner::ConsistentRandom(spread.clone()));
    let ignored = [&spread_by[..], &[("partitioner.ignore.keys", "true")]].concat();
    assert_eq!(of(&ignored), Partitioner::Sticky(spread));
    for (class, wanted) in [
        ("RoundRobinPartitioner", Partitioner::RoundRobin),
        ("UniformStickyPartitioner", Partitioner::Sticky(Sticky::default())),
        ("internals.DefaultPartitioner", Partitioner::default()),
    ] {
        assert_eq!(of(&[("partitioner.class", &format!("{java}{class}"))]), wanted);
    }
    let class = format!("{java}RoundRobinPartitioner");
    let ignoring = ("partitioner.ignore.keys", "true");
    let pairs = [("partitioner.class", class.as_str()), ignoring];
    assert_eq!(of(&pairs), Partitioner::RoundRobin, "as in Java");
    let racks = [("client.rack", "a"), ("partitioner.rack.aware", "true")];
    let near = Sticky { rack: Some("a".into()), ..Sticky::default() };
    assert_eq!(of(&racks), Partitioner::Murmur2Random(near.clone()));
    assert_eq!(of(&[racks[1], racks[0], ignoring]), Partitioner::Sticky(near));
    assert_eq!(of(&racks[..1]), Partitioner::default(), "it was not asked for");
    let again = [ignoring, ("partitioner.ignore.keys", "false")];
    assert_eq!(of(&again), Partitioner::default());
}

#[test]
fn a_partitioner_that_is_not_kafkas_own_is_refused_with_advice() {
    let error = Properties::from_pairs([("partitioner.class", "com.example.MyPartitioner")]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("com.example.MyPartitioner"), "{error}");
    assert!(error.contains("give the library a function with Partitioner::custom"), "{error}");
    let error = Properties::from_pairs([("partitioner", "murmur3")]).unwrap_err().to_string();
    assert!(error.contains("is none of murmur2_random, murmur2, consistent_random"), "{error}");
}

#[test]
fn members_of_groups_are_set_by_the_names_that_java_has() {
    let of = |pairs: &[(&str, &str)]| set(pairs);
    let all = of(&[
        ("group.id", "g"),
        ("group.instance.id", "i"),
        ("group.protocol", "CONSUMER"),
        ("group.remote.assignor", "uniform"),
        ("session.timeout.ms", "10000"),
        ("heartbeat.interval.ms", "1000"),
        ("max.poll.interval.ms", "60000"),
        ("enable.auto.offset.store", "false"),
        ("auto.commit.interval.ms", "0"),
    ]);
    assert_eq!(all.group_id.as_deref(), Some("g"));
    assert_eq!((all.group.instance_id.as_deref(), all.consumer.auto_mark), (Some("i"), false));
    assert_eq!(all.group.protocol, GroupProtocol::Consumer);
    assert_eq!(all.group.remote_assignor.as_deref(), Some("uniform"));
    let times =
        [all.group.session_timeout, all.group.heartbeat_interval, all.group.poll_interval_max];
    assert_eq!(times, [10, 1, 60].map(Duration::from_secs));
    assert_eq!(all.group.auto_commit_interval, Some(Duration::from_millis(1)));
    let (on, off) = (("enable.auto.commit", "true"), ("enable.auto.commit", "false"));
    let one = ("auto.commit.interval.ms", "1000");
    let interval = |pairs: &[(&str, &str)]| of(pairs).group.auto_commit_interval;
    assert_eq!((interval(&[off]), interval(&[off, one])), (None, None));
    let second = Some(Duration::from_secs(1));
    assert_eq!([interval(&[off, one, on]), interval(&[one, off, on])], [second; 2]);
    assert_eq!(interval(&[off, on]), Some(Duration::from_secs(5)));
}

#[test]
fn assignors_have_the_names_of_java_and_of_librdkafka() {
    let name = "partition.assignment.strategy";
    let names = |text: &str| {
        let of = set(&[(name, text)]).group.assignors;
        of.iter().map(|assignor| assignor.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("cooperative-sticky, range"), ["cooperative-sticky", "range"]);
    let java = "org.apache.kafka.clients.consumer.StickyAssignor,class \
                org.apache.kafka.clients.consumer.RoundRobinAssignor";
    assert_eq!(names(java), ["sticky", "roundrobin"]);
    let error = Properties::from_pairs([(name, "range,org.acme.Own")]).unwrap_err().to_string();
    assert!(error.contains("org.acme.Own") && error.contains("cooperative-sticky"), "{error}");
}
