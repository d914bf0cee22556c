//! The single steps of transactions, and questions about them (KIP-98, KIP-447, KIP-664, KIP-890),
//! for connectors and tools that go on with what another process has begun.
//!
//! A program that only wants to write in transactions has no need of them. Each step is one request
//! to whoever must answer it. It is sent again where nothing of it was done: to the coordinator
//! that has moved, while the last transaction still ends, while a log is loaded. It is *not* sent
//! again after an attempt whose answer was lost ([`Error::maybe_written`](crate::Error)): the
//! caller must know of it, as that attempt may still arrive. With `transaction.version` 2 it can do
//! no harm then; below it, it may end or change the *next* transaction of that name (KAFKA-17754),
//! unless [`init_producer_id`](Transactions::init_producer_id) comes in between.

mod identity;
mod outcome;
mod handle;
mod attempt;
mod rounds;
mod offsets;
mod init;
mod add;
mod end;
mod commit;
mod committed;
mod list;
mod describe;
mod producers;
mod markers;

pub(crate) use committed::OffsetQuestion;
pub use describe::TransactionDescription;
pub use handle::Transactions;
pub use identity::{BegunTransaction, ProducerIdAndEpoch, TransactionEnd, TransactionVersion};
pub use list::{ListedTransaction, TransactionFilter, TransactionListing};
pub use markers::TransactionMarker;
pub use offsets::{ConsumerGroupMetadata, GroupOffset};
pub use outcome::{PartitionOutcome, TopicPartition};
pub use producers::ActiveProducer;
