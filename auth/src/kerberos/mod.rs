//! Kerberos 5 and GSSAPI (RFC 4120, 4121, 4752), written in Rust, as cores.
//!
//! | module | holds |
//! | --- | --- |
//! | `error` | what can go wrong; the codes of KDCs, with what helps against them |
//! | `crypto` | encryption types 17 to 20 |
//! | `keytab`, `ccache`, `config` | the files of MIT's library: keys, tickets, `krb5.conf` |
//! | `moment` | time and random bytes, which a core gets for each step |
//! | `messages` | what crosses the wire |
//! | `exchange` | conversations with KDCs: a first ticket, tickets for services, renewal |
//! | `gss` | GSSAPI as a SASL mechanism, both halves |
//! | `kdc` | a small KDC for tests, with the feature `kdc` |
//!
//! Nothing here performs I/O, reads a clock or draws a number.

mod error;
mod der;
mod principal;
mod crypto;
mod cursor;
mod keytab;
mod credential;
mod ccache;
mod config;
mod moment;
mod messages;
mod exchange;
mod gss;
#[cfg(any(test, feature = "kdc"))]
pub mod kdc;

pub use ccache::{CacheName, TicketCache};
pub use config::{Config, ConfigReader, Kdc, Transport, Wanted};
pub use credential::Credential;
pub use crypto::{EncryptionType, Key};
pub use error::{Error, Refusal};
pub use exchange::{Action, Lifetimes, Login, TicketSearch};
#[doc(hidden)]
pub use gss::GssapiHabits;
pub use gss::{GssapiClient, GssapiServer};
pub use keytab::Keytab;
pub use messages::{is_too_big, unusable_reply};
pub use moment::Moment;
pub use principal::Principal;
