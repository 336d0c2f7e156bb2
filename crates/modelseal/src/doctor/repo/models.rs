//! Models without a signature.

use std::ffi::OsString;

use super::Check;
use crate::doctor::check::word;

/// Endings of files that hold weights.
const WEIGHTS: [&str; 9] =
    [".safetensors", ".gguf", ".onnx", ".pt", ".pth", ".h5", ".keras", ".tflite", "pytorch_model.bin"];

/// A warning when a directory that no bundle signs holds weights without a bundle of their own. The names are sorted.
pub(super) fn unsigned(place: &str, files: &[&OsString]) -> Option<Check> {
    let signed_alone = |file: &OsString| {
        let mut bundle = file.clone();
        bundle.push(".sig");
        files.binary_search(&&bundle).is_ok()
    };
    let holds_weights = |file: &OsString| {
        let name = file.to_string_lossy().to_ascii_lowercase();
        WEIGHTS.iter().any(|end| name.ends_with(end))
    };
    let number = files.iter().filter(|file| holds_weights(file) && !signed_alone(file)).count();
    if number == 0 {
        return None;
    }
    let place = if place.is_empty() { "." } else { place };
    // No option, whatever its name begins with.
    let argument = if place.starts_with('-') { format!("./{place}") } else { place.to_owned() };
    Some(
        Check::warning(
            "repo-unsigned-model",
            format!("a model without a signature ({})", super::count(number, "file")),
        )
        .why("whoever loads it cannot tell whether it is the one that was made")
        .fix(format!("modelseal sign {} --key KEY", word(&argument)))
        .at(place, None),
    )
}
