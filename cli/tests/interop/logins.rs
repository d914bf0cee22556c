//! Logins to real brokers: every mechanism of every release, and what is said of mistakes.

use crate::real_broker::RealBroker;
use crate::real_brokers::each;
use crate::run::{output, run};

/// Those that need no ticket.
const BY_PASSWORD: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const UNSECURED: &str = "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.\
                         OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"alice\";";

// Case PURE-04: mechanisms by releases.
#[test]
fn every_mechanism_of_every_release_logs_in() {
    each("logins", |release| {
        let broker = RealBroker::start_secured(release, &[]);
        for mechanism in broker.mechanisms() {
            let topic = format!("login-{mechanism}");
            broker.create_topic(&topic, 1);
            let login = login_of(&broker, &mechanism);
            let lines: String = (0..1000).map(|n| format!("{n}\n")).collect();
            let kurier = broker.listener("SASL_PLAINTEXT");
            let mut produce = kurier.command(&["produce", &topic]);
            output(broker.with_realm(produce.args(&login)), lines.clone());
            let read = ["consume", &topic, "-o", "beginning", "-e"];
            let back = output(broker.with_realm(kurier.command(&read).args(&login)), "");
            assert_eq!(String::from_utf8(back).unwrap(), lines, "{mechanism}");
        }
    });
}

// Case NET-07: each mistake has its text.
#[test]
fn mistakes_at_a_login_are_told_apart() {
    each("mistakes at logins", |release| {
        let broker = RealBroker::start_secured(release, &[]);
        let check = |listener: &str, login: &[String], parts: &[&str]| {
            let ended = run(broker.listener(listener).command(&["topic", "list"]).args(login), "");
            let said = &ended.stderr;
            assert!(!ended.status.success() && parts.iter().all(|p| said.contains(p)), "{said}");
            assert!(!said.contains("looking-glass"), "{said}");
        };
        let has = |name: &&&str| broker.mechanisms().iter().any(|one| one == **name);
        for mechanism in BY_PASSWORD.iter().filter(has) {
            let wrong = login(mechanism, "looking-glass");
            // Brokers before 1.0 only hang up.
            let why = if release.at_least("1.0") { "SASL_AUTHENTICATION_FAILED" } else { "closed" };
            check("SASL_PLAINTEXT", &wrong, &[&format!("as alice by {mechanism}"), why]);
            check("PLAINTEXT", &wrong, &["the listener wants no login"]);
        }
        check("SASL_PLAINTEXT", &[], &["sasl.mechanism"]);
        if !release.at_least("2.0") {
            let lacking = login("OAUTHBEARER", "");
            check("SASL_PLAINTEXT", &lacking, &["the listener has only", "PLAIN"]);
        }
    });
}

/// The options of a login as alice, by password, token or keytab.
pub(crate) fn login_of(broker: &RealBroker, mechanism: &str) -> Vec<String> {
    if mechanism != "GSSAPI" {
        return login(mechanism, "alice-secret");
    }
    let keytab = format!("sasl.kerberos.keytab={}", broker.keytab());
    let pairs = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=GSSAPI", &keytab];
    pairs.into_iter().flat_map(|pair| ["-X".to_owned(), pair.to_owned()]).collect()
}

/// The options of a login as alice.
fn login(mechanism: &str, password: &str) -> Vec<String> {
    let mut pairs =
        vec!["security.protocol=SASL_PLAINTEXT".into(), format!("sasl.mechanism={mechanism}")];
    match mechanism {
        "OAUTHBEARER" => pairs.push(UNSECURED.into()),
        _ => {
            pairs.extend(["sasl.username=alice".into(), format!("sasl.password={password}")]);
        }
    }
    pairs.into_iter().flat_map(|pair: String| ["-X".to_owned(), pair]).collect()
}
