//! One run: everything happens, is healed, must make progress, and is checked.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use kurier_env::{Seeded, watch};
use kurier_testkit::TestCluster;
use kurier_testkit::history::{Action, Check, History, Invariant, Outcome, Recorder};
use kurier_testkit::net::Event;
use tokio::task::JoinSet;

use crate::numbers;
use crate::plan::Plan;
use crate::stage;
use crate::trouble;
use crate::workload::{Phase, TOPIC, World, consume, produce};

/// What a run was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// One number for everything that happened on the wires.
    pub(crate) hash: u64,
    /// The latest of it.
    pub(crate) events: Vec<Event>,
    pub(crate) requests: usize,
    pub(crate) acknowledged: usize,
    /// Sends that failed, or may have.
    pub(crate) failed: usize,
    pub(crate) polled: usize,
    /// Records that stand in a log more than once.
    pub(crate) duplicates: usize,
}

/// Runs a plan, on a runtime and in a time of its own. Fails with all that is needed to see why.
pub(crate) fn run(plan: &Plan) -> Result<Report, String> {
    stage::play(async {
        let recorder = Recorder::new();
        let done = play(plan, &recorder).await;
        let history = recorder.history();
        let (report, healed) = done.map_err(|reason| explain(plan, &reason, None))?;
        judge(plan, &history, healed)?;
        if plan.is_idempotent() && report.duplicates > 0 {
            // Those that no consumer has seen too.
            return Err(explain(plan, &format!("{} stored twice", report.duplicates), None));
        }
        Ok(count(report, &history))
    })
}

/// Lets everything happen. Gives what was seen of it from outside, and when it was healed.
async fn play(plan: &Plan, recorder: &Recorder) -> Result<(Report, Duration), String> {
    let start = tokio::time::Instant::now();
    let cluster = cluster(plan);
    let (phase, phases) = watch::channel(Phase::Safety);
    let (plan, recorder) = (Arc::new(plan.clone()), recorder.clone());
    let polls = Arc::default();
    let world = World { cluster, plan, recorder, phase: phases, polls };
    let (cluster, plan) = (world.cluster.clone(), Arc::clone(&world.plan));
    let (mut producers, mut consumers) = (JoinSet::new(), JoinSet::new());
    for process in 0..plan.producers {
        producers.spawn(produce(world.clone(), process));
    }
    for process in 0..plan.consumers {
        consumers.spawn(consume(world.clone(), plan.producers + process));
    }
    drop(world);
    stage::disturb(plan.safety, trouble::make(&cluster, &plan)).await;
    trouble::heal(&cluster, &plan);
    let healed = start.elapsed();
    let limit = progress_max(&plan);
    phase.send_replace(Phase::Liveness);
    stage::finish(producers, limit, "a producer").await?;
    phase.send_replace(Phase::Drain);
    stage::finish(consumers, limit, "a consumer").await?;
    let report = look(&cluster, &plan);
    if let Some(reused) = numbers::reused(&cluster) {
        return Err(reused);
    }
    let brokers = i32::try_from(plan.brokers).unwrap();
    match stage::tear_down(&cluster, brokers, limit).await {
        0 => Ok((report, healed)),
        left => Err(format!("{left} tasks are left when all clients are gone")),
    }
}

fn cluster(plan: &Plan) -> TestCluster {
    let replicas = i16::try_from(plan.brokers).unwrap();
    let builder = TestCluster::builder().brokers(plan.brokers).release(plan.release);
    let builder = builder.replication_default(replicas).topic(TOPIC, plan.partitions);
    let cluster = builder.chance(Arc::new(Seeded::new(plan.seed))).build();
    cluster.network().record();
    cluster.network().latency(plan.latency.0..=plan.latency.1);
    cluster
}

/// How long anything may take once all is well.
fn progress_max(plan: &Plan) -> Duration {
    2 * plan.settings.delivery_timeout.max(Duration::from_secs(10))
}

fn look(cluster: &TestCluster, plan: &Plan) -> Report {
    let mut values: Vec<_> = (0..plan.partitions)
        .flat_map(|partition| cluster.stored_records(TOPIC, partition))
        .map(|record| record.value().unwrap().to_vec())
        .collect();
    let stored = values.len();
    values.sort_unstable();
    values.dedup();
    Report {
        hash: cluster.network().event_hash(),
        events: cluster.network().events(),
        requests: cluster.requests().len(),
        acknowledged: 0,
        failed: 0,
        polled: 0,
        duplicates: stored - values.len(),
    }
}

fn count(report: Report, history: &History) -> Report {
    let of = |operation: &kurier_testkit::history::Operation| match &operation.action {
        Action::Send(_) => (usize::from(operation.outcome == Outcome::Ok), 1, 0),
        Action::Poll(polled) => {
            (0, 0, polled.stretches.iter().map(|stretch| stretch.records.len()).sum())
        }
        _ => (0, 0, 0),
    };
    history.operations.iter().map(of).fold(report, |mut report, (acknowledged, sent, polled)| {
        report.acknowledged += acknowledged;
        report.failed += sent - acknowledged;
        report.polled += polled;
        report
    })
}

/// What must hold of producers and of consumers that read everything.
fn judge(plan: &Plan, history: &History, healed: Duration) -> Result<(), String> {
    let mut check = Check::new().drained().lag_max(healed, progress_max(plan));
    if !plan.is_idempotent() {
        // A batch whose answer was lost is sent again.
        check = check.without(Invariant::J4).without(Invariant::Q2);
    }
    if let Some(first) = check.run(history).first() {
        return Err(explain(plan, &first.to_string(), check.shrink(history).as_ref()));
    }
    // Enqueueing waits for the topic at most `block_max`, which is the delivery timeout here.
    let limit = 2 * plan.settings.delivery_timeout + SLACK;
    let sends = history.operations.iter().filter(|op| matches!(op.action, Action::Send(_)));
    for send in sends {
        let took = send.completed.unwrap_or(Duration::MAX).saturating_sub(send.invoked);
        if took > limit {
            let late = format!("an outcome took {took:?}, {limit:?} is allowed: {send:?}");
            return Err(explain(plan, &late, None));
        }
    }
    Ok(())
}

fn explain(plan: &Plan, reason: &str, smallest: Option<&History>) -> String {
    let mut text = format!("seed {}: {reason}\n", plan.seed);
    if let Some(history) = smallest {
        let _ = writeln!(text, "\nthe smallest history that shows it:\n{history}");
    }
    let _ = writeln!(text, "\nthe plan: {plan:#?}");
    let _ = writeln!(
        text,
        "\nonce more: KURIER_SEED={} cargo test -p kurier-client --test simulation seeds::",
        plan.seed
    );
    text
}

/// Timers are a little late.
const SLACK: Duration = Duration::from_secs(1);
