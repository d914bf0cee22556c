//! PLAIN (RFC 4616): the client sends its name and password in one token.
//!
//! ```text
//! client: start --token--> sent --empty answer--> done
//! server: start --token: accepted--> done
//!               --token: refused---> over
//! ```

use std::fmt;

use crate::error::Error;
use crate::mechanism::{Mechanism, Step};
use crate::secret::Secret;

/// The client half of PLAIN.
#[derive(Debug)]
pub struct PlainClient {
    user: Box<str>,
    password: Secret,
    state: State,
}

impl PlainClient {
    /// A client that logs in as `user`.
    ///
    /// # Errors
    ///
    /// [`Error::Unusable`]: a name or password that is empty or holds a NUL, which separates the
    /// parts of the token.
    pub fn new(user: impl Into<Box<str>>, password: Secret) -> Result<Self, Error> {
        let user = user.into();
        Error::check_usable(NAME, "user name", &user)?;
        Error::check_usable(NAME, "password", password.reveal())?;
        Ok(Self { user, password, state: State::Start })
    }
}

impl Mechanism for PlainClient {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start if received.is_empty() => {
                self.state = State::Sent;
                // No authorization id: the user acts as itself.
                let token = ["\0", &self.user, "\0", self.password.reveal()].concat();
                Ok(Step::Continue(token.into_bytes()))
            }
            State::Start => Err(malformed("the server spoke first")),
            State::Sent if received.is_empty() => Ok(Step::Done(Vec::new())),
            State::Sent => Err(malformed("the server's answer is not empty")),
            State::Over => Err(Error::Over { mechanism: NAME }),
        }
    }
}

/// The server half of PLAIN.
pub struct PlainServer<F> {
    accepts: F,
    user: Option<Box<str>>,
    state: State,
}

impl<F: FnMut(&str, &str) -> bool> PlainServer<F> {
    /// A server that lets in the users for whom `accepts(user, password)` holds.
    #[must_use]
    pub fn new(accepts: F) -> Self {
        Self { accepts, user: None, state: State::Start }
    }

    /// Who has logged in: none before the end of the exchange.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }
}

impl<F: FnMut(&str, &str) -> bool + Send> Mechanism for PlainServer<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn step(&mut self, received: &[u8]) -> Result<Step, Error> {
        let State::Start = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Error::Over { mechanism: NAME });
        };
        let (acting_as, user, password) = parts(received)?;
        // Kafka has no users who act as others.
        let itself = acting_as.is_empty() || acting_as == user;
        if !itself || !(self.accepts)(user, password) {
            return Err(Error::Refused { mechanism: NAME });
        }
        self.user = Some(user.into());
        Ok(Step::Done(Vec::new()))
    }
}

impl<F> fmt::Debug for PlainServer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainServer").field("user", &self.user).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    Sent,
    Over,
}

/// Whom to act as, the user, the password.
fn parts(token: &[u8]) -> Result<(&str, &str, &str), Error> {
    let text = str::from_utf8(token).map_err(|_| malformed("the token is not UTF-8"))?;
    let mut parts = text.split('\0');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(""), Some(_), None) => Err(malformed("the user name is empty")),
        (Some(_), Some(_), Some(""), None) => Err(malformed("the password is empty")),
        (Some(acting_as), Some(user), Some(password), None) => Ok((acting_as, user, password)),
        _ => Err(malformed("the token has not three parts")),
    }
}

fn malformed(problem: &'static str) -> Error {
    Error::Malformed { mechanism: NAME, problem }
}

const NAME: &str = "PLAIN";

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> PlainClient {
        PlainClient::new("tim", Secret::new("tanstaaftanstaaf")).unwrap()
    }

    fn server() -> PlainServer<impl FnMut(&str, &str) -> bool> {
        PlainServer::new(|user, password| user == "tim" && password == "tanstaaftanstaaf")
    }

    #[test]
    fn the_token_is_the_one_of_rfc_4616() {
        let token = b"\0tim\0tanstaaftanstaaf".to_vec();
        assert_eq!(client().step(b""), Ok(Step::Continue(token.clone())));
        assert_eq!(server().step(&token), Ok(Step::Done(Vec::new())));
    }

    #[test]
    fn a_client_is_done_when_the_server_has_answered_and_then_over() {
        let mut client = client();
        client.step(b"").unwrap();
        assert_eq!(client.step(b""), Ok(Step::Done(Vec::new())));
        assert_eq!(client.step(b""), Err(Error::Over { mechanism: NAME }));
    }

    #[test]
    fn a_server_that_says_too_much_ends_the_exchange() {
        let mut early = client();
        assert!(matches!(early.step(b"hello"), Err(Error::Malformed { .. })));
        assert_eq!(early.step(b""), Err(Error::Over { mechanism: NAME }));
        let mut late = client();
        late.step(b"").unwrap();
        assert!(matches!(late.step(b"more"), Err(Error::Malformed { .. })));
    }

    #[test]
    fn a_wrong_password_or_another_identity_is_refused_for_good() {
        for token in
            [&b"\0tim\0wrong"[..], b"\0tom\0tanstaaftanstaaf", b"tom\0tim\0tanstaaftanstaaf"]
        {
            let mut server = server();
            assert_eq!(server.step(token), Err(Error::Refused { mechanism: NAME }));
            let right = b"\0tim\0tanstaaftanstaaf";
            assert_eq!(server.step(right), Err(Error::Over { mechanism: NAME }));
            assert_eq!(server.user(), None);
        }
        assert!(server().step(b"tim\0tim\0tanstaaftanstaaf").is_ok());
    }

    #[test]
    fn a_damaged_token_is_malformed() {
        for token in
            [&b""[..], b"\0", b"\0tim", b"\0tim\0", b"\0\0pw", b"\0tim\0pw\0", b"\0\xff\0pw"]
        {
            assert!(matches!(server().step(token), Err(Error::Malformed { .. })), "{token:?}");
        }
    }

    #[test]
    fn what_cannot_be_carried_is_refused_before_it_is_sent() {
        for (user, password) in [("", "pw"), ("tim", ""), ("t\0m", "pw"), ("tim", "p\0w")] {
            let made = PlainClient::new(user, Secret::new(password));
            assert!(matches!(made, Err(Error::Unusable { .. })), "{user:?} {password:?}");
        }
    }

    #[test]
    fn no_debug_text_shows_the_password() {
        let mut client = client();
        let step = client.step(b"").unwrap();
        let mut server = server();
        if let Step::Continue(token) = &step {
            server.step(token).unwrap();
        }
        let text = format!("{client:?} {step:?} {server:?}");
        assert!(!text.contains("tanstaaf"), "{text}");
    }
}
