//! The extension module `modelseal._native`: the façade with Python values at its edges.
//!
//! The Python package wraps it; nothing here is public API by itself.

#![forbid(unsafe_code)]

mod arguments;
mod artifacts;
mod attest;
mod command;
mod errors;
mod export;
mod identity;
mod observer;
mod records;
mod server;
mod sign;
mod verify;

/// The native half of the package `modelseal`.
#[pyo3::pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use crate::artifacts::{AttestedArtifact, SignedArtifact, VerifiedArtifact};
    #[pymodule_export]
    use crate::attest::attest_model_artifact;
    #[pymodule_export]
    use crate::command::main;
    #[pymodule_export]
    use crate::errors::{Finding, codes};
    #[pymodule_export]
    use crate::export::export_public_keys;
    #[pymodule_export]
    use crate::identity::{actions_token, identity_token};
    #[pymodule_export]
    use crate::records::{Attestation, Certificate, Progress, Provenance, Resource, Serialization, Uncovered};
    #[pymodule_export]
    use crate::server::Secret;
    #[pymodule_export]
    use crate::sign::sign_model_artifact;
    #[pymodule_export]
    use crate::verify::verify_model_artifact;

    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python packages use")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
