//! SASL for Kafka: both halves of each mechanism, as cores.
//!
//! A [`Mechanism`] gets the bytes that the other side has sent and says which bytes to send back.
//! It performs no I/O, reads no clock and draws no number; what carries its bytes (Kafka's
//! `SaslAuthenticate`) is somebody else's business. The client half serves `kurier-client`, the
//! server half the cluster of `kurier-testkit`.
//!
//! | module | mechanism | what crosses the wire |
//! | --- | --- | --- |
//! | (here) | `PLAIN` | the password as it is: it belongs inside TLS |
//! | [`scram`] | `SCRAM-SHA-256`, `SCRAM-SHA-512` | proofs that both sides know the password |
//! | [`oauthbearer`] | `OAUTHBEARER` | a token as it is: it belongs inside TLS |
//! | [`oidc`] | - | not a mechanism: a request to an OAuth endpoint, and the token in its answer |
//! | `kerberos` | `GSSAPI` | a ticket that a KDC has given out for the broker |
//!
//! ```
//! use kurier_auth::{Mechanism, PlainClient, PlainServer, Secret, Step};
//!
//! let mut client = PlainClient::new("alice", Secret::new("wonderland"))?;
//! let mut server = PlainServer::new(|user, password| user == "alice" && password == "wonderland");
//!
//! let Step::Continue(token) = client.step(b"")? else { panic!("PLAIN begins with the client") };
//! let Step::Done(answer) = server.step(&token)? else { panic!("one token is enough") };
//! assert_eq!(client.step(&answer)?, Step::Done(Vec::new()));
//! assert_eq!(server.user(), Some("alice"));
//! # Ok::<(), kurier_auth::Error>(())
//! ```

mod error;
mod secret;
mod mechanism;
mod json;
mod plain;
pub mod scram;
pub mod oauthbearer;
pub mod oidc;
#[cfg(feature = "kerberos")]
pub mod kerberos;

pub use error::Error;
pub use mechanism::{Mechanism, Step};
pub use plain::{PlainClient, PlainServer};
pub use secret::Secret;
