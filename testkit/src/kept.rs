//! Core: copies of what came in a request, for what outlives it. A text or bytes out of a request
//! hold all that was read with it, which may be a hundred megabytes.

use bytes::Bytes;
use kurier_protocol::Str;
use kurier_protocol::api::join_group::JoinGroupRequestProtocol;

/// Something of a request that can be kept.
pub(crate) trait Kept {
    /// The same in memory of its own.
    #[must_use]
    fn kept(&self) -> Self;
}

impl Kept for Bytes {
    fn kept(&self) -> Self {
        Self::copy_from_slice(self)
    }
}

impl Kept for Str {
    fn kept(&self) -> Self {
        Self::from(self.as_str())
    }
}

impl<T: Kept> Kept for Option<T> {
    fn kept(&self) -> Self {
        self.as_ref().map(T::kept)
    }
}

impl<T: Kept> Kept for Vec<T> {
    fn kept(&self) -> Self {
        self.iter().map(T::kept).collect()
    }
}

impl Kept for JoinGroupRequestProtocol {
    fn kept(&self) -> Self {
        Self { name: self.name.kept(), metadata: self.metadata.kept() }
    }
}
