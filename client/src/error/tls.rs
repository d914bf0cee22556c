//! What can go wrong while a connection is being encrypted.

use std::fmt;
use std::time::Duration;

use super::rounded::Rounded;
use super::told::Told;

/// Why a connection could not be encrypted.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The broker's certificate leads to no certificate that is trusted.
    UnknownIssuer {
        /// What is trusted, in words.
        trusted: Box<str>,
        /// Who issued the certificate, as it says itself: `CN=Test CA`. Empty if that is not known.
        issuer: Box<str>,
    },
    /// The broker's certificate, or one that it leads to, is no longer valid.
    Expired {
        /// Its end, in seconds since 1970.
        end: u64,
        /// The time by this machine's clock, in seconds since 1970.
        now: u64,
    },
    /// The broker's certificate, or one that it leads to, is not valid yet.
    NotYetValid {
        /// Its begin, in seconds since 1970.
        begin: u64,
        /// The time by this machine's clock, in seconds since 1970.
        now: u64,
    },
    /// The broker's certificate is for other hosts.
    WrongHost {
        /// The host that was connected to.
        host: Box<str>,
        /// The hosts that it is for.
        valid_for: Box<[Box<str>]>,
    },
    /// Something else is wrong with the broker's certificate.
    BadCertificate {
        /// What is wrong.
        problem: Box<str>,
    },
    /// The broker wants to see a certificate, and this client has none.
    CertificateWanted,
    /// The broker does not take this client's certificate.
    CertificateRefused {
        /// The broker's word for it: the name of TLS's alert.
        alert: Box<str>,
    },
    /// The listener does not speak TLS.
    NotTls,
    /// The broker closed the connection in the middle.
    HungUp,
    /// The two have no version of TLS in common.
    NoCommonVersion,
    /// The two have nothing else in common that is needed: a cipher suite, a kind of signature.
    NothingInCommon,
    /// It took too long.
    TimedOut(Duration),
    /// What this client should work with, such as its files, cannot be used.
    Unusable(Box<str>),
    /// Another of TLS's errors.
    Other(Box<str>),
}

impl TlsFault {
    /// Whether the same may succeed a moment later, with nothing changed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::HungUp | Self::TimedOut(_))
    }
}

impl TlsFault {
    pub(super) fn is_unknown_issuer(&self) -> bool {
        matches!(self, Self::UnknownIssuer { .. })
    }

    /// What it is, and what may help.
    pub(super) fn told(&self) -> Told {
        match self {
            Self::UnknownIssuer { trusted, issuer } => Told::new(
                match &**issuer {
                    "" => format!(
                        "its certificate is not signed by anyone that is trusted ({trusted})"
                    ),
                    issuer => format!(
                        "its certificate is not signed by anyone that is trusted ({trusted}): it \
                         was issued by {issuer}"
                    ),
                },
                "name the CA's certificate in ssl.truststore.location or ssl.ca.location",
            ),
            Self::Expired { end, now } => Told::new(
                format!(
                    "its certificate, or its CA's, expired on {}, and it is {} by this machine's \
                     clock",
                    Day(*end),
                    Day(*now)
                ),
                "renew it, or set the clock",
            ),
            Self::NotYetValid { begin, now } => Told::new(
                format!(
                    "its certificate, or its CA's, is not valid before {}, and it is {} by this \
                     machine's clock",
                    Day(*begin),
                    Day(*now)
                ),
                "set the clock, or wait",
            ),
            Self::WrongHost { host, valid_for } if valid_for.is_empty() => Told::new(
                format!("its certificate names no host, and {host} is wanted"),
                "give it a subject alternative name (a common name does not count)",
            ),
            Self::WrongHost { host, valid_for } => Told::new(
                format!("its certificate is for {}, not for {host}", valid_for.join(", ")),
                "connect by a name that it has, also in advertised.listeners, or add this one to \
                 its subject alternative names",
            ),
            Self::BadCertificate { problem } => {
                Told::of_text(problem).map(|problem| format!("its certificate {problem}"))
            }
            Self::CertificateWanted => Told::new(
                "it wants a certificate of the client (ssl.client.auth=required)",
                "give one in ssl.keystore.location, or in ssl.certificate.location and \
                 ssl.key.location",
            ),
            Self::CertificateRefused { alert } => Told::new(
                format!("it does not accept the client's certificate ({alert})"),
                match &**alert {
                    "certificate_expired" => {
                        "the certificate in ssl.keystore.location, or its CA's, has expired by \
                         the broker's clock: renew it"
                    }
                    "certificate_revoked" => {
                        "the certificate in ssl.keystore.location was revoked: have a new one made"
                    }
                    _ => {
                        "check that the broker's ssl.truststore.location has its CA, and that it \
                         is for client authentication"
                    }
                },
            ),
            Self::NotTls => Told::new(
                "this listener does not speak TLS",
                "use security.protocol=PLAINTEXT or SASL_PLAINTEXT, or the port of an SSL or \
                 SASL_SSL listener",
            ),
            Self::HungUp => Told::new(
                "it closed the connection in the TLS handshake",
                "if this listener does not speak TLS, use security.protocol=PLAINTEXT or \
                 SASL_PLAINTEXT, or another port",
            ),
            Self::NoCommonVersion => Told::new(
                "it speaks no version of TLS that this client does",
                "check ssl.enabled.protocols of both: TLSv1.2 and TLSv1.3 are spoken here",
            ),
            Self::NothingInCommon => Told::new(
                "the two have no cipher suite or kind of key in common, or it misses a \
                 certificate of the client",
                "check ssl.cipher.suites, that the broker's key is RSA, P-256, P-384 or Ed25519, \
                 and ssl.keystore.location",
            ),
            Self::TimedOut(after) => Told::new(
                format!("no answer to the TLS handshake within {}", Rounded(*after)),
                "is the port that of an SSL or SASL_SSL listener?",
            ),
            Self::Unusable(problem) => Told::of_text(problem),
            Self::Other(problem) => {
                Told::of_text(problem).map(|problem| format!("TLS failed: {problem}"))
            }
        }
    }
}

impl std::error::Error for TlsFault {}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

/// A time in seconds since 1970, which shows as a day: `2026-11-27`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day(pub u64);

impl fmt::Display for Day {
    /// Counts in years that begin with March, so that the leap day is a year's last.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 / 86_400 + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let (month, carry) = match month_from_march {
            0..=9 => (month_from_march + 3, 0),
            _ => (month_from_march - 9, 1),
        };
        write!(f, "{:04}-{month:02}-{day:02}", era * 400 + year_of_era + carry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_as_a_day() {
        let rows = [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (4_102_444_799, "2099-12-31"),
        ];
        for (seconds, wanted) in rows {
            assert_eq!(Day(seconds).to_string(), wanted);
        }
    }
}
