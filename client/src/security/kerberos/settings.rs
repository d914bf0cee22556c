//! What can be set about Kerberos.

use std::path::PathBuf;
use std::time::Duration;

use kurier_auth::kerberos::EncryptionType;

use crate::error::Error;

/// Settings of a login by Kerberos.
#[derive(Clone, Debug, PartialEq)]
pub struct KerberosConfig {
    /// As whom to log in: `alice@EXAMPLE.COM`. Kafka: `principal` in sasl.jaas.config; librdkafka:
    /// sasl.kerberos.principal. Default: whom the keytab or the ticket cache belongs to.
    pub principal: Option<String>,
    /// Where the first ticket comes from. Default: the default ticket cache.
    pub source: TicketSource,
    /// The first part of the brokers' principals. Kafka: sasl.kerberos.service.name.
    /// Default: `kafka`.
    pub service: String,
    /// The realm of the brokers. Kafka: none. Default: by `[domain_realm]` of `krb5.conf`, else
    /// the client's, whose KDC may refer to another one.
    pub realm: Option<String>,
    /// The files of configuration, the first of which counts first. Kafka: the system property
    /// java.security.krb5.conf. Default: those of `KRB5_CONFIG`, else `/etc/krb5.conf`.
    pub config_files: Option<Vec<PathBuf>>,
    /// After which part of a ticket's life to log in again.
    /// Kafka: sasl.kerberos.ticket.renew.window.factor. Default: 0.8.
    pub renew_window_factor: f64,
    /// How much of a ticket's life chance adds to that.
    /// Kafka: sasl.kerberos.ticket.renew.jitter. Default: 0.05.
    pub renew_jitter: f64,
    /// How long to wait at least between two logins, unless the ticket ends.
    /// Kafka: sasl.kerberos.min.time.before.relogin. Default: 60 s.
    pub relogin_interval_min: Duration,
    /// Which encryption types to use. Kafka: none. Default: those that `krb5.conf` permits.
    pub encryption_types: Option<Vec<EncryptionType>>,
    /// Whether KDCs are asked by datagrams first. Kafka: none. Default: no.
    pub datagrams_first: bool,
}

impl Default for KerberosConfig {
    fn default() -> Self {
        Self {
            principal: None,
            source: TicketSource::Cache(None),
            service: "kafka".to_owned(),
            realm: None,
            config_files: None,
            renew_window_factor: 0.8,
            renew_jitter: 0.05,
            relogin_interval_min: Duration::from_secs(60),
            encryption_types: None,
            datagrams_first: false,
        }
    }
}

impl KerberosConfig {
    /// Checks what cannot work.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names the setting.
    pub fn check(&self) -> Result<(), Error> {
        if self.service.is_empty() || self.service.contains(['/', '@']) {
            let problem = "must be the first part of the brokers' principals, such as kafka";
            return Err(Error::invalid("sasl.kerberos.service.name", problem));
        }
        if !(0.1..=0.95).contains(&self.renew_window_factor) {
            let setting = "sasl.kerberos.ticket.renew.window.factor";
            return Err(Error::invalid(setting, "must be from 0.1 to 0.95"));
        }
        if !(0.0..=0.25).contains(&self.renew_jitter) {
            let setting = "sasl.kerberos.ticket.renew.jitter";
            return Err(Error::invalid(setting, "must be from 0 to 0.25"));
        }
        Ok(())
    }
}

/// Where the first ticket comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TicketSource {
    /// A keytab: the client asks the KDC itself. Without a path it is that of `KRB5_CLIENT_KTNAME`
    /// or `default_client_keytab_name`, else of `KRB5_KTNAME` or `default_keytab_name`.
    Keytab(Option<PathBuf>),
    /// A ticket cache, which `kinit` or somebody else fills: `FILE:path`, `DIR:folder` or a path.
    /// Without a name it is that of `KRB5CCNAME`, or `default_ccache_name`, or
    /// `/tmp/krb5cc_<user id>`.
    Cache(Option<String>),
}
