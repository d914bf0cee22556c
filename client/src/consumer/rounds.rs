//! What becomes of records that are committed in a transaction: they are done with, or given anew.

use super::batch::FetchedBatch;
use super::handle::Consumer;
use super::shared::Lease;
use super::turn::Turn;
use crate::error::Error;
use crate::group::{Lot, Pledge};

impl Consumer {
    /// How many bytes may be read for a round at once. As many are left for what comes behind it.
    pub(crate) fn round_bytes_max(&self) -> usize {
        self.buffer_bytes_max / 2
    }

    /// Counts what is read for a round in the budget, until what is returned is dropped: less than
    /// half, whatever it is, so that more of it can be waited for.
    pub(crate) fn count(&mut self, bytes: usize) -> Lease {
        self.intake.end_lease();
        let most = self.round_bytes_max().saturating_sub(1);
        self.shared.lease(bytes.min(most), None)
    }

    /// Whether all that was read of these is still this consumer's to commit, and as whom: by
    /// another generation than this one, if the coordinator has refused that.
    ///
    /// # Errors
    ///
    /// Nobody can say: [`Error::TimedOut`], or [`Error::Closed`] without a member.
    pub(crate) async fn pledge(
        &self,
        lots: Vec<Lot>,
        refused: Option<i32>,
    ) -> Result<Pledge, Error> {
        let closed = || Error::Closed { what: "member of the group" };
        self.control.group.as_ref().ok_or_else(closed)?.pledge(lots, refused).await
    }

    /// The next batch, as [`next`](Self::next) gives it, as long as more of all of these may come.
    pub(crate) async fn next_beside(
        &mut self,
        turns: &[Turn],
    ) -> Option<Result<FetchedBatch, Error>> {
        let _turn = self.begin_turn().await;
        match self.take_error() {
            Some(error) => Some(Err(error)),
            None => self.intake.next_beside(turns).await,
        }
    }

    /// Whether more of all of these may come.
    pub(crate) fn reads_on(&self, mut turns: impl Iterator<Item = Turn>) -> bool {
        self.shared.with(|buffer| turns.all(|turn| buffer.is_current(turn)))
    }

    /// What was given of these is committed, though not by this consumer.
    pub(crate) fn let_go_of(&self, turns: impl Iterator<Item = Turn>) {
        self.shared.let_go_of(turns);
    }

    /// What was given of these since it was let go of the last time is not committed: it is given
    /// anew, by whoever has the partition now.
    pub(crate) fn take_back(&mut self, turns: &[Turn]) {
        self.shared.take_back(turns.iter().copied());
        self.intake.abandon_stale();
    }
}
