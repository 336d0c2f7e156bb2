//! The model root, opened once.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::sys::Handle;
use crate::{Code, Error, Result};

/// A model on disk, opened once: every later access goes beneath this handle.
#[derive(Debug)]
pub struct Root {
    path: PathBuf,
    name: Option<String>,
    handle: Arc<Handle>,
    is_file: bool,
}

impl Root {
    /// Opens a file or directory. The last component of `path` may be a link.
    ///
    /// # Errors
    /// `input/not-found`, `input/unreadable`, `input/special-file`.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        match Handle::open_root(path) {
            Ok(Some((handle, directory))) => {
                Ok(Self { path: path.to_owned(), name: own_name(path), handle: Arc::new(handle), is_file: !directory })
            }
            Ok(None) => Err(Error::new(Code::InputSpecialFile, format!("`{shown}` is neither a file nor a directory"))
                .with_hint("name a file or a directory")),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                Err(Error::new(Code::InputNotFound, format!("there is no model at `{shown}`")))
            }
            Err(error) => Err(Error::new(Code::InputUnreadable, format!("`{shown}` cannot be read: {error}"))),
        }
    }

    /// The path as given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The model's own name, not escaped: the last component of the path, of the directory meant by `.` and `..`.
    ///
    /// `None` for `/` and for a name that is not UTF-8. A link keeps its own name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether the model is a single file.
    #[must_use]
    pub const fn is_file(&self) -> bool {
        self.is_file
    }

    pub(super) const fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }
}

fn own_name(path: &Path) -> Option<String> {
    match path.components().next_back() {
        Some(Component::Normal(name)) => name.to_str().map(str::to_owned),
        _ => fs::canonicalize(path).ok()?.file_name()?.to_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: impl AsRef<Path>) -> (Code, String) {
        let error = Root::open(path.as_ref()).unwrap_err();
        (error.code(), error.message().to_owned())
    }

    #[test]
    fn the_name_is_that_of_the_directory_meant() {
        let outer = tempfile::tempdir().unwrap();
        let model = outer.path().join("model");
        fs::create_dir_all(model.join("d")).unwrap();
        fs::write(model.join("f.bin"), "x").unwrap();
        let name = |path: &Path| Root::open(path).unwrap().name().map(str::to_owned);
        for path in ["", ".", "d/..", "./", "d/../."] {
            assert_eq!(name(&model.join(path)).as_deref(), Some("model"), "{path}");
        }
        let file = Root::open(&model.join("f.bin")).unwrap();
        assert_eq!((file.name(), file.is_file(), file.path()), (Some("f.bin"), true, &*model.join("f.bin")));
        assert_eq!(name(Path::new("/")), None);
        let here = std::env::current_dir().unwrap();
        assert_eq!(name(Path::new(".")).as_deref(), here.file_name().unwrap().to_str());
    }

    #[test]
    fn what_is_no_model_is_refused_by_name() {
        let outer = tempfile::tempdir().unwrap();
        let file = outer.path().join("f\n");
        fs::write(&file, "x").unwrap();
        assert_eq!(refusal(outer.path().join("none")).0, Code::InputNotFound);
        assert_eq!(refusal(""), (Code::InputNotFound, "there is no model at ``".to_owned()));
        let (code, message) = refusal(file.join("below"));
        assert_eq!(code, Code::InputNotFound);
        assert!(message.contains("f\\n/below"), "{message}");
        let (code, message) = refusal("x".repeat(5000));
        assert_eq!(code, Code::InputUnreadable);
        assert!(message.contains("too long"), "{message}");
    }

    #[cfg(unix)]
    #[test]
    fn links_to_models_keep_their_name_and_special_files_do_not_hang() {
        use std::os::unix::fs::symlink;
        use std::os::unix::net::UnixListener;

        let outer = tempfile::tempdir().unwrap();
        let model = outer.path().join("model");
        fs::create_dir(&model).unwrap();
        symlink("model", outer.path().join("link")).unwrap();
        let link = Root::open(&outer.path().join("link")).unwrap();
        assert_eq!((link.name(), link.is_file()), (Some("link"), false));

        let fifo = outer.path().join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(refusal(&fifo).0, Code::InputSpecialFile);
        let _socket = UnixListener::bind(outer.path().join("s")).unwrap();
        assert_eq!(refusal(outer.path().join("s")).0, Code::InputSpecialFile);
        assert_eq!(refusal("/dev/null").0, Code::InputSpecialFile);
        symlink("gone", outer.path().join("broken")).unwrap();
        assert_eq!(refusal(outer.path().join("broken")).0, Code::InputNotFound);
        symlink("loop", outer.path().join("loop")).unwrap();
        assert_eq!(refusal(outer.path().join("loop")).0, Code::InputUnreadable);
    }
}
