//! The same requests to a real broker and to ours: their answers are compared, field by field.
//!
//! The requests are in `scenarios/`, what is known to differ in `fields.tsv` and
//! `differences.tsv`. `docs/answers.md` has the result: the test compares the page with its own
//! run, and writes it if `KURIER_ANSWERS` is `write`. If that is `show`, each answer is shown.

mod step;
mod request;
mod peer;
mod compare;
mod known;
mod page;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use kurier_protocol::ApiKey;
use kurier_protocol::release::{Release, accepts, versions};
use serde_json::{Value as Json, json};

use crate::embedded_broker::EmbeddedBroker;
use crate::real_broker::RealBroker;
use crate::real_brokers::{each_since, say};
use crate::tools::of_workspace;
use compare::{differences, is_error, is_transient};
use known::{How, Known};
use page::{Compared, Tally, with_part};
use peer::{Peer, Sent, api_of};
use step::{Action, Ask, Step};

#[test]
fn our_broker_answers_as_kafka_does() {
    each_since("4.4", "answer by answer beside ours", |release| {
        let known = Known::read(&read("fields.tsv"), &read("differences.tsv"));
        let mut run = Run { known, tally: Tally::default(), faults: Vec::new() };
        let kafka = RealBroker::start_secured(release, PROPERTIES);
        let ours = EmbeddedBroker::start(&[]);
        let plain = (&kafka.bootstrap[..], &ours.bootstrap[..]);
        run.scenarios(SCENARIOS, plain);
        let guarded = EmbeddedBroker::start(GUARDED);
        run.scenarios(&["sasl"], (kafka.value("SASL_PLAINTEXT"), &guarded.bootstrap));
        run.check_coverage(&ours.bootstrap);
        run.check_page();
        assert!(run.faults.is_empty(), "\n{}\n", run.faults.join("\n"));
    });
}

/// What has been compared so far.
struct Run {
    known: Known,
    tally: Tally,
    faults: Vec<String>,
}

/// Kafka, then ours.
type Both<T> = (T, T);

impl Run {
    fn scenarios(&mut self, names: &[&str], (kafka, ours): Both<&str>) {
        for name in names {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            let now = u64::try_from(now.as_millis()).unwrap();
            let kept = HashMap::from([("now".to_owned(), Json::from(now))]);
            let mut peers = (Peer::new(kafka, kept.clone()), Peer::new(ours, kept));
            let mut waiting = HashMap::new();
            for step in step::read(name, &read(&format!("scenarios/{name}.txt"))) {
                self.step(&mut peers, &mut waiting, step);
            }
        }
    }

    fn step(
        &mut self,
        peers: &mut Both<Peer>,
        waiting: &mut HashMap<String, (Ask, Both<Sent>)>,
        step: Step,
    ) {
        let Step { place, connection, action } = step;
        match action {
            Action::Ask { ask, is_answered_later: true } => {
                let version = ask.versions[0];
                let send = |peer: &mut Peer| peer.send(&connection, &ask, version);
                let sent = (send(&mut peers.0), send(&mut peers.1));
                waiting.insert(connection, (ask, sent));
            }
            Action::Ask { ask, .. } => {
                for &version in &ask.versions {
                    let answers = self.ask(peers, (&connection, &ask), version);
                    self.note(&place, (&ask, version), &answers);
                    peers.0.keep(&ask, &answers.0);
                    peers.1.keep(&ask, &answers.1);
                }
            }
            Action::Await => {
                let (ask, sent) = waiting.remove(&connection).unwrap();
                let answers =
                    (peers.0.receive(&connection, &sent.0), peers.1.receive(&connection, &sent.1));
                self.note(&place, (&ask, ask.versions[0]), &answers);
                peers.0.keep(&ask, &answers.0);
                peers.1.keep(&ask, &answers.1);
            }
        }
    }

    /// Asks both. As long as they differ, what may be asked again is: questions, since a broker
    /// learns late what its controller or coordinator has done, and what met an error that passes.
    fn ask(
        &self,
        peers: &mut Both<Peer>,
        (connection, ask): (&str, &Ask),
        version: i16,
    ) -> Both<Json> {
        let mut answers =
            (peers.0.ask(connection, ask, version), peers.1.ask(connection, ask, version));
        let limit = Instant::now() + SETTLING_MAX;
        while !self.compare(&ask.api, &answers).1.is_empty() && Instant::now() < limit {
            let is_question = QUESTIONS.contains(&api_of(&ask.api).key);
            let again =
                (is_question || is_transient(&answers.0), is_question || is_transient(&answers.1));
            if again == (false, false) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
            if again.0 {
                answers.0 = peers.0.ask(connection, ask, version);
            }
            if again.1 {
                answers.1 = peers.1.ask(connection, ask, version);
            }
        }
        answers
    }

