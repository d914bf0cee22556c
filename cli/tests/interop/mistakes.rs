//! Mistakes at TLS and at logins, made at a real broker with a real KDC: each is one line with a
//! text of its own, and `kurier doctor` names cause and fix.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::kurier::Kurier;
use crate::real_broker::RealBroker;
use crate::real_brokers::each_since;
use crate::run::{Ended, output, run};

// Cases NET-07 and AUTH-05.
#[test]
fn each_mistake_has_a_text_of_its_own_and_a_fix() {
    each_since("4.0", "mistakes at TLS and logins", |release| {
        let broker = RealBroker::start_secured(
            release,
            &[
                "listener.name.ssl.ssl.client.auth=required",
                "listener.name.sasl_ssl.ssl.enabled.protocols=TLSv1.2",
                "listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN",
            ],
        );
        let mut texts = BTreeSet::new();
        let (servers, silent) = (servers(&broker), TcpListener::bind("127.0.0.1:0").unwrap());
        for mistake in tls(&broker, &servers).into_iter().chain(logins(&broker, &silent)) {
            let text = mistake.check(&broker);
            assert!(texts.insert(text.clone()), "twice: {text}");
        }
    });
}

#[test]
fn what_works_and_should_not_stay_so_is_a_warning() {
    each_since("4.0", "warnings about TLS and logins", |release| {
        let broker = RealBroker::start_secured(release, &[]);
        let ca = trust(broker.value("TLS_CA"));
        let check = |listener: &str, set: Vec<String>, check: &str, found: &str, fix: &str| {
            let (report, ended) = doctor(&broker.listener(listener), &set, None);
            assert!(has(&report, (check, "warning"), found, fix), "{found}: {report:#}");
            assert_eq!((&report["wrong"], ended.status.code()), (&0.into(), Some(0)), "{report:#}");
        };
        // The broker's own certificate is for thirty days.
        check("SSL", with(&ca, &["security.protocol=SSL"]), "tls", "ends on 20", "renew it");
        let unchecked = ["security.protocol=SSL", "ssl.endpoint.identification.algorithm="];
        let fix = "remove ssl.endpoint.identification.algorithm";
        check("SSL", with(&ca, &unchecked), "tls", "for whichever host", fix);
        let plain = by_password("SASL_PLAINTEXT", "PLAIN", "alice-secret");
        let seen = "the password crosses the network as it is";
        check("SASL_PLAINTEXT", plain, "login", seen, "SASL_SSL");
        let bearer = [
            "security.protocol=SASL_PLAINTEXT",
            "sasl.mechanism=OAUTHBEARER",
            "sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule \
             required unsecuredLoginStringClaim_sub=\"alice\";",
        ];
        let seen = "the token crosses the network as it is";
        check("SASL_PLAINTEXT", with(&[], &bearer), "login", seen, "SASL_SSL");
        let secret = with(&ca, &by_password("SASL_SSL", "PLAIN", "alice-secret"));
        let (report, _) = doctor(&broker.listener("SASL_SSL"), &secret, None);
        assert!(has(&report, ("login", "ok"), "as alice by PLAIN", ""), "{report:#}");
    });
}

/// One mistake, and what is said of it.
struct Mistake {
    at: String,
    set: Vec<String>,
    /// Where `krb5.conf` is, if not where the broker has it.
    realm: Option<String>,
    /// Which check of the doctor's finds it.
    check: &'static str,
    found: String,
    fix: &'static str,
    status: i32,
}

impl Mistake {
    fn new(
        at: &str,
        set: Vec<String>,
        check: &'static str,
        found: &str,
        fix: &'static str,
    ) -> Self {
        let (at, found) = (at.to_owned(), found.to_owned());
        Self { at, set, realm: None, check, found, fix, status: 1 }
    }

    /// What was found, without numbers.
    fn check(&self, broker: &RealBroker) -> String {
        let kurier = Kurier::to(&self.at);
        let realm = self.realm.as_deref().unwrap_or_else(|| broker.value("KRB5_CONFIG"));
        let mut command = kurier.command(&["topic", "list"]);
        let ended = run(command.args(options(&self.set)).env("KRB5_CONFIG", realm), "");
        let line = ended.stderr.trim_end();
        let last = line.lines().last().unwrap_or_default();
        assert!(line.contains(&self.found) && line.contains(self.fix), "{}: {line}", self.found);
        assert!(line.lines().all(|one| one == last || one.contains("warning")), "{line}");
        assert_eq!(ended.status.code(), Some(self.status), "{line}");
        assert!(!line.contains("looking-glass"), "{line}");

        let (report, ended) = doctor(&kurier, &self.set, Some(realm));
        let wrong = (self.check, "wrong");
        assert!(has(&report, wrong, &self.found, self.fix), "{}: {report:#}", self.found);
        assert_eq!(ended.status.code(), Some(self.status), "{report:#}");
        assert!(!String::from_utf8_lossy(&ended.stdout).contains("looking-glass"), "{report:#}");
        let found = checks(&report).iter().find(|one| one["status"] == "wrong").unwrap();
        let found = found["found"].as_str().unwrap();
        found.chars().filter(|letter| !letter.is_ascii_digit()).collect()
    }
}

