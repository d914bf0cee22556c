//! SCRAM against the examples of its RFCs, itself, and whoever breaks its rules.

use super::text::{self, to_base64, unescaped};
use super::*;
use crate::error::Error;
use crate::mechanism::{Mechanism, Step};
use crate::secret::Secret;

const HASHES: [ScramHash; 2] = [ScramHash::Sha256, ScramHash::Sha512];
/// The example of RFC 7677.
const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const SALT: &str = "W22ZaJ0SNY7soEsUEjb6gQ==";
const CHALLENGE: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                         s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const PROOF: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                     p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const SIGNATURE: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn client() -> ScramClient {
    let password = Secret::new("pencil");
    ScramClient::with_nonce(ScramHash::Sha256, "user".into(), password, NONCE).unwrap()
}

fn credential(hash: ScramHash) -> ScramCredential {
    let salt = text::from_base64(SALT).unwrap();
    ScramCredential::derive(hash, &Secret::new("pencil"), &salt, 4096)
}

fn server() -> ScramServer<impl FnMut(&ScramLogin<'_>) -> Option<ScramCredential>> {
    let credential = credential(ScramHash::Sha256);
    ScramServer::with_nonce(ScramHash::Sha256, SERVER_NONCE, move |login| {
        (login.name == "user" && !login.is_token).then(|| credential.clone())
    })
}

