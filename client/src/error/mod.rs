//! What can go wrong, as facts; and what to do about what a broker says.

mod words;
mod told;
mod release;
mod rounded;
mod login;
mod tls;
mod fault;
mod waiting;
mod oversized;
mod acl;
mod transaction;
mod remedy;
mod questions;
mod kind;
mod variants;
mod advice;
mod text;
mod class;

pub use fault::{About, Advertised, Attempt, Cause, Fault};
pub use kind::{ErrorKind, Origin};
pub use login::{LoginFailure, LoginFault};
pub use oversized::Oversized;
pub(crate) use questions::changes_nothing;
pub use remedy::{Remedy, remedy};
pub(crate) use remedy::{
    may_be_done, means_forbidden, means_forgotten, means_left_behind, means_missing, means_named,
    means_not_tried, means_nothing_open, means_old_rules, means_rebalance, means_still_ending,
    means_wrong_epoch, means_young,
};
pub(crate) use rounded::Rounded;
pub use tls::{Day, TlsFault};
pub use transaction::TransactionFate;
pub use variants::Error;
pub use waiting::{Holdup, Standstill, Waiting};
pub(crate) use words::{WORDS_CHARS_MAX, shown};

#[cfg(test)]
mod tests;
