//! Verification as a chain of types: each arrow is the only way to make the next type, so no caller can skip a step.
//!
//! [`Bundle::parse`](crate::Bundle::parse) → [`Bundle::verify_signature`](crate::Bundle::verify_signature) →
//! [`SignedManifest::authorize`] → [`AuthorizedManifest::verify_files`] → [`VerifiedArtifact`].

mod artifact;
mod authorized;
mod facts;
mod files;
mod judged;
mod selection;
mod signed;
mod unsigned;

#[cfg(test)]
mod tests;

pub use artifact::{Relaxation, Uncovered, VerifiedArtifact};
pub use authorized::AuthorizedManifest;
pub use files::FileChecks;
pub(crate) use signed::check_envelope;
pub use signed::{SignedBy, SignedManifest};
