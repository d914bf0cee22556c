//! What Kerberos reads: files, answers of KDCs, tokens of GSS, all of them down to DER.

use std::path::Path;
use std::sync::OnceLock;

use kurier_auth::Mechanism;
use kurier_auth::kerberos::kdc::Kdc;
use kurier_auth::kerberos::{
    Action, ConfigReader, Credential, EncryptionType, GssapiClient, GssapiServer, Keytab, Login,
    Moment, Principal, TicketCache, TicketSearch, Wanted, is_too_big,
};

use crate::random::Random;

/// The bytes as a keytab, a ticket cache, and a `krb5.conf` that includes itself.
///
/// # Panics
///
/// When a reader does, or does not end.
pub fn kerberos_files(data: &[u8]) {
    if let Ok(keytab) = Keytab::parse(data) {
        let _keys = (keytab.keys(&alice()), keytab.to_bytes());
    }
    if let Ok(cache) = TicketCache::parse(data) {
        let _type = cache.granting().and_then(|granting| granting.ticket_encryption());
    }
    let path = Path::new("/krb5.conf");
    let mut reader = ConfigReader::new([path.to_owned()]);
    for _ in 0..STEPS_MAX {
        match reader.poll() {
            Ok(Wanted::File(path)) if reader.push_file(&path, data).is_ok() => {}
            Ok(Wanted::Folder(folder)) => reader.push_folder(&folder, &["more".to_owned()]),
            Ok(Wanted::Nothing(config)) => {
                let _what_is_read = (
                    config.default_realm().map(|realm| config.kdcs(realm)),
                    config.realm_of_host("a.b.example"),
                    config.lifetime("ticket_lifetime"),
                    config.encryption_types("default_tkt_enctypes"),
                );
                return;
            }
            _ => return,
        }
    }
    panic!("there is no end of files");
}

/// The bytes as what a KDC answers to each question, as what a KDC is asked, and as each token of
/// GSS, either way.
///
/// # Panics
///
/// When a reader does, or a client is let in by bytes that no KDC has sealed.
pub fn kerberos_tokens(data: &[u8]) {
    let known = known();
    let kinds = EncryptionType::ALL;
    let mut login = Login::new(alice(), &known.keytab, &kinds, known.kdc.lifetimes);
    if let Ok(login) = &mut login {
        let _first = login.start(0, moment());
        for _ in 0..ANSWERS_MAX {
            match login.handle(data, moment()) {
                Ok(Action::Ask { .. }) => {}
                Ok(Action::Done(_)) => panic!("a ticket that no KDC has sealed"),
                Err(error) => {
                    is_fit(&error.to_string());
                    break;
                }
            }
        }
    }
    let service = Principal::service("kafka", "b", b"TEST");
    let mut search = TicketSearch::new(&known.ticket, service, &kinds);
    let _first = search.start(0, moment());
    for _ in 0..ANSWERS_MAX {
        match search.handle(data, moment()) {
            Ok(Action::Ask { .. }) => {}
            // The makers' answers are true now and then.
            Ok(Action::Done(_)) => break,
            Err(error) => {
                is_fit(&error.to_string());
                break;
            }
        }
    }
    let _answer = known.kdc.handle(data, &moment());
    let _ask_by_stream = is_too_big(data);
    let mut client = GssapiClient::new(&known.ticket, &moment());
    let _first = client.step(b"");
    match client.step(data) {
        Ok(_) => panic!("an answer that no service has sealed"),
        Err(error) => is_fit(&error.to_string()),
    }
    let mut server = GssapiServer::new(known.service.clone(), moment());
    let _first = server.step(data);
    assert!(server.client().is_none(), "one token lets nobody in");
}

/// What is told of others' bytes is short, and cannot steer a terminal.
fn is_fit(text: &str) {
    assert!(text.chars().count() < TEXT_CHARS_MAX, "{} bytes of error", text.len());
    assert!(!text.contains(char::is_control), "{text:?}");
}

/// A realm, and what somebody in it has.
struct Known {
    kdc: Kdc,
    keytab: Keytab,
    service: Keytab,
    ticket: Credential,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let mut kdc = Kdc::new("TEST", &[1; 32]);
        kdc.add("alice", "wonderland").expect("a user");
        kdc.add("kafka/b", "secret").expect("a service");
        let keytab = kdc.keytab("alice").expect("her keys");
        let kinds = EncryptionType::ALL;
        let mut login = Login::new(alice(), &keytab, &kinds, kdc.lifetimes).expect("a login");
        let mut action = login.start(0, moment());
        let granting = loop {
            match action.expect("a step") {
                Action::Done(credential) => break *credential,
                Action::Ask { request, .. } => {
                    action = login.handle(&kdc.handle(&request, &moment()), moment());
                }
            }
        };
        let service = Principal::service("kafka", "b", b"TEST");
        let mut search = TicketSearch::new(&granting, service, &kinds);
        let mut action = search.start(0, moment());
        let ticket = loop {
            match action.expect("a step") {
                Action::Done(credential) => break *credential,
                Action::Ask { request, .. } => {
                    action = search.handle(&kdc.handle(&request, &moment()), moment());
                }
            }
        };
        let service = kdc.keytab("kafka/b").expect("its keys");
        Known { kdc, keytab, service, ticket }
    })
}

fn alice() -> Principal {
    Principal::parse("alice@TEST", None).expect("a name")
}

fn moment() -> Moment {
    Moment::new(1_800_000_000_000_000, [7; Moment::RANDOM_BYTES])
}

/// Files that get far.
pub(super) fn make_files(random: &mut Random) -> Vec<u8> {
    let lines = [
        "[libdefaults]\n",
        "default_realm = TEST\n",
        "ticket_lifetime = 1:30\n",
        "default_tkt_enctypes = aes -aes256-cts\n",
        "[realms]\n",
        "TEST = {\n kdc = tcp/a:88 [::1]:99\n}\n",
        "[domain_realm]\n",
        ".example = TEST\n",
        "include /krb5.conf\n",
        "includedir /d\n",
    ];
    let bytes = match random.below(3) {
        0 => known().keytab.to_bytes().map(|bytes| bytes.to_vec()).unwrap_or_default(),
        1 => [&[5, 4, 0, 0], &random.bytes(200)[..]].concat(),
        _ => {
            let count = random.below(10);
            let text: String = (0..count).map(|_| random.pick(&lines)).collect();
            text.into_bytes()
        }
    };
    if random.one_in(2) { random.damage(&bytes) } else { bytes }
}

/// Messages that get far: real ones, damaged.
pub(super) fn make_tokens(random: &mut Random) -> Vec<u8> {
    let known = known();
    let service = Principal::service("kafka", "b", b"TEST");
    let bytes = match random.below(3) {
        0 => match GssapiClient::new(&known.ticket, &moment()).step(b"") {
            Ok(kurier_auth::Step::Continue(token)) => token,
            _ => Vec::new(),
        },
        n => {
            let kinds = EncryptionType::ALL;
            let action = TicketSearch::new(&known.ticket, service, &kinds).start(0, moment());
            match action {
                Ok(Action::Ask { request, .. }) if n == 1 => request,
                Ok(Action::Ask { request, .. }) => known.kdc.handle(&request, &moment()),
                _ => Vec::new(),
            }
        }
    };
    random.damage(&bytes)
}

/// How often a question is answered.
const ANSWERS_MAX: usize = 4;
/// The longest text of an error: two names, a text and what is around them.
const TEXT_CHARS_MAX: usize = 1200;
/// Steps of reading files that include each other.
const STEPS_MAX: usize = 10_000;
