//! Members of a group that are processes, ours and Java's; what they say is noted.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use kurier_testkit::Isolation;
use kurier_testkit::history::{Action, History, Offsets, Outcome, Start as From, TopicPartition};
use serde_json::Value;

use super::cluster::SESSION;
use super::shared::{REQUEST_TIMEOUT, count};
use super::traffic::Seen;
use super::trial::judge;
use super::watching::Group;
use crate::kurier::Kurier;
use crate::release::Release;
use crate::run::{Running, wait_until};
use crate::tools::kafka_broker;

/// Who divides the partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Classic,
    /// KIP-848.
    Consumer,
}

/// Whose program a member is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose<'a> {
    Ours,
    /// That of Kafka's tools of this release.
    Javas(&'a Release),
}

/// What a member is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind<'a> {
    pub(crate) whose: Whose<'a>,
    pub(crate) protocol: Protocol,
    /// Its name, if it is a static one.
    pub(crate) name: Option<&'a str>,
    /// Java's classes that divide the partitions of a classic group, if not the range assignor.
    pub(crate) assignors: Option<&'a str>,
    /// Whether it commits by the clock, and not after each batch.
    pub(crate) by_the_clock: bool,
}

impl Kind<'_> {
    pub(crate) const fn ours(protocol: Protocol) -> Self {
        let (name, assignors) = (None, None);
        Self { whose: Whose::Ours, protocol, name, assignors, by_the_clock: false }
    }

    fn is_javas(&self) -> bool {
        matches!(self.whose, Whose::Javas(_))
    }

    fn command(&self, servers: &str, group: &Group) -> Command {
        let mut command = match self.whose {
            Whose::Ours => {
                let timeout = format!("request.timeout.ms={}", REQUEST_TIMEOUT.as_millis());
                let mut settings = vec!["-X", &timeout, "-X", "auto.commit.interval.ms=500"];
                if self.protocol == Protocol::Classic {
                    settings.extend(["-X", "heartbeat.interval.ms=500"]);
                }
                let mut command = Kurier::to(servers).command(&settings);
                command.args(["verifiable", "consumer", "--verbose"]);
                command
            }
            Whose::Javas(release) => {
                let class = "org.apache.kafka.tools.VerifiableConsumer";
                let mut command = kafka_broker(&["tool", &release.to_string(), class]);
                command.args(["--bootstrap-server", servers, "--verbose"]);
                command
            }
        };
        command.args(["--topic", group.topic(), "--group-id", &group.id]);
        match self.protocol {
            Protocol::Classic => {
                command.args(["--session-timeout", &SESSION.as_millis().to_string()])
            }
            Protocol::Consumer => command.args(["--group-protocol", "consumer"]),
        };
        command.args(self.assignors.iter().flat_map(|of| ["--assignment-strategy", of]));
        command.args(self.name.iter().flat_map(|name| ["--group-instance-id", name]));
        command.args(self.by_the_clock.then_some("--enable-autocommit"));
        command
    }
}

/// A member that runs; it is ended when it is dropped.
pub(crate) struct Member {
    running: Running,
    is_javas: bool,
    said: Arc<Mutex<Said>>,
}

impl Member {
    /// Starts a process.
    pub(crate) fn start(kind: Kind<'_>, servers: &[String], group: &Arc<Group>) -> Self {
        let (process, group) = (group.next_process(), Arc::clone(group));
        let (topics, id) = (vec![group.topic().into()], group.id.as_str().into());
        group.shared.recorder.note(process, Action::Subscribe { group: id, topics });
        let mut command = kind.command(&servers.join(","), &group);
        let said = Arc::new(Mutex::new(Said::new(process, group, kind)));
        let hearing = Arc::clone(&said);
        let hear = move |line: &str| hearing.lock().unwrap().hear(line);
        let running = Running::told(&mut command, hear);
        Self { running, is_javas: kind.is_javas(), said }
    }

