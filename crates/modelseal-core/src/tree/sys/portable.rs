//! Systems without `openat`: paths and the standard library. Between a check and an open a path can be swapped.

#![cfg_attr(unix, allow(dead_code, unreachable_pub, reason = "compiled for its tests"))]

use std::ffi::OsStr;
use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{Failure, Followed, Listed, refused};
use crate::tree::EntryKind;

/// A directory, by its path, or an open file.
#[derive(Debug)]
pub(in crate::tree) enum Handle {
    Directory(PathBuf),
    File(File),
}

impl Handle {
    /// Opens a model: a directory (`true`) or file (`false`). `None` for anything else, which is not opened.
    pub(in crate::tree) fn open_root(path: &Path) -> io::Result<Option<(Self, bool)>> {
        match kind(fs::metadata(path)?.file_type()) {
            // Later changes of the working directory must not move the model.
            EntryKind::Directory => Ok(Some((Self::Directory(fs::canonicalize(path)?), true))),
            EntryKind::File => Ok(Some((Self::File(File::open(path)?), false))),
            EntryKind::Special | EntryKind::Symlink => Ok(None),
        }
    }

    /// The directory at a relative path without `..`; no component may be a link.
    pub(in crate::tree) fn open_dir(&self, path: &Path) -> Result<Self, Failure> {
        let mut reached = self.path()?.to_owned();
        for component in path.components() {
            reached.push(component);
            if kind(fs::symlink_metadata(&reached).map_err(failure)?.file_type()) != EntryKind::Directory {
                return Err(Failure::Gone);
            }
        }
        Ok(Self::Directory(reached))
    }

    /// Starts to list this directory.
    pub(in crate::tree) fn list(&self, _: &mut Vec<u8>) -> Result<Listing, Failure> {
        fs::read_dir(self.path()?).map(Listing).map_err(failure)
    }

    /// What `name` in this directory is; links are not followed.
    pub(in crate::tree) fn kind_of(&self, name: &OsStr) -> Result<EntryKind, Failure> {
        Ok(kind(fs::symlink_metadata(self.path()?.join(name)).map_err(failure)?.file_type()))
    }

    /// Opens `name` in this directory, to be read.
    pub(in crate::tree) fn open_file(&self, name: &OsStr) -> Result<Self, Failure> {
        match self.kind_of(name)? {
            EntryKind::File => File::open(self.path()?.join(name)).map(Self::File).map_err(failure),
            _ => Err(Failure::Gone),
        }
    }

