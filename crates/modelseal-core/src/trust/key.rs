//! A public key that a verifier accepts, and on which terms.

use core::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::SigningWindow;
use super::terms::{Terms, Versioned};
use crate::{Code, Error, PublicKey, Result, Scheme, VaultKeyRef};

/// A public key that a verifier accepts, with the one scheme it may be used with, and when and in which version.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    key: PublicKey,
    scheme: Option<Scheme>,
    name: Option<String>,
    terms: Terms,
    vault: Option<VaultKeyRef>,
    sources: Vec<PathBuf>,
}

impl TrustedKey {
    /// Trusts `key` at all times, with the scheme it implies: an EC key needs none named, any other key does, and
    /// without one nothing that it signed is accepted (`signature/scheme-not-allowed`).
    #[must_use]
    pub const fn new(key: PublicKey) -> Self {
        Self { key, scheme: None, name: None, terms: Terms::NONE, vault: None, sources: Vec::new() }
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

    /// Gives the key a name, for results and messages. Free text: escape before printing.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Says which version of its name the key is.
    #[must_use]
    pub fn with_version(mut self, number: NonZeroU32) -> Self {
        let minimum = self.terms.version.map_or(NonZeroU32::MIN, |version| version.minimum);
        self.terms.version = Some(Versioned { number, minimum });
        self
    }

    /// Refuses what the key signed (`policy/key-version`) if its version is below `minimum`. Of several minimums the
    /// highest counts.
    ///
    /// # Errors
    /// `usage/arguments` when the key has no version.
    pub fn with_min_version(mut self, minimum: NonZeroU32) -> Result<Self> {
        let Some(version) = &mut self.terms.version else {
            let message =
                format!("the minimum version needs keys with versions, and the key {} has none", self.key.id());
            return Err(Error::new(Code::UsageArguments, message)
                .with_hint("give a table of keys with versions, --key NAME.toml, or a key on a server"));
        };
        version.minimum = version.minimum.max(minimum);
        Ok(self)
    }

    /// Accepts what the key signed only while the verifier's clock shows a time in `window` (`policy/key-window`).
    #[must_use]
    pub const fn with_window(mut self, window: SigningWindow) -> Self {
        self.terms.window = window;
        self
    }

    /// Remembers the key's place on a server, which can be asked besides. It is no source of trust.
    #[must_use]
    pub fn with_vault(mut self, reference: VaultKeyRef) -> Self {
        self.vault = Some(reference);
        self
    }

    /// Remembers a file that the key came from, so that a key inside the model it judges can be refused. A key can
    /// have several: the table that names it, and its own.
    #[must_use]
    pub fn with_source(mut self, path: PathBuf) -> Self {
        self.sources.push(path);
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

    /// Its name. Free text: escape before printing.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Which version of its name it is.
    #[must_use]
    pub fn version(&self) -> Option<NonZeroU32> {
        self.terms.version.map(|version| version.number)
    }

    /// The smallest version that is accepted; `None`: the key has no version.
    #[must_use]
    pub fn min_version(&self) -> Option<NonZeroU32> {
        self.terms.version.map(|version| version.minimum)
    }

    /// When it may sign.
    #[must_use]
    pub const fn window(&self) -> SigningWindow {
        self.terms.window
    }

    /// Its place on a server.
    #[must_use]
    pub const fn vault(&self) -> Option<&VaultKeyRef> {
        self.vault.as_ref()
    }

    /// The files that it came from.
    pub fn sources(&self) -> impl Iterator<Item = &Path> {
        self.sources.iter().map(PathBuf::as_path)
    }

    pub(crate) const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What differs from the same key given again; `None` when nothing does.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        if self.scheme() != other.scheme() {
            Some("schemes")
        } else if self.terms.version != other.terms.version {
            Some("versions")
        } else if self.terms.window != other.terms.window {
            Some("signing windows")
        } else if self.name != other.name {
            Some("names")
        } else if self.vault != other.vault {
            Some("places on a server")
        } else {
            None
        }
    }
}
