//! The arguments of TLS, and words for what can be wrong with the files.

use std::path::PathBuf;

use clap::Args;
use edge::{Tls, TlsError};

use crate::failure::{Failure, Outcome};

#[derive(Debug, Args)]
pub struct TlsArgs {
    /// Serve https with this certificate: a PEM file, the server's own certificate first, then its
    /// issuers; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's private key, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
}

impl TlsArgs {
    pub fn load(&self) -> Outcome<Option<Tls>> {
        let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) else {
            return Ok(None);
        };
        Tls::load(certificate, key).map(Some).map_err(failure)
    }
}

pub fn scheme(tls: Option<&Tls>) -> &'static str {
    match tls {
        Some(_) => "https",
        None => "http",
    }
}

fn failure(error: TlsError) -> Failure {
    let help = match &error {
        TlsError::Missing(_) => "--tls-certificate and --tls-key name files that exist",
        TlsError::Unreadable { .. } => "the user that runs clash must be allowed to read it",
        TlsError::NoCertificate(_) | TlsError::BadCertificate { .. } => {
            "--tls-certificate takes a PEM file; \
             `openssl x509 -inform der -in FILE -out chain.pem` makes one of a DER file"
        }
        TlsError::NoKey(_) | TlsError::BadKey { .. } => {
            "--tls-key takes a PEM file with one unencrypted RSA, ECDSA or Ed25519 key; \
             `openssl pkey -in FILE -out key.pem` makes one"
        }
        TlsError::Mismatch { .. } => {
            "give the key that the certificate was made for; a chain begins with the server's own \
             certificate"
        }
    };
    Failure::input(error.to_string()).help(help)
}
