//! What a run is: everything that its seed determines, as data.

use std::time::Duration;

use kurier_client::producer::{Acks, Idempotence};
use kurier_protocol::record::Compression;
use kurier_protocol::{ApiKey, ErrorCode};
use kurier_testkit::net::{Blocked, Side, Way};

use crate::dice::Dice;

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) release: &'static str,
    pub(crate) brokers: u32,
    pub(crate) partitions: i32,
    pub(crate) producers: u32,
    pub(crate) consumers: u32,
    pub(crate) settings: Settings,
    /// Bytes are under way for so long, each way.
    pub(crate) latency: (Duration, Duration),
    /// The longest pause between two sends of a producer.
    pub(crate) pause_max: Duration,
    /// How long things go wrong.
    pub(crate) safety: Duration,
    /// What goes wrong, when: pauses and troubles, one after the other.
    pub(crate) troubles: Vec<(Duration, Trouble)>,
}

/// How the clients are set.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) acks: Acks,
    pub(crate) idempotence: Idempotence,
    pub(crate) compression: Compression,
    pub(crate) linger: Duration,
    pub(crate) batch_bytes_max: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) delivery_timeout: Duration,
    pub(crate) fetch_wait_max: Duration,
    pub(crate) partition_bytes_max: usize,
}

/// Something that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// The broker stops.
    Kill(i32),
    /// All brokers that stand run again.
    Restart,
    /// The broker's connections are closed.
    Drop(i32),
    /// Nothing gets through between a client, or all of them, and the broker.
    Block(Option<u32>, i32, Way, Blocked),
    /// Connections to the broker are refused.
    Refuse(i32),
    /// The network is whole again.
    Heal,
    /// The broker's connections are reset.
    Reset(i32),
    /// One side of the broker's connections has forgotten them.
    HalfOpen(i32, Side),
    /// Bytes are under way for so long.
    Slow(Duration, Duration),
    /// A partition gets another leader.
    Move(i32, i32),
    /// This happens to the next requests of an API.
    Request(ApiKey, Mishap),
}

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mishap {
    Close,
    ExecuteThenClose,
    ExecuteThenHang,
    ExecuteAgain(Duration),
    Delay(Duration),
    DelayAnswer(Duration),
    CloseThenExecute(Duration),
    ExecuteThenAnswer(ErrorCode),
    Cut(usize),
    AnswerTwice,
    Throttle(Duration),
    Answer(ErrorCode),
}

/// What the swarm switches on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Kill,
    Drop,
    Block,
    Refuse,
    Reset,
    HalfOpen,
    Slow,
    Move,
    Request,
}

impl Plan {
    /// The run of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed, "plan");
        let slowest = dice.pick(&[0, 1, 10, 100]);
        let mut plan = Self {
            seed,
            release: dice.pick(&RELEASES),
            brokers: u32::try_from(dice.number(1..=5)).unwrap(),
            partitions: i32::try_from(dice.number(1..=4)).unwrap(),
            producers: u32::try_from(dice.number(1..=3)).unwrap(),
            consumers: u32::try_from(dice.number(1..=2)).unwrap(),
            settings: settings(&dice),
            latency: (dice.millis(0..=slowest), dice.millis(slowest..=3 * slowest)),
            pause_max: dice.millis(20..=500),
            safety: Duration::from_secs(60),
            troubles: Vec::new(),
        };
        let on: Vec<Kind> = KINDS.into_iter().filter(|_| dice.one_in(2)).collect();
        let pause_max = dice.number(300..=10_000);
        let mut at = Duration::ZERO;
        while !on.is_empty() && at < plan.safety {
            let pause = dice.millis(1..=pause_max);
            at += pause;
            plan.troubles.push((pause, plan.trouble(&dice, dice.pick(&on))));
        }
        plan
    }

    /// A run with idempotence in which something happens to Produce requests all the time.
    pub(crate) fn of_numbers(seed: u64) -> Self {
        let dice = Dice::new(seed, "numbers");
        let mut plan = Self { release: dice.pick(&RELEASES[2..]), ..Self::new(seed) };
        plan.settings.acks = Acks::All;
        plan.settings.idempotence = Idempotence::IfPossible;
        plan.troubles = (0..200)
            .map(|_| {
                let trouble = match dice.number(0..=9) {
                    0 => plan.trouble(&dice, Kind::Move),
                    1 => plan.trouble(&dice, Kind::Drop),
                    _ => Trouble::Request(ApiKey::PRODUCE, mishap(&dice, ApiKey::PRODUCE)),
                };
                (dice.millis(1..=500), trouble)
            })
            .collect();
        plan
    }

    /// Whether the brokers must find no record twice: the producers number their batches.
    pub(crate) fn is_idempotent(&self) -> bool {
        let Settings { acks, idempotence, .. } = self.settings;
        acks == Acks::All
            && idempotence == Idempotence::IfPossible
            && !self.release.starts_with("0.10")
    }

    fn trouble(&self, dice: &Dice, kind: Kind) -> Trouble {
        let broker = i32::try_from(dice.number(1..=u64::from(self.brokers))).unwrap();
        // Every second time, what is wrong is set right: else all would be down before long.
        let again = dice.one_in(2);
        match kind {
            Kind::Kill if again => Trouble::Restart,
            Kind::Kill => Trouble::Kill(broker),
            Kind::Drop => Trouble::Drop(broker),
            Kind::Block | Kind::Refuse if again => Trouble::Heal,
            Kind::Block => {
                let client = dice.number(0..=u64::from(self.producers + self.consumers));
                let client = u32::try_from(client).unwrap();
                let way = dice.pick(&[Way::Both, Way::ToBroker, Way::ToClient]);
                let blocked = dice.pick(&[Blocked::Held, Blocked::Lost]);
                Trouble::Block(client.checked_sub(1), broker, way, blocked)
            }
            Kind::Refuse => Trouble::Refuse(broker),
            Kind::Reset => Trouble::Reset(broker),
            Kind::HalfOpen => Trouble::HalfOpen(broker, dice.pick(&[Side::Client, Side::Broker])),
            Kind::Slow => {
                let most = dice.pick(&[0, 20, 300, 2000]);
                Trouble::Slow(dice.millis(0..=most), Duration::from_millis(most))
            }
            Kind::Move => {
                let last = u64::try_from(self.partitions).unwrap() - 1;
                Trouble::Move(i32::try_from(dice.number(0..=last)).unwrap(), broker)
            }
            Kind::Request => {
                let api = dice.pick(&APIS);
                Trouble::Request(api, mishap(dice, api))
            }
        }
    }
}

