//! Directory trees that hold many signed models.

use std::path::{Path, PathBuf};

use modelseal_core::{Code, Error, FileChecks, Result};

use crate::io::os_text;

/// The bundle's name in a model directory.
pub const DEFAULT_BUNDLE_NAME: &str = "model.sig";

/// What a directory tree holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelTree {
    /// Directories that hold a bundle, sorted. Nothing below one of them is listed again.
    pub models: Vec<PathBuf>,
    /// Files, links and special files that belong to no model, sorted.
    pub strays: Vec<PathBuf>,
    /// Whether the search stopped early because there were too many strays.
    pub truncated: bool,
}

/// Finds the models below `root`: every directory that holds `bundle_name`. Links are not followed.
///
/// Stops at the 1001st stray; the models found until then are not all of them.
///
/// # Errors
/// `input/not-found`, `input/unreadable`, `input/limit`.
pub fn find_models(root: &Path, bundle_name: &str) -> Result<ModelTree> {
    let mut tree = ModelTree::default();
    let mut pending = vec![(root.to_owned(), 0)];
    'search: while let Some((directory, depth)) = pending.pop() {
        if depth > FileChecks::MAX_DEPTH {
            return Err(Error::new(Code::InputLimit, format!("`{}` is nested too deep", directory.display())));
        }
        if std::fs::symlink_metadata(directory.join(bundle_name)).is_ok() {
            tree.models.push(directory);
            continue;
        }
        for entry in std::fs::read_dir(&directory).map_err(|error| unreadable(&directory, &error))? {
            let entry = entry.map_err(|error| unreadable(&directory, &error))?;
            let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?;
            if kind.is_dir() {
                pending.push((entry.path(), depth + 1));
            } else if tree.strays.len() < FileChecks::MAX_FINDINGS {
                tree.strays.push(entry.path());
            } else {
                // Whoever plants files without end shall not keep the search busy.
                tree.truncated = true;
                break 'search;
            }
        }
    }
    tree.models.sort();
    tree.strays.sort();
    Ok(tree)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    let code = match error.kind() {
        std::io::ErrorKind::NotFound => Code::InputNotFound,
        _ => Code::InputUnreadable,
    };
    Error::new(code, format!("cannot read `{}`: {}", path.display(), os_text(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_belongs_to_a_model_or_is_a_stray() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for (directory, file) in
            [("a", "model.sig"), ("a/deep", "model.sig"), ("b/c", "model.sig"), ("b", "stray"), ("d", "w")]
        {
            std::fs::create_dir_all(at(directory)).unwrap();
            std::fs::write(at(directory).join(file), "").unwrap();
        }
        let tree = find_models(root.path(), DEFAULT_BUNDLE_NAME).unwrap();
        assert_eq!(tree.models, [at("a"), at("b/c")]);
        assert_eq!(tree.strays, [at("b/stray"), at("d/w")]);
        assert_eq!(find_models(&at("x"), "s").unwrap_err().code(), Code::InputNotFound);
    }

    #[test]
    fn t06_the_search_stops_at_too_many_strays() {
        // Each level holds strays and the next level; the search cannot see the lowest before it has to stop.
        let root = tempfile::tempdir().unwrap();
        let mut directory = root.path().to_owned();
        for _ in 0..3 {
            for number in 0..501 {
                std::fs::write(directory.join(number.to_string()), "").unwrap();
            }
            directory.push("below");
            std::fs::create_dir(&directory).unwrap();
        }
        std::fs::write(directory.join(DEFAULT_BUNDLE_NAME), "").unwrap();
        let tree = find_models(root.path(), DEFAULT_BUNDLE_NAME).unwrap();
        assert!(tree.truncated);
        assert_eq!((tree.strays.len(), tree.models.len()), (FileChecks::MAX_FINDINGS, 0));
    }
}
