//! OpenSSF Model Signing (OMS): formats, hashing and verification.
//!
//! No network, no async runtime, no environment, no private keys.

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
mod json;
mod key;
mod key_ref;
mod manifest;
mod name;
mod observer;
mod policy;
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
pub use key::{Curve, KeyId, KeyKind, PublicKey, Scheme, ShaVariant};
pub use key_ref::KeyRef;
pub use manifest::{GIT_PATHS, Manifest, ManifestFile, Method, Resource, Serialization};
pub use name::ResourceName;
pub use observer::{Event, Observer, Silent};
pub use policy::{Expected, ModelName, Narrow, NarrowInput, Policy};
pub use serialize::{SerializeOptions, SerializedModel, serialize_model};
pub use signer::Signer;
pub use statement::{LEGACY_PREDICATE_TYPE, ModelStatement, PREDICATE_TYPE, STATEMENT_TYPE};
pub use tree::Root;
#[doc(hidden)]
pub use tree::hash_tree_for_benches;
pub use trust::{TrustedCertificate, TrustedKey, TrustedKeys};
pub use verify::{AuthorizedManifest, FileChecks, Relaxation, SignedBy, SignedManifest, Uncovered, VerifiedArtifact};
