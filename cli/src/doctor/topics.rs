//! Core: topics: are they there, do their partitions work, and how safe is what is in them?

use std::collections::BTreeSet;

use kurier_client::Acks;
use kurier_protocol::ErrorCode;
use kurier_protocol::release::Release;

use super::by_topic::{self, TOPIC, Verdict};
use super::command;
use super::facts::{Facts, Known, Partition, Settings, Topic, Unknown, told};
use super::finding::{Check, Finding};
use super::told::{count, list};

/// What there is to say of topics.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let topics = match &facts.topics {
        Ok(topics) => topics,
        Err(why) => {
            let checks = [Check::Partitions, Check::Replication, Check::InSync, Check::Unclean];
            let why = || why.0.clone();
            return checks.map(|check| Finding::not_known(check, "topics", why())).to_vec();
        }
    };
    let mut findings = existence(facts, topics);
    let there = || topics.iter().filter(|topic| !topic.partitions.is_empty());
    let of_users = || there().filter(|topic| !topic.is_internal);
    if there().next().is_none() {
        let why = "there are no topics, or none that this user may see";
        findings.push(Finding::not_known(Check::Partitions, "topics", why));
    }
    let health = there().map(|topic| (topic.name.as_str(), health(facts, topic)));
    findings.extend(by_topic::findings(Check::Partitions, health));
    let copies = of_users().map(|topic| (topic.name.as_str(), replication(facts, topic)));
    findings.extend(by_topic::findings(Check::Replication, copies));
    let in_sync = of_users().map(|topic| (topic.name.as_str(), in_sync(facts, topic)));
    findings.extend(by_topic::findings(Check::InSync, in_sync));
    let unclean = of_users().map(|topic| (topic.name.as_str(), unclean(facts, topic)));
    findings.extend(by_topic::findings(Check::Unclean, unclean));
    findings
}

/// The topics that were asked for by name.
fn existence(facts: &Facts, topics: &[Topic]) -> Vec<Finding> {
    let wanted = facts.client.topics.iter().map(|name| {
        let topic = topics.iter().find(|topic| topic.name == *name);
        let verdict = match topic.map(|topic| (topic.error, topic.partitions.len())) {
            Some((ErrorCode::NONE, partitions)) => Verdict::ok(count(partitions, "partition")),
            Some((ErrorCode::TOPIC_AUTHORIZATION_FAILED, _)) => {
                Verdict::not_known("the user may not see it")
            }
            Some((ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, _)) | None => missing(facts),
            Some((code, _)) => Verdict::wrong(
                format!("brokers answer {code}: {}", code.explain()),
                "try again; if it stays so, the log of the controller says more",
            ),
        };
        (name.as_str(), verdict)
    });
    by_topic::findings(Check::Topic, wanted)
}

fn missing(facts: &Facts) -> Verdict {
    let create = format!("create it: {}", command::create(facts, TOPIC));
    let is_old = facts.release().is_some_and(|release| release < Release::V1_1);
    if is_old && facts.client.mechanism.is_some() {
        return Verdict::wrong(
            "it does not exist, or the user may not see it: brokers of this age do not tell which",
            format!("check its name and the ACLs, or {create}"),
        );
    }
    let broker = |name: &str| facts.broker_settings.as_ref().ok()?.get(name).map(String::as_str);
    match broker(AUTO_CREATE) {
        Some("true") => Verdict::warning(
            format!(
                "it does not exist; the first who asks for it creates it, with \
                 num.partitions={} and default.replication.factor={}",
                broker("num.partitions").unwrap_or("?"),
                broker("default.replication.factor").unwrap_or("?"),
            ),
            format!("if it shall have others, {create}"),
        ),
        Some(_) => Verdict::wrong(
            "it does not exist, and brokers create none (auto.create.topics.enable=false)",
            create,
        ),
        None => Verdict::wrong(
            "it does not exist, and whether brokers would create it is not known",
            format!("check its name, or {create}"),
        ),
    }
}

