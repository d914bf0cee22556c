//! Certificates that live as long as a cluster: an authority, and whom it vouches for.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;

use crate::der::{
    BIT_STRING, BOOLEAN, GENERALIZED_TIME, INTEGER, OBJECT_ID, OCTET_STRING, SET, UTC_TIME,
    UTF8_STRING, bare, bit_string, sequence, tagged, wrapped,
};

/// Who signs the certificates of one cluster. Its key is made at start and kept in memory.
#[derive(Debug)]
pub(crate) struct Authority {
    provider: Arc<CryptoProvider>,
    key: Arc<dyn SigningKey>,
    name: Vec<u8>,
    certificate: CertificateDer<'static>,
}

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use<'a> {
    /// A broker that is reached by these names and addresses.
    Server(&'a [String]),
    /// A client that says who it is.
    Client,
}

impl Authority {
    /// An authority with a new key.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(crate) fn new(provider: Arc<CryptoProvider>) -> Result<Self, rustls::Error> {
        let (key, _) = new_key(&provider)?;
        let name = name("Kurier test CA");
        let extensions = [
            // May sign certificates, and none of those may.
            critical(
                &BASIC_CONSTRAINTS,
                &sequence(&[&tagged(BOOLEAN, &[&[0xff]]), &integer(&[0])]),
            ),
            critical(&KEY_USAGE, &tagged(BIT_STRING, &[&[1, 0b0000_0110]])),
            extension(&SUBJECT_KEY, &tagged(OCTET_STRING, &[&key_id(&*key)])),
        ];
        let body = Body { serial: serial(&provider)?, issuer: &name, subject: &name };
        let certificate = body.signed(&*key, &*key, &extensions)?;
        Ok(Self { provider, key, name, certificate })
    }

    /// The authority's own certificate: what clients must trust.
    pub(crate) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Vouches for somebody with a new key.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(crate) fn issue(&self, who: &str, usage: Use<'_>) -> Result<Issued, rustls::Error> {
        let (key, key_der) = new_key(&self.provider)?;
        let purpose = match usage {
            Use::Server(_) => SERVER_AUTH,
            Use::Client => CLIENT_AUTH,
        };
        let signer_id = tagged(bare(0), &[&key_id(&*self.key)]);
        let mut extensions = vec![
            critical(&KEY_USAGE, &tagged(BIT_STRING, &[&[7, 0b1000_0000]])),
            extension(&EXTENDED_KEY_USAGE, &sequence(&[&tagged(OBJECT_ID, &[&purpose])])),
            extension(&SUBJECT_KEY, &tagged(OCTET_STRING, &[&key_id(&*key)])),
            extension(&AUTHORITY_KEY, &sequence(&[&signer_id])),
        ];
        if let Use::Server(hosts) = usage {
            let hosts: Vec<_> = hosts.iter().map(|host| alternative_name(host)).collect();
            extensions.push(extension(&ALTERNATIVE_NAME, &sequence(&[&hosts.concat()])));
        }
        let subject = name(who);
        let body = Body { serial: serial(&self.provider)?, issuer: &self.name, subject: &subject };
        let certificate = body.signed(&*self.key, &*key, &extensions)?;
        Ok(Issued { certificate, key: key_der })
    }
}

/// A certificate as text.
pub(crate) fn certificate_pem(certificate: &CertificateDer<'_>) -> String {
    pem("CERTIFICATE", certificate)
}

/// A private key as text.
pub(crate) fn key_pem(key: &PrivateKeyDer<'_>) -> String {
    pem("PRIVATE KEY", key.secret_der())
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in der.chunks(48) {
        STANDARD.encode_string(line, &mut text);
        text.push('\n');
    }
    text + &format!("-----END {label}-----\n")
}

/// What a certificate says, without the key and what may be done with it.
struct Body<'a> {
    serial: Vec<u8>,
    issuer: &'a [u8],
    subject: &'a [u8],
}

impl Body<'_> {
    fn signed(
        &self,
        by: &dyn SigningKey,
        key: &dyn SigningKey,
        extensions: &[Vec<u8>],
    ) -> Result<CertificateDer<'static>, rustls::Error> {
        // Wide enough for every clock that a test may show: 1970 to 2199.
        let validity = sequence(&[
            &tagged(UTC_TIME, &[b"700101000000Z"]),
            &tagged(GENERALIZED_TIME, &[b"21991231235959Z"]),
        ]);
        let algorithm = sequence(&[&tagged(OBJECT_ID, &[&ECDSA_WITH_SHA256])]);
        let public = key.public_key().ok_or_else(|| unusable("it has no public half"))?;
        let body = sequence(&[
            &tagged(wrapped(0), &[&integer(&[VERSION_3])]),
            &integer(&self.serial),
            &algorithm,
            self.issuer,
            &validity,
            self.subject,
            &public,
            &tagged(wrapped(3), &[&sequence(&[&extensions.concat()])]),
        ]);
        let signer = by.choose_scheme(&[SignatureScheme::ECDSA_NISTP256_SHA256]);
        let signature = signer.ok_or_else(|| unusable("it does not sign"))?.sign(&body)?;
        Ok(sequence(&[&body, &algorithm, &bit_string(&signature)]).into())
    }
}

