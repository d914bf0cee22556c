//! OIDC: tokens from an OAuth token endpoint, by client credentials (KIP-768).
//!
//! | module | holds |
//! | --- | --- |
//! | `settings` | what can be set |
//! | `failure` | why there is no token |
//! | `schedule` | when to fetch the next token (core) |
//! | `fetch` | asks the endpoint, and again after what passes |
//! | `driver` | the task that holds the token |
//! | `handle` | `Oidc`, what the client holds |

mod settings;
mod failure;
mod schedule;
mod fetch;
mod driver;
mod handle;

pub use handle::Oidc;
pub use settings::OidcConfig;
