//! Our own binary on our own broker.

use crate::embedded_broker::EmbeddedBroker;
use crate::real_brokers::same_lines;
use crate::release::Release;
use crate::round::{NEWEST, assert_stored_as};

#[test]
fn the_lines_that_went_in_come_out_of_our_own_broker() {
    let lines: String = (1..=200_000).map(|n| format!("{n}\n")).collect();
    let broker = EmbeddedBroker::start(&[]);
    for codec in Release::new(NEWEST).codecs() {
        broker.kurier().create_topic(codec.name, 1);
        broker.kurier().produce(codec.name, &["-z", codec.name], lines.clone());
        same_lines(&broker.kurier().consume(codec.name, &[]), lines.as_bytes());
        assert_stored_as(&broker, codec.name, *codec);
    }
}
