//! Second opinions, which can only deny.

use core::fmt;

use serde_json::Value;

use crate::{Manifest, Result, SignedBy};

/// Which stage of a policy a [`Narrow`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NarrowStage {
    /// The Rego modules that the policy names.
    Rego,
    /// The OPA server that the policy names.
    Opa,
    /// The caller's own, which no policy names.
    Other,
}

/// A second opinion that can only deny, such as an external policy engine. It is asked after the policy itself allowed.
pub trait Narrow: fmt::Debug + Send + Sync {
    /// Which stage it is. A policy that names a stage is refused (`policy/not-supported`) when none is given for it.
    fn stage(&self) -> NarrowStage {
        NarrowStage::Other
    }

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
    pub signer: &'a SignedBy,
    /// All facts and the policy's own decision as one document in which what is unknown is null, never absent.
    pub document: &'a Value,
}
