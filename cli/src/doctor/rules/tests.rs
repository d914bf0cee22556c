//! One healthy cluster, and a row for each thing that can be wrong with it.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use kurier_client::Acks;
use kurier_client::error::{Cause, Fault, LoginFailure, LoginFault, TlsFault};
use kurier_client::net::{Address, Stage, Step};
use kurier_protocol::release::Release;
use kurier_protocol::{ApiKey, ErrorCode};

use super::super::facts::{
    Client, Clock, Cluster, End, Facts, Group, Listener, Met, Operation, Operations, Partition,
    Rights, Server, Settings, Topic, TransactionalId, Unanswered, Unknown, Way,
};
use super::super::finding::{Check, Finding, Status};
use super::findings;

#[test]
fn a_healthy_cluster_is_ok_throughout_but_for_its_clock() {
    let found = findings(&healthy());
    let rest: Vec<_> = found.iter().filter(|finding| finding.status != Status::Ok).collect();
    assert!(matches!(&*rest, [clock] if clock.check == Check::Clock), "{rest:#?}");
    assert!(found.iter().all(|finding| finding.fix.is_none()));
}

#[test]
fn ways_that_lead_nowhere_are_told_with_what_to_do() {
    let way = |break_it: fn(&mut Facts)| break_it;
    check_wrong(way(|f| fail_name(&mut f.servers[0].way)), Check::Name, "resolved", "spelling");
    let refused = |f: &mut Facts| fail(&mut f.servers[0].way, Stage::Connect, refused());
    check_wrong(refused, Check::Connection, "refused", "check the port");
    let tls = |f: &mut Facts| {
        fail(&mut f.servers[0].way, Stage::Versions, Cause::Fault(Fault::Tls));
    };
    check_wrong(tls, Check::Protocol, "speaks TLS", "security.protocol=SSL");
    let plain = |f: &mut Facts| {
        fail(&mut f.servers[0].way, Stage::Encrypt, TlsFault::NotTls.into());
    };
    check_wrong(plain, Check::Tls, "does not speak TLS", "PLAINTEXT");
    let login = |f: &mut Facts| fail(&mut f.servers[0].way, Stage::Login, refused_login());
    let silent = |f: &mut Facts| {
        f.servers[0].cluster = Err(Unknown::of("no answer to Metadata"));
        f.cluster = f.servers[0].cluster.clone();
        f.client.mechanism = None;
    };
    check_wrong(silent, Check::Metadata, "no answer to Metadata", "sasl.mechanism");
    check_wrong(login, Check::Login, "SASL_AUTHENTICATION_FAILED", "user name and password");
}

#[test]
fn what_works_and_should_not_be_trusted_for_long_is_a_warning() {
    let day = 86_400;
    let ends_in = |days: u64| {
        move |f: &mut Facts| {
            f.now = 20_000 * day;
            f.servers[0].way.certificate_end = Some((20_000 + days) * day + 1);
        }
    };
    let warning = |check| (check, Status::Warning);
    check(ends_in(29), warning(Check::Tls), "ends on 2024-11-02; that is in 29 days", "renew it");
    let found = after(ends_in(30));
    assert_eq!(of(&found, Check::Tls).status, Status::Ok);
    let any_host = |f: &mut Facts| f.client.checks_host_names = false;
    let fix = "remove ssl.endpoint.identification.algorithm";
    check(any_host, warning(Check::Tls), "can pass for a broker", fix);
    let heard = |f: &mut Facts| f.client.encrypts = false;
    check(heard, warning(Check::Login), "the password crosses the network as it is", "SASL_SSL");
    let scram = after(|f| (f.client.encrypts, f.client.shows) = (false, None));
    assert_eq!(of(&scram, Check::Login).status, Status::Ok);
}

#[test]
fn a_dead_address_beside_a_live_one_is_a_warning_only_if_it_costs_time() {
    let with = |cause: Cause| {
        move |f: &mut Facts| {
            let way = &mut f.servers[0].way;
            let dead = ("[::1]:9092".parse().unwrap(), vec![step(Stage::Connect, Err(cause))]);
            way.tried.insert(0, dead);
        }
    };
    let found = after(with(refused()));
    assert_eq!(of(&found, Check::Connection).status, Status::Ok);
    let late = Cause::SetupTimedOut(Duration::from_secs(10));
    check(
        with(late),
        (Check::Connection, Status::Warning),
        "::1 had been tried",
        "broker.address.family",
    );
}

