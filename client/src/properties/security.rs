//! What settings say about security, and what that comes to. *core*

use super::jaas::Jaas;
use super::kerberos::KerberosSettings;
use super::oidc::OidcSettings;
use super::parse::{Parsed, one_of};
use super::ssl::SslSettings;
use crate::error::Error;
#[cfg(feature = "tls")]
use crate::security::Tls;
use crate::security::{OauthBearer, Sasl, ScramHash, Secret};

/// What was set, as it was set.
#[derive(Clone, Debug, Default)]
pub(super) struct SecuritySettings {
    pub(super) protocol: Option<Protocol>,
    pub(super) mechanism: Option<SaslMechanism>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) jaas: Option<Jaas>,
    pub(super) kerberos: KerberosSettings,
    pub(super) oidc: OidcSettings,
    pub(super) ssl: SslSettings,
}

/// `security.protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// `sasl.mechanism`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SaslMechanism {
    Gssapi,
    Plain,
    Scram(ScramHash),
    OauthBearer,
}

impl Protocol {
    pub(super) fn read(text: &str) -> Parsed<Self> {
        one_of(text, PROTOCOLS)
    }

    fn name(self) -> &'static str {
        PROTOCOLS.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }

    fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn has_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl SaslMechanism {
    pub(super) fn read(text: &str) -> Parsed<Self> {
        one_of(text, SASL_MECHANISMS)
    }

    fn name(self) -> &'static str {
        SASL_MECHANISMS.iter().find(|(_, one)| *one == self).map_or("", |(name, _)| name)
    }
}

impl SecuritySettings {
    /// As whom, and how, to log in: as was given by its type, else as settings say.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other or what was given, or miss a
    /// part.
    pub(super) fn sasl(&self, given: Option<&Sasl>) -> Result<Option<Sasl>, Error> {
        let Some(given) = given else { return self.named_sasl() };
        if let Some(protocol) = self.protocol.filter(|protocol| !protocol.has_sasl()) {
            return Err(Error::invalid(
                "security.protocol",
                format!(
                    "is {}, which has no login, and a login was given by its type; \
                     set it to SASL_SSL or SASL_PLAINTEXT",
                    protocol.name()
                ),
            ));
        }
        let other = self.mechanism.map(SaslMechanism::name).filter(|name| *name != given.name());
        match other.map(|_| "sasl.mechanism").or_else(|| self.first_login_key()) {
            Some(key) => Err(given_too(key, "a login")),
            None => Ok(Some(given.clone())),
        }
    }

    /// The login that settings come to.
    fn named_sasl(&self) -> Result<Option<Sasl>, Error> {
        let protocol = self.protocol.unwrap_or(Protocol::Plaintext);
        if !protocol.has_sasl() {
            return match self.first_key() {
                None => Ok(None),
                Some(key) => Err(Error::invalid(
                    key,
                    format!(
                        "is set, and security.protocol is {}, which has no login; \
                         set security.protocol to SASL_SSL or SASL_PLAINTEXT, or {}",
                        protocol.name(),
                        emptied(self.keys())
                    ),
                )),
            };
        }
        let mechanism = self.mechanism()?;
        let of_kerberos = self.kerberos.first_key().filter(|_| mechanism != SaslMechanism::Gssapi);
        let of_oidc = self.oidc.first_key().filter(|_| mechanism != SaslMechanism::OauthBearer);
        if let Some(key) = of_kerberos.or(of_oidc) {
            return Err(Error::invalid(
                key,
                format!(
                    "is set, and sasl.mechanism is {}; leave one of them out",
                    mechanism.name()
                ),
            ));
        }
        match (mechanism, &self.jaas) {
            (SaslMechanism::Plain, None | Some(Jaas::Plain { .. })) => {
                let (user, password) = self.login(mechanism)?;
                Ok(Some(Sasl::Plain { user, password }))
            }
            (SaslMechanism::Scram(hash), None | Some(Jaas::Scram { .. })) => {
                let (user, password) = self.login(mechanism)?;
                let is_token = matches!(self.jaas, Some(Jaas::Scram { is_token: true, .. }));
                Ok(Some(Sasl::Scram { hash, user, password, is_token }))
            }
            (SaslMechanism::OauthBearer, Some(Jaas::Unsecured(login))) => {
                self.refuse_names()?;
                if let Some(key) = self.oidc.first_key() {
                    let problem = "is set, and sasl.jaas.config has claims of an unsecured token; \
                                   leave one of them out";
                    return Err(Error::invalid(key, problem));
                }
                Ok(Some(Sasl::OauthBearer(OauthBearer::new(login.clone()))))
            }
            (SaslMechanism::OauthBearer, None) if self.oidc.first_key().is_some() => {
                self.oidc.sasl(None).map(Some)
            }
            (SaslMechanism::OauthBearer, Some(Jaas::OauthBearer(login)))
                if self.oidc.first_key().is_some() || !login.is_empty() =>
            {
                self.oidc.sasl(Some(login)).map(Some)
            }
            (SaslMechanism::OauthBearer, None | Some(Jaas::OauthBearer(_))) => Err(Error::invalid(
                "sasl.mechanism",
                "OAUTHBEARER needs a token: set sasl.oauthbearer.token.endpoint.url, give the \
                 program a token provider, or, for tests, put unsecuredLoginStringClaim_sub into \
                 sasl.jaas.config",
            )),
            (SaslMechanism::Gssapi, None) => self.kerberos.sasl(None).map(Some),
            (SaslMechanism::Gssapi, Some(Jaas::Kerberos(login))) => {
                self.kerberos.sasl(Some(login)).map(Some)
            }
            (mechanism, Some(jaas)) => Err(Error::invalid(
                "sasl.jaas.config",
                format!(
                    "names {}, and sasl.mechanism is {}; set them to the same mechanism",
                    jaas.module(),
                    mechanism.name()
                ),
            )),
        }
    }

