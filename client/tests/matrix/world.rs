//! What everybody in a run knows, and how faults are let in.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kurier_client::Client;
use kurier_client::security::{Sasl, Secret};
use kurier_env::{Seeded, watch};
use kurier_protocol::ApiKey;
use kurier_testkit::history::{Action, Outcome, Recorder, Start, TopicPartition};
use kurier_testkit::{Fault, Isolation, Requests, SaslMechanism, TestCluster};
use tokio::time::{Instant, sleep};

use crate::ahead::Given;
use crate::code::Column;
use crate::dice::Dice;
use crate::gone::{Cut, Gone, Loss};
use crate::group::Kind;
use crate::ledger::Ledger;
use crate::reader::{OUT, PARTITIONS, Reader, TOPIC, number};
use crate::settings::Settings;
use crate::wall::Jumping;

/// The topic whose offsets are in transactions.
pub(crate) const INPUT: &str = "in";
pub(crate) const BROKERS: i32 = 3;
/// Who deals with records that are removed.
pub(crate) const CLEANER: u32 = 997;

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Things go wrong.
    Safety,
    /// All is well again; everybody shows that it gets on.
    Liveness,
    /// Nothing more is written; what there is is read to its end.
    Drain,
}

/// What everybody knows.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) cluster: TestCluster,
    pub(crate) settings: Arc<Settings>,
    pub(crate) recorder: Recorder,
    /// When the run began.
    pub(crate) start: Instant,
    pub(crate) ledger: Ledger,
    pub(crate) phase: watch::Receiver<Phase>,
    pub(crate) reader: Arc<Mutex<Reader>>,
    /// The clock of brokers and clients.
    pub(crate) wall: Jumping,
    /// Those of whoever lets things go wrong.
    pub(crate) dice: Arc<Dice>,
}

/// The group of all members.
pub(crate) const GROUP: &str = "group";

/// The name of a process's part of the network.
pub(crate) fn client_name(process: u32) -> String {
    format!("process-{process}")
}

/// The cluster that settings ask for.
pub(crate) fn cluster(settings: &Settings, wall: &Jumping) -> TestCluster {
    let mut builder = TestCluster::builder()
        .brokers(BROKERS.unsigned_abs())
        .release(settings.release)
        .replication_default(3)
        .topic(TOPIC, PARTITIONS)
        .topic(INPUT, 1)
        .wall(Arc::new(wall.clone()))
        .chance(Arc::new(Seeded::new(settings.seed)));
    if settings.life.is_another {
        // A producer that finds no topic makes none.
        builder = builder.auto_create(false);
    }
    if settings.column == Column::S {
        builder = builder.topic(OUT, PARTITIONS);
    }
    for (name, value) in &settings.topic {
        builder = builder.topic_config(TOPIC, *name, *value);
    }
    if let Some(lifetime) = settings.life.login {
        let login = builder.sasl([SaslMechanism::Plain]).user("alice", "secret");
        builder = login.session_lifetime(lifetime);
    }
    if settings.column.shares() {
        let session = settings.group.session().as_millis().to_string();
        for (name, value) in [
            ("group.consumer.min.session.timeout.ms", &*session),
            ("group.consumer.session.timeout.ms", &session),
            ("group.consumer.min.heartbeat.interval.ms", "1000"),
            ("group.consumer.heartbeat.interval.ms", "1000"),
        ] {
            builder = builder.config(name, value);
        }
    }
    if settings.life.rack.is_some() {
        let selector = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
        builder = builder.config("replica.selector.class", selector);
        builder = builder.rack(1, "a").rack(2, "b").rack(3, "c");
    }
    if settings.life.is_large {
        builder = builder.brokers(1000).topic("large", 10_000);
    }
    let cluster = builder.build();
    cluster.network().latency(Duration::ZERO..=settings.latency_max);
    cluster
}

impl World {
    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Whether a record has a key.
    pub(crate) fn has_key(&self, dice: &Dice) -> bool {
        let life = self.settings.life;
        let lacks = life.lacks_keys && self.phase() == Phase::Safety && dice.one_in(20);
        if lacks {
            self.strike();
        }
        life.has_keys && !lacks
    }

    /// Reads what there is to read, unless others do.
    pub(crate) fn read(&self) {
        if self.column().reads() && self.column() != Column::S {
            return;
        }
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.poll(&self.cluster, &self.recorder);
    }

    pub(crate) fn column(&self) -> Column {
        self.settings.column
    }

    /// How many partitions the topic has now.
    pub(crate) fn partitions(&self) -> i32 {
        self.cluster.partition_count(TOPIC).unwrap_or(PARTITIONS)
    }

