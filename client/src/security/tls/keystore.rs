//! PKCS#12 and JKS stores, and keys under a password. *core*

use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error as Pkcs12Error;
use pkcs8::EncryptedPrivateKeyInfoRef;

use super::jks::{Jks, Problem};
use super::work;

/// DER of certificates, the own one first, and of the key in PKCS#8.
pub(super) type Pair = (Vec<Vec<u8>>, Vec<u8>);

/// The certificates of a PKCS#12 store that are trusted: those that Java's tools have marked so,
/// or all if none is, as in what OpenSSL writes.
pub(super) fn trusted_of_pkcs12(
    bytes: &[u8],
    password: Option<&str>,
) -> Result<Vec<Vec<u8>>, String> {
    let archive = open_pkcs12(bytes, password, TRUST_PASSWORD)?;
    let is_any_marked = archive.certs.iter().any(|bag| bag.trusted);
    let counts = archive.certs.iter().filter(|bag| bag.trusted || !is_any_marked);
    Ok(counts.map(|bag| bag.cert.as_der().to_vec()).collect())
}

/// The first key of a PKCS#12 store, with its certificates.
pub(super) fn pair_of_pkcs12(bytes: &[u8], password: Option<&str>) -> Result<Pair, String> {
    let archive = open_pkcs12(bytes, password, OWN_PASSWORD)?;
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

fn open_pkcs12(
    bytes: &[u8],
    password: Option<&str>,
    setting: &str,
) -> Result<Pkcs12Archive, String> {
    if work::of_store(bytes) > work::ITERATIONS_MAX {
        return Err(too_much_work());
    }
    Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default()).map_err(|error| match error {
        Pkcs12Error::MacError(_) => wrong_password(password, setting),
        Pkcs12Error::UnsupportedEncryptionScheme | Pkcs12Error::UnsupportedMacAlgorithm => {
            "is under a cipher that is not known here; write it anew with keytool \
             -importkeystore of a newer Java"
                .to_owned()
        }
        // Without a sum, a wrong password is only seen by what it decrypts to.
        Pkcs12Error::UnpadError | Pkcs12Error::Pkcs5Error(_) => wrong_password(password, setting),
        other => format!("is not a PKCS#12 store that can be read ({other})"),
    })
}

/// The trusted certificates of a JKS store.
pub(super) fn trusted_of_jks(bytes: &[u8], password: Option<&str>) -> Result<Vec<Vec<u8>>, String> {
    let store = Jks::read(bytes, password);
    let store = store.map_err(|problem| of_jks(&problem, password, TRUST_PASSWORD))?;
    Ok(store.trusted)
}

/// The first key of a JKS store, with its certificates.
pub(super) fn pair_of_jks(
    bytes: &[u8],
    store_password: Option<&str>,
    key_password: Option<&str>,
) -> Result<Pair, String> {
    let store = Jks::read(bytes, store_password);
    let store = store.map_err(|problem| of_jks(&problem, store_password, OWN_PASSWORD))?;
    let (key, chain) = store.keys.into_iter().next().ok_or(NO_KEY)?;
    let Some(password) = key_password.or(store_password) else {
        return Err(wrong_password(None, OWN_PASSWORD));
    };
    match key.open(password) {
        Ok(key) => Ok((chain, key)),
        Err(Problem::Broken) => Err(of_jks(&Problem::Broken, None, OWN_PASSWORD)),
        Err(Problem::WrongPassword) => Err("has a key under another password; set \
                                            ssl.key.password to it"
            .to_owned()),
    }
}