fn text(step: Result<Step, Error>) -> String {
    let (Step::Continue(bytes) | Step::Done(bytes)) = step.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// A client that has asked.
fn asked() -> ScramClient {
    let mut client = client();
    client.step(b"").unwrap();
    client
}

#[test]
fn both_halves_say_what_rfc_7677_has_them_say() {
    let (mut client, mut server) = (client(), server());
    assert_eq!(text(client.step(b"")), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    assert_eq!(text(server.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), CHALLENGE);
    assert_eq!(text(client.step(CHALLENGE.as_bytes())), PROOF);
    assert_eq!(server.login(), None);
    assert_eq!(text(server.step(PROOF.as_bytes())), SIGNATURE);
    assert_eq!(server.login(), Some(ScramLogin { name: "user", is_token: false }));
    assert_eq!(client.step(SIGNATURE.as_bytes()), Ok(Step::Done(Vec::new())));
    assert!(matches!(client.step(b""), Err(Error::Over { .. })));
    assert!(matches!(server.step(b""), Err(Error::Over { .. })));
}

/// What happened between a client and a server.
fn run(client: ScramClient, password: &str, hash: ScramHash) -> Result<(String, bool), Error> {
    let mut client = client;
    let credential = ScramCredential::derive(hash, &Secret::new(password), b"salt", 4096);
    let mut server = ScramServer::new(hash, [7; 24], |_| Some(credential.clone()));
    let mut received = Vec::new();
    while let Step::Continue(token) = client.step(&received)? {
        let (Step::Continue(answer) | Step::Done(answer)) = server.step(&token)?;
        received = answer;
    }
    let login = server.login().unwrap();
    Ok((login.name.to_owned(), login.is_token))
}

#[test]
fn both_hashes_log_in_with_any_name_and_password() {
    for hash in HASHES {
        for (user, password) in
            [("a,b=c", "pencil"), ("=2C=3D", "p,=w"), ("Zoë", "пароль"), ("x", "ﬁ\u{a0}Ⅸ")]
        {
            let client = || ScramClient::new(hash, user, Secret::new(password), [1; 24]).unwrap();
            assert_eq!(run(client(), password, hash), Ok((user.to_owned(), false)));
            assert_eq!(run(client().with_token(), password, hash), Ok((user.to_owned(), true)));
            let refused = Err(Error::Refused { mechanism: hash.mechanism() });
            assert_eq!(run(client(), "another", hash), refused);
        }
    }
}

#[test]
fn a_delegation_token_says_so_in_the_signed_first_message() {
    let mut client = client().with_token();
    let first = text(client.step(b""));
    assert_eq!(first, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO,tokenauth=true");
}

#[test]
fn passwords_are_used_as_they_are_without_saslprep() {
    // SASLprep would make one of these of the other.
    let hash = ScramHash::Sha256;
    let client = ScramClient::new(hash, "user", Secret::new("\u{2168}"), [1; 24]).unwrap();
    assert!(matches!(run(client, "IX", hash), Err(Error::Refused { .. })));
}

#[test]
fn a_wrong_signature_is_an_impostors() {
    for signature in
        ["v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "v=", "v=AAAA", "x=1", "", "v=!", "v"]
    {
        let mut client = asked();
        client.step(CHALLENGE.as_bytes()).unwrap();
        let ended = client.step(signature.as_bytes());
        assert!(
            matches!(ended, Err(Error::Impostor { .. } | Error::Malformed { .. })),
            "{signature}: {ended:?}"
        );
        assert!(matches!(client.step(SIGNATURE.as_bytes()), Err(Error::Over { .. })));
    }
    let mut client = asked();
    client.step(CHALLENGE.as_bytes()).unwrap();
    let other = format!("v={}", to_base64(&[0; 32]));
    assert!(matches!(client.step(other.as_bytes()), Err(Error::Impostor { .. })));
}

#[test]
fn too_few_and_too_many_iterations_are_refused_before_they_are_computed() {
    for (count, is_right) in
        [(0, false), (1, false), (4095, false), (4096, true), (1_000_001, false), (u32::MAX, false)]
    {
        let challenge = CHALLENGE.replace("4096", &count.to_string());
        let answer = asked().step(challenge.as_bytes());
        assert_eq!(answer.is_ok(), is_right, "{count}");
        if !is_right {
            let error = Error::Iterations { mechanism: "SCRAM-SHA-256", count };
            assert_eq!(answer, Err(error));
        }
    }
}

#[test]
fn a_nonce_that_does_not_continue_the_clients_is_refused() {
    for nonce in ["", NONCE, "x", "xrOprNGfwEbeRWgbNEkqO", "rOprNGfwEbeRWgbNEkqO\u{7f}"] {
        let challenge = format!("r={nonce},s={SALT},i=4096");
        let answer = asked().step(challenge.as_bytes());
        assert!(matches!(answer, Err(Error::Malformed { .. })), "{nonce}");
    }
}

#[test]
fn a_damaged_challenge_is_malformed_and_never_panics() {
    for challenge in [
        "",
        ",",
        ",,,",
        "r",
        "r=",
        "s=a,i=4096",
        "m=x,r=a,s=b,i=4096",
        "\u{fffd}",
        "r=rOprNGfwEbeRWgbNEkqOx",
        "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=*,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=",
        "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=+4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=AAAA,i=99999999999",
    ] {
        let answer = asked().step(challenge.as_bytes());
        assert!(matches!(answer, Err(Error::Malformed { .. })), "{challenge}: {answer:?}");
    }
    assert!(matches!(asked().step(&[0xff, 0xfe]), Err(Error::Malformed { .. })));
    assert!(matches!(client().step(b"hello"), Err(Error::Malformed { .. })));
}

#[test]
fn what_the_server_says_is_shown_without_control_characters() {
    let said = Err(Error::Server { mechanism: "SCRAM-SHA-256", text: "unknown-user[2J".into() });
    assert_eq!(asked().step(b"e=unknown-user\x1b[2J"), said);
    let mut client = asked();
    client.step(CHALLENGE.as_bytes()).unwrap();
    assert_eq!(client.step(b"e=unknown-user\x1b[2J"), said);
}

#[test]
fn the_server_checks_nonce_binding_and_proof() {
    for (answer, is_refused) in [
        (PROOF.replace("EkqO%hv", "EkqO%xx"), false),
        (PROOF.replace("c=biws", "c=eSws"), false),
        (PROOF.replace("dHzb", "dHza"), true),
        (PROOF.replace("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "p="), true),
        (PROOF.replace(",p=", ",x="), false),
        (String::new(), false),
        (",p=".to_owned(), false),
    ] {
        let mut server = server();
        server.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        match server.step(answer.as_bytes()) {
            Err(Error::Refused { .. }) => assert!(is_refused, "{answer}"),
            Err(Error::Malformed { .. }) => assert!(!is_refused, "{answer}"),
            other => panic!("{answer}: {other:?}"),
        }
        assert_eq!(server.login(), None);
        assert!(matches!(server.step(PROOF.as_bytes()), Err(Error::Over { .. })));
    }
}

// What librdkafka before 2.6.1 sends.
#[test]
fn the_server_says_of_a_client_that_repeats_its_nonce_what_mends_it() {
    for (nonce, is_told) in
        [("rOprNGfwEbeRWgbNEkqOrOprNGfwEbeRWgbNEkqO%hv", true), ("xrOprNGfwEbeRWgbNEkqO%hv", false)]
    {
        let mut server = server();
        server.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        let answer = PROOF.replace("rOprNGfwEbeRWgbNEkqO%hv", nonce);
        let error = server.step(answer.as_bytes()).unwrap_err().to_string();
        assert_eq!(error.contains("librdkafka before 2.6.1"), is_told, "{nonce}: {error}");
    }
}

#[test]
fn the_server_refuses_who_is_unknown_or_acts_as_another() {
    for first in ["n,,n=tom,r=x", "n,a=tom,n=user,r=x", "n,,n=user,r=x,tokenauth=true"] {
        let ended = server().step(first.as_bytes());
        assert!(matches!(ended, Err(Error::Refused { .. })), "{first}: {ended:?}");
    }
    assert!(server().step(b"n,a=user,n=user,r=x").is_ok());
    for first in [
        "",
        "n",
        "n,,",
        "n,,n=user",
        "n,,n=,r=x",
        "n,,n=a=b,r=x",
        "n,,n=user,r=",
        "p=tls,,n=user,r=x",
    ] {
        let ended = server().step(first.as_bytes());
        assert!(matches!(ended, Err(Error::Malformed { .. })), "{first}: {ended:?}");
    }
}

#[test]
fn names_survive_their_escapes() {
    for (text, name) in [("a", Some("a")), ("=2C=3D", Some(",=")), ("=", None), ("=2c", None)] {
        assert_eq!(unescaped(text).as_deref(), name);
    }
}

#[test]
fn no_debug_text_shows_a_secret() {
    let mut client = asked();
    client.step(CHALLENGE.as_bytes()).unwrap();
    let text = format!("{client:?} {:?} {:?}", server(), credential(ScramHash::Sha512));
    assert!(!text.contains("pencil") && !text.contains("6rri"), "{text}");
    assert!(!text.contains("[1"), "bytes are shown: {text}");
}

/// Every text with one byte changed, and every beginning of it.
fn damaged(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..text.len()).map(|end| text.as_bytes()[..end].to_vec());
    let changed = (0..text.len()).flat_map(|at| {
        [0, b',', b'=', b'9', 0xff].map(|byte| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = byte;
            bytes
        })
    });
    cut.chain(changed).filter(|bytes| bytes != text.as_bytes())
}

#[test]
fn damage_anywhere_lets_nobody_in_and_never_panics() {
    for bytes in damaged(CHALLENGE) {
        // It may be a challenge still, of another salt.
        let _ = asked().step(&bytes);
    }
    for bytes in damaged(SIGNATURE) {
        let mut client = asked();
        client.step(CHALLENGE.as_bytes()).unwrap();
        assert!(client.step(&bytes).is_err(), "{}", bytes.escape_ascii());
    }
    for bytes in damaged("n,a=user,n=user,r=rOprNGfwEbeRWgbNEkqO,tokenauth=true") {
        let _ = server().step(&bytes);
    }
    for bytes in damaged(PROOF) {
        let mut server = server();
        server.step(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO").unwrap();
        assert!(server.step(&bytes).is_err(), "{}", bytes.escape_ascii());
    }
}
