//! Records in: positions, fetches, the buffer between task and user, and the task itself.
//!
//! A partition is there twice: as a `Slot` for the user and as a `Track` for the brokers; orders go
//! down, entries come up, and a `Turn` says which are of one time.
//!
//! A task asks each broker for the partitions that it leads, one fetch at a time on a connection,
//! and names what has changed since the last one; what comes lies in a buffer until
//! [`Consumer::next`] takes it, batch by batch, and unpacks it there. A consumer that is
//! [split](Consumer::split) has a reader for each partition instead, each with its own part of the
//! buffer.

mod config;
mod turn;
mod cuts;
mod pace;
mod batch;
mod entry;
mod slot;
mod buffer;
mod taking;
mod ordering;
mod readers;
mod replica;
mod lane;
mod position;
mod aborted;
mod reading;
mod plan;
mod session;
mod seat;
mod lookup;
mod question;
mod fetcher;
mod checking;
mod asking;
mod found;
mod answer;
mod shared;
mod driver;
mod holding;
mod control;
mod member;
mod intake;
mod handle;
mod poll;
mod membership;
mod rounds;
mod split;
mod builder;

pub use self::batch::{FetchedBatch, FetchedRecords};
pub use self::builder::ConsumerBuilder;
pub use self::config::{ConsumerConfig, Corrupt, OffsetReset, Start, Stop};
pub use self::control::Control;
pub use self::handle::Consumer;
pub use self::membership::RecordPlace;
pub use self::poll::FetchedRecord;
pub(crate) use self::shared::Lease;
pub use self::split::{PartitionReader, Split};
pub(crate) use self::turn::{Mark, Turn};
