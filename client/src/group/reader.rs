//! `Reader`: what a member asks of whoever reads its partitions.

use std::fmt;
use std::time::Instant;

use futures_util::future::BoxFuture;

use crate::error::Error;
use crate::transactions::{GroupOffset, TopicPartition};

/// Whoever reads the partitions of a member.
pub(crate) trait Reader: fmt::Debug + Send + Sync {
    /// What the program reads, where it says so itself.
    fn assigned(&self) -> Vec<TopicPartition>;

    /// The member holds these, too. Nothing is read of them before they begin.
    fn take(&self, partitions: &[TopicPartition]);

    /// One of them begins at this offset, or as the program has set it if there is none; unless the
    /// program has sought meanwhile.
    fn begin(&self, of: &TopicPartition, found: Option<&GroupOffset>);

    /// Where one of them begins cannot be known.
    fn fail(&self, of: &TopicPartition, error: Error);

    /// Nothing more of these is given, from now on.
    fn leave(&self, partitions: &[TopicPartition]);

    /// Waits until nothing of these is in hand, marked or let go.
    fn wait_for_marks(&self, partitions: &[TopicPartition]) -> BoxFuture<'static, ()>;

    /// How far these are marked since they were assigned; and whether something was marked too
    /// late, which is said once.
    fn marks(
        &self,
        partitions: &mut dyn Iterator<Item = &TopicPartition>,
    ) -> Vec<(TopicPartition, Marked)>;

    /// The program has processed what it was given up to there.
    fn mark(&self, given: &[(TopicPartition, Marked)]);

    /// Those not assigned any more of which something was marked since, or that came back since;
    /// each is named once.
    fn marked_late(&self) -> Vec<TopicPartition>;

    /// The program hears of something.
    fn tell(&self, error: Error);

    /// The member is gone; nothing more comes.
    fn end(&self);

    /// Since when the program has been at work, if it is.
    fn at_work_since(&self) -> Option<Instant>;

    /// Waits until the program asks for more.
    fn wait_for_rest(&self) -> BoxFuture<'static, ()>;
}

/// How far a partition is marked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marked {
    /// A number that changes with each seek; none once it is left.
    pub(crate) turn: Option<u64>,
    /// Up to where it is done since then.
    pub(crate) offset: Option<GroupOffset>,
    /// Up to where there is nothing to be done, if that is more: behind it lies no record for the
    /// program, or where to begin was looked up, and is not to be looked up once more.
    pub(crate) reached: Option<GroupOffset>,
    /// Whether something was marked that was given before the partition was lost and came back.
    pub(crate) is_late: bool,
}
