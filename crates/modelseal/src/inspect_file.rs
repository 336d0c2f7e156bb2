//! Looking at a bundle on disk.

use std::path::Path;

use modelseal_core::{Bundle, Code, Result, Root};

use crate::io::{Cap, read_capped};
use crate::{BundlePaths, Inspection, inspect_bundle};

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
