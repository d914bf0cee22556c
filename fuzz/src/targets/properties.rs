//! Any text as the properties of a client.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kurier_client::Client;
use kurier_client::properties::Properties;
use kurier_env::{BoxFuture, Env, Files};
use tokio::runtime;
use tokio::time::timeout;

use super::hostile_broker::{Hostile, Noon};
use crate::random::Random;

/// The bytes are a file of properties, which is read as Java reads it. If a client can be made of
/// them, one is, before brokers that are honest and in a file system where each file has the same
/// text.
///
/// # Panics
///
/// When reading or making the client does, or when the first contact takes longer than it may.
pub fn properties(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(pairs) = Properties::read(&text) else { return };
    let server = ("bootstrap.servers".to_owned(), "broker-1:9092".to_owned());
    let builder = Client::from_properties([server].into_iter().chain(pairs));
    let Ok(builder) = builder else { return };
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let env = Env::simulated(Arc::new(Hostile::honest()), Arc::new(Noon), 1)
            .with_files(Arc::new(SameFile));
        let _may_fail = timeout(FIRST_CONTACT_MAX, builder.env(env).connect())
            .await
            .expect("the first contact ends");
    });
}

/// Whatever file is asked for.
#[derive(Debug)]
struct SameFile;

impl Files for SameFile {
    fn read<'a>(&'a self, _: &'a Path, _: u64) -> BoxFuture<'a, io::Result<Vec<u8>>> {
        let text = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        Box::pin(std::future::ready(Ok(text.to_vec())))
    }
}

/// Lines with names that there are, and values that may fit.
pub(super) fn make(random: &mut Random) -> Vec<u8> {
    let names: Vec<&str> = Properties::names().flatten().copied().collect();
    let mut text = Vec::new();
    for _ in 0..random.below(8) {
        let name = if random.one_in(3) { random.pick(&SECURITY) } else { random.pick(&names) };
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(random.pick(&SEPARATORS).as_bytes());
        let value = match name {
            "sasl.jaas.config" => jaas(random),
            "sasl.mechanism" => random.pick(&MECHANISMS).to_owned(),
            "security.protocol" => random.pick(&PROTOCOLS).to_owned(),
            _ => random.pick(&VALUES).to_owned(),
        };
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(random.pick(&ENDS).as_bytes());
    }
    if random.one_in(4) { random.damage(&text) } else { text }
}

fn jaas(random: &mut Random) -> String {
    let mut text = format!("org.apache.kafka.common.security.{}", random.pick(&MODULES));
    text += random.pick(&[" required", " REQUISITE", "", " sufficient"]);
    for _ in 0..random.below(5) {
        let (option, value) = (random.pick(&OPTIONS), random.pick(&VALUES));
        text += &match random.below(3) {
            0 => format!(" {option}=\"{value}\""),
            1 => format!(" {option}='{value}'"),
            _ => format!("\\\n {option} = {value}"),
        };
    }
    text + random.pick(&[";", ";", ";", "", ";;", "\"", "; x"])
}

/// It is tried for ten seconds, which no property changes.
const FIRST_CONTACT_MAX: Duration = Duration::from_secs(11);
const SECURITY: [&str; 6] = [
    "security.protocol",
    "sasl.mechanism",
    "sasl.jaas.config",
    "ssl.truststore.certificates",
    "ssl.keystore.location",
    "bootstrap.servers",
];
const SEPARATORS: [&str; 7] = ["=", ":", " = ", "\t", " ", "\\\n=", "=\\\n"];
const ENDS: [&str; 6] = ["\n", "\r\n", "\n", "\\\n", "\n#", "\n\n"];
const PROTOCOLS: [&str; 5] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "sasl_ssl", "x"];
const MECHANISMS: [&str; 6] =
    ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI", "x"];
const MODULES: [&str; 5] = [
    "plain.PlainLoginModule",
    "scram.ScramLoginModule",
    "oauthbearer.OAuthBearerLoginModule",
    "Krb5LoginModule",
    "x",
];
const OPTIONS: [&str; 17] = [
    "clientId",
    "clientSecret",
    "scope",
    "extension_e",
    "ssl.truststore.location",
    "username",
    "password",
    "tokenauth",
    "unsecuredLoginStringClaim_sub",
    "unsecuredLoginLifetimeSeconds",
    "unsecuredLoginNumberClaim_n",
    "unsecuredLoginListClaim_l",
    "unsecuredLoginExtension_e",
    "useKeyTab",
    "keyTab",
    "principal",
    "serviceName",
];
const VALUES: [&str; 24] = [
    "",
    "0",
    "1",
    "-1",
    "60000",
    "31622400000",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999",
    "1e308",
    "NaN",
    "0.5",
    "true",
    "false",
    "all",
    "broker-1:9092,broker-2",
    "[::1]:9092,:,a:b:c",
    "zstd",
    "\\u0000\\uffff",
    "\\ud83d\\ude00",
    "\\u12",
    "alice@TEST.LOCAL",
    "/etc/passwd",
    "-----BEGIN CERTIFICATE-----\\n\\\nAAAA\\n-----END CERTIFICATE-----",
];
