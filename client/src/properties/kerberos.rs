//! What settings say about Kerberos, by their own names and in `sasl.jaas.config`. *core*

use std::time::Duration;

use super::jaas::KerberosLogin;
#[cfg(feature = "kerberos")]
use super::jaas::once;
use crate::error::Error;
use crate::security::Sasl;
#[cfg(feature = "kerberos")]
use crate::security::kerberos::{Kerberos, KerberosConfig, TicketSource};

/// What was set, as it was set.
#[derive(Clone, Debug, Default)]
pub(super) struct KerberosSettings {
    pub(super) service_name: Option<String>,
    pub(super) principal: Option<String>,
    pub(super) keytab: Option<String>,
    pub(super) renew_factor: Option<f64>,
    pub(super) renew_jitter: Option<f64>,
    pub(super) relogin_gap: Option<Duration>,
}

impl KerberosSettings {
    /// The first of them that is set.
    pub(super) fn first_key(&self) -> Option<&'static str> {
        self.keys().next()
    }

    /// Those that are set.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            (SERVICE, self.service_name.is_some()),
            (PRINCIPAL, self.principal.is_some()),
            (KEYTAB, self.keytab.is_some()),
            ("sasl.kerberos.ticket.renew.window.factor", self.renew_factor.is_some()),
            ("sasl.kerberos.ticket.renew.jitter", self.renew_jitter.is_some()),
            ("sasl.kerberos.min.time.before.relogin", self.relogin_gap.is_some()),
        ];
        keys.into_iter().filter(|(_, is_set)| *is_set).map(|(key, _)| key)
    }

    /// The login that they and `sasl.jaas.config` come to.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] for settings that contradict each other, or that this build cannot serve.
    #[cfg(feature = "kerberos")]
    pub(super) fn sasl(&self, jaas: Option<&KerberosLogin>) -> Result<Sasl, Error> {
        let mut config = KerberosConfig::default();
        let in_jaas = jaas.and_then(|jaas| jaas.service_name.as_ref());
        let service = once(SERVICE, self.service_name.as_ref(), in_jaas)?;
        config.service = service.unwrap_or(config.service);
        let in_jaas = jaas.and_then(|jaas| jaas.principal.as_ref());
        config.principal = once(PRINCIPAL, self.principal.as_ref(), in_jaas)?;
        let in_jaas = jaas.and_then(|jaas| jaas.keytab.as_ref());
        let keytab = once(KEYTAB, self.keytab.as_ref(), in_jaas)?;
        let keytab = keytab.map(|name| name.strip_prefix("FILE:").unwrap_or(&name).into());
        config.source = match jaas {
            // Java looks into the cache first; a keytab is what does not end.
            Some(login) if login.use_keytab => TicketSource::Keytab(keytab),
            Some(login) if login.use_ticket_cache => {
                TicketSource::Cache(login.ticket_cache.clone())
            }
            Some(_) if keytab.is_none() => {
                return Err(Error::invalid(
                    "sasl.jaas.config",
                    "has neither useKeyTab=true nor useTicketCache=true, and nobody can be asked \
                     for a password",
                ));
            }
            _ if keytab.is_some() => TicketSource::Keytab(keytab),
            _ => TicketSource::Cache(None),
        };
        config.renew_window_factor = self.renew_factor.unwrap_or(config.renew_window_factor);
        config.renew_jitter = self.renew_jitter.unwrap_or(config.renew_jitter);
        config.relogin_interval_min = self.relogin_gap.unwrap_or(config.relogin_interval_min);
        Ok(Sasl::Gssapi(Kerberos::new(config)))
    }

    /// The login that they and `sasl.jaas.config` come to.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`]: this build has no Kerberos.
    #[cfg(not(feature = "kerberos"))]
    pub(super) fn sasl(&self, _: Option<&KerberosLogin>) -> Result<Sasl, Error> {
        Err(Error::invalid(
            "sasl.mechanism",
            "GSSAPI, which is the default, is not built in (feature kerberos); \
             the others are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER",
        ))
    }
}

const SERVICE: &str = "sasl.kerberos.service.name";
const PRINCIPAL: &str = "sasl.kerberos.principal";
const KEYTAB: &str = "sasl.kerberos.keytab";

#[cfg(all(test, feature = "kerberos"))]
mod tests {
    use super::*;

    fn config(
        settings: &KerberosSettings,
        jaas: Option<&KerberosLogin>,
    ) -> Result<KerberosConfig, Error> {
        match settings.sasl(jaas)? {
            Sasl::Gssapi(kerberos) => Ok(kerberos.config().clone()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_keytab_or_the_ticket_cache_is_taken_as_either_client_names_it() {
        let some = |text: &str| Some(text.to_owned());
        let none = KerberosSettings::default();
        assert_eq!(config(&none, None).unwrap(), KerberosConfig::default());
        let own = KerberosSettings { keytab: some("/k"), principal: some("a@R"), ..none.clone() };
        let from_names = config(&own, None).unwrap();
        assert_eq!(from_names.source, TicketSource::Keytab(some("/k").map(Into::into)));
        let mut jaas = KerberosLogin { use_keytab: true, ..Default::default() };
        (jaas.keytab, jaas.principal) = (some("FILE:/k"), some("a@R"));
        assert_eq!(config(&none, Some(&jaas)).unwrap(), from_names);
        let cache = KerberosLogin { use_ticket_cache: true, ..Default::default() };
        let cache = KerberosLogin { ticket_cache: some("/c"), ..cache };
        assert_eq!(config(&none, Some(&cache)).unwrap().source, TicketSource::Cache(some("/c")));
    }

    #[test]
    fn contradictions_are_named() {
        let some = |text: &str| Some(text.to_owned());
        let own = KerberosSettings { service_name: some("kafka"), ..Default::default() };
        let mut jaas = KerberosLogin { use_keytab: true, ..Default::default() };
        jaas.service_name = some("broker");
        let error = config(&own, Some(&jaas)).unwrap_err().to_string();
        assert!(error.starts_with("sasl.kerberos.service.name: is set, and sasl.jaas"), "{error}");
        let error = config(&own, Some(&KerberosLogin::default())).unwrap_err().to_string();
        assert!(error.contains("useTicketCache=true"), "{error}");
    }
}
