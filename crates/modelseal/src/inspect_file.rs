//! Looking at a bundle on disk.

use std::path::Path;

use modelseal_core::{Bundle, Code, Result, Root};

use crate::inspect_attestations::{InspectedAttestations, inspect_attestations_file};
use crate::io::{Cap, read_capped};
use crate::{BundlePaths, Inspection, inspect_bundle};

/// The file of the attestations that stand beside the bundle at `path`, or beside that of the model directory `path`,
/// read without verifying them; `None` when there is none.
///
/// # Errors
/// `input/*`, `format/malformed` when it is too large.
pub fn inspect_attestations_beside(path: &Path, bundle: &Inspection) -> Result<Option<InspectedAttestations>> {
    let root = Root::open(path)?;
    let given = if root.is_file() { Some(path) } else { None };
    let attestations = BundlePaths::of(&root, given).attestations;
    match attestations.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => inspect_attestations_file(&attestations, Some(bundle)).map(Some),
        _ => Ok(None),
    }
}

/// Reads the bundle at `path`, or of the model directory `path`, without verifying it.
///
/// # Errors
/// `input/*`, `format/*` when it is no bundle.
pub fn inspect_bundle_file(path: &Path) -> Result<Inspection> {
    let bundle = match Root::open(path) {
        Ok(root) if !root.is_file() => BundlePaths::of(&root, None).bundle,
        _ => path.to_owned(),
    };
    inspect_bundle(&read_capped(&bundle, &Cap { bytes: Bundle::MAX_BYTES, code: Code::FormatMalformed })?)
}
