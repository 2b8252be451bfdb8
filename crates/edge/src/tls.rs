//! TLS by certificate files, read again when they change.

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;

/// A certificate file larger than this is not one; a long chain is 10 KiB.
const FILE_BYTES: u64 = 1024 * 1024;

/// Why there is no TLS, with the file that is to blame.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("there is no file {}", .0.display())]
    Missing(PathBuf),
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)", .0.display())]
    NoCertificate(PathBuf),
    #[error("{} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)", .0.display())]
    NoKey(PathBuf),
    #[error("a certificate in {} is not valid: {why}", path.display())]
    BadCertificate { path: PathBuf, why: String },
    #[error("the private key in {} cannot be used: {why}", path.display())]
    BadKey { path: PathBuf, why: String },
    #[error("the key in {} does not fit the certificate in {}", key.display(), certificate.display())]
    Mismatch { certificate: PathBuf, key: PathBuf },
}

/// A certificate and its key, in files, and the one in use.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
}

#[derive(Debug)]
struct Current {
    certificate: PathBuf,
    key: PathBuf,
    provider: CryptoProvider,
    held: RwLock<Held>,
}

#[derive(Debug)]
struct Held {
    /// What the files held, to see a change.
    files: Files,
    certified: Arc<CertifiedKey>,
}

#[derive(Debug, PartialEq)]
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// Reads a certificate chain (the server's own first) and its private key, both PEM.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = rustls::crypto::ring::default_provider();
        let files = Files::read(certificate, key)?;
        let certified = files.certified(certificate, key, &provider)?;
        let current = Arc::new(Current {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            provider: provider.clone(),
            held: RwLock::new(Held {
                files,
                certified: Arc::new(certified),
            }),
        });
        let builder = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::BadKey {
                path: key.to_owned(),
                why: error.to_string(),
            })?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            current,
        })
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        Arc::clone(&self.config).into()
    }

    /// Looks at the files for as long as it is polled. A pair that does not load is said once and
    /// the old one stays in use; open connections keep what they have.
    pub(crate) async fn keep_fresh(&self, every: Duration) {
        let mut interval = tokio::time::interval(every);
        let mut said = String::new();
        loop {
            interval.tick().await;
            let current = Arc::clone(&self.current);
            let renewed = tokio::task::spawn_blocking(move || current.renew()).await;
            match renewed {
                Ok(Ok(true)) => {
                    said.clear();
                    let path = self.current.certificate.display();
                    tracing::info!(%path, "the certificate was renewed");
                }
                Ok(Ok(false)) => said.clear(),
                Ok(Err(error)) => {
                    let error = error.to_string();
                    if error != said {
                        tracing::warn!(error, "the certificate in use stays");
                        said = error;
                    }
                }
                Err(error) => tracing::warn!(%error, "the certificate was not looked at"),
            }
        }
    }
}

impl Current {
    /// Takes what the files hold when they have changed.
    fn renew(&self) -> Result<bool, TlsError> {
        let files = Files::read(&self.certificate, &self.key)?;
        let unchanged = self
            .held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .files
            == files;
        if unchanged {
            return Ok(false);
        }
        let certified = files.certified(&self.certificate, &self.key, &self.provider)?;
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Held {
            files,
            certified: Arc::new(certified),
        };
        Ok(true)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&held.certified))
    }
}

impl Files {
    fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(certificate)?,
            key: read(key)?,
        })
    }

    fn certified(
        &self,
        certificate: &Path,
        key: &Path,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, TlsError> {
        let bad_certificate = |why: String| TlsError::BadCertificate {
            path: certificate.to_owned(),
            why,
        };
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| bad_certificate(error.to_string()))?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(certificate.to_owned()));
        }
        let private = PrivateKeyDer::from_pem_slice(&self.key).map_err(|error| match error {
            rustls::pki_types::pem::Error::NoItemsFound => TlsError::NoKey(key.to_owned()),
            error => TlsError::BadKey {
                path: key.to_owned(),
                why: error.to_string(),
            },
        })?;
        let signing = provider
            .key_provider
            .load_private_key(private)
            .map_err(|error| TlsError::BadKey {
                path: key.to_owned(),
                why: error.to_string(),
            })?;
        let certified = CertifiedKey::new(chain, signing);
        match certified.keys_match() {
            // Unknown: this kind of key does not tell; the first handshake will.
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(certified)
            }
            Err(rustls::Error::InconsistentKeys(_)) => Err(TlsError::Mismatch {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
            }),
            Err(error) => Err(bad_certificate(error.to_string())),
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let metadata = std::fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => TlsError::Missing(path.to_owned()),
        _ => unreadable(error),
    })?;
    if metadata.len() > FILE_BYTES {
        return Err(unreadable(io::Error::other("it is larger than 1 MiB")));
    }
    std::fs::read(path).map_err(unreadable)
}
