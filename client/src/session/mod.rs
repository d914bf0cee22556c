//! Records are read, worked on and written, each exactly once (KIP-98, KIP-447).
//!
//! A [`Session`] is the member of a group and a transactional producer in one. A [`Round`] has
//! records that were read, and takes what is made of them; its end commits both or neither. When
//! the group has taken partitions away in between, the round is aborted by itself, and whoever has
//! them now reads the same records: nothing is left out, and readers of committed records see
//! nothing twice.
//!
//! ```
//! use kurier_client::error::ErrorKind;
//! use kurier_client::session::{Ended, Reason};
//! use kurier_client::{Client, Record};
//! # use kurier_client::consumer::OffsetReset;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), kurier_client::Error> {
//! # let cluster = kurier_testkit::TestCluster::builder().topic("orders", 2).topic("bills", 2);
//! # let cluster = cluster.build();
//! # let client = Client::builder(cluster.bootstrap()).env(cluster.env(1)).connect().await?;
//! # client.producer().build().await?.send(Record::to("orders").value("o")).await?;
//! let orders = client.consumer().group("billing").subscribe(["orders"]);
//! # let orders = orders.offset_reset(OffsetReset::Earliest);
//! let mut session = client.session("billing-1", orders).start().await?;
//! while let Some(round) = session.begin().await? {
//!     for batch in round.batches() {
//!         for record in batch.records() {
//!             let bill = record?.value.unwrap_or_default();
//!             drop(round.enqueue(Record::to("bills").value(bill)).await?);
//!         }
//!     }
//!     if let Ended::NotCommitted(Reason::Refused(error)) = round.end().await? {
//!         // The same records come again, here or elsewhere, and what is refused for a lasting
//!         // reason would be so for ever. That the group has gone on without the member passes.
//!         // `Session::run` does this, and waits a little between two such rounds.
//!         if error.kind() != ErrorKind::Membership {
//!             return Err(error);
//!         }
//!     }
//! #   break;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Nothing can be marked or committed past the rounds: the consumer is the session's own. Between
//! them partitions can be [sought](Session::seek) and [paused](Session::pause).

mod ended;
mod reads;
mod beginning;
mod handle;
mod round;
mod run;
mod builder;

pub use self::builder::SessionBuilder;
pub use self::ended::{Ended, Reason};
pub use self::handle::Session;
pub use self::round::Round;
pub use self::run::Work;