#[test]
fn what_is_wrong_with_an_advertised_address_is_told_apart() {
    let to = |host: &'static str| {
        move |f: &mut Facts| {
            f.servers[0].way = reached(Address::new("kafka.example", 9092), "192.0.2.1:9092");
            f.listeners[0].way.to = Address::new(host, 9092);
        }
    };
    let (check_, loopback) = (Check::Listener, "which from here is this machine");
    for host in ["localhost", "127.0.0.1", "::1"] {
        check_wrong(to(host), check_, loopback, "set advertised.listeners of broker 1");
    }
    check_wrong(to("0.0.0.0"), check_, "no address to connect to", "advertised.listeners");
    let twice = |f: &mut Facts| f.listeners[1].way.to = f.listeners[0].way.to.clone();
    check_wrong(twice, check_, "and so does broker 2", "an address of its own");
    let unknown = |f: &mut Facts| {
        f.listeners[1].way.to = Address::new("kafka-2", 9092);
        fail_name(&mut f.listeners[1].way);
    };
    check_wrong(unknown, check_, "a name of the brokers' own network", "of broker 2 to a name");
    let down = |f: &mut Facts| fail(&mut f.listeners[0].way, Stage::Connect, refused());
    check_wrong(down, check_, "refused", "start broker 1 if it is down");
    let tls = |f: &mut Facts| {
        fail(&mut f.listeners[0].way, Stage::Versions, Cause::Fault(Fault::Tls));
    };
    check_wrong(tls, check_, "speaks TLS", "the listener that is meant for this client");
    let foreign = |f: &mut Facts| f.listeners[0].cluster_id = Ok(Some("other".into()));
    check_wrong(foreign, check_, "a broker of cluster other", "port forwarding");
    let crossed = |f: &mut Facts| f.listeners[0].is_it = Ok(Err("expected 2".into()));
    check_wrong(crossed, check_, "another broker answers: expected 2", "its own address");
}

#[test]
fn a_question_that_was_not_answered_is_wrong_once_and_tells_no_broker_to_be_well() {
    let mute = |f: &mut Facts| {
        let why = || Unknown::of("no answer to DescribeConfigs within 2 s");
        let one = |at: &str| {
            let at = at.parse().unwrap();
            Unanswered { at, api: ApiKey::DESCRIBE_CONFIGS, why: why() }
        };
        f.unanswered = vec![one("192.0.2.1:9092"), one("192.0.2.2:9092")];
        f.listeners[0].is_it = Err(why());
    };
    let found = after(mute);
    let wrong: Vec<_> = found.iter().filter(|one| one.status == Status::Wrong).collect();
    assert!(matches!(&*wrong, [one] if one.about == "192.0.2.1:9092, 192.0.2.2:9092"), "{wrong:?}");
    check_wrong(mute, Check::Protocol, "no answer to DescribeConfigs within 2 s", "log");
    let (check_, text) = (Check::Listener, "whether to this one: no answer");
    check(mute, (check_, Status::NotKnown), text, "");
    let metadata = |f: &mut Facts| {
        f.servers[0].cluster = Err(Unknown::of("no answer to Metadata"));
        let silent = |api: ApiKey| {
            let why = Unknown::new(format!("no answer to {api}"));
            Unanswered { at: "192.0.2.1:9092".parse().unwrap(), api, why }
        };
        let asked = [ApiKey::METADATA, ApiKey::DESCRIBE_CLUSTER, ApiKey::DESCRIBE_CONFIGS];
        f.unanswered = asked.map(silent).into();
    };
    let found = after(metadata);
    assert!(found.iter().all(|one| (one.check, one.status) != (Check::Protocol, Status::Wrong)));
}

