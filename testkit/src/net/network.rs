//! The network as its owner holds it: slow it down, cut it, heal it, look at it.

use std::sync::Arc;

use super::event::{Event, What};
use super::fabric::Fabric;
use super::link::{Blocked, Change, Connects, Latency, Links, Side, Way};
use super::names::Answer;

/// The network in memory between the clients and the brokers of a cluster, or a part of it.
///
/// [`TestCluster::network`](crate::TestCluster::network) gives all of it; [`client`](Self::client)
/// and [`broker`](Self::broker) narrow it. What is set holds for connections that are open and for
/// those to come, until it is set again: of two settings that contradict, the later one counts.
/// TCP in front of the brokers is not touched by any of it.
///
/// A network begins calm: bytes arrive at once, and a test of which nothing depends on chance runs
/// as if there were none. Time is tokio's. Paused from the start (`start_paused = true`) it jumps
/// from one arrival to the next, in steps of a millisecond, which is how fine tokio's timers are.
/// Chance, which decides between the limits of a latency, comes from the cluster's seed
/// ([`Builder::chance`](crate::Builder::chance)), for each connection by itself. So the same seed
/// gives the same run, as long as the clients do the same, each of them and all in one thread.
///
/// ```
/// use std::time::Duration;
///
/// use kurier_testkit::TestCluster;
/// use kurier_testkit::net::{Answer, Blocked, Connects, Way};
///
/// const MS: Duration = Duration::from_millis(1);
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let cluster = TestCluster::builder().brokers(3).build();
/// let network = cluster.network();
/// network.latency(5 * MS..=50 * MS); // each way, anywhere between
/// network.broker(2).partition(); // nobody reaches broker 2
/// network.client("app").broker(3).block(Way::ToClient, Blocked::Lost); // answers are lost
/// network.broker(1).connects(Connects::Refused);
/// network.resolve("kafka", [Answer::Missing, Answer::Brokers(vec![1, 2])]); // not at first
///
/// let env = cluster.env_for("app", 7);
/// let refused = env.net().connect(([10, 0, 0, 1], 9092).into()).await;
/// assert_eq!(refused.err().unwrap().kind(), std::io::ErrorKind::ConnectionRefused);
/// network.heal();
/// assert!(env.net().connect(([10, 0, 0, 1], 9092).into()).await.is_ok());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    fabric: Arc<Fabric>,
    links: Links,
}

/// Which part of it.
impl Network {
    pub(crate) fn new(fabric: Arc<Fabric>) -> Self {
        Self { fabric, links: Links::default() }
    }

    /// The part that this client sees: what [`TestCluster::env_for`] called by this name.
    ///
    /// [`TestCluster::env_for`]: crate::TestCluster::env_for
    #[must_use]
    pub fn client(&self, name: &str) -> Self {
        let links = Links { client: Some(name.into()), ..self.links.clone() };
        Self { links, ..self.clone() }
    }

    /// The part that leads to this broker.
    #[must_use]
    pub fn broker(&self, broker: i32) -> Self {
        let links = Links { broker: Some(broker), ..self.links.clone() };
        Self { links, ..self.clone() }
    }
}

/// What is wrong with it.
impl Network {
    /// How long bytes are under way, each way: a fixed time, or a range of which each piece that
    /// is sent takes any time. Pieces of one connection never overtake each other; those of two do.
    /// Connecting takes the way there and back. Default: 0.
    pub fn latency(&self, latency: impl Into<Latency>) {
        self.change(Change::Latency(latency.into()));
    }

    /// How many bytes a second each direction of each connection carries; none for as many as
    /// come. Default: none.
    pub fn bandwidth(&self, bytes_per_second: Option<u64>) {
        self.change(Change::Bandwidth(bytes_per_second));
    }

    /// How many bytes one read gives at most, at least 1; none for as many as have come. Default:
    /// none.
    pub fn read_bytes_max(&self, bytes: Option<usize>) {
        self.change(Change::ReadBytesMax(bytes));
    }

    /// What happens to who connects from now on, and to who is still waiting. Open connections go
    /// on. Default: they are accepted.
    pub fn connects(&self, connects: Connects) {
        self.change(Change::Connects(connects));
    }

    /// Nothing gets through, neither way, until [`heal`](Self::heal): what is sent waits, and
    /// whoever connects does. The same as `block(Way::Both, Blocked::Held)`.
    pub fn partition(&self) {
        self.block(Way::Both, Blocked::Held);
    }

    /// Nothing gets through this way, until [`heal`](Self::heal): neither what is under way nor
    /// what is sent. Whoever connects waits, whichever way it is. A sender is held up only when
    /// 256 KiB wait, as a socket's buffer would.
    pub fn block(&self, way: Way, blocked: Blocked) {
        self.change(Change::Block(way, blocked));
    }

    /// Ends what [`partition`](Self::partition), [`block`](Self::block) and
    /// [`connects`](Self::connects) did. Bytes that were held arrive one latency from now. Latency,
    /// bandwidth and sizes of reads stay, and so do half-open connections.
    pub fn heal(&self) {
        self.change(Change::Heal);
    }

    /// Makes everything as it was at the beginning, names apart; heals, too.
    pub fn calm(&self) {
        self.change(Change::Calm);
    }

    /// Resets the open connections: both ends get `ECONNRESET`, and what was under way is lost.
    pub fn reset(&self) {
        for connection in self.fabric.open(&self.links) {
            connection.reset();
            self.fabric.record(&connection, || What::Reset);
        }
    }

    /// One end of the open connections forgets them, and the other one is not told: what it sends
    /// is never answered. So it is when a machine loses its power, or a firewall its memory. The
    /// end that forgets gets `ECONNRESET`. A heal does not help; new connections are good.
    pub fn half_open(&self, gone: Side) {
        for connection in self.fabric.open(&self.links) {
            connection.half_open(gone);
            self.fabric.record(&connection, || What::Ended { by: gone });
        }
    }

    /// How many connections are open: those that an end still holds, whether the other one knows
    /// of it or not.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> std::io::Result<()> {
    /// let cluster = kurier_testkit::TestCluster::builder().brokers(2).build();
    /// let peer = cluster.connect(1).await?;
    /// let network = cluster.network();
    /// assert_eq!((network.connections(), network.broker(2).connections()), (1, 0));
    /// # drop(peer);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn connections(&self) -> usize {
        self.fabric.open(&self.links).len()
    }

    /// Gives a host name these answers: each look-up takes the next one, and the last one stays.
    /// Without any the name is what it was at the beginning: a broker's, or nobody's. Holds for the
    /// selected client or all of them, whatever the broker.
    pub fn resolve(&self, host: &str, answers: impl IntoIterator<Item = Answer>) {
        self.fabric.set_name(self.links.client.clone(), host, answers);
    }

    fn change(&self, change: Change) {
        self.fabric.change(&self.links, change);
    }
}

/// What happens in it.
impl Network {
    /// Remembers from now on what happens, in all of the network. That costs time for each byte.
    pub fn record(&self) {
        self.fabric.start_recording();
    }

    /// What happened since [`record`](Self::record) in this part of the network, oldest first: of
    /// the latest 100,000 events.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let events = self.fabric.events().into_iter();
        events.filter(|event| self.links.contains(&event.client, event.broker)).collect()
    }

    /// One number for everything that happened since [`record`](Self::record) in all of the
    /// network, with its times and bytes: the same for the same run. Compare it only between runs
    /// of one binary.
    #[must_use]
    pub fn event_hash(&self) -> u64 {
        self.fabric.hash()
    }
}
