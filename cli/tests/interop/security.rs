//! Who gets in: each security protocol with each mechanism, at real brokers and at our own.
//!
//! A cell is a file of properties as Java's client takes them, and with it records into a topic
//! and out again, by the binary as a user runs it.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::embedded_broker::EmbeddedBroker;
use crate::real_broker::RealBroker;
use crate::real_brokers::{each, same_lines, say};
use crate::release::Release;
use crate::run::{output, run, text};
use crate::tools::Java;

const LINES: &str = "one\ntwo\nthree\n";
const NEWEST: &str = "4.4.0";

/// One way to get in.
#[derive(Clone, Debug)]
struct Way {
    protocol: &'static str,
    /// The mechanism, or `-`; for TLS alone also whether the client shows a certificate.
    login: String,
    properties: Vec<String>,
}

impl Way {
    fn new(protocol: &'static str, login: &str, properties: Vec<String>) -> Self {
        Self { protocol, login: login.to_owned(), properties }
    }

    /// Writes the properties of this way to a file.
    fn file(&self, file: &Path) -> PathBuf {
        let first = format!("security.protocol={}", self.protocol);
        let lines: Vec<_> = [first].into_iter().chain(self.properties.clone()).collect();
        fs::write(file, lines.join("\n") + "\n").unwrap();
        file.into()
    }
}

/// What a mechanism needs of a client, in Java's words; `kerberos` names keytab and principal.
fn login(mechanism: &str, password: &str, kerberos: Option<(&str, &str)>) -> Vec<String> {
    let ours = "org.apache.kafka.common.security";
    let user = format!("username=\"alice\" password=\"{password}\"");
    let module = match mechanism {
        "PLAIN" => format!("{ours}.plain.PlainLoginModule required {user}"),
        "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            format!("{ours}.scram.ScramLoginModule required {user}")
        }
        "OAUTHBEARER" => format!(
            "{ours}.oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"alice\""
        ),
        "GSSAPI" => {
            let (keytab, principal) = kerberos.unwrap();
            format!(
                "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true \
                 storeKey=true keyTab=\"{keytab}\" principal=\"{principal}\""
            )
        }
        other => panic!("no login for {other}"),
    };
    let mut lines =
        vec![format!("sasl.mechanism={mechanism}"), format!("sasl.jaas.config={module};")];
    if mechanism == "GSSAPI" {
        lines.push("sasl.kerberos.service.name=kafka".into());
    }
    lines
}

fn trust(ca: &str) -> Vec<String> {
    vec!["ssl.truststore.type=PEM".into(), format!("ssl.truststore.location={ca}")]
}

/// Every way into a real broker.
fn ways(broker: &RealBroker) -> Vec<Way> {
    let ca = trust(broker.value("TLS_CA"));
    let kerberos = Some((broker.value("KRB_KEYTAB"), broker.value("KRB_PRINCIPAL")));
    let password = broker.value("TLS_STORE_PASSWORD");
    let store = |kind: &str, file: &str| {
        vec![
            format!("ssl.{kind}.type=PKCS12"),
            format!("ssl.{kind}.location={}", broker.value(file)),
            format!("ssl.{kind}.password={password}"),
        ]
    };
    let mut certificate = store("truststore", "TLS_TRUSTSTORE");
    certificate.extend(store("keystore", "TLS_KEYSTORE"));
    certificate.push(format!("ssl.key.password={password}"));
    let mut ways = vec![
        Way::new("PLAINTEXT", "-", Vec::new()),
        Way::new("SSL", "-", ca.clone()),
        Way::new("SSL", "certificate", certificate),
    ];
    for mechanism in broker.mechanisms() {
        let login = login(&mechanism, "alice-secret", kerberos);
        ways.push(Way::new("SASL_PLAINTEXT", &mechanism, login.clone()));
        ways.push(Way::new("SASL_SSL", &mechanism, [ca.clone(), login].concat()));
    }
    ways
}

// Case BUILD-01: with the static binary this is every mechanism on musl.
#[test]
fn each_way_in_leads_into_every_release() {
    let table = RefCell::new(Vec::new());
    each("every way in", |release| {
        let broker = RealBroker::start_secured(release, &[]);
        for way in ways(&broker) {
            let start = Instant::now();
            let Way { protocol, login, .. } = &way;
            let topic = format!("{protocol}-{}", login.trim_matches('-'));
            broker.create_topic(&topic, 1);
            let file = way.file(&broker.file(&format!("{topic}.properties")));
            let kurier = broker.listener(protocol).with(&file, Some(broker.value("KRB5_CONFIG")));
            kurier.produce(&topic, &[], LINES);
            same_lines(&kurier.consume(&topic, &[]), LINES.as_bytes());
            if release.to_string() == NEWEST {
                let report = text(&mut kurier.command(&["doctor"]), "");
                assert!(report.contains(" 0 wrong"), "{report}");
            }
            let seconds = start.elapsed().as_secs_f32();
            say(&format!("Kafka {release}, {protocol} {login}: ok in {seconds:.1} s"));
            table.borrow_mut().push((format!("{protocol} {login}"), release.to_string()));
        }
        let stranger = Way::new("SSL", "-", Vec::new());
        let file = stranger.file(&broker.file("stranger.properties"));
        let kurier = broker.listener("SSL").with(&file, None);
        let ended = run(&mut kurier.command(&["topic", "list"]), "");
        assert!(!ended.status.success(), "nobody is trusted unasked");
        assert!(ended.stderr.contains("certificate"), "{}", ended.stderr);
    });
    print_table(&table.into_inner());
}

