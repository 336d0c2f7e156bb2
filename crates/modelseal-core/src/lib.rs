//! OpenSSF Model Signing (OMS): formats, hashing and verification.
//!
//! No network, no async runtime, no environment, no private keys.

#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod certificate;
mod code;
mod digest;
mod error;
mod escape;
mod hash;
mod key;
mod name;
mod observer;
mod tree;

pub use certificate::{Certificate, ChainEvidence, LeafPin};
pub use code::{Code, Exit, PythonClass, UnknownCode};
pub use digest::{Digest, HashAlgorithm};
pub use error::{Error, Finding, Result};
pub use escape::escape;
pub use key::{Curve, KeyId, KeyKind, PublicKey, Scheme, ShaVariant};
pub use name::ResourceName;
pub use observer::{Event, Observer, Silent};
pub use tree::Root;
#[doc(hidden)]
pub use tree::hash_tree_for_benches;
