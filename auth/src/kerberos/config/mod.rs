//! `krb5.conf`: what is read of it, and the reader that follows its includes. *Core.*

mod tree;
mod syntax;
mod content;
mod reader;

pub use content::{Config, Kdc, Transport};
pub use reader::{ConfigReader, Wanted};

#[cfg(test)]
mod tests;
