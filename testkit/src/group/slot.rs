//! Core: the answer to a request that waits for what others do. The request holds one end, and
//! looks; its group holds the other end, until it answers or forgets the request.

use std::sync::{Arc, OnceLock};

/// One end of it.
#[derive(Clone, Debug)]
pub(crate) struct Slot<A>(Arc<OnceLock<A>>);

/// What a request finds.
#[derive(Debug)]
pub(crate) enum Look<A> {
    /// Its answer.
    Answered(A),
    /// Nothing yet.
    Waits,
    /// Nobody holds the other end any more.
    Forgotten,
}

/// What a request is told at once, or where it finds it later.
#[derive(Debug)]
pub(crate) enum Reply<A> {
    Now(A),
    Later(Slot<A>),
}

impl<A: Clone> Slot<A> {
    pub(super) fn new() -> Self {
        Self(Arc::new(OnceLock::new()))
    }

    /// Answers the request, if it is still there. Whoever answers gives its end up, so that there
    /// is one answer.
    pub(super) fn answer(self, answer: A) {
        let _one = self.0.set(answer);
    }

    /// What the request finds.
    pub(crate) fn look(&self) -> Look<A> {
        match self.0.get() {
            Some(answer) => Look::Answered(answer.clone()),
            None if Arc::strong_count(&self.0) > 1 => Look::Waits,
            None => Look::Forgotten,
        }
    }
}
