//! Records out: partitioner, accumulator, sender, and the task that runs them.
//!
//! [`Producer::enqueue`] encodes a record straight into the open batch of its partition and hands
//! back a [`Delivery`]; a task of its own seals batches, groups them by leader into requests, and
//! completes the deliveries of each batch at once.
//!
//! The life of a batch; what it is called in each state is the type that holds it:
//!
//! ```text
//! Open      in its Partition, under the lock; callers append. Its number is one more than the
//!   |       last one's, and the driver hears of it: the lane notes it in `unsettled`
//!   | full, or its number is at most the lane's `due` (linger, flush, end, space is short)
//!   v
//! Closed    in its Partition; no record is added. Those up to the lane's `taken` have left it
//!   | the leader may have one more request
//!   v
//! Sealed    in the lane's `waiting`: compressed, with header, checksum and number <.
//!   |                                                                             |
//!   v                                                                             |
//! Loaded    in the Assembly of its leader, then in a Flight until that is answered |
//!   |                                                                             |
//!   |-- retriable failure, after a backoff; or too large, as two pieces ----------'
//!   v
//! settled   stored or failed: the Part tells the deliveries, the space is given back, and
//!           `unsettled` forgets it, which ends the flushes that waited for it
//! ```
//!
//! If the producer is idempotent, the number is one of the partition's `Sequence`, under the
//! identity that the `Claim` has asked for before the first one left.
//!
//! Wherever it is, the delivery timeout ends it. In a flight it is then told, and stays until the
//! connection lets go of it; whether it may be written depends on the flight's `Gates`.

mod hash;
mod partitioner;
mod config;
mod sequence;
mod identity;
mod clearing;
mod transaction;
mod enrolment;
mod record;
mod adaptive;
mod turns;
mod names;
mod pool;
mod waiters;
mod fate;
mod means;
mod batch;
mod delivery;
mod tally;
mod accumulator;
mod sealed;
mod lane;
mod lanes;
mod linger;
mod flushes;
mod request;
mod response;
mod sender;
mod drain;
mod outcome;
mod attendance;
mod topics;
mod discovery;
mod driver;
mod enqueue;
mod placement;
mod handle;
mod builder;

pub use self::batch::{Delivery, RecordMetadata};
pub use self::builder::ProducerBuilder;
pub(crate) use self::clearing::{Clear, LastWrite};
pub use self::config::{Acks, Idempotence, ProducerConfig, TopicsConfig};
pub(crate) use self::config::{BUFFER_BYTES_LEAST, BYTES_MOST, REQUEST_BYTES_LEAST, level_range};
pub use self::handle::{Producer, TryEnqueueError};
pub(crate) use self::partitioner::NAMES;
pub use self::partitioner::{CustomPartitioner, Partitioner, Sticky, Unplaced};
pub use self::record::Record;
pub use self::tally::SendAllError;
pub(crate) use self::transaction::{Begin, End, Ended, Life, NextEpoch, Report, Trace};
