//! Where a model's signature and attestations are, and what lies inside a model.

use std::path::{Component, Path, PathBuf};

use modelseal_core::{Code, Error, Result, Root};

use crate::tree::{DEFAULT_ATTESTATIONS_NAME, DEFAULT_BUNDLE_NAME};

/// The bundle and the attestation file of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundlePaths {
    /// The bundle.
    pub bundle: PathBuf,
    /// The attestation file: the bundle's path without `.sig`, plus `.attestations.jsonl`.
    pub attestations: PathBuf,
}

impl BundlePaths {
    /// `given`, or the default place: `model.sig` in a directory, the path plus `.sig` for a single file.
    #[must_use]
    pub fn of(root: &Root, given: Option<&Path>) -> Self {
        let bundle = match given {
            Some(path) => path.to_owned(),
            None if root.is_file() => with_suffix(root.path(), ".sig"),
            None => root.path().join(DEFAULT_BUNDLE_NAME),
        };
        let attestations = match bundle.extension() {
            Some(extension) if extension == "sig" => with_suffix(&bundle.with_extension(""), ".attestations.jsonl"),
            _ => with_suffix(&bundle, ".attestations.jsonl"),
        };
        Self { bundle, attestations }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    text.into()
}

/// The path of `file` relative to the model directory, `/` between components; `None` when it lies outside or the
/// model is a single file. Links in the directories above are resolved, the last component is not.
pub(crate) fn inside(root: &Root, file: &Path) -> Option<String> {
    if root.is_file() {
        return None;
    }
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = directory.canonicalize().ok()?.join(file.file_name()?);
    relative_text(file.strip_prefix(root.path().canonicalize().ok()?).ok()?)
}

/// Whether `trusted` resolves to something inside the model: then the model would judge itself.
///
/// # Errors
/// `usage/trust-inside-model`.
pub(crate) fn refuse_inside<'a>(root: &Root, trusted: impl Iterator<Item = &'a Path>) -> Result<()> {
    let Ok(model) = root.path().canonicalize() else { return Ok(()) };
    for path in trusted {
        if path.canonicalize().is_ok_and(|resolved| resolved.starts_with(&model))
            || std::path::absolute(path).is_ok_and(|absolute| absolute.starts_with(&model))
        {
            return Err(Error::new(
                Code::UsageTrustInsideModel,
                format!("`{}` lies inside the model `{}`", path.display(), root.path().display()),
            ));
        }
    }
    Ok(())
}

/// A path to ignore, as the caller wrote it, as a canonical path relative to the model. Relative paths start at
/// `base`; no link in the path is resolved.
///
/// # Errors
/// `usage/ignore-path`.
pub fn ignored_path(root: &Root, base: &Path, path: &Path) -> Result<String> {
    let refuse =
        |why: &str| Err(Error::new(Code::UsageIgnorePath, format!("the path to ignore `{}` {why}", path.display())));
    let normal = |path: &Path| -> Option<PathBuf> {
        let mut parts = PathBuf::new();
        for component in path.components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => {
                    if !parts.pop() {
                        return None;
                    }
                }
                other => parts.push(other),
            }
        }
        Some(parts)
    };
    let absolute = |path: &Path| std::path::absolute(path).ok().and_then(|path| normal(&path));
    let Some(wanted) = absolute(&base.join(path)) else { return refuse("leaves the model") };
    let roots = [absolute(root.path()), root.path().canonicalize().ok()];
    let Some(relative) = roots.iter().flatten().find_map(|root| wanted.strip_prefix(root).ok()) else {
        return refuse("leaves the model");
    };
    match relative_text(relative) {
        Some(text) if text.is_empty() => refuse("is the model itself"),
        Some(text) if text.contains(['*', '?', '[']) => refuse("contains a pattern; paths are literal"),
        Some(text) => Ok(text),
        None => refuse("is not UTF-8"),
    }
}

fn relative_text(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.components().map(|component| component.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

pub(crate) fn own_files(root: &Root, paths: &BundlePaths) -> Vec<String> {
    let mut own: Vec<String> =
        [&paths.bundle, &paths.attestations].into_iter().filter_map(|path| inside(root, path)).collect();
    if !root.is_file() {
        own.push(DEFAULT_ATTESTATIONS_NAME.to_owned());
    }
    own.sort();
    own.dedup();
    own
}
