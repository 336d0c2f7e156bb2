//! Who may sign what, and which artifact the verifier wants.

use core::str::FromStr;

use crate::{Code, Digest, Error, Manifest, Result};

/// Who may sign which artifact.
#[derive(Clone, Debug)]
pub struct Policy(Rules);

#[derive(Clone, Copy, Debug)]
enum Rules {
    AnyTrustedKey,
}

impl Policy {
    /// Whoever holds a trusted key may sign anything: what `--key` means.
    #[must_use]
    pub const fn any_trusted_key() -> Self {
        Self(Rules::AnyTrustedKey)
    }

    pub(crate) const fn is_any_trusted_key(&self) -> bool {
        matches!(self.0, Rules::AnyTrustedKey)
    }
}

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

/// A model name that can be asked for and that policies can match: parts of letters, digits, `.`, `_`, `-`, separated
/// by `/`; no part is `.` or `..`; at most 255 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelName(String);

impl ModelName {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelName {
    type Err = Error;

    /// # Errors
    /// `usage/name`.
    fn from_str(text: &str) -> Result<Self> {
        let part_is_plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        };
        if text.len() <= 255 && text.split('/').all(part_is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::new(Code::UsageName, format!("`{text}` is not a model name")))
        }
    }
}

/// A second opinion that can only deny, such as an external policy engine.
pub trait Narrow {
    /// Allows with `Ok`, denies with an error.
    ///
    /// # Errors
    /// The reason for the denial.
    fn decide(&self, input: &NarrowInput<'_>) -> Result<()>;
}

/// What a [`Narrow`] gets to see: verified facts only.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NarrowInput<'a> {
    /// The signed model name.
    pub name: &'a str,
    /// The signed manifest.
    pub manifest: &'a Manifest,
    /// Who signed.
    pub signer: &'a crate::SignedBy,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["llama", "acme/llama-7b.v2", "a_b", "A/B/C", "..a", &"x".repeat(255)] {
            assert!(good.parse::<ModelName>().is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a//b", ".", "a/..", "a b", "é", "a\n", "a:b", &"x".repeat(256)] {
            assert!(bad.parse::<ModelName>().is_err(), "{bad}");
        }
    }
}
