//! The metrics: their names, what they are, and where their values come from; and Java's names
//! that are missing, and why.

mod client;
mod network;
mod producer;
mod consumer;
mod group;
mod missing;

pub(super) use client::CLIENT;
pub(super) use consumer::{CONSUMER, FETCH, FETCH_PARTITION, FETCH_TOPIC, SKIP, SKIP_TOPIC};
pub(super) use group::{GROUP, GROUP_CALLS};
pub(super) use missing::MISSING;
pub(super) use network::{NETWORK, NODE};
pub(super) use producer::{PRODUCER, PRODUCER_FACTS, PRODUCER_TOPIC};

use super::row::{Level, Section, Unit};

/// What the names of groups begin with that Java's clients do not have.
#[cfg(test)]
pub(super) const OURS: &str = "kurier-";

/// A metric that is there, or a name of Java's that is not.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub(super) group: &'static str,
    pub(super) level: Level,
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) about: &'static str,
}

/// All metrics that are there, in the order of the documentation.
pub(super) fn entries() -> Vec<Entry> {
    let mut all = Vec::new();
    CLIENT.iter().for_each(|section| add(&mut all, section));
    NETWORK.iter().for_each(|(_, section)| add(&mut all, section));
    NODE.iter().for_each(|(_, section)| add(&mut all, section));
    add(&mut all, &PRODUCER);
    add(&mut all, &PRODUCER_FACTS);
    add(&mut all, &PRODUCER_TOPIC);
    add(&mut all, &CONSUMER);
    add(&mut all, &GROUP_CALLS);
    add(&mut all, &FETCH);
    add(&mut all, &FETCH_TOPIC);
    add(&mut all, &FETCH_PARTITION);
    add(&mut all, &SKIP);
    add(&mut all, &SKIP_TOPIC);
    add(&mut all, &GROUP);
    all
}

fn add<S>(all: &mut Vec<Entry>, section: &Section<S>) {
    let Section { group, level, rows } = section;
    all.extend(rows.iter().map(|row| Entry {
        group,
        level: *level,
        name: row.name,
        unit: row.unit,
        about: row.about,
    }));
}

/// Whether a name that topics or partitions have is there for the whole of its group too.
pub(super) fn is_of_whole(group: &str, name: &str) -> bool {
    [&FETCH, &SKIP]
        .iter()
        .any(|whole| whole.group == group && whole.rows.iter().any(|row| row.name == name))
}
