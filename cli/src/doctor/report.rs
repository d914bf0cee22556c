//! Core: the report, as a table for people and as an object for programs.

use serde_json::{Value, json};

use super::facts::Facts;
use super::finding::{Finding, Status};
use super::told::{count, list};
use crate::output::table::columns;
use crate::text::plain;

/// A numbered table; the fix of each finding stands below it. What is not known for the same
/// reason is one line, with the number of its first check.
pub(crate) fn text(findings: &[Finding]) -> String {
    let mut rows = vec![["#", "CHECK", "ABOUT", "STATUS", "FOUND"].map(String::from)];
    let mut shown = Vec::new();
    for (number, finding) in (1..).zip(findings) {
        let alike = alike(findings, finding);
        if alike.first().is_some_and(|first| !std::ptr::eq(*first, finding)) {
            continue;
        }
        let (check, found) = match &*alike {
            [_, _, ..] => {
                let mut titles: Vec<_> = alike.iter().map(|one| one.check.title()).collect();
                titles.dedup();
                (count(alike.len(), "check"), format!("{}: {}", titles.join(", "), finding.found))
            }
            _ => (finding.check.title().to_owned(), finding.found.clone()),
        };
        let mut about: Vec<_> = alike.iter().map(|one| &one.about).collect();
        about.dedup();
        let about = if alike.is_empty() { finding.about.clone() } else { list(about) };
        let status = finding.status.word().to_owned();
        rows.push([number.to_string(), check, plain(&about), status, plain(&found)]);
        shown.push(finding);
    }
    let table = columns(&rows);
    let mut lines = table.lines();
    let head = lines.next().into_iter().map(String::from);
    let fixed = |(line, finding): (&str, &Finding)| match &finding.fix {
        None => line.to_owned(),
        Some(fix) => format!("{line}\n       fix: {}", plain(fix)),
    };
    let body = lines.zip(shown).map(fixed);
    let sum = format!("\n{}", sum(findings));
    head.chain(body).chain([sum]).map(|line| line + "\n").collect()
}

/// What is not known for the same reason: people need to read that once.
fn alike<'a>(findings: &'a [Finding], one: &Finding) -> Vec<&'a Finding> {
    let is_alike = |other: &&Finding| {
        let (status, found) = (other.status, &other.found);
        status == Status::NotKnown && one.status == status && *found == one.found
    };
    findings.iter().filter(is_alike).collect()
}

/// One line on all of them: `9 ok, 1 warning, 0 wrong, 2 not known`.
pub(crate) fn sum(findings: &[Finding]) -> String {
    let count = |status: Status| format!("{} {}", number(findings, status), status.word());
    let all = [Status::Ok, Status::Warning, Status::Wrong, Status::NotKnown];
    all.map(count).join(", ")
}

/// How many went like this.
pub(crate) fn number(findings: &[Finding], status: Status) -> usize {
    findings.iter().filter(|finding| finding.status == status).count()
}

/// One object; without facts nothing could be asked. Its shape is version 1; keys may be added to
/// it, none goes or changes its meaning.
pub(crate) fn json(facts: Option<&Facts>, findings: &[Finding]) -> Value {
    let finding = |(number, finding): (usize, &Finding)| {
        json!({
            "number": number,
            "check": finding.check.code(),
            "about": finding.about,
            "status": finding.status.code(),
            "found": finding.found,
            "fix": finding.fix,
        })
    };
    let cluster = facts.and_then(|facts| facts.cluster.as_ref().ok());
    let release = facts.and_then(Facts::release);
    let servers = facts.into_iter().flat_map(|facts| &facts.servers);
    let servers = servers.map(|server| server.way.to.to_string());
    json!({
        "version": 1,
        "bootstrap": servers.collect::<Vec<_>>(),
        "cluster_id": cluster.and_then(|cluster| cluster.id.as_ref()),
        "release": release.map(kurier_protocol::release::Release::name),
        "ok": number(findings, Status::Ok),
        "warning": number(findings, Status::Warning),
        "wrong": number(findings, Status::Wrong),
        "not_known": number(findings, Status::NotKnown),
        "checks": (1..).zip(findings).map(finding).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kurier_client::Acks;
    use kurier_client::net::Address;

    use super::*;
    use crate::doctor::facts::Client;
    use crate::doctor::finding::Check;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok(Check::Name, "a:1", "192.0.2.1"),
            Finding::wrong(Check::Connection, "a:1", ("connection\u{1b}[31m refused", "start it")),
            Finding::not_known(Check::Clock, "this machine", "nobody tells it"),
        ]
    }

    #[test]
    fn people_get_a_numbered_table_with_fixes_and_a_sum() {
        let text = text(&findings());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "  #  CHECK       ABOUT         STATUS     FOUND",
                "  1  name        a:1           ok         192.0.2.1",
                "  2  connection  a:1           wrong      connection [31m refused",
                "       fix: start it",
                "  3  clock       this machine  not known  nobody tells it",
                "",
                "1 ok, 0 warning, 1 wrong, 1 not known",
            ]
        );
    }

    #[test]
    fn what_is_not_known_for_one_reason_is_one_line_for_people_and_counted_for_all() {
        let unknown = |check, about| Finding::not_known(check, about, "no broker could be asked");
        let several = [
            unknown(Check::Partitions, "topics"),
            unknown(Check::Replication, "topics"),
            Finding::ok(Check::Acks, "this client", "acks=all"),
            unknown(Check::GroupLog, "__consumer_offsets"),
        ];
        let text = text(&several);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1..],
            [
                "  1  3 checks  topics, __consumer_offsets  not known  partitions, replication, \
                 group log: no broker could be asked",
                "  3  acks      this client                 ok         acks=all",
                "",
                "1 ok, 0 warning, 0 wrong, 3 not known",
            ]
        );
    }

    #[test]
    fn programs_get_one_object_of_a_version() {
        let client = Client {
            encrypts: false,
            checks_host_names: true,
            shows: None,
            mechanism: None,
            user: None,
            config_file: None,
            acks: Acks::All,
            transaction_timeout_ms: 1,
            wants_transactions: false,
            topics: vec![],
            groups: vec![],
            transactional_ids: vec![],
            limit: Duration::from_secs(1),
        };
        let facts = Facts::new(client, [Address::new("a", 1)]);
        let object = json(Some(&facts), &findings());
        assert_eq!((&object["version"], &object["bootstrap"][0]), (&1.into(), &"a:1".into()));
        let counts = ["ok", "warning", "wrong", "not_known"].map(|key| object[key].as_u64());
        assert_eq!(counts, [1, 0, 1, 1].map(Some));
        let wrong = &object["checks"][1];
        let expected = json!({
            "number": 2, "check": "connection", "about": "a:1", "status": "wrong",
            "found": "connection\u{1b}[31m refused", "fix": "start it",
        });
        assert_eq!(*wrong, expected);
        assert_eq!(object["checks"][0]["fix"], Value::Null);
    }
}
