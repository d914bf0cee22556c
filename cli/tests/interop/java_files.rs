//! Files of properties that Java's console clients work with: under our own binary they do as they
//! are.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::real_broker::RealBroker;
use crate::real_brokers::{each_since, same_lines};
use crate::run::output;
use crate::tools::Java;

// Since then both console clients have `--command-config`.
#[test]
fn a_file_of_javas_clients_does_as_it_is() {
    each_since("4.2", "files of Java's clients", |release| {
        let broker = RealBroker::start_secured(release, &[]);
        let realm = broker.value("KRB5_CONFIG");
        for (name, listener, lines) in files(&broker) {
            let file = broker.file(&format!("{name}.properties"));
            std::fs::write(&file, lines.join("\n") + "\n").unwrap();
            broker.create_topic(name, 1);
            let kurier = broker.listener(listener).with(&file, Some(realm));
            let java =
                Java { bootstrap: broker.value(listener), realm: Some(realm), ..broker.java() };
            let config = ["--command-config", file.to_str().unwrap()];
            java.console_produce(name, release.codecs()[0], &config, "k\tof Java\n");
            kurier.produce(name, &["-K", "\t"], "k\tof ours\n");
            let both = "k\tof Java\nk\tof ours\n";
            same_lines(&kurier.consume(name, &["-K", "\t"]), both.as_bytes());
            let shown =
                java.console_consume(name, &[&config[..], &["--from-beginning"]].concat(), 2);
            assert_eq!(shown.replace("NO_HEADERS\t", ""), both, "{name}");
        }
    });
}

/// Name, listener and lines of each file.
fn files(broker: &RealBroker) -> [(&'static str, &'static str, Vec<String>); 4] {
    let ours = "org.apache.kafka.common.security";
    let password = broker.value("TLS_STORE_PASSWORD");
    let jks = jks(broker);
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let store = |kind: &str, format: &str, path: &str| {
        [
            format!("ssl.{kind}.type={format}"),
            format!("ssl.{kind}.location={path}"),
            format!("ssl.{kind}.password={password}"),
        ]
    };
    let mut scram = lines(&["security.protocol=SASL_SSL", "sasl.mechanism=SCRAM-SHA-512"]);
    scram.push(format!(
        "sasl.jaas.config={ours}.scram.ScramLoginModule required username=\"alice\" \
         password=\"alice-secret\";"
    ));
    scram.extend(store("truststore", "JKS", jks.to_str().unwrap()));
    // Without sasl.mechanism: GSSAPI is the default.
    let mut gssapi =
        lines(&["security.protocol=SASL_PLAINTEXT", "sasl.kerberos.service.name=kafka"]);
    gssapi.push(format!(
        "sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true \
         storeKey=true keyTab=\"{}\" principal=\"{}\";",
        broker.value("KRB_KEYTAB"),
        broker.value("KRB_PRINCIPAL")
    ));
    let mut certificate = lines(&["security.protocol=SSL"]);
    certificate.extend(store("truststore", "PKCS12", broker.value("TLS_TRUSTSTORE")));
    certificate.extend(store("keystore", "PKCS12", broker.value("TLS_KEYSTORE")));
    certificate.push(format!("ssl.key.password={password}"));
    let mut bearer = lines(&["security.protocol=SASL_SSL", "sasl.mechanism=OAUTHBEARER"]);
    bearer.push(format!(
        "sasl.jaas.config={ours}.oauthbearer.OAuthBearerLoginModule required \
         unsecuredLoginStringClaim_sub=\"alice\";"
    ));
    bearer.extend(store("truststore", "PKCS12", broker.value("TLS_TRUSTSTORE")));
    [
        ("scram-jks", "SASL_SSL", scram),
        ("gssapi-keytab", "SASL_PLAINTEXT", gssapi),
        ("certificate-pkcs12", "SSL", certificate),
        ("oauthbearer", "SASL_SSL", bearer),
    ]
}

/// A trust store of the kind that keytool made up to release 8.
fn jks(broker: &RealBroker) -> PathBuf {
    let path = broker.file("trust.jks");
    let mut keytool = Command::new("keytool");
    keytool.args(["-importcert", "-noprompt", "-alias", "ca", "-storetype", "JKS", "-file"]);
    keytool.args([broker.value("TLS_CA"), "-storepass", broker.value("TLS_STORE_PASSWORD")]);
    output(keytool.arg("-keystore").arg(&path), "");
    assert_eq!(std::fs::read(Path::new(&path)).unwrap()[..4], [0xfe, 0xed, 0xfe, 0xed]);
    path
}