    /// A client has given this to its program.
    pub(crate) fn give(&self, (process, life): (u32, u32), partition: i32, next: i64) {
        if self.settings.life.is_slow {
            let (at, client) = (self.start.elapsed(), client_id(process, life));
            self.ledger.open().given.push(Given { at, client, partition, next });
        }
    }

    /// A client of a process, as soon as there is one.
    pub(crate) async fn client(&self, process: u32, life: u32) -> Client {
        let seed = self.settings.seed ^ (u64::from(process) << 32) ^ u64::from(life);
        let env = self.cluster.env_for(&client_name(process), seed);
        let servers = self.cluster.bootstrap().into_iter().take(3);
        let mut config = self.settings.client();
        if self.settings.life.is_slow {
            config.client_id = client_id(process, life);
        }
        let mut builder = Client::builder(servers).config(config).env(env);
        if self.settings.life.login.is_some() {
            let (user, password) = ("alice".to_owned(), Secret::new("secret"));
            builder = builder.sasl(Sasl::Plain { user, password });
        }
        loop {
            if let Ok(client) = builder.clone().connect().await {
                return client;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// How things are let go wrong.
impl World {
    /// Waits for a moment that nobody expects.
    pub(crate) async fn moment(&self) {
        sleep(self.dice.millis(20..=1500)).await;
    }

    /// Lets something happen to requests from now on.
    pub(crate) fn plant(&self, fault: Fault) {
        let planted = self.cluster.fault(fault);
        self.ledger.open().planted.push(planted);
    }

    /// Lets something happen to a request, and waits until it has.
    pub(crate) async fn plant_alone(&self, fault: Fault) {
        let planted = self.cluster.fault(fault);
        while planted.is_active() {
            sleep(Duration::from_millis(20)).await;
        }
        self.ledger.open().planted.push(planted);
    }

    /// Something has gone wrong.
    pub(crate) fn strike(&self) {
        self.ledger.strike();
    }

    /// Does something that takes records away, if there are any.
    pub(crate) fn take_away(&self, how: Loss, does: impl FnOnce(&TestCluster)) {
        let before = stored(&self.cluster);
        does(&self.cluster);
        let (at, left) = (self.start.elapsed(), stored(&self.cluster));
        let is_there = self.cluster.partition_count(TOPIC).is_some();
        let gone = before.difference(&left);
        let gone =
            gone.map(|&(partition, offset, value)| Gone { at, how, partition, offset, value });
        let gone: Vec<Gone> = gone.collect();
        for one in &gone {
            match how {
                Loss::Removed => self.note_removed(one),
                Loss::Undone => self.ledger.open().cuts.push(Cut {
                    at,
                    partition: one.partition,
                    offset: one.offset,
                    epoch: match is_there {
                        true => self.cluster.leader_epoch(TOPIC, one.partition),
                        false => 0,
                    },
                }),
            }
        }
        if !gone.is_empty() {
            self.strike();
        }
        self.ledger.open().gone.extend(gone);
    }

    /// It is dealt with, whoever has seen it.
    fn note_removed(&self, gone: &Gone) {
        let of = TopicPartition::new(TOPIC, gone.partition);
        if self.column().shares() {
            let topics = vec![TOPIC.into()];
            self.recorder.note(CLEANER, Action::Subscribe { group: GROUP.into(), topics });
        }
        self.recorder.note(CLEANER, Action::Assign(vec![(of.clone(), Start::At(gone.offset))]));
        let polling = self.recorder.poll(CLEANER, Isolation::Committed);
        polling.polled(of, vec![(gone.offset, gone.value)]);
        polling.end(Outcome::Ok);
    }

    /// An API that is called by those that the column is about.
    pub(crate) fn api(&self) -> ApiKey {
        match self.column() {
            Column::P | Column::I => ApiKey::PRODUCE,
            Column::G | Column::K if self.dice.one_in(4) => ApiKey::FETCH,
            Column::G | Column::K => self.group_api(),
            Column::S if self.dice.one_in(3) => self.group_api(),
            Column::S => self.dice.pick(&[
                ApiKey::FETCH,
                ApiKey::PRODUCE,
                ApiKey::END_TXN,
                ApiKey::END_TXN,
                ApiKey::ADD_PARTITIONS_TO_TXN,
                ApiKey::TXN_OFFSET_COMMIT,
                ApiKey::TXN_OFFSET_COMMIT,
                ApiKey::INIT_PRODUCER_ID,
            ]),
            Column::R => self.dice.pick(&[
                ApiKey::FETCH,
                ApiKey::FETCH,
                ApiKey::FETCH,
                ApiKey::FETCH,
                ApiKey::LIST_OFFSETS,
                ApiKey::OFFSET_FOR_LEADER_EPOCH,
                ApiKey::METADATA,
            ]),
            Column::T => self.dice.pick(&[
                ApiKey::PRODUCE,
                ApiKey::PRODUCE,
                ApiKey::END_TXN,
                ApiKey::END_TXN,
                ApiKey::ADD_PARTITIONS_TO_TXN,
                ApiKey::ADD_OFFSETS_TO_TXN,
                ApiKey::TXN_OFFSET_COMMIT,
            ]),
        }
    }

    /// An API of the coordinator that members call.
    pub(crate) fn group_api(&self) -> ApiKey {
        let modern = [
            ApiKey::CONSUMER_GROUP_HEARTBEAT,
            ApiKey::CONSUMER_GROUP_HEARTBEAT,
            ApiKey::OFFSET_COMMIT,
            ApiKey::OFFSET_FETCH,
            ApiKey::FIND_COORDINATOR,
        ];
        let classic = [
            ApiKey::JOIN_GROUP,
            ApiKey::SYNC_GROUP,
            ApiKey::HEARTBEAT,
            ApiKey::OFFSET_COMMIT,
            ApiKey::OFFSET_FETCH,
            ApiKey::FIND_COORDINATOR,
            ApiKey::LEAVE_GROUP,
        ];
        match self.settings.group.kind {
            Kind::Coordinator => self.dice.pick(&modern),
            Kind::Eager | Kind::Cooperative => self.dice.pick(&classic),
        }
    }

    /// The next request of such an API, or the next two, perhaps to one broker only.
    pub(crate) fn requests(&self) -> Requests {
        self.requests_of(self.api())
    }

    /// The same of this API.
    pub(crate) fn requests_of(&self, api: ApiKey) -> Requests {
        let requests = Fault::on(api).times(self.dice.number(1..=2));
        let requests = requests.skip(self.dice.number(0..=2));
        match self.dice.one_in(4) {
            true => requests.broker(self.any_broker()),
            false => requests,
        }
    }

    /// A broker that has work to do: a leader, or the coordinator of somebody.
    pub(crate) fn busy_broker(&self) -> i32 {
        let has_one = self.column() == Column::T || self.column().shares();
        let coordinator = has_one && self.dice.one_in(2);
        let found = match coordinator {
            true if self.column().shares() => self.cluster.coordinator(GROUP),
            true => self.cluster.coordinator(&self.any_id()),
            false => self.cluster.leader(TOPIC, self.any_partition()),
        };
        found.unwrap_or_else(|| self.any_broker())
    }

    pub(crate) fn any_broker(&self) -> i32 {
        self.dice.pick(&[1, 2, 3])
    }

    pub(crate) fn any_partition(&self) -> i32 {
        self.dice.pick(&[0, 1])
    }

    /// Somebody's transactional id.
    pub(crate) fn any_id(&self) -> String {
        match self.column() {
            Column::S => copier(u32::try_from(self.dice.number(0..=2)).unwrap()),
            _ => id_of(self.any_process()),
        }
    }

    pub(crate) fn any_process(&self) -> u32 {
        let last = u64::from(self.settings.producers) - 1;
        u32::try_from(self.dice.number(0..=last)).unwrap()
    }
}

/// What the logs hold.
pub(crate) fn stored(cluster: &TestCluster) -> BTreeSet<(i32, i64, u64)> {
    let of = |index| {
        let records = cluster.stored_records(TOPIC, index).into_iter();
        records.filter_map(move |record| Some((index, record.offset, number(record.value()?)?)))
    };
    (0..cluster.partition_count(TOPIC).unwrap_or(0)).flat_map(of).collect()
}

/// Who a client says it is.
fn client_id(process: u32, life: u32) -> String {
    format!("{}.{life}", client_name(process))
}

/// The transactional id of a process.
pub(crate) fn id_of(process: u32) -> String {
    format!("id-{process}")
}

/// The transactional id of a member's sessions.
pub(crate) fn copier(member: u32) -> String {
    format!("copier-{member}")
}

/// The group whose offsets a process puts into its transactions.
pub(crate) fn group_of(process: u32) -> String {
    format!("group-{process}")
}

/// Everything works again.
pub(crate) fn heal(cluster: &TestCluster, settings: &Settings) {
    cluster.clear_faults();
    let network = cluster.network();
    network.calm();
    network.latency(Duration::ZERO..=settings.latency_max);
    for broker in 1..=BROKERS {
        network.resolve(&format!("broker-{broker}"), []);
    }
    cluster.release_markers();
    if cluster.partition_count(TOPIC).is_none() {
        cluster.create_topic(TOPIC, PARTITIONS);
    }
    for partition in 0..cluster.partition_count(TOPIC).unwrap_or(0) {
        if cluster.leader(TOPIC, partition).is_some() {
            cluster.release_high_watermark(TOPIC, partition);
        }
    }
}
