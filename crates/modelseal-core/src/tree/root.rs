//! The model root, opened once.

use std::path::{Path, PathBuf};

use crate::Result;

/// A model on disk, opened once: every later access goes beneath this handle.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// Opens a file or directory. The last component of `path` may be a link.
    ///
    /// # Errors
    /// `input/not-found`, `input/unreadable`, `input/special-file`.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self { path: path.to_owned() })
    }

    /// The path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the model is a single file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        false
    }
}
