//! A script for brokers and producers, read off a fuzzer's bytes. *core*
//!
//! The first eight bytes say who there is (`setup.rs`). Each four after them are a step: what
//! happens and how long nothing does then, and three numbers. Bytes that are missing are 0, and any
//! bytes are a script.

use std::time::Duration;

use kurier_protocol::ApiKey;

use super::mishap::Mishap;
use super::setup::{SETUP_BYTES, Setup, Word, pick};

/// What happens in a run.
#[derive(Clone, Debug)]
pub(super) struct Script {
    pub(super) setup: Setup,
    /// Each with how long nothing happens after it.
    pub(super) steps: Vec<(Step, Duration)>,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// The producer without transactions does something, when it is through with what it does.
    Plain(PlainStep),
    /// So does the one with transactions.
    Txn(TxnStep),
    /// Time passes.
    Pause(Duration),
    /// Somebody reads what is committed.
    Look,
    /// Something goes wrong.
    Trouble(Trouble),
}

/// What a producer without transactions does.
#[derive(Clone, Copy, Debug)]
pub(super) enum PlainStep {
    Send(Records),
    Flush,
    /// It ends, within this time if there is one, and another one begins.
    Reopen(Option<Duration>),
    /// Records that are read are deleted.
    Trim(i32),
    /// A partition forgets the producers that it knows.
    Forget(i32),
}

/// What one with transactions does.
#[derive(Clone, Copy, Debug)]
pub(super) enum TxnStep {
    Send(Records),
    /// It commits; who waits for that gives up after this time, and asks again.
    Commit(Option<Duration>),
    Abort,
    Drop,
    Offsets,
    /// Another producer takes its name; it does not know, and goes on.
    TakeOver,
}

/// Records to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records {
    /// Whether to the topic that may be deleted and grow.
    pub(super) is_fragile: bool,
    pub(super) partition: i32,
    pub(super) count: u8,
    pub(super) bytes: usize,
    /// Whether somebody waits for their outcome.
    pub(super) is_awaited: bool,
}

/// What goes wrong. Brokers and partitions that there are not stand for those that there are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    Kill(i32),
    /// All brokers that stand run again.
    Restart,
    /// A broker's process stands still.
    Freeze(i32),
    /// All those go on.
    Thaw,
    Drop(i32),
    Reset(i32),
    /// The broker has forgotten its connections.
    HalfOpen(i32),
    /// Nothing gets to the broker, or back, or neither; it is lost, or waits.
    Block(i32, u8),
    Refuse(i32),
    Heal,
    Slow(Duration),
    /// The next connection is refused, closed, or never served.
    Connect(u8),
    MoveLeader {
        is_fragile: bool,
        partition: i32,
        broker: i32,
    },
    MoveCoordinator {
        of_group: bool,
        broker: i32,
    },
    /// This happens to the next requests of an API, so many; or to one partition in them alone.
    Request {
        api: ApiKey,
        times: u64,
        partition: Option<i32>,
        mishap: Mishap,
    },
    /// A follower of a partition fetches nothing, until it may again.
    HoldFollower(i32, i32),
    ReleaseFollowers(i32),
    /// A follower in sync that may lack what nobody has confirmed becomes the leader.
    Elect(i32, i32),
    HoldMarkers,
    ReleaseMarkers,
    Grow,
    Recreate,
    /// The cluster gets the newest release.
    Upgrade,
}

impl Script {
    /// Any bytes are one.
    pub(super) fn new(bytes: &[u8]) -> Self {
        let (setup, rest) = bytes.split_at(bytes.len().min(SETUP_BYTES));
        let setup = Setup::new(filled(setup));
        let steps = rest.chunks(STEP_BYTES).take(STEPS_MAX).map(filled);
        let steps = steps.map(|step: [u8; STEP_BYTES]| {
            let pause = Duration::from_millis(pick(&PAUSES, step[0] >> 5));
            (Step::new(step, setup.word), pause)
        });
        let steps = steps.collect();
        Self { setup, steps }
    }
}

