//! What was printed as the member of a group, and is to be marked once it has gone out.

use std::collections::BTreeMap;

use kurier_client::consumer::Control;

/// Up to which offset each partition was printed, of those that are not marked.
#[derive(Debug, Default)]
pub(super) struct Printed {
    last: BTreeMap<(String, i32), i64>,
    batches: usize,
    is_any_marked: bool,
}

impl Printed {
    /// A batch was printed up to this offset, and all before it.
    pub(super) fn note(&mut self, topic: &str, partition: i32, last_offset: i64) {
        self.last.insert((topic.into(), partition), last_offset);
        self.batches += 1;
    }

    /// Whether so much was printed that it should go out.
    pub(super) fn is_much(&self) -> bool {
        self.batches >= BATCHES_MAX
    }

    /// Whether anything was marked since the command began.
    pub(super) fn is_any_marked(&self) -> bool {
        self.is_any_marked
    }

    /// All of it has gone out.
    pub(super) fn mark(&mut self, control: &Control) {
        self.batches = 0;
        self.is_any_marked |= !self.last.is_empty();
        for ((topic, partition), last) in std::mem::take(&mut self.last) {
            // What was lost meanwhile is another member's to mark.
            let _ = control.mark_through((topic.as_str(), partition, last));
        }
    }
}

/// So many batches are printed before they go out, though more come.
const BATCHES_MAX: usize = 64;
