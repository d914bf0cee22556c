//! From the bytes of stores to certificates and keys. *core*

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::config::{Format, Identity, Place, Store, Trust};
#[cfg(feature = "keystores")]
use super::keystore;
use super::pem::{self, Item};
use crate::error::Error;

/// A certificate, those between it and its CA, and its key.
pub(super) type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What is in a store, as its first bytes tell.
enum Content<'a> {
    Pem(String),
    Pkcs12(&'a [u8]),
    Jks(&'a [u8]),
}

/// The certificates of a trust store.
pub(super) fn trusted(store: &Store, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = || {
        let found = match content(store, bytes)? {
            Content::Pem(text) => certificates(&text)?,
            Content::Pkcs12(bytes) => der(trusted_of_pkcs12(bytes, password(store))?),
            Content::Jks(bytes) => der(trusted_of_jks(bytes, password(store))?),
        };
        match found.is_empty() {
            true => Err("holds no certificate that is to be trusted".to_owned()),
            false => Ok(found),
        }
    };
    read().map_err(|problem| blame(store, Role::Trust, &problem))
}

/// The certificates and the key of this client. `key` is what is in the store of its own that the
/// key has, if it has one.
pub(super) fn identity(
    identity: &Identity,
    bytes: &[u8],
    key: Option<&[u8]>,
) -> Result<Pair, Error> {
    let store = &identity.certificate;
    let here = |problem: String| blame(store, Role::Certificate, &problem);
    let key_password = identity.key_password.as_ref().or(store.password.as_ref());
    let key_password = key_password.map(|password| password.reveal());
    let (chain, found) = match content(store, bytes).map_err(here)? {
        Content::Pem(text) => {
            let chain = certificates(&text).map_err(here)?;
            let (key_store, key_text, role) = match (&identity.key, key) {
                (Some(key_store), Some(bytes)) => {
                    (key_store, key_text(key_store, bytes)?, Role::Key)
                }
                _ => (store, text, Role::Certificate),
            };
            let read = private_key(&key_text, key_password);
            (chain, read.map_err(|problem| blame(key_store, role, &problem))?)
        }
        Content::Pkcs12(bytes) => {
            let (chain, key) = pair_of_pkcs12(bytes, password(store)).map_err(here)?;
            (der(chain), PrivateKeyDer::Pkcs8(key.into()))
        }
        Content::Jks(bytes) => {
            let pair = pair_of_jks(bytes, password(store), key_password);
            let (chain, key) = pair.map_err(here)?;
            (der(chain), PrivateKeyDer::Pkcs8(key.into()))
        }
    };
    match chain.is_empty() {
        true => Err(here("holds no certificate".to_owned())),
        false => Ok((chain, found)),
    }
}

fn key_text(store: &Store, bytes: &[u8]) -> Result<String, Error> {
    match content(store, bytes) {
        Ok(Content::Pem(text)) => Ok(text),
        Ok(_) => Err(blame(store, Role::Key, "is a key store; name it in ssl.keystore.location")),
        Err(problem) => Err(blame(store, Role::Key, &problem)),
    }
}

fn content<'a>(store: &Store, bytes: &'a [u8]) -> Result<Content<'a>, String> {
    let found = match bytes {
        [0xfe, 0xed, 0xfe, 0xed, ..] => Content::Jks(bytes),
        [0xce, 0xce, 0xce, 0xce, ..] => {
            return Err("is a JCEKS store, which cannot be read; turn it into PKCS#12: keytool \
                        -importkeystore -deststoretype PKCS12"
                .to_owned());
        }
        [0x30, ..] if is_pkcs12(bytes) => Content::Pkcs12(bytes),
        [0x30, ..] => {
            return Err(
                "is DER; turn it into PEM, for a certificate: openssl x509 -inform der".to_owned()
            );
        }
        _ => {
            let text = String::from_utf8_lossy(bytes);
            if !text.contains("-----BEGIN ") {
                let empty = if bytes.is_empty() { "is empty: it " } else { "" };
                return Err(format!("{empty}is neither PEM nor PKCS#12 nor JKS"));
            }
            Content::Pem(text.into_owned())
        }
    };
    let is_pem = matches!(found, Content::Pem(_));
    match store.format {
        Some(said) if (said == Format::Pem) != is_pem => {
            let format = match found {
                Content::Pem(_) => Format::Pem,
                Content::Pkcs12(_) => Format::Pkcs12,
                Content::Jks(_) => Format::Jks,
            };
            Err(format!("is {format}, and its type is set to {said}"))
        }
        _ => Ok(found),
    }
}

