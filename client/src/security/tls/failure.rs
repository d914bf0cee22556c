//! From rustls' errors to faults. *core*

use std::io;
use std::net::IpAddr;

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use rustls_pki_types::ServerName;

use super::verifier::Stranger;
use crate::error::TlsFault;

/// What an error on a connection has to do with.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// What is trusted, in words.
    pub(super) trusted: Box<str>,
    /// Whether this client has a certificate to show.
    pub(super) has_identity: bool,
    /// Who issued the certificate that is not trusted.
    pub(super) stranger: Stranger,
}

impl Facts {
    /// What an error of a stream means, if TLS has a part in it.
    pub(super) fn fault(&self, error: &io::Error) -> Option<TlsFault> {
        let error = error.get_ref()?.downcast_ref::<Error>()?;
        Some(self.of_tls(error))
    }

    /// What an error of a handshake means.
    pub(super) fn fault_of_handshake(&self, error: &io::Error) -> TlsFault {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        if let Some(fault) = self.fault(error) {
            return fault;
        }
        match error.kind() {
            UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe => TlsFault::HungUp,
            _ => TlsFault::Other(error.to_string().into()),
        }
    }

    fn of_tls(&self, error: &Error) -> TlsFault {
        match error {
            Error::InvalidCertificate(error) => self.of_certificate(error),
            Error::AlertReceived(alert) => self.of_alert(*alert),
            Error::InvalidMessage(_) => TlsFault::NotTls,
            Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ) => TlsFault::NoCommonVersion,
            Error::PeerIncompatible(_) => TlsFault::NothingInCommon,
            other => TlsFault::Other(other.to_string().into()),
        }
    }

    fn of_certificate(&self, error: &CertificateError) -> TlsFault {
        let problem = match error {
            CertificateError::ExpiredContext { time, not_after } => {
                return TlsFault::Expired { end: not_after.as_secs(), now: time.as_secs() };
            }
            CertificateError::NotValidYetContext { time, not_before } => {
                return TlsFault::NotYetValid { begin: not_before.as_secs(), now: time.as_secs() };
            }
            CertificateError::UnknownIssuer => {
                let issuer = self.stranger.borrow().clone();
                return TlsFault::UnknownIssuer { trusted: self.trusted.clone(), issuer };
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                return TlsFault::WrongHost {
                    host: host(expected).into(),
                    valid_for: presented.iter().map(|name| bare(name).into()).collect(),
                };
            }
            CertificateError::BadSignature => {
                return TlsFault::UnknownIssuer {
                    trusted: format!("{}, with another key of the same name", self.trusted).into(),
                    issuer: "".into(),
                };
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                "is not for servers; make one with the extended key usage serverAuth".to_owned()
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                "has a key or signature of a kind that is not supported; RSA, P-256, P-384 and \
                 Ed25519 are, P-521 and SHA-1 are not"
                    .to_owned()
            }
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                "is a CA's own (basicConstraints CA:true), which cannot stand for a broker; make \
                 one that the CA has signed"
                    .to_owned()
            }
            other => format!("is not accepted: {other}"),
        };
        TlsFault::BadCertificate { problem: problem.into() }
    }

    fn of_alert(&self, alert: AlertDescription) -> TlsFault {
        let is_about_ours = matches!(
            alert,
            AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
        );
        match alert {
            _ if is_about_ours && !self.has_identity => TlsFault::CertificateWanted,
            // A certificate of ours that the broker's list of CAs rules out is never sent.
            _ if is_about_ours => TlsFault::CertificateRefused { alert: name(alert).into() },
            AlertDescription::ProtocolVersion => TlsFault::NoCommonVersion,
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                TlsFault::NothingInCommon
            }
            other => TlsFault::Other(format!("the broker said {}", name(other)).into()),
        }
    }
}

fn host(name: &ServerName<'_>) -> String {
    name.to_str().into_owned()
}

/// `localhost` of `DnsName("localhost")`.
fn bare(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    let inner = inner.unwrap_or(presented).trim_matches('"');
    match inner.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => inner.to_owned(),
    }
}

/// The name that the standard has for an alert.
fn name(alert: AlertDescription) -> String {
    let mut name = String::new();
    for letter in alert.as_str().unwrap_or("an unknown alert").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() && !name.ends_with(is_upper_before) {
            name.push('_');
        }
        name.push(letter);
    }
    name.to_ascii_lowercase()
}

fn is_upper_before(letter: char) -> bool {
    letter.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Cause;

    #[test]
    fn names_are_told_as_people_write_them() {
        assert_eq!(bare("DnsName(\"*.kafka.test\")"), "*.kafka.test");
        assert_eq!(bare("IpAddress(127.0.0.1)"), "127.0.0.1");
        assert_eq!(bare("IpAddress(0::1)"), "::1");
        assert_eq!(name(AlertDescription::CertificateRequired), "certificate_required");
        assert_eq!(name(AlertDescription::UnknownCA), "unknown_ca");
    }

    #[test]
    fn an_alert_about_certificates_depends_on_whether_one_was_shown() {
        let facts = |has_identity| Facts {
            trusted: "".into(),
            has_identity,
            stranger: Stranger::default(),
        };
        for alert in [AlertDescription::CertificateRequired, AlertDescription::BadCertificate] {
            assert_eq!(facts(false).of_alert(alert), TlsFault::CertificateWanted);
        }
        let refused = facts(true).of_alert(AlertDescription::UnknownCA);
        assert_eq!(refused, TlsFault::CertificateRefused { alert: "unknown_ca".into() });
        for (alert, wanted) in [
            (AlertDescription::UnknownCA, "ssl.truststore.location has its CA"),
            (AlertDescription::CertificateExpired, "has expired by the broker's clock: renew it"),
            (AlertDescription::CertificateRevoked, "was revoked: have a new one made"),
        ] {
            let advice = Cause::from(facts(true).of_alert(alert)).advice().unwrap();
            assert!(advice.contains(wanted), "{advice}");
        }
    }
}
