//! `kurier doctor` on real clusters that are broken, each in another way: it names cause and fix.

use std::net::TcpListener;

use serde_json::Value;

use crate::kurier::Kurier;
use crate::real_broker::RealBroker;
use crate::real_brokers::{each, each_since};
use crate::run::{output, run, text, wait_until};

/// Where the metadata of KRaft says which brokers are down.
const OLDEST: &str = "4.0";

#[test]
fn a_cluster_of_three_is_well_until_it_is_broken() {
    each_since(OLDEST, "a cluster of three with seven faults", |release| {
        let off = ["--set", "auto.create.topics.enable=false"];
        let broker = RealBroker::start_with(release, &[&["--nodes", "3"][..], &off].concat());
        let kurier = broker.kurier();
        create(&kurier, "orders", &["-r", "3", "-c", "min.insync.replicas=2"]);
        let named = ["-t", "orders", "-g", "billing", "--transactional-id", "pay"];
        let report = doctor(&kurier, &named);
        assert_eq!(wrong(&report), [""; 0], "{report:#}");
        for check in ["brokers", "partitions", "min_insync", "unclean_election", "auto_create"] {
            assert!(has(&report, (check, "ok"), "", ""), "{check}: {report:#}");
        }
        for check in ["topic_rights", "group_rights", "transaction_rights", "transaction_log"] {
            assert!(has(&report, (check, "ok"), "", ""), "{check}: {report:#}");
        }
        leaves_no_trace(&kurier);

        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let report = doctor(&Kurier::to(&closed), &[]);
        assert_wrong(&report, "connection", "connection refused", "check the port");

        let report = doctor(&Kurier::to("kafka-1.invalid:9092"), &[]);
        assert_wrong(&report, "name", "cannot be resolved", "check the spelling");

        create(&kurier, "thin", &["-r", "1", "-c", "min.insync.replicas=2"]);
        create(&kurier, "loose", &["-r", "3", "-c", "unclean.leader.election.enable=true"]);
        let report = doctor(&kurier, &[]);
        let found = "min.insync.replicas=2 asks for more than the replication factor 1";
        assert_wrong(&report, "min_insync", found, "add replicas (kafka-reassign-partitions.sh)");
        let fix = "--entity-name loose --add-config unclean.leader.election.enable=false";
        assert_wrong(&report, "unclean_election", "acknowledged records are lost", fix);

        let long = ["-X", "transaction.timeout.ms=900001", "--transactional-id", "pay"];
        let report = doctor(&kurier, &long);
        let found = "over the brokers' transaction.max.timeout.ms=900000";
        assert_wrong(&report, "transaction_timeout", found, "to at most 900000");

        let report = doctor(&kurier, &["-t", "missing"]);
        let found = "brokers create none (auto.create.topics.enable=false)";
        assert_wrong(&report, "topic", found, "topic create missing");

        broker.kill("3");
        create(&kurier, "strict", &["-r", "2", "-c", "min.insync.replicas=2"]);
        let found = "broker 3 is down, 1, 2 run";
        let is_seen = || has(&doctor(&kurier, &[]), ("brokers", "wrong"), found, "start broker 3");
        wait_until("the dead broker is seen", is_seen);
        let report = doctor(&kurier, &["-t", "orders"]);
        assert_wrong(&report, "connection", "refused", "check the port");
        assert!(has(&report, ("partitions", "warning"), "under-replicated", "broker 3"));
    });
}

#[test]
fn a_wrong_advertised_address_is_found_with_its_broker() {
    each_since(OLDEST, "a wrong advertised listener", |release| {
        let set = ["--set", "advertised.listeners=PLAINTEXT://kafka-1.invalid:9092"];
        let broker = RealBroker::start_with(release, &set);
        let report = doctor(&broker.kurier(), &[]);
        let found = "it advertises kafka-1.invalid:9092: the name cannot be resolved";
        assert_wrong(&report, "listener", found, "set advertised.listeners of broker 1");
        // What the bootstrap server itself can tell is told nevertheless.
        assert!(has(&report, ("auto_create", "ok"), "on", ""), "{report:#}");
    });
}

