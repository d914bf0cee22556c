//! What `ssl.` settings say, and what that comes to. *core*

use std::collections::BTreeMap;

use super::parse::{Parsed, one_of};
use crate::security::Secret;

/// What was set, by the names of the settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SslSettings(BTreeMap<&'static str, Secret>);

impl SslSettings {
    /// Keeps a value; an empty one counts as not set.
    pub(super) fn keep(&mut self, name: &'static str, value: &str) {
        match value.is_empty() {
            true => self.0.remove(name),
            false => self.0.insert(name, Secret::new(value)),
        };
    }

    /// Keeps `ssl.endpoint.identification.algorithm`, where an empty value turns the check off.
    pub(super) fn keep_endpoint(&mut self, value: &str) -> Parsed<()> {
        let word = match value {
            "" => "none",
            other => one_of(other, &[("https", "https"), ("none", "none")])?,
        };
        self.0.insert(ENDPOINT, Secret::new(word));
        Ok(())
    }

    /// The first setting that was set.
    pub(super) fn first_key(&self) -> Option<&'static str> {
        self.keys().next()
    }

    /// Those that were set.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }
}

/// Type of a store.
pub(super) fn check_type(value: &str) -> Parsed<()> {
    match value {
        "" => Ok(()),
        other => one_of(other, &[("JKS", ()), ("PKCS12", ()), ("PEM", ())]),
    }
}

/// `ssl.protocol`, which only Java needs beside `ssl.enabled.protocols`.
pub(super) fn check_protocol(value: &str) -> Parsed<()> {
    match value {
        "" => Ok(()),
        other => one_of(other, &[("TLS", ()), ("TLSv1.2", ()), ("TLSv1.3", ())]),
    }
}

/// `enable.ssl.certificate.verification`.
pub(super) fn check_verification(value: &str) -> Parsed<()> {
    match one_of(value, &[("true", true), ("false", false)])? {
        true => Ok(()),
        false => Err("would let anyone pass for a broker; name the CA's certificate in \
                      ssl.ca.location, or, if only host names do not fit, set \
                      ssl.endpoint.identification.algorithm to none"
            .to_owned()),
    }
}

/// A setting that names a class or an algorithm of Java's: its default is taken.
pub(super) fn check_java(value: &str, defaults: &[&str]) -> Parsed<()> {
    match value.is_empty() || defaults.iter().any(|name| name.eq_ignore_ascii_case(value)) {
        true => Ok(()),
        false => Err("names a part of the Java runtime, which is not there; take it out, or give \
                      Tls::provider other cryptography"
            .to_owned()),
    }
}

/// Whether 1.2 and 1.3 are among the versions that are named; older ones are passed over.
pub(super) fn enabled(value: &str) -> Parsed<(bool, bool)> {
    let mut found = (value.is_empty(), value.is_empty());
    for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match one_of(name, VERSIONS)? {
            12 => found.0 = true,
            13 => found.1 = true,
            _ => {}
        }
    }
    match found {
        (false, false) => Err("names neither TLSv1.2 nor TLSv1.3".to_owned()),
        found => Ok(found),
    }
}

#[cfg(feature = "tls")]
mod build {
    //! From settings to `Tls`.

    use super::{ENDPOINT, SslSettings, enabled};
    use crate::error::Error;
    use crate::security::Secret;
    use crate::security::tls::{Format, HostNames, Identity, Store, Tls, Trust, Versions};

    impl SslSettings {
        /// How to encrypt.
        ///
        /// # Errors
        ///
        /// [`Error::Invalid`] for settings that contradict each other, or miss a part.
        pub(crate) fn tls(&self) -> Result<Tls, Error> {
            let suites = self.value("ssl.cipher.suites").unwrap_or_default().split([',', ':']);
            let protocols = self.value("ssl.enabled.protocols").unwrap_or_default();
            Ok(Tls {
                trust: self.trust()?,
                identity: self.identity()?,
                versions: match enabled(protocols) {
                    Ok((true, false)) => Versions::Tls12,
                    Ok((false, true)) => Versions::Tls13,
                    _ => Versions::Tls12And13,
                },
                cipher_suites: suites
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .map(Into::into)
                    .collect(),
                host_names: match self.value(ENDPOINT) {
                    Some("none") => HostNames::DangerouslyIgnored,
                    _ => HostNames::Checked,
                },
                provider: None,
            })
        }