#[test]
fn many_brokers_with_the_same_fault_are_told_of_in_few_lines() {
    let many = |to: fn(i32) -> Address| {
        let listeners = |f: &mut Facts| {
            let listener = |id: i32| Listener::new(id, to(id));
            f.listeners = (1..=3000).map(listener).collect();
            f.listeners.iter_mut().for_each(|one| fail_name(&mut one.way));
        };
        let found = after(listeners);
        found.into_iter().filter(|one| one.check == Check::Listener).collect::<Vec<_>>()
    };
    let same = many(|_| Address::new("kafka.example", 9092));
    assert!(matches!(&*same, [one] if one.found.ends_with("6 and 2994 more")), "{same:?}");
    let each = many(|id| Address::new(format!("k{id}.example"), 9092));
    assert_eq!(each.len(), 11);
    assert!(each[10].status == Status::Wrong && each[10].about.ends_with("and 2985 more"));
}

#[test]
fn a_port_that_there_is_not_is_named() {
    let port = |f: &mut Facts| {
        f.cluster.as_mut().unwrap().impossible.insert(1, 99999);
        f.listeners[0].way.to.port = 0;
    };
    check_wrong(port, Check::Listener, "it advertises port 99999 of k1.example", "1 and 65535");
}

#[test]
fn a_leader_that_the_metadata_does_not_name_is_wrong() {
    let lost = |f: &mut Facts| of_topic(f).partitions[0].leader = Some(7);
    check_wrong(lost, Check::Partitions, "partition 0 is led by broker 7", "start broker 7");
    check_wrong(lost, Check::Brokers, "broker 7 is down", "start broker 7");
}

#[test]
fn brokers_that_are_down_are_named() {
    let gone = |f: &mut Facts| {
        f.cluster.as_mut().unwrap().brokers.remove(&3);
        f.listeners.pop();
        of_topic(f).partitions[0].in_sync = vec![1, 2];
    };
    check_wrong(gone, Check::Brokers, "broker 3 is down, 1, 2 run", "start broker 3");
    check(gone, (Check::Partitions, Status::Warning), "partition 0 under", "broker 3, which");
    check_wrong(|f| f.fenced = Ok(vec![7]), Check::Brokers, "broker 7 is down", "start broker 7");
    let two = |f: &mut Facts| f.servers.push(server("b", "192.0.2.9:9092", "elsewhere"));
    check_wrong(two, Check::OneCluster, "b:9092 (elsewhere)", "one cluster only");
}

#[test]
fn a_topic_that_is_not_there_is_judged_by_what_brokers_would_do() {
    let missing = |f: &mut Facts, auto: &str| {
        let topic = of_topic(f);
        topic.error = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        topic.partitions.clear();
        set(f, "auto.create.topics.enable", auto);
    };
    let (check_, fix) = (Check::Topic, "kurier -b a:9092 topic create orders -p 1 -r 3");
    check_wrong(|f| missing(f, "false"), check_, "auto.create.topics.enable=false", fix);
    check(|f| missing(f, "true"), (check_, Status::Warning), "default.replication.factor=3", fix);
    let blind = |f: &mut Facts| {
        missing(f, "false");
        f.broker_settings = Err(Unknown::of("hidden"));
    };
    check_wrong(blind, check_, "whether brokers would create it is not known", fix);
    let old = |f: &mut Facts| {
        missing(f, "false");
        f.servers[0].way.met.as_mut().unwrap().release = Some(Release::V0_10_2);
    };
    check_wrong(old, check_, "or the user may not see it", fix);
}

#[test]
fn partitions_that_do_not_work_are_wrong() {
    let (check_, wrong) = (Check::Partitions, Status::Wrong);
    let leaderless = |f: &mut Facts| {
        let partition = &mut of_topic(f).partitions[0];
        (partition.leader, partition.in_sync) = (None, vec![]);
    };
    check(leaderless, (check_, wrong), "no leader for partition 0", "start broker 1, 2, 3");
    let few = |f: &mut Facts| of_topic(f).partitions[0].in_sync = vec![1];
    check(few, (check_, wrong), "min.insync.replicas=2: writes", "start or mend broker 2, 3");
}

