//! `Connector`: reads what [`Tls`] names, and encrypts streams with it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kurier_env::{Env, Io, watch};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;

use super::certificate::Certificate;
use super::config::{HostNames, Identity, Place, Store, Tls, Trust};
use super::failure::Facts;
use super::folder;
use super::material::{self, Role, blame, roles};
use super::provider::{provider, versions};
use super::stream::Encrypted;
use super::system::{certificates, of_mozilla, system_roots};
use super::verifier::{AnyHost, Noting, Stranger};
use crate::error::{Error, TlsFault};

/// Encrypts streams. Cloning shares what was read.
#[derive(Clone, Debug)]
pub(crate) struct Connector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tls: Arc<Tls>,
    env: Env,
    /// What connections are made with now. It is replaced when files have changed.
    loaded: watch::Sender<Option<Loaded>>,
}

/// An encrypted stream.
pub(crate) struct Secured {
    pub(crate) stream: Box<dyn Io>,
    /// When the first of the certificates ends that the broker has shown: seconds since 1970.
    pub(crate) certificate_end: Option<u64>,
}

/// What was made of the files.
#[derive(Clone, Debug)]
struct Loaded {
    config: Arc<ClientConfig>,
    facts: Arc<Facts>,
    /// Tells whether the files are still the same.
    print: u64,
    /// The print of files that came later and could not be used.
    refused: Option<u64>,
}

impl Connector {
    /// Nothing is read yet.
    pub(crate) fn new(tls: Tls, env: Env) -> Self {
        if tls.host_names == HostNames::DangerouslyIgnored {
            tracing::warn!("the host names in brokers' certificates are not checked");
        }
        Self(Arc::new(Inner { tls: Arc::new(tls), env, loaded: watch::Sender::default() }))
    }

    /// Reads the files, if they were not read before or have changed since. If they were read
    /// before and cannot be used now, what was read stays in use, and a warning is logged.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves all as it was.
    pub(crate) async fn load(&self) -> Result<(), Error> {
        self.current().await.map(drop)
    }

    /// Encrypts a stream to this host.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub(crate) async fn secure(
        &self,
        host: &str,
        stream: Box<dyn Io>,
    ) -> Result<Secured, TlsFault> {
        let loaded = self.current().await;
        let Loaded { config, facts, .. } =
            loaded.map_err(|error| TlsFault::Unusable(error.to_string().into()))?;
        // A name may end in the dot of the root, which no certificate has.
        let name = ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned())
            .map_err(|_| TlsFault::Unusable(format!("{host:?} is no name of a host").into()))?;
        match TlsConnector::from(config).connect(name, stream).await {
            Ok(stream) => {
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let ends = chain.iter().filter_map(|der| Certificate::read(der));
                let certificate_end = ends.map(|read| read.end).min();
                Ok(Secured { stream: Box::new(Encrypted { stream, facts }), certificate_end })
            }
            Err(error) => Err(facts.fault_of_handshake(&error)),
        }
    }

    async fn current(&self) -> Result<Loaded, Error> {
        let known = self.0.loaded.borrow().clone();
        let (print, made) = match self.contents().await {
            Ok(contents) => {
                let print = print(&contents);
                if let Some(known) = &known
                    && (known.print == print || known.refused == Some(print))
                {
                    return Ok(known.clone());
                }
                let (tls, env) = (Arc::clone(&self.0.tls), self.0.env.clone());
                (print, self.0.env.offload(move || build(&tls, &env, &contents)).await)
            }
            Err(error) => (print(&error.to_string()), Err(error)),
        };
        match (made, known) {
            (Ok((config, facts)), _) => {
                let (config, facts) = (Arc::new(config), Arc::new(facts));
                let loaded = Loaded { config, facts, print, refused: None };
                self.0.loaded.send_replace(Some(loaded.clone()));
                Ok(loaded)
            }
            (Err(error), None) => Err(error),
            (Err(_), Some(known)) if known.refused == Some(print) => Ok(known),
            (Err(error), Some(known)) => {
                tracing::warn!(%error, "certificates were not renewed; the former stay in use");
                let known = Loaded { refused: Some(print), ..known };
                self.0.loaded.send_replace(Some(known.clone()));
                Ok(known)
            }
        }
    }

    /// What is in the stores, in their order.
    async fn contents(&self) -> Result<Vec<Vec<u8>>, Error> {
        let mut contents = Vec::new();
        for (store, role) in roles(&self.0.tls.trust, self.0.tls.identity.as_ref()) {
            contents.push(match &store.place {
                Place::Text(text) => text.reveal().as_bytes().to_vec(),
                Place::File(path) => {
                    let files = self.0.env.files();
                    let mut read = files.read(path, STORE_BYTES_MAX).await;
                    if read.is_err()
                        && store.setting.is_some_and(|name| name.ends_with(".ca.location"))
                        && let Some(whole) = folder::read(files, path, STORE_BYTES_MAX).await
                    {
                        read = whole;
                    }
                    read.map_err(|error| blame(store, role, &format!("cannot be read ({error})")))?
                }
            });
        }
        Ok(contents)
    }
}

