//! Core: what the user may do with topics, groups and transactional ids.

use kurier_protocol::ErrorCode;

use super::by_topic::{self, Verdict};
use super::command::{kafka, quoted};
use super::facts::{Facts, Known, Operation, Rights, Topic};
use super::finding::{Check, Finding};

/// What there is to say of the rights to what was named.
pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = match &facts.topics {
        Ok(topics) => of_topics(facts, topics),
        Err(why) => {
            let named = facts.client.topics.iter();
            let unknown = |name| Finding::not_known(Check::TopicRights, name, why.0.clone());
            named.map(unknown).collect()
        }
    };
    findings.extend(facts.groups.iter().map(|group| {
        let resource = format!("--group {}", quoted(&group.id));
        of_one(facts, (Check::GroupRights, &group.id), &group.rights, &resource)
    }));
    findings.extend(facts.transactional_ids.iter().map(|one| {
        let resource = format!("--transactional-id {}", quoted(&one.id));
        of_one(facts, (Check::TransactionRights, &one.id), &one.rights, &resource)
    }));
    findings
}

fn of_topics(facts: &Facts, topics: &[Topic]) -> Vec<Finding> {
    let wanted = facts.client.topics.iter().filter_map(|name| {
        let topic = topics.iter().find(|topic| topic.name == *name)?;
        Some((name.as_str(), of_topic(facts, topic)?))
    });
    by_topic::findings(Check::TopicRights, wanted)
}

/// None where there is no topic to have rights to.
fn of_topic(facts: &Facts, topic: &Topic) -> Option<Verdict> {
    let user = user(facts);
    let fix = |operations: &[Operation]| {
        allow(facts, operations, &format!("--topic {}", by_topic::TOPIC))
    };
    if topic.error == ErrorCode::TOPIC_AUTHORIZATION_FAILED {
        let all = [Operation::Describe, Operation::Read, Operation::Write];
        let found = format!("{user} may not even see it (TOPIC_AUTHORIZATION_FAILED)");
        return Some(Verdict::wrong(found, fix(&all)));
    }
    if !topic.error.is_ok() {
        return None;
    }
    let operations = match &topic.operations {
        Ok(operations) => *operations,
        Err(why) => return Some(Verdict::not_known(why.0.clone())),
    };
    let (read, write) = (operations.allow(Operation::Read), operations.allow(Operation::Write));
    let (reads, writes) = (!facts.client.groups.is_empty(), facts.client.wants_transactions);
    Some(match (read, write) {
        (true, true) => Verdict::ok(format!("{user} may read and write it")),
        (false, false) => {
            let found = format!("{user} may see it, and neither read nor write it");
            Verdict::wrong(found, fix(&[Operation::Read, Operation::Write]))
        }
        (true, false) if writes => {
            let found = format!("{user} may read it and not write it");
            Verdict::wrong(found, fix(&[Operation::Write]))
        }
        (false, true) if reads => {
            let found = format!("{user} may write it and not read it");
            Verdict::wrong(found, fix(&[Operation::Read]))
        }
        (true, false) => Verdict::warning(
            format!("{user} may read it and not write it"),
            format!("if it shall write: {}", fix(&[Operation::Write])),
        ),
        (false, true) => Verdict::warning(
            format!("{user} may write it and not read it"),
            format!("if it shall read: {}", fix(&[Operation::Read])),
        ),
    })
}

fn of_one(
    facts: &Facts,
    (check, id): (Check, &str),
    rights: &Known<Rights>,
    resource: &str,
) -> Finding {
    let user = user(facts);
    match rights {
        Err(why) => Finding::not_known(check, id, why.0.clone()),
        Ok(Rights::Allowed(more)) => {
            let more = more.as_ref().map_or(String::new(), |more| format!("; {more}"));
            Finding::ok(check, id, format!("{user} may use it{more}"))
        }
        Ok(Rights::Refused(operations)) => {
            let names: Vec<_> = operations.iter().map(|operation| operation.name()).collect();
            let found = format!("{user} lacks {} on it", names.join(" and "));
            Finding::wrong(check, id, (found, allow(facts, operations, resource)))
        }
        Ok(Rights::NoCoordinator(code)) => {
            let found = format!("no broker looks after it: {code}");
            let fix = "see the lines on the group log and the transaction log, and on brokers that \
                       are down";
            Finding::wrong(check, id, (found, fix))
        }
    }
}

/// Who the brokers take this client for, as far as is known.
fn user(facts: &Facts) -> String {
    match (&facts.client.user, facts.client.mechanism) {
        (Some(user), _) => format!("User:{user}"),
        (None, None) if !facts.client.encrypts => "User:ANONYMOUS".to_owned(),
        _ => "the user".to_owned(),
    }
}

/// The command that grants operations.
fn allow(facts: &Facts, operations: &[Operation], resource: &str) -> String {
    let user = Some(user(facts)).filter(|user| user.starts_with("User:"));
    let user = user.unwrap_or_else(|| "User:NAME".to_owned());
    let operations: String =
        operations.iter().map(|operation| format!(" --operation {}", operation.name())).collect();
    let words = format!("--add --allow-principal {}{operations} {resource}", quoted(&user));
    kafka("kafka-acls.sh", facts, &words)
}
