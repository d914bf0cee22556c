//! Checks of what a run has shown, whichever client and brokers it was of.
//!
//! A [`History`] says what processes did and saw: what they sent, polled, and committed, when they
//! began and when they knew how it ended, and that in three values ([`Outcome`]). [`Check`] reads
//! it and finds every promise of Kafka ([`Invariant`]) that was broken, with the operations that
//! prove it, and makes a failing history small. It knows nothing of clients or clusters.
//!
//! A program is checked by noting what it does with a [`Recorder`]:
//!
//! ```
//! use kurier_testkit::Isolation;
//! use kurier_testkit::history::{
//!     Action, Check, History, Invariant, Outcome, Recorder, Start, TopicPartition,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = || TopicPartition::new("orders", 0);
//! let recorder = Recorder::new();
//!
//! // Around each call of the client: what begins, and how it ended. Every record that is sent has
//! // a value of its own, which the program can find again in what it polls.
//! for (value, offset) in [(17, 0), (18, 1), (19, 2)] {
//!     let sending = recorder.send(1, orders(), value);
//!     // .. the client sends, and says: stored at this offset.
//!     sending.acknowledged(offset);
//! }
//! // One more was not refused for certain, so it may be there or come yet.
//! recorder.send(1, orders(), 20).end(Outcome::Unknown);
//!
//! recorder.note(2, Action::Assign(vec![(orders(), Start::Earliest)]));
//! let polling = recorder.poll(2, Isolation::Committed);
//! // .. the client polls, and gives the records at 0 and 2.
//! polling.polled(orders(), vec![(0, 17), (2, 19)]);
//! polling.end(Outcome::Ok);
//!
//! let history = recorder.history();
//! let check = Check::new().drained();
//! let broken = check.run(&history);
//! assert_eq!(broken[0].invariant, Invariant::J2);
//! assert_eq!(
//!     broken[0].to_string(),
//!     "J2, Q1 lost write: orders-0 @1 value 18 was polled by nobody, but @2 was \
//!      (operations 1 4 5)",
//! );
//!
//! // What is needed to show it is short, and can be kept and replayed.
//! let small = check.shrink(&history).expect("it fails");
//! assert_eq!(small.operations.len(), 2);
//! let kept = small.to_string();
//! assert_eq!(check.run(&kept.parse::<History>()?).len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! The example `history` checks a history that was kept in a file; `checked`, one of the client's,
//! is a whole program that notes what it does. Very long histories are checked in seconds: see
//! `docs/performance.md`.

mod operation;
mod text;
mod invariant;
mod violation;
mod facts;
mod stands;
mod visible;
mod walk;
mod losses;
mod lag;
mod groups;
mod flushes;
mod shrink;
mod check;
mod recorder;

pub use check::Check;
pub use invariant::Invariant;
pub use operation::{
    Action, End, History, Offsets, Operation, Outcome, Polled, Sent, Start, Step, Stretch,
    TopicPartition, Txn,
};
pub use recorder::{Pending, Recorder};
pub use text::ParseError;
pub use violation::Violation;

#[cfg(test)]
mod tests;
