//! Core: what can happen to connections that are being made; each with an example.

use super::action::{Action, ConnectionFate};
use super::requests::{Aim, Fault};
use super::turns::{Turns, takes_turns};

/// Certain connections that clients make, for a [`Fault`]: the next one, if nothing else is said.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    broker: Option<i32>,
    turns: Turns,
}

impl Fault {
    /// For connections that are being made.
    #[must_use]
    pub fn on_connect() -> Connections {
        Connections { broker: None, turns: Turns::FIRST }
    }
}

takes_turns!(Connections);

impl Connections {
    /// Only those to this broker.
    #[must_use]
    pub fn broker(self, broker: i32) -> Self {
        Self { broker: Some(broker), ..self }
    }

    /// Nobody listens: in memory the connection is refused, through TCP it is reset at once.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on_connect().broker(1).times(2).refuse());
    /// assert!(cluster.connect(1).await.is_err());
    /// assert!(cluster.connect(1).await.is_err());
    /// assert!(cluster.connect(1).await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn refuse(self) -> Fault {
        self.meet(ConnectionFate::Refuse)
    }

    /// The connection is made and closed at once.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on_connect().close());
    /// let mut peer = cluster.connect(1).await?;
    /// assert!(peer.produce("t", 0, "x").await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn close(self) -> Fault {
        self.meet(ConnectionFate::Close)
    }

    /// The connection is made, and nothing that comes through it is ever read.
    ///
    /// ```
    /// # use kurier_protocol::{ApiKey, ErrorCode};
    /// # use kurier_testkit::{Fault, TestCluster};
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = TestCluster::builder().topic("t", 2).build();
    /// cluster.fault(Fault::on_connect().hang());
    /// let mut peer = cluster.connect(1).await?;
    /// let patience = std::time::Duration::from_secs(60);
    /// assert!(tokio::time::timeout(patience, peer.produce("t", 0, "x")).await.is_err());
    /// assert!(cluster.requests().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn hang(self) -> Fault {
        self.meet(ConnectionFate::Hang)
    }

    fn meet(self, fate: ConnectionFate) -> Fault {
        let aim = Aim::Connections(self.broker);
        Fault { aim, turns: self.turns, action: Action::Connection(fate) }
    }
}
