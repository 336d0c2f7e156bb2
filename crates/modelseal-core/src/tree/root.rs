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

    /// The last component of the path, with `.` and `..` resolved; a linked root keeps the link's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.path.file_name()?.to_str()
    }

    /// Whether the model is a single file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        false
    }
}
