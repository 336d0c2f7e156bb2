//! Sign and verify machine-learning models.
//!
//! Two verbs: [`sign_model_artifact`] and [`verify_model_artifact`]. The formats, the hashing and the verification
//! itself are in `modelseal-core`, all of which is re-exported here, so that one dependency suffices.

#![forbid(unsafe_code)]

mod ambient;
mod attest;
mod export;
mod inspect;
mod inspect_attestations;
mod inspect_file;
mod io;
mod key_table;
mod keys;
mod local_key;
mod narrow;
mod paths;
mod policy;
mod provenance;
mod server_keys;
mod sign;
mod signing_key;
mod tree;
mod trust;
mod verify;

pub use ambient::{IdentityOptions, identity_for_signing, use_identity};
pub use attest::{AttestOptions, AttestedArtifact, attest_model_artifact, read_predicate};
pub use export::export_public_keys;
pub use inspect::{Inspection, digest_model, inspect_bundle};
pub use inspect_attestations::{InspectedAttestation, InspectedAttestations, inspect_attestations_file};
pub use inspect_file::{inspect_attestations_beside, inspect_bundle_file};
pub use io::{read_bundle, write_new, write_replacing};
pub use keys::{
    load_certificates, load_private_key, load_public_key, load_signing_key, load_trusted_key, load_trusted_keys,
};
pub use local_key::{KeyType, LocalKey, Passphrase};
pub use modelseal_core::*;
pub use modelseal_http as http;
pub use modelseal_identity as identity;
pub use modelseal_vault as vault;
pub use narrow::{OpaNarrow, RegoNarrow};
pub use paths::{BundlePaths, ignored_path};
pub use policy::{
    DecisionLog, Examination, LoadedPolicy, POLICY_TEMPLATE, PolicyDraft, PolicyRequest, PolicySignOptions,
    SignedPolicy, draft_policy, examine_model, load_policy, load_policy_cases, policy_signature_path, sign_policy,
};
pub use provenance::{IssuerKeys, JobIdentity, ProvenanceMode, SignedProvenance, VerifyIdentity, named_digests};
pub use server_keys::{ServerKeys, correlation_id, notices as server_notices, with_remarks};
pub use sign::{AttestationToSign, SignOptions, SignedArtifact, sign_model_artifact};
pub use signing_key::{Opened, SigningKey};
pub use tree::{DEFAULT_BUNDLE_NAME, ModelTree, find_models};
pub use trust::{Trust, TrustRequest, TrustedFiles};
pub use verify::{
    SecondOpinion, VerifyOptions, check_files_outside, check_trust_outside, verify_model_artifact,
    verify_model_artifact_twice,
};
