//! Ticket caches: where they are, and what their files (versions 3 and 4) hold. *Core.*

use std::path::PathBuf;

use super::credential::Credential;
use super::crypto::{EncryptionType, Key};
use super::cursor::{Cursor, Order};
use super::error::Error;
use super::principal::Principal;

/// Where a ticket cache is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheName {
    /// `FILE:path`, `DIR::path` or a path: one file.
    File(PathBuf),
    /// `DIR:folder`: a folder of caches; its file `primary` names the one in use.
    Folder(PathBuf),
}

impl CacheName {
    /// Reads the name of a cache.
    ///
    /// # Errors
    ///
    /// [`Error::Unsupported`]: a cache that is not a file (KCM, KEYRING, API, MEMORY).
    pub fn parse(name: &str) -> Result<Self, Error> {
        match name.split_once(':') {
            Some(("FILE", path)) => Ok(Self::File(path.into())),
            Some(("DIR", folder)) => Ok(match folder.strip_prefix(':') {
                Some(path) => Self::File(path.into()),
                None => Self::Folder(folder.into()),
            }),
            // A drive's letter is no type.
            Some((kind, _)) if kind.len() > 1 && !kind.contains(['/', '\\']) => {
                Err(Error::Unsupported {
                    what: format!("the ticket cache {name} ({kind})").into(),
                    instead: "use a cache of type FILE or DIR (kinit -c FILE:/path, KRB5CCNAME), \
                              or a keytab",
                })
            }
            _ => Ok(Self::File(name.into())),
        }
    }

    /// The file that `primary`, a file in the folder, names; `tkt` if there is no such file.
    #[must_use]
    pub fn in_folder(folder: &std::path::Path, primary: Option<&[u8]>) -> PathBuf {
        let name = primary.map(String::from_utf8_lossy);
        folder.join(name.as_deref().map(str::trim).filter(|n| !n.is_empty()).unwrap_or("tkt"))
    }
}

/// The content of a ticket cache.
#[derive(Clone, Debug)]
pub struct TicketCache {
    /// Whose tickets they are.
    pub client: Principal,
    /// Seconds to add to our clock to have the KDC's.
    pub clock_offset: i64,
    /// The tickets whose session keys Kurier can use.
    pub credentials: Vec<Credential>,
    /// How many others there are.
    pub unusable: usize,
}

impl TicketCache {
    /// Reads the file of a cache.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] if it is not one, or broken.
    pub fn parse(file: &[u8]) -> Result<Self, Error> {
        let mut cursor = Cursor::new(file, Order::Big);
        let version = match cursor.u16()? {
            0x0503 => Version::Three,
            0x0504 => Version::Four,
            _ => return Err(Error::malformed("ticket cache", "its version is not 3 or 4")),
        };
        let clock_offset = match version {
            Version::Three => 0,
            Version::Four => read_offset(&mut cursor)?,
        };
        let client = read_principal(&mut cursor)?;
        let (mut credentials, mut unusable) = (Vec::new(), 0);
        while cursor.rest() > 0 {
            let (server, credential) = read_credential(&mut cursor, version)?;
            // The cache's own settings are kept among the tickets.
            if server.realm != CONFIGURATION {
                unusable += usize::from(credential.is_none());
                credentials.extend(credential);
            }
        }
        Ok(Self { client, clock_offset, credentials, unusable })
    }

    /// The ticket granting ticket of the client's own realm that ends last.
    #[must_use]
    pub fn granting(&self) -> Option<&Credential> {
        let own = |c: &&Credential| c.server.grants_for() == Some(&self.client.realm);
        self.credentials.iter().filter(own).max_by_key(|c| c.end)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Three,
    Four,
}

/// The header of version 4, of which the difference between the clocks matters.
fn read_offset(cursor: &mut Cursor<'_>) -> Result<i64, Error> {
    let length = cursor.u16()?;
    let mut header = cursor.part(usize::from(length))?;
    let mut offset = 0;
    while header.rest() > 0 {
        let (tag, length) = (header.u16()?, header.u16()?);
        let mut field = header.part(usize::from(length))?;
        if tag == DELTA_TIME && length >= 8 {
            offset = i64::from(field.i32()?);
        }
    }
    Ok(offset)
}

fn read_principal(cursor: &mut Cursor<'_>) -> Result<Principal, Error> {
    let name_type = cursor.i32()?;
    let count = cursor.u32()?;
    let realm = cursor.data32()?.to_vec();
    // Every part takes four bytes at least, so a false count ends at the end of the file.
    let part = |_| cursor.data32().map(<[u8]>::to_vec);
    let parts = (0..count).map(part).collect::<Result<_, _>>()?;
    Ok(Principal { realm, name_type, parts })
}

/// The service of a ticket, and the ticket if Kurier can use its key.
fn read_credential(
    cursor: &mut Cursor<'_>,
    version: Version,
) -> Result<(Principal, Option<Credential>), Error> {
    let client = read_principal(cursor)?;
    let server = read_principal(cursor)?;
    let number = cursor.i16()?;
    if version == Version::Three {
        cursor.u16()?;
    }
    let key = cursor.data32()?;
    let mut time = || cursor.u32().map(i64::from);
    let (_, start, end, renew_till) = (time()?, time()?, time()?, time()?);
    let _is_session_key = cursor.u8()?;
    let flags = cursor.u32()?;
    for _ in ["addresses", "authorization data"] {
        for _ in 0..cursor.u32()? {
            cursor.u16()?;
            cursor.data32()?;
        }
    }
    let ticket = cursor.data32()?.to_vec();
    let _second_ticket = cursor.data32()?;
    let key = EncryptionType::of_number(number).and_then(|kind| Key::new(kind, key).ok());
    let credential = key.map(|key| Credential {
        client,
        server: server.clone(),
        key,
        flags,
        start,
        end,
        renew_till,
        ticket,
    });
    Ok((server, credential))
}

/// The realm of entries that are settings.
const CONFIGURATION: &[u8] = b"X-CACHECONF:";
/// The tag of the difference between the clocks.
const DELTA_TIME: u16 = 1;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn caches_of_every_kind_are_named() {
        let file = |path: &str| Ok(CacheName::File(path.into()));
        assert_eq!(CacheName::parse("FILE:/tmp/a:b"), file("/tmp/a:b"));
        assert_eq!(CacheName::parse("/tmp/krb5cc_0"), file("/tmp/krb5cc_0"));
        assert_eq!(CacheName::parse("C:/krb5cc"), file("C:/krb5cc"));
        assert_eq!(CacheName::parse("DIR::/d/tkt1"), file("/d/tkt1"));
        assert_eq!(CacheName::parse("DIR:/d"), Ok(CacheName::Folder("/d".into())));
        for name in ["KCM:0", "KCM:", "KEYRING:persistent:0", "API:x", "MEMORY:"] {
            let error = CacheName::parse(name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("KRB5CCNAME"), "{error}");
        }
        let folder = Path::new("/d");
        assert_eq!(CacheName::in_folder(folder, Some(b"tkt7\n")), Path::new("/d/tkt7"));
        assert_eq!(CacheName::in_folder(folder, None), Path::new("/d/tkt"));
    }
}
