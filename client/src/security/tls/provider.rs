//! Where cryptography comes from, and whether this machine can do it.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::version::{TLS12, TLS13};

use super::config::{Tls, Versions};
use crate::error::Error;

/// The provider that a configuration asks for, with the cipher suites that it allows.
pub(super) fn provider(tls: &Tls) -> Result<Arc<CryptoProvider>, Error> {
    let provider = match &tls.provider {
        Some(chosen) => Arc::clone(&chosen.0),
        None => default_provider()?.into(),
    };
    if tls.cipher_suites.is_empty() {
        return Ok(provider);
    }
    let wanted: Vec<String> = tls.cipher_suites.iter().map(|name| plain(name)).collect();
    let mut narrowed = CryptoProvider::clone(&provider);
    let name = |suite: &rustls::SupportedCipherSuite| suite.suite().as_str().unwrap_or_default();
    narrowed.cipher_suites.retain(|suite| wanted.contains(&plain(name(suite))));
    let spoken = versions(tls.versions);
    if narrowed.cipher_suites.iter().any(|suite| spoken.contains(&suite.version())) {
        return Ok(narrowed.into());
    }
    if let Some(suite) = narrowed.cipher_suites.first() {
        let of = if suite.version() == &TLS13 { "TLSv1.3" } else { "TLSv1.2" };
        let problem = format!("names only suites of {of}, which ssl.enabled.protocols leaves out");
        return Err(Error::invalid("ssl.cipher.suites", problem));
    }
    let known: Vec<String> =
        provider.cipher_suites.iter().map(|suite| name(suite).replace("TLS13_", "TLS_")).collect();
    let problem = format!("names none that can be used here: {}", known.join(", "));
    Err(Error::invalid("ssl.cipher.suites", problem))
}

/// The versions that are spoken.
pub(super) fn versions(versions: Versions) -> &'static [&'static SupportedProtocolVersion] {
    match versions {
        Versions::Tls12And13 => rustls::ALL_VERSIONS,
        Versions::Tls12 => ONLY_TLS12,
        Versions::Tls13 => ONLY_TLS13,
    }
}

/// What the names that IANA, rustls and OpenSSL have for one suite have in common.
fn plain(name: &str) -> String {
    let name = name.trim().to_ascii_uppercase();
    let bare = name.strip_prefix("TLS13_").or_else(|| name.strip_prefix("TLS_"));
    let mut plain = bare.unwrap_or(&name).replace("WITH", "").replace(['_', '-'], "");
    if plain.ends_with("POLY1305SHA256") {
        plain.truncate(plain.len() - "SHA256".len());
    }
    plain
}

/// A provider that was turned on by its feature, else graviola.
fn default_provider() -> Result<CryptoProvider, Error> {
    #[cfg(feature = "tls-aws-lc")]
    return Ok(rustls::crypto::aws_lc_rs::default_provider());
    #[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc")))]
    return Ok(rustls::crypto::ring::default_provider());
    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    graviola()
}

/// Graviola, which would panic on a processor that lacks something.
#[cfg(all(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(any(feature = "tls-ring", feature = "tls-aws-lc"))
))]
fn graviola() -> Result<CryptoProvider, Error> {
    check(PROCESSOR)?;
    Ok(rustls_graviola::default_provider())
}

/// There is no graviola for this architecture.
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    feature = "tls-ring",
    feature = "tls-aws-lc"
)))]
fn graviola() -> Result<CryptoProvider, Error> {
    check(&[("architecture x86_64 or aarch64", || false)])
        .and_then(|()| Err(Error::invalid("security.protocol", "TLS is not there")))
}

const ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];
const ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];

/// What a processor must be able to do, each with a test for it.
#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
type Needs = [(&'static str, fn() -> bool)];

/// An error if the processor lacks something.
#[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
fn check(needs: &Needs) -> Result<(), Error> {
    let lacks: Vec<&str> = needs.iter().filter(|(_, has)| !has()).map(|(name, _)| *name).collect();
    if lacks.is_empty() {
        return Ok(());
    }
    let problem = format!(
        "TLS needs a processor with {}, which this one lacks; build kurier-client with \
         the feature tls-ring or tls-aws-lc (both need a C compiler), or set Tls::provider",
        lacks.join(", ")
    );
    Err(Error::invalid("security.protocol", problem))
}

/// What graviola needs.
#[cfg(all(target_arch = "x86_64", not(any(feature = "tls-ring", feature = "tls-aws-lc"))))]
const PROCESSOR: &Needs = &[
    ("adx", || is_x86_feature_detected!("adx")),
    ("aes", || is_x86_feature_detected!("aes")),
    ("avx", || is_x86_feature_detected!("avx")),
    ("avx2", || is_x86_feature_detected!("avx2")),
    ("bmi1", || is_x86_feature_detected!("bmi1")),
    ("bmi2", || is_x86_feature_detected!("bmi2")),
    ("pclmulqdq", || is_x86_feature_detected!("pclmulqdq")),
];

/// What graviola needs.
#[cfg(all(target_arch = "aarch64", not(any(feature = "tls-ring", feature = "tls-aws-lc"))))]
const PROCESSOR: &Needs = &[
    ("neon", || std::arch::is_aarch64_feature_detected!("neon")),
    ("aes", || std::arch::is_aarch64_feature_detected!("aes")),
    ("pmull", || std::arch::is_aarch64_feature_detected!("pmull")),
    ("sha2", || std::arch::is_aarch64_feature_detected!("sha2")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(not(any(feature = "tls-ring", feature = "tls-aws-lc")))]
    #[test]
    fn a_processor_that_lacks_something_is_an_error_that_names_the_way_out() {
        check(&[("aes", || true)]).unwrap();
        let error = check(&[("aes", || true), ("adx", || false), ("avx2", || false)]).unwrap_err();
        let text = error.to_string();
        for wanted in ["adx, avx2, which this one lacks", "tls-ring", "tls-aws-lc"] {
            assert!(text.contains(wanted), "{text}");
        }
    }

    #[test]
    fn suites_are_known_by_all_of_their_names() {
        for names in [
            ["TLS_AES_128_GCM_SHA256", "TLS13_AES_128_GCM_SHA256"],
            ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"],
            ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"],
        ] {
            assert_eq!(plain(names[0]), plain(names[1]));
            let tls = Tls { cipher_suites: vec![names[1].to_owned()], ..Tls::default() };
            assert_eq!(provider(&tls).unwrap().cipher_suites.len(), 1, "{names:?}");
        }
    }

    #[test]
    fn an_empty_choice_of_suites_is_refused() {
        let cbc = "TLS_RSA_WITH_AES_128_CBC_SHA".to_owned();
        let tls = Tls { cipher_suites: vec![cbc], ..Tls::default() };
        let text = provider(&tls).unwrap_err().to_string();
        assert!(text.starts_with("ssl.cipher.suites: names none"), "{text}");
        assert!(text.contains("TLS_AES_256_GCM_SHA384"), "{text}");
        let suites = vec!["TLS_AES_256_GCM_SHA384".to_owned()];
        let tls = Tls { cipher_suites: suites, versions: Versions::Tls12, ..Tls::default() };
        assert!(provider(&tls).is_err());
    }
}
