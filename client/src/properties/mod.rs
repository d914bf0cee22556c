//! Settings by the names that Kafka's Java client and librdkafka have for them.

mod file;
mod parse;
mod ssl;
mod jaas;
mod kerberos;
mod delivery;
mod oidc;
mod security;
mod notes;
mod settings;
mod table;
mod given;
mod name;
mod problems;
mod reference;

pub use notes::Role;
pub use settings::Properties;

use std::time::Duration;

use self::given::Given;
use self::notes::{Note, Reason};
use self::problems::Problems;
use self::table::{Fate, fate, settings};
use crate::config::ClientConfig;
use crate::error::Error;
use crate::producer::ProducerConfig;
use crate::security::Sasl;

impl Properties {
    /// Sets one by its name. Space around a value does not count, but for a password. A name that
    /// does nothing here is taken where that is harmless; where its part is only not built yet,
    /// [`warnings`](Self::warnings) says so. An empty value unsets what is about logins and
    /// encryption, but `ssl.endpoint.identification.algorithm`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if there is no such setting, if it cannot have this value, or if whoever
    /// sets it counts on something that does not happen here.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        let name = name.trim();
        let value = if is_password(name) { value } else { value.trim() };
        let Some(setting) = table::find(name) else {
            return self.set_other(name, value);
        };
        let unset = setting.names.first().filter(|_| value.is_empty());
        if unset.is_some_and(|first| self.security.unset(first)) {
            return Ok(());
        }
        (setting.set)(self, value).map_err(|problem| match is_secret(name) {
            true => Error::invalid(name, problem),
            false => Error::invalid(name, format!("{:?} {problem}", name::beginning(value))),
        })?;
        self.delivery.note(name);
        if !self.levels.is_empty() {
            self.producer.compression_level = self.level();
        }
        Ok(())
    }

    fn set_other(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match fate(name) {
            Some(Fate::Later(_)) if value.is_empty() => self.forget(name),
            Some(Fate::Later(part)) => self.note(name, Reason::Later(part)),
            Some(Fate::Ignored(_)) => {}
            Some(Fate::Refused(why)) => return Err(Error::invalid(name, why)),
            None if table::is_foreign(name) => self.note(name, Reason::Foreign),
            None if name::may_be_shown(name) => {
                return Err(Error::invalid(name, name::unknown(name)));
            }
            None => return Err(Error::invalid(name::UNSHOWN_NAME, name::UNSHOWN)),
        }
        Ok(())
    }

    /// Sets what stands in the text of a Java properties file. A later value wins over an earlier
    /// one. Whether they fit together, [`check`](Self::check) tells.
    ///
    /// # Errors
    ///
    /// Of a line that begins with nothing like a setting, as one of a PEM that lacks its `\`, only
    /// the number is said, and only of the first: it may be a secret.
    /// [`Error::Invalid`] names all other lines that are wrong, each with its number and why: as
    /// [`read`](Self::read) or, if all can be read, as [`set`](Self::set).
    pub fn set_file(&mut self, text: &str) -> Result<(), Error> {
        let mut problems = Problems::default();
        let mut given = Given::default();
        for (line, name, value) in file::read(text)? {
            problems.note(Some(line), self.set_one(&mut given, &name, &value))?;
            if problems.is_enough() {
                break;
            }
        }
        problems.into_outcome()
    }

    /// Sets several; a later value wins over an earlier one. Whether they fit together,
    /// [`check`](Self::check) tells.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names all that are wrong, each as [`set`](Self::set) does; of names that
    /// are not shown only the first.
    pub fn set_all<K: AsRef<str>, V: AsRef<str>>(
        &mut self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), Error> {
        let mut problems = Problems::default();
        let mut given = Given::default();
        for (name, value) in pairs {
            problems.note(None, self.set_one(&mut given, name.as_ref(), value.as_ref()))?;
        }
        problems.into_outcome()
    }

    /// Sets one of several, and keeps in mind if another one of them said something else.
    fn set_one(&mut self, given: &mut Given, name: &str, value: &str) -> Result<(), Error> {
        self.set(name, value)?;
        let (name, value) = (name.trim(), value.trim());
        if let Some(before) = given.note(name, value) {
            self.note(name, Reason::Again(before));
        }
        Ok(())
    }

    /// Keeps in mind that a setting changes nothing; it is said once.
    fn note(&mut self, name: &str, reason: Reason) {
        let note = Note { name: name.to_owned(), reason };
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Forgets what was said of a setting.
    fn forget(&mut self, name: &str) {
        self.notes.retain(|note| note.name != name);
    }

    /// What was set and changes nothing yet, or was set more than once to different values in one
    /// place: a line for each reason, which has the names in the order in which they were set.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings_about(|_, _| true)
    }

    /// Those of the [`warnings`](Self::warnings) that concern a program: `counts` is given the name
    /// of a setting and the part of a client that would read it, if only one would.
    #[must_use]
    pub fn warnings_about(&self, counts: impl Fn(&str, Option<Role>) -> bool) -> Vec<String> {
        let notes = self.notes.iter().filter(|note| counts(&note.name, note.reason.role()));
        notes::lines(notes)
    }

    fn level(&self) -> Option<i32> {
        let codec = self.producer.compression;
        let counts = |(of, _): &&(Option<_>, _)| of.is_none_or(|of| of == codec);
        // To librdkafka, -1 is the default of any codec.
        let (of, level) = self.levels.iter().rev().find(counts)?;
        (of.is_some() || *level != -1).then_some(*level)
    }

    /// The settings that all parts of a client share, with the login and the encryption that were
    /// given by their types or that settings about security come to.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check).
    pub fn client_config(&self) -> Result<ClientConfig, Error> {
        let mut config = self.client.clone();
        config.sasl = self.security.sasl(self.client.sasl.as_ref())?;
        config.sasl.as_ref().map_or(Ok(()), Sasl::check)?;
        #[cfg(feature = "tls")]
        {
            config.tls = self.security.tls(self.client.tls.as_ref())?;
        }
        #[cfg(not(feature = "tls"))]
        self.security.refuse_tls()?;
        Ok(config)
    }

    /// The settings that producers begin with. A delivery timeout that nobody set is at least
    /// linger and request timeout together, as in Java; and where librdkafka's names set one of
    /// them, a request takes no longer than the delivery of its records.
    #[must_use]
    pub fn producer_config(&self) -> ProducerConfig {
        let mut config = self.producer.clone();
        self.delivery.fit(&mut config);
        config
    }

    /// Sets how long an answer may take, for a client and for what is made from it.
    pub(crate) fn set_request_timeout(&mut self, timeout: Duration) {
        self.client.request_timeout = timeout;
        self.producer.request_timeout = timeout;
        self.consumer.request_timeout = timeout;
    }

    /// Checks what only all settings together can tell: whether those about security fit together.
    /// As long as they do not, no client can be made of them. A login or encryption that was given
    /// by its type needs no settings, and none may say it otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] names the settings that contradict each other, or the one that misses.
    pub fn check(&self) -> Result<(), Error> {
        self.client_config().map(drop)
    }

    /// Sets several, and checks them; a later one wins over an earlier one.
    ///
    /// # Errors
    ///
    /// As [`set_all`](Self::set_all), and as [`check`](Self::check).
    pub fn from_pairs<K: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, Error> {
        let mut properties = Self::default();
        properties.set_all(pairs)?;
        properties.check()?;
        Ok(properties)
    }

    /// The names and values in the text of a Java properties file.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] with the number of the line that cannot be read.
    pub fn read(text: &str) -> Result<Vec<(String, String)>, Error> {
        let lines = file::read(text)?;
        Ok(lines.into_iter().map(|(_, name, value)| (name, value)).collect())
    }

    /// Every name that [`set`](Self::set) takes or refuses with a reason: those of Java's clients
    /// and of librdkafka. Names of one setting stand together, Java's first.
    pub fn names() -> impl Iterator<Item = &'static [&'static str]> {
        let others = table::OTHERS.iter().flat_map(|other| other.names.chunks(1));
        settings().map(|setting| setting.names).chain(others)
    }

    /// All of them with their defaults and meanings, as Markdown: `docs/configuration.md`.
    #[must_use]
    pub fn reference() -> String {
        reference::markdown()
    }
}

/// Whether space belongs to the value, as it does in Java.
fn is_password(name: &str) -> bool {
    name.ends_with(".password") || name.ends_with(".secret")
}

/// Whether an error must not show the value.
fn is_secret(name: &str) -> bool {
    ["password", "jaas", "secret", ".key"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests;
