//! Core: what goes wrong, by script. A [`Fault`] is data: a filter of requests, their turns, and an
//! action; the [`Script`] counts them and makes a [`Plan`] for each request.

mod action;
mod row;
mod named;
mod filter;
mod turns;
mod requests;
mod outcomes;
mod lies;
mod connections;
mod plan;
mod script;

pub use connections::Connections;
pub use requests::{Fault, Requests};

pub(crate) use action::{ConnectionFate, Fate, Twist, corrupted};
pub(crate) use filter::{Filter, Seen, TopicNames};
pub(crate) use named::{Named, Names, Part, walk};
pub(crate) use plan::{Plan, Refusals};
pub(crate) use row::{Row, blank};
pub(crate) use script::Script;
