//! Conversations with KDCs: an answer in, the next question or a ticket out. *Core.*
//!
//! | module | holds |
//! | --- | --- |
//! | `action` | what follows in a conversation |
//! | `login` | a first ticket, for keys from a keytab (AS exchange) |
//! | `search` | a ticket for a service, or a renewed one, by means of a ticket (TGS exchange) |

mod action;
mod login;
mod search;

pub use action::{Action, Lifetimes};
pub use login::Login;
pub use search::TicketSearch;