    /// The numbers of the differences that are known, and those that are not.
    fn compare(
        &self,
        api: &str,
        answers: &Both<Json>,
    ) -> (BTreeSet<usize>, Vec<compare::Difference>) {
        let (unlike, unordered) = (self.known.names(How::Set), self.known.names(How::Order));
        let found = differences((&answers.0, &answers.1), &unlike, &unordered);
        self.known.sort(api, found)
    }

    fn note(&mut self, place: &str, (ask, version): (&Ask, i16), answers: &Both<Json>) {
        let (numbers, others) = self.compare(&ask.api, answers);
        let compared = Compared { is_error: is_error(&answers.0), numbers };
        self.tally.count((api_of(&ask.api).key, version), compared);
        for compare::Difference { path, kafka, ours } in others {
            let what = format!("{place}: {} v{version}: {path}:", ask.api);
            self.faults.push(format!("{what}\n  Kafka {kafka}\n  ours  {ours}"));
        }
        if is_asked_to("show") {
            let (api, (kafka, ours)) = (&ask.api, answers);
            say(&format!("{place}: {api} v{version}\n  Kafka {kafka}\n  ours  {ours}"));
        }
    }

    /// Every API that our broker says it has was asked for often enough.
    fn check_coverage(&mut self, ours: &str) {
        let ask = Ask {
            api: "ApiVersions".to_owned(),
            versions: vec![0],
            request: json!({}),
            keep: Vec::new(),
        };
        let answer = Peer::new(ours, HashMap::new()).ask("", &ask, 0);
        let keys = answer["apiKeys"].as_array().unwrap();
        let served: Vec<_> = keys.iter().map(|key| key["apiKey"].as_i64().unwrap()).collect();
        for (key, range) in versions(Release::V4_4) {
            if served.contains(&key.0.into()) {
                let mut taken = range.filter(|version| accepts(Release::V4_4, key, *version));
                let oldest = taken.next().unwrap();
                let ends = (oldest, taken.next_back().unwrap_or(oldest));
                self.faults.extend(self.tally.objection(key, ends));
            }
        }
        for number in self.tally.missing(&self.known) {
            self.faults.push(format!("difference {number} is listed, and is none any more"));
        }
    }

    /// The page says what this run has found.
    fn check_page(&mut self) {
        let file = of_workspace("docs/answers.md");
        let page = fs::read_to_string(&file).unwrap();
        let new = with_part(&page, &self.tally.page(&self.known));
        if is_asked_to("write") {
            fs::write(file, new).unwrap();
        } else if page != new {
            let why = "docs/answers.md says something else; KURIER_ANSWERS=write writes it anew";
            self.faults.push(why.to_owned());
        }
    }
}

fn is_asked_to(what: &str) -> bool {
    std::env::var("KURIER_ANSWERS").is_ok_and(|asked| asked == what)
}

/// A file beside the scenarios.
fn read(name: &str) -> String {
    let file: PathBuf = of_workspace("cli/tests/interop/answers").join(name);
    fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// In this order, on the same brokers.
const SCENARIOS: &[&str] = &[
    "versions",
    "topics",
    "configs",
    "records",
    "producers",
    "classic_groups",
    "consumer_groups",
    "offsets",
    "transactions",
];

/// What changes nothing, so that it may be asked again.
const QUESTIONS: &[ApiKey] = &[
    ApiKey::METADATA,
    ApiKey::DESCRIBE_CLUSTER,
    ApiKey::DESCRIBE_CONFIGS,
    ApiKey::FIND_COORDINATOR,
    ApiKey::LIST_OFFSETS,
    ApiKey::OFFSET_FETCH,
    ApiKey::OFFSET_FOR_LEADER_EPOCH,
    ApiKey::LIST_GROUPS,
    ApiKey::DESCRIBE_GROUPS,
    ApiKey::CONSUMER_GROUP_DESCRIBE,
    ApiKey::DESCRIBE_PRODUCERS,
    ApiKey::DESCRIBE_TRANSACTIONS,
    ApiKey::LIST_TRANSACTIONS,
];

/// Kafka's own defaults, where `ci/kafka-broker` sets others; but groups assign without a delay, as
/// ours do, and the broker that wants a login takes PLAIN alone.
const PROPERTIES: &[&str] = &[
    "group.min.session.timeout.ms=6000",
    "group.consumer.min.session.timeout.ms=45000",
    "group.consumer.min.heartbeat.interval.ms=5000",
    "group.consumer.heartbeat.interval.ms=5000",
    "group.consumer.assignment.interval.ms=0",
    "log.retention.check.interval.ms=300000",
    "sasl.enabled.mechanisms=PLAIN",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms=10000",
];

/// Our broker with the login of the real one.
const GUARDED: &[&str] =
    &["--host", "localhost", "--sasl", "PLAIN", "--user", "alice:alice-secret"];

/// How long two brokers may take to come to the same.
const SETTLING_MAX: Duration = Duration::from_secs(10);
