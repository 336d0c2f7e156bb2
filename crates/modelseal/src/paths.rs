//! Where a model's signature and attestations are, and what lies inside a model.

use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use modelseal_core::{Code, Error, Result, Root};

use crate::io::unreadable;
use crate::tree::DEFAULT_BUNDLE_NAME;

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
        Self::beside(bundle)
    }

    /// The attestations beside this bundle.
    pub(crate) fn beside(bundle: PathBuf) -> Self {
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

/// Refuses files of the verifier or signer that the model could hold or redirect: it would judge itself, or be signed
/// with its own key.
///
/// # Errors
/// `usage/trust-inside-model`; `input/*` when a path cannot be followed.
pub(crate) fn refuse_inside<'a>(root: &Root, files: impl Iterator<Item = &'a Path>) -> Result<()> {
    let mut files = files.peekable();
    if files.peek().is_none() {
        return Ok(());
    }
    let model = root.path().canonicalize().map_err(|error| unreadable(root.path(), &error))?;
    for path in files {
        if passes_through(path, &model).map_err(|error| unreadable(path, &error))? {
            return Err(Error::new(
                Code::UsageTrustInsideModel,
                format!("`{}` lies inside the model `{}`", path.display(), root.path().display()),
            ));
        }
    }
    Ok(())
}

/// Whether any step on the way to `path`, links included, lies in `model`, which is canonical. The end alone would not
/// do: a link in the model may lead out of it today, and elsewhere tomorrow.
fn passes_through(path: &Path, model: &Path) -> io::Result<bool> {
    const MOST_LINKS: usize = 40;
    let mut at = std::env::current_dir()?.canonicalize()?;
    let mut links = 0;
    let mut rest: Vec<OsString> = components_reversed(path);
    while let Some(component) = rest.pop() {
        match Path::new(&component).components().next() {
            None | Some(Component::CurDir) => continue,
            Some(Component::ParentDir) => {
                at.pop();
                continue;
            }
            Some(Component::RootDir | Component::Prefix(_)) => {
                at.push(&component);
                continue;
            }
            Some(Component::Normal(_)) => at.push(&component),
        }
        if at.starts_with(model) && (at != model || rest.is_empty()) {
            return Ok(true);
        }
        if at.symlink_metadata()?.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(io::Error::other("too many links"));
            }
            let target = std::fs::read_link(&at)?;
            at.pop();
            rest.extend(components_reversed(&target));
        }
    }
    Ok(false)
}

fn components_reversed(path: &Path) -> Vec<OsString> {
    path.components().rev().map(|component| component.as_os_str().to_owned()).collect()
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
    [&paths.bundle, &paths.attestations].into_iter().filter_map(|path| inside(root, path)).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_way_through_the_model_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        std::fs::create_dir_all(at("model/d")).unwrap();
        std::fs::create_dir_all(at("keys/d")).unwrap();
        for file in ["model/k", "model/d/k", "keys/k", "keys/d/k"] {
            std::fs::write(at(file), "").unwrap();
        }
        symlink("../keys/k", at("model/out")).unwrap();
        symlink("../keys/d", at("model/away")).unwrap();
        symlink("model", at("alias")).unwrap();
        symlink("model/out", at("twice")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let check = |model: &str, key: &str| {
            let root = Root::open(&at(model)).unwrap();
            refuse_inside(&root, [at(key).as_path()].into_iter()).map_err(|error| error.code())
        };
        for model in ["model", "alias"] {
            for inside in [
                "model/k",
                "model/d/k",
                "model/out",
                "model/away/k",
                "alias/k",
                "alias/out",
                "twice",
                "keys/../model/k",
            ] {
                assert_eq!(check(model, inside), Err(Code::UsageTrustInsideModel), "{model} {inside}");
            }
            for outside in ["keys/k", "model/../keys/k", "keys/d/../k"] {
                assert_eq!(check(model, outside), Ok(()), "{model} {outside}");
            }
            assert_eq!(check(model, "loop"), Err(Code::InputUnreadable));
            assert_eq!(check(model, "nothing"), Err(Code::InputNotFound));
        }
        assert_eq!(check("keys/k", "keys/k"), Err(Code::UsageTrustInsideModel));
        assert_eq!(check("keys/k", "model/k"), Ok(()));
    }
}
