//! Core: flush and close wait for every earlier send: Q5.

use std::collections::HashMap;
use std::time::Duration;

use super::facts::Facts;
use super::invariant::Invariant;
use super::operation::{Action, Outcome};
use super::violation::Violation;

/// Q5: after a flush or close every earlier send has an outcome.
pub(super) fn check_flushes(facts: &Facts<'_>, found: &mut Vec<Violation>) {
    // The send of each process whose outcome came last.
    let mut latest: HashMap<u32, (Duration, usize)> = HashMap::new();
    for (place, operation) in facts.in_order() {
        let process = operation.process;
        match &operation.action {
            Action::Send(_) => {
                let known = operation.completed.unwrap_or(Duration::MAX);
                let last = latest.entry(process).or_insert((known, place));
                *last = (*last).max((known, place));
            }
            Action::Crash => {
                latest.remove(&process);
            }
            Action::Flush | Action::Close if operation.outcome == Outcome::Ok => {
                let (Some(back), Some(&(known, send))) =
                    (operation.completed, latest.get(&process))
                else {
                    continue;
                };
                let sent = facts.operation(send).and_then(|send| send.sends().next());
                let Some(sent) = sent.filter(|_| known > back) else { continue };
                let what = if operation.action == Action::Flush { "flush" } else { "close" };
                found.push(Violation::new(
                    Invariant::Q5,
                    (&sent.to, sent.offset.into_iter().collect()),
                    vec![send, place],
                    format!("{what} came back before value {} had an outcome", sent.value),
                ));
            }
            _ => {}
        }
    }
}
