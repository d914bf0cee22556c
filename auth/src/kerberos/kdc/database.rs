//! Who is known to a KDC, and by which keys. *Core.*

use crate::kerberos::crypto::{EncryptionType, Key, VersionedKey};
use crate::kerberos::error::Error;
use crate::kerberos::keytab::Keytab;
use crate::kerberos::principal::Principal;

/// The principals of a realm.
#[derive(Debug, Default)]
pub(super) struct Database(Vec<Entry>);

/// A principal and its keys, the one that the KDC likes best first.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) principal: Principal,
    pub(super) keys: Vec<VersionedKey>,
}

impl Database {
    /// Adds a principal, or gives it new keys: the next version.
    pub(super) fn put(&mut self, principal: Principal, keys: Vec<Key>) {
        let old = self.0.iter().position(|entry| entry.principal.is(&principal));
        let old = old.map(|i| self.0.swap_remove(i));
        let version = old.and_then(|entry| entry.keys.first().map(|(version, _)| version + 1));
        let keys = keys.into_iter().map(|key| (version.unwrap_or(1), key)).collect();
        self.0.push(Entry { principal, keys });
    }

    pub(super) fn remove(&mut self, principal: &Principal) {
        self.0.retain(|entry| !entry.principal.is(principal));
    }

    pub(super) fn find(&self, principal: &Principal) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.principal.is(principal))
    }

    pub(super) fn keytab(&self, principal: &Principal) -> Result<Keytab, Error> {
        let unknown = || Error::no_key(principal, "the KDC does not know it");
        let entry = self.find(principal).ok_or_else(unknown)?;
        let mut keytab = Keytab::default();
        for (version, key) in &entry.keys {
            keytab.push(entry.principal.clone(), *version, key.clone());
        }
        Ok(keytab)
    }
}

impl Entry {
    pub(super) fn key(&self, kind: EncryptionType) -> Option<&Key> {
        self.keys.iter().map(|(_, key)| key).find(|key| key.kind() == kind)
    }
}