#[test]
fn missing_rights_and_the_wrong_protocol_are_found() {
    each_since(OLDEST, "missing rights, and TLS spoken to in plain", |release| {
        let broker = RealBroker::start_secured(release, &["allow.everyone.if.no.acl.found=false"]);
        let report = doctor(&broker.listener("SSL"), &[]);
        assert_wrong(&report, "protocol", "speaks TLS", "set security.protocol=SSL");

        broker.create_topic("orders", 1);
        let named = ["-t", "orders", "-g", "billing", "--transactional-id", "pay"];
        let args: Vec<&str> = named.into_iter().chain(ALICE).collect();
        let kurier = broker.listener("SASL_PLAINTEXT");
        let report = doctor(&kurier, &args);
        let grant = "--add --allow-principal User:alice --operation";
        let fix = format!("{grant} Describe --operation Read --operation Write --topic orders");
        assert_wrong(&report, "topic_rights", "User:alice may not even see it", &fix);
        let fix = format!("{grant} Read --group billing");
        assert_wrong(&report, "group_rights", "lacks Read", &fix);
        let fix = format!("{grant} Write --transactional-id pay");
        assert_wrong(&report, "transaction_rights", "lacks Write", &fix);
        assert!(has(&report, ("auto_create", "not_known"), "DescribeConfigs", ""), "{report:#}");

        // The fixes, as they were told: one is left out.
        for fix in fixes(&report).iter().filter(|fix| !fix.ends_with("--transactional-id pay")) {
            // But for the address, which is the one of alice.
            let (begin, words) = fix.split_once(" --add ").unwrap();
            assert!(begin.starts_with("kafka-acls.sh --bootstrap-server "), "{begin}");
            broker.acls(&format!("--add {words}"));
        }
        let allowed = || has(&doctor(&kurier, &args), ("topic_rights", "ok"), "read and write", "");
        wait_until("the rights are there", allowed);
        let report = doctor(&kurier, &args);
        assert!(has(&report, ("group_rights", "ok"), "may use it", ""), "{report:#}");
        let fix = format!("{grant} Write --transactional-id pay");
        assert_wrong(&report, "transaction_rights", "lacks Write", &fix);
    });
}

// Before 2.3 brokers do not tell what a user may do: it is tried, and changes nothing.
#[test]
fn rights_are_found_out_on_every_release() {
    each("rights, told or tried", |release| {
        let broker = RealBroker::start_secured(release, &["allow.everyone.if.no.acl.found=false"]);
        broker.create_topic("orders", 1);
        let named = ["-t", "orders", "-g", "billing"];
        let report = doctor(&broker.kurier(), &named);
        assert_eq!(wrong(&report), [""; 0], "{report:#}");
        for check in ["topic_rights", "group_rights"] {
            assert!(has(&report, (check, "ok"), "may", ""), "{check}: {report:#}");
        }
        let args: Vec<&str> = named.into_iter().chain(ALICE).collect();
        let report = doctor(&broker.listener("SASL_PLAINTEXT"), &args);
        assert_wrong(&report, "group_rights", "lacks Read", "--operation Read --group billing");
        // Some hide what the user may not see.
        match release.at_least("1.1") || !release.at_least("0.10.1") {
            true => assert_wrong(&report, "topic_rights", "not even see it", "--topic orders"),
            false => assert_wrong(&report, "topic", "or the user may not see it", "the ACLs"),
        }
        assert_eq!(broker.kurier().consume("orders", &[]), b"");
    });
}

/// The login of alice.
const ALICE: [&str; 8] = [
    "-X",
    "security.protocol=SASL_PLAINTEXT",
    "-X",
    "sasl.mechanism=PLAIN",
    "-X",
    "sasl.username=alice",
    "-X",
    "sasl.password=alice-secret",
];

/// Nothing that was only asked for has come to be.
fn leaves_no_trace(kurier: &Kurier<'_>) {
    let topics = text(&mut kurier.command(&["topic", "list"]), "");
    assert_eq!(topics, "orders\n");
}

fn create(kurier: &Kurier<'_>, topic: &str, options: &[&str]) {
    output(kurier.command(&["topic", "create", topic]).args(options), "");
}

fn doctor(kurier: &Kurier<'_>, args: &[&str]) -> Value {
    let ended = run(kurier.command(&["doctor", "--format", "json"]).args(args), "");
    let report: Value = serde_json::from_slice(&ended.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", ended.stderr));
    let status = i32::from(report["wrong"] != 0);
    assert_eq!(ended.status.code(), Some(status), "{report:#}\n{}", ended.stderr);
    report
}

fn checks(report: &Value) -> &[Value] {
    report["checks"].as_array().unwrap()
}

fn wrong(report: &Value) -> Vec<&str> {
    let wrong = checks(report).iter().filter(|check| check["status"] == "wrong");
    wrong.map(|check| check["found"].as_str().unwrap()).collect()
}

fn fixes(report: &Value) -> Vec<&str> {
    let fixes = checks(report).iter().filter_map(|check| check["fix"].as_str());
    fixes.filter(|fix| fix.starts_with("kafka-acls.sh")).collect()
}

fn has(report: &Value, (check, status): (&str, &str), found: &str, fix: &str) -> bool {
    checks(report).iter().any(|one| {
        (one["check"].as_str(), one["status"].as_str()) == (Some(check), Some(status))
            && one["found"].as_str().unwrap().contains(found)
            && one["fix"].as_str().unwrap_or_default().contains(fix)
    })
}

#[track_caller]
fn assert_wrong(report: &Value, check: &str, found: &str, fix: &str) {
    assert!(has(report, (check, "wrong"), found, fix), "{check} {found:?} {fix:?}: {report:#}");
}
