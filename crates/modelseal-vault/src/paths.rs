//! Where things are, for messages and for questions about permissions.

use modelseal_core::VaultKeyRef;

use crate::{Session, Vault};

/// The API paths of a key, with mount, without namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyPaths {
    /// Reads the key.
    pub read: String,
    /// Signs.
    pub sign: String,
    /// Verifies.
    pub verify: String,
}

impl Vault {
    /// The address, without anything secret.
    #[must_use]
    pub fn address(&self) -> String {
        self.connection.resolved.client.address.to_string()
    }
}

impl Session<'_> {
    /// The paths of a key.
    #[must_use]
    pub fn paths(&self, reference: &VaultKeyRef) -> KeyPaths {
        let path = |verb| self.transit_path(verb, reference);
        KeyPaths { read: path("keys"), sign: path("sign"), verify: path("verify") }
    }
}
