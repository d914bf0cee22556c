//! One run of a cell: everything happens, is healed, must get on, and is looked at.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kurier_client::offsets::Isolation;
use kurier_env::watch;
use kurier_protocol::ApiKey;
use kurier_protocol::api::offset_commit::OffsetCommitRequest;
use kurier_testkit::history::{Action, Offsets, Operation, Outcome, Recorder, TopicPartition};
use kurier_testkit::{Isolation as Level, RecordedRequest, Requests, TestCluster};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::DefaultGuard;

use crate::ahead::ahead_max;
use crate::code::Column;
use crate::dice::Dice;
use crate::gone::{Cut, as_it_counts};
use crate::ledger::{Ledger, Pages};
use crate::numbers;
use crate::ran::Ran;
use crate::reader::{OUT, PARTITIONS, Reader, TOPIC, number};
use crate::row::{Inject, Row};
use crate::settings::{SECOND, Settings};
use crate::wall::Jumping;
use crate::world::{BROKERS, GROUP, INPUT, Phase, World, cluster, group_of, heal, stored};
use crate::{assigned, member, plain, session, stage, transactional};

/// Runs a cell with a seed, on a runtime and in a time of its own.
pub(crate) fn run(row: &Row, inject: Inject, column: Column, seed: u64) -> Ran {
    let mut settings = Settings::new(seed * 100 + u64::from(row.number), column);
    (row.tune)(&mut settings);
    if column.shares() {
        (row.tune_group)(&mut settings);
    }
    let _log = std::env::var_os("KURIER_LOG").map(|_| shown_log());
    stage::play(all(settings, inject))
}

async fn all(settings: Settings, inject: Inject) -> Ran {
    let (recorder, start) = (Recorder::new(), Instant::now());
    let wall = Jumping::new();
    let cluster = cluster(&settings, &wall);
    let (phase, phases) = watch::channel(Phase::Safety);
    let world = World {
        start,
        dice: Arc::new(Dice::new(settings.seed, "fault")),
        // Where consumers read, the history is theirs alone.
        reader: Arc::new(Mutex::new(match settings.column {
            Column::S => Reader::new(&recorder, OUT),
            column if column.reads() => Reader::new(&Recorder::new(), TOPIC),
            _ => Reader::new(&recorder, TOPIC),
        })),
        settings: Arc::new(settings),
        ledger: Ledger::default(),
        cluster,
        wall,
        recorder,
        phase: phases,
    };
    let mut processes = JoinSet::new();
    for process in 0..world.settings.producers {
        match world.column() {
            Column::T => processes.spawn(transactional::produce(world.clone(), process)),
            // Readers of committed records have something to leave out.
            column if column.reads() && process == 0 && world.settings.life.is_committed_only => {
                processes.spawn(transactional::produce(world.clone(), process))
            }
            _ => processes.spawn(plain::produce(world.clone(), process)),
        };
    }
    let mut readers = JoinSet::new();
    for one in 0..world.settings.readers {
        match world.column() {
            Column::G | Column::K => readers.spawn(member::share(world.clone(), one)),
            Column::S => readers.spawn(session::copy(world.clone(), one)),
            _ => readers.spawn(assigned::read(world.clone(), one)),
        };
    }
    let watching = tokio::spawn(watch_over(world.clone()));
    sleep(world.dice.millis(500..=1500)).await;
    stage::disturb(world.settings.safety, inject(&world)).await;
    heal(&world.cluster, &world.settings);
    let healed = start.elapsed();
    phase.send_replace(Phase::Liveness);
    let limit = world.settings.progress_max();
    let mut progress = stage::finish(processes, limit, "somebody").await;
    phase.send_replace(Phase::Drain);
    if progress.is_ok() {
        progress = stage::finish(readers, limit, "a reader").await;
    }
    watching.abort();
    look(world, healed, progress).await
}

/// Shows what clients tell, for who looks into one run.
fn shown_log() -> DefaultGuard {
    let log = tracing_subscriber::fmt().with_max_level(LevelFilter::DEBUG).with_ansi(false);
    tracing::subscriber::set_default(log.with_writer(std::io::stderr).finish())
}

/// Reads all the time, and notes how much goes on.
async fn watch_over(world: World) {
    let effort = |cluster: &TestCluster| {
        let requests: u64 = cluster.counters().requests.values().sum();
        (requests, Handle::current().metrics().worker_park_count(0))
    };
    let mut last = effort(&world.cluster);
    loop {
        sleep(SECOND).await;
        world.read();
        let now = effort(&world.cluster);
        let mut pages = world.ledger.open();
        let requests = usize::try_from(now.0 - last.0).unwrap();
        pages.requests_max = pages.requests_max.max(requests);
        pages.turns_max = pages.turns_max.max(now.1 - last.1);
        pages.connections_max = pages.connections_max.max(world.cluster.network().connections());
        last = now;
    }
}