    /// Starts as many of one kind as there are, and waits until each has partitions.
    pub(crate) fn crew(kinds: &[Kind<'_>], servers: &[String], group: &Arc<Group>) -> Vec<Self> {
        let members = kinds.iter().map(|kind| Self::start(*kind, servers, group));
        let members: Vec<_> = members.collect();
        wait_until("each member has partitions", || {
            members.iter().all(|member| !member.held().is_empty())
        });
        members
    }

    /// The partitions that it has.
    pub(crate) fn held(&self) -> BTreeSet<i32> {
        self.said().held.iter().map(|of| of.partition).collect()
    }

    /// How often partitions were taken from it.
    pub(crate) fn revoked(&self) -> u32 {
        self.said().revoked
    }

    /// When it read last of a partition, if it has.
    pub(crate) fn read_last(&self, partition: i32) -> Option<Instant> {
        self.said().read_last.get(&partition).copied()
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap()
    }

    /// Ends it by `kill -9`.
    pub(crate) fn kill(self) {
        if self.is_javas {
            self.running.signal_child("KILL");
        } else {
            self.running.signal("KILL");
        }
        let Self { running, said, .. } = self;
        running.end();
        let said = said.lock().unwrap();
        said.group.shared.recorder.note(said.process, Action::Crash);
    }

    /// Asks it to end, as `SIGTERM` does; it must say that it has.
    pub(crate) fn leave(self) {
        if self.is_javas {
            self.running.signal_child("TERM");
        } else {
            self.running.signal("TERM");
        }
        let Self { running, said, is_javas } = self;
        let (status, _) = running.end();
        assert!(is_javas || status.success(), "{status}");
        assert!(said.lock().unwrap().has_ended, "it has said that it ends");
    }

    /// Waits until it has ended by itself: whether well, and what it has said on stderr.
    pub(crate) fn end(self) -> (bool, String) {
        let (status, stderr) = self.running.finish();
        (status.success(), stderr)
    }
}

/// What a member has said so far.
struct Said {
    process: u32,
    group: Arc<Group>,
    is_javas: bool,
    held: BTreeSet<TopicPartition>,
    /// Records of which it is not told yet that they are consumed.
    records: BTreeMap<TopicPartition, Vec<(i64, u64)>>,
    revoked: u32,
    read_last: BTreeMap<i32, Instant>,
    has_ended: bool,
}

impl Said {
    fn new(process: u32, group: Arc<Group>, kind: Kind<'_>) -> Self {
        let (held, records, read_last) = Default::default();
        let (is_javas, revoked, has_ended) = (kind.is_javas(), 0, false);
        Self { process, group, is_javas, held, records, revoked, read_last, has_ended }
    }

    /// A line of `kafka-verifiable-consumer.sh`, or of ours.
    fn hear(&mut self, line: &str) {
        let Ok(line) = serde_json::from_str::<Value>(line) else { return };
        match line["name"].as_str() {
            Some("partitions_assigned") => {
                self.held.extend(places(&line["partitions"]));
                self.note_assignment();
            }
            Some("partitions_revoked") => {
                let gone: Vec<_> = places(&line["partitions"]).collect();
                self.revoked += u32::from(!gone.is_empty());
                self.held.retain(|held| !gone.contains(held));
                self.note_assignment();
            }
            Some("record_data") => {
                let value = line["value"].as_str().unwrap().parse().unwrap();
                let record = (line["offset"].as_i64().unwrap(), value);
                self.records.entry(place(&line)).or_default().push(record);
            }
            Some("records_consumed") => self.note_records(),
            Some("offsets_committed") if line["success"] == true => {
                let offset = |of: &Value| (place(of), of["offset"].as_i64().unwrap());
                let offsets = line["offsets"].as_array().unwrap().iter().map(offset).collect();
                let group = self.group.id.as_str().into();
                self.note(Action::CommitOffsets(Offsets { group, offsets }));
            }
            Some("offsets_committed") => {
                if self.is_javas {
                    // Java's tool does not try again, so whoever comes next reads it again.
                    self.group.will_repeat(places(&line["offsets"]).map(|of| of.partition));
                }
                let error = format!("a commit failed: {}", line["error"]);
                self.group.shared.errors.lock().unwrap().insert(error);
            }
            Some("shutdown_complete") => self.has_ended = true,
            _ => {}
        }
    }

