//! Core: whether brokers can keep groups and transactions, and for how long a transaction may run.

use super::command;
use super::facts::{Facts, Settings, told};
use super::finding::{Check, Finding, Status};

/// What there is to say of groups' and transactions' logs, and of the timeout.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![of_log(facts, &GROUPS), timeout(facts), of_log(facts, &TRANSACTIONS)]
}

/// A topic of Kafka's own, which brokers create when it is first needed.
struct Log {
    check: Check,
    topic: &'static str,
    what: &'static str,
    replication: &'static str,
    min_in_sync: Option<&'static str>,
}

const GROUPS: Log = Log {
    check: Check::GroupLog,
    topic: "__consumer_offsets",
    what: "consumer groups",
    replication: "offsets.topic.replication.factor",
    min_in_sync: None,
};

const TRANSACTIONS: Log = Log {
    check: Check::TransactionLog,
    topic: "__transaction_state",
    what: "transactions",
    replication: "transaction.state.log.replication.factor",
    min_in_sync: Some("transaction.state.log.min.isr"),
};

fn of_log(facts: &Facts, log: &Log) -> Finding {
    let (check, about) = (log.check, log.topic);
    let settings = match &facts.broker_settings {
        Ok(settings) => settings,
        Err(why) => return Finding::not_known(check, about, why.0.clone()),
    };
    let topics = facts.topics.iter().flatten();
    let existing = topics.filter(|topic| topic.name == log.topic && !topic.partitions.is_empty());
    let existing = existing.map(super::facts::Topic::replication).next();
    let brokers = facts.broker_count().unwrap_or(0);
    let set = number(settings, log.replication);
    let Some(copies) = existing.or(set) else {
        let why = told(settings, log.replication).err();
        let why =
            why.map_or_else(|| format!("{} is no number", log.replication), |why| why.0.into());
        return Finding::not_known(check, about, why);
    };
    let what = log.what;
    if existing.is_none() && copies > brokers {
        let found = format!(
            "{}={copies}, and {brokers} run: the topic cannot be created, and {what} do not work",
            log.replication
        );
        let fix = format!("start more brokers, or set {}={brokers} on them", log.replication);
        return grave(facts, log, (check, about), (found, fix));
    }
    let least = log.min_in_sync.and_then(|name| number(settings, name));
    if let (Some(least), Some(name)) = (least, log.min_in_sync)
        && least > copies
    {
        let found = format!("{name}={least}, and the topic has {copies} copies: {what} stop");
        let fix = format!("set {name}={}, or give the topic more replicas", copies.min(2));
        return grave(facts, log, (check, about), (found, fix));
    }
    if copies == 1 && brokers > 1 {
        let found = format!("one copy: {what} stop, or are lost, with its broker");
        let fix = format!(
            "set {}={} on the brokers, and add replicas (kafka-reassign-partitions.sh)",
            log.replication,
            command::copies(facts)
        );
        return Finding::warning(check, about, (found, fix));
    }
    let state = if existing.is_some() { "" } else { " when it is first needed" };
    let least = least.map_or(String::new(), |least| format!(", {least} of them in sync"));
    let noun = if copies == 1 { "copy" } else { "copies" };
    Finding::ok(check, about, format!("{copies} {noun}{least}{state}"))
}

/// Wrong for whom it concerns, else a warning.
fn grave(
    facts: &Facts,
    log: &Log,
    (check, about): (Check, &str),
    said: (String, String),
) -> Finding {
    let concerns = match log.check {
        Check::GroupLog => !facts.client.groups.is_empty(),
        _ => facts.client.wants_transactions,
    };
    let status = if concerns { Status::Wrong } else { Status::Warning };
    Finding { status, ..Finding::warning(check, about, said) }
}

fn timeout(facts: &Facts) -> Finding {
    let (check, about) = (Check::TransactionTimeout, "this client");
    let ours = facts.client.transaction_timeout_ms;
    let most = match &facts.broker_settings {
        Err(why) => return Finding::not_known(check, about, why.0.clone()),
        Ok(settings) => match told(settings, TIMEOUT_MAX).map(str::parse) {
            Err(why) => return Finding::not_known(check, about, why.0),
            Ok(Err(_)) => return Finding::not_known(check, about, "its limit is no number"),
            Ok(Ok(most)) => most,
        },
    };
    if ours <= most {
        let found = format!("transaction.timeout.ms={ours} is within {TIMEOUT_MAX}={most}");
        return Finding::ok(check, about, found);
    }
    let found = format!(
        "transaction.timeout.ms={ours} is over the brokers' {TIMEOUT_MAX}={most}: no transaction \
         can begin (INVALID_TRANSACTION_TIMEOUT)"
    );
    let fix = format!("set transaction.timeout.ms to at most {most}, or raise {TIMEOUT_MAX}");
    let status = match facts.client.wants_transactions {
        true => Status::Wrong,
        false => Status::Warning,
    };
    Finding { status, ..Finding::warning(check, about, (found, fix)) }
}

const TIMEOUT_MAX: &str = "transaction.max.timeout.ms";

fn number(settings: &Settings, name: &str) -> Option<usize> {
    settings.get(name)?.parse().ok()
}