/// Makes of the contents of all stores, in the order of [`roles`], what rustls works with.
fn build(tls: &Tls, env: &Env, contents: &[Vec<u8>]) -> Result<(ClientConfig, Facts), Error> {
    let provider = provider(tls)?;
    let mut contents = contents.iter().map(Vec::as_slice);
    let (roots, trusted) = match &tls.trust {
        Trust::Store(store) => roots_of_store(store, contents.next().unwrap_or_default())?,
        Trust::Mozilla => of_mozilla(),
        Trust::System => system_roots(env)?,
    };
    let (roots, stranger) = (Arc::new(roots), Stranger::default());
    let inner = verifier(tls, roots, &provider)?;
    let noting = Arc::new(Noting { inner, stranger: Arc::clone(&stranger) });
    let wrong = |error: rustls::Error| Error::invalid("security.protocol", error.to_string());
    let builder = ClientConfig::builder_with_details(Arc::clone(&provider), clock(env))
        .with_protocol_versions(versions(tls.versions))
        .map_err(wrong)?
        .dangerous()
        .with_custom_certificate_verifier(noting);
    let config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (certificate, key) = (contents.next().unwrap_or_default(), contents.next());
            let key = certified(identity, (certificate, key), &provider)?;
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
    };
    Ok((config, Facts { trusted, has_identity: tls.identity.is_some(), stranger }))
}

fn verifier(
    tls: &Tls,
    roots: Arc<RootCertStore>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    match tls.host_names {
        HostNames::DangerouslyIgnored => {
            let algorithms = provider.signature_verification_algorithms;
            Ok(Arc::new(AnyHost { roots, algorithms }))
        }
        HostNames::Checked => {
            let builder = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
            match builder.build() {
                Ok(verifier) => Ok(verifier),
                Err(error) => Err(Error::invalid("ssl.truststore.location", error.to_string())),
            }
        }
    }
}

fn roots_of_store(store: &Store, bytes: &[u8]) -> Result<(RootCertStore, Box<str>), Error> {
    let found = material::trusted(store, bytes)?;
    let mut roots = RootCertStore::empty();
    for certificate in found {
        roots.add(certificate).map_err(|error| {
            let problem = format!("has a certificate that cannot be read ({error})");
            blame(store, Role::Trust, &problem)
        })?;
    }
    let place = match store.path() {
        Some(path) => format!("{:?}", path.display().to_string()),
        None => store.setting.unwrap_or("ssl.truststore.certificates").to_owned(),
    };
    let count = roots.len();
    Ok((roots, format!("{} of {place}", certificates(count)).into()))
}

/// The certificate of this client and its key, if they belong together.
fn certified(
    identity: &Identity,
    (certificate, key): (&[u8], Option<&[u8]>),
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Error> {
    let (chain, der) = material::identity(identity, certificate, key)?;
    let of_key = |problem: &str| match &identity.key {
        Some(store) => blame(store, Role::Key, problem),
        None => blame(&identity.certificate, Role::Certificate, problem),
    };
    let is_secp521 = is_secp521(&der);
    match CertifiedKey::from_der(chain, der, provider) {
        Ok(certified) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(of_key("has a key that does not belong to the certificate"))
        }
        Err(rustls::Error::InvalidCertificate(error)) => {
            let problem = format!("has a certificate that cannot be read ({error})");
            Err(blame(&identity.certificate, Role::Certificate, &problem))
        }
        Err(_) if is_secp521 => {
            Err(of_key("has a P-521 key, which is not supported; use RSA, P-256, P-384 or Ed25519"))
        }
        Err(_) => Err(of_key(
            "has a key that cannot be used; RSA from 2048 bits, P-256, P-384 and Ed25519 can",
        )),
    }
}

fn is_secp521(key: &PrivateKeyDer<'_>) -> bool {
    key.secret_der().windows(SECP521.len()).any(|window| window == SECP521)
}

/// Tells contents apart.
fn print(contents: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    contents.hash(&mut hasher);
    hasher.finish()
}

fn clock(env: &Env) -> Arc<dyn TimeProvider> {
    Arc::new(WallOf(env.clone()))
}

/// The wall clock of an environment.
#[derive(Debug)]
struct WallOf(Env);

impl TimeProvider for WallOf {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.wall_millis()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_millis(millis)))
    }
}

/// The largest file that is read: all CAs of the world take a tenth of it.
const STORE_BYTES_MAX: u64 = 16 << 20;
/// DER of the curve's name, 1.3.132.0.35.
const SECP521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];
