//! The server's key as a signer.

use core::num::NonZeroU32;

use modelseal_core::{Pae, PublicKey, Result, Scheme, Signer, VaultKeyRef};

use super::TransitKey;
use crate::{Login, Session};

/// Signs with one version of one key, through a session.
#[derive(Debug)]
pub struct VaultSigner<'a> {
    session: Session<'a>,
    key: TransitKey,
    version: u32,
    public_key: PublicKey,
}

impl<'a> VaultSigner<'a> {
    /// Reads the key and chooses the version: that of the reference, else the latest. It stays the same however often
    /// the key is rotated meanwhile.
    ///
    /// # Errors
    /// As [`Session::read_key`].
    pub fn new(session: Session<'a>, reference: &VaultKeyRef) -> Result<Self> {
        match chosen(&session, reference) {
            Ok((key, version, public_key)) => Ok(Self { session, key, version, public_key }),
            // Not left to the drop, which could not say what came of it.
            Err(error) => Err(session.refused(error)),
        }
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &TransitKey {
        &self.key
    }

    /// The version that signs.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// How the session came by its token.
    #[must_use]
    pub const fn login(&self) -> &Login {
        self.session.login()
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session<'a> {
        &self.session
    }
}

impl Signer for VaultSigner<'_> {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn scheme(&self) -> Scheme {
        self.key.scheme
    }

    fn key_version(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.version)
    }

    fn sign(&self, encodings: &[Pae]) -> Result<Vec<Vec<u8>>> {
        self.session.sign_all(&self.key, self.version, encodings)
    }

    fn finish(&self) -> Vec<String> {
        let mut notes = self.session.warnings();
        notes.extend(self.session.end());
        notes
    }
}

fn chosen(session: &Session<'_>, reference: &VaultKeyRef) -> Result<(TransitKey, u32, PublicKey)> {
    let key = session.read_key(reference)?;
    let version = reference.version.map_or(key.latest, NonZeroU32::get);
    let public_key = key.accepted(version)?.public_key.clone();
    Ok((key, version, public_key))
}
