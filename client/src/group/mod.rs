//! Consumer groups: who reads which partitions, and how members agree on it.
//!
//! An [`Assignor`] divides the partitions of a group's topics among its members. In a classic group
//! one of the members does it for all, so every member must be able to use the same one; that is
//! why they have names, and why these give what those of other clients give. With
//! [`GroupProtocol::Consumer`] the coordinator does it.
//!
//! A member has a task. It joins, reads the offsets that the group has committed, says to its
//! [`Consumer`](crate::consumer::Consumer) what to read, and commits what that has marked.

mod members;
mod subscription;
mod assignor;
mod protocol;
mod config;
mod moment;
mod event;
mod silence;
mod classic;
mod offsets;
mod consumer;
mod membership;
mod pattern;
mod reader;
mod pledge;
mod notices;
mod handle;
mod asking;
mod driver;
mod wishes;
mod handover;
mod enlist;
#[cfg(test)]
mod tests;

pub use self::assignor::{Assign, Assignor};
pub use self::classic::Farewell;
pub(crate) use self::classic::Member;
pub use self::config::GroupConfig;
pub(crate) use self::enlist::{Enlistment, enlist};
pub use self::event::{Loss, Revocation};
pub(crate) use self::handle::{Closing, Group, Tenure, Wanted};
pub use self::members::{GroupMember, GroupTopics, Plan};
pub(crate) use self::notices::Hearing;
pub use self::notices::{GroupEvent, GroupEvents, Release};
pub(crate) use self::pattern::{Pattern, Subscription};
pub(crate) use self::pledge::{Lot, Pledge};
pub use self::protocol::GroupProtocol;
pub(crate) use self::reader::{Marked, Reader};
