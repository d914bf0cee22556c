//! Futures behind a pointer.

use std::pin::Pin;

/// A future behind a pointer, so that the seam is a trait object and not a type parameter.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
