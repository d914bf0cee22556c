//! `roundrobin`: the partitions in turn, to one member after the other. *core*

use std::sync::Arc;

use super::super::members::{GroupMember, GroupTopics, Plan, numbered};

pub(super) fn assign(members: &[GroupMember], topics: &GroupTopics) -> Plan {
    let mut plan: Plan = vec![Vec::new(); members.len()];
    let mut turn = 0;
    for (topic, partitions) in topics.iter() {
        let readers: Vec<bool> = members.iter().map(|member| member.reads(topic)).collect();
        if !readers.contains(&true) {
            continue;
        }
        for (topic, number) in numbered(topic, partitions.len()) {
            // Whose turn it is, or the next one that reads the topic.
            let behind = readers.iter().skip(turn).position(|reads| *reads);
            let member = match behind {
                Some(behind) => turn + behind,
                None => readers.iter().position(|reads| *reads).unwrap_or(0),
            };
            if let Some(given) = plan.get_mut(member) {
                given.push((Arc::clone(&topic), number));
            }
            turn = (member + 1) % members.len().max(1);
        }
    }
    plan
}