fn of_jks(problem: &Problem, password: Option<&str>, setting: &str) -> String {
    match problem {
        Problem::Broken => "is a JKS store that is broken or cut".to_owned(),
        Problem::WrongPassword => wrong_password(password, setting),
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
    if work::of_key(&info.encryption_algorithm) > work::ITERATIONS_MAX {
        return Err(too_much_work());
    }
    match info.decrypt(password) {
        Ok(key) => Ok(key.as_bytes().to_vec()),
        Err(_) => Err("has a key that ssl.key.password does not open".to_owned()),
    }
}

/// `setting` is the one that the store's password stands in.
fn wrong_password(given: Option<&str>, setting: &str) -> String {
    match given {
        Some(_) => format!("does not open with {setting}"),
        None => format!("wants a password, and none is set; set {setting}"),
    }
}

fn too_much_work() -> String {
    format!(
        "takes more work to open than is done for a store, {} iterations of PBKDF2 and no scrypt \
         beyond 64 MiB; write it anew: openssl pkcs12 -export, openssl pkcs8 -topk8",
        work::ITERATIONS_MAX
    )
}

const NO_KEY: &str = "has no private key";
/// Where the password of a trust store stands.
const TRUST_PASSWORD: &str = "ssl.truststore.password";
/// Where that of a key store does.
const OWN_PASSWORD: &str = "ssl.keystore.password";

#[cfg(test)]
mod tests {
    use super::super::work::{PBES1, PBKDF2, SCRYPT, of_store};
    use super::*;

    /// `PBES2` with these parameters of its function for keys, and a key of nothing.
    fn key(function: &[u8], params: &[u8]) -> Vec<u8> {
        let sequence = |parts: &[&[u8]]| {
            let content = parts.concat();
            [&[0x30, u8::try_from(content.len()).unwrap()], &content[..]].concat()
        };
        let scheme = [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 13];
        let aes = [6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];
        let vector = [&[4, 16][..], &[0; 16]].concat();
        let kdf = sequence(&[function, &sequence(&[&[4, 8], &[7; 8], params])]);
        let both = sequence(&[&kdf, &sequence(&[&aes, &vector])]);
        sequence(&[&sequence(&[&scheme, &both]), &[4, 16], &[9; 16]])
    }

    #[test]
    fn a_key_that_takes_hours_or_gigabytes_to_open_is_refused_at_once() {
        let rows: [(&[u8], &[u8], bool); 8] = [
            (PBKDF2, &[2, 1, 1], false),
            (PBKDF2, &[2, 4, 0x7f, 0xff, 0xff, 0xff], true),
            (PBKDF2, &[2, 5, 0, 0xff, 0xff, 0xff, 0xff], true),
            (SCRYPT, &[2, 1, 16, 2, 1, 8, 2, 1, 1], false),
            (SCRYPT, &[2, 4, 0x40, 0, 0, 0, 2, 1, 8, 2, 1, 1], true),
            (SCRYPT, &[2, 2, 0x40, 0, 2, 1, 8, 2, 2, 0x7f, 0xff], true),
            // The decoder would stumble over no power of two.
            (SCRYPT, &[2, 1, 0, 2, 1, 8, 2, 1, 1], true),
            (SCRYPT, &[2, 1, 3, 2, 1, 8, 2, 1, 1], true),
        ];
        for (function, params, is_refused) in rows {
            let problem = decrypt(&key(function, params), Some("changeit")).unwrap_err();
            assert_eq!(problem.contains("more work"), is_refused, "{params:?}: {problem}");
            assert_eq!(problem.contains("does not open"), !is_refused, "{params:?}: {problem}");
        }
    }

    #[test]
    fn a_store_of_many_such_keys_is_refused_at_once() {
        let million: &[u8] = &[2, 3, 0x0f, 0x42, 0x40];
        let legacy = [PBES1, &[3, 0x30, 9, 4, 2, 7, 7, 2, 3, 0x0f, 0x42, 0x40]].concat();
        assert_eq!(of_store(&key(PBKDF2, million)), 1_000_000);
        assert_eq!(of_store(&[legacy, key(PBKDF2, million)].concat()), 2_000_000);
        assert_eq!(of_store(&key(SCRYPT, &[2, 1, 0, 2, 1, 8, 2, 1, 1])), u64::MAX);
        let many = [&[0x30, 0x82, 0xff, 0xff, 2, 1, 3][..], &key(PBKDF2, million).repeat(11)];
        let problem = trusted_of_pkcs12(&many.concat(), Some("changeit")).unwrap_err();
        assert!(problem.contains("more work"), "{problem}");
        let keytools: &[u8] = include_bytes!("../../../tests/tls/client.p12");
        assert!((1..100_000).contains(&of_store(keytools)), "{}", of_store(keytools));
    }
}