/// Whether a DER sequence begins with the version that PKCS#12 has, 3.
fn is_pkcs12(bytes: &[u8]) -> bool {
    let after_length = match bytes.get(1) {
        Some(length @ 0x80..) => 2 + usize::from(length & 0x7f),
        _ => 2,
    };
    bytes.get(after_length..).is_some_and(|rest| rest.starts_with(&[0x02, 0x01, 0x03]))
}

fn certificates(text: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = Vec::new();
    for section in pem::sections(text).iter().filter(|section| section.is_certificate()) {
        if let Some(Item::Certificate(certificate)) = section.read()? {
            found.push(certificate);
        }
    }
    Ok(found)
}

fn private_key(text: &str, password: Option<&str>) -> Result<PrivateKeyDer<'static>, String> {
    for section in pem::sections(text) {
        match section.read()? {
            Some(Item::Key(key)) => return Ok(key),
            Some(Item::EncryptedKey(key)) => {
                return Ok(PrivateKeyDer::Pkcs8(decrypt(&key, password)?.into()));
            }
            _ => {}
        }
    }
    Err("holds no private key".to_owned())
}

fn der(certificates: Vec<Vec<u8>>) -> Vec<CertificateDer<'static>> {
    certificates.into_iter().map(CertificateDer::from).collect()
}

fn password(store: &Store) -> Option<&str> {
    store.password.as_ref().map(|password| password.reveal())
}

/// What a store is used for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role {
    Trust,
    Certificate,
    Key,
}

/// An error about a store, which names its setting and its file.
pub(super) fn blame(store: &Store, role: Role, problem: &str) -> Error {
    let (of_file, of_text) = match role {
        Role::Trust => ("ssl.truststore.location", "ssl.truststore.certificates"),
        Role::Certificate => ("ssl.keystore.location", "ssl.keystore.certificate.chain"),
        Role::Key => ("ssl.key.location", "ssl.keystore.key"),
    };
    match &store.place {
        Place::File(path) => {
            let problem = format!("{:?} {problem}", path.display().to_string());
            Error::invalid(store.setting.unwrap_or(of_file), problem)
        }
        Place::Text(_) => Error::invalid(store.setting.unwrap_or(of_text), problem),
    }
}

/// All stores of a configuration, each with what it is used for.
pub(super) fn roles<'a>(
    trust: &'a Trust,
    identity: Option<&'a Identity>,
) -> Vec<(&'a Store, Role)> {
    let mut found = Vec::new();
    if let Trust::Store(store) = trust {
        found.push((store, Role::Trust));
    }
    if let Some(identity) = identity {
        found.push((&identity.certificate, Role::Certificate));
        found.extend(identity.key.as_ref().map(|key| (key, Role::Key)));
    }
    found
}

#[cfg(feature = "keystores")]
use keystore::{decrypt, pair_of_jks, pair_of_pkcs12, trusted_of_jks, trusted_of_pkcs12};

#[cfg(not(feature = "keystores"))]
mod without {
    //! What is said where key stores cannot be read.

    type Pair = (Vec<Vec<u8>>, Vec<u8>);

    pub(super) fn trusted_of_pkcs12(_: &[u8], _: Option<&str>) -> Result<Vec<Vec<u8>>, String> {
        Err(KEY_STORE.to_owned())
    }

    pub(super) fn trusted_of_jks(_: &[u8], _: Option<&str>) -> Result<Vec<Vec<u8>>, String> {
        Err(KEY_STORE.to_owned())
    }

    pub(super) fn pair_of_pkcs12(_: &[u8], _: Option<&str>) -> Result<Pair, String> {
        Err(KEY_STORE.to_owned())
    }

    pub(super) fn pair_of_jks(_: &[u8], _: Option<&str>, _: Option<&str>) -> Result<Pair, String> {
        Err(KEY_STORE.to_owned())
    }

    pub(super) fn decrypt(_: &[u8], _: Option<&str>) -> Result<Vec<u8>, String> {
        Err("has an encrypted key, for which this build lacks the feature keystores of \
             kurier-client; turn it on, or decrypt the key: openssl pkcs8 -in OLD -out NEW"
            .to_owned())
    }

    const KEY_STORE: &str = "is a key store, for which this build lacks the feature keystores of \
        kurier-client; turn it on, or turn the store into PEM: openssl pkcs12 -in OLD -out NEW";
}
#[cfg(not(feature = "keystores"))]
use without::{decrypt, pair_of_jks, pair_of_pkcs12, trusted_of_jks, trusted_of_pkcs12};
