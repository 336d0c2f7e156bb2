//! What a verifier trusts: public keys and certificate anchors. Nothing is trusted by default.

use std::path::{Path, PathBuf};

use crate::key::is_published_test_key;
use crate::{Certificate, Code, Error, KeyId, LeafPin, PublicKey, Result, Scheme};

/// A public key that a verifier accepts, with the one scheme it may be used with.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    key: PublicKey,
    scheme: Option<Scheme>,
    source: Option<PathBuf>,
}

impl TrustedKey {
    /// Trusts `key`, with the scheme it implies: an EC key needs none named, any other key does, and without one
    /// nothing that it signed is accepted (`signature/scheme-not-allowed`).
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self { key, scheme: None, source: None }
    }

    /// Names the scheme.
    ///
    /// # Errors
    /// `key/unsupported` when the scheme does not fit the key.
    pub fn with_scheme(mut self, scheme: Scheme) -> Result<Self> {
        if !self.key.fits(scheme) {
            let kind = self.key.kind();
            return Err(Error::new(Code::KeyUnsupported, format!("the scheme {scheme} does not fit the key {kind}")));
        }
        self.scheme = Some(scheme);
        Ok(self)
    }

    /// Remembers the file that the key came from, so that a key inside the model it judges can be refused.
    #[must_use]
    pub fn with_source(mut self, path: PathBuf) -> Self {
        self.source = Some(path);
        self
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The scheme that signatures of this key must have.
    #[must_use]
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme.or_else(|| self.key.implied_scheme())
    }
}

/// A certificate that a verifier accepts as the end of a chain: a root, or an intermediate pinned as such.
#[derive(Clone, Debug)]
pub struct TrustedCertificate {
    certificate: Certificate,
    source: Option<PathBuf>,
}

impl TrustedCertificate {
    /// Trusts `certificate`.
    #[must_use]
    pub const fn new(certificate: Certificate) -> Self {
        Self { certificate, source: None }
    }

    /// Remembers the file that the certificate came from.
    #[must_use]
    pub fn with_source(mut self, path: PathBuf) -> Self {
        self.source = Some(path);
        self
    }
}

/// The public keys and certificate anchors that a verifier accepts. Never empty; there is no default.
#[derive(Clone, Debug)]
pub struct TrustedKeys {
    keys: Vec<TrustedKey>,
    anchors: Vec<Certificate>,
    pin: LeafPin,
    sources: Vec<PathBuf>,
    test_keys_allowed: bool,
}

impl TrustedKeys {
    /// Trusts these keys and anchors; a leaf below an anchor must also fit `pin`.
    ///
    /// # Errors
    /// `usage/arguments` when nothing is given or one key has two schemes; `key/test-key` for a published test key.
    pub fn new(keys: Vec<TrustedKey>, anchors: Vec<TrustedCertificate>, pin: LeafPin) -> Result<Self> {
        let trusted = Self::danger_allow_test_keys(keys, anchors, pin)?;
        let certified = trusted.anchors.iter().filter_map(|anchor| anchor.public_key().ok());
        if let Some(key) = trusted.keys.iter().map(|trusted| trusted.key.clone()).chain(certified).find(is_test_key) {
            return Err(Error::new(Code::KeyTestKey, format!("the key {} is a published test key", key.id())));
        }
        Ok(Self { test_keys_allowed: false, ..trusted })
    }

    /// As [`new`](Self::new), but accepts test keys whose private halves are published. For tests.
    ///
    /// # Errors
    /// `usage/arguments`.
    pub fn danger_allow_test_keys(
        keys: Vec<TrustedKey>,
        anchors: Vec<TrustedCertificate>,
        pin: LeafPin,
    ) -> Result<Self> {
        if keys.is_empty() && anchors.is_empty() {
            return Err(Error::new(Code::UsageArguments, "no trusted key or certificate was given")
                .with_hint("name what you trust with --key FILE or --certificate-chain FILE; there is no default"));
        }
        let mut kept: Vec<TrustedKey> = Vec::with_capacity(keys.len());
        for key in keys {
            match kept.iter().find(|other| other.key == key.key) {
                None => kept.push(key),
                Some(other) if other.scheme() == key.scheme() => {}
                Some(_) => {
                    let id = key.key.id();
                    return Err(Error::new(Code::UsageArguments, format!("the key {id} is given with two schemes")));
                }
            }
        }
        let sources =
            kept.iter().map(|key| &key.source).chain(anchors.iter().map(|anchor| &anchor.source)).flatten().cloned();
        Ok(Self {
            sources: sources.collect(),
            keys: kept,
            anchors: anchors.into_iter().map(|anchor| anchor.certificate).collect(),
            pin,
            test_keys_allowed: true,
        })
    }

    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &[TrustedKey] {
        &self.keys
    }

    /// The certificate anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Certificate] {
        &self.anchors
    }

    /// What a leaf must be besides.
    #[must_use]
    pub const fn pin(&self) -> &LeafPin {
        &self.pin
    }

    /// Files that the keys and anchors came from.
    pub fn sources(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(PathBuf::as_path)
    }

    /// Whether published test keys are accepted.
    #[must_use]
    pub const fn test_keys_allowed(&self) -> bool {
        self.test_keys_allowed
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<&TrustedKey> {
        self.keys.iter().find(|trusted| trusted.key.id() == id)
    }
}

fn is_test_key(key: &PublicKey) -> bool {
    is_published_test_key(key.id())
}
