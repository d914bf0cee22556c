//! `UnsecuredToken`: claims that nobody has signed (RFC 7515, appendix A.5).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Number, Value};

use super::text::malformed;
use crate::error::Error;
use crate::secret::Secret;

/// A token that nobody has signed. Whoever accepts one believes everybody: it is for tests.
#[derive(Clone, Debug, PartialEq)]
pub struct UnsecuredToken {
    claims: Map<String, Value>,
}

/// What a claim says.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// Several texts.
    List(Vec<String>),
}

impl UnsecuredToken {
    /// A token without claims but for these: issued at that time since 1970, good for so long.
    #[must_use]
    pub fn new(issued_at: Duration, lifetime: Duration) -> Self {
        let mut claims = Map::new();
        claims.insert("iat".to_owned(), seconds(issued_at));
        claims.insert("exp".to_owned(), seconds(issued_at.saturating_add(lifetime)));
        Self { claims }
    }

    /// The same token that says this too: `sub`, Kafka's name of the user, or `scope`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, claim: Claim) -> Self {
        let value = match claim {
            Claim::Text(text) => Value::String(text),
            Claim::Number(number) => Number::from_f64(number).map_or(Value::Null, Value::Number),
            Claim::List(texts) => texts.into_iter().map(Value::String).collect(),
        };
        self.claims.insert(name.into(), value);
        self
    }

    /// The token's text.
    #[must_use]
    pub fn encode(&self) -> Secret {
        let claims = Value::Object(self.claims.clone()).to_string();
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        Secret::new([&part(r#"{"alg":"none"}"#), ".", &part(&claims), "."].concat())
    }

    /// Reads a token.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if this is no unsecured token: one that is signed is none.
    pub fn decode(text: &str) -> Result<Self, Error> {
        let mut parts = text.split('.');
        let (Some(head), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("the token has not three parts"));
        };
        let is_unsigned = json_object(head).is_some_and(|head| {
            head.get("alg").and_then(Value::as_str) == Some("none") && signature.is_empty()
        });
        if !is_unsigned {
            return Err(malformed("the token is not an unsecured one"));
        }
        let claims =
            json_object(claims).ok_or_else(|| malformed("the token's claims are no JSON"))?;
        Ok(Self { claims })
    }

    /// A text that the token claims: `sub` is Kafka's name of the user.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// When it ends, since 1970. None if it does not say so: then it is not valid.
    #[must_use]
    pub fn expires_at(&self) -> Option<Duration> {
        self.time("exp")
    }

    /// Whether it has a user and is valid at that time since 1970, for clocks that differ by
    /// `skew` at most.
    #[must_use]
    pub fn is_valid(&self, now: Duration, skew: Duration) -> bool {
        let names_somebody = self.text("sub").is_some_and(|user| !user.trim().is_empty());
        let has_begun = match self.claims.contains_key("iat") {
            true => self.time("iat").is_some_and(|from| from <= now.saturating_add(skew)),
            false => true,
        };
        let has_not_ended = self.expires_at().is_some_and(|until| now < until.saturating_add(skew));
        names_somebody && has_begun && has_not_ended
    }

    /// In whole milliseconds: a number of seconds with a fraction is not exact beyond them.
    fn time(&self, name: &str) -> Option<Duration> {
        let time = Duration::try_from_secs_f64(self.claims.get(name)?.as_f64()?).ok()?;
        let millis = time.saturating_add(Duration::from_micros(500)).as_millis();
        u64::try_from(millis).ok().map(Duration::from_millis)
    }
}

/// What a part of a token holds.
pub(crate) fn claims_of(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

fn json_object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&claims_of(part)?) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

fn seconds(time: Duration) -> Value {
    if time.subsec_millis() == 0 { time.as_secs().into() } else { time.as_secs_f64().into() }
}
