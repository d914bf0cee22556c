//! The client half of SCRAM.

use subtle::ConstantTimeEq;

use super::credential::{CLIENT_KEY, SERVER_KEY};
use super::hash::{Key, ScramHash};
use super::text::{
    GS2_HEADER, ITERATIONS, NONCE_BYTES, TOKEN_EXTENSION, attribute, auth_message, escaped,
    from_base64, is_nonce, malformed, to_base64, utf8,
};
use crate::error::Error;
use crate::mechanism::{Mechanism, Step};
use crate::secret::Secret;

/// The client half of SCRAM.
#[derive(Debug)]
pub struct ScramClient {
    hash: ScramHash,
    user: Box<str>,
    password: Secret,
    nonce: Box<str>,
    is_token: bool,
    state: State,
}

impl ScramClient {
    /// A client that logs in as `user`. The nonce is random, and used for this exchange alone.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`]: a name or password that is empty or holds a NUL.
    pub fn new(
        hash: ScramHash,
        user: impl Into<Box<str>>,
        password: Secret,
        nonce: [u8; NONCE_BYTES],
    ) -> Result<Self, Error> {
        Self::with_nonce(hash, user.into(), password, &to_base64(&nonce))
    }

    pub(super) fn with_nonce(
        hash: ScramHash,
        user: Box<str>,
        password: Secret,
        nonce: &str,
    ) -> Result<Self, Error> {
        for (part, text) in [("user name", &*user), ("password", password.reveal())] {
            Error::check_usable(hash.mechanism(), part, text)?;
        }
        let nonce = nonce.into();
        Ok(Self { hash, user, password, nonce, is_token: false, state: State::Start })
    }

    /// The same client, for a delegation token: the user is the token's id, the password its HMAC
    /// (KIP-48).
    #[must_use]
    pub fn with_token(self) -> Self {
        Self { is_token: true, ..self }
    }

    /// The first message, without the GS2 header.
    fn first_bare(&self) -> String {
        let extension = if self.is_token { TOKEN_EXTENSION } else { "" };
        let comma = if self.is_token { "," } else { "" };
        format!("n={},r={}{comma}{extension}", escaped(&self.user), self.nonce)
    }

    /// Answers the server's challenge. Also what the server must sign with.
    fn answer(&self, server_first: &str) -> Result<(String, Key), Error> {
        let hash = self.hash;
        let challenge = Challenge::read(hash, server_first)?;
        if !challenge.nonce.starts_with(&*self.nonce)
            || challenge.nonce.len() == self.nonce.len()
            || !is_nonce(challenge.nonce)
        {
            return Err(malformed(hash, "the server's nonce does not continue the client's"));
        }
        if !ITERATIONS.contains(&challenge.iterations) {
            let count = challenge.iterations;
            return Err(Error::Iterations { mechanism: hash.mechanism(), count });
        }
        let password = self.password.reveal().as_bytes();
        let salted = hash.salted(password, &challenge.salt, challenge.iterations);
        let bare = format!("c={},r={}", to_base64(GS2_HEADER.as_bytes()), challenge.nonce);
        let message = auth_message(&self.first_bare(), server_first, &bare);
        let client_key = hash.hmac(&salted, CLIENT_KEY);
        let signature = hash.hmac(&hash.digest(&client_key), message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature.iter()).map(|(a, b)| a ^ b).collect();
        let expected = hash.hmac(&hash.hmac(&salted, SERVER_KEY), message.as_bytes());
        Ok((format!("{bare},p={}", to_base64(&proof)), expected))
    }

    /// Checks the server's last word.
    fn check(&self, server_final: &str, expected: &[u8]) -> Result<(), Error> {
        let hash = self.hash;
        // What follows after a comma are extensions, which may be ignored.
        let first = server_final.split(',').next();
        if let Some(said) = attribute(first, 'e') {
            return Err(Error::server(hash.mechanism(), said));
        }
        let signature = attribute(first, 'v')
            .and_then(from_base64)
            .ok_or_else(|| malformed(hash, "the last message has no signature"))?;
        if bool::from(signature.ct_eq(expected)) {
            Ok(())
        } else {
            Err(Error::Impostor { mechanism: hash.mechanism() })
        }
    }
}

impl Mechanism for ScramClient {
    fn name(&self) -> &'static str {
        self.hash.mechanism()
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start if received.is_empty() => {
                self.state = State::Asked;
                let first = [GS2_HEADER, &self.first_bare()].concat();
                Ok(Step::Continue(first.into_bytes()))
            }
            State::Start => Err(malformed(self.hash, "the server spoke first")),
            State::Asked => {
                let (answer, expected) = self.answer(utf8(received, self.hash)?)?;
                self.state = State::Proved { expected: Expected(expected) };
                Ok(Step::Continue(answer.into_bytes()))
            }
            State::Proved { expected } => {
                self.check(utf8(received, self.hash)?, &expected.0)?;
                Ok(Step::Done(Vec::new()))
            }
            State::Over => Err(Error::Over { mechanism: self.hash.mechanism() }),
        }
    }
}

#[derive(Debug)]
enum State {
    Start,
    Asked,
    Proved { expected: Expected },
    Over,
}

/// The signature that the server owes: whoever knew it could play the server.
struct Expected(Key);

impl std::fmt::Debug for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The server's first message.
struct Challenge<'a> {
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: u32,
}

impl<'a> Challenge<'a> {
    fn read(hash: ScramHash, text: &'a str) -> Result<Self, Error> {
        let mut parts = text.split(',');
        let first = parts.next();
        if let Some(said) = attribute(first, 'e') {
            return Err(Error::server(hash.mechanism(), said));
        }
        if attribute(first, 'm').is_some() {
            return Err(malformed(hash, "the server demands an extension that nobody knows"));
        }
        let nonce =
            attribute(first, 'r').ok_or_else(|| malformed(hash, "the challenge has no nonce"))?;
        let salt = attribute(parts.next(), 's')
            .and_then(from_base64)
            .filter(|salt| !salt.is_empty())
            .ok_or_else(|| malformed(hash, "the challenge has no salt"))?;
        let iterations = attribute(parts.next(), 'i')
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| malformed(hash, "the challenge has no iteration count"))?;
        Ok(Self { nonce, salt, iterations })
    }
}
