//! How consumers behave as members of a group.

use std::sync::Arc;
use std::time::Duration;

use super::super::parse::{Parsed, millis, millis_from, one_of, switch};
use super::super::settings::Properties;
use super::row::{Setting, ms, none, word};
use crate::group::{Assignor, GroupConfig, GroupProtocol};

settings! {
    "group.id": "The group that consumers are members of, if they subscribe",
        none => |p, v| p.group_id = Some(v).filter(|id| !id.is_empty()).map(Into::into);
    "group.instance.id":
        "The name of a static member: it has the same partitions again when it comes back",
        none => |p, v| p.group.instance_id = given(v);
    "group.protocol":
        "Who divides the partitions: classic, a member; consumer, the coordinator (KIP-848); auto, \
         the coordinator where it can and no setting is changed that only classic groups have",
        |p| word(PROTOCOL, p.group.protocol) => |p, v| p.group.protocol = one_of(v, PROTOCOL)?;
    "group.remote.assignor": "The assignor that the coordinator is asked for (KIP-848)",
        none => |p, v| p.group.remote_assignor = given(v);
    "partition.assignment.strategy":
        "How partitions may be divided, best first: range, roundrobin, sticky, cooperative-sticky, \
         or the names of Java's classes for them",
        strategy => |p, v| p.group.assignors = assignors(v)?;
    "session.timeout.ms": "After how long without a heartbeat a member is removed",
        |p| ms(p.group.session_timeout)
        => |p, v| p.group.session_timeout = millis_from(1, v)?;
    "heartbeat.interval.ms": "How often a member says that it is there",
        |p| ms(p.group.heartbeat_interval)
        => |p, v| p.group.heartbeat_interval = millis_from(1, v)?;
    "max.poll.interval.ms":
        "How long the program may be at work between two calls of `next`, and how long it may take \
         to give partitions up",
        |p| ms(p.group.poll_interval_max)
        => |p, v| p.group.poll_interval_max = millis_from(1, v)?;
    "enable.auto.commit" "auto.commit.enable":
        "Whether what is marked is committed by itself",
        |p| p.group.auto_commit_interval.is_some().to_string()
        => |p, v| {
        let interval = interval(p);
        p.commit_interval = Some(interval);
        p.group.auto_commit_interval = switch(v)?.then_some(interval);
    };
    "auto.commit.interval.ms": "How often it is; 0 is taken for 1",
        |p| ms(interval(p)) => |p, v| {
        let interval = millis(v)?.max(Duration::from_millis(1));
        match &mut p.group.auto_commit_interval {
            Some(present) => *present = interval,
            None => p.commit_interval = Some(interval),
        }
    };
    "enable.auto.offset.store":
        "Whether a batch is marked when the next one is asked for; if not, the program marks",
        |p| p.consumer.auto_mark.to_string() => |p, v| p.consumer.auto_mark = switch(v)?;
    "exclude.internal.topics": "Only true: patterns never mean the brokers' own topics",
        |_| "true".to_owned() => |_p, v| one_of(v, &[("true", ())])?;
    "group.protocol.type": "Only consumer: what kind of group consumers make",
        |_| "consumer".to_owned() => |_p, v| one_of(v, &[("consumer", ())])?;
    "offset.store.method": "Only broker: where offsets are kept",
        |_| "broker".to_owned() => |_p, v| one_of(v, &[("broker", ())])?;
}

fn given(text: &str) -> Option<Arc<str>> {
    Some(text).filter(|text| !text.is_empty()).map(Into::into)
}

fn interval(properties: &Properties) -> Duration {
    let default = GroupConfig::default().auto_commit_interval.unwrap_or_default();
    properties.group.auto_commit_interval.or(properties.commit_interval).unwrap_or(default)
}

fn strategy(properties: &Properties) -> String {
    let names = properties.group.assignors.iter().map(Assignor::name);
    names.collect::<Vec<_>>().join(",")
}

/// Assignors by their names, or those of Java's classes.
fn assignors(text: &str) -> Parsed<Vec<Assignor>> {
    let one = |name: &str| {
        let name = name.trim();
        let name = name.strip_prefix("class ").unwrap_or(name);
        let name = name.strip_prefix(JAVAS).unwrap_or(name);
        let of = |(names, assignor): &([&str; 2], Assignor)| {
            names.contains(&name).then(|| assignor.clone())
        };
        ASSIGNORS.iter().find_map(of).ok_or_else(|| {
            format!("has {name:?}, which is none of range, roundrobin, sticky, cooperative-sticky")
        })
    };
    text.split(',').map(one).collect()
}

const JAVAS: &str = "org.apache.kafka.clients.consumer.";
static ASSIGNORS: &[([&str; 2], Assignor)] = &[
    (["range", "RangeAssignor"], Assignor::Range),
    (["roundrobin", "RoundRobinAssignor"], Assignor::RoundRobin),
    (["sticky", "StickyAssignor"], Assignor::Sticky),
    (["cooperative-sticky", "CooperativeStickyAssignor"], Assignor::CooperativeSticky),
];
const PROTOCOL: &[(&str, GroupProtocol)] = &[
    ("classic", GroupProtocol::Classic),
    ("consumer", GroupProtocol::Consumer),
    ("auto", GroupProtocol::Auto),
];
