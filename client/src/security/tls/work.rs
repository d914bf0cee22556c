//! How much work it is to open what is under a password. The file says it, and a hostile one says
//! too much. *core*

use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{self, Decode, Reader};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{Kdf, Pbkdf2Params, ScryptParams};

/// Iterations that the keys and certificates of a PKCS#12 store ask for together, as far as that
/// can be seen before anything of it is decrypted.
pub(super) fn of_store(bytes: &[u8]) -> u64 {
    let mut sum = 0_u64;
    for at in 0..bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        let after = |name: &[u8]| rest.strip_prefix(name).and_then(|rest| any(rest).ok());
        let found = if let Some(params) = after(PBKDF2) {
            Pbkdf2Params::try_from(params).map_or(0, |params| params.iteration_count.into())
        } else if rest.starts_with(SCRYPT) {
            // No tool writes such stores.
            u64::MAX
        } else if let Some(params) = rest.get(PBES1.len()..).filter(|_| rest.starts_with(PBES1)) {
            // The last byte of the name says which cipher follows.
            let params = params.get(1..).unwrap_or_default();
            any(params).and_then(iterations).map_or(0, u64::from)
        } else {
            0
        };
        sum = sum.saturating_add(found);
    }
    sum
}

/// Iterations that a key in PKCS#8 asks for; scrypt beyond 64 MiB counts as endlessly many.
pub(super) fn of_key(scheme: &EncryptionScheme) -> u64 {
    match scheme {
        EncryptionScheme::Pbes1(params) => params.parameters.iteration_count.into(),
        EncryptionScheme::Pbes2(params) => match &params.kdf {
            Kdf::Pbkdf2(params) => params.iteration_count.into(),
            Kdf::Scrypt(params) => of_scrypt(params),
            _ => u64::MAX,
        },
        _ => u64::MAX,
    }
}

fn of_scrypt(params: &ScryptParams) -> u64 {
    let rounds = u64::from(params.block_size).saturating_mul(params.parallelization.into());
    let memory = params.cost_parameter.saturating_mul(u64::from(params.block_size) * 128);
    // A cost that is no power of two is none, and the decoder stumbles over zero.
    let is_cost = params.cost_parameter.is_power_of_two();
    match is_cost && memory <= SCRYPT_BYTES_MAX {
        true => params.cost_parameter.saturating_mul(rounds),
        false => u64::MAX,
    }
}

fn any(bytes: &[u8]) -> der::Result<AnyRef<'_>> {
    AnyRef::from_der_partial(bytes).map(|(any, _)| any)
}

/// Of `SEQUENCE { salt OCTET STRING, iterations INTEGER }`.
fn iterations(params: AnyRef<'_>) -> der::Result<u32> {
    params.sequence(|reader| {
        reader.decode::<&OctetStringRef>()?;
        reader.decode()
    })
}

/// Iterations that are done: seconds of work.
pub(super) const ITERATIONS_MAX: u64 = 10_000_000;
/// Memory that scrypt may take.
const SCRYPT_BYTES_MAX: u64 = 64 << 20;
/// DER of the name 1.2.840.113549.1.5.12.
pub(super) const PBKDF2: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 12];
/// DER of the name 1.3.6.1.4.1.11591.4.11.
pub(super) const SCRYPT: &[u8] = &[6, 9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11];
/// The beginning of DER of the names below 1.2.840.113549.1.12.1.
pub(super) const PBES1: &[u8] = &[6, 10, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1];
