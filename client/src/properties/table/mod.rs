//! The settings: their names, what they are for, their defaults, and what setting them does.

/// Rows of `names: what it is for, its default => what the value does`.
macro_rules! settings {
    ($($($name:literal)+: $about:literal,
        $default:expr => |$properties:ident, $value:ident| $does:expr;)*) => {
        /// The rows, in the order of the documentation.
        pub(super) static SETTINGS: &[Setting] = &[$(
            Setting {
                names: &[$($name),+],
                about: $about,
                default: $default,
                set: |$properties, $value| {
                    $does;
                    Ok(())
                },
            },
        )*];
    };
}

mod row;
mod others;
mod client;
mod security;
mod producer;
mod consumer;
mod group;

pub(super) use others::{FOREIGN, Fate, OTHERS, is_foreign};
pub(super) use row::Setting;

/// All settings that do something, by the part of the client that they are about.
pub(super) const SECTIONS: &[(&str, &[Setting])] = &[
    ("All parts of a client", client::SETTINGS),
    ("Encryption and logins", security::SETTINGS),
    ("Producers", producer::SETTINGS),
    ("Consumers", consumer::SETTINGS),
    ("Members of groups", group::SETTINGS),
];

/// All settings that do something.
pub(super) fn settings() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|(_, settings)| settings.iter())
}

/// The setting of this name, if there is one that does something.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    settings().find(|setting| setting.names.contains(&name))
}

/// What becomes of a name of Java's clients or of librdkafka that does nothing here.
pub(super) fn fate(name: &str) -> Option<Fate> {
    OTHERS.iter().find(|other| other.names.contains(&name)).map(|other| other.fate)
}

/// Java's names whose defaults are not Java's, and why.
pub(super) const DIFFERENT: &[(&str, &str)] = &[
    ("receive.buffer.bytes", "systems tune it themselves"),
    ("send.buffer.bytes", "systems tune it themselves"),
    ("client.id", "brokers' logs should say who it was"),
    (
        "batch.size",
        "larger batches halve the work for each record, and a buffer grows only as it fills",
    ),
    (
        "fetch.max.bytes",
        "small answers stay in the processor's cache; raise it where the broker is far away",
    ),
    ("sasl.login.connect.timeout.ms", "no wait is without an end"),
    ("sasl.login.read.timeout.ms", "no wait is without an end"),
    ("sasl.kerberos.service.name", "as librdkafka has it: what nearly every cluster is called"),
    ("auto.offset.reset", "latest skips records silently"),
    ("partition.assignment.strategy", "the same two, by the names that members agree on"),
    (
        "partitioner",
        "librdkafka has consistent_random, which places keys elsewhere than Java's clients do",
    ),
];
