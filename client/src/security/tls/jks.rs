//! JKS, Java's own key store up to release 8: certificates, and keys under Sun's cipher. *core*

use sha1::{Digest, Sha1};

/// What a store holds.
#[derive(Default)]
pub(super) struct Jks {
    /// Certificates that are trusted.
    pub(super) trusted: Vec<Vec<u8>>,
    /// Keys, with the certificates of each, its own first.
    pub(super) keys: Vec<(Protected, Vec<Vec<u8>>)>,
}

/// A key under a password.
pub(super) struct Protected(Vec<u8>);

/// What is wrong with a store.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Broken,
    WrongPassword,
}

impl Jks {
    /// Reads a store. Without a password it is not known whether someone has changed it.
    pub(super) fn read(bytes: &[u8], password: Option<&str>) -> Result<Self, Problem> {
        let (content, sum) = bytes.split_last_chunk::<SUM_BYTES>().ok_or(Problem::Broken)?;
        if let Some(password) = password
            && sum[..] != digest(&[&utf16(password), SALT, content])
        {
            return Err(Problem::WrongPassword);
        }
        let mut rest = Reader(content);
        let (magic, version, count) = (rest.number()?, rest.number()?, rest.number()?);
        if magic != MAGIC || !(1..=2).contains(&version) {
            return Err(Problem::Broken);
        }
        let mut store = Self::default();
        for _ in 0..count {
            let tag = rest.number()?;
            let _alias = rest.text()?;
            let _created = rest.take(8)?;
            match tag {
                1 => {
                    let key = Protected(rest.block()?.to_vec());
                    let length = rest.number()?;
                    let chain = (0..length).map(|_| rest.certificate(version));
                    store.keys.push((key, chain.collect::<Result<_, _>>()?));
                }
                2 => store.trusted.push(rest.certificate(version)?),
                _ => return Err(Problem::Broken),
            }
        }
        Ok(store)
    }
}

impl Protected {
    /// The key in PKCS#8: salt, key under a stream of digests, digest of password and key.
    pub(super) fn open(&self, password: &str) -> Result<Vec<u8>, Problem> {
        // EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm SEQUENCE, data OCTET STRING }
        let mut info = Reader(Reader(&self.0).element(0x30)?);
        let _algorithm = info.element(0x30)?;
        let data = info.element(0x04)?;
        let (salt, rest) = data.split_at_checked(SUM_BYTES).ok_or(Problem::Broken)?;
        let (hidden, check) = rest.split_last_chunk::<SUM_BYTES>().ok_or(Problem::Broken)?;
        let password = utf16(password);
        let mut key = Vec::with_capacity(hidden.len());
        let mut pad = salt.to_vec();
        for chunk in hidden.chunks(SUM_BYTES) {
            pad = digest(&[&password, &pad]);
            key.extend(chunk.iter().zip(&pad).map(|(hidden, pad)| hidden ^ pad));
        }
        match digest(&[&password, &key]) == check[..] {
            true => Ok(key),
            false => Err(Problem::WrongPassword),
        }
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Problem::Broken)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Problem> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Problem::Broken)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(*taken))
    }

    fn text(&mut self) -> Result<&'a [u8], Problem> {
        let (length, rest) = self.0.split_first_chunk().ok_or(Problem::Broken)?;
        self.0 = rest;
        self.take(u16::from_be_bytes(*length).into())
    }

    fn block(&mut self) -> Result<&'a [u8], Problem> {
        let length = usize::try_from(self.number()?).map_err(|_| Problem::Broken)?;
        self.take(length)
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, Problem> {
        if version == 2 && self.text()? != b"X.509" {
            return Err(Problem::Broken);
        }
        Ok(self.block()?.to_vec())
    }

    /// The content of a DER element.
    fn element(&mut self, tag: u8) -> Result<&'a [u8], Problem> {
        let [found, first] = *self.take(2)? else { return Err(Problem::Broken) };
        if found != tag {
            return Err(Problem::Broken);
        }
        let length = match first {
            0..=0x7f => first.into(),
            0x81..=0x83 => {
                let digits = self.take(usize::from(first & 0x7f))?;
                digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit))
            }
            _ => return Err(Problem::Broken),
        };
        self.take(length)
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn digest(parts: &[&[u8]]) -> Vec<u8> {
    let mut digest = Sha1::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().to_vec()
}

pub(super) const MAGIC: u32 = 0xfeed_feed;
const SUM_BYTES: usize = 20;
const SALT: &[u8] = b"Mighty Aphrodite";

#[cfg(test)]
mod tests {
    use super::*;

    const TRUST: &[u8] = include_bytes!("../../../tests/tls/trust.jks");
    const CLIENT: &[u8] = include_bytes!("../../../tests/tls/client.jks");

    #[test]
    fn reads_what_keytool_has_written() {
        let store = Jks::read(TRUST, Some("changeit")).unwrap();
        assert_eq!((store.trusted.len(), store.keys.len()), (1, 0));
        let store = Jks::read(CLIENT, Some("changeit")).unwrap();
        let (key, chain) = &store.keys[0];
        assert_eq!(chain.len(), 2);
        assert_eq!(key.open("changeit2").unwrap()[0], 0x30);
        assert_eq!(key.open("changeit"), Err(Problem::WrongPassword));
    }

    #[test]
    fn a_wrong_password_and_a_changed_store_are_found_out() {
        assert_eq!(Jks::read(TRUST, Some("wrong")).err(), Some(Problem::WrongPassword));
        assert!(Jks::read(TRUST, None).is_ok());
        let mut changed = TRUST.to_vec();
        changed[60] ^= 1;
        assert_eq!(Jks::read(&changed, Some("changeit")).err(), Some(Problem::WrongPassword));
    }

    #[test]
    fn a_store_that_is_cut_or_lies_about_lengths_is_broken() {
        for length in 0..CLIENT.len() {
            assert!(Jks::read(&CLIENT[..length], None).is_err(), "{length}");
        }
        for at in 0..CLIENT.len() - SUM_BYTES {
            let mut lying = CLIENT.to_vec();
            lying[at] = 0xff;
            if let Ok(store) = Jks::read(&lying, None) {
                store.keys.iter().for_each(|(key, _)| drop(key.open("changeit2")));
            }
        }
    }
}
