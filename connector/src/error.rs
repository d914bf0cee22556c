//! What can be wrong with a description of a source.

/// What can be wrong with a description of a source.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A text that names no starting offset.
    #[error("{text:?} is no starting offset; write earliest, latest or timestamp:MILLISECONDS")]
    StartingOffset {
        /// The text.
        text: Box<str>,
    },
}