fn settings(dice: &Dice) -> Settings {
    let request_timeout = dice.millis(500..=5000);
    let linger = dice.millis(0..=50);
    Settings {
        acks: dice.pick(&[Acks::All, Acks::All, Acks::All, Acks::Leader]),
        idempotence: if dice.one_in(5) { Idempotence::Off } else { Idempotence::IfPossible },
        compression: dice.pick(&[Compression::None, Compression::Snappy, Compression::Gzip]),
        linger,
        batch_bytes_max: usize::try_from(dice.pick(&[1, 200, 16 << 10])).unwrap(),
        request_timeout,
        delivery_timeout: linger + request_timeout + dice.millis(0..=20_000),
        fetch_wait_max: dice.millis(10..=500),
        partition_bytes_max: usize::try_from(dice.pick(&[1, 500, 1 << 20])).unwrap(),
    }
}

fn mishap(dice: &Dice, api: ApiKey) -> Mishap {
    match dice.number(0..=11) {
        0 => Mishap::Close,
        1 => Mishap::ExecuteThenClose,
        2 => Mishap::ExecuteThenHang,
        3 => Mishap::Delay(dice.millis(1..=8000)),
        4 => Mishap::DelayAnswer(dice.millis(1..=8000)),
        5 => Mishap::Cut(usize::try_from(dice.number(0..=40)).unwrap()),
        6 => Mishap::AnswerTwice,
        7 => Mishap::ExecuteAgain(dice.millis(1..=8000)),
        8 => Mishap::CloseThenExecute(dice.millis(1..=8000)),
        9 if api == ApiKey::PRODUCE => Mishap::ExecuteThenAnswer(dice.pick(&WRITTEN_CODES)),
        10 => Mishap::Throttle(dice.millis(1..=4000)),
        _ if api == ApiKey::PRODUCE => Mishap::Answer(dice.pick(&PRODUCE_CODES)),
        _ => Mishap::Answer(dice.pick(&CODES)),
    }
}

const RELEASES: [&str; 7] = ["0.10.0", "0.10.2", "0.11.0", "1.1", "2.8", "3.9", "4.4"];
const KINDS: [Kind; 9] = [
    Kind::Kill,
    Kind::Drop,
    Kind::Block,
    Kind::Refuse,
    Kind::Reset,
    Kind::HalfOpen,
    Kind::Slow,
    Kind::Move,
    Kind::Request,
];
const APIS: [ApiKey; 6] = [
    ApiKey::PRODUCE,
    ApiKey::PRODUCE,
    ApiKey::FETCH,
    ApiKey::METADATA,
    ApiKey::LIST_OFFSETS,
    ApiKey::INIT_PRODUCER_ID,
];
/// What any of these APIs may say of a moment that passes.
const CODES: [ErrorCode; 4] = [
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::LEADER_NOT_AVAILABLE,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
];
/// What a leader may say of a batch that it has appended.
const WRITTEN_CODES: [ErrorCode; 3] = [
    ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
];
/// What a leader may say of a batch that it did not append.
const PRODUCE_CODES: [ErrorCode; 8] = [
    ErrorCode::NOT_LEADER_OR_FOLLOWER,
    ErrorCode::REQUEST_TIMED_OUT,
    ErrorCode::NOT_ENOUGH_REPLICAS,
    ErrorCode::MESSAGE_TOO_LARGE,
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
    ErrorCode::UNKNOWN_PRODUCER_ID,
    ErrorCode::INVALID_PRODUCER_EPOCH,
];
