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

pub(crate) use self::calls::{Ask, Call, Member};
pub(crate) use self::division::{Divided, Division};
pub use self::life::Farewell;
pub(crate) use self::life::{Action, Classic};
