//! Models without a signature.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use crate::DEFAULT_BUNDLE_NAME;

/// Endings of files that hold weights.
const WEIGHTS: [&str; 9] =
    [".safetensors", ".gguf", ".onnx", ".pt", ".pth", ".h5", ".keras", ".tflite", "pytorch_model.bin"];

/// A warning for each directory that holds weights, and no bundle here or above.
pub(super) fn unsigned(files: &[String]) -> Vec<Check> {
    let bundles: BTreeSet<&str> = files.iter().filter_map(|file| of_bundle(file)).collect();
    let mut models: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files.iter().filter(|file| WEIGHTS.iter().any(|end| file.to_ascii_lowercase().ends_with(end))) {
        let directory = directory_of(file);
        let alone = format!("{file}.sig");
        let signed = files.binary_search(&alone).is_ok() || above(directory).any(|parent| bundles.contains(parent));
        if !signed {
            *models.entry(directory).or_default() += 1;
        }
    }
    let warn = |(directory, number): (&str, usize)| {
        let place = if directory.is_empty() { "." } else { directory };
        Check::warning("repo-unsigned-model", format!("a model without a signature ({})", super::count(number, "file")))
            .why("whoever loads it cannot tell whether it is the one that was made")
            .fix(format!("modelseal sign {} --key KEY", crate::doctor::check::word(place)))
            .at(place, None)
    };
    models.into_iter().map(warn).collect()
}

/// The directory that a bundle signs.
fn of_bundle(file: &str) -> Option<&str> {
    let directory = file.strip_suffix(DEFAULT_BUNDLE_NAME)?;
    if directory.is_empty() { Some("") } else { directory.strip_suffix('/') }
}

fn directory_of(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// The directory, and those that it lies in.
fn above(directory: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(directory), |directory| (!directory.is_empty()).then(|| directory_of(directory)))
}
