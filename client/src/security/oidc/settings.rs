//! What can be set about tokens from an endpoint.

use std::fmt;
use std::time::Duration;

use kurier_auth::Secret;
use kurier_auth::oidc::{ClientCredentials, TokenEndpoint};

#[cfg(feature = "tls")]
use super::super::tls::Tls;
use crate::error::Error;

/// Settings of tokens from an OAuth token endpoint.
#[derive(Clone, PartialEq)]
pub struct OidcConfig {
    /// The endpoint: `https://host[:port]/path`, or `http://` on this machine alone.
    /// Kafka: sasl.oauthbearer.token.endpoint.url. Default: none.
    pub endpoint: String,
    /// Who asks. Kafka: sasl.oauthbearer.client.credentials.client.id. Default: none.
    pub client_id: String,
    /// Its secret. Kafka: sasl.oauthbearer.client.credentials.client.secret. Default: none.
    pub client_secret: Secret,
    /// For what the token is to be good. Kafka: sasl.oauthbearer.scope. Default: what the endpoint
    /// chooses.
    pub scope: Option<String>,
    /// Whether id and secret are percent-encoded, as RFC 6749 wants and many endpoints do not.
    /// Kafka: sasl.oauthbearer.header.urlencode. Default: no.
    pub header_urlencode: bool,
    /// Names and values for the broker's own use (KIP-342). Kafka: `extension_` in
    /// sasl.jaas.config; librdkafka: sasl.oauthbearer.extensions. Default: none.
    pub extensions: Vec<(String, String)>,
    /// How the endpoint is spoken to, and whom to trust: apart from brokers. Kafka: `ssl.` in
    /// sasl.jaas.config. Default: whom the system trusts.
    #[cfg(feature = "tls")]
    pub tls: Tls,
    /// How long a connection may take, TLS included. Kafka: sasl.login.connect.timeout.ms.
    /// Default: 10 s.
    pub connect_timeout: Duration,
    /// How long the whole answer may take. Kafka: sasl.login.read.timeout.ms. Default: 10 s.
    pub read_timeout: Duration,
    /// How long to wait before the first new try; it doubles. Kafka: sasl.login.retry.backoff.ms.
    /// Default: 100 ms.
    pub retry_backoff: Duration,
    /// For how long one fetch is tried again. Kafka: sasl.login.retry.backoff.max.ms.
    /// Default: 10 s.
    pub retry_backoff_max: Duration,
    /// After which part of a token's life the next one is fetched, from 0.5 to 1.
    /// Kafka: sasl.login.refresh.window.factor. Default: 0.8.
    pub refresh_window_factor: f64,
    /// How much of a token's life chance adds to that, from 0 to 0.25.
    /// Kafka: sasl.login.refresh.window.jitter. Default: 0.05.
    pub refresh_jitter: f64,
    /// How long to wait at least between two fetches, if the token lasts. Up to 15 min.
    /// Kafka: sasl.login.refresh.min.period.seconds. Default: 60 s.
    pub refresh_period_min: Duration,
    /// How long before a token's end the next one is there, if it lasts. Up to an hour.
    /// Kafka: sasl.login.refresh.buffer.seconds. Default: 300 s.
    pub refresh_buffer: Duration,
}

impl OidcConfig {
    /// Tokens of this endpoint for this client, with all else at its default.
    #[must_use]
    pub fn new(
        endpoint: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: Secret,
    ) -> Self {
        Self {
            endpoint: endpoint.into(),
            client_id: client_id.into(),
            client_secret,
            scope: None,
            header_urlencode: false,
            extensions: Vec::new(),
            #[cfg(feature = "tls")]
            tls: Tls::default(),
            connect_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(10),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(10),
            refresh_window_factor: 0.8,
            refresh_jitter: 0.05,
            refresh_period_min: Duration::from_secs(60),
            refresh_buffer: Duration::from_secs(300),
        }
    }

    /// Whom to ask, and as whom.
    pub(super) fn parse(&self) -> Result<(TokenEndpoint, ClientCredentials), Error> {
        let endpoint = TokenEndpoint::parse(&self.endpoint);
        let endpoint = endpoint.map_err(|problem| Error::invalid(URL, problem))?;
        if endpoint.is_encrypted() && !cfg!(feature = "tls") {
            let problem = "asks for TLS, for which this build lacks the feature tls";
            return Err(Error::invalid(URL, problem));
        }
        let credentials = ClientCredentials {
            id: self.client_id.clone(),
            secret: self.client_secret.clone(),
            scope: self.scope.clone(),
            header_urlencode: self.header_urlencode,
        };
        if let Some(problem) = credentials.problem() {
            return Err(Error::invalid(ID, problem));
        }
        for (setting, time) in [
            ("sasl.login.connect.timeout.ms", self.connect_timeout),
            ("sasl.login.read.timeout.ms", self.read_timeout),
            ("sasl.login.retry.backoff.ms", self.retry_backoff),
            ("sasl.login.retry.backoff.max.ms", self.retry_backoff_max),
        ] {
            if time > TIME_MAX {
                return Err(Error::invalid(setting, "must be at most a day"));
            }
        }
        for (setting, number, (min, max)) in [
            ("sasl.login.refresh.window.factor", self.refresh_window_factor, (0.5, 1.0)),
            ("sasl.login.refresh.window.jitter", self.refresh_jitter, (0.0, 0.25)),
            ("sasl.login.refresh.min.period.seconds", seconds(self.refresh_period_min), (0., 900.)),
            ("sasl.login.refresh.buffer.seconds", seconds(self.refresh_buffer), (0., 3600.)),
        ] {
            if !(min..=max).contains(&number) {
                return Err(Error::invalid(setting, format!("must be from {min} to {max}")));
            }
        }
        Ok((endpoint, credentials))
    }
}

/// Without the query of the endpoint, which may hold what nobody should read.
impl fmt::Debug for OidcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = TokenEndpoint::parse(&self.endpoint);
        let endpoint = endpoint.map_or_else(|_| "of no use".to_owned(), |known| known.to_string());
        let mut shown = f.debug_struct("OidcConfig");
        shown
            .field("endpoint", &format_args!("{endpoint}"))
            .field("client_id", &self.client_id)
            .field("client_secret", &self.client_secret)
            .field("scope", &self.scope)
            .field("header_urlencode", &self.header_urlencode)
            .field("extensions", &self.extensions);
        #[cfg(feature = "tls")]
        shown.field("tls", &self.tls);
        shown
            .field("connect_timeout", &self.connect_timeout)
            .field("read_timeout", &self.read_timeout)
            .field("retry_backoff", &self.retry_backoff)
            .field("retry_backoff_max", &self.retry_backoff_max)
            .field("refresh_window_factor", &self.refresh_window_factor)
            .field("refresh_jitter", &self.refresh_jitter)
            .field("refresh_period_min", &self.refresh_period_min)
            .field("refresh_buffer", &self.refresh_buffer)
            .finish()
    }
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

/// The longest wait.
const TIME_MAX: Duration = Duration::from_secs(24 * 3600);
/// The setting that errors of the endpoint name.
pub(super) const URL: &str = "sasl.oauthbearer.token.endpoint.url";
const ID: &str = "sasl.oauthbearer.client.credentials.client.id";
