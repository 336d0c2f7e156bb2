//! Whom a TLS connection trusts, and what it shows.

use core::fmt;

use reqwest::ClientBuilder;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use secrecy::{ExposeSecret as _, SecretSlice};
use zeroize::Zeroizing;

use crate::HttpError;

/// Certificate authorities that may vouch for a server.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// Only these, each a PEM text with one certificate or more. They replace those of the system.
    Only(Vec<Vec<u8>>),
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("System"),
            Self::Only(texts) => write!(f, "Only({})", texts.len()),
        }
    }
}

/// The certificate and private key that the client shows, PEM.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The certificate and what leads from it to a root.
    pub certificates: Vec<u8>,
    /// The private key: PKCS#8, PKCS#1 or SEC 1, not encrypted. Wiped when dropped; what the TLS layer copied of it is
    /// not.
    pub key: SecretSlice<u8>,
}

impl ClientIdentity {
    /// A certificate with its key. Both are checked by [`Client::new`](crate::Client::new).
    #[must_use]
    pub const fn new(certificates: Vec<u8>, key: SecretSlice<u8>) -> Self {
        Self { certificates, key }
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientIdentity")
    }
}

/// How TLS connections are made: with TLS 1.2 or 1.3. Not looked at for plain HTTP and sockets.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Who may vouch for the server.
    pub roots: Roots,
    /// What the client shows.
    pub identity: Option<ClientIdentity>,
    /// The host name that the server's certificate must have, when it is not that of the address. Not together with a
    /// proxy.
    pub server_name: Option<String>,
    /// Accept every certificate.
    pub danger_skip_verify: bool,
}

impl TlsConfig {
    /// Tells the builder. Errors of [`ClientBuilder::build`] are put into words by `failure`.
    pub(crate) fn apply(&self, builder: ClientBuilder) -> Result<ClientBuilder, HttpError> {
        let mut builder = builder.tls_version_min(reqwest::tls::Version::TLS_1_2);
        match &self.roots {
            Roots::System if !self.danger_skip_verify => {}
            Roots::System => builder = no_roots(builder),
            Roots::Only(texts) => builder = builder.tls_certs_only(roots(texts)?),
        }
        if self.danger_skip_verify {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        match &self.identity {
            Some(identity) => Ok(builder.identity(identity.build()?)),
            None => Ok(builder),
        }
    }

    /// The checked server name.
    pub(crate) fn server_name(&self) -> Result<Option<&str>, HttpError> {
        let Some(name) = &self.server_name else { return Ok(None) };
        match ServerName::try_from(name.as_str()) {
            Ok(ServerName::DnsName(_)) => Ok(Some(name)),
            _ => Err(HttpError::config("the TLS server name must be a host name")),
        }
    }
}

/// Where TLS is not needed or not checked, an empty list saves reading the system's, which may not even be there.
pub(crate) fn no_roots(builder: ClientBuilder) -> ClientBuilder {
    builder.tls_certs_only([])
}

fn roots(texts: &[Vec<u8>]) -> Result<Vec<reqwest::Certificate>, HttpError> {
    if texts.is_empty() {
        return Err(HttpError::config("the list of certificate authorities is empty"));
    }
    let mut roots = Vec::new();
    for text in texts {
        for certificate in certificates(text, "the file of certificate authorities")? {
            let unusable = |_| HttpError::config("a certificate of the certificate authorities cannot be read");
            RootCertStore::empty().add(certificate.clone()).map_err(unusable)?;
            roots.push(
                reqwest::Certificate::from_der(&certificate)
                    .map_err(|_| HttpError::config("a certificate of the certificate authorities cannot be read"))?,
            );
        }
    }
    Ok(roots)
}

/// The certificates of a PEM text, at least one.
fn certificates(text: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|_| HttpError::config(format!("{what} is not PEM")))?;
    match (text.trim_ascii().is_empty(), found.is_empty()) {
        (true, _) => Err(HttpError::config(format!("{what} is empty"))),
        (_, true) => Err(HttpError::config(format!("{what} holds no PEM certificate"))),
        _ => Ok(found),
    }
}

impl ClientIdentity {
    fn build(&self) -> Result<reqwest::Identity, HttpError> {
        certificates(&self.certificates, "the client certificate")?;
        let key = self.key.expose_secret();
        if PrivateKeyDer::from_pem_slice(key).is_err() {
            let encrypted = key.windows(11).any(|part| part == b"ENCRYPTED P" || part == b"4,ENCRYPTED");
            let why = if encrypted { "is encrypted: decrypt it first" } else { "is not a PEM private key" };
            return Err(HttpError::config(format!("the client key {why}")));
        }
        // The builder takes one text, and the last key in it.
        let mut text = Zeroizing::new(Vec::with_capacity(self.certificates.len() + 1 + key.len()));
        text.extend_from_slice(&self.certificates);
        text.push(b'\n');
        text.extend_from_slice(key);
        reqwest::Identity::from_pem(&text)
            .map_err(|_| HttpError::config("the client certificate and its key are not PEM"))
    }
}
