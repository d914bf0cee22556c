//! TLS in front of the brokers.

use std::io;
use std::sync::Arc;

use kurier_env::Io;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate::{Authority, Use, certificate_pem, key_pem};

/// Whether clients must show a certificate. Kafka: `ssl.client.auth`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// They are not asked.
    #[default]
    None,
    /// They are asked; one that is shown must be good.
    Requested,
    /// Without one there is no connection.
    Required,
}

/// A client's certificate and its key, in PEM: what `ssl.keystore.certificate.chain` and
/// `ssl.keystore.key` take.
#[derive(Clone)]
pub struct ClientCertificate {
    /// The certificate.
    pub certificate: String,
    /// The private key, as PKCS#8.
    pub key: String,
}

impl std::fmt::Debug for ClientCertificate {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate").finish_non_exhaustive()
    }
}

/// The certificates of a cluster, and what it asks of clients.
#[derive(Debug)]
pub(crate) struct Tls {
    provider: Arc<CryptoProvider>,
    authority: Authority,
    client_auth: ClientAuth,
}

/// A door that speaks TLS.
#[derive(Clone)]
pub(crate) struct TlsDoor(TlsAcceptor);

impl Tls {
    /// A new authority with a key of its own.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(crate) fn new(client_auth: ClientAuth) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls_graviola::default_provider());
        let authority = Authority::new(Arc::clone(&provider))?;
        Ok(Self { provider, authority, client_auth })
    }

    /// The certificate that clients must trust, in PEM.
    pub(crate) fn ca_pem(&self) -> String {
        certificate_pem(self.authority.certificate())
    }

    /// A certificate for a client.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(crate) fn client(&self, name: &str) -> Result<ClientCertificate, rustls::Error> {
        let issued = self.authority.issue(name, Use::Client)?;
        let certificate = certificate_pem(&issued.certificate);
        Ok(ClientCertificate { certificate, key: key_pem(&issued.key) })
    }

    /// A door with a certificate for these names and addresses.
    ///
    /// # Errors
    ///
    /// The system has no random numbers.
    pub(crate) fn door(&self, hosts: &[String]) -> Result<TlsDoor, rustls::Error> {
        let issued = self.authority.issue("kurier broker", Use::Server(hosts))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_safe_default_protocol_versions()?;
        let mut trusted = RootCertStore::empty();
        trusted.add(self.authority.certificate().clone())?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(trusted.into(), Arc::clone(&self.provider));
        let failed =
            |error: rustls::server::VerifierBuilderError| rustls::Error::General(error.to_string());
        let builder = match self.client_auth {
            ClientAuth::None => builder.with_no_client_auth(),
            ClientAuth::Requested => builder.with_client_cert_verifier(
                verifier.allow_unauthenticated().build().map_err(failed)?,
            ),
            ClientAuth::Required => {
                builder.with_client_cert_verifier(verifier.build().map_err(failed)?)
            }
        };
        let config = builder.with_single_cert(vec![issued.certificate], issued.key)?;
        Ok(TlsDoor(TlsAcceptor::from(Arc::new(config))))
    }
}

impl TlsDoor {
    /// Lets a client in that speaks TLS.
    ///
    /// # Errors
    ///
    /// It speaks something else, does not trust the brokers' certificate, or shows no good one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub(crate) async fn accept<S: Io>(&self, io: S) -> io::Result<TlsStream<S>> {
        self.0.accept(io).await
    }
}

impl std::fmt::Debug for TlsDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsDoor")
    }
}