fn print_table(cells: &[(String, String)]) {
    let mut releases: Vec<_> = cells.iter().map(|(_, release)| release).collect();
    releases.dedup();
    let mut ways: Vec<_> = cells.iter().map(|(way, _)| way).collect();
    ways.sort();
    ways.dedup();
    let heads: String = releases.iter().map(|release| format!("{release:>10}")).collect();
    say(&format!("{:28}{heads}", "way in"));
    for way in ways {
        let cell = |release: &&String| cells.contains(&(way.clone(), (*release).clone()));
        let marks = releases.iter().map(|release| if cell(release) { "ok" } else { "-" });
        let row: String = marks.map(|mark| format!("{mark:>10}")).collect();
        say(&format!("{way:28}{row}"));
    }
}

/// Our own broker with each mechanism that needs no KDC; alice's password is `wonderland`. With a
/// file for the CA's certificate it speaks TLS.
fn secured(ca: Option<&str>) -> EmbeddedBroker {
    let mechanisms = MECHANISMS.join(",");
    let mut args = vec!["--sasl", &mechanisms, "--user", "alice:wonderland"];
    args.extend(ca.iter().flat_map(|ca| ["--tls", "--ca-file", ca]));
    EmbeddedBroker::start(&args)
}

/// A file of this process's own.
fn scratch(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", std::process::id()))
}

const MECHANISMS: [&str; 4] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"];

// Case BUILD-02: with the static binary this is TLS and SASL on musl, both sides.
#[test]
fn each_way_in_leads_into_our_own_broker() {
    let ca = scratch("own-ca.pem");
    for (protocol, ca) in [("SASL_PLAINTEXT", None), ("SASL_SSL", ca.to_str())] {
        let broker = secured(ca);
        for mechanism in MECHANISMS {
            let mut properties = login(mechanism, "wonderland", None);
            properties.extend(ca.into_iter().flat_map(trust));
            let file = scratch(&format!("own-{protocol}-{mechanism}.properties"));
            let file = Way::new(protocol, mechanism, properties).file(&file);
            let kurier = broker.kurier().with(&file, None);
            kurier.produce(mechanism, &[], LINES);
            same_lines(&kurier.consume(mechanism, &[]), LINES.as_bytes());
        }
    }
}

#[test]
fn kcat_and_java_log_in_at_our_own_broker() {
    let asked = std::env::var("KURIER_FOREIGN_CLIENTS").unwrap_or_default();
    let ca = scratch("foreign-ca.pem");
    let ca = ca.to_str().unwrap();
    let broker = secured(Some(ca));
    if asked.contains("kcat") {
        kcat_logs_in(&broker, ca);
        say("kcat logs in at our broker: ok");
    } else {
        say("SKIPPED kcat logs in at our broker: KURIER_FOREIGN_CLIENTS does not list it");
    }
    if asked.contains("java") {
        java_logs_in(&broker, ca);
        say("Java's newest client logs in at our broker: ok");
    } else {
        say("SKIPPED Java logs in at our broker: KURIER_FOREIGN_CLIENTS does not list it");
    }
}

fn kcat_logs_in(broker: &EmbeddedBroker, ca: &str) {
    let user = ["sasl.username=alice", "sasl.password=wonderland"];
    let bearer =
        ["enable.sasl.oauthbearer.unsecure.jwt=true", "sasl.oauthbearer.config=principal=alice"];
    let kcat = |mechanism: &str, options: &[&str], args: &[&str]| {
        let mut command = Command::new("kcat");
        command.args(["-b", &broker.bootstrap, "-t", &format!("kcat-{mechanism}")]).args(args);
        let ca = format!("ssl.ca.location={ca}");
        let mechanism = format!("sasl.mechanism={mechanism}");
        for option in ["security.protocol=SASL_SSL", &ca, &mechanism].iter().chain(options) {
            command.args(["-X", option]);
        }
        command
    };
    for (mechanism, options) in [("PLAIN", user), ("OAUTHBEARER", bearer)] {
        output(&mut kcat(mechanism, &options, &["-P"]), LINES);
        let args = ["-C", "-q", "-e", "-o", "beginning"];
        same_lines(&output(&mut kcat(mechanism, &options, &args), ""), LINES.as_bytes());
    }
    // librdkafka 2.0 says its nonce twice, and is refused as by a real broker of 4.4.
    if text(Command::new("kcat").arg("-V"), "").contains("librdkafka 2.0.") {
        let ended = run(&mut kcat("SCRAM-SHA-256", &user, &["-L", "-m", "3"]), "");
        assert!(ended.stderr.contains("Authentication failed"), "{}", ended.stderr);
    }
}

fn java_logs_in(broker: &EmbeddedBroker, ca: &str) {
    let release = Release::new(NEWEST);
    for mechanism in MECHANISMS {
        let properties = [trust(ca), login(mechanism, "wonderland", None)].concat();
        let file = scratch(&format!("java-{mechanism}.properties"));
        let file = Way::new("SASL_SSL", mechanism, properties).file(&file);
        let file = file.to_str().unwrap();
        let java = Java { release: &release, bootstrap: &broker.bootstrap, realm: None };
        let topic = format!("java-{mechanism}");
        let kurier = broker.kurier().with(Path::new(file), None);
        kurier.create_topic(&topic, 1);
        java.console_produce(&topic, release.codecs()[0], &["--command-config", file], "k\tv\n");
        same_lines(&kurier.consume(&topic, &["-K", "\t"]), b"k\tv\n");
        let options = ["--command-config", file, "--from-beginning"];
        let shown = java.console_consume(&topic, &options, 1);
        assert_eq!(shown, "NO_HEADERS\tk\tv\n");
    }
}