impl Step {
    fn new([what, a, b, c]: [u8; STEP_BYTES], word: Word) -> Self {
        let broker = 1 + i32::from(a % 3);
        let partition = i32::from(b % 4);
        match what % 32 {
            0..=3 => Self::Plain(PlainStep::Send(Records::new(a, b, c))),
            4 => Self::Plain(PlainStep::Flush),
            5 => Self::Plain(PlainStep::Reopen(time_if(a))),
            6..=8 => {
                Self::Txn(TxnStep::Send(Records { is_fragile: false, ..Records::new(a, b, c) }))
            }
            9 | 10 => Self::Txn(TxnStep::Commit(time_if(a))),
            11 => Self::Txn(TxnStep::Abort),
            12 => Self::Txn(TxnStep::Drop),
            13 => Self::Txn(TxnStep::Offsets),
            14 => Self::Txn(TxnStep::TakeOver),
            15 | 16 => Self::Pause(time(a)),
            17 => Self::Trouble(match b % 5 {
                0 => Trouble::Kill(broker),
                1 => Trouble::Restart,
                2 => Trouble::Freeze(broker),
                3 => Trouble::Thaw,
                _ => Trouble::Drop(broker),
            }),
            18 => Self::Trouble(match b % 7 {
                0 => Trouble::Block(broker, c),
                1 | 2 => Trouble::Heal,
                3 => Trouble::Reset(broker),
                4 => Trouble::HalfOpen(broker),
                5 => Trouble::Slow(time(c)),
                _ => Trouble::Refuse(broker),
            }),
            19 => {
                let is_fragile = c % 2 == 1;
                Self::Trouble(Trouble::MoveLeader { is_fragile, partition, broker })
            }
            20 => Self::Trouble(Trouble::MoveCoordinator { of_group: b % 2 == 1, broker }),
            21..=25 => Self::Trouble(request((a, b, c), word)),
            26 => Self::Trouble(Trouble::Connect(c)),
            27 => Self::Trouble(match c % 3 {
                0 => Trouble::HoldFollower(partition, broker),
                1 => Trouble::ReleaseFollowers(partition),
                _ => Trouble::Elect(partition, broker),
            }),
            28 if a % 2 == 0 => Self::Trouble(Trouble::HoldMarkers),
            28 => Self::Trouble(Trouble::ReleaseMarkers),
            29 => match a % 4 {
                0 => Self::Trouble(Trouble::Grow),
                1 => Self::Trouble(Trouble::Recreate),
                2 => Self::Plain(PlainStep::Trim(partition)),
                _ => Self::Plain(PlainStep::Forget(partition)),
            },
            30 => Self::Look,
            _ => Self::Trouble(Trouble::Upgrade),
        }
    }
}

impl Records {
    /// One for which somebody waits.
    pub(super) const ONE: Self =
        Self { is_fragile: false, partition: 0, count: 1, bytes: 0, is_awaited: true };

    fn new(a: u8, b: u8, c: u8) -> Self {
        Self {
            is_fragile: a & 1 != 0,
            partition: i32::from((a >> 1) % 4),
            count: 1 + b % 6,
            bytes: 8 * usize::from(c & 0x7f),
            is_awaited: c & 0x80 == 0,
        }
    }
}

fn request((a, b, c): (u8, u8, u8), word: Word) -> Trouble {
    let api = pick(&APIS, a & 0x0f);
    let partition = (a & 0x40 != 0).then_some(0);
    let mishap = Mishap::new(api, (b, c), word);
    Trouble::Request { api, times: 1 + u64::from((a >> 4) & 3), partition, mishap }
}

/// Up to eleven seconds, finer where they are short.
pub(super) fn time(number: u8) -> Duration {
    Duration::from_millis(u64::from(number) * u64::from(number) / 6)
}

fn time_if(number: u8) -> Option<Duration> {
    (number > 0).then(|| time(number))
}

/// The bytes; 0 stands for those that are missing.
fn filled<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    all
}

const STEP_BYTES: usize = 4;
const STEPS_MAX: usize = 64;
const PAUSES: [u64; 8] = [0, 0, 1, 10, 50, 200, 1000, 4000];
const APIS: [ApiKey; 12] = [
    ApiKey::PRODUCE,
    ApiKey::END_TXN,
    ApiKey::ADD_PARTITIONS_TO_TXN,
    ApiKey::INIT_PRODUCER_ID,
    ApiKey::TXN_OFFSET_COMMIT,
    ApiKey::ADD_OFFSETS_TO_TXN,
    ApiKey::METADATA,
    ApiKey::FIND_COORDINATOR,
    ApiKey::API_VERSIONS,
    ApiKey::OFFSET_FETCH,
    ApiKey::PRODUCE,
    ApiKey::PRODUCE,
];
