//! One trial: clients work, things break and are healed, and what was seen is judged.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kurier_testkit::history::{Action, Check, History, Outcome};

use super::cluster::{Cluster, Kept, Way, cluster};
use super::shared::{DELIVERY_TIMEOUT, PARTITIONS, PROGRESS_MAX, REQUEST_TIMEOUT};
use super::traffic::{Seen, Traffic};
use crate::real_brokers::{each_since, say};

/// Lets clients that begin with addresses of this kind work, while `trouble` makes some. Then all
/// is healed, and must come to its end, with nothing lost.
pub(crate) fn trial(what: &str, way: Way, trouble: impl Fn(&mut Cluster, &Traffic, &str)) {
    each_since("4.4", what, |release| {
        let mut shared = cluster(release);
        let cluster = shared.as_mut().unwrap();
        let topic = fresh_topic();
        cluster.create_topic(&topic, PARTITIONS, Kept::WELL);
        let traffic = Traffic::start(&cluster.servers(way), &topic);
        traffic.flows("before anything happens");
        trouble(cluster, &traffic, &topic);
        cluster.heal();
        let seen = traffic.finish();
        judge(&seen);
        say(&format!("{what}: {}", account(&seen)));
    });
}

/// A name that no other trial has.
pub(crate) fn fresh_topic() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("faults-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What must hold of a producer with the defaults, which is idempotent, and a consumer that reads
/// everything: no record is lost, none is there twice, and they are in order.
pub(super) fn judge(seen: &Seen) {
    judge_by(&Check::new(), seen);
}

/// The same with what is expected of this producer.
pub(super) fn judge_by(check: &Check, seen: &Seen) {
    let check = check.clone().drained().lag_max(seen.healed, PROGRESS_MAX);
    if let Some(first) = check.run(&seen.history).first() {
        let small = check.shrink(&seen.history);
        panic!("{first}\n{}\nerrors: {:#?}", small.unwrap_or_default(), seen.errors);
    }
    for send in sends(&seen.history) {
        let took = send.completed.unwrap_or(Duration::MAX).saturating_sub(send.invoked);
        // Enqueueing waits for the topic at most as long as a delivery takes.
        assert!(
            took < 2 * DELIVERY_TIMEOUT + REQUEST_TIMEOUT,
            "an outcome took {took:?}: {send:?}"
        );
    }
}

fn sends(history: &History) -> impl Iterator<Item = &kurier_testkit::history::Operation> {
    history.operations.iter().filter(|operation| matches!(operation.action, Action::Send(_)))
}

/// How much was done.
pub(super) fn account(seen: &Seen) -> String {
    let ended = |outcome| sends(&seen.history).filter(|send| send.outcome == outcome).count();
    let took = |send: &kurier_testkit::history::Operation| Some(send.completed? - send.invoked);
    let longest = sends(&seen.history).filter_map(took).max().unwrap_or_default();
    let mut text = format!(
        "{} records acknowledged, {} refused, {} unknown; the longest took {:.1} s",
        ended(Outcome::Ok),
        ended(Outcome::Failed),
        ended(Outcome::Unknown),
        longest.as_secs_f32(),
    );
    let errors: BTreeSet<_> = seen.errors.iter().take(3).collect();
    errors.iter().for_each(|error| text += &format!("\n    {error}"));
    text
}
