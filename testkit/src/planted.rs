//! A fault that a cluster has, as the test holds it.

use std::fmt;
use std::sync::Arc;

use crate::shared::Shared;

/// A fault that was given to a cluster: how often it hit, and the way to take it back. Dropping it
/// changes nothing. Cloning gives the same one.
#[derive(Clone)]
pub struct PlantedFault {
    shared: Arc<Shared>,
    number: u64,
}

impl PlantedFault {
    pub(crate) fn new(shared: Arc<Shared>, number: u64) -> Self {
        Self { shared, number }
    }

    /// How many requests or connections it has hit. One that another fault decided about is none.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.shared.with(|core, _| core.script.hits(self.number))
    }

    /// Whether it may hit again: it has turns left and was not removed.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.shared.with(|core, _| core.script.is_active(self.number))
    }

    /// Takes it back. What it is doing to a request at the moment it still does.
    ///
    /// ```
    /// use kurier_protocol::ApiKey;
    /// use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 1).build();
    /// let fault = cluster.fault(Fault::on(ApiKey::PRODUCE).always().close());
    /// assert!(cluster.connect(1).await?.produce("t", 0, "x").await.is_err());
    /// assert_eq!(fault.hits(), 1);
    ///
    /// fault.remove();
    /// assert_eq!(cluster.connect(1).await?.produce("t", 0, "x").await?, Ok(0));
    /// assert_eq!((fault.hits(), fault.is_active()), (1, false));
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove(&self) {
        self.shared.with(|core, _| core.script.remove(self.number));
    }
}

impl fmt::Debug for PlantedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlantedFault").field("number", &self.number).finish_non_exhaustive()
    }
}
