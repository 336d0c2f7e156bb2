//! What a verifier trusts: public keys and certificate anchors. Nothing is trusted by default.

mod key;
mod terms;

use core::num::NonZeroU32;
use std::path::{Path, PathBuf};

pub use key::TrustedKey;
pub use terms::SigningWindow;
pub(crate) use terms::Terms;

use crate::key::is_published_test_key;
use crate::{Certificate, Code, Error, KeyId, LeafPin, PublicKey, Result};

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
    /// `usage/arguments` when nothing is given or one key is given twice with another scheme, name, version or window;
    /// `key/test-key` for a published test key.
    pub fn new(keys: Vec<TrustedKey>, anchors: Vec<TrustedCertificate>, pin: LeafPin) -> Result<Self> {
        let trusted = Self::danger_allow_test_keys(keys, anchors, pin)?;
        let certified = trusted.anchors.iter().filter_map(|anchor| anchor.public_key().ok());
        if let Some(key) = trusted.keys.iter().map(|trusted| trusted.key().clone()).chain(certified).find(is_test_key) {
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
        let mut sources = Vec::new();
        for key in keys {
            sources.extend(key.sources().map(Path::to_owned));
            match kept.iter().find(|other| other.key() == key.key()) {
                None => kept.push(key),
                Some(other) => {
                    if let Some(what) = key.difference(other) {
                        let message = format!("the key {} is given twice, with two {what}", key.key().id());
                        return Err(Error::new(Code::UsageArguments, message)
                            .with_hint("give every key once: either its file, or the table of keys that names it"));
                    }
                }
            }
        }
        sources.extend(anchors.iter().filter_map(|anchor| anchor.source.clone()));
        Ok(Self {
            sources,
            keys: kept,
            anchors: anchors.into_iter().map(|anchor| anchor.certificate).collect(),
            pin,
            test_keys_allowed: true,
        })
    }

    /// Refuses what keys of a version below `minimum` signed (`policy/key-version`). A higher minimum that a key has
    /// already stays.
    ///
    /// # Errors
    /// `usage/arguments` when a key has no version, or certificates are trusted too, which have none either.
    pub fn with_min_key_version(mut self, minimum: NonZeroU32) -> Result<Self> {
        if !self.anchors.is_empty() {
            let message = "the minimum version needs keys with versions, and certificates have none";
            return Err(Error::new(Code::UsageArguments, message).with_hint("verify without --certificate-chain"));
        }
        self.keys = self.keys.into_iter().map(|key| key.with_min_version(minimum)).collect::<Result<_>>()?;
        Ok(self)
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
        self.keys.iter().find(|trusted| trusted.key().id() == id)
    }
}

fn is_test_key(key: &PublicKey) -> bool {
    is_published_test_key(key.id())
}

#[cfg(test)]
mod tests;
