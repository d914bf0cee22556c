//! Core: what a caller brings to an open batch: a budget, a clock, a way to the driver; and what it
//! is told.

use bytes::BytesMut;
use kurier_protocol::record::RecordError;

/// What a batch has before its first record, at most: in magic 2.
pub(crate) const HEADER_BYTES_MAX: usize = 61;

/// Who gives buffers to batches, and no more of them than there is space.
pub(crate) trait Budget {
    /// Space that a batch holds; given back when dropped.
    type Space;

    /// A buffer for a batch whose first record takes at most `need` bytes and whose predecessor had
    /// `last_bytes`. The space is taken from `credit` if that has as much.
    fn open(
        &self,
        need: usize,
        last_bytes: usize,
        credit: &mut Self::Space,
    ) -> Result<(BytesMut, Room<Self::Space>), NoSpace>;

    /// Makes the room of a batch hold `bytes`; false if the batch is full or space is short.
    fn grow(&self, room: &mut Room<Self::Space>, bytes: usize, credit: &mut Self::Space) -> bool;
}

/// How much a batch may hold.
#[derive(Debug)]
pub(crate) struct Room<S> {
    /// Records end here: at what is reserved, or at what a batch may have.
    pub(crate) end: usize,
    pub(crate) space: S,
}

/// This much space is needed and not free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoSpace {
    pub(crate) kib: u32,
}

/// The clock, and a partition's way to the driver.
pub(crate) trait Outside {
    /// Milliseconds since 1970; read once a batch, and for each record of one that is late.
    fn wall_millis(&self) -> i64;

    /// Tells the driver of a batch that has its first record, by its number; false if the driver
    /// has ended. Called under the partition's lock: whoever adds to the batch comes after it, and
    /// so does a flush of what was added.
    fn tell_first(&self, number: u64) -> bool;

    /// Tells the driver that a batch is full. Called without the lock.
    fn tell_full(&self);
}

/// What a caller brings along.
#[derive(Debug)]
pub(crate) struct Means<'a, B: Budget, O> {
    pub(crate) budget: &'a B,
    /// Space that it waited for.
    pub(crate) space: &'a mut B::Space,
    pub(crate) outside: &'a O,
}

/// What waits in a partition to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queue {
    /// How many batches, an open one included.
    pub(crate) batches: u32,
    /// When the oldest was opened, in milliseconds since 1970.
    pub(crate) oldest: Option<i64>,
}

/// Why a record was not appended.
#[derive(Debug)]
pub(crate) enum Refused {
    NoSpace(NoSpace),
    /// The driver has ended.
    Abandoned,
    /// The format cannot hold the record. Boxed, so that what is refused takes no more room than
    /// the delivery that stands there nearly always: it is moved once a record.
    Record(Box<RecordError>),
}
