//! From bytes on stdin, or in files, to the parts of records.

pub(crate) mod chunk;
pub(crate) mod line;
pub(crate) mod object;
pub(crate) mod reader;
