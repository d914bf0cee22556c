//! From records to bytes on stdout.

pub(crate) mod format;
#[cfg(test)]
mod tests;
pub(crate) mod object;
pub(crate) mod stdout;
pub(crate) mod table;
