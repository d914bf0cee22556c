//! How a connection comes to a broker.

use crate::state::ListenerId;
#[cfg(feature = "tls")]
use crate::tls::TlsDoor;

/// A listener, and whether TLS stands before it.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    pub(crate) listener: ListenerId,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<TlsDoor>,
}
