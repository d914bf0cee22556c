//! OAUTHBEARER (RFC 7628, KIP-255): the client shows a token that somebody else gave it.
//!
//! ```text
//! client                                       server
//! Start   --n,,^Aauth=Bearer token^A^A-->      Start
//! Shown   <--(nothing)--                       Done      (token accepted)
//!         <--{"status":"invalid_token"}--      Refusing  (not accepted)
//! Refused --^A-->                              over
//! ```
//!
//! [`UnsecuredToken`] makes and reads tokens that nobody has signed: for tests.

mod text;
mod client;
mod server;
mod unsecured;
#[cfg(test)]
mod tests;

pub(crate) use text::is_token;
pub(crate) use unsecured::claims_of;

pub use client::OauthBearerClient;
pub use server::{BearerLogin, BearerRefusal, OauthBearerServer};
pub use unsecured::{Claim, UnsecuredToken};
