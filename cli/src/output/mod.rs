//! From records to bytes on stdout; and files that say where a broker is.

mod number;
pub(crate) mod pack;
pub(crate) mod format;
#[cfg(test)]
mod tests;
pub(crate) mod notice;
pub(crate) mod object;
pub(crate) mod stdout;
pub(crate) mod table;
