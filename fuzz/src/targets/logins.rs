//! What the other side of a login says: SCRAM's messages, both halves, and a token endpoint's
//! answer. Whatever it is, nobody is let in who has not shown that he may be.

use std::time::Duration;

use kurier_auth::oidc::{AnswerReader, ClientCredentials, HttpAnswer, IssuedToken, TokenFault};
use kurier_auth::scram::{SCRAM_NONCE_BYTES, ScramClient, ScramCredential, ScramHash, ScramServer};
use kurier_auth::{Mechanism, Secret, Step};

use crate::random::Random;

/// The first byte chooses half and hash; the rest are the other side's messages, with a zero after
/// each.
///
/// # Panics
///
/// When a half does, or believes what nobody can have known.
pub fn scram(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if rest.windows(2).enumerate().any(|(at, two)| two == b"i=" && is_slow(rest, at + 2)) {
        return;
    }
    let hash = if choice & 1 == 0 { ScramHash::Sha256 } else { ScramHash::Sha512 };
    let messages = rest.split(|byte| *byte == 0).take(MESSAGES_MAX);
    let nonce = [7; SCRAM_NONCE_BYTES];
    if choice & 2 == 0 {
        let client = ScramClient::new(hash, "alice", Secret::new("wonderland"), nonce);
        let mut client = client.expect("a name and a password");
        let _first = client.step(b"");
        for message in messages {
            assert!(!matches!(client.step(message), Ok(Step::Done(_))), "a signature was guessed");
        }
    } else {
        let password = Secret::new("wonderland");
        let mut server = ScramServer::new(hash, nonce, |_| {
            Some(ScramCredential::derive(hash, &password, b"salt", 4096))
        });
        for message in messages {
            assert!(!matches!(server.step(message), Ok(Step::Done(_))), "a proof was guessed");
        }
    }
}

/// Whether a client would count this many iterations, and take long for it. More than a million it
/// must refuse, so they are tried.
fn is_slow(bytes: &[u8], at: usize) -> bool {
    let digits = bytes.iter().skip(at).take_while(|byte| byte.is_ascii_digit());
    let count = digits
        .fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(*digit & 0x0f)));
    (10_000..=1_000_000).contains(&count)
}

/// The first byte says in which pieces the rest comes: an answer of HTTP.
///
/// # Panics
///
/// When the reader does, reads another answer from other pieces, keeps more than its limit, or an
/// error shows the secret.
pub fn token_answer(data: &[u8]) {
    let Some((size, rest)) = data.split_first() else { return };
    let whole = read(rest, rest.len().max(1));
    assert_eq!(read(rest, usize::from(*size).max(1)), whole, "pieces count");
    let Ok(answer) = whole else { return };
    assert!(answer.body.len() <= 1 << 20, "{} bytes of body", answer.body.len());
    let asked_by = ClientCredentials {
        id: "client".to_owned(),
        secret: Secret::new("hush-hush"),
        scope: None,
        header_urlencode: false,
    };
    match IssuedToken::read(&answer, &asked_by, Duration::from_secs(1_800_000_000)) {
        Ok(issued) => assert!(!issued.token.reveal().is_empty(), "a token of nothing"),
        Err(error) => assert!(!error.to_string().contains("hush-hush"), "{error}"),
    }
}

fn read(bytes: &[u8], size: usize) -> Result<HttpAnswer, TokenFault> {
    let mut reader = AnswerReader::default();
    for piece in bytes.chunks(size) {
        if reader.push(piece)? {
            break;
        }
    }
    reader.finish()
}

/// Messages that get far.
pub(super) fn make_scram(random: &mut Random) -> Vec<u8> {
    let texts: [&[u8]; 8] = [
        b"r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHserver,s=c2FsdA==,i=1000001",
        b"r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHserver,s=c2FsdA==,i=4294967295",
        b"r=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHserver,s=c2FsdA==,i=4096",
        b"v=AAAA",
        b"e=other-error",
        b"n,,n=alice,r=client",
        b"n,,n=alice,r=client,tokenauth=true",
        b"c=biws,r=clientBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH,p=AAAA",
    ];
    let mut out = vec![random.byte()];
    for _ in 0..random.below(4) {
        out.extend_from_slice(random.pick(&texts));
        out.push(0);
    }
    if random.one_in(2) { random.damage(&out) } else { out }
}

/// Answers that get far.
pub(super) fn make_answer(random: &mut Random) -> Vec<u8> {
    let heads = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 401 Unauthorized\r\n",
        "HTTP/1.0 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n",
    ];
    let bodies = [
        r#"{"access_token":"abc","expires_in":60}"#,
        r#"{"error":"invalid_client","error_description":"hush-hush"}"#,
        r#"{"access_token":"e30.eyJleHAiOjE4MDAwMDAwNjB9.c2ln"}"#,
    ];
    let (head, body) = (random.pick(&heads), random.pick(&bodies));
    let text = match random.below(3) {
        0 => format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()),
        1 => format!(
            "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        ),
        _ => format!("{head}\r\n{body}"),
    };
    let out = [&[random.byte()], text.as_bytes()].concat();
    if random.one_in(2) { random.damage(&out) } else { out }
}

/// Messages of one login.
const MESSAGES_MAX: usize = 4;
