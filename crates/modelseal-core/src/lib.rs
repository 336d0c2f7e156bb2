//! OpenSSF Model Signing (OMS): formats, hashing and verification.
//!
//! No network, no async runtime, no environment, no private keys: what a verifier in somebody's loader needs, and
//! nothing else. Verification is a chain of types; each step is the only way to make the next type:
//!
//! ```no_run
//! use std::path::Path;
//! use modelseal_core::{
//!     Attestations, Bundle, Expected, FileChecks, LeafPin, Policy, PublicKey, Result, Root, Silent, Timestamp,
//!     TrustedKey, TrustedKeys, VerifiedArtifact,
//! };
//!
//! fn verify(model: &Path, bundle: &[u8], public_key: &[u8], now: Timestamp) -> Result<VerifiedArtifact> {
//!     let key = TrustedKey::new(PublicKey::from_pem(public_key)?);
//!     let trusted = TrustedKeys::new(vec![key], vec![], LeafPin::default())?;
//!     let mut checks = FileChecks::default();
//!     checks.bundle = Some("model.sig".to_owned());
//!     Bundle::parse(bundle)?
//!         .verify_signature(&trusted, now)?
//!         .authorize(
//!             &Policy::any_trusted_key(),
//!             &Expected::name("acme/llama".parse()?),
//!             &Attestations::none(),
//!             now,
//!             &[],
//!         )?
//!         .verify_files(&Root::open(model)?, &checks, &Silent)
//! }
//! ```
//!
//! What weakens a check has `danger` in its name and shows in the result. Nothing has a permissive default:
//!
//! ```compile_fail
//! let _ = <modelseal_core::TrustedKeys as Default>::default();
//! ```
//!
//! ```compile_fail
//! let _ = <modelseal_core::Expected as Default>::default();
//! ```
//!
//! ```compile_fail
//! let _ = <modelseal_core::Policy as Default>::default();
//! ```
//!
//! and a bundle that was only parsed cannot be authorized:
//!
//! ```compile_fail
//! use modelseal_core::{Attestations, Bundle, Expected, Policy, Timestamp};
//!
//! fn skip(bundle: Bundle, now: Timestamp) {
//!     let (policy, expected) = (Policy::any_trusted_key(), Expected::danger_any_model());
//!     let _ = bundle.authorize(&policy, &expected, &Attestations::none(), now, &[]);
//! }
//! ```
//!
//! Extension points are three object-safe traits: [`Signer`], [`Narrow`] and [`Observer`].

#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

/// An instant; of the `jiff` crate.
pub use jiff::Timestamp;

mod attestation;
mod bundle;
mod certificate;
mod code;
mod digest;
mod dsse;
mod encoding;
mod error;
mod escape;
mod hash;
mod identity;
mod json;
mod key;
mod key_ref;
mod key_table;
mod manifest;
mod name;
mod observer;
mod policy;
mod provenance;
mod serialize;
mod signer;
mod statement;
mod tree;
mod trust;
mod verify;

pub use attestation::{AttestationEvidence, Attestations, attestation_payload, keep_attestations};
pub use bundle::{Bundle, MEDIA_TYPE, Material, Unchecked};
pub use certificate::{Certificate, ChainEvidence, LeafPin};
pub use code::{Code, Exit, PythonClass, UnknownCode};
pub use digest::{Digest, HashAlgorithm};
pub use dsse::{IN_TOTO_PAYLOAD_TYPE, Pae};
pub use error::{Error, Finding, Result};
pub use escape::escape;
pub use identity::{Claim, ClaimLevel, ClaimTable, PolicyClaim, VerifiedClaims};
#[doc(hidden)]
pub use json::parse as parse_json;
pub use key::{Curve, KeyId, KeyKind, MlDsaSet, PublicKey, Scheme, ShaVariant};
pub use key_ref::{KeyRef, VaultKeyName, VaultKeyRef, VaultPath};
pub use key_table::KeyTable;
pub use manifest::{GIT_PATHS, Manifest, ManifestFile, Method, Resource, Serialization};
pub use name::ResourceName;
pub use observer::{Event, Observer, Silent};
pub use policy::{
    ArtifactFacts, DecidedArtifact, DecidedIdentity, DecidedSignature, Decision, EvidenceFacts, Expected, Facts,
    IdentityFacts, Lint, ModelName, Narrow, NarrowInput, NarrowStage, OpaStage, Policy, PolicyCase, PolicyCases,
    PolicyFiles, PolicyRef, PolicyStatement, RegoStage, ResourceFacts, RuleResult, SignatureFacts, StageResult,
    Verdict, file_format_of_name,
};
pub use provenance::{
    BUILD_TYPE, ClaimsSource, NamedDigest, POLICY_TYPE, PROVENANCE_TYPE, Provenance, VaultFacts, Workflow,
};
pub use serialize::{SerializeOptions, SerializedModel, serialize_model};
pub use signer::Signer;
pub use statement::{LEGACY_PREDICATE_TYPE, ModelStatement, PREDICATE_TYPE, STATEMENT_TYPE};
pub use tree::Root;
#[doc(hidden)]
pub use tree::hash_tree_for_benches;
pub use trust::{SigningWindow, TrustedCertificate, TrustedKey, TrustedKeys};
pub use verify::{AuthorizedManifest, FileChecks, Relaxation, SignedBy, SignedManifest, Uncovered, VerifiedArtifact};
