//! Core: all rules, in the order in which they are told.

use super::facts::Facts;
use super::finding::Finding;
use super::{clock, cluster, defaults, listeners, reach, rights, topics, transactions};

/// What there is to say of a cluster of which this is known.
pub(crate) fn findings(facts: &Facts) -> Vec<Finding> {
    let rules = [
        reach::findings,
        cluster::findings,
        listeners::findings,
        topics::findings,
        rights::findings,
        defaults::findings,
        transactions::findings,
        clock::findings,
    ];
    rules.iter().flat_map(|rule| rule(facts)).collect()
}

#[cfg(test)]
mod tests;
