//! The walk: from names over connections and metadata to settings and rights.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use kurier_client::net::Probe;
use kurier_client::security::kerberos::Kerberos;
use kurier_env::Env;
use tokio::time::{sleep, timeout};

use super::contacts::{Contacts, Link, reach};
use super::ledger::Ledger;
use super::{clock, coordinators, describe, topics};
use crate::doctor::facts::{End, Facts, Listener, Server, Unknown};

/// What it takes to find out the facts.
#[derive(Debug)]
pub(crate) struct Prober {
    pub(crate) probe: Probe,
    pub(crate) env: Env,
    /// The login by Kerberos, if there is to be one.
    pub(crate) kerberos: Option<Kerberos>,
    /// A topic to which a record may be written.
    pub(crate) probe_topic: Option<String>,
    pub(crate) ledger: Ledger,
}

/// Fills in what can be found out within the time that is allowed, and before a signal comes.
pub(crate) async fn fill(facts: &mut Facts, prober: &Prober, signal: impl Future<Output = ()>) {
    if prober.probe_topic.is_some() {
        facts.clock = Some(Err(Unknown::TIME));
    }
    let limit = facts.client.limit;
    facts.end = tokio::select! {
        biased;
        () = signal => End::Signal,
        end = timeout(limit, walk(facts, prober)) => end.unwrap_or(End::Time),
    };
    facts.unanswered = prober.ledger.unanswered();
    facts.kdc_clock_offset = prober.kerberos.as_ref().map_or(0, Kerberos::clock_offset);
}

/// Says whether there was time for all of it.
async fn walk(facts: &mut Facts, prober: &Prober) -> End {
    let mut contacts = Contacts::default();
    // No server may take all of the time: what is left is for those that answer.
    let share = facts.client.limit.mul_f32(SHARE);
    let each = facts.servers.iter_mut().map(|server| timeout(share, meet(prober, server)));
    let met = join_all(each).await;
    let mut is_cut = met.iter().any(Result::is_err);
    contacts.servers.extend(met.into_iter().filter_map(|met| met.ok().flatten()));
    let clusters = facts.servers.iter().map(|server| &server.cluster);
    let known = clusters.clone().find(|cluster| cluster.is_ok());
    facts.cluster = known.cloned().unwrap_or_else(|| match contacts.is_empty() {
        true => Err(Unknown::NOBODY),
        false => clusters.clone().next().cloned().unwrap_or(Err(Unknown::NOBODY)),
    });
    if let Ok(cluster) = &facts.cluster {
        let listener = |(id, address): (&i32, &_)| Listener::new(*id, Clone::clone(address));
        facts.listeners = cluster.brokers.iter().map(listener).collect();
    }
    let visits = facts.listeners.iter_mut().map(|listener| async move {
        let id = listener.broker;
        (id, timeout(share, visit(prober, listener)).await)
    });
    let visits = stream::iter(visits).buffer_unordered(VISITS_MAX);
    // Of many brokers only some are visited: the time is not theirs alone.
    let visited: Vec<_> = visits.take_until(sleep(visiting(share))).collect().await;
    is_cut |= visited.len() < facts.listeners.len();
    for (id, visited) in visited {
        is_cut |= visited.is_err();
        let Some((contact, settings)) = visited.ok().flatten() else { continue };
        contacts.brokers.insert(id, contact);
        if facts.broker_settings.is_err() {
            facts.broker_settings = settings;
        }
    }
    ask(facts, prober, &mut contacts).await;
    if is_cut { End::Time } else { End::Whole }
}

/// How long brokers are visited: somewhat more than one of them may take.
fn visiting(share: Duration) -> Duration {
    share + share / 4
}

async fn meet(prober: &Prober, server: &mut Server) -> Option<Link> {
    let mut contact = reach((&prober.probe, &prober.ledger), &mut server.way).await?;
    server.cluster = describe::cluster(&mut contact).await;
    Some(contact)
}

type Settings = crate::doctor::facts::Known<crate::doctor::facts::Settings>;

async fn visit(prober: &Prober, listener: &mut Listener) -> Option<(Link, Settings)> {
    // Port 0 stands for one that there is not.
    if listener.way.to.port == 0 {
        return None;
    }
    let mut contact = reach((&prober.probe, &prober.ledger), &mut listener.way).await?;
    let settings = describe::identify(listener, &mut contact).await;
    Some((contact, settings))
}

/// What any broker can answer.
async fn ask(facts: &mut Facts, prober: &Prober, contacts: &mut Contacts) {
    if facts.broker_settings.is_err() {
        let ids: Vec<i32> = facts.listeners.iter().map(|listener| listener.broker).collect();
        facts.broker_settings = describe::of_any_broker(contacts, &ids).await;
    }
    facts.fenced = describe::fenced(contacts).await;
    facts.topics = topics::topics(contacts, &named(facts, prober)).await;
    try_rights(facts, contacts).await;
    let names: Vec<String> = facts.topics.iter().flatten().map(|t| t.name.clone()).collect();
    for some in names.chunks(TOPICS_AT_ONCE) {
        match describe::of_topics(contacts, some).await {
            Ok(told) => facts.topic_settings.extend(told),
            Err(why) => {
                let none = some.iter().map(|name| (name.clone(), Err(why.clone())));
                facts.topic_settings.extend(none);
            }
        }
    }
    for group in &mut facts.groups {
        group.rights = coordinators::group(contacts, &group.id).await;
    }
    for one in &mut facts.transactional_ids {
        one.rights = coordinators::transactional_id(contacts, &one.id).await;
    }
    if let Some(topic) = &prober.probe_topic {
        facts.clock = Some(clock::clock(facts, contacts, &prober.env, topic).await);
    }
}

/// The topics to ask for: those that were named, and Kafka's own; none means all.
fn named(facts: &Facts, prober: &Prober) -> Vec<String> {
    let mut names = facts.client.topics.clone();
    if !names.is_empty() {
        names.extend(prober.probe_topic.clone());
        names.extend(["__consumer_offsets", "__transaction_state"].map(String::from));
        names.sort_unstable();
        names.dedup();
    }
    names
}

/// Where brokers do not tell what a user may do with a topic.
async fn try_rights(facts: &mut Facts, contacts: &mut Contacts) {
    let Ok(topics) = &mut facts.topics else { return };
    for topic in topics.iter_mut().filter(|topic| facts.client.topics.contains(&topic.name)) {
        if topic.error.is_ok() && topic.operations.is_err() {
            topic.operations = topics::try_operations(contacts, &topic.name).await;
        }
    }
}

/// The part of the time that the way to a server may take.
const SHARE: f32 = 0.4;
/// Brokers that are visited at a time.
const VISITS_MAX: usize = 32;
/// Topics whose settings one request asks for.
const TOPICS_AT_ONCE: usize = 200;