#[test]
fn copies_and_min_insync_must_fit_each_other() {
    let lone = |f: &mut Facts| {
        let partition = &mut of_topic(f).partitions[0];
        (partition.replicas, partition.in_sync) = (vec![1], vec![1]);
    };
    check(lone, (Check::Replication, Status::Warning), "one copy", "kafka-reassign-partitions");
    let two = |f: &mut Facts| drop(f.cluster.as_mut().unwrap().brokers.remove(&3));
    let lone_of_two = |f: &mut Facts| {
        two(f);
        lone(f);
    };
    check(lone_of_two, (Check::Replication, Status::Warning), "one copy", "replicate to 2");
    assert_eq!(of(&after(lone), Check::Partitions).status, Status::Ok);
    let (in_sync, text) = (Check::InSync, "asks for more than the replication factor 1");
    check_wrong(lone, in_sync, "acknowledged with fewer copies", "min.insync.replicas=1");
    let old = |f: &mut Facts| {
        lone(f);
        f.servers[0].way.met.as_mut().unwrap().release = Some(Release::V2_8);
    };
    check_wrong(old, in_sync, &format!("{text}: writes with acks=all are refused"), "orders");
    let one = |f: &mut Facts| set_topic(f, "min.insync.replicas", "1");
    check(one, (in_sync, Status::Warning), "by its leader alone", "min.insync.replicas=2");
    let all = |f: &mut Facts| set_topic(f, "min.insync.replicas", "3");
    let lower = "or kafka-configs.sh --bootstrap-server a:9092 --alter --entity-type topics \
                 --entity-name orders --add-config min.insync.replicas=2";
    check(all, (in_sync, Status::Warning), "one broker down stops writes", lower);
    // Neither is the way out of the other.
    let third = "run a third broker, add replicas (kafka-reassign-partitions.sh)";
    for least in ["1", "2"] {
        let pair = move |f: &mut Facts| {
            two(f);
            let partition = &mut of_topic(f).partitions[0];
            (partition.replicas, partition.in_sync) = (vec![1, 2], vec![1, 2]);
            set_topic(f, "min.insync.replicas", least);
        };
        let found = after(pair);
        let found = of(&found, in_sync);
        let fix = found.fix.as_deref().unwrap();
        assert_eq!(found.status, Status::Warning);
        assert!(fix.starts_with(third) && fix.ends_with("min.insync.replicas=2"), "{fix}");
    }
    let much = |f: &mut Facts| {
        lone_of_two(f);
        set_topic(f, "min.insync.replicas", "4");
    };
    check_wrong(much, in_sync, "replication factor 1", "add replicas (kafka");
    let full = |f: &mut Facts| {
        two(f);
        let partition = &mut of_topic(f).partitions[0];
        (partition.replicas, partition.in_sync) = (vec![1, 2], vec![1, 2]);
        set_topic(f, "min.insync.replicas", "4");
    };
    check_wrong(full, in_sync, "replication factor 2", "start more brokers and add replicas");
    let hidden = |f: &mut Facts| {
        f.topic_settings.insert("orders".into(), Err(Unknown::of("hidden")));
    };
    let found = after(hidden);
    assert_eq!(of(&found, in_sync).status, Status::NotKnown);
    assert_eq!(of(&found, Check::Unclean).found, "hidden");
    let empty = |f: &mut Facts| {
        f.topic_settings.insert("orders".into(), Ok(Settings::new()));
        f.broker_settings = Ok(Settings::new());
    };
    let part = |f: &mut Facts| {
        f.topic_settings.insert("orders".into(), Ok([("x".into(), "1".into())].into()));
        f.broker_settings = Ok([("x".into(), "1".into())].into());
    };
    use Check::{AutoCreate, GroupLog, TransactionLog, TransactionTimeout};
    let all = [in_sync, Check::Unclean, AutoCreate, GroupLog, TransactionLog, TransactionTimeout];
    for check_ in all {
        let one = (check_, Status::NotKnown);
        check(empty, one, "DescribeConfigs is empty: the user lacks the right to it", "");
        check(part, one, "out: the broker's release lacks it, or it is hidden from this user", "");
    }
}

