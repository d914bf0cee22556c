//! What settings say about tokens from an endpoint, by their own names and in `sasl.jaas.config`.
//! *core*

use std::time::Duration;

use super::jaas::{ClientLogin, once};
use super::parse::Parsed;
use crate::error::Error;
use crate::security::oidc::{Oidc, OidcConfig};
#[cfg(feature = "tls")]
use crate::security::tls::{Store, Tls, Trust};
use crate::security::{OauthBearer, Sasl, Secret};

/// What was set, as it was set.
#[derive(Clone, Debug, Default)]
pub(super) struct OidcSettings {
    /// It may hold what nobody should read.
    pub(super) url: Option<Secret>,
    /// `sasl.oauthbearer.method` is oidc.
    pub(super) is_method: bool,
    pub(super) id: Option<String>,
    pub(super) secret: Option<Secret>,
    pub(super) scope: Option<String>,
    pub(super) extensions: Option<Vec<(String, String)>>,
    pub(super) header_urlencode: bool,
    pub(super) ca_location: Option<String>,
    pub(super) ca_pem: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) read_timeout: Option<Duration>,
    pub(super) retry_backoff: Option<Duration>,
    pub(super) retry_backoff_max: Option<Duration>,
    pub(super) refresh_factor: Option<f64>,
    pub(super) refresh_jitter: Option<f64>,
    pub(super) refresh_period_min: Option<Duration>,
    pub(super) refresh_buffer: Option<Duration>,
}

impl OidcSettings {
    /// The first of those that is set and is of no use without an endpoint.
    pub(super) fn first_key(&self) -> Option<&'static str> {
        self.keys().next()
    }

    /// Those that are set and are of no use without an endpoint.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            (URL, self.url.is_some()),
            ("sasl.oauthbearer.method", self.is_method),
            (ID, self.id.is_some()),
            (SECRET, self.secret.is_some()),
            (SCOPE, self.scope.is_some()),
            (EXTENSIONS, self.extensions.is_some()),
        ];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key)
    }

    /// The login that they and `sasl.jaas.config` come to.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other, miss a part or cannot be used.
    pub(super) fn sasl(&self, jaas: Option<&ClientLogin>) -> Result<Sasl, Error> {
        let Some(url) = &self.url else {
            let problem = "is not set, and what is to be sent there is; set it too";
            return Err(Error::invalid(URL, problem));
        };
        let none = ClientLogin::default();
        let jaas = jaas.unwrap_or(&none);
        let missing =
            |key| move || Error::invalid(key, format!("is not set, and {URL} is; set both"));
        let id = once(ID, self.id.as_ref(), jaas.id.as_ref())?.ok_or_else(missing(ID))?;
        let secret = once(SECRET, self.secret.as_ref(), jaas.secret.as_ref())?
            .ok_or_else(missing(SECRET))?;
        let mut config = OidcConfig::new(url.reveal(), id, secret);
        config.scope = once(SCOPE, self.scope.as_ref(), jaas.scope.as_ref())?;
        let extensions = Some(&jaas.extensions).filter(|found| !found.is_empty());
        let extensions = once(EXTENSIONS, self.extensions.as_ref(), extensions)?;
        config.extensions = extensions.unwrap_or_default();
        config.header_urlencode = self.header_urlencode;
        self.set_times(&mut config);
        #[cfg(feature = "tls")]
        {
            config.tls = self.tls(jaas)?;
        }
        Ok(Sasl::OauthBearer(OauthBearer::new(Oidc::new(config)?)))
    }

    fn set_times(&self, config: &mut OidcConfig) {
        let times = [
            (&mut config.connect_timeout, self.connect_timeout),
            (&mut config.read_timeout, self.read_timeout),
            (&mut config.retry_backoff, self.retry_backoff),
            (&mut config.retry_backoff_max, self.retry_backoff_max),
            (&mut config.refresh_period_min, self.refresh_period_min),
            (&mut config.refresh_buffer, self.refresh_buffer),
        ];
        for (time, set) in times {
            *time = set.unwrap_or(*time);
        }
        let factor = self.refresh_factor.unwrap_or(config.refresh_window_factor);
        config.refresh_window_factor = factor;
        config.refresh_jitter = self.refresh_jitter.unwrap_or(config.refresh_jitter);
    }

    /// Whom to trust at the endpoint: as librdkafka's settings say, or those in
    /// `sasl.jaas.config`. What is trusted of brokers does not count.
    #[cfg(feature = "tls")]
    fn tls(&self, jaas: &ClientLogin) -> Result<Tls, Error> {
        let store = match (&self.ca_location, &self.ca_pem) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid(CA_PEM, format!("and {CA_LOCATION}: set one of them")));
            }
            // librdkafka's word for the system's certificates.
            (Some(path), None) if path == "probe" => None,
            (Some(path), None) => Some(Store::file(path).named(CA_LOCATION)),
            (None, Some(text)) => Some(Store::pem(text.as_str()).named(CA_PEM)),
            (None, None) => return jaas.ssl.tls(),
        };
        if let Some(other) = jaas.ssl.first_key() {
            let own = if self.ca_pem.is_some() { CA_PEM } else { CA_LOCATION };
            let problem = format!("is set, and sasl.jaas.config has {other}; set one of them");
            return Err(Error::invalid(own, problem));
        }
        let Some(store) = store else { return Ok(Tls::default()) };
        Ok(Tls { trust: Trust::Store(store), ..Tls::default() })
    }
}

/// Names and values as librdkafka takes them: `name=value,name=value`.
pub(super) fn extensions(text: &str) -> Parsed<Vec<(String, String)>> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let pair = |pair: &str| match pair.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("is not name=value,name=value".to_owned()),
    };
    pairs.map(pair).collect()
}

/// A class of Java's whose work is done here.
pub(super) fn check_class(text: &str, done: &[&str]) -> Parsed<()> {
    let name = text.rsplit('.').next().unwrap_or_default();
    match name.is_empty() || (text.starts_with(KAFKAS) && done.contains(&name)) {
        true => Ok(()),
        false => Err(format!(
            "names a class to load, and there is no Java here; only {} are done here too, and \
             other tokens are a matter of code",
            done.join(" and ")
        )),
    }
}

const URL: &str = "sasl.oauthbearer.token.endpoint.url";
const ID: &str = "sasl.oauthbearer.client.credentials.client.id";
const SECRET: &str = "sasl.oauthbearer.client.credentials.client.secret";
const SCOPE: &str = "sasl.oauthbearer.scope";
const EXTENSIONS: &str = "sasl.oauthbearer.extensions";
#[cfg(feature = "tls")]
const CA_LOCATION: &str = "https.ca.location";
#[cfg(feature = "tls")]
const CA_PEM: &str = "https.ca.pem";
/// Java's default for who gets tokens.
pub(super) const RETRIEVER: &str =
    "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever";
/// How the names of Kafka's own classes begin.
const KAFKAS: &str = "org.apache.kafka.common.security.oauthbearer.";