    fn note_assignment(&self) {
        let held = self.held.iter().map(|of| (of.clone(), From::Kept));
        self.note(Action::Assign(held.collect()));
    }

    fn note_records(&mut self) {
        let polling = self.group.shared.recorder.poll(self.process, Isolation::Uncommitted);
        for (of, records) in std::mem::take(&mut self.records) {
            self.read_last.insert(of.partition, Instant::now());
            let last = records.last().map_or(0, |(offset, _)| *offset);
            self.group.advance(of.partition, last + 1);
            count(&self.group.shared.read, of.partition, records.len() as u64);
            polling.polled(of, records);
        }
        polling.end(Outcome::Ok);
    }

    fn note(&self, action: Action) {
        self.group.shared.recorder.note(self.process, action);
    }
}

fn places(list: &Value) -> impl Iterator<Item = TopicPartition> {
    list.as_array().unwrap().iter().map(place)
}

fn place(of: &Value) -> TopicPartition {
    let partition = of["partition"].as_i64().unwrap();
    TopicPartition::new(of["topic"].as_str().unwrap(), partition.try_into().unwrap())
}

/// What must hold of a group: what it has read is what was sent, nothing is committed before it is
/// processed, and whoever gets a partition begins where it was committed. The number of records
/// that were processed more than once, for each partition.
pub(crate) fn judge_group(seen: &Seen) -> BTreeMap<i32, usize> {
    judge(seen);
    nobody_goes_back(&seen.history);
    let mut times = BTreeMap::<_, usize>::new();
    for (of, (offset, _)) in stretches(&seen.history)
        .flat_map(|(_, of, records)| records.iter().map(move |record| (of, record)))
    {
        *times.entry((of.partition, *offset)).or_default() += 1;
    }
    let mut again = BTreeMap::new();
    for ((partition, _), _) in times.into_iter().filter(|(_, times)| *times > 1) {
        *again.entry(partition).or_default() += 1;
    }
    again
}

fn stretches(history: &History) -> impl Iterator<Item = (u32, &TopicPartition, &Vec<(i64, u64)>)> {
    history.operations.iter().flat_map(|operation| {
        let polled = match &operation.action {
            Action::Poll(polled) => &polled.stretches[..],
            _ => &[],
        };
        polled.iter().map(|stretch| (operation.process, &stretch.of, &stretch.records))
    })
}

/// Whoever gets a partition begins at what the group has committed, or behind it.
fn nobody_goes_back(history: &History) {
    let mut committed = BTreeMap::<TopicPartition, i64>::new();
    let mut held = BTreeMap::<u32, BTreeSet<TopicPartition>>::new();
    for operation in &history.operations {
        let held = held.entry(operation.process).or_default();
        match &operation.action {
            Action::CommitOffsets(of) if operation.outcome == Outcome::Ok => {
                for (of, offset) in &of.offsets {
                    let before = committed.entry(of.clone()).or_insert(*offset);
                    *before = (*before).max(*offset);
                }
            }
            Action::Assign(now) => held.retain(|of| now.iter().any(|(now, _)| now == of)),
            Action::Poll(polled) => {
                for stretch in &polled.stretches {
                    let first = stretch.records.first().map_or(i64::MAX, |(offset, _)| *offset);
                    let behind = committed.get(&stretch.of).copied().unwrap_or_default();
                    if held.insert(stretch.of.clone()) {
                        let process = operation.process;
                        assert!(
                            first >= behind,
                            "process {process} begins {} at {first}; {behind} was committed",
                            stretch.of,
                        );
                    }
                }
            }
            _ => {}
        }
    }
}
