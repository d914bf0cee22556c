//! What the client knows of the cluster: an immutable picture, and what keeps it fresh.

mod picture;
mod hint;
mod merge;
mod wishes;
mod question;
mod refresh;
mod news;
mod recovery;
mod coordinators;
mod idle;
mod driver;

pub(crate) use coordinators::{Coordinators, KeyType};
pub(crate) use driver::{Driver, Publish, Sources, bootstrap};
pub(crate) use hint::Hint;
pub(crate) use idle::Idle;
pub use picture::{BrokerAddress, Leader, Partition, Picture, Topic};
pub(crate) use question::{question, usable};
pub use wishes::Creation;
pub(crate) use wishes::{Owner, Wishes};
