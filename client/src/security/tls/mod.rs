//! TLS: whom to trust, who this client is, and streams that are encrypted.
//!
//! Cryptography is graviola's, which is written in Rust, unless [`Tls::provider`] says otherwise.
//! Versions 1.2 and 1.3 are spoken, with RSA, P-256, P-384 and Ed25519 keys; no P-521, no CBC, no
//! RSA key exchange. The files that settings name are read again whenever a connection is made, so
//! that certificates can be replaced without a restart; the system's certificates are not.

mod config;
mod pem;
#[cfg(feature = "keystores")]
mod jks;
#[cfg(feature = "keystores")]
mod work;
#[cfg(feature = "keystores")]
mod keystore;
mod material;
mod provider;
mod certificate;
mod verifier;
mod failure;
mod folder;
mod stream;
mod system;
mod connector;
#[cfg(test)]
mod tests;

pub use config::{Format, HostNames, Identity, Provider, Store, Tls, Trust, Versions};
pub(crate) use connector::{Connector, Secured};