/// The setting of brokers that creates topics.
pub(super) const AUTO_CREATE: &str = "auto.create.topics.enable";

/// Whether the partitions can be read and written now.
fn health(facts: &Facts, topic: &Topic) -> Verdict {
    let indexes = |is: &dyn Fn(&&Partition) -> bool| -> Vec<i32> {
        topic.partitions.iter().filter(is).map(|partition| partition.index).collect()
    };
    let missing = |of: &[i32]| -> String {
        let partitions = topic.partitions.iter().filter(|p| of.binary_search(&p.index).is_ok());
        let absent = partitions.flat_map(|p| p.replicas.iter().filter(|r| !p.in_sync.contains(r)));
        list(absent.collect::<BTreeSet<_>>())
    };
    let leaderless = indexes(&|partition| partition.leader.is_none());
    if !leaderless.is_empty() {
        return Verdict::wrong(
            format!("no leader for {}: nobody can read or write", partitions(&leaderless)),
            format!("start broker {}, which has the records", missing(&leaderless)),
        );
    }
    let is_named = |id: i32| match &facts.cluster {
        Ok(cluster) => cluster.brokers.contains_key(&id),
        Err(_) => true,
    };
    let lost = indexes(&|partition| partition.leader.is_some_and(|leader| !is_named(leader)));
    if !lost.is_empty() {
        let of_lost = topic.partitions.iter().filter(|p| lost.binary_search(&p.index).is_ok());
        let leaders = list(of_lost.filter_map(|p| p.leader).collect::<BTreeSet<_>>());
        let verb = if lost.len() == 1 { "is" } else { "are" };
        return Verdict::wrong(
            format!(
                "{} {verb} led by broker {leaders}, which the metadata does not name: nobody can \
                 read or write",
                partitions(&lost)
            ),
            format!("start broker {leaders}; if it runs, see its log and the controller's"),
        );
    }
    let least = in_sync_min(facts, topic).unwrap_or(0);
    // That there are too few replicas altogether is told by a line of its own.
    let few = indexes(&|partition| partition.in_sync.len() < least.min(partition.replicas.len()));
    if !few.is_empty() {
        let found = format!(
            "{} has fewer replicas in sync than min.insync.replicas={least}: writes with acks=all \
             are refused (NOT_ENOUGH_REPLICAS)",
            partitions(&few)
        );
        return Verdict::wrong(found, format!("start or mend broker {}", missing(&few)));
    }
    let behind = indexes(&|partition| partition.in_sync.len() < partition.replicas.len());
    if !behind.is_empty() {
        return Verdict::warning(
            format!("{} under-replicated", partitions(&behind)),
            format!("start or mend broker {}, which is behind", missing(&behind)),
        );
    }
    Verdict::ok("all have leaders, all replicas are in sync")
}

fn partitions(indexes: &[i32]) -> String {
    let noun = if indexes.len() == 1 { "partition" } else { "partitions" };
    format!("{noun} {}", list(indexes))
}

fn replication(facts: &Facts, topic: &Topic) -> Verdict {
    match (topic.replication(), facts.broker_count()) {
        (1, Some(1)) => Verdict::warning(
            "one copy, as there is one broker: what it loses is lost",
            "for records that matter, run three brokers and replicate to all",
        ),
        (1, _) => Verdict::warning(
            "one copy: its partitions are down, or lost, with their broker",
            format!("replicate to {} brokers: {REASSIGN}", command::copies(facts)),
        ),
        (copies, _) => Verdict::ok(format!("{copies} copies")),
    }
}

/// How many replicas the topic wants in sync before it takes records.
fn in_sync_min(facts: &Facts, topic: &Topic) -> Option<usize> {
    setting(facts, topic, "min.insync.replicas").ok()?.parse().ok()
}

