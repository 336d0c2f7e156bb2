//! Looking at bundles and digests without trusting or deciding anything.

use std::path::Path;

use modelseal_core::{
    Bundle, Digest, Error, KeyId, Material, ModelStatement, Observer, Result, Root, SerializeOptions, SerializedModel,
    Unchecked, serialize_model,
};

use crate::paths::{BundlePaths, own_files};

/// What a bundle says. Nothing in it was verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// Key or certificates that it claims.
    pub material: Material,
    /// Id of the key that it claims, when it can be told.
    pub key_id: Option<KeyId>,
    /// Predicate type that the payload claims. Free text: escape before printing.
    pub predicate_type: Option<String>,
    /// SHA-256 of the payload.
    pub payload_digest: Digest,
    /// Bytes of the payload.
    pub payload_bytes: usize,
    /// The statement, or why it cannot be read.
    pub statement: Result<ModelStatement, Error>,
    /// Parts that this version would not check.
    pub unchecked: Vec<Unchecked>,
}

/// Reads a bundle without verifying it.
///
/// # Errors
/// `format/*` when it is no bundle.
pub fn inspect_bundle(bytes: &[u8]) -> Result<Inspection> {
    let bundle = Bundle::parse(bytes)?;
    Ok(Inspection {
        material: bundle.claimed_material().clone(),
        key_id: bundle.claimed_key_id(),
        predicate_type: bundle.claimed_predicate_type(),
        payload_digest: bundle.payload_digest(),
        payload_bytes: bundle.claimed_payload().len(),
        statement: bundle.claimed_statement(),
        unchecked: bundle.unchecked().to_vec(),
    })
}

/// Hashes the model at `model` as signing would; its bundle and attestations at the default place are left out.
///
/// # Errors
/// `input/*`, `usage/*`.
pub fn digest_model(model: &Path, options: &SerializeOptions, observer: &dyn Observer) -> Result<SerializedModel> {
    let root = Root::open(model)?;
    let mut options = options.clone();
    options.own_files.extend(own_files(&root, &BundlePaths::of(&root, None)));
    serialize_model(&root, &options, observer)
}
