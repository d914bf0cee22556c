//! Administration: topics and their partitions.

mod handle;
mod rounds;
mod topics;
mod partitions;

pub use handle::Admin;
pub use rounds::Outcomes;
pub use topics::NewTopic;
