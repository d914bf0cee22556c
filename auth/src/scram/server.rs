//! The server half of SCRAM.

use std::fmt;

use subtle::ConstantTimeEq;

use super::credential::ScramCredential;
use super::hash::ScramHash;
use super::text::{
    NONCE_BYTES, TOKEN_EXTENSION, attribute, auth_message, from_base64, is_nonce, malformed,
    to_base64, unescaped, utf8,
};
use crate::error::Error;
use crate::mechanism::{Mechanism, Step};

/// Who wants to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScramLogin<'a> {
    /// The user's name, or the id of a delegation token.
    pub name: &'a str,
    /// Whether it is a delegation token's (KIP-48).
    pub is_token: bool,
}

/// The server half of SCRAM.
pub struct ScramServer<F> {
    hash: ScramHash,
    lookup: F,
    nonce: Box<str>,
    state: State,
}

impl<F> ScramServer<F>
where
    F: FnMut(&ScramLogin<'_>) -> Option<ScramCredential>,
{
    /// A server that knows the users for whom `lookup` has a credential. The nonce is random, and
    /// used for this exchange alone.
    #[must_use]
    pub fn new(hash: ScramHash, nonce: [u8; NONCE_BYTES], lookup: F) -> Self {
        Self::with_nonce(hash, &to_base64(&nonce), lookup)
    }

    pub(super) fn with_nonce(hash: ScramHash, nonce: &str, lookup: F) -> Self {
        Self { hash, lookup, nonce: nonce.into(), state: State::Start }
    }

    /// Who has logged in: none before the end of the exchange.
    #[must_use]
    pub fn login(&self) -> Option<ScramLogin<'_>> {
        match &self.state {
            State::Done { name, is_token } => Some(ScramLogin { name, is_token: *is_token }),
            _ => None,
        }
    }

    fn challenge(&mut self, text: &str) -> Result<(Challenged, String), Error> {
        let hash = self.hash;
        let (header, bare) = gs2(text).ok_or_else(|| malformed(hash, "no GS2 header"))?;
        let mut parts = bare.split(',');
        let name = attribute(parts.next(), 'n')
            .and_then(unescaped)
            .filter(|name| !name.is_empty())
            .ok_or_else(|| malformed(hash, "the first message has no user name"))?;
        let client_nonce = attribute(parts.next(), 'r')
            .filter(|nonce| is_nonce(nonce))
            .ok_or_else(|| malformed(hash, "the first message has no nonce"))?;
        // Kafka has no users who act as others.
        let acting_as = header.strip_prefix("n,").and_then(|rest| rest.strip_suffix(','));
        let acting_as = acting_as.filter(|rest| !rest.is_empty());
        if acting_as.is_some_and(|rest| {
            attribute(Some(rest), 'a').and_then(unescaped).as_ref() != Some(&name)
        }) {
            return Err(Error::Refused { mechanism: hash.mechanism() });
        }
        let is_token = parts.any(|part| part == TOKEN_EXTENSION);
        let credential = (self.lookup)(&ScramLogin { name: &name, is_token })
            .ok_or_else(|| Error::Refused { mechanism: hash.mechanism() })?;
        let nonce = [client_nonce, &self.nonce].concat();
        let salt = to_base64(&credential.salt);
        let server_first = format!("r={nonce},s={salt},i={}", credential.iterations);
        let challenged = Challenged {
            name: name.into(),
            is_token,
            credential,
            header: header.into(),
            client_first: bare.into(),
            nonce: nonce.into(),
            server_first: server_first.clone().into(),
        };
        Ok((challenged, server_first))
    }

    /// Checks the client's proof; the server's signature.
    fn check(&self, challenged: &Challenged, text: &str) -> Result<String, Error> {
        let hash = self.hash;
        let no_proof = || malformed(hash, "the last message has no proof");
        let (bare, _) = text.rsplit_once(",p=").ok_or_else(no_proof)?;
        let proof = attribute(text.rsplit(',').next(), 'p').and_then(from_base64);
        let proof = proof.ok_or_else(no_proof)?;
        let mut parts = bare.split(',');
        let binding = attribute(parts.next(), 'c').and_then(from_base64);
        if binding.as_deref() != Some(challenged.header.as_bytes()) {
            return Err(malformed(hash, "the channel binding is another one than at first"));
        }
        // A server that forgets this lets in whoever replays another exchange (CVE-2024-56128).
        let nonce = attribute(parts.next(), 'r').unwrap_or_default();
        if nonce != &*challenged.nonce {
            let before = nonce.strip_suffix(&*challenged.nonce).unwrap_or_default();
            let is_repeated = !before.is_empty() && challenged.nonce.starts_with(before);
            return Err(malformed(hash, if is_repeated { NONCE_REPEATED } else { NONCE_OTHER }));
        }
        let message = auth_message(&challenged.client_first, &challenged.server_first, bare);
        let credential = &challenged.credential;
        let signature = hash.hmac(&credential.stored_key, message.as_bytes());
        let client_key: Vec<u8> = proof.iter().zip(signature.iter()).map(|(a, b)| a ^ b).collect();
        let is_whole = proof.len() == signature.len();
        let stored = hash.digest(&client_key);
        if !is_whole || !bool::from(stored.ct_eq(&credential.stored_key)) {
            return Err(Error::Refused { mechanism: hash.mechanism() });
        }
        let signature = hash.hmac(&credential.server_key, message.as_bytes());
        Ok(format!("v={}", to_base64(&signature)))
    }
}

const NONCE_OTHER: &str = "the nonce is another one than the challenge's";
const NONCE_REPEATED: &str = "it repeats its nonce, which librdkafka before 2.6.1 does (kcat of \
                              Debian 12), and Kafka 4 refuses as well: take a newer one, or PLAIN";

impl<F> Mechanism for ScramServer<F>
where
    F: FnMut(&ScramLogin<'_>) -> Option<ScramCredential> + Send,
{
    fn name(&self) -> &'static str {
        self.hash.mechanism()
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start => {
                let (challenged, text) = self.challenge(utf8(received, self.hash)?)?;
                self.state = State::Challenged(Box::new(challenged));
                Ok(Step::Continue(text.into_bytes()))
            }
            State::Challenged(challenged) => {
                let text = self.check(&challenged, utf8(received, self.hash)?)?;
                let (name, is_token) = (challenged.name, challenged.is_token);
                self.state = State::Done { name, is_token };
                Ok(Step::Done(text.into_bytes()))
            }
            done @ State::Done { .. } => {
                self.state = done;
                Err(Error::Over { mechanism: self.hash.mechanism() })
            }
            State::Over => Err(Error::Over { mechanism: self.hash.mechanism() }),
        }
    }
}

impl<F> fmt::Debug for ScramServer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramServer").field("hash", &self.hash).finish_non_exhaustive()
    }
}

enum State {
    Start,
    Challenged(Box<Challenged>),
    Done { name: Box<str>, is_token: bool },
    Over,
}

/// What the second step needs of the first.
struct Challenged {
    name: Box<str>,
    is_token: bool,
    credential: ScramCredential,
    header: Box<str>,
    client_first: Box<str>,
    nonce: Box<str>,
    server_first: Box<str>,
}

/// Cuts off the header `n,[a=name],`. None if there is none, or it asks for channel binding.
fn gs2(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("n,")?;
    let (acting_as, _) = rest.split_once(',')?;
    text.split_at_checked("n,".len() + acting_as.len() + ",".len())
}