#[test]
fn settings_that_lose_records_are_told() {
    let unclean = |f: &mut Facts| set_topic(f, "unclean.leader.election.enable", "true");
    check_wrong(unclean, Check::Unclean, "acknowledged records are lost", "enable=false");
    let acks = |acks: Acks| move |f: &mut Facts| f.client.acks = acks;
    let warning = (Check::Acks, Status::Warning);
    check(acks(Acks::Leader), warning, "acks=1", "acks=all");
    check(acks(Acks::None), warning, "lost silently", "acks=all");
    let careless = |f: &mut Facts| {
        set(f, "auto.create.topics.enable", "true");
        set(f, "default.replication.factor", "1");
    };
    check(careless, (Check::AutoCreate, Status::Warning), "misspelt", "enable=false");
    let two = |f: &mut Facts| {
        careless(f);
        set(f, "offsets.topic.replication.factor", "1");
        f.cluster.as_mut().unwrap().brokers.remove(&3);
    };
    let fix = "default.replication.factor=2, in";
    check(two, (Check::AutoCreate, Status::Warning), "misspelt", fix);
    let fix = "offsets.topic.replication.factor=2";
    check(two, (Check::GroupLog, Status::Warning), "one copy", fix);
}

#[test]
fn what_the_user_may_not_do_comes_with_the_command_that_allows_it() {
    let denied = |f: &mut Facts| {
        let topic = of_topic(f);
        topic.error = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
        topic.partitions.clear();
    };
    let (check_, grant) = (Check::TopicRights, "--allow-principal User:alice --operation");
    check_wrong(denied, check_, "may not even see it", grant);
    let may = |operations: &'static [Operation]| {
        move |f: &mut Facts| of_topic(f).operations = Ok(Operations::of(operations))
    };
    check_wrong(may(&[Operation::Describe]), check_, "neither read nor write", "--topic orders");
    check_wrong(may(&[Operation::Read]), check_, "not write it", "--operation Write --topic");
    check_wrong(may(&[Operation::Write]), check_, "not read it", "--operation Read --topic");
    let only_reads = |f: &mut Facts| {
        may(&[Operation::Read])(f);
        f.client.wants_transactions = false;
    };
    check(only_reads, (check_, Status::Warning), "not write it", "if it shall write");
    let group = |f: &mut Facts| f.groups[0].rights = Ok(Rights::Refused(vec![Operation::Read]));
    check_wrong(group, Check::GroupRights, "lacks Read", "--operation Read --group billing");
    let strange = |f: &mut Facts| {
        group(f);
        f.groups[0].id = "it's".into();
        f.client.user = Some("CN=a, O=b".into());
        f.client.config_file = Some("my file".into());
        f.servers[0].way.to = Address::new("::1", 9092);
    };
    let whole = [
        "kafka-acls.sh --bootstrap-server '[::1]:9092' --command-config 'my file' --add",
        r"--allow-principal 'User:CN=a, O=b' --operation Read --group 'it'\''s'",
    ];
    check_wrong(strange, Check::GroupRights, "lacks Read", &whole.join(" "));
    let id = |f: &mut Facts| {
        f.transactional_ids[0].rights = Ok(Rights::Refused(vec![Operation::Write]));
    };
    let fix = "--operation Write --transactional-id pay";
    check_wrong(id, Check::TransactionRights, "lacks Write", fix);
    let alone = |f: &mut Facts| {
        let code = ErrorCode::COORDINATOR_NOT_AVAILABLE;
        f.groups[0].rights = Ok(Rights::NoCoordinator(code));
    };
    check_wrong(alone, Check::GroupRights, "COORDINATOR_NOT_AVAILABLE", "group log");
}

#[test]
fn transactions_and_groups_need_logs_and_time() {
    let long = |f: &mut Facts| f.client.transaction_timeout_ms = 900_001;
    let limit = "transaction.max.timeout.ms=900000";
    check_wrong(long, Check::TransactionTimeout, limit, "at most 900000");
    let unused = |f: &mut Facts| {
        long(f);
        f.client.wants_transactions = false;
    };
    check(unused, (Check::TransactionTimeout, Status::Warning), limit, "at most 900000");
    let few = |f: &mut Facts| set(f, "transaction.state.log.replication.factor", "4");
    check_wrong(few, Check::TransactionLog, "cannot be created", "start more brokers");
    let least = |f: &mut Facts| set(f, "transaction.state.log.min.isr", "4");
    check_wrong(least, Check::TransactionLog, "has 3 copies", "transaction.state.log.min.isr=2");
    let groups = |f: &mut Facts| set(f, "offsets.topic.replication.factor", "4");
    check_wrong(groups, Check::GroupLog, "consumer groups do not work", "start more brokers");
    let lone = |f: &mut Facts| set(f, "offsets.topic.replication.factor", "1");
    check(lone, (Check::GroupLog, Status::Warning), "one copy", "replication.factor=3");
}

