//! What is sent, what may come back, and what must not be taken for a token.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::secret::Secret;

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn asking() -> ClientCredentials {
    ClientCredentials {
        id: "my id".to_owned(),
        secret: Secret::new("hush/hush"),
        scope: None,
        header_urlencode: false,
    }
}

#[test]
fn an_endpoint_is_asked_by_https_or_on_this_machine() {
    let at = |url: &str| TokenEndpoint::parse(url).unwrap();
    for (url, host, port, shown) in [
        ("https://idp.example", "idp.example", 443, "https://idp.example/"),
        ("HTTPS://idp:8443/a/b?c=secret", "idp", 8443, "https://idp:8443/a/b"),
        ("https://[2001:db8::1]/t", "2001:db8::1", 443, "https://[2001:db8::1]/t"),
        ("http://localhost:8080/t", "localhost", 8080, "http://localhost:8080/t"),
        ("http://127.0.0.1?x", "127.0.0.1", 80, "http://127.0.0.1/"),
        ("http://[::1]:99", "::1", 99, "http://[::1]:99/"),
    ] {
        let endpoint = at(url);
        assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{url}");
        assert_eq!(endpoint.to_string(), shown);
    }
    for (url, problem) in [
        ("file:///etc/passwd", "does not begin with https"),
        ("ftp://a/b", "does not begin with https"),
        ("idp.example/token", "no URL"),
        ("", "no URL"),
        ("http://idp.example/token", "unencrypted"),
        ("http://localhost.example/token", "unencrypted"),
        ("https://user:word@idp/token", "names a user"),
        ("https://idp/token#part", "fragment"),
        ("https:///token", "no host"),
        ("https://idp:0/", "no port"),
        ("https://idp:+80/", "no port"),
        ("https://idp:65536/", "no port"),
        ("https://[::1/", "no host"),
        ("https://[::1]x/", "no host"),
        ("https://[idp]/", "no host"),
        ("https://i%64p/", "no host"),
        ("https://idp/a b", "others than those"),
        ("https://idp/a\r\nX: y", "others than those"),
    ] {
        let found = TokenEndpoint::parse(url).unwrap_err();
        assert!(found.contains(problem), "{url}: {found}");
    }
    assert!(TokenEndpoint::parse(&format!("https://idp/{}", "a".repeat(2048))).is_err());
}

#[test]
fn a_request_is_what_rfc_6749_asks_for() {
    let endpoint = TokenEndpoint::parse("https://idp:8443/token?a=b").unwrap();
    let request = asking().request(&endpoint);
    let (head, body) = request.reveal().split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = head.split("\r\n").collect();
    assert_eq!(lines[..2], ["POST /token?a=b HTTP/1.1", "Host: idp:8443"]);
    // my id:hush/hush
    assert!(lines.contains(&"Authorization: Basic bXkgaWQ6aHVzaC9odXNo"), "{head}");
    assert!(lines.contains(&"Content-Length: 29"), "{head}");
    assert_eq!(body, "grant_type=client_credentials");
    let scope = Some("a b&c=é".to_owned());
    let encoded = ClientCredentials { scope, header_urlencode: true, ..asking() };
    let request = encoded.request(&endpoint);
    // my+id:hush%2Fhush
    assert!(request.reveal().contains("Basic bXkraWQ6aHVzaCUyRmh1c2g=\r\n"));
    assert!(request.reveal().ends_with("&scope=a+b%26c%3D%C3%A9"));
    assert_eq!(asking().problem(), None);
    let colon = ClientCredentials { id: "a:b".to_owned(), ..asking() };
    assert!(colon.problem().unwrap().contains("urlencode"));
}

/// The answer, given to the reader in pieces of each size.
fn read(bytes: &[u8]) -> Result<HttpAnswer, TokenFault> {
    let by = |size: usize| {
        let mut reader = AnswerReader::default();
        for piece in bytes.chunks(size) {
            if reader.push(piece)? {
                break;
            }
        }
        reader.finish()
    };
    let whole = by(bytes.len().max(1));
    for size in [1, 2, 7] {
        assert_eq!(by(size), whole, "in pieces of {size}");
    }
    whole
}