    /// How to encrypt, if at all: as was given by its type, else as settings say.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other or what was given, or miss a
    /// part.
    #[cfg(feature = "tls")]
    pub(super) fn tls(&self, given: Option<&Tls>) -> Result<Option<Tls>, Error> {
        let Some(given) = given else {
            return match (self.encrypts()?, self.ssl.first_key()) {
                (false, _) => Ok(None),
                (true, None) => Ok(Some(Tls::default())),
                (true, Some(_)) => self.ssl.tls().map(Some),
            };
        };
        if let Some(protocol) = self.protocol.filter(|protocol| !protocol.has_tls()) {
            return Err(Error::invalid(
                "security.protocol",
                format!(
                    "is {}, which does not encrypt, and encryption was given by its type; \
                     set it to SSL or SASL_SSL",
                    protocol.name()
                ),
            ));
        }
        match self.ssl.first_key() {
            Some(key) => Err(given_too(key, "encryption")),
            None => Ok(Some(given.clone())),
        }
    }

    /// TLS must not be left out in silence where it is wanted and not built in.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is wanted, and for settings that contradict each other.
    #[cfg(not(feature = "tls"))]
    pub(super) fn refuse_tls(&self) -> Result<(), Error> {
        match self.encrypts()? {
            false => Ok(()),
            true => Err(Error::invalid(
                "security.protocol",
                "asks for TLS, for which this build lacks the feature tls of kurier-client",
            )),
        }
    }

    /// Whether to encrypt; an error if the protocol does not, and something else asks for it.
    fn encrypts(&self) -> Result<bool, Error> {
        let protocol = self.protocol.unwrap_or(Protocol::Plaintext);
        match (protocol.has_tls(), self.ssl.first_key()) {
            (true, _) => Ok(true),
            (false, None) => Ok(false),
            (false, Some(key)) => Err(Error::invalid(
                key,
                format!(
                    "is set, and security.protocol is {}, which does not encrypt; \
                     set security.protocol to SSL or SASL_SSL, or {}",
                    protocol.name(),
                    emptied(self.ssl.keys())
                ),
            )),
        }
    }

    fn mechanism(&self) -> Result<SaslMechanism, Error> {
        match (self.mechanism, &self.user) {
            (Some(mechanism), _) => Ok(mechanism),
            // GSSAPI, the default, has no user of this kind.
            (None, Some(_)) => Err(Error::invalid(
                "sasl.mechanism",
                "is not set, and sasl.username is; \
                 set it to PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512",
            )),
            (None, None) => Ok(SaslMechanism::Gssapi),
        }
    }