#[test]
fn clocks_are_compared_with_what_is_uncertain_in_mind() {
    let clock = |ahead_ms: i64| {
        move |f: &mut Facts| {
            f.clock = Some(Ok(Clock { broker: 2, ahead_ms, uncertain_ms: 100 }));
        }
    };
    check(clock(-5000), (Check::Clock, Status::Warning), "5000 ms behind", "NTP");
    let kdc = |f: &mut Facts| f.kdc_clock_offset = -400;
    check(kdc, (Check::Clock, Status::Warning), "KDCs is 400 s behind this one", "NTP");
    for (ahead, words) in [(50, "no difference"), (900, "900 ms ahead of"), (1100, "1100 ms")] {
        let found = after(clock(ahead));
        let found = of(&found, Check::Clock);
        assert!(found.status == Status::Ok && found.found.contains(words), "{found:?}");
    }
}

#[test]
fn what_was_cut_short_says_so_and_is_wrong() {
    let facts = Facts::new(healthy().client, [Address::new("a", 9092)]);
    let found = findings(&Facts { end: End::Time, ..facts });
    assert!(
        found
            .iter()
            .all(|f| f.status == Status::NotKnown || matches!(f.check, Check::Acks | Check::Time))
    );
    check_wrong(|f| f.end = End::Signal, Check::Time, "stopped by a signal", "--timeout");
    check_wrong(|f| f.end = End::Time, Check::Time, "within 30 s", "--timeout");
    assert_eq!(of(&found, Check::GroupRights).found, Unknown::TIME.0);
}

#[test]
fn every_check_has_a_code_of_its_own_and_its_line_on_the_page() {
    let codes: std::collections::BTreeSet<_> = Check::ALL.iter().map(|one| one.code()).collect();
    assert_eq!(codes.len(), Check::ALL.len());
    let page = include_str!("../../../../docs/doctor.md");
    let lines: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let line = |one: &Check| format!("| `{}` | {} |", one.code(), one.about());
    assert_eq!(lines, Check::ALL.iter().map(line).collect::<Vec<_>>());
}

#[track_caller]
fn check_wrong(change: impl Fn(&mut Facts), check_: Check, found: &str, fix: &str) {
    check(change, (check_, Status::Wrong), found, fix);
}

#[track_caller]
fn check(
    change: impl FnOnce(&mut Facts),
    (check_, status): (Check, Status),
    found: &str,
    fix: &str,
) {
    let all = after(change);
    let is_it = |finding: &&Finding| {
        let advice = finding.fix.as_deref().unwrap_or_default();
        (finding.check, finding.status) == (check_, status)
            && finding.found.contains(found)
            && advice.contains(fix)
    };
    let of_check: Vec<_> = all.iter().filter(|finding| finding.check == check_).collect();
    assert!(all.iter().any(|finding| is_it(&finding)), "{found:?}, {fix:?}: {of_check:#?}");
}

fn after(change: impl FnOnce(&mut Facts)) -> Vec<Finding> {
    let mut facts = healthy();
    change(&mut facts);
    findings(&facts)
}

#[track_caller]
fn of(findings: &[Finding], check: Check) -> &Finding {
    findings.iter().find(|finding| finding.check == check).unwrap()
}

fn of_topic(facts: &mut Facts) -> &mut Topic {
    &mut facts.topics.as_mut().unwrap()[0]
}

fn set(facts: &mut Facts, name: &str, value: &str) {
    facts.broker_settings.as_mut().unwrap().insert(name.into(), value.into());
}

fn set_topic(facts: &mut Facts, name: &str, value: &str) {
    let settings = facts.topic_settings.get_mut("orders").unwrap();
    settings.as_mut().unwrap().insert(name.into(), value.into());
}