#[test]
fn an_answer_ends_where_it_says() {
    for (text, status, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, "{}"),
        ("HTTP/1.1 200 OK\r\ncontent-length:2\r\nCONTENT-LENGTH: 2 \r\n\r\n{}rest", 200, "{}"),
        ("HTTP/1.0 404 Not Found\r\n\r\nup to the end", 404, "up to the end"),
        ("HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", 503, ""),
        ("HTTP/1.1 204 No Content\r\n\r\n", 204, ""),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
             3;name=value\r\nabc\r\n00a\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
            200,
            "abc0123456789",
        ),
    ] {
        let answer = read(text.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.body), (status, body.as_bytes().to_vec()), "{text}");
    }
}

#[test]
fn an_answer_that_lies_or_has_no_end_is_refused() {
    let ok = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    let chunked = |rest: &str| ok(&format!("Transfer-Encoding: chunked\r\n\r\n{rest}"));
    let many = |line: &str| ok(&line.repeat((17 << 10) / line.len()));
    let rows = [
        (b"".to_vec(), "too early"),
        (b"SSH-2.0-OpenSSH\r\n".to_vec(), "not HTTP"),
        (b"HTTP/1.1 20 OK\r\n\r\n".to_vec(), "not HTTP"),
        (b"HTTP/1.1 2000\r\n\r\n".to_vec(), "not HTTP"),
        (b"HTTP/1.1 999 \r\n\r\n".to_vec(), "not HTTP"),
        (b"HTTP/2 200 OK\r\n\r\n".to_vec(), "not HTTP"),
        (b"HTTP/1.1 200 OK\n\n".to_vec(), "not HTTP"),
        (ok("no colon\r\n\r\n"), "not HTTP"),
        (ok("a: b\r\n folded\r\n\r\n"), "not HTTP"),
        (ok("Content-Length: 5\r\n\r\nabc"), "too early"),
        (ok("Content-Length: -1\r\n\r\n"), "not HTTP"),
        (ok("Content-Length: +1\r\n\r\nx"), "not HTTP"),
        (ok("Content-Length: \r\n\r\nx"), "not HTTP"),
        (ok("Content-Length: 99999999999999999999\r\n\r\n"), "not HTTP"),
        (ok("Content-Length: 1048577\r\n\r\n"), "larger than"),
        (ok("Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "two lengths"),
        (ok("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "two lengths"),
        (ok("Transfer-Encoding: gzip, chunked\r\n\r\n"), "encoded"),
        (ok("Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"), "encoded"),
        (chunked("zz\r\n"), "chunks"),
        (chunked("-1\r\nx\r\n"), "chunks"),
        (chunked("\r\n"), "chunks"),
        (chunked("2\r\nabc\r\n0\r\n\r\n"), "chunks"),
        (chunked("2\r\nabcd\r\n0\r\n\r\n"), "chunks"),
        (chunked("ffffffffffffffffff\r\n"), "chunks"),
        (chunked("5\r\nabc"), "too early"),
        (chunked("1\r\na\r\n0\r\n"), "too early"),
        (chunked(&"0".repeat(300)), "head is longer"),
        (chunked(&format!("100001\r\n{}", "a".repeat(0x10_0001))), "larger than"),
        (chunked(&format!("0\r\n{}", "a: b\r\n".repeat(3000))), "head is longer"),
        (many("a: b\r\n"), "head is longer"),
        (many("a"), "head is longer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000), "head is longer"),
        (ok(&format!("\r\n{}", "a".repeat(0x10_0001))), "larger than"),
    ];
    for (bytes, problem) in rows {
        let error = read(&bytes).unwrap_err();
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(error.to_string().contains(problem), "{shown:?}: {error}");
        assert!(error.is_passing(), "{shown:?}");
    }
}

fn issued(status: u16, body: &str) -> Result<IssuedToken, TokenFault> {
    let answer = HttpAnswer { status, body: body.as_bytes().to_vec() };
    IssuedToken::read(&answer, &asking(), NOW)
}

/// A token that ends so many seconds from now.
fn token(seconds: i64) -> String {
    let end = i64::try_from(NOW.as_secs()).unwrap() + seconds;
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"alice","exp":{end}}}"#));
    format!("e30.{claims}.c2ln")
}

#[test]
fn a_token_is_good_for_as_long_as_it_and_the_answer_say() {
    for (body, lifetime) in [
        (r#"{"access_token":"opaque"}"#.to_owned(), None),
        (r#"{"access_token":"opaque","expires_in":60}"#.to_owned(), Some(60)),
        (r#"{"access_token":"opaque","expires_in":"60"}"#.to_owned(), Some(60)),
        (r#"{"id_token":"opaque","expires_in":1e300}"#.to_owned(), None),
        (format!(r#"{{"access_token":"{}"}}"#, token(90)), Some(90)),
        (format!(r#"{{"access_token":"{}","expires_in":60}}"#, token(90)), Some(60)),
        (format!(r#"{{"access_token":"{}","expires_in":999}}"#, token(90)), Some(90)),
    ] {
        let found = issued(200, &body).unwrap();
        assert_eq!(found.lifetime, lifetime.map(Duration::from_secs), "{body}");
        assert!(body.contains(found.token.reveal()));
    }
    for (body, problem) in [
        ("", "not a JSON object"),
        ("<html>not today</html>", "not a JSON object"),
        ("[1]", "not a JSON object"),
        (&"[".repeat(100_000), "not a JSON object"),
        ("{}", "no access_token"),
        (r#"{"access_token":7}"#, "no access_token"),
        (r#"{"access_token":""}"#, "is empty"),
        (r#"{"access_token":"a\u0001b"}"#, "characters"),
        (r#"{"access_token":"a","expires_in":0}"#, "has ended"),
        (&format!(r#"{{"access_token":"{}"}}"#, token(-5)), "has ended"),
    ] {
        let error = issued(200, body).unwrap_err().to_string();
        assert!(error.contains(problem), "{body}: {error}");
    }
}

#[test]
fn a_refusal_has_the_endpoints_words_and_never_the_secret() {
    let (secret, proof) = ("hush/hush", "bXkgaWQ6aHVzaC9odXNo");
    let echo =
        format!(r#"{{"error":"invalid_client","error_description":"{secret}\u0007 {proof}"}}"#);
    for (status, body, wanted, is_passing) in [
        (
            401,
            echo.as_str(),
            "answered 401 (invalid_client: (hidden) (hidden)); check client",
            false,
        ),
        (400, r#"{"error":"invalid_scope"}"#, "answered 400 (invalid_scope); check", false),
        (400, r#"{"error":{"deep":1}}"#, "answered 400; check", false),
        (403, "<html>", "answered 403; check", false),
        (404, "", "answered 404; check the path", false),
        (302, "", "answered 302; redirects are not followed", false),
        (201, r#"{"access_token":"a"}"#, "answered 201", false),
        (429, "slow", "answered 429", true),
        (408, "", "answered 408", true),
        (500, "", "answered 500", true),
        (503, r#"{"error":"temporarily_unavailable"}"#, "503 (temporarily_unavailable)", true),
        (501, "", "answered 501", false),
    ] {
        let error = issued(status, body).unwrap_err();
        assert_eq!(error.is_passing(), is_passing, "{status}");
        let text = format!("{error} {error:?}");
        assert!(error.to_string().contains(wanted), "{error}");
        assert!(!text.contains(secret) && !text.contains(proof), "{text}");
    }
    let long = format!(r#"{{"error":"{}"}}"#, "x".repeat(100_000));
    assert!(issued(400, &long).unwrap_err().to_string().len() < 500);
    assert!(!format!("{:?}", asking()).contains("hush"));
}
