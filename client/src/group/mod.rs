//! Consumer groups: who reads which partitions, and how members agree on it.
//!
//! An [`Assignor`] divides the partitions of a group's topics among its members. In a classic group
//! one of the members does it for all, so every member must be able to use the same one; that is
//! why they have names, and why these give what those of other clients give.

mod members;
mod subscription;
mod assignor;
mod config;
mod moment;
#[cfg_attr(not(test), expect(dead_code, reason = "the task that joins a group is not there yet"))]
mod event;
#[cfg_attr(not(test), expect(dead_code, reason = "the task that joins a group is not there yet"))]
mod classic;
#[cfg_attr(not(test), expect(dead_code, reason = "the task that joins a group is not there yet"))]
mod offsets;
#[cfg_attr(not(test), expect(dead_code, reason = "the task that joins a group is not there yet"))]
mod consumer;
#[cfg(test)]
mod tests;

pub use self::assignor::{Assign, Assignor};
pub use self::classic::Farewell;
pub use self::config::GroupConfig;
pub use self::event::{Loss, Revocation};
pub use self::members::{GroupMember, GroupTopics, Plan};