fn in_sync(facts: &Facts, topic: &Topic) -> Verdict {
    let copies = topic.replication();
    let least: usize = match setting(facts, topic, "min.insync.replicas") {
        Ok(least) => match least.parse() {
            Ok(least) => least,
            Err(_) => return Verdict::not_known(format!("min.insync.replicas is {least:?}")),
        },
        Err(why) => return Verdict::not_known(why.0),
    };
    let alter =
        |value: usize| command::alter(facts, TOPIC, &format!("min.insync.replicas={value}"));
    // More replicas need brokers to be on.
    let more = match facts.broker_count() {
        Some(brokers) if brokers <= copies => {
            format!("start more brokers and add replicas ({REASSIGN})")
        }
        _ => format!("add replicas ({REASSIGN})"),
    };
    if least > copies {
        let fix = format!("{more}, or lower it: {}", alter(in_sync_best(copies)));
        // KIP-966: no more than there are.
        let found = match facts.release() {
            Some(release) if release < Release::V3_7 => format!(
                "min.insync.replicas={least} asks for more than the replication factor {copies}: \
                 writes with acks=all are refused"
            ),
            _ => format!(
                "min.insync.replicas={least} asks for more than the replication factor {copies}: \
                 records are acknowledged with fewer copies than that"
            ),
        };
        return Verdict::wrong(found, fix);
    }
    let acks = facts.client.acks;
    match (copies, least) {
        // Of two copies, either one is not enough or both are too many: it takes a third.
        (2, 1) if acks == Acks::All => {
            Verdict::warning(LEADER_ALONE, format!("{}, then {}", third(facts), alter(2)))
        }
        (2, 2) => Verdict::warning(
            "min.insync.replicas=2 is the replication factor: one broker down stops writes with \
             acks=all",
            format!("{}, and leave min.insync.replicas=2", third(facts)),
        ),
        (2.., 1) if acks == Acks::All => Verdict::warning(LEADER_ALONE, alter(2)),
        (2.., _) if least == copies => Verdict::warning(
            format!(
                "min.insync.replicas={least} is the replication factor: one broker down stops \
                 writes with acks=all"
            ),
            format!("{more}, or {}", alter(in_sync_best(copies))),
        ),
        _ => Verdict::ok(format!("min.insync.replicas={least} of {copies}")),
    }
}

/// What to set where a topic has so many copies: one broker down stops nothing, if that can be.
fn in_sync_best(copies: usize) -> usize {
    if copies > 2 { copies - 1 } else { copies }
}

/// How to get from two copies to three.
fn third(facts: &Facts) -> String {
    match facts.broker_count() {
        Some(..=2) => format!("run a third broker, add replicas ({REASSIGN})"),
        _ => format!("add a third replica ({REASSIGN})"),
    }
}

const REASSIGN: &str = "kafka-reassign-partitions.sh";
const LEADER_ALONE: &str = "min.insync.replicas=1: with acks=all too, a record may be \
                            acknowledged by its leader alone, and lost with it";

fn unclean(facts: &Facts, topic: &Topic) -> Verdict {
    match setting(facts, topic, "unclean.leader.election.enable") {
        Err(why) => Verdict::not_known(why.0),
        Ok("true") => Verdict::wrong(
            "unclean.leader.election.enable=true: a replica that misses records may become leader, \
             and acknowledged records are lost",
            format!(
                "{}; for all topics, in the brokers' server.properties",
                command::alter(facts, TOPIC, "unclean.leader.election.enable=false")
            ),
        ),
        Ok(_) => Verdict::ok("unclean.leader.election.enable=false"),
    }
}

/// A setting of a topic.
fn setting<'a>(facts: &'a Facts, topic: &Topic, name: &str) -> Known<&'a str> {
    let settings: &Known<Settings> = facts.topic_settings.get(&topic.name).ok_or(Unknown::TIME)?;
    let settings = settings.as_ref().map_err(Clone::clone)?;
    told(settings, name)
}
