//! `Sasl`: as whom, and how, a client logs in.

use std::time::Duration;

use kurier_auth::oauthbearer::OauthBearerClient;
use kurier_auth::scram::{SCRAM_NONCE_BYTES, ScramClient, ScramHash};
use kurier_auth::{Mechanism, PlainClient, Secret};
use kurier_env::Env;

use super::bearer::{BearerToken, OauthBearer};
#[cfg(feature = "kerberos")]
use super::kerberos::{Kerberos, ShownTicket};
use crate::error::{Error, Rounded};

/// As whom, and how, a client logs in to brokers.
///
/// `PLAIN` and `OAUTHBEARER` show the password or token to whoever reads along: they belong inside
/// TLS. A client never takes another mechanism than this one.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sasl {
    /// `PLAIN`: the password as it is.
    Plain {
        /// The user's name.
        user: String,
        /// The user's password.
        password: Secret,
    },
    /// `SCRAM-SHA-256` or `SCRAM-SHA-512`: a proof of the password.
    Scram {
        /// Which of the two.
        hash: ScramHash,
        /// The user's name, or the id of a delegation token.
        user: String,
        /// The user's password, or the HMAC of the delegation token.
        password: Secret,
        /// Whether it is a delegation token (KIP-48). Kafka: `tokenauth` in sasl.jaas.config.
        is_token: bool,
    },
    /// `OAUTHBEARER`: a token that somebody else gives.
    OauthBearer(OauthBearer),
    /// `GSSAPI`: a ticket that a KDC gives out for each broker.
    #[cfg(feature = "kerberos")]
    Gssapi(Kerberos),
}

impl Sasl {
    /// The name of the mechanism: `SCRAM-SHA-256`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Scram { hash, .. } => hash.mechanism(),
            Self::OauthBearer(_) => "OAUTHBEARER",
            #[cfg(feature = "kerberos")]
            Self::Gssapi(_) => "GSSAPI",
        }
    }

    /// Who logs in, if that is known beforehand.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Plain { user, .. } | Self::Scram { user, .. } => Some(user),
            Self::OauthBearer(_) => None,
            #[cfg(feature = "kerberos")]
            Self::Gssapi(kerberos) => kerberos.config().principal.as_deref(),
        }
    }

    /// Whether the password or token itself crosses the wire.
    #[must_use]
    pub fn shows_secret(&self) -> bool {
        matches!(self, Self::Plain { .. } | Self::OauthBearer(_))
    }

    /// Why there can be no login yet, when there is nothing to log in with after so long.
    pub(crate) fn without_credentials(&self, after: Duration) -> String {
        let after = Rounded(after);
        match self {
            #[cfg(feature = "kerberos")]
            Self::Gssapi(kerberos) => {
                let asked = match &*kerberos.asked() {
                    "" => String::new(),
                    ways => format!(" ({ways})"),
                };
                format!(
                    "no KDC{asked} has given a ticket within {after}; check that those of the \
                     realm, as krb5.conf has them, run and can be reached"
                )
            }
            Self::OauthBearer(tokens) => match &*tokens.asked() {
                "" => format!("there is no token within {after}; {CHECK_GIVER}"),
                asked => format!("there is no token within {after} ({asked}); {CHECK_GIVER}"),
            },
            // Nobody has to be waited for.
            Self::Plain { .. } | Self::Scram { .. } => format!("not done within {after}"),
        }
    }

    /// Checks what cannot work.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]: a name or password that the mechanism cannot carry.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            Self::Plain { .. } | Self::Scram { .. } => self.by_password([0; _]).map(drop),
            Self::OauthBearer(_) => Ok(()),
            #[cfg(feature = "kerberos")]
            Self::Gssapi(kerberos) => kerberos.config().check(),
        }
    }

    /// The client half of one login to the broker with this host name, and what it shows. Gets the
    /// token or ticket that it needs.
    pub(crate) async fn mechanism(
        &self,
        broker_host: &str,
        env: &Env,
    ) -> Result<(Box<dyn Mechanism>, Pass), Error> {
        let _ = broker_host;
        match self {
            #[cfg(feature = "kerberos")]
            Self::Gssapi(kerberos) => {
                let (client, ticket) = kerberos.log_in(broker_host, env).await?;
                Ok((client, Pass::Ticket(ticket)))
            }
            Self::Plain { .. } | Self::Scram { .. } => {
                let nonce = env.secret_bytes().map_err(|error| {
                    Error::invalid("random numbers", format!("the system has none: {error}"))
                })?;
                Ok((self.by_password(nonce)?, Pass::Password))
            }
            Self::OauthBearer(tokens) => {
                let shown = tokens.token(env).await?;
                let BearerToken { token, extensions } = shown.clone();
                let client = OauthBearerClient::new(token, extensions).map_err(unusable)?;
                Ok((Box::new(client), Pass::Token(shown)))
            }
        }
    }

    /// Hears that a broker has refused what was shown to it. Returns whether the next try would be
    /// with something fresher.
    pub(crate) async fn hear_refusal(&self, shown: &Pass) -> bool {
        match (self, shown) {
            #[cfg(feature = "kerberos")]
            (Self::Gssapi(kerberos), Pass::Ticket(ticket)) => kerberos.forget(ticket).await,
            (Self::OauthBearer(tokens), Pass::Token(token)) => tokens.hear_refusal(token).await,
            _ => false,
        }
    }

    /// What a broker says, without the password or token, should it repeat what it was shown.
    pub(crate) fn hide(&self, shown: &Pass, text: &str) -> String {
        match (self, shown) {
            (Self::Plain { user, password }, _) => {
                let both = Secret::new(["\0", user, "\0", password.reveal()].concat());
                password.hide_in(&both.hide_in(text))
            }
            (Self::Scram { password, .. }, _) => password.hide_in(text),
            (Self::OauthBearer(_), Pass::Token(shown)) => shown.token.hide_in(text),
            _ => text.to_owned(),
        }
    }

    fn by_password(&self, nonce: [u8; SCRAM_NONCE_BYTES]) -> Result<Box<dyn Mechanism>, Error> {
        Ok(match self.clone() {
            Self::Plain { user, password } => {
                Box::new(PlainClient::new(user, password).map_err(unusable)?)
            }
            Self::Scram { hash, user, password, is_token } => {
                let client = ScramClient::new(hash, user, password, nonce).map_err(unusable)?;
                Box::new(if is_token { client.with_token() } else { client })
            }
            _ => return Err(Error::invalid("sasl", "has no password")),
        })
    }
}