fn tls(broker: &RealBroker, servers: &[Server; 3]) -> Vec<Mistake> {
    let ca = trust(broker.value("TLS_CA"));
    let encrypted = with(&ca, &["security.protocol=SSL"]);
    let (ssl, sasl_ssl) = (broker.value("SSL"), broker.value("SASL_SSL"));
    let newest = with(&encrypted, &["ssl.enabled.protocols=TLSv1.3"]);
    let version = "it speaks no version of TLS that this client does";
    let impostor = trust(&other_ca(broker));
    let [expired, future, elsewhere] = servers.each_ref().map(|server| &*server.at);
    let lost = with(&trust("/no/such/ca.pem"), &["security.protocol=SSL"]);
    vec![
        Mistake::new(sasl_ssl, newest, "tls", version, "ssl.enabled.protocols"),
        Mistake::new(ssl, vec![], "protocol", "speaks TLS", "set security.protocol=SSL"),
        Mistake::new(
            broker.value("PLAINTEXT"),
            encrypted.clone(),
            "tls",
            "it closed the connection in the TLS handshake",
            "use security.protocol=PLAINTEXT",
        ),
        Mistake::new(
            ssl,
            with(&[], &["security.protocol=SSL"]),
            "tls",
            "it was issued by CN=Test CA",
            "name the CA's certificate in ssl.truststore.location",
        ),
        Mistake::new(
            sasl_ssl,
            with(&impostor, &["security.protocol=SSL"]),
            "tls",
            "with another key of the same name",
            "name the CA's certificate in ssl.truststore.location",
        ),
        Mistake::new(
            ssl,
            encrypted.clone(),
            "protocol",
            "it wants a certificate of the client",
            "ssl.keystore.location",
        ),
        Mistake::new(expired, encrypted.clone(), "tls", "expired on 20", "renew it"),
        Mistake::new(future, encrypted.clone(), "tls", "is not valid before 20", "set the clock"),
        Mistake::new(
            elsewhere,
            encrypted,
            "tls",
            "its certificate is for kafka.example, not for 127.0.0.1",
            "subject alternative names",
        ),
        Mistake {
            status: 2,
            ..Mistake::new(ssl, lost, "settings", "\"/no/such/ca.pem\" cannot be read", "")
        },
    ]
}

fn logins(broker: &RealBroker, silent: &TcpListener) -> Vec<Mistake> {
    let (plaintext, sasl_ssl) = (broker.value("SASL_PLAINTEXT"), broker.value("SASL_SSL"));
    let keytab = |name: &str| broker.file(&format!("{name}.keytab")).display().to_string();
    for name in ["ghost", "stale"] {
        broker.kadmin(&format!("addprinc -randkey {name}"));
        broker.kadmin(&format!("ktadd -k {} {name}", keytab(name)));
    }
    broker.kadmin("delprinc -force ghost");
    broker.kadmin("cpw -randkey stale");
    let by_keytab = |keytab: &str, principal: &str| {
        let pairs = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=GSSAPI"];
        let own = [
            format!("sasl.kerberos.keytab={keytab}"),
            format!("sasl.kerberos.principal={principal}"),
        ];
        [with(&[], &pairs), own.to_vec()].concat()
    };
    let alice = by_keytab(broker.value("KRB_KEYTAB"), "alice");
    let gssapi =
        |set: Vec<String>, found: &str, fix| Mistake::new(plaintext, set, "login", found, fix);
    let at_kdc = |name: &str, port: u16| {
        let path = broker.file(&format!("{name}.conf"));
        let lines = format!(
            "[libdefaults]\ndefault_realm = TEST.LOCAL\n[realms]\nTEST.LOCAL = {{\n\
             kdc = 127.0.0.1:{port}\n}}\n[domain_realm]\nlocalhost = TEST.LOCAL\n"
        );
        std::fs::write(&path, lines).unwrap();
        Some(path.display().to_string())
    };
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = silent.local_addr().unwrap().port();
    let soon = with(&alice, &["socket.connection.setup.timeout.ms=1500"]);
    let ca = trust(broker.value("TLS_CA"));
    let scram = with(&ca, &by_password("SASL_SSL", "SCRAM-SHA-512", "looking-glass"));
    let wrong = by_password("SASL_PLAINTEXT", "PLAIN", "looking-glass");
    let refused = format!("KDC tcp/127.0.0.1:{closed}: connection refused");
    let mute =
        format!("no KDC (tcp/127.0.0.1:{silent}, udp/127.0.0.1:{silent}) has given a ticket");
    vec![
        Mistake::new(sasl_ssl, scram, "login", "the listener has only PLAIN", "set sasl.mechanism"),
        gssapi(wrong, "SASL_AUTHENTICATION_FAILED", "check user name and password"),
        gssapi(by_keytab(&keytab("ghost"), "ghost"), "KRB-ERROR 6", "check the principal"),
        gssapi(by_keytab(&keytab("stale"), "stale"), "KRB-ERROR 24", "older than the password"),
        gssapi(
            by_keytab("/no/such/keytab", "alice"),
            "/no/such/keytab cannot be read",
            "check keyTab=",
        ),
        gssapi(
            by_keytab(broker.value("KRB_KEYTAB"), "bob"),
            "no key of bob@TEST.LOCAL",
            "set principal= to one that it has a key of",
        ),
        gssapi(
            with(&alice, &["sasl.kerberos.service.name=nobody"]),
            "alice@TEST.LOCAL for nobody/localhost@TEST.LOCAL",
            "its principal is sasl.kerberos.service.name",
        ),
        Mistake { realm: at_kdc("closed", closed), ..gssapi(alice, &refused, "") },
        Mistake {
            realm: at_kdc("silent", silent),
            ..gssapi(soon, &mute, "run and can be reached")
        },
        gssapi(with(&[], &["security.protocol=SASL_PLAINTEXT"]), "ticket cache", "run kinit"),
    ]
}

