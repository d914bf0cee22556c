//! Settings by the names that Kafka's Java client and librdkafka have for them.

mod file;
mod nearest;
mod parse;
mod jaas;
mod kerberos;
mod ssl;
mod security;
mod settings;
mod table;

pub use settings::Properties;

use self::table::{SETTINGS, Setting};
use crate::error::Error;

impl Properties {
    /// Sets one by its name.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such setting, or it cannot have this value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let (name, value) = (name.trim(), value.trim());
        let Some(setting) = SETTINGS.iter().find(|setting| setting.names.contains(&name)) else {
            return Err(Error::invalid(name, unknown(name)));
        };
        (setting.set)(self, value).map_err(|problem| match is_secret(name) {
            true => Error::invalid(name, problem),
            false => Error::invalid(name, format!("{value:?} {problem}")),
        })?;
        if SECURITY.iter().any(|prefix| name.starts_with(prefix)) {
            // Until all are set they may not fit together; `check` says so.
            self.client.sasl = self.security.sasl().unwrap_or_default();
            #[cfg(feature = "tls")]
            {
                self.client.tls = self.security.tls(self.client.tls.take()).unwrap_or_default();
            }
        }
        if !self.levels.is_empty() {
            self.producer.compression_level = self.level();
        }
        Ok(())
    }

    fn level(&self) -> Option<i32> {
        let codec = self.producer.compression;
        let counts = |(of, _): &&(Option<_>, _)| of.is_none_or(|of| of == codec);
        self.levels.iter().rev().find(counts).map(|(_, level)| *level)
    }

    /// Checks what only all settings together can tell: whether those about security fit together.
    /// As long as they do not, no client can be made of them. A login or encryption that was set by
    /// its type needs no settings.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names the settings that contradict each other, or the one that misses.
    pub fn check(&self) -> Result<(), Error> {
        match &self.client.sasl {
            Some(sasl) => sasl.check()?,
            None => drop(self.security.sasl()?),
        }
        self.security.check_tls()
    }

    /// Sets several, and checks them; a later one wins over an earlier one.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set), at the first one that is wrong, and as [`check`](Self::check).
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        let mut properties = Self::default();
        for (name, value) in pairs {
            properties.set(name.as_ref(), value.as_ref())?;
        }
        properties.check()?;
        Ok(properties)
    }

    /// The names and values in the text of a Java properties file.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with the number of the line that cannot be read.
    pub fn read(text: &str) -> Result<Vec<(String, String)>, Error> {
        file::read(text)
    }

    /// Whether a name is one that Java's clients or librdkafka know and that changes nothing here:
    /// a program that reads a file made for them may pass it over. Security, compression,
    /// transactions and partitioning are never among them.
    #[must_use]
    pub fn is_without_effect(name: &str) -> bool {
        table::WITHOUT_EFFECT.iter().any(|prefix| name.trim().starts_with(prefix))
    }

    /// Every name that [`set`](Self::set) takes, Java's first where there are several for one
    /// setting.
    pub fn names() -> impl Iterator<Item = &'static [&'static str]> {
        SETTINGS.iter().map(|setting: &Setting| setting.names)
    }
}

/// How the names of settings about security begin.
const SECURITY: &[&str] = &["security.", "sasl.", "ssl."];

/// Whether an error must not show the value.
fn is_secret(name: &str) -> bool {
    ["password", "jaas", "secret", ".key"].iter().any(|part| name.contains(part))
}

/// What to say of a name that is not in the table.
fn unknown(name: &str) -> String {
    if table::NOT_BUILT.iter().any(|prefix| name.starts_with(prefix)) {
        return "is a setting of other Kafka clients that this one does not have".to_owned();
    }
    let names = SETTINGS.iter().flat_map(|setting| setting.names.iter().copied());
    match nearest::nearest(name, names).as_slice() {
        [] => "is not a setting of Kafka clients".to_owned(),
        [one] => format!("is not a setting; did you mean {one}?"),
        [rest @ .., last] => {
            format!("is not a setting; did you mean {} or {last}?", rest.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
