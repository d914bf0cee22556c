//! A member of a group: what was printed is marked once it has gone out, what happens to the member
//! is told, and when it ends, it commits and leaves.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt as _;
use kurier_client::consumer::Control;
use kurier_client::error::{ErrorKind, Waiting};
use kurier_client::group::{GroupEvent, GroupEvents, Loss, Revocation};
use kurier_client::transactions::TopicPartition;
use kurier_client::{Consumer, Error};
use kurier_protocol::ApiKey;
use tokio::time::{Instant, sleep};

use super::printed::Printed;
use crate::failure::{Failure, Outcome};
use crate::session::progress::Progress;
use crate::session::signals::{Grace, Stop as Signals};
use crate::session::{in_options, next_event};

/// The member, as the command sees it.
#[derive(Debug)]
pub(super) struct Membership {
    pub(super) group: String,
    pub(super) printed: Printed,
    events: Option<GroupEvents>,
    /// Whether it was told last to give partitions up, and may still wait for what is in hand.
    is_parting: bool,
    /// Whether it is told which partitions come and go.
    pub(super) tells_moves: bool,
    told: Told,
}

impl Membership {
    pub(super) fn new(group: &str, events: Option<GroupEvents>) -> Self {
        let (group, printed) = (group.to_owned(), Printed::default());
        let (is_parting, told) = (false, Told::default());
        Self { group, printed, events, is_parting, tells_moves: false, told }
    }

    /// The next thing that happens to it; for ever none once it is gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn next_event(&mut self) -> Option<GroupEvent> {
        next_event(&mut self.events).await
    }

    /// What has happened to it by now.
    pub(super) fn event(&mut self) -> Option<GroupEvent> {
        self.next_event().now_or_never().flatten()
    }

    /// Tells of it, if it is worth it. What is given up waits for what is printed of it, and for
    /// nothing else.
    pub(super) fn tell(&mut self, event: GroupEvent, progress: &Progress) {
        match &event {
            GroupEvent::Revoked { .. } => self.is_parting = true,
            GroupEvent::Assigned { .. } | GroupEvent::Lost { .. } => self.is_parting = false,
            _ => {}
        }
        let group = &self.group;
        match event {
            GroupEvent::Assigned { partitions, .. } if self.tells_moves => {
                let given =
                    if partitions.is_empty() { "nothing more".into() } else { list(&partitions) };
                progress.say(&format!("kurier: note: group {group} gives {given}"));
            }
            GroupEvent::Revoked { partitions, why, .. } if self.tells_moves => {
                let (list, why) = (list(&partitions), reason(why));
                progress.say(&format!("kurier: note: group {group} takes {list} away: {why}"));
            }
            GroupEvent::Lost { partitions, why } => {
                if let Some(why) = cause(why) {
                    let list = list(&partitions);
                    progress.say(&format!(
                        "kurier: warning: group {group} has lost {list}: {why}; what was printed \
                         of that and not committed will be printed again"
                    ));
                }
            }
            GroupEvent::Unheard { session } => self.told.warn(progress, "unheard", || {
                format!(
                    "the coordinator of group {group} has answered no heartbeat for {session:?}; \
                     others may have what this member reads, and print it again"
                )
            }),
            // `next` gives every other wait as an error.
            GroupEvent::Waiting {
                error: error @ Error::TimedOut { what: Waiting::Division { .. }, .. },
            } => self.told.warn(progress, "waiting", || format!("{error}; waiting goes on")),
            GroupEvent::CommitFailed { error } => {
                let what = format!("commit {:?}", error.kind());
                self.told.warn(progress, &what, || {
                    let error = in_options(&error);
                    format!(
                        "what was printed is not committed in group {group}: {error}; unless a \
                         later commit is taken, it will be printed again"
                    )
                });
            }
            _ => {}
        }
    }

    /// Commits what was printed, and leaves.
    ///
    /// # Errors
    ///
    /// What was printed is not committed, and will be printed again.
    pub(super) async fn leave(
        mut self,
        consumer: Consumer,
        signals: &mut Signals,
        progress: &Progress,
    ) -> Outcome {
        while let Some(event) = self.event() {
            self.tell(event, progress);
        }
        let mut failed = None;
        if self.printed.is_any_marked() {
            failed = self.commit(&consumer.control(), signals, progress).await.err();
            // That is of what was lost since the last commit of all, and was told as lost then.
            if failed.as_ref().is_some_and(|error| error.kind() == ErrorKind::Membership) {
                failed = self.commit(&consumer.control(), signals, progress).await.err();
            }
        }
        let is_hurried = signals.asked().now_or_never().is_some() || failed.is_some();
        let within = if is_hurried { LEAVING_AFTER_SIGNAL_MAX } else { LEAVING_MAX };
        let mut closing = pin!(consumer.close(within));
        loop {
            tokio::select! {
                biased;
                Some(event) = next_event(&mut self.events) => match event {
                    GroupEvent::CommitFailed { error } => failed = failed.or(Some(error)),
                    // It leaves: all that comes now comes of that.
                    event => drop(event),
                },
                () = &mut closing => break,
            }
        }
        while let Some(event) = self.event() {
            if let GroupEvent::CommitFailed { error } = event {
                failed = failed.or(Some(error));
            }
        }
        let Some(error) = failed else { return Ok(()) };
        let (group, error) = (&self.group, in_options(&error));
        let line = format!("cannot commit in group {group} what was printed last: {error}");
        Err(Failure::Failed(format!("{line}; it will be printed again")))
    }

    /// Commits what is marked; after a signal for so long only. So it is while partitions are given
    /// up: that waits for what was given and not printed, which the end lets go of, and so would
    /// this; they are committed by the end.
    async fn commit(
        &mut self,
        control: &Control,
        signals: &mut Signals,
        progress: &Progress,
    ) -> Result<(), Error> {
        let mut commit = pin!(control.commit());
        let is_parting = self.is_parting;
        let mut late = pin!(async {
            if !is_parting {
                signals.asked().await;
            }
            sleep(COMMITTING_AFTER_SIGNAL_MAX).await;
        });
        loop {
            tokio::select! {
                biased;
                Some(event) = next_event(&mut self.events) => match event {
                    // This commit tells itself whether it has succeeded.
                    GroupEvent::CommitFailed { .. } => {}
                    GroupEvent::Revoked { .. } => return Ok(()),
                    event => self.tell(event, progress),
                },
                committed = &mut commit => return committed,
                () = &mut late => {
                    if is_parting {
                        return Ok(());
                    }
                    let (api, group) = (ApiKey::OFFSET_COMMIT, Box::from(&*self.group));
                    let what = Waiting::Coordinator { api, group };
                    return Err(Error::timed_out(what, COMMITTING_AFTER_SIGNAL_MAX));
                }
            }
        }
    }
}

