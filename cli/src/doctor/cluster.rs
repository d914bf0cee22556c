//! Core: the cluster as a whole: who answers for it, whether it is one, and who is down.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::facts::{Cluster, Facts, Unanswered};
use super::finding::{Check, Finding};
use super::told::{count, list};

/// What there is to say of the cluster.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = unanswered(facts);
    findings.extend(unwilling(facts));
    let is_told = findings.iter().any(|finding| finding.check == Check::Metadata);
    let cluster = match &facts.cluster {
        Ok(cluster) => cluster,
        Err(_) if is_told => return findings,
        Err(why) => {
            findings.push(Finding::not_known(Check::Metadata, "cluster", why.0.clone()));
            return findings;
        }
    };
    findings.push(metadata(cluster));
    findings.extend(one_cluster(facts, cluster));
    findings.extend(features(facts));
    findings.push(brokers(facts, cluster));
    findings
}

/// Questions that brokers should have answered, each with all those who did not.
fn unanswered(facts: &Facts) -> Vec<Finding> {
    // The line on the metadata tells of those who do not even answer that.
    let has_line = |one: &Unanswered| {
        let silent = facts.servers.iter().filter(|server| server.cluster.is_err());
        let mut tried = silent.flat_map(|server| &server.way.tried);
        tried.any(|(at, _)| *at == one.at)
    };
    let mut groups: BTreeMap<&str, Vec<SocketAddr>> = BTreeMap::new();
    for one in facts.unanswered.iter().filter(|one| !has_line(one)) {
        groups.entry(&one.why.0).or_default().push(one.at);
    }
    let fix = "see the broker's log and its load, and what else may answer at this address; what \
               would be known by the answer is not";
    let wrong =
        |(why, at): (&str, Vec<SocketAddr>)| Finding::wrong(Check::Protocol, list(at), (why, fix));
    groups.into_iter().map(wrong).collect()
}

/// The servers that were reached and say nothing of the cluster.
fn unwilling(facts: &Facts) -> Vec<Finding> {
    let fix = match facts.client.mechanism {
        None => {
            "if the listener wants a login, set security.protocol (SASL_PLAINTEXT or SASL_SSL), \
             sasl.mechanism, sasl.username and sasl.password; else the broker's log says more"
        }
        Some(_) => "the broker's log says more",
    };
    let reached = facts.servers.iter().filter(|server| server.way.met.is_some());
    let silent = reached.filter_map(|server| {
        let why = server.cluster.as_ref().err()?;
        Some(Finding::wrong(Check::Metadata, &server.way.to, (why.0.clone(), fix)))
    });
    silent.collect()
}

fn metadata(cluster: &Cluster) -> Finding {
    let id = cluster.id.as_ref().map_or(String::new(), |id| format!(", cluster id {id}"));
    let count = count(cluster.brokers.len(), "broker");
    let ids = list(cluster.brokers.keys());
    let found = format!("{count}{id}: {ids}");
    match cluster.controller {
        Some(controller) => {
            Finding::ok(Check::Metadata, "cluster", format!("{found}; controller {controller}"))
        }
        None => Finding::ok(Check::Metadata, "cluster", found),
    }
}

fn one_cluster(facts: &Facts, cluster: &Cluster) -> Option<Finding> {
    let told = facts
        .servers
        .iter()
        .filter_map(|server| Some((&server.way.to, server.cluster.as_ref().ok()?.id.as_ref()?)));
    let told: Vec<_> = told.collect();
    if told.len() < 2 {
        return None;
    }
    let others = told.iter().filter(|(_, id)| Some(*id) != cluster.id.as_ref());
    let others: Vec<String> = others.map(|(at, id)| format!("{at} ({id})")).collect();
    Some(match others.is_empty() {
        true => Finding::ok(Check::OneCluster, "bootstrap servers", "all belong to it"),
        false => {
            let found = format!("{} belongs to another cluster", list(others));
            let fix = "name servers of one cluster only";
            Finding::wrong(Check::OneCluster, "bootstrap servers", (found, fix))
        }
    })
}

fn features(facts: &Facts) -> Option<Finding> {
    let met = facts.servers.iter().find_map(|server| server.way.met.as_ref())?;
    let features = met.features.iter().map(|(name, level)| format!("{name} {level}"));
    (!met.features.is_empty()).then(|| {
        let all = features.collect::<Vec<_>>().join(", ");
        Finding::ok(Check::Features, "cluster", all)
    })
}

fn brokers(facts: &Facts, cluster: &Cluster) -> Finding {
    let running: BTreeSet<i32> = cluster.brokers.keys().copied().collect();
    let topics = facts.topics.iter().flatten();
    let replicas = topics.flat_map(|topic| &topic.partitions).flat_map(|p| &p.replicas);
    let mut down: BTreeSet<i32> = replicas.copied().collect();
    down.extend(facts.fenced.iter().flatten());
    let topics = facts.topics.iter().flatten();
    down.extend(topics.flat_map(|topic| &topic.partitions).filter_map(|p| p.leader));
    down.retain(|id| !running.contains(id));
    let about = "cluster";
    if down.is_empty() {
        return match (&facts.fenced, &facts.topics) {
            (Err(why), Err(_)) => Finding::not_known(Check::Brokers, about, why.0.clone()),
            (Err(_), Ok(_)) => {
                Finding::ok(Check::Brokers, about, "every broker that has partitions runs")
            }
            (Ok(_), _) => Finding::ok(Check::Brokers, about, "every registered broker runs"),
        };
    }
    let (noun, verb) = if down.len() == 1 { ("broker", "is") } else { ("brokers", "are") };
    let found = format!("{noun} {} {verb} down, {} run", list(&down), list(&running));
    let fix = format!("start {noun} {}; the log says why it ended", list(&down));
    Finding::wrong(Check::Brokers, about, (found, fix))
}
