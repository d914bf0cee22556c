//! Core: which leader epoch began at which offset of a partition (KIP-101).

/// The leader epochs of a log that hold records, and the current one, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Epochs {
    /// (epoch, first offset), both rising.
    starts: Vec<(i32, i64)>,
}

impl Epochs {
    /// Says that a leader with this epoch appends from this offset on.
    pub(crate) fn begin(&mut self, epoch: i32, offset: i64) {
        // An epoch that appended nothing leaves no trace.
        while self.starts.last().is_some_and(|&(_, start)| start >= offset) {
            self.starts.pop();
        }
        self.starts.push((epoch, offset));
    }

    /// Where the present epoch begins.
    pub(crate) fn latest_start(&self) -> i64 {
        self.starts.last().map_or(0, |&(_, start)| start)
    }

    /// The epoch of the record at this offset, or of the one that will be there.
    pub(crate) fn at(&self, offset: i64) -> Option<i32> {
        self.starts.iter().rfind(|&&(_, start)| start <= offset).map(|&(epoch, _)| epoch)
    }

    /// The largest epoch up to the one asked for, and the offset after its last record; `None` if
    /// the epoch asked for is beyond all that are known.
    pub(crate) fn end_of(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        let &(latest, _) = self.starts.last()?;
        if epoch == latest {
            return Some((latest, log_end));
        }
        let &(_, end) = self.starts.iter().find(|&&(known, _)| known > epoch)?;
        let floor = self.starts.iter().rfind(|&&(known, _)| known <= epoch);
        Some((floor.map_or(epoch, |&(known, _)| known), end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> Epochs {
        let mut epochs = Epochs::default();
        epochs.begin(0, 0);
        epochs.begin(2, 10);
        epochs.begin(3, 20);
        epochs
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let epochs = history();
        assert_eq!(epochs.end_of(0, 25), Some((0, 10)));
        assert_eq!(epochs.end_of(1, 25), Some((0, 10)));
        assert_eq!(epochs.end_of(2, 25), Some((2, 20)));
        assert_eq!(epochs.end_of(3, 25), Some((3, 25)));
        assert_eq!(epochs.end_of(4, 25), None);
    }

    #[test]
    fn every_offset_has_the_epoch_it_was_written_in() {
        let epochs = history();
        let found: Vec<_> = [0, 9, 10, 19, 20, 99].map(|offset| epochs.at(offset)).into();
        assert_eq!(found, [Some(0), Some(0), Some(2), Some(2), Some(3), Some(3)]);
    }

    #[test]
    fn an_epoch_without_records_leaves_no_trace() {
        let mut epochs = history();
        epochs.begin(4, 20);
        assert_eq!(epochs.end_of(3, 20), Some((2, 20)));
        epochs.begin(5, 5);
        assert_eq!(epochs.end_of(2, 5), Some((0, 5)));
    }
}