/// A new key on the curve P-256, which every TLS library knows.
fn new_key(
    provider: &CryptoProvider,
) -> Result<(Arc<dyn SigningKey>, PrivateKeyDer<'static>), rustls::Error> {
    let algorithm =
        sequence(&[&tagged(OBJECT_ID, &[&EC_PUBLIC_KEY]), &tagged(OBJECT_ID, &[&PRIME256V1])]);
    for _ in 0..KEY_TRIES {
        let secret = random::<32>(provider)?;
        let private = sequence(&[&integer(&[1]), &tagged(OCTET_STRING, &[&secret])]);
        let der = sequence(&[&integer(&[0]), &algorithm, &tagged(OCTET_STRING, &[&private])]);
        let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(der));
        // One in four thousand million numbers is beyond the curve's order, and no key.
        if let Ok(key) = provider.key_provider.load_private_key(der.clone_key()) {
            return Ok((key, der));
        }
    }
    Err(unusable("no random number is one"))
}

/// A positive number that no other certificate of the authority has.
fn serial(provider: &CryptoProvider) -> Result<Vec<u8>, rustls::Error> {
    Ok([&[1][..], &random::<15>(provider)?].concat())
}

fn random<const N: usize>(provider: &CryptoProvider) -> Result<[u8; N], rustls::Error> {
    let mut bytes = [0; N];
    provider.secure_random.fill(&mut bytes)?;
    Ok(bytes)
}

fn unusable(problem: &str) -> rustls::Error {
    rustls::Error::General(format!("a key that was just made cannot be used: {problem}"))
}

/// A name by which keys are told apart: bytes of the key itself.
fn key_id(key: &dyn SigningKey) -> Vec<u8> {
    let public = key.public_key();
    public.map_or_else(Vec::new, |public| public.iter().rev().take(20).copied().collect())
}

fn name(common: &str) -> Vec<u8> {
    let id = tagged(OBJECT_ID, &[&COMMON_NAME]);
    let attribute = sequence(&[&id, &tagged(UTF8_STRING, &[common.as_bytes()])]);
    sequence(&[&tagged(SET, &[&attribute])])
}

fn alternative_name(host: &str) -> Vec<u8> {
    match host.parse() {
        Ok(IpAddr::V4(ip)) => tagged(bare(7), &[&ip.octets()]),
        Ok(IpAddr::V6(ip)) => tagged(bare(7), &[&ip.octets()]),
        Err(_) => tagged(bare(2), &[host.as_bytes()]),
    }
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    tagged(INTEGER, &[bytes])
}

fn extension(id: &[u8], value: &[u8]) -> Vec<u8> {
    sequence(&[&tagged(OBJECT_ID, &[id]), &tagged(OCTET_STRING, &[value])])
}

/// An extension that whoever does not know it must not ignore.
fn critical(id: &[u8], value: &[u8]) -> Vec<u8> {
    let is_critical = tagged(BOOLEAN, &[&[0xff]]);
    sequence(&[&tagged(OBJECT_ID, &[id]), &is_critical, &tagged(OCTET_STRING, &[value])])
}

const VERSION_3: u8 = 2;
const KEY_TRIES: u32 = 8;

// Object identifiers, as they are encoded.
const EC_PUBLIC_KEY: [u8; 7] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const PRIME256V1: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_WITH_SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const COMMON_NAME: [u8; 3] = [0x55, 4, 3];
const SUBJECT_KEY: [u8; 3] = [0x55, 29, 14];
const KEY_USAGE: [u8; 3] = [0x55, 29, 15];
const ALTERNATIVE_NAME: [u8; 3] = [0x55, 29, 17];
const BASIC_CONSTRAINTS: [u8; 3] = [0x55, 29, 19];
const AUTHORITY_KEY: [u8; 3] = [0x55, 29, 35];
const EXTENDED_KEY_USAGE: [u8; 3] = [0x55, 29, 37];
const SERVER_AUTH: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 1];
const CLIENT_AUTH: [u8; 8] = [0x2b, 6, 1, 5, 5, 7, 3, 2];
