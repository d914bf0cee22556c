//! Tokens from an OAuth 2.0 token endpoint by client credentials (RFC 6749 section 4.4, KIP-768):
//! the request, the answer over HTTP/1.1, and what is read of it. *Core.*
//!
//! | module | holds |
//! | --- | --- |
//! | `endpoint` | `TokenEndpoint`: an address that may be asked |
//! | `grant` | `ClientCredentials`: who asks, and the request |
//! | `answer` | `AnswerReader`: an answer of HTTP, piece by piece and within limits |
//! | `fault` | `TokenFault`: why there is no token |
//! | `issued` | `IssuedToken`: the token, and how long it is good |

mod endpoint;
mod grant;
mod fault;
mod answer;
mod issued;
#[cfg(test)]
mod tests;

pub use answer::{AnswerReader, HttpAnswer};
pub use endpoint::TokenEndpoint;
pub use fault::TokenFault;
pub use grant::ClientCredentials;
pub use issued::IssuedToken;
