//! Whom a TLS connection trusts.

use core::fmt;

use secrecy::SecretSlice;

/// Certificate authorities that may vouch for a server.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Roots {
    /// Those of the operating system.
    #[default]
    System,
    /// Only these, each a PEM text with one certificate or more.
    Only(Vec<Vec<u8>>),
}

/// The certificate and private key that the client shows, PEM.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientIdentity {
    /// The certificate and what leads from it to a root.
    pub certificates: Vec<u8>,
    /// The private key.
    pub key: SecretSlice<u8>,
}

impl ClientIdentity {
    /// A certificate with its key.
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

/// How TLS connections are made.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TlsConfig {
    /// Who may vouch for the server.
    pub roots: Roots,
    /// What the client shows.
    pub identity: Option<ClientIdentity>,
    /// The name that the server's certificate must have, when it is not that of the address.
    pub server_name: Option<String>,
    /// Accept every certificate.
    pub danger_skip_verify: bool,
}
