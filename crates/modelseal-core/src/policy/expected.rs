//! Which artifact the verifier wants.

use super::ModelName;
use crate::{Code, Digest, Error, Manifest, Result};

/// Which artifact the verifier wants. There is no default: whoever can write the model directory can otherwise put
/// another validly signed model there.
#[derive(Clone, Debug)]
pub struct Expected {
    name: Option<ModelName>,
    digest: Option<Digest>,
}

impl Expected {
    /// The model signed under this name.
    #[must_use]
    pub const fn name(name: ModelName) -> Self {
        Self { name: Some(name), digest: None }
    }

    /// The model with this root digest, in the listed or the canonical order.
    #[must_use]
    pub const fn digest(digest: Digest) -> Self {
        Self { name: None, digest: Some(digest) }
    }

    /// The model with this name and this root digest.
    #[must_use]
    pub const fn name_and_digest(name: ModelName, digest: Digest) -> Self {
        Self { name: Some(name), digest: Some(digest) }
    }

    /// Any model. The result says so.
    #[must_use]
    pub const fn danger_any_model() -> Self {
        Self { name: None, digest: None }
    }

    pub(crate) const fn is_any_model(&self) -> bool {
        self.name.is_none() && self.digest.is_none()
    }

    /// # Errors
    /// `policy/other-model`.
    pub(crate) fn check(&self, name: &str, manifest: &Manifest) -> Result<()> {
        if let Some(expected) = self.name.as_ref().map(ModelName::as_str).filter(|&expected| expected != name) {
            return Err(other_model(format!("the signature is for the model `{name}`, expected was `{expected}`")));
        }
        let fits = |expected: &Digest| *expected == manifest.root() || *expected == manifest.canonical_root();
        if let Some(expected) = self.digest.filter(|expected| !fits(expected)) {
            let root = manifest.root();
            return Err(other_model(format!("the signature is for the digest {root}, expected was {expected}")));
        }
        Ok(())
    }
}

fn other_model(message: String) -> Error {
    Error::new(Code::PolicyOtherModel, message)
}
