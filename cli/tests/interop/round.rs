//! What every client of other people is asked to do on our own broker.

use crate::embedded_broker::EmbeddedBroker;
use crate::library::{Library, Name};
use crate::real_brokers::say;
use crate::record::{Seen, assert_same, hard_cases};
use crate::release::{Codec, Release};
use crate::segment::{assert_stored, transactions};

/// The release that our broker is, unless told otherwise.
pub(crate) const NEWEST: &str = "4.4.0";

/// Is this client asked for? Else it says that it was left out.
pub(crate) fn wanted(client: &str) -> bool {
    let clients = std::env::var("KURIER_FOREIGN_CLIENTS").unwrap_or_default();
    let wanted = clients.split([',', ' ']).any(|name| name == client);
    if !wanted {
        say(&format!("SKIPPED {client} on our broker: KURIER_FOREIGN_CLIENTS does not list it"));
    }
    wanted
}

pub(crate) fn assert_stored_as(broker: &EmbeddedBroker, topic: &str, codec: Codec) {
    assert_stored(&broker.log(topic), 2, codec);
}

/// A library and `kurier` read what they and the other wrote, codec by codec.
pub(crate) fn records_of_every_codec(name: Name<'_>) {
    let broker = EmbeddedBroker::start(&[]);
    let library = Library { name, bootstrap: &broker.bootstrap };
    let release = Release::new(NEWEST);
    let cases = hard_cases(&release);
    let written: Vec<Seen> = cases.iter().filter(|case| library.can_write(case)).cloned().collect();
    broker.kurier().create_topic("cases", 1);
    broker.kurier().produce_each("cases", "none", &cases);
    for codec in release.codecs() {
        let (theirs, ours) = (format!("theirs-{}", codec.name), format!("ours-{}", codec.name));
        broker.kurier().create_topic(&theirs, 1);
        library.write(&theirs, Some(0), *codec, &written);
        assert_stored_as(&broker, &theirs, *codec);
        assert_same(&broker.kurier().records(&theirs), &written);
        assert_same(&library.read(&theirs, written.len()), &written);

        broker.kurier().create_topic(&ours, 1);
        broker.kurier().copy("cases", &ours, codec.name);
        assert_stored_as(&broker, &ours, *codec);
        assert_same(&library.read(&ours, cases.len()), &cases);
    }
}

/// The protocols of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transactions {
    V1,
    /// Each transaction has an epoch of its own (KIP-890).
    V2,
}

/// Rebalances of two members, transactions that are committed and aborted, and offsets in them; in
/// a cluster of three brokers.
pub(crate) fn groups(name: Name<'_>, release: &str, protocol: &str, expected: Transactions) {
    let broker = EmbeddedBroker::start(&["--brokers", "3", "--as", release]);
    Library { name, bootstrap: &broker.bootstrap }.groups(protocol);
    let (epochs, ended) = transactions(&broker.log(&format!("in-{protocol}")));
    assert_eq!(ended, 8, "markers of the transactions that wrote to partition 0");
    let epochs_expected = if expected == Transactions::V2 { ended } else { 1 };
    assert_eq!(epochs.len(), epochs_expected, "transactions are {expected:?}: epochs {epochs:?}");
}