/// What was told, so that it is not told again while it lasts.
#[derive(Debug, Default)]
struct Told {
    /// When each has come last.
    came: BTreeMap<String, Instant>,
}

impl Told {
    fn warn(&mut self, progress: &Progress, what: &str, line: impl FnOnce() -> String) {
        if self.is_news(Instant::now(), what) {
            progress.say(&format!("kurier: warning: {}", line()));
        }
    }

    fn is_news(&mut self, now: Instant, what: &str) -> bool {
        let before = self.came.insert(what.to_owned(), now);
        before.is_none_or(|before| now.duration_since(before) > LASTS)
    }
}

/// `t 0, t 1 and 7 more partitions`
fn list(partitions: &[TopicPartition]) -> String {
    let named: Vec<_> =
        partitions.iter().take(NAMED_MAX).map(|of| format!("{} {}", of.0, of.1)).collect();
    let named = named.join(", ");
    match partitions.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more partitions"),
    }
}

fn reason(why: Revocation) -> &'static str {
    match why {
        Revocation::Rebalance => "it divides its partitions anew",
        Revocation::Moved => "another member has it from now on",
        Revocation::Leaving => "this member leaves",
        _ => "it is not read any more",
    }
}

/// Why partitions are lost; none where an error tells.
fn cause(why: Loss) -> Option<&'static str> {
    Some(match why {
        Loss::Forgotten => "its coordinator does not know this member any more",
        Loss::LeftBehind => "it has gone on without this member",
        Loss::Overdue => "stdout has taken nothing for max.poll.interval.ms",
        Loss::TooSlow => "it was not given up in time",
        Loss::Over => return None,
        _ => "it is another member's",
    })
}

/// What comes again within this time has lasted: longer than a commit or a wait takes by default.
const LASTS: Duration = Duration::from_secs(150);

/// A line on stderr names so many partitions.
const NAMED_MAX: usize = 8;

/// How long a member that ends by itself takes at most to leave.
const LEAVING_MAX: Duration = Duration::from_secs(10);

/// The same after a signal, or when the coordinator takes no commits.
const LEAVING_AFTER_SIGNAL_MAX: Duration = Duration::from_secs(2);

/// How long the last commit may take after a signal.
const COMMITTING_AFTER_SIGNAL_MAX: Duration = Duration::from_secs(5);

/// What a member has after a signal: to commit and to leave, and for stdout to take what was
/// printed; less than the ten seconds that containers give.
pub(super) const GRACE: Grace = Grace {
    within: Duration::from_secs(9),
    undone: "what was read last may not have been taken by stdout, and it is not committed, so \
             that it will be printed again",
};

/// What whoever is no member has: stdout may take what was printed.
pub(super) const GRACE_ALONE: Grace =
    Grace { undone: "what was read last may not have been taken by stdout", ..Grace::SHORT };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_once_and_again_when_it_comes_anew() {
        let (start, mut told) = (Instant::now(), Told::default());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(told.is_news(after(0), "commit"));
        assert!((1..=10).all(|minute| !told.is_news(after(60 * minute), "commit")));
        assert!(told.is_news(after(600), "unheard"), "that is something else");
        assert!(told.is_news(after(600 + 151), "commit"));
    }

    #[test]
    fn so_many_partitions_are_named() {
        let partitions = |count| (0..count).map(|index| ("t".into(), index)).collect::<Vec<_>>();
        assert_eq!(list(&partitions(2)), "t 0, t 1");
        assert!(list(&partitions(20)).ends_with(", t 7 and 12 more partitions"));
    }
}
