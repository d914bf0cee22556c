//! Tokens for OAUTHBEARER, and who gives them.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use kurier_auth::Secret;
use kurier_auth::oauthbearer::{Claim, UnsecuredToken};
use kurier_env::{BoxFuture, Env};

use crate::error::Error;

/// Where tokens come from. Cloning shares it; two are equal if they share it.
#[derive(Clone, Debug)]
pub struct OauthBearer(Arc<dyn TokenProvider>);

/// Gives a token for each login, and for each time that a connection logs in again.
pub trait TokenProvider: Debug + Send + Sync {
    /// A token that is valid now. Its user must stay the same.
    ///
    /// # Errors
    ///
    /// Why there is none. If that [is retriable](Error::is_retriable), the login is tried again.
    fn token<'a>(&'a self, env: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>>;

    /// Hears that a broker has refused this token. Returns whether [`token`](Self::token) gives
    /// another one now; the login is then tried again. By default it does not.
    fn hear_refusal<'a>(&'a self, token: &'a BearerToken) -> BoxFuture<'a, bool> {
        let _ = token;
        Box::pin(std::future::ready(false))
    }

    /// Whom it asks, and what stands in the way, in words: an error that says that no token came
    /// in time repeats it. Empty by default.
    fn asked(&self) -> Box<str> {
        "".into()
    }
}

/// A token, and what is sent beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerToken {
    /// The token, as its issuer gave it.
    pub token: Secret,
    /// Names and values for the broker's own use (KIP-342).
    pub extensions: Vec<(String, String)>,
}

impl OauthBearer {
    /// Tokens of this provider.
    #[must_use]
    pub fn new(provider: impl TokenProvider + 'static) -> Self {
        Self(Arc::new(provider))
    }

    /// Always this token.
    #[must_use]
    pub fn fixed(token: Secret) -> Self {
        Self::new(BearerToken { token, extensions: Vec::new() })
    }

    /// A token that is valid now.
    pub(super) async fn token(&self, env: &Env) -> Result<BearerToken, Error> {
        self.0.token(env).await
    }

    /// Whom its provider asks, in words; empty if it does not say.
    pub(super) fn asked(&self) -> Box<str> {
        self.0.asked()
    }

    /// Hears that a broker has refused this token. Whether the next one is another.
    pub(super) async fn hear_refusal(&self, token: &BearerToken) -> bool {
        self.0.hear_refusal(token).await
    }
}

impl PartialEq for OauthBearer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for OauthBearer {}

impl TokenProvider for BearerToken {
    fn token<'a>(&'a self, _: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        Box::pin(async { Ok(self.clone()) })
    }
}

/// Makes tokens that nobody has signed, which brokers accept only if they are set up for tests.
#[derive(Clone, Debug, PartialEq)]
pub struct UnsecuredLogin {
    /// Whose token it is: claim `sub`.
    pub user: String,
    /// Further claims.
    pub claims: Vec<(String, Claim)>,
    /// How long a token is valid. Default: an hour.
    pub lifetime: Duration,
    /// Names and values for the broker's own use (KIP-342).
    pub extensions: Vec<(String, String)>,
}

impl UnsecuredLogin {
    /// Tokens of this user, without more.
    #[must_use]
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            claims: Vec::new(),
            lifetime: Duration::from_secs(3600),
            extensions: Vec::new(),
        }
    }
}

impl TokenProvider for UnsecuredLogin {
    fn token<'a>(&'a self, env: &'a Env) -> BoxFuture<'a, Result<BearerToken, Error>> {
        let now = Duration::from_millis(u64::try_from(env.wall_millis()).unwrap_or(0));
        let mut token = UnsecuredToken::new(now, self.lifetime);
        for (name, claim) in &self.claims {
            token = token.with(name, claim.clone());
        }
        let token = token.with("sub", Claim::Text(self.user.clone())).encode();
        Box::pin(async { Ok(BearerToken { token, extensions: self.extensions.clone() }) })
    }
}
