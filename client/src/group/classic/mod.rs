//! Core: the life of a member of a classic group: what it asks the coordinator, what it holds, and
//! what an answer means for that.
//!
//! What it holds changes only by its own doing or by word of the coordinator. While the partitions
//! are divided anew, a member whose assignors are all cooperative goes on with what it holds and
//! gives up afterwards what has gone to others; any other member gives up everything before. To
//! give up takes as long as the program has work in hand, but not so long that the group goes on
//! without the member.

mod calls;
mod heartbeat;
mod division;
mod reasons;
mod life;
mod parting;
mod joining;
mod health;
#[cfg(test)]
mod tests;

#[cfg_attr(not(test), expect(unused_imports, reason = "the task is not there yet"))]
pub(crate) use self::calls::Ask;
pub(crate) use self::calls::Member;
#[cfg_attr(not(test), expect(unused_imports, reason = "the task is not there yet"))]
pub(crate) use self::division::Divided;
pub use self::life::Farewell;
#[cfg_attr(not(test), expect(unused_imports, reason = "the task is not there yet"))]
pub(crate) use self::life::{Action, Classic};