/// Three brokers, one topic, everything used.
fn healthy() -> Facts {
    let names = |name: &str| vec![name.to_owned()];
    let client = Client {
        encrypts: true,
        checks_host_names: true,
        shows: Some("password"),
        mechanism: Some("PLAIN"),
        user: Some("alice".into()),
        config_file: None,
        acks: Acks::All,
        transaction_timeout_ms: 60_000,
        wants_transactions: true,
        topics: names("orders"),
        groups: names("billing"),
        transactional_ids: names("pay"),
        limit: Duration::from_secs(30),
    };
    let mut facts = Facts::new(client, []);
    facts.servers = vec![server("a", "192.0.2.1:9092", "own")];
    facts.cluster = facts.servers[0].cluster.clone();
    let listener = |id: i32| {
        let way = reached(Address::new(format!("k{id}.example"), 9092), "192.0.2.1:9092");
        Listener { broker: id, way, cluster_id: Ok(Some("own".into())), is_it: Ok(Ok(())) }
    };
    facts.listeners = (1..=3).map(listener).collect();
    facts.fenced = Ok(vec![]);
    let (replicas, in_sync) = (vec![1, 2, 3], vec![1, 2, 3]);
    let partition = Partition { index: 0, leader: Some(1), replicas, in_sync };
    let all = [Operation::Read, Operation::Write, Operation::Describe];
    facts.topics = Ok(vec![Topic {
        name: "orders".into(),
        error: ErrorCode::NONE,
        is_internal: false,
        partitions: vec![partition],
        operations: Ok(Operations::of(&all)),
    }]);
    let pairs = |pairs: &[(&str, &str)]| -> Settings {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    };
    let topic = pairs(&[("min.insync.replicas", "2"), ("unclean.leader.election.enable", "false")]);
    facts.topic_settings.insert("orders".into(), Ok(topic));
    facts.broker_settings = Ok(pairs(&[
        ("auto.create.topics.enable", "false"),
        ("num.partitions", "1"),
        ("default.replication.factor", "3"),
        ("offsets.topic.replication.factor", "3"),
        ("transaction.max.timeout.ms", "900000"),
        ("transaction.state.log.replication.factor", "3"),
        ("transaction.state.log.min.isr", "2"),
    ]));
    let rights = || Ok(Rights::Allowed(None));
    facts.groups = vec![Group { id: "billing".into(), rights: rights() }];
    facts.transactional_ids = vec![TransactionalId { id: "pay".into(), rights: rights() }];
    facts
}

fn server(host: &str, at: &str, cluster: &str) -> Server {
    let place = |id: i32| (id, Address::new(format!("k{id}.example"), 9092));
    let brokers = (1..=3).map(place).collect();
    let (id, impossible) = (Some(cluster.into()), BTreeMap::new());
    let cluster = Cluster { id, controller: Some(1), brokers, impossible };
    Server { way: reached(Address::new(host, 9092), at), cluster: Ok(cluster) }
}

fn step(stage: Stage, outcome: Result<(), Cause>) -> Step {
    Step { stage, took: Duration::from_millis(3), outcome }
}

fn reached(to: Address, at: &str) -> Way {
    let at = at.parse().unwrap();
    let stages = [Stage::Connect, Stage::Encrypt, Stage::Versions, Stage::Login];
    let steps = stages.map(|stage| step(stage, Ok(()))).to_vec();
    let met = Met { release: Some(Release::NEWEST), features: vec![("group.version".into(), 1)] };
    let (resolved, tried) = (Some(Ok(vec![at])), vec![(at, steps)]);
    Way { to, resolved, tried, met: Some(met), certificate_end: None }
}

fn fail_name(way: &mut Way) {
    let nowhere = Cause::Resolve(Arc::new(io::Error::other("no such host")));
    (way.resolved, way.met) = (Some(Err(nowhere)), None);
    way.tried.clear();
}

fn fail(way: &mut Way, stage: Stage, cause: Cause) {
    let steps = &mut way.tried[0].1;
    steps.retain(|step| step.stage <= stage);
    steps.last_mut().unwrap().outcome = Err(cause);
    way.met = None;
}

fn refused() -> Cause {
    Cause::Io(Arc::new(io::ErrorKind::ConnectionRefused.into()))
}

fn refused_login() -> Cause {
    let (code, message) = (ErrorCode::SASL_AUTHENTICATION_FAILED, None);
    let fault = LoginFault::Refused { code, message };
    Cause::Login(Arc::new(LoginFailure { mechanism: "PLAIN", user: Some("alice".into()), fault }))
}
