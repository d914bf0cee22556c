//! Who is at the other end, and who reads along: how connections are secured.

mod tasks;
mod first_answer;
mod renewal;
mod bearer;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "kerberos")]
pub mod kerberos;
pub mod oidc;
mod sasl;

pub use bearer::{BearerToken, OauthBearer, TokenProvider, UnsecuredLogin};
pub use kurier_auth::Secret;
pub use kurier_auth::scram::ScramHash;
pub(crate) use sasl::Pass;
pub use sasl::Sasl;
#[cfg(feature = "tls")]
pub use tls::Tls;

/// Whether connections can be encrypted.
pub const HAS_TLS: bool = cfg!(feature = "tls");

/// The SASL mechanisms that this build can log in with, in the order of their names.
#[cfg(feature = "kerberos")]
pub const MECHANISMS: &[&str] =
    &["GSSAPI", "OAUTHBEARER", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// The SASL mechanisms that this build can log in with, in the order of their names.
#[cfg(not(feature = "kerberos"))]
pub const MECHANISMS: &[&str] = &["OAUTHBEARER", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
