//! What a cluster asks of whoever connects.

use std::sync::Arc;

use crate::sasl::Sasl;
#[cfg(feature = "tls")]
use crate::tls::{Tls, TlsDoor};

/// TLS and SASL, each where the cluster has it.
#[derive(Debug)]
pub(crate) struct Security {
    pub(crate) sasl: Option<Arc<Sasl>>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
    /// The door to the brokers in memory.
    #[cfg(feature = "tls")]
    pub(crate) memory: Option<TlsDoor>,
}

impl Security {
    /// Logins and no TLS.
    pub(crate) fn of(sasl: Option<Arc<Sasl>>) -> Self {
        Self {
            sasl,
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "tls")]
            memory: None,
        }
    }
}
