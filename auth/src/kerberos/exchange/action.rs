//! What follows in a conversation with KDCs. *Core.*

use std::fmt;

use crate::kerberos::credential::Credential;
use crate::kerberos::error::shown;

/// What follows in a conversation.
pub enum Action {
    /// Send this to a KDC of the realm, and hand in its answer.
    Ask {
        /// The realm.
        realm: Vec<u8>,
        /// The question.
        request: Vec<u8>,
    },
    /// The ticket is there.
    Done(Box<Credential>),
}

/// Without the question, which may hold a ticket.
impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { realm, request } => f
                .debug_struct("Ask")
                .field("realm", &shown(&String::from_utf8_lossy(realm)))
                .field("request", &format_args!("{} bytes", request.len()))
                .finish(),
            Self::Done(credential) => f.debug_tuple("Done").field(credential).finish(),
        }
    }
}

/// For how long tickets are asked for. KDCs may give less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// How long a ticket is good, in seconds. `krb5.conf`: `ticket_lifetime`. Default: a day.
    pub ticket: i64,
    /// For how long it can be renewed, in seconds. `krb5.conf`: `renew_lifetime`. Default: a week.
    pub renew: i64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self { ticket: 86_400, renew: 7 * 86_400 }
    }
}
