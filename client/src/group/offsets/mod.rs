//! Core: the offsets of a member: where it starts, what is marked as done, and what is committed.
//!
//! Nothing is committed that was not marked, or named by the program. Marks only rise; a program
//! that commits an offset of its own says by it what is done, be it less than was marked. Commits
//! go out one after the other, so that none overtakes another; those that wait go as one.

mod commit;
mod ledger;
mod start;
mod progress;
#[cfg(test)]
mod tests;

pub(crate) use self::commit::CommitCall;
pub(crate) use self::ledger::{Done, Origin};
pub(crate) use self::progress::{Action, Progress};
pub(crate) use self::start::StartCall;
