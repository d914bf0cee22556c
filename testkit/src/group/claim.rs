//! Core: who a request about a group says it is from.

/// A member as it names itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) member: &'a str,
    pub(crate) instance: Option<&'a str>,
    /// Its generation or member epoch; -1 if it has none.
    pub(crate) generation: i32,
}

/// What is done with offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitKind {
    Plain,
    Transactional,
}
