//! PKCS#12 and JKS stores, and keys under a password. *core*

use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error as Pkcs12Error;
use pkcs8::EncryptedPrivateKeyInfoRef;

use super::jks::{Jks, Problem};

/// DER of certificates, the own one first, and of the key in PKCS#8.
pub(super) type Pair = (Vec<Vec<u8>>, Vec<u8>);

/// The certificates of a PKCS#12 store that are trusted: those that Java's tools have marked so,
/// or all if none is, as in what OpenSSL writes.
pub(super) fn trusted_of_pkcs12(
    bytes: &[u8],
    password: Option<&str>,
) -> Result<Vec<Vec<u8>>, String> {
    let archive = open_pkcs12(bytes, password)?;
    let is_any_marked = archive.certs.iter().any(|bag| bag.trusted);
    let counts = archive.certs.iter().filter(|bag| bag.trusted || !is_any_marked);
    Ok(counts.map(|bag| bag.cert.as_der().to_vec()).collect())
}

/// The first key of a PKCS#12 store, with its certificates.
pub(super) fn pair_of_pkcs12(bytes: &[u8], password: Option<&str>) -> Result<Pair, String> {
    let archive = open_pkcs12(bytes, password)?;
    let key = archive.keys.first().ok_or(NO_KEY)?;
    let id = key.local_key_id.as_ref().map(|id| id.0.as_slice());
    let is_own = |bag: &&p12_keystore::CertificateBag| {
        bag.local_key_id.is_some() && bag.local_key_id.as_deref() == id
    };
    let own = archive.certs.iter().find(is_own).or_else(|| archive.certs.first());
    let mut chain = Vec::from_iter(own.map(|bag| &bag.cert));
    while let Some(last) = chain.last() {
        let issuer = archive.certs.iter().map(|bag| &bag.cert).find(|cert| {
            cert.subject() == last.issuer() && !chain.iter().any(|known| known == cert)
        });
        let Some(issuer) = issuer else { break };
        chain.push(issuer);
    }
    let chain = chain.into_iter().map(|cert| cert.as_der().to_vec()).collect();
    Ok((chain, key.key.as_der().to_vec()))
}

fn open_pkcs12(bytes: &[u8], password: Option<&str>) -> Result<Pkcs12Archive, String> {
    Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default()).map_err(|error| match error {
        Pkcs12Error::MacError(_) => wrong_password(password),
        Pkcs12Error::UnsupportedEncryptionScheme | Pkcs12Error::UnsupportedMacAlgorithm => {
            "is under a cipher that is not known here; write it anew with keytool \
             -importkeystore of a newer Java"
                .to_owned()
        }
        // Without a sum, a wrong password is only seen by what it decrypts to.
        Pkcs12Error::UnpadError | Pkcs12Error::Pkcs5Error(_) => wrong_password(password),
        other => format!("is not a PKCS#12 store that can be read ({other})"),
    })
}

/// The trusted certificates of a JKS store.
pub(super) fn trusted_of_jks(bytes: &[u8], password: Option<&str>) -> Result<Vec<Vec<u8>>, String> {
    let store = Jks::read(bytes, password).map_err(|problem| of_jks(&problem, password))?;
    Ok(store.trusted)
}

/// The first key of a JKS store, with its certificates.
pub(super) fn pair_of_jks(
    bytes: &[u8],
    store_password: Option<&str>,
    key_password: Option<&str>,
) -> Result<Pair, String> {
    let store =
        Jks::read(bytes, store_password).map_err(|problem| of_jks(&problem, store_password))?;
    let (key, chain) = store.keys.into_iter().next().ok_or(NO_KEY)?;
    let Some(password) = key_password.or(store_password) else {
        return Err(wrong_password(None));
    };
    match key.open(password) {
        Ok(key) => Ok((chain, key)),
        Err(Problem::Broken) => Err(of_jks(&Problem::Broken, None)),
        Err(Problem::WrongPassword) => Err("has a key under another password; set \
                                            ssl.key.password to it"
            .to_owned()),
    }
}

fn of_jks(problem: &Problem, password: Option<&str>) -> String {
    match problem {
        Problem::Broken => "is a JKS store that is broken or cut".to_owned(),
        Problem::WrongPassword => wrong_password(password),
    }
}

/// A key in PKCS#8 that is under a password.
pub(super) fn decrypt(key: &[u8], password: Option<&str>) -> Result<Vec<u8>, String> {
    let Some(password) = password else {
        return Err("has an encrypted key; set ssl.key.password".to_owned());
    };
    let info = EncryptedPrivateKeyInfoRef::try_from(key).map_err(|_| {
        "has a key under a cipher that is not known here; write it anew: \
         openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW"
    })?;
    match info.decrypt(password) {
        Ok(key) => Ok(key.as_bytes().to_vec()),
        Err(_) => Err("has a key that ssl.key.password does not open".to_owned()),
    }
}

fn wrong_password(given: Option<&str>) -> String {
    match given {
        Some(_) => "does not open with the password that is set for it".to_owned(),
        None => "wants a password, and none is set".to_owned(),
    }
}

const NO_KEY: &str = "has no private key";
