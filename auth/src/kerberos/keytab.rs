//! Keytabs: files with the keys of principals, versions 1 (little endian) and 2. *Core.*

use std::cmp::Reverse;
use std::collections::BTreeSet;

use zeroize::Zeroizing;

use super::crypto::{EncryptionType, Key, VersionedKey};
use super::cursor::{Cursor, Order};
use super::error::{Error, shown};
use super::principal::Principal;

/// The content of a keytab. Keys of encryption types that Kurier cannot use are left out.
#[derive(Clone, Debug, Default)]
pub struct Keytab {
    entries: Vec<Entry>,
    /// Principals and types of keys that were left out.
    unusable: Vec<(Principal, i32)>,
}

/// A key of a principal.
#[derive(Clone, Debug)]
struct Entry {
    principal: Principal,
    /// Seconds since 1970.
    written: u32,
    version: u32,
    key: Key,
}

impl Keytab {
    /// Reads a keytab.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is not one, or broken.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let mut head = Cursor::new(file, Order::Big);
        let (format, version) = (head.u8()?, head.u8()?);
        let order = match (format, version) {
            (5, 1) => Order::Little,
            (5, 2) => Order::Big,
            _ => return Err(Error::malformed("keytab", "its first bytes are not a keytab's")),
        };
        let mut cursor = Cursor::new(head.take(head.rest())?, order);
        let mut keytab = Self::default();
        while cursor.rest() >= 4 {
            let size = cursor.i32()?;
            if size == 0 {
                break;
            }
            let length = usize::try_from(size.unsigned_abs()).unwrap_or(usize::MAX);
            let body = cursor.part(length)?;
            // A negative size is a hole, which a deleted entry has left.
            if size > 0 {
                keytab.read_entry(body, order)?;
            }
        }
        Ok(keytab)
    }

    fn read_entry(&mut self, mut entry: Cursor<'_>, order: Order) -> Result<(), Error> {
        let first = order == Order::Little;
        // The first version counts the realm as a part.
        let count = entry.u16()?.checked_sub(u16::from(first));
        let count = count.ok_or_else(|| Error::malformed("keytab", "a name without parts"))?;
        let realm = entry.data16()?.to_vec();
        let part = |_| entry.data16().map(<[u8]>::to_vec);
        let parts = (0..count).map(part).collect::<Result<_, _>>()?;
        let name_type = if first { 1 } else { entry.i32()? };
        let written = entry.u32()?;
        let short_version = u32::from(entry.u8()?);
        let number = entry.i16()?;
        let bytes = Zeroizing::new(entry.data16()?.to_vec());
        let long_version = if entry.rest() >= 4 { entry.u32()? } else { 0 };
        let version = if long_version == 0 { short_version } else { long_version };
        let principal = Principal { realm, name_type, parts };
        match EncryptionType::of_number(number) {
            Some(kind) => {
                let key = Key::new(kind, &bytes)?;
                self.entries.push(Entry { principal, written, version, key });
            }
            None => self.unusable.push((principal, number)),
        }
        Ok(())
    }

    /// The keys of a principal, newest version first.
    ///
    /// # Errors
    ///
    /// [`Error::NoKey`] if there is none that Kurier can use; it names what there is.
    pub fn keys(&self, principal: &Principal) -> Result<Vec<VersionedKey>, Error> {
        let own = self.entries.iter().filter(|entry| entry.principal.is(principal));
        let mut keys: Vec<_> = own.map(|entry| (entry.version, entry.key.clone())).collect();
        keys.sort_by_key(|(version, _)| Reverse(*version));
        if keys.is_empty() {
            let problem = self.why_none(principal);
            return Err(Error::no_key(principal, problem));
        }
        Ok(keys)
    }

    fn why_none(&self, principal: &Principal) -> Box<str> {
        let own = self.unusable.iter().filter(|(of, _)| of.is(principal));
        let types: BTreeSet<i32> = own.map(|(_, number)| *number).collect();
        if !types.is_empty() {
            let types: Vec<_> = types.iter().take(TYPES_MAX).map(i32::to_string).collect();
            let types = types.join(", ");
            return format!(
                "the keytab has only keys of the encryption types {types}; give the account AES \
                 keys (17 to 20) and make a new keytab"
            )
            .into();
        }
        let mut names: Vec<_> = self.entries.iter().map(|e| e.principal.to_string()).collect();
        names.dedup();
        if names.is_empty() {
            return "the keytab has no keys".into();
        }
        names.truncate(NAMES_MAX);
        let names: Vec<_> = names.iter().map(|name| shown(name)).collect();
        format!("the keytab has keys of {}", names.join(", ")).into()
    }

    /// The principal of the first key.
    #[must_use]
    pub fn first(&self) -> Option<&Principal> {
        self.entries.first().map(|entry| &entry.principal)
    }

    /// Adds a key.
    pub fn push(&mut self, principal: Principal, version: u32, key: Key) {
        self.entries.push(Entry { principal, written: 0, version, key });
    }

    /// The bytes of a keytab of version 2 with these keys.
    ///
    /// # Errors
    ///
    /// [`Error::Principal`]: a name that is too long for the format.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut out = Zeroizing::new(vec![5, 2]);
        for entry in &self.entries {
            let bytes = entry.to_bytes().ok_or_else(|| Error::Principal {
                name: entry.principal.to_string().into(),
                problem: "it is too long for a keytab",
            })?;
            let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&bytes);
        }
        Ok(out)
    }
}

