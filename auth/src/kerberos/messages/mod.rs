//! The messages of RFC 4120, as far as clients and services of Kafka need them. *Core.*
//!
//! | module | holds |
//! | --- | --- |
//! | `usage` | what a key is used for |
//! | `parts` | encrypted data, names, keys, preauthentication data |
//! | `ticket` | tickets, and what is encrypted in them |
//! | `request` | what a KDC is asked |
//! | `application` | how a client shows its ticket to a service, and the service's answer |
//! | `reply` | what a KDC answers |
//! | `refusal` | KRB-ERROR |

pub(crate) mod usage;
mod parts;
mod ticket;
mod request;
mod application;
mod refusal;
mod reply;

pub(crate) use application::{ApReply, ApRequest, Authenticator};
pub(crate) use parts::{PaData, PaKind, encryption_types_of, pa_data_of};
#[cfg(any(test, feature = "kdc"))]
pub(crate) use parts::{Sealed, key_der, name_der, pa_data_der, read_name, tag};
pub use refusal::is_too_big;
pub(crate) use refusal::read_refusal;
pub use reply::unusable_reply;
pub(crate) use reply::{Expected, KdcReply};
pub(crate) use request::{Body, KdcRequest, encrypted_timestamp, option};
pub(crate) use ticket::TicketPart;