/// Reads what is left to read, lets everything end, and looks what there is.
async fn look(world: World, healed: Duration, progress: Result<(), String>) -> Ran {
    let written = if world.column() == Column::S { OUT } else { TOPIC };
    let is_open = |index| {
        let cluster = &world.cluster;
        cluster.last_stable_offset(written, index) < cluster.log_end(written, index)
    };
    let partitions = world.partitions();
    if (0..if written == OUT { PARTITIONS } else { partitions }).any(is_open) {
        // What was left open is aborted by its coordinator, and then everything can be read.
        sleep(world.settings.transaction_timeout + 15 * SECOND).await;
    }
    world.read();
    let committed = committed(&world).await;
    if world.column() == Column::S {
        let found = session::committed(&world.client(JUDGE, 0).await).await.expect("all is well");
        let of = |partition| TopicPartition::new(TOPIC, partition);
        let offsets = (0..PARTITIONS).map(of).zip(found).collect();
        let offsets = Offsets { group: GROUP.into(), offsets };
        world.recorder.note(COORDINATOR, Action::CommitOffsets(offsets));
    }
    let World { cluster, settings, recorder, ledger, .. } = world;
    let tasks_left = stage::tear_down(&cluster, BROKERS, settings.progress_max()).await;
    let connections_left = cluster.network().connections();
    let mut history = recorder.history();
    let mut pages: Pages = std::mem::take(&mut ledger.open());
    history.operations.extend(commits(&cluster, &pages.cuts));
    let stored: Vec<_> = stored(&cluster).into_iter().collect();
    let history = as_it_counts(history, &pages.gone, &stored);
    if settings.life.is_slow {
        pages.ahead_max = ahead_max(&cluster, &pages.given);
    }
    let readable = (0..partitions).flat_map(|index| {
        let records = cluster.read(TOPIC, index, Level::Committed).into_iter();
        records.filter_map(move |record| number(record.value()?).map(|_| (index, record.offset)))
    });
    let copies = (0..PARTITIONS).filter(|_| settings.column == Column::S).flat_map(|index| {
        let records = cluster.read(OUT, index, Level::Committed).into_iter();
        records.filter_map(|record| pages.copied(number(record.value()?)?)).collect::<Vec<_>>()
    });
    let copies = copies.collect();
    Ran {
        violations: Ran::check(&settings, healed).run(&history),
        healed,
        stored,
        readable: readable.collect(),
        copies,
        reused: numbers::reused(&cluster),
        settings: Settings::clone(&settings),
        history,
        pages,
        committed,
        progress,
        tasks_left,
        connections_left,
    }
}

/// What members of the group have asked to be committed, whatever came of it: none of it may they
/// have asked for before it was processed.
fn commits(cluster: &TestCluster, cuts: &[Cut]) -> Vec<Operation> {
    let requests = cluster.requests_of(&Requests::of(ApiKey::OFFSET_COMMIT));
    let commit = |request: RecordedRequest| {
        // Of one moment it is the last.
        let at = request.at + Duration::from_micros(1);
        let asked: OffsetCommitRequest = request.decode();
        let of_topics = asked.topics.into_iter().flat_map(|of| of.partitions);
        let offsets = of_topics.map(|one| {
            let of = (request.at, one.partition_index, one.committed_leader_epoch);
            let limit = |offset, cut: &Cut| cut.limit(of, offset);
            let offset = cuts.iter().fold(one.committed_offset, limit);
            (TopicPartition::new(TOPIC, one.partition_index), offset)
        });
        let offsets = Offsets { group: asked.group_id, offsets: offsets.collect() };
        Operation {
            process: COORDINATOR,
            invoked: at,
            completed: Some(at),
            outcome: Outcome::Ok,
            action: Action::CommitOffsets(offsets),
        }
    };
    requests.into_iter().map(commit).collect()
}

/// The offsets that the processes' groups have.
async fn committed(world: &World) -> BTreeMap<u32, Option<i64>> {
    if world.ledger.open().offsets.is_empty() {
        return BTreeMap::new();
    }
    let client = world.client(JUDGE, 0).await;
    let mut found = BTreeMap::new();
    for process in 0..world.settings.producers {
        let (steps, group) = (client.transactions(), group_of(process));
        let isolation = Isolation::ReadUncommitted;
        let mut answers = steps.committed_offsets(&group, isolation, [(INPUT, 0)]).await;
        let answer = answers.remove(0).outcome.expect("all is well");
        found.insert(process, answer.map(|committed| committed.offset));
    }
    found
}

/// All that is needed to see why a run failed, and to see it again.
pub(crate) fn explain(row: &Row, column: Column, seed: u64, why: &str, ran: &Ran) -> String {
    let number = row.number;
    let mut text = format!("row {number} ({}), column {column:?}, seed {seed}: {why}\n", row.what);
    if let Some(first) = ran.violations.first()
        && why.contains(&first.to_string())
        && let Some(smallest) = Ran::check(&ran.settings, ran.healed).shrink(&ran.history)
    {
        let _ = writeln!(text, "\nthe smallest history that shows it:\n{smallest}");
    }
    if let Err(stuck) = &ran.progress {
        let _ = writeln!(text, "{stuck}, and was stopped there");
    }
    for violation in ran.violations.iter().take(4) {
        let _ = writeln!(text, "the history breaks {violation}");
    }
    if let Err(progress) = &ran.progress {
        let _ = writeln!(text, "{progress}");
    }
    for (partition, name) in &ran.pages.holders {
        let _ = writeln!(text, "{name:?} holds {partition} in the end");
    }
    let last = ran.pages.told.len().saturating_sub(12);
    let told = ran.pages.told.iter().enumerate().filter(|(nth, _)| *nth < 12 || *nth >= last);
    for (_, told) in told {
        let _ = writeln!(text, "{:?} was told by {}: {}", told.by, told.call, told.error);
    }
    let _ = writeln!(text, "{:?}", ran.settings);
    let _ = writeln!(text, "{}\n", again(row, column, seed));
    text
}

/// The command that runs it again.
pub(crate) fn again(row: &Row, column: Column, seed: u64) -> String {
    let which = format!("KURIER_ROW={} KURIER_COLUMN={column:?} KURIER_SEED={seed}", row.number);
    format!("once more: {which} cargo test -p kurier-client --test matrix")
}

/// Who has heard of commits.
const COORDINATOR: u32 = 998;
/// Who asks at the end.
const JUDGE: u32 = 999;
