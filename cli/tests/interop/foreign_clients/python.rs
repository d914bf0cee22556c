//! Python's clients on our own broker: the newest librdkafka, and kafka-python.

use crate::library::Name;
use crate::real_brokers::say;
use crate::round::{NEWEST, Transactions, groups, records_of_every_codec, wanted};

#[test]
fn librdkafka_and_our_broker_understand_each_other() {
    if !wanted("python") {
        return;
    }
    records_of_every_codec(Name::Confluent);
    groups(Name::Confluent, NEWEST, "consumer", Transactions::V1);
    say("the newest librdkafka on our broker: ok");
}

#[test]
fn classic_groups_of_librdkafka_work() {
    if !wanted("python") {
        return;
    }
    groups(Name::Confluent, NEWEST, "classic", Transactions::V1);
    say("classic groups of the newest librdkafka on our broker: ok");
}

#[test]
fn kafka_python_and_our_broker_understand_each_other() {
    if !wanted("python") {
        return;
    }
    records_of_every_codec(Name::KafkaPython);
    groups(Name::KafkaPython, NEWEST, "classic", Transactions::V1);
    say("kafka-python on our broker: ok");
}
