//! What is said when nothing comes.

use std::time::Duration;

use kurier_client::consumer::Control;
use tokio::time::{Instant, sleep_until};

/// Whether nothing has come since the command began.
#[derive(Debug)]
pub(super) struct Silence {
    /// When somebody may wonder; none once something has come, or it was told.
    long_at: Option<Instant>,
}

impl Silence {
    pub(super) fn begin() -> Self {
        Self { long_at: Some(Instant::now() + LONG) }
    }

    /// Something has come.
    pub(super) fn end(&mut self) {
        self.long_at = None;
    }

    /// Waits until nothing has come for long; for ever if that does not matter any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub(super) async fn is_long(&self) {
        match self.long_at {
            Some(at) => sleep_until(at).await,
            None => std::future::pending().await,
        }
    }

    /// What to say of it, once; `group` is that of a member.
    pub(super) fn told(&mut self, control: &Control, group: Option<&str>) -> String {
        self.long_at = None;
        let assigned = control.assignment();
        let mut lags = assigned.iter().map(|(topic, index)| control.lag(topic, *index));
        let is_at_end = !assigned.is_empty() && lags.all(|lag| lag == Some(0));
        match (group, is_at_end) {
            (Some(group), false) if assigned.is_empty() => format!(
                "group {group} has given this member no partition yet, and it waits for one: \
                 others may have them all"
            ),
            (_, false) => "nothing has come yet; trying goes on".to_owned(),
            (Some(group), true) => format!(
                "group {group} has read all that is there in the partitions of this member, and \
                 it waits for what is written from now on; -e ends here"
            ),
            (None, true) => "reading has come to the end, and waits for what is written from now \
                             on; -o beginning prints what is there, -e ends here"
                .to_owned(),
        }
    }
}

/// Shorter, and people would be told of what is in order.
const LONG: Duration = Duration::from_secs(3);
