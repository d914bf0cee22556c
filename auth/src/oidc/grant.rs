//! `ClientCredentials`: who asks for a token, and the request. *Core.*

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::endpoint::TokenEndpoint;
use crate::secret::Secret;

/// Who asks a token endpoint for tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCredentials {
    /// The client's id.
    pub id: String,
    /// The client's secret.
    pub secret: Secret,
    /// For what the token is to be good; none leaves it to the endpoint.
    pub scope: Option<String>,
    /// Whether id and secret are percent-encoded, as RFC 6749 wants and many endpoints do not.
    pub header_urlencode: bool,
}

impl ClientCredentials {
    /// What cannot be sent, if anything cannot.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        if self.id.is_empty() {
            return Some("is empty");
        }
        let is_split = self.id.contains(':') && !self.header_urlencode;
        is_split.then_some("has a colon; set sasl.oauthbearer.header.urlencode to true")
    }

    /// The request for a token, as it crosses the wire. It holds the secret.
    #[must_use]
    pub fn request(&self, to: &TokenEndpoint) -> Secret {
        let mut body = String::from("grant_type=client_credentials");
        if let Some(scope) = &self.scope {
            body.push_str("&scope=");
            body.push_str(&encoded(scope));
        }
        let (target, authority, proof) = (to.target(), to.authority(), self.proof());
        Secret::new(format!(
            "POST {target} HTTP/1.1\r\n\
             Host: {authority}\r\n\
             Authorization: Basic {}\r\n\
             Accept: application/json\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\
             User-Agent: kurier/{}\r\n\
             Connection: close\r\n\r\n{body}",
            proof.reveal(),
            body.len(),
            env!("CARGO_PKG_VERSION"),
        ))
    }

    /// A text of the endpoint's, without the secret, should it repeat that.
    pub(super) fn hide(&self, text: &str) -> String {
        let proof = self.proof();
        let secrets = [self.secret.reveal(), proof.reveal()].into_iter();
        secrets.filter(|secret| !secret.is_empty()).fold(text.to_owned(), |text, secret| match text
            .contains(secret)
        {
            true => text.replace(secret, "(hidden)"),
            false => text,
        })
    }

    fn proof(&self) -> Secret {
        let part = |text: &str| match self.header_urlencode {
            true => Secret::new(encoded(text)),
            false => Secret::new(text),
        };
        let (id, secret) = (part(&self.id), part(self.secret.reveal()));
        let both = Secret::new([id.reveal(), ":", secret.reveal()].concat());
        Secret::new(STANDARD.encode(both.reveal()))
    }
}

/// Percent-encoded, as forms are.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b if b.is_ascii_alphanumeric() || b"-._*".contains(&b) => out.push(char::from(b)),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}