/// A server that speaks TLS and nothing else, with a certificate of the broker's CA.
struct Server {
    process: Child,
    at: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.process.kill();
        self.process.wait().unwrap();
    }
}

/// One whose certificate has expired, one whose is not valid yet, one whose is for another host.
fn servers(broker: &RealBroker) -> [Server; 3] {
    let folder = Path::new(broker.value("TLS_CA")).parent().unwrap();
    let mut export = Command::new("openssl");
    export.args("pkcs12 -export -in ca.pem -inkey ca.key -name ca -out ca.p12".split(' '));
    output(export.args(["-passout", "pass:changeit"]).current_dir(folder), "");
    let kinds = [
        ("expired", "-startdate -3d -validity 1", "san=dns:localhost,ip:127.0.0.1"),
        ("future", "-startdate +3d -validity 9", "san=dns:localhost,ip:127.0.0.1"),
        ("elsewhere", "-validity 9", "san=dns:kafka.example"),
    ];
    kinds.map(|(name, dates, names)| {
        let certificate = format!("{name}.pem");
        let mut sign = Command::new("keytool");
        sign.args("-gencert -rfc -keystore ca.p12 -storepass changeit -alias ca".split(' '));
        sign.args(["-infile", "localhost.csr", "-outfile", &certificate, "-ext", names]);
        output(sign.args(dates.split(' ')).current_dir(folder), "");
        let mut serve = Command::new("openssl");
        serve.args(["s_server", "-accept", "127.0.0.1:0", "-key", "localhost.key", "-cert"]);
        serve.arg(certificate).current_dir(folder);
        let piped = serve.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = piped.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let at = lines.find_map(|line| Some(line.ok()?.strip_prefix("ACCEPT ")?.to_owned()));
        // Whatever else it says must be read, or it would stand still.
        std::thread::spawn(move || lines.for_each(drop));
        Server { process, at: at.unwrap() }
    })
}

/// Another CA of the same name.
fn other_ca(broker: &RealBroker) -> String {
    let path = broker.file("other-ca.pem").display().to_string();
    let mut make = Command::new("openssl");
    make.args("req -x509 -newkey rsa:2048 -nodes -days 9 -keyout /dev/null -out".split(' '));
    output(make.args([&path, "-subj", "/CN=Test CA"]), "");
    path
}

fn trust(ca: &str) -> Vec<String> {
    with(&[], &["ssl.truststore.type=PEM", &format!("ssl.truststore.location={ca}")])
}

fn by_password(protocol: &str, mechanism: &str, password: &str) -> Vec<String> {
    vec![
        format!("security.protocol={protocol}"),
        format!("sasl.mechanism={mechanism}"),
        "sasl.username=alice".into(),
        format!("sasl.password={password}"),
    ]
}

fn with<T: AsRef<str>>(some: &[String], more: &[T]) -> Vec<String> {
    some.iter().cloned().chain(more.iter().map(|pair| pair.as_ref().to_owned())).collect()
}

fn options(set: &[String]) -> impl Iterator<Item = &str> {
    set.iter().flat_map(|pair| ["-X", pair])
}

fn doctor(kurier: &Kurier<'_>, set: &[String], realm: Option<&str>) -> (Value, Ended) {
    let mut command = kurier.command(&["doctor", "--format", "json"]);
    if let Some(realm) = realm {
        command.env("KRB5_CONFIG", realm);
    }
    let ended = run(command.args(options(set)), "");
    let report = serde_json::from_slice(&ended.stdout);
    (report.unwrap_or_else(|why| panic!("{why}: {}", ended.stderr)), ended)
}

fn checks(report: &Value) -> &[Value] {
    report["checks"].as_array().unwrap()
}

fn has(report: &Value, (check, status): (&str, &str), found: &str, fix: &str) -> bool {
    checks(report).iter().any(|one| {
        let said = |key: &str, words: &str| one[key].as_str().unwrap_or_default().contains(words);
        one["check"] == check && one["status"] == status && said("found", found) && said("fix", fix)
    })
}
