//! OAUTHBEARER against the example of its RFC, itself, and whoever breaks its rules.

use std::time::Duration;

use super::*;
use crate::error::Error;
use crate::mechanism::{Mechanism, Step};
use crate::secret::Secret;

/// The example of RFC 7628, with Kafka's empty authorization id.
const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
const FIRST: &[u8] = b"n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\
                       host=server.example.com\x01port=143\x01\x01";

fn client() -> OauthBearerClient {
    let extensions =
        [("host", "server.example.com"), ("port", "143")].map(|(k, v)| (k.into(), v.into()));
    OauthBearerClient::new(Secret::new(TOKEN), extensions.to_vec()).unwrap()
}

fn server() -> OauthBearerServer<impl FnMut(&BearerLogin<'_>) -> Result<Box<str>, BearerRefusal>> {
    OauthBearerServer::new(|login| match login.token {
        TOKEN => Ok("alice".into()),
        "narrow" => Err(BearerRefusal {
            status: "insufficient_scope".to_owned(),
            scope: Some("kafka".to_owned()),
        }),
        _ => Err(BearerRefusal::invalid_token()),
    })
}

#[test]
fn the_first_message_is_the_one_of_rfc_7628() {
    let (mut client, mut server) = (client(), server());
    assert_eq!(client.step(b""), Ok(Step::Continue(FIRST.to_vec())));
    assert_eq!(server.step(FIRST), Ok(Step::Done(Vec::new())));
    assert_eq!(server.user(), Some("alice"));
    assert_eq!(client.step(b""), Ok(Step::Done(Vec::new())));
    assert!(matches!(client.step(b""), Err(Error::Over { .. })));
    assert!(matches!(server.step(FIRST), Err(Error::Over { .. })));
}

#[test]
fn a_refusal_is_answered_with_one_byte_and_then_told() {
    for (token, text) in
        [("narrow", "insufficient_scope, it wants scope kafka"), ("forged", "invalid_token")]
    {
        let mut client = OauthBearerClient::new(Secret::new(token), Vec::new()).unwrap();
        let mut server = server();
        let Step::Continue(first) = client.step(b"").unwrap() else { panic!() };
        let Step::Continue(refusal) = server.step(&first).unwrap() else { panic!("let in") };
        assert_eq!(client.step(&refusal), Ok(Step::Continue(vec![1])));
        assert!(matches!(server.step(&[1]), Err(Error::Refused { .. })));
        assert_eq!(server.user(), None);
        let said = Error::Server { mechanism: "OAUTHBEARER", text: text.into() };
        assert_eq!(client.step(b""), Err(said));
    }
}

#[test]
fn a_refusal_that_cannot_be_read_is_a_refusal_all_the_same() {
    for refusal in [&b"{"[..], b"[]", b"\xff", b"{\"status\":1}", b"{\"status\":\"\"}", b"null"] {
        let mut client = client();
        client.step(b"").unwrap();
        assert_eq!(client.step(refusal), Ok(Step::Continue(vec![1])));
        assert!(matches!(client.step(b""), Err(Error::Server { .. })), "{refusal:?}");
    }
    assert!(matches!(client().step(b"hello"), Err(Error::Malformed { .. })));
}

#[test]
fn a_damaged_message_is_malformed() {
    for message in [
        &b""[..],
        b"\x01",
        b"\x01\x01",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer x\x01",
        b"n,,\x01auth=Basic x\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer x\x01e2=y\x01\x01",
        b"n,,\x01auth=Bearer x\x01e\x01\x01",
        b"n,x=y,\x01auth=Bearer x\x01\x01",
        b"p=tls,,\x01auth=Bearer x\x01\x01",
        b"n,,\x01\xff\x01\x01",
    ] {
        assert!(matches!(server().step(message), Err(Error::Malformed { .. })), "{message:?}");
    }
}

#[test]
fn nobody_acts_as_another() {
    let message = |who: &str| format!("n,a={who},\x01auth=Bearer {TOKEN}\x01\x01").into_bytes();
    assert!(server().step(&message("alice")).is_ok());
    assert!(matches!(server().step(&message("bob")), Err(Error::Refused { .. })));
}

#[test]
fn what_cannot_be_carried_is_refused_before_it_is_sent() {
    for token in ["", "a b", "a\u{1}auth=Bearer b", "ä"] {
        let made = OauthBearerClient::new(Secret::new(token), Vec::new());
        assert!(matches!(made, Err(Error::Unusable { .. })), "{token:?}");
    }
    for (name, value) in [("auth", "x"), ("", "x"), ("a1", "x"), ("a", ""), ("a", "\u{1}")] {
        let extensions = vec![(name.to_owned(), value.to_owned())];
        let made = OauthBearerClient::new(Secret::new("x"), extensions);
        assert!(matches!(made, Err(Error::Unusable { .. })), "{name:?}={value:?}");
    }
}

#[test]
fn an_unsecured_token_says_who_and_how_long() {
    let now = Duration::from_millis(1_700_000_000_500);
    let hour = Duration::from_secs(3600);
    let token = UnsecuredToken::new(now, hour)
        .with("sub", Claim::Text("alice".to_owned()))
        .with("scope", Claim::List(vec!["a".to_owned(), "b".to_owned()]))
        .with("n", Claim::Number(1.5));
    let text = token.encode();
    assert!(text.reveal().starts_with("eyJhbGciOiJub25lIn0."), "{}", text.reveal());
    let read = UnsecuredToken::decode(text.reveal()).unwrap();
    assert_eq!(read, token);
    assert_eq!((read.text("sub"), read.expires_at()), (Some("alice"), Some(now + hour)));
    let skew = Duration::from_secs(30);
    for (at, is_valid) in [
        (now, true),
        (now - Duration::from_secs(29), true),
        (now - Duration::from_secs(31), false),
        (now + hour + Duration::from_secs(29), true),
        (now + hour + Duration::from_secs(30), false),
    ] {
        assert_eq!(read.is_valid(at, skew), is_valid, "{at:?}");
    }
    assert!(!UnsecuredToken::new(now, hour).is_valid(now, skew), "nobody's token");
}

#[test]
fn a_signed_or_damaged_token_is_no_unsecured_one() {
    for text in [
        "",
        ".",
        "..",
        "...",
        "eyJhbGciOiJub25lIn0.e30",
        "eyJhbGciOiJub25lIn0.e30.c2ln",
        "eyJhbGciOiJIUzI1NiJ9.e30.",
        "eyJhbGciOiJub25lIn0.W10.",
        "eyJhbGciOiJub25lIn0.*.",
    ] {
        assert!(UnsecuredToken::decode(text).is_err(), "{text}");
    }
    let without_end = UnsecuredToken::decode("eyJhbGciOiJub25lIn0.e30.").unwrap();
    assert!(!without_end.is_valid(Duration::ZERO, Duration::ZERO));
}

#[test]
fn no_debug_text_shows_the_token() {
    let mut client = client();
    let step = client.step(b"").unwrap();
    let text = format!("{client:?} {step:?} {:?}", server());
    assert!(!text.contains("vF9"), "{text}");
}

#[test]
fn a_token_is_valid_from_the_millisecond_in_which_it_is_made() {
    for millis in 1_800_000_000_000..1_800_000_000_999 {
        let (now, life) = (Duration::from_millis(millis), Duration::from_secs(1));
        let token = UnsecuredToken::new(now, life).with("sub", Claim::Text("a".to_owned()));
        assert!(token.is_valid(now, Duration::ZERO), "{millis}");
        assert_eq!(token.expires_at(), Some(now + life));
    }
}
