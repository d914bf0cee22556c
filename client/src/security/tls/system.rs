//! The certificates that the system trusts.

use std::ffi::OsString;
use std::path::Path;

use kurier_env::Env;
use rustls::RootCertStore;
use rustls_native_certs::{CertificateResult, load_certs_from_paths, load_native_certs};

use crate::error::Error;

/// The certificates that the system trusts, or that the variables name which OpenSSL has for it,
/// and what they are in words. Mozilla's list stands in for them only where there is nothing to
/// read.
pub(super) fn system_roots(env: &Env) -> Result<(RootCertStore, Box<str>), Error> {
    let file = env.variable(FILE).filter(|file| !file.is_empty());
    let folders = env.variable(FOLDERS).filter(|folders| !folders.is_empty());
    let (setting, found) = match (&file, &folders) {
        (None, None) => (None, load_native_certs()),
        (Some(_), _) => (Some(FILE), named(file.as_deref(), folders.as_ref())),
        (None, Some(_)) => (Some(FOLDERS), named(None, folders.as_ref())),
    };
    usable(found, setting)
}

/// The certificates that were found where the setting says, if one does.
fn usable(
    found: CertificateResult,
    setting: Option<&'static str>,
) -> Result<(RootCertStore, Box<str>), Error> {
    for error in &found.errors {
        tracing::debug!(%error, "some of the system's certificates cannot be read");
    }
    let mut roots = RootCertStore::empty();
    let (count, _) = roots.add_parsable_certificates(found.certs);
    match (count, found.errors.first(), setting) {
        (0, Some(error), _) => Err(none(setting, &error.to_string())),
        (0, None, Some(_)) => Err(none(setting, "what it names has none")),
        (0, None, None) => {
            let (roots, _) = of_mozilla();
            Ok((roots, "Mozilla's list, as the system has none".into()))
        }
        (count, ..) => Ok((roots, format!("the system's {}", certificates(count)).into())),
    }
}

/// What the variables name.
fn named(file: Option<&std::ffi::OsStr>, folders: Option<&OsString>) -> CertificateResult {
    let mut found = CertificateResult::default();
    let folders = folders.into_iter().flat_map(std::env::split_paths);
    let folders = folders.filter(|folder| !folder.as_os_str().is_empty());
    let mut add = |file: Option<&Path>, folder: Option<&Path>| {
        let CertificateResult { certs, errors, .. } = load_certs_from_paths(file, folder);
        found.certs.extend(certs);
        found.errors.extend(errors);
    };
    file.into_iter().for_each(|file| add(Some(Path::new(file)), None));
    folders.for_each(|folder| add(None, Some(&folder)));
    found
}

/// There is nobody to trust: to trust others instead would be no help.
fn none(setting: Option<&'static str>, problem: &str) -> Error {
    let setting = setting.unwrap_or("ssl.truststore.location");
    Error::invalid(
        setting,
        format!(
            "no certificate that the system trusts can be read ({problem}); correct it, or set \
             ssl.truststore.location"
        ),
    )
}

/// Those that Mozilla trusts, in words too.
pub(super) fn of_mozilla() -> (RootCertStore, Box<str>) {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    (roots, "Mozilla's list".into())
}

/// So many, in words.
pub(super) fn certificates(count: usize) -> String {
    match count {
        1 => "the one certificate".to_owned(),
        count => format!("{count} certificates"),
    }
}

/// The variable that names a file of certificates.
const FILE: &str = "SSL_CERT_FILE";
/// The variable that names folders of them.
const FOLDERS: &str = "SSL_CERT_DIR";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mozillas_list_stands_in_only_where_nothing_was_named_and_nothing_failed() {
        let (roots, what) = usable(CertificateResult::default(), None).unwrap();
        assert!(!roots.is_empty() && what.starts_with("Mozilla's list"), "{what}");
        assert!(usable(CertificateResult::default(), Some(FILE)).is_err());
        let failed = load_certs_from_paths(Some(Path::new("no such file")), None);
        let text = usable(failed, None).unwrap_err().to_string();
        assert!(text.starts_with("ssl.truststore.location") && text.contains("no such"), "{text}");
    }
}
