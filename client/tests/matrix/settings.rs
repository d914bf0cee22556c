//! How a run is set: everything that its seed, column and row determine before it begins.

use std::time::Duration;

use kurier_client::config::{ClientConfig, DialConfig};
use kurier_client::consumer::ConsumerConfig;
use kurier_client::producer::{Acks, Idempotence, ProducerConfig};

use crate::code::Column;
use crate::dice::Dice;
use crate::group::{Group, Kind};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// How a run is set. A row may change it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) column: Column,
    pub(crate) release: &'static str,
    pub(crate) producers: u32,
    /// Bytes are under way for so long at most, each way.
    pub(crate) latency_max: Duration,
    /// The longest pause between two bursts of a process.
    pub(crate) pause_max: Duration,
    /// The most records of a burst.
    pub(crate) burst_max: u64,
    /// What a record's value is filled up to.
    pub(crate) value_bytes: usize,
    /// How long things go wrong.
    pub(crate) safety: Duration,
    pub(crate) transaction_timeout: Duration,
    pub(crate) producer: ProducerConfig,
    /// The budget of a consumer, and what a batch of it may be unpacked to.
    pub(crate) budget: usize,
    pub(crate) unpacked_max: usize,
    /// How many consumers there are at a time.
    pub(crate) readers: u32,
    pub(crate) group: Group,
    /// How old metadata becomes.
    pub(crate) metadata_age: Duration,
    /// What the topic is set to.
    pub(crate) topic: Vec<(&'static str, &'static str)>,
    pub(crate) life: Life,
}

/// What else processes do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Life {
    /// Whether calls are dropped before they are ready.
    pub(crate) drops: bool,
    /// Whether producers are closed, or dropped, in the middle of it.
    pub(crate) closes: bool,
    /// Whether a process whose producer is over makes no other one before all is well.
    pub(crate) stays_down: bool,
    /// Whether brokers say of who is not shut out that it is: what is in flight is written then.
    pub(crate) is_lied_to: bool,
    /// How long somebody waits at times before a commit.
    pub(crate) stall: Option<Duration>,
    /// Whether no transaction is aborted on purpose.
    pub(crate) only_commits: bool,
    /// Whether records have keys.
    pub(crate) has_keys: bool,
    /// Whether two records that a process sends one after the other have one key.
    pub(crate) shares_keys: bool,
    /// Whether some records lack them nevertheless.
    pub(crate) lacks_keys: bool,
    /// Whether brokers ask for logins, and again after so long.
    pub(crate) login: Option<Duration>,
    /// The rack that consumers read in; then each broker has one of its own.
    pub(crate) rack: Option<&'static str>,
    /// Whether consumers ask for a byte at a time.
    pub(crate) small_fetches: bool,
    /// Whether consumers want records of committed transactions only.
    pub(crate) is_committed_only: bool,
    /// Whether consumers take their time while things go wrong.
    pub(crate) is_slow: bool,
    /// Whether the topic is not the one that it was when things went wrong: others are its records
    /// or partitions.
    pub(crate) is_another: bool,
    /// Brokers and topics that have nothing to do with it.
    pub(crate) is_large: bool,
}

impl Settings {
    pub(crate) fn new(seed: u64, column: Column) -> Self {
        let dice = Dice::new(seed, "settings");
        let request_timeout = dice.millis(1500..=3000);
        let linger = dice.pick(&[Duration::ZERO, 5 * MS, 20 * MS]);
        let producer = ProducerConfig {
            acks: Acks::All,
            idempotence: if column == Column::P { Idempotence::Off } else { Idempotence::Required },
            linger,
            batch_bytes_max: usize::try_from(dice.pick(&[200, 1000, 16 << 10])).unwrap(),
            buffer_bytes_max: 1 << 20,
            request_timeout,
            delivery_timeout: linger + request_timeout + dice.millis(5000..=8000),
            block_max: 8 * SECOND,
            ..ProducerConfig::default()
        };
        let mut settings = Self {
            seed,
            column,
            release: dice.pick(&["2.8", "3.9", "4.4", "4.4"]),
            producers: u32::try_from(dice.number(2..=3)).unwrap(),
            latency_max: dice.pick(&[MS, 5 * MS, 30 * MS]),
            pause_max: dice.millis(60..=400),
            burst_max: dice.pick(&[1, 3, 6]),
            value_bytes: 0,
            safety: 20 * SECOND,
            transaction_timeout: 60 * SECOND,
            producer,
            budget: ConsumerConfig::default().buffer_bytes_max,
            unpacked_max: ConsumerConfig::default().batch_bytes_max,
            readers: match column {
                Column::P | Column::I | Column::T => 0,
                Column::G | Column::K | Column::S => 3,
                Column::R => 2,
            },
            group: Group::new(&dice),
            metadata_age: 300 * SECOND,
            topic: Vec::new(),
            life: Life::default(),
        };
        if column == Column::S {
            // What the dead have left open nobody reads past.
            settings.transaction_timeout = 10 * SECOND;
        }
        if column.shares() {
            settings.producers = 2;
            settings.pause_max = dice.millis(300..=900);
            settings.safety = 12 * SECOND;
            // Seeds that follow each other have all kinds.
            let kinds: &[Kind] = match column {
                Column::G => &[Kind::Eager, Kind::Cooperative],
                Column::K => &[Kind::Coordinator],
                _ => &[Kind::Coordinator, Kind::Eager, Kind::Cooperative],
            };
            let nth = usize::try_from(seed / 100).unwrap() % kinds.len();
            settings.be(*kinds.get(nth).unwrap());
        }
        settings
    }

    /// The group is of this kind, which not every release has.
    pub(crate) fn be(&mut self, kind: Kind) {
        self.group.be(kind);
        if kind == Kind::Coordinator {
            self.release = "4.4";
        }
    }

    pub(crate) fn client(&self) -> ClientConfig {
        let request_timeout = self.producer.request_timeout;
        ClientConfig {
            request_timeout,
            metadata_age_max: self.metadata_age,
            // Who waits for a connection that was made while all went wrong has to get on too.
            dial: DialConfig {
                setup_timeout: request_timeout,
                setup_timeout_max: request_timeout,
                ..DialConfig::default()
            },
            ..ClientConfig::default()
        }
    }

    /// The longest of the timeouts that calls have.
    pub(crate) fn longest(&self) -> Duration {
        let of_producers = self.producer.delivery_timeout.max(self.producer.block_max);
        match self.column {
            // Somebody dies, and somebody else does not hear in time that it is to give up.
            Column::G | Column::K => {
                of_producers.max(self.group.session() + self.group.config.poll_interval_max)
            }
            // And what it has left open.
            Column::S => {
                let others = self.group.session() + self.group.config.poll_interval_max;
                of_producers.max(others) + self.transaction_timeout
            }
            _ => of_producers,
        }
    }

    /// How long it may take until everybody has got on, once all is well.
    pub(crate) fn progress_max(&self) -> Duration {
        2 * self.longest()
    }
}

/// More than the buffer takes, all the time.
pub(crate) fn flood(settings: &mut Settings) {
    settings.value_bytes = 1000;
    settings.burst_max = 40;
    settings.pause_max = SECOND;
    settings.producer.buffer_bytes_max = 64 << 10;
    settings.producer.batch_bytes_max = 8 << 10;
    settings.producer.block_max = 2 * SECOND;
}
