//! One row of the table, and how defaults are shown.

use std::time::Duration;

use super::super::parse::Parsed;
use super::super::settings::Properties;

/// One setting.
pub(crate) struct Setting {
    /// Java's name, then librdkafka's.
    pub(crate) names: &'static [&'static str],
    /// What it is for, with the values that it takes where they are words.
    pub(crate) about: &'static str,
    /// Its value in settings as they were made, in the unit of the name; empty if there is none.
    pub(crate) default: fn(&Properties) -> String,
    pub(crate) set: fn(&mut Properties, &str) -> Parsed<()>,
}

/// No default.
pub(super) fn none(_: &Properties) -> String {
    String::new()
}

/// A time in milliseconds.
pub(super) fn ms(time: Duration) -> String {
    time.as_millis().to_string()
}

/// The first word that stands for a value.
pub(super) fn word<T: PartialEq>(words: &[(&str, T)], value: T) -> String {
    words.iter().find(|(_, one)| *one == value).map_or_else(String::new, |(word, _)| (*word).into())
}