    /// Name and password, from the one place where they are.
    fn login(&self, mechanism: SaslMechanism) -> Result<(String, Secret), Error> {
        match &self.jaas {
            Some(Jaas::Plain { user, password } | Jaas::Scram { user, password, .. }) => {
                self.refuse_names()?;
                Ok((user.clone(), password.clone()))
            }
            _ => match (&self.user, &self.password) {
                (Some(user), Some(password)) => Ok((user.clone(), password.clone())),
                (user, _) => Err(Error::invalid(
                    if user.is_none() { "sasl.username" } else { "sasl.password" },
                    format!(
                        "is not set, and sasl.mechanism is {}; set sasl.username and \
                         sasl.password, or sasl.jaas.config",
                        mechanism.name()
                    ),
                )),
            },
        }
    }

    /// Name and password must not be in two places.
    fn refuse_names(&self) -> Result<(), Error> {
        let key = match (&self.user, &self.password) {
            (Some(_), _) => "sasl.username",
            (None, Some(_)) => "sasl.password",
            (None, None) => return Ok(()),
        };
        Err(Error::invalid(key, "is set, and sasl.jaas.config is too; set one of them"))
    }

    /// The first setting that asks for a login.
    fn first_key(&self) -> Option<&'static str> {
        self.keys().next()
    }

    /// The settings that ask for a login.
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.mechanism.map(|_| "sasl.mechanism").into_iter().chain(self.login_keys())
    }

    /// The first setting that says as whom.
    fn first_login_key(&self) -> Option<&'static str> {
        self.login_keys().next()
    }

    /// The settings that say as whom.
    fn login_keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("sasl.username", self.user.is_some()),
            ("sasl.password", self.password.is_some()),
            ("sasl.jaas.config", self.jaas.is_some()),
        ];
        let set = keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key);
        set.chain(self.kerberos.keys()).chain(self.oidc.keys())
    }

    /// Forgets a setting of a login, by the first of its names; `false` if it is none.
    pub(super) fn unset(&mut self, name: &str) -> bool {
        let (kerberos, oidc) = (&mut self.kerberos, &mut self.oidc);
        match name {
            "security.protocol" => self.protocol = None,
            "sasl.mechanism" => self.mechanism = None,
            "sasl.username" => self.user = None,
            "sasl.password" => self.password = None,
            "sasl.jaas.config" => self.jaas = None,
            "sasl.kerberos.service.name" => kerberos.service_name = None,
            "sasl.kerberos.principal" => kerberos.principal = None,
            "sasl.kerberos.keytab" => kerberos.keytab = None,
            "sasl.kerberos.min.time.before.relogin" => kerberos.relogin_gap = None,
            "sasl.kerberos.ticket.renew.window.factor" => kerberos.renew_factor = None,
            "sasl.kerberos.ticket.renew.jitter" => kerberos.renew_jitter = None,
            "sasl.oauthbearer.token.endpoint.url" => oidc.url = None,
            "sasl.oauthbearer.method" => oidc.is_method = false,
            "sasl.oauthbearer.client.credentials.client.id" => oidc.id = None,
            "sasl.oauthbearer.client.credentials.client.secret" => oidc.secret = None,
            "sasl.oauthbearer.scope" => oidc.scope = None,
            "sasl.oauthbearer.extensions" => oidc.extensions = None,
            "https.ca.location" => oidc.ca_location = None,
            "https.ca.pem" => oidc.ca_pem = None,
            _ => return false,
        }
        true
    }
}

/// The remedy for settings that a file has and that are not wanted.
fn emptied(keys: impl Iterator<Item = &'static str>) -> String {
    let empty: Vec<_> = keys.map(|key| format!("-X {key}=")).collect();
    format!("unset with an empty value: {}", empty.join(" "))
}

fn given_too(key: &str, what: &str) -> Error {
    Error::invalid(key, format!("is set, and {what} was given by its type too; take one of them"))
}

const PROTOCOLS: &[(&str, Protocol)] = &[
    ("PLAINTEXT", Protocol::Plaintext),
    ("SSL", Protocol::Ssl),
    ("SASL_PLAINTEXT", Protocol::SaslPlaintext),
    ("SASL_SSL", Protocol::SaslSsl),
];
const SASL_MECHANISMS: &[(&str, SaslMechanism)] = &[
    ("GSSAPI", SaslMechanism::Gssapi),
    ("OAUTHBEARER", SaslMechanism::OauthBearer),
    ("PLAIN", SaslMechanism::Plain),
    ("SCRAM-SHA-256", SaslMechanism::Scram(ScramHash::Sha256)),
    ("SCRAM-SHA-512", SaslMechanism::Scram(ScramHash::Sha512)),
];
