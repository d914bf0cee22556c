//! `Tls`: what can be set about it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kurier_auth::Secret;
use rustls::crypto::CryptoProvider;

/// How connections are encrypted: whom to trust, and who this client is.
///
/// Kafka: security.protocol is SSL or SASL_SSL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whose certificates brokers may have. Kafka: ssl.truststore.location,
    /// ssl.truststore.certificates. Default: [`Trust::System`].
    pub trust: Trust,
    /// Who this client is, for brokers that ask. Kafka: ssl.keystore.location, ssl.keystore.key.
    /// Default: nobody.
    pub identity: Option<Identity>,
    /// Versions of TLS that are spoken. Kafka: ssl.enabled.protocols. Default: 1.2 and 1.3.
    pub versions: Versions,
    /// Cipher suites that may be used, by their IANA or OpenSSL names; none for all. Kafka:
    /// ssl.cipher.suites. Default: none.
    pub cipher_suites: Vec<String>,
    /// Whether a broker's certificate must be for the host that was connected to. Kafka:
    /// ssl.endpoint.identification.algorithm. Default: checked.
    pub host_names: HostNames,
    /// Where cryptography comes from. The process-wide default of rustls is neither read nor set.
    /// Kafka: ssl.provider, which names a class. Default: graviola, or what the feature
    /// `tls-aws-lc` or `tls-ring` brings.
    pub provider: Option<Provider>,
}

/// Whose certificates brokers may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that the system trusts (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others); if there are
    /// none, those that Mozilla trusts.
    #[default]
    System,
    /// Those that Mozilla trusts, as of this build.
    Mozilla,
    /// Those of a store, and no others.
    Store(Store),
}

/// Who this client is: a certificate with those between it and its CA, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub(super) certificate: Store,
    /// None if it is in the same store.
    pub(super) key: Option<Store>,
    pub(super) key_password: Option<Secret>,
}

impl Identity {
    /// Certificate and key from one store.
    #[must_use]
    pub fn new(both: Store) -> Self {
        Self { certificate: both, key: None, key_password: None }
    }

    /// Certificate and key from two stores, both PEM.
    #[must_use]
    pub fn pair(certificate: Store, key: Store) -> Self {
        Self { certificate, key: Some(key), key_password: None }
    }

    /// The password that the key alone is under. Kafka: ssl.key.password. Default: that of the
    /// store.
    #[must_use]
    pub fn key_password(self, password: Secret) -> Self {
        Self { key_password: Some(password), ..self }
    }
}

/// Certificates or keys in a file, or in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    pub(super) place: Place,
    pub(super) format: Option<Format>,
    pub(super) password: Option<Secret>,
    /// The setting that named it.
    pub(super) setting: Option<&'static str>,
}

impl Store {
    /// A file: PEM, PKCS#12 or JKS, which its content tells.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        let place = Place::File(path.into());
        Self { place, format: None, password: None, setting: None }
    }

    /// A text in PEM.
    #[must_use]
    pub fn pem(text: impl Into<Box<str>>) -> Self {
        let place = Place::Text(Secret::new(text));
        Self { place, format: Some(Format::Pem), password: None, setting: None }
    }

    /// Insists on a format. Kafka: ssl.truststore.type, ssl.keystore.type. PKCS#12 and JKS pass for
    /// each other, as in Java.
    #[must_use]
    pub fn format(self, format: Format) -> Self {
        Self { format: Some(format), ..self }
    }

    /// The password of the store. Kafka: ssl.truststore.password, ssl.keystore.password.
    #[must_use]
    pub fn password(self, password: Secret) -> Self {
        Self { password: Some(password), ..self }
    }

    /// The setting that errors blame for what is wrong with it. Default: Kafka's name for such a
    /// store.
    #[must_use]
    pub fn named(self, setting: &'static str) -> Self {
        Self { setting: Some(setting), ..self }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::File(path) => Some(path),
            Place::Text(_) => None,
        }
    }
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    File(PathBuf),
    /// A text that may hold a key.
    Text(Secret),
}

/// How a store is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text between lines such as `-----BEGIN CERTIFICATE-----`.
    Pem,
    /// PKCS#12, which Java's keytool writes today.
    Pkcs12,
    /// JKS, which Java's keytool wrote up to release 8.
    Jks,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pem => "PEM",
            Self::Pkcs12 => "PKCS12",
            Self::Jks => "JKS",
        })
    }
}

/// Versions of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// Both.
    #[default]
    Tls12And13,
    /// Only 1.2.
    Tls12,
    /// Only 1.3.
    Tls13,
}

/// Whether a broker's certificate must be for the host that was connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostNames {
    /// It must.
    #[default]
    Checked,
    /// Any trusted certificate will do: whoever has one can pass for all brokers.
    DangerouslyIgnored,
}

/// Cryptography that the program brings.
#[derive(Clone)]
pub struct Provider(pub Arc<CryptoProvider>);

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Provider {}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").finish_non_exhaustive()
    }
}
