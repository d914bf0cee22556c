//! Consumer groups: who reads which partitions, and how members agree on it.
//!
//! An [`Assignor`] divides the partitions of a group's topics among its members. In a classic group
//! one of the members does it for all, so every member must be able to use the same one; that is
//! why they have names, and why these give what those of other clients give.

mod members;
#[cfg_attr(not(test), expect(dead_code, reason = "the task that joins a group is not there yet"))]
mod subscription;
mod assignor;

pub use self::assignor::{Assign, Assignor};
pub use self::members::{GroupMember, GroupTopics, Plan};
