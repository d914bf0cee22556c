//! PEM: sections of a text. *core*

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// One section.
pub(super) struct Section<'a> {
    /// What stands after `BEGIN`.
    label: &'a str,
    /// What is between its two lines.
    body: &'a str,
}

/// What a section turned out to be.
pub(super) enum Item {
    Certificate(CertificateDer<'static>),
    Key(PrivateKeyDer<'static>),
    /// PKCS#8 under a password.
    EncryptedKey(Vec<u8>),
}

/// The sections of a text. Line breaks may be missing, as in a setting that is one line.
pub(super) fn sections(text: &str) -> Vec<Section<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, begun)) = rest.split_once(BEGIN) {
        let Some((label, after)) = begun.split_once(DASHES) else { break };
        let Some((body, ended)) = after.split_once(END) else { break };
        found.push(Section { label, body });
        rest = ended;
    }
    found
}

impl Section<'_> {
    pub(super) fn is_certificate(&self) -> bool {
        self.label.ends_with("CERTIFICATE")
    }

    /// What it holds; nothing if that is neither a certificate nor a key.
    pub(super) fn read(&self) -> Result<Option<Item>, String> {
        if self.body.contains("ENCRYPTED") {
            return Err("has a key that is encrypted as OpenSSL once did; turn it into PKCS#8: \
                        openssl pkcs8 -topk8 -in OLD -out NEW"
                .to_owned());
        }
        match self.label {
            "CERTIFICATE" | "X509 CERTIFICATE" => {
                let text = self.in_lines("CERTIFICATE");
                let read = CertificateDer::from_pem_slice(text.as_bytes());
                Ok(Some(Item::Certificate(read.map_err(|error| self.broken(&error))?)))
            }
            // The two differ only in what is done with the bytes.
            "ENCRYPTED PRIVATE KEY" => match self.key("PRIVATE KEY")? {
                PrivateKeyDer::Pkcs8(der) => {
                    Ok(Some(Item::EncryptedKey(der.secret_pkcs8_der().to_vec())))
                }
                _ => Ok(None),
            },
            "PRIVATE KEY" | "RSA PRIVATE KEY" | "EC PRIVATE KEY" => {
                Ok(Some(Item::Key(self.key(self.label)?)))
            }
            _ => Ok(None),
        }
    }

    fn key(&self, label: &str) -> Result<PrivateKeyDer<'static>, String> {
        let text = self.in_lines(label);
        PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(|error| self.broken(&error))
    }

    /// The section with line breaks where they belong.
    fn in_lines(&self, label: &str) -> String {
        let mut text = format!("{BEGIN}{label}{DASHES}\n");
        for word in self.body.split_whitespace() {
            text.push_str(word);
            text.push('\n');
        }
        text + END + label + DASHES + "\n"
    }

    /// The error may hold a line of a key, so it is told only in kind.
    fn broken(&self, _: &rustls_pki_types::pem::Error) -> String {
        format!("has a section {BEGIN}{}{DASHES} that is not base64", self.label)
    }
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
