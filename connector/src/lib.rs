//! The connector of Kurier: sources and sinks over Kafka, with checkpoints and exactly-once.
//!
//! It is at its beginning. What is here decides where a source begins to read:
//! [`StartingOffset`]. Splits, checkpoints, sinks and pipelines are not here yet.
//!
//! ```
//! use kurier_client::Start;
//! use kurier_connector::{OffsetMap, StartingOffset};
//!
//! let start: StartingOffset = "earliest".parse()?;
//! assert_eq!(start.of("orders", 0), Start::Earliest);
//!
//! // Partition 0 of `orders` where somebody left it, all others at their end.
//! let known: OffsetMap = [(("orders".into(), 0), 17)].into();
//! let start = StartingOffset::from(known).otherwise(StartingOffset::Latest);
//! assert_eq!(start.of("orders", 0), Start::Offset(17));
//! assert_eq!(start.of("orders", 1), Start::Latest);
//! # Ok::<(), kurier_connector::Error>(())
//! ```

mod error;
mod starting_offset;

pub use error::Error;
pub use starting_offset::{OffsetMap, StartingOffset};