impl Entry {
    fn to_bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        let Principal { realm, name_type, parts } = &self.principal;
        let mut out = Zeroizing::new(u16::try_from(parts.len()).ok()?.to_be_bytes().to_vec());
        for text in std::iter::once(realm).chain(parts) {
            push_data(&mut out, text)?;
        }
        out.extend_from_slice(&name_type.to_be_bytes());
        out.extend_from_slice(&self.written.to_be_bytes());
        out.push(self.version.to_be_bytes()[3]);
        let [.., high, low] = self.key.kind().number().to_be_bytes();
        out.extend_from_slice(&[high, low]);
        push_data(&mut out, self.key.reveal())?;
        out.extend_from_slice(&self.version.to_be_bytes());
        Some(out)
    }
}

fn push_data(out: &mut Vec<u8>, data: &[u8]) -> Option<()> {
    out.extend_from_slice(&u16::try_from(data.len()).ok()?.to_be_bytes());
    out.extend_from_slice(data);
    Some(())
}

/// How many principals an error names.
const NAMES_MAX: usize = 5;
/// How many encryption types an error names.
const TYPES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keytab_survives_the_way_out_and_in() {
        let alice = Principal::parse("alice/x@R", None).unwrap();
        let mut keytab = Keytab::default();
        for (i, kind) in (1..).zip(EncryptionType::ALL) {
            keytab.push(alice.clone(), i * 200, Key::from_random(kind, &[7; 32]));
        }
        let read = Keytab::parse(&keytab.to_bytes().unwrap()).unwrap();
        let keys = read.keys(&alice).unwrap();
        let versions: Vec<_> = keys.iter().map(|(version, key)| (*version, key.kind())).collect();
        assert_eq!(versions[0], (800, EncryptionType::Aes128Sha256));
        assert_eq!(versions.len(), 4);
        assert_eq!(read.first().unwrap().to_string(), "alice/x@R");
    }

    #[test]
    fn an_error_says_which_keys_there_are() {
        let alice = Principal::parse("alice@R", None).unwrap();
        let mut keytab = Keytab::default();
        let error = |keytab: &Keytab| keytab.keys(&alice).unwrap_err().to_string();
        assert!(error(&keytab).contains("has no keys"));
        let bob = Principal::parse("bob@R", None).unwrap();
        keytab.push(bob, 1, Key::from_random(EncryptionType::Aes256Sha1, &[1; 32]));
        assert_eq!(error(&keytab), "no key of alice@R: the keytab has keys of bob@R");
        keytab.unusable.push((alice.clone(), 23));
        assert!(error(&keytab).contains("encryption types 23"));
    }
}
