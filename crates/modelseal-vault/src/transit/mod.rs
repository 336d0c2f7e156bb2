//! Keys and signatures of the transit engine.

use std::collections::BTreeMap;

use jiff::Timestamp;
use modelseal_core::{Code, Error, Pae, PublicKey, Result, Scheme, Signer, VaultKeyRef};

use crate::Session;

/// One version of a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyVersion {
    /// Its public key.
    pub public_key: PublicKey,
    /// When the server made it.
    pub created: Timestamp,
}

/// A signing key of the server, all versions that it still offers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransitKey {
    /// The reference, with the mount that was used.
    pub reference: VaultKeyRef,
    /// The type in the server's words, such as `ecdsa-p256`.
    pub key_type: String,
    /// The scheme of its signatures.
    pub scheme: Scheme,
    /// By number, ascending.
    pub versions: BTreeMap<u32, KeyVersion>,
    /// The latest version.
    pub latest: u32,
    /// The oldest version whose signatures count: the higher of `min_decryption_version` and
    /// `min_encryption_version`.
    pub oldest_accepted: u32,
}

impl Session<'_> {
    /// Reads a key.
    ///
    /// # Errors
    /// `vault/key-not-found`, `vault/key-type`, `vault/key-version`, `vault/mount-not-found`, `vault/permission`, others of `vault/*`.
    pub fn read_key(&self, reference: &VaultKeyRef) -> Result<TransitKey> {
        let _ = reference;
        Err(Error::new(Code::VaultUnavailable, "to be built"))
    }

    /// Asks `transit/verify` whether `signature` over `encoding` was made by `version` of `key`.
    ///
    /// # Errors
    /// `signature/online-refused` when the server says no; `vault/*` when it could not be asked.
    pub fn verify_online(&self, key: &TransitKey, version: u32, encoding: &Pae, signature: &[u8]) -> Result<()> {
        let _ = (key, version, encoding, signature);
        Err(Error::new(Code::VaultUnavailable, "to be built"))
    }
}

/// Signs with one version of one key, through a session.
#[derive(Debug)]
pub struct VaultSigner<'a> {
    session: Session<'a>,
    key: TransitKey,
    version: u32,
    public_key: PublicKey,
}

impl<'a> VaultSigner<'a> {
    /// Reads the key and chooses the version: that of the reference, else the latest.
    ///
    /// # Errors
    /// As [`Session::read_key`].
    pub fn new(session: Session<'a>, reference: &VaultKeyRef) -> Result<Self> {
        let key = session.read_key(reference)?;
        let version = reference.version.map_or(key.latest, core::num::NonZeroU32::get);
        let public_key = key
            .versions
            .get(&version)
            .map(|version| version.public_key.clone())
            .ok_or_else(|| Error::new(Code::VaultKeyVersion, format!("the key has no version {version}")))?;
        Ok(Self { session, key, version, public_key })
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

    fn sign(&self, encodings: &[Pae]) -> Result<Vec<Vec<u8>>> {
        let _ = encodings;
        Err(Error::new(Code::VaultUnavailable, "to be built"))
    }

    fn finish(&self) -> Vec<String> {
        self.session.end()
    }
}