        fn value(&self, name: &str) -> Option<&str> {
            self.0.get(name).map(Secret::reveal)
        }

        /// The one of these that is set.
        fn only(&self, names: &[&'static str]) -> Result<Option<&'static str>, Error> {
            let mut set = names.iter().copied().filter(|name| self.0.contains_key(name));
            match (set.next(), set.next()) {
                (Some(first), Some(second)) => Err(both(first, second)),
                (first, _) => Ok(first),
            }
        }

        fn trust(&self) -> Result<Trust, Error> {
            let (password, format) = ("ssl.truststore.password", "ssl.truststore.type");
            let names = [
                "ssl.truststore.location",
                "ssl.truststore.certificates",
                "ssl.ca.location",
                "ssl.ca.pem",
            ];
            let set = self.only(&names)?;
            if set != Some("ssl.truststore.location") {
                self.refuse(password, set, "ssl.truststore.location")?;
            }
            match set {
                // librdkafka's word for the system's certificates.
                Some(name) if self.value(name) == Some("probe") => Ok(Trust::System),
                Some(name) => Ok(Trust::Store(self.store(name, password, format)?)),
                None => Ok(Trust::System),
            }
        }

        fn identity(&self) -> Result<Option<Identity>, Error> {
            let certificate = self.only(&CERTIFICATES)?;
            let key = self.only(&KEYS)?;
            let whole = self.value(KEYSTORE).map(|_| KEYSTORE);
            if let (Some(store), Some(part)) = (whole, certificate.or(key)) {
                return Err(both(store, part));
            }
            let (password, format) = ("ssl.keystore.password", "ssl.keystore.type");
            if whole.is_none() {
                self.refuse(password, certificate.or(key), KEYSTORE)?;
            }
            let identity = match (whole, certificate, key) {
                (Some(whole), ..) => Identity::new(self.store(whole, password, format)?),
                (None, Some(certificate), Some(key)) => Identity::pair(
                    self.store(certificate, password, format)?,
                    self.store(key, password, format)?,
                ),
                (None, Some(only), None) => return Err(alone(only, &KEYS)),
                (None, None, Some(only)) => return Err(alone(only, &CERTIFICATES)),
                (None, None, None) => {
                    self.refuse("ssl.key.password", None, KEYSTORE)?;
                    return Ok(None);
                }
            };
            let password = self.value("ssl.key.password").map(Secret::new);
            Ok(Some(match password {
                Some(password) => identity.key_password(password),
                None => identity,
            }))
        }

        /// The store that a setting names, or is.
        fn store(
            &self,
            name: &'static str,
            password: &str,
            format_name: &'static str,
        ) -> Result<Store, Error> {
            let value = self.value(name).unwrap_or_default();
            if !name.ends_with(".location") {
                return match self.value(format_name) {
                    Some(format) if !format.eq_ignore_ascii_case("PEM") => {
                        let problem = format!("is {format}, and {name} is set, which is PEM");
                        Err(Error::invalid(format_name, problem))
                    }
                    _ => Ok(Store::pem(value).named(name)),
                };
            }
            let mut store = Store::file(value).named(name);
            if !matches!(name, "ssl.truststore.location" | "ssl.keystore.location") {
                return Ok(store);
            }
            if let Some(format) = self.value(format_name) {
                store = store.format(match format.to_ascii_uppercase().as_str() {
                    "PEM" => Format::Pem,
                    "PKCS12" => Format::Pkcs12,
                    _ => Format::Jks,
                });
            }
            Ok(match self.value(password) {
                Some(password) => store.password(Secret::new(password)),
                None => store,
            })
        }

        /// A password for nothing is an error.
        fn refuse(&self, password: &str, other: Option<&str>, store: &str) -> Result<(), Error> {
            match (self.value(password), other) {
                (None, _) => Ok(()),
                (Some(_), Some(other)) => {
                    let problem = format!("is set, and is of no use to {other}; take it out");
                    Err(Error::invalid(password, problem))
                }
                (Some(_), None) => {
                    Err(Error::invalid(password, format!("is set, and {store} is not")))
                }
            }
        }
    }

    fn both(first: &str, second: &str) -> Error {
        Error::invalid(second, format!("is set, and {first} is too; set one of them"))
    }

    /// A certificate without a key, or a key without a certificate.
    fn alone(name: &str, others: &[&str]) -> Error {
        let problem = format!("is set, and its other half is not: one of {}", others.join(", "));
        Error::invalid(name, problem)
    }

    const KEYSTORE: &str = "ssl.keystore.location";
    const CERTIFICATES: [&str; 3] =
        ["ssl.keystore.certificate.chain", "ssl.certificate.location", "ssl.certificate.pem"];
    const KEYS: [&str; 3] = ["ssl.keystore.key", "ssl.key.location", "ssl.key.pem"];
}

const ENDPOINT: &str = "ssl.endpoint.identification.algorithm";
const VERSIONS: &[(&str, u32)] = &[
    ("TLSv1.3", 13),
    ("TLSv1.2", 12),
    ("TLSv1.1", 11),
    ("TLSv1", 10),
    ("SSLv3", 3),
    ("SSLv2Hello", 2),
];

#[cfg(test)]
#[cfg(feature = "tls")]
mod tests {
    use super::super::Properties;
    use crate::security::Secret;
    use crate::security::tls::{Format, HostNames, Identity, Store, Tls, Trust, Versions};

