//! Go's client franz-go on our own broker.

use crate::library::Name;
use crate::real_brokers::say;
use crate::round::{NEWEST, Transactions, groups, records_of_every_codec, wanted};

#[test]
fn franz_go_and_our_broker_understand_each_other() {
    if !wanted("go") {
        return;
    }
    records_of_every_codec(Name::FranzGo);
    for protocol in ["classic", "consumer"] {
        groups(Name::FranzGo, NEWEST, protocol, Transactions::V2);
    }
    say("franz-go on our broker: ok");
}
