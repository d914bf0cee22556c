//! Which settings one file, or one list of settings, has had. *core*

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::table;

/// The settings that were given in one place. Values are kept as hashes: they may be secrets.
#[derive(Debug, Default)]
pub(super) struct Given(BTreeMap<&'static str, (&'static str, u64)>);

impl Given {
    /// One more was given. If it was before by one of its names, and was not the same, that name.
    /// An empty value takes back what was given.
    pub(super) fn note(&mut self, name: &str, value: &str) -> Option<&'static str> {
        let setting = table::find(name)?;
        let first = setting.names.first()?;
        if value.is_empty() {
            self.0.remove(first);
            return None;
        }
        let name = setting.names.iter().find(|known| **known == name)?;
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        let hash = hasher.finish();
        let (before, had) = self.0.insert(first, (name, hash))?;
        (had != hash).then_some(before)
    }
}