/// What a login shows.
#[derive(Debug)]
pub(crate) enum Pass {
    /// A password, or the proof of one.
    Password,
    /// A token that somebody gave.
    Token(BearerToken),
    /// A ticket for the broker.
    #[cfg(feature = "kerberos")]
    Ticket(ShownTicket),
}

fn unusable(error: kurier_auth::Error) -> Error {
    match error {
        kurier_auth::Error::Unusable { mechanism, part, problem } => {
            let setting = match part {
                "user name" => "sasl.username",
                "password" => "sasl.password",
                _ => "sasl.jaas.config",
            };
            Error::invalid(setting, format!("{mechanism} cannot carry this {part}: {problem}"))
        }
        other => Error::invalid("sasl", other.to_string()),
    }
}

/// What may help where no token comes.
const CHECK_GIVER: &str = "check that whoever gives it runs and can be reached";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kurier_auth::Step;
    use kurier_env::{RealNet, RealWall};

    use super::super::bearer::UnsecuredLogin;
    use super::*;

    fn all() -> Vec<Sasl> {
        let (user, password) = (|| "alice".to_owned(), || Secret::new("wonderland"));
        let scram = |hash| Sasl::Scram { hash, user: user(), password: password(), is_token: true };
        vec![
            Sasl::Plain { user: user(), password: password() },
            scram(ScramHash::Sha256),
            scram(ScramHash::Sha512),
            Sasl::OauthBearer(OauthBearer::fixed(password())),
            Sasl::OauthBearer(OauthBearer::new(UnsecuredLogin::new("alice"))),
        ]
    }

    #[tokio::test]
    async fn every_mechanism_begins_under_its_name_and_shows_no_secret() {
        let env = Env::simulated(Arc::new(RealNet), Arc::new(RealWall), 1);
        for sasl in all() {
            sasl.check().unwrap();
            let (mut mechanism, _) = sasl.mechanism("localhost", &env).await.unwrap();
            assert_eq!(mechanism.name(), sasl.name());
            let step = mechanism.step(b"").unwrap();
            assert!(matches!(step, Step::Continue(_)), "{step:?}");
            let text = format!("{sasl:?} {mechanism:?}");
            assert!(!text.contains("wonderland"), "{text}");
        }
    }

    #[test]
    fn what_a_mechanism_cannot_carry_is_named_by_its_setting() {
        let hash = ScramHash::Sha256;
        for (user, password, setting) in [("", "x", "sasl.username"), ("x", "\0", "sasl.password")]
        {
            let (user, password) = (user.to_owned(), Secret::new(password));
            for sasl in [
                Sasl::Plain { user: user.clone(), password: password.clone() },
                Sasl::Scram { hash, user, password, is_token: false },
            ] {
                let error = sasl.check().unwrap_err().to_string();
                assert!(error.starts_with(setting), "{error}");
            }
        }
    }
}