    type Pairs = &'static [(&'static str, &'static str)];

    const SSL: (&str, &str) = ("security.protocol", "SSL");

    fn tls(pairs: &[(&str, &str)]) -> Tls {
        let pairs = [&[SSL], pairs].concat();
        Properties::from_pairs(pairs).unwrap().client_config().unwrap().tls.unwrap()
    }

    #[test]
    fn the_names_of_java_and_librdkafka_come_to_the_same() {
        assert_eq!(tls(&[]), Tls::default());
        let trust = |store: Store| Tls { trust: Trust::Store(store), ..Tls::default() };
        let own = |identity: Identity| Tls { identity: Some(identity), ..Tls::default() };
        let file = |name: &'static str| Store::file("/x").named(name);
        let pem = |name: &'static str| Store::pem("PEM").named(name);
        let pass = || Secret::new("hush");
        let rows: &[(Pairs, Tls)] = &[
            (
                &[
                    ("ssl.truststore.location", "/x"),
                    ("ssl.truststore.password", "hush"),
                    ("ssl.truststore.type", "jks"),
                ],
                trust(file("ssl.truststore.location").password(pass()).format(Format::Jks)),
            ),
            (&[("ssl.truststore.certificates", "PEM")], trust(pem("ssl.truststore.certificates"))),
            (&[("ssl.ca.location", "/x")], trust(file("ssl.ca.location"))),
            (&[("ssl.ca.location", "probe")], Tls::default()),
            (&[("ssl.ca.pem", "PEM")], trust(pem("ssl.ca.pem"))),
            (
                &[
                    ("ssl.keystore.location", "/x"),
                    ("ssl.keystore.password", "hush"),
                    ("ssl.key.password", "hush"),
                ],
                own(Identity::new(file("ssl.keystore.location").password(pass()))
                    .key_password(pass())),
            ),
            (
                &[
                    ("ssl.keystore.certificate.chain", "PEM"),
                    ("ssl.keystore.key", "PEM"),
                    ("ssl.keystore.type", "PEM"),
                ],
                own(Identity::pair(pem("ssl.keystore.certificate.chain"), pem("ssl.keystore.key"))),
            ),
            (
                &[("ssl.certificate.location", "/x"), ("ssl.key.pem", "PEM")],
                own(Identity::pair(file("ssl.certificate.location"), pem("ssl.key.pem"))),
            ),
            (
                &[("ssl.enabled.protocols", "TLSv1.2,TLSv1.1,TLSv1"), ("ssl.protocol", "TLS")],
                Tls { versions: Versions::Tls12, ..Tls::default() },
            ),
            (
                &[("ssl.endpoint.identification.algorithm", "")],
                Tls { host_names: HostNames::DangerouslyIgnored, ..Tls::default() },
            ),
            (&[("ssl.endpoint.identification.algorithm", "https")], Tls::default()),
            (
                &[("ssl.cipher.suites", "A, B:C")],
                Tls { cipher_suites: ["A", "B", "C"].map(Into::into).into(), ..Tls::default() },
            ),
            (
                &[
                    ("ssl.keymanager.algorithm", "SunX509"),
                    ("ssl.trustmanager.algorithm", "PKIX"),
                    ("ssl.provider", ""),
                    ("ssl.truststore.location", ""),
                    ("enable.ssl.certificate.verification", "true"),
                ],
                Tls::default(),
            ),
        ];
        for (pairs, wanted) in rows {
            assert_eq!(tls(pairs), *wanted, "{pairs:?}");
        }
    }