    /// Opens the file that the link at `path` leads to, which must lie beneath this directory, the root.
    pub(in crate::tree) fn follow(&self, path: &Path) -> Result<Followed<Self>, Failure> {
        let root = self.path()?;
        let link = root.join(path);
        if fs::read_link(&link).map_err(failure)?.components().next().is_some_and(is_absolute) {
            return Ok(Followed::Refused(refused::ABSOLUTE));
        }
        let target = match fs::canonicalize(&link) {
            Ok(target) => target,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Followed::Refused(refused::BROKEN)),
            // The kind of the loop error is not stable yet.
            Err(_) => return Ok(Followed::Refused(refused::LOOP)),
        };
        if !target.starts_with(root) {
            return Ok(Followed::Refused(refused::OUTSIDE));
        }
        match kind(fs::symlink_metadata(&target).map_err(failure)?.file_type()) {
            EntryKind::File => File::open(&target).map(|file| Followed::File(Self::File(file))).map_err(failure),
            EntryKind::Directory => Ok(Followed::Refused(refused::DIRECTORY)),
            EntryKind::Special | EntryKind::Symlink => Ok(Followed::Refused(refused::SPECIAL)),
        }
    }

    pub(in crate::tree) fn stamp(&self) -> Result<Stamp, Failure> {
        match self {
            Self::Directory(path) => fs::metadata(path),
            Self::File(file) => file.metadata(),
        }
        .map(Stamp)
        .map_err(failure)
    }

    /// Reads at an offset; 0 at the end.
    pub(in crate::tree) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let Self::File(file) = self else { return Err(io::ErrorKind::IsADirectory.into()) };
        loop {
            match read_at(file, buffer, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    fn path(&self) -> Result<&Path, Failure> {
        match self {
            Self::Directory(path) => Ok(path),
            Self::File(_) => Err(Failure::Gone),
        }
    }
}

/// A directory being listed.
pub(in crate::tree) struct Listing(fs::ReadDir);

impl Listing {
    /// The next names, at most `most`; none at the end.
    pub(in crate::tree) fn batch(&mut self, most: usize) -> Result<Vec<Listed>, Failure> {
        self.0
            .by_ref()
            .take(most)
            .map(|entry| {
                let entry = entry.map_err(failure)?;
                Ok(Listed { kind: entry.file_type().ok().map(kind), name: entry.file_name() })
            })
            .collect()
    }
}

/// What tells whether a file is still the same.
#[derive(Clone, Debug)]
pub(in crate::tree) struct Stamp(Metadata);

impl Stamp {
    pub(in crate::tree) fn size(&self) -> u64 {
        self.0.len()
    }

    pub(in crate::tree) fn is_file(&self) -> bool {
        self.0.is_file()
    }

    /// Size and times are those of `other`; file numbers are not in the standard library yet.
    pub(in crate::tree) fn same(&self, other: &Self) -> bool {
        self.0.len() == other.0.len()
            && self.0.modified().ok() == other.0.modified().ok()
            && self.0.created().ok() == other.0.created().ok()
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
}

const fn is_absolute(component: Component<'_>) -> bool {
    matches!(component, Component::Prefix(_) | Component::RootDir)
}

fn kind(file_type: FileType) -> EntryKind {
    if file_type.is_symlink() {
        EntryKind::Symlink
    } else if file_type.is_dir() {
        EntryKind::Directory
    } else if file_type.is_file() {
        EntryKind::File
    } else {
        EntryKind::Special
    }
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Failure::Gone,
        _ => Failure::Os(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn lists_opens_reads_and_follows() {
        let model = tempfile::tempdir().unwrap();
        fs::create_dir(model.path().join("d")).unwrap();
        fs::write(model.path().join("d/f"), "abc").unwrap();
        symlink("d", model.path().join("l")).unwrap();
        symlink("d/f", model.path().join("to-file")).unwrap();
        symlink("d/none", model.path().join("broken")).unwrap();
        symlink("/etc/passwd", model.path().join("absolute")).unwrap();
        let (root, directory) = Handle::open_root(model.path()).unwrap().unwrap();
        assert!(directory);

        let mut names = root.list(&mut Vec::new()).unwrap().batch(9).unwrap();
        names.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(names.len(), 5);
        assert_eq!(names[2].kind, Some(EntryKind::Directory));

        let d = root.open_dir(Path::new("d")).unwrap();
        let file = d.open_file(OsStr::new("f")).unwrap();
        let mut bytes = [0; 8];
        assert_eq!(file.read_at(&mut bytes, 1).unwrap(), 2);
        assert_eq!(&bytes[..2], b"bc");
        let stamp = file.stamp().unwrap();
        assert!(stamp.is_file() && stamp.size() == 3 && stamp.same(&file.stamp().unwrap()));
        fs::write(model.path().join("d/f"), "abcd").unwrap();
        assert!(!stamp.same(&file.stamp().unwrap()));

        assert!(matches!(root.open_dir(Path::new("l")), Err(Failure::Gone)));
        assert!(matches!(root.open_file(OsStr::new("to-file")), Err(Failure::Gone)));
        for (link, expected) in [
            ("to-file", None),
            ("l", Some(refused::DIRECTORY)),
            ("broken", Some(refused::BROKEN)),
            ("absolute", Some(refused::ABSOLUTE)),
        ] {
            let refused = match root.follow(Path::new(link)).unwrap() {
                Followed::File(_) => None,
                Followed::Refused(why) => Some(why),
            };
            assert_eq!(refused, expected, "{link}");
        }
    }
}
