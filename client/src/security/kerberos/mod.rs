//! Kerberos: from a keytab or a ticket cache to a ticket for a broker.
//!
//! | module | holds |
//! | --- | --- |
//! | `settings` | what can be set |
//! | `failure` | why there is no ticket |
//! | `files` | reads `krb5.conf`, keytabs and ticket caches |
//! | `transport` | asks the KDCs of a realm, one beside the other |
//! | `converse` | carries a conversation with KDCs to its end |
//! | `login` | a ticket granting ticket: by keytab, from a cache, renewed |
//! | `schedule` | when to log in again; which tickets are still good (core) |
//! | `driver` | the task that holds the tickets |
//! | `handle` | `Kerberos`, what the client holds |

mod settings;
mod failure;
mod files;
mod transport;
mod converse;
mod schedule;
mod login;
mod driver;
mod handle;

pub use handle::Kerberos;
pub(crate) use handle::ShownTicket;
pub use kurier_auth::kerberos::EncryptionType;
pub use settings::{KerberosConfig, TicketSource};