    #[test]
    fn contradictions_name_both_settings_and_no_secret() {
        const TRUST: (&str, &str) = ("ssl.truststore.location", "/x");
        const PASSWORD: (&str, &str) = ("ssl.truststore.password", "hush");
        let rows: &[(Pairs, &[&str])] = &[
            (&[TRUST, ("ssl.ca.location", "/y")], &["ssl.ca.location:", TRUST.0]),
            (
                &[TRUST, ("ssl.truststore.certificates", "hush")],
                &["ssl.truststore.certif", TRUST.0],
            ),
            (&[PASSWORD], &["ssl.truststore.password", "ssl.truststore.location is not"]),
            (&[("ssl.ca.pem", "hush"), PASSWORD], &[PASSWORD.0, "no use to ssl.ca.pem"]),
            (
                &[("ssl.truststore.certificates", "hush"), ("ssl.truststore.type", "JKS")],
                &["ssl.truststore.type: is JKS", "ssl.truststore.certificates is set"],
            ),
            (&[("ssl.key.pem", "hush")], &["ssl.key.pem", "ssl.certificate.location"]),
            (&[("ssl.certificate.pem", "hush")], &["ssl.certificate.pem", "ssl.key.location"]),
            (
                &[("ssl.key.password", "hush")],
                &["ssl.key.password", "ssl.keystore.location is not"],
            ),
            (
                &[("ssl.keystore.location", "/x"), ("ssl.key.location", "/y")],
                &["ssl.key.location: is set, and ssl.keystore.location is too"],
            ),
            (&[("ssl.keystore.type", "BKS")], &["none of JKS, PKCS12, PEM"]),
            (&[("ssl.enabled.protocols", "TLSv1.1")], &["names neither TLSv1.2 nor TLSv1.3"]),
            (&[("ssl.protocol", "SSLv3")], &["ssl.protocol", "is none of TLS, TLSv1.2, TLSv1.3"]),
            (&[("ssl.provider", "SunJSSE")], &["ssl.provider", "part of the Java runtime"]),
            (
                &[("ssl.engine.factory.class", "a.B")],
                &["part of the Java runtime", "Tls::provider"],
            ),
            (
                &[("enable.ssl.certificate.verification", "false")],
                &["would let anyone pass for a broker", "ssl.ca.location"],
            ),
            (&[("ssl.crl.location", "/x")], &["ssl.crl.location", "does not have"]),
        ];
        for (pairs, wanted) in rows {
            let pairs = [&[SSL], *pairs].concat();
            let text = Properties::from_pairs(pairs.clone()).unwrap_err().to_string();
            for words in *wanted {
                assert!(text.contains(words), "{pairs:?}: {text}");
            }
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn nothing_about_tls_is_passed_over_in_silence_without_it() {
        for protocol in [("security.protocol", "PLAINTEXT"), ("client.id", "x")] {
            let pairs = [protocol, ("ssl.ca.location", "/x")];
            let text = Properties::from_pairs(pairs).unwrap_err().to_string();
            let wanted = "ssl.ca.location: is set, and security.protocol is PLAINTEXT, which does";
            assert!(text.starts_with(wanted), "{text}");
        }
    }

    #[test]
    fn debug_shows_neither_a_key_nor_a_password() {
        let properties = Properties::from_pairs([
            SSL,
            ("ssl.keystore.key", "hush"),
            ("ssl.keystore.certificate.chain", "PEM"),
            ("ssl.key.password", "hush"),
        ]);
        let text = format!("{:?}", properties.unwrap());
        assert!(!text.contains("hush"), "{text}");
    }
}
