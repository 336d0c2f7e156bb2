//! Keys and signatures of the transit engine.

mod export;
mod key;
mod meaning;
pub(crate) mod scheme;
mod sign;
mod signature;
mod signer;
mod verify;
mod wire;

pub use export::KeyTableText;
pub use key::{KeyVersion, TransitKey};
pub(crate) use meaning::explain;
pub use signer::VaultSigner;

use modelseal_core::{Code, Error, VaultKeyRef, VaultPath};

use crate::Session;

impl Session<'_> {
    /// The mount of a key.
    fn transit_mount<'s>(&'s self, reference: &'s VaultKeyRef) -> &'s VaultPath {
        reference.mount.as_ref().unwrap_or(&self.vault.connection.resolved.transit_mount)
    }

    /// `MOUNT/VERB/NAME`.
    pub(crate) fn transit_path(&self, verb: &str, reference: &VaultKeyRef) -> String {
        format!("{}/{verb}/{}", self.transit_mount(reference), reference.key)
    }
}

/// The server broke its own protocol.
fn unexpected(message: impl AsRef<str>) -> Error {
    Error::new(Code::VaultAnswer, message)
}

/// The beginning of a text of the server's, for a message.
fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}
