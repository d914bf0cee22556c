//! The names of clients and services.

use std::fmt;

use super::error::{Error, shown};

/// A name in a realm: `alice@EXAMPLE.COM`, `kafka/broker1.example.com@EXAMPLE.COM`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// The realm; upper and lower case differ.
    pub realm: Vec<u8>,
    /// What kind of name it is, of RFC 4120 section 6.2. It plays no part in comparisons.
    pub name_type: i32,
    /// The parts of the name, which are written with `/` between them.
    pub parts: Vec<Vec<u8>>,
}

impl Principal {
    /// Reads `name/instance@REALM`; a `\` makes the next character an ordinary one. A name without
    /// a realm gets the default one.
    ///
    /// # Errors
    ///
    /// [`Error::Principal`] if the name is empty, ends in a backslash or has no realm.
    pub fn parse(text: &str, default_realm: Option<&str>) -> Result<Self, Error> {
        let fail = |problem| Error::Principal { name: text.into(), problem };
        let (mut parts, mut part, mut in_realm) = (Vec::new(), Vec::new(), false);
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'\\' => part.push(match bytes.next() {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'b') => 8,
                    Some(b'0') => 0,
                    Some(other) => other,
                    None => return Err(fail("it ends in a backslash")),
                }),
                b'/' if !in_realm => parts.push(std::mem::take(&mut part)),
                b'@' if !in_realm => {
                    parts.push(std::mem::take(&mut part));
                    in_realm = true;
                }
                other => part.push(other),
            }
        }
        let realm = if in_realm {
            part
        } else {
            parts.push(part);
            let realm = default_realm.ok_or_else(|| {
                fail("it has no realm, and krb5.conf has no default_realm; write name@REALM")
            })?;
            realm.as_bytes().to_vec()
        };
        if realm.is_empty() || parts.iter().any(Vec::is_empty) {
            return Err(fail("a part of it is empty"));
        }
        Ok(Self { realm, name_type: NT_PRINCIPAL, parts })
    }

    /// The service of a host.
    #[must_use]
    pub fn service(service: &str, host: &str, realm: &[u8]) -> Self {
        let parts = vec![service.as_bytes().to_vec(), host.as_bytes().to_vec()];
        Self { realm: realm.to_vec(), name_type: NT_SRV_HST, parts }
    }

    /// The ticket granting service of realm `of`, as realm `at` knows it.
    #[must_use]
    pub fn ticket_granter(of: &[u8], at: &[u8]) -> Self {
        let parts = vec![KRBTGT.to_vec(), of.to_vec()];
        Self { realm: at.to_vec(), name_type: NT_SRV_INST, parts }
    }

    /// The realm for which it grants tickets, if it is a ticket granting service.
    #[must_use]
    pub fn grants_for(&self) -> Option<&[u8]> {
        match self.parts.as_slice() {
            [first, realm] if first == KRBTGT => Some(realm),
            _ => None,
        }
    }

    /// Whether both are the same name in the same realm.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.parts == other.parts && self.realm == other.realm
    }
}

/// In one line of bounded length, without control characters: it may be somebody else's choice.
impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, part) in self.parts.iter().take(SHOWN_PARTS_MAX).enumerate() {
            let text = shown(&String::from_utf8_lossy(part));
            let plain = text.replace('\\', "\\\\").replace('/', "\\/").replace('@', "\\@");
            write!(f, "{}{plain}", if i == 0 { "" } else { "/" })?;
        }
        if self.parts.len() > SHOWN_PARTS_MAX {
            f.write_str("/..")?;
        }
        write!(f, "@{}", shown(&String::from_utf8_lossy(&self.realm)))
    }
}

/// Parts of a name that are shown.
const SHOWN_PARTS_MAX: usize = 4;
const KRBTGT: &[u8] = b"krbtgt";
const NT_PRINCIPAL: i32 = 1;
const NT_SRV_INST: i32 = 2;
const NT_SRV_HST: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_being_read_and_written() {
        for text in ["alice@R", "kafka/b.example.com@EXAMPLE.COM", r"a\/b\@c/d@R"] {
            assert_eq!(Principal::parse(text, None).unwrap().to_string(), text);
        }
        let service = Principal::service("kafka", "b", b"R");
        assert!(service.is(&Principal::parse("kafka/b", Some("R")).unwrap()));
        assert!(!service.is(&Principal::parse("kafka/b", Some("r")).unwrap()));
        assert_eq!(Principal::ticket_granter(b"A", b"B").to_string(), "krbtgt/A@B");
    }

    #[test]
    fn a_name_of_somebody_else_is_shown_in_one_short_line() {
        let part = b"a\x1b[2J\r\nb\0".to_vec();
        let name = Principal { realm: part.clone(), name_type: 0, parts: vec![part] };
        assert_eq!(name.to_string(), "a[2Jb@a[2Jb");
        let long = vec![b'x'; 1 << 18];
        let name = Principal { realm: long.clone(), name_type: 0, parts: vec![long; 9] };
        assert!(name.to_string().len() < 1400, "{}", name.to_string().len());
    }

    #[test]
    fn a_name_that_cannot_be_is_refused() {
        for text in ["alice", "", "@R", "alice@", "a//b@R", "a\\"] {
            assert!(Principal::parse(text, None).is_err(), "{text}");
        }
        assert!(Principal::parse("alice", Some("R")).is_ok());
    }
}
