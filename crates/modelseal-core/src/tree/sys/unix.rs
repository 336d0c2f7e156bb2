//! Unix: everything relative to open directories.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::{Failure, Followed, Listed, link};
use crate::tree::EntryKind;

// Non-blocking: what looked like a file may have become a FIFO.
const FILE: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::NOFOLLOW);
const DIRECTORY: OFlags = FILE.union(OFlags::DIRECTORY);

/// An open file or directory.
#[derive(Debug)]
pub(in crate::tree) struct Handle(OwnedFd);

impl Handle {
    /// Opens a model: a directory (`true`) or file (`false`). `None` for anything else, which is not opened.
    pub(in crate::tree) fn open_root(path: &Path) -> io::Result<Option<(Self, bool)>> {
        // To open a device can have effects of its own.
        let directory = |stat: &Stat| match kind(FileType::from_raw_mode(stat.st_mode)) {
            Some(EntryKind::Directory) => Some(true),
            Some(EntryKind::File) => Some(false),
            _ => None,
        };
        if directory(&fs::stat(path)?).is_none() {
            return Ok(None);
        }
        let fd = fs::openat(CWD, path, FILE.difference(OFlags::NOFOLLOW), Mode::empty())?;
        let directory = directory(&fs::fstat(&fd)?);
        Ok(directory.map(|directory| (Self(fd), directory)))
    }

    /// Opens the directory at a relative path without `..`; no component may be a link. The empty path is this
    /// directory, opened again.
    pub(in crate::tree) fn open_dir(&self, path: &Path) -> Result<Self, Failure> {
        let mut components = path.components();
        let Some(first) = components.next() else { return self.step(OsStr::new(".")) };
        if components.next().is_none() {
            return self.step(first.as_os_str());
        }
        #[cfg(target_os = "linux")]
        match self.leap(path) {
            // Kernels before 5.6, and sandboxes that do not know the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            result => return result.map_err(failure),
        }
        let mut directory = self.step(first.as_os_str())?;
        for component in path.components().skip(1) {
            directory = directory.step(component.as_os_str())?;
        }
        Ok(directory)
    }

    /// Starts to list this directory, which must not have been listed through this handle before.
    #[cfg(target_os = "linux")]
    #[expect(clippy::unnecessary_wraps, reason = "the other systems can fail here")]
    pub(in crate::tree) fn list<'a>(&'a self, buffer: &'a mut Vec<u8>) -> Result<Listing<'a>, Failure> {
        buffer.clear();
        buffer.reserve_exact(LISTING_BUFFER);
        Ok(Listing(fs::RawDir::new(&self.0, buffer.spare_capacity_mut())))
    }

    /// Starts to list this directory.
    #[cfg(not(target_os = "linux"))]
    pub(in crate::tree) fn list(&self, _: &mut Vec<u8>) -> Result<Listing, Failure> {
        fs::Dir::read_from(&self.0).map(Listing).map_err(failure)
    }

    /// What `name` in this directory is; links are not followed.
    pub(in crate::tree) fn kind_of(&self, name: &OsStr) -> Result<EntryKind, Failure> {
        let stat = fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).map_err(failure)?;
        Ok(kind(FileType::from_raw_mode(stat.st_mode)).unwrap_or(EntryKind::Special))
    }

    /// Opens `name` in this directory, to be read; the caller checks that it is a file.
    pub(in crate::tree) fn open_file(&self, name: &OsStr) -> Result<Self, Failure> {
        match fs::openat(&self.0, name, FILE, Mode::empty()) {
            Ok(fd) => Ok(Self(fd)),
            // A socket took its place.
            Err(Errno::NXIO) => Err(Failure::Gone),
            Err(errno) => Err(failure(errno)),
        }
    }

    /// Opens the file that the link at `path` leads to, which must lie beneath this directory, the root.
    pub(in crate::tree) fn follow(&self, path: &Path) -> Result<Followed, Failure> {
        link::follow(self, path)
    }

    pub(in crate::tree) fn stamp(&self) -> Result<Stamp, Failure> {
        fs::fstat(&self.0).map(Stamp).map_err(failure)
    }

    /// Reads at an offset; 0 at the end.
    pub(in crate::tree) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            match rustix::io::pread(&self.0, &mut *buffer, offset) {
                Err(Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    pub(super) fn read_link(&self, name: &OsStr) -> Result<Vec<u8>, Failure> {
        fs::readlinkat(&self.0, name, Vec::new()).map(std::ffi::CString::into_bytes).map_err(failure)
    }

    /// Opens one component.
    pub(super) fn step(&self, name: &OsStr) -> Result<Self, Failure> {
        fs::openat(&self.0, name, DIRECTORY, Mode::empty()).map(Self).map_err(failure)
    }

    /// Opens a path with as few calls as the longest path allows.
    #[cfg(target_os = "linux")]
    fn leap(&self, path: &Path) -> Result<Self, Errno> {
        use rustix::fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let mut directory: Option<Self> = None;
        let mut rest = path.as_os_str().as_bytes();
        while !rest.is_empty() {
            let (piece, after) = split(rest);
            let from = directory.as_ref().map_or(&self.0, |directory| &directory.0);
            directory = Some(Self(fs::openat2(from, piece, DIRECTORY, Mode::empty(), resolve)?));
            rest = after;
        }
        directory.ok_or(Errno::NOENT)
    }
}

#[cfg(target_os = "linux")]
const LISTING_BUFFER: usize = 16 * 1024;

/// Splits a path before the kernel's limit of 4096 bytes, at a separator.
#[cfg(target_os = "linux")]
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    const LONGEST: usize = 4000;
    let cut = path.get(..LONGEST).filter(|_| path.len() > LONGEST);
    match cut.and_then(|start| start.iter().rposition(|byte| *byte == b'/')) {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (path, &[]),
    }
}

/// A directory being listed, without `.` and `..`.
#[cfg(target_os = "linux")]
pub(in crate::tree) struct Listing<'a>(fs::RawDir<'a, &'a OwnedFd>);

/// A directory being listed, without `.` and `..`.
#[cfg(not(target_os = "linux"))]
pub(in crate::tree) struct Listing(fs::Dir);

macro_rules! batch {
    () => {
        /// The next names, at most `most`; none at the end.
        pub(in crate::tree) fn batch(&mut self, most: usize) -> Result<Vec<Listed>, Failure> {
            let mut batch = Vec::with_capacity(most);
            while batch.len() < most
                && let Some(entry) = self.0.next()
            {
                let entry = entry.map_err(failure)?;
                let name = entry.file_name().to_bytes();
                if name == b"." || name == b".." {
                    continue;
                }
                if name.is_empty() || name.contains(&b'/') {
                    return Err(Failure::Os(io::Error::other("the file system returned a name that is none")));
                }
                batch.push(Listed { name: OsStr::from_bytes(name).to_owned(), kind: kind(entry.file_type()) });
            }
            Ok(batch)
        }
    };
}

#[cfg(target_os = "linux")]
impl Listing<'_> {
    batch!();
}

#[cfg(not(target_os = "linux"))]
impl Listing {
    batch!();
}

/// What tells whether a file is still the same.
#[derive(Clone, Copy, Debug)]
pub(in crate::tree) struct Stamp(Stat);

impl Stamp {
    pub(in crate::tree) fn size(&self) -> u64 {
        u64::try_from(self.0.st_size).unwrap_or(0)
    }

    pub(in crate::tree) fn is_file(&self) -> bool {
        FileType::from_raw_mode(self.0.st_mode) == FileType::RegularFile
    }

    /// Device, inode, size and both times are those of `other`.
    pub(in crate::tree) fn same(&self, other: &Self) -> bool {
        let (a, b) = (&self.0, &other.0);
        a.st_dev == b.st_dev
            && a.st_ino == b.st_ino
            && a.st_size == b.st_size
            && a.st_mtime == b.st_mtime
            && a.st_mtime_nsec == b.st_mtime_nsec
            && a.st_ctime == b.st_ctime
            && a.st_ctime_nsec == b.st_ctime_nsec
    }
}

fn kind(file_type: FileType) -> Option<EntryKind> {
    match file_type {
        FileType::RegularFile => Some(EntryKind::File),
        FileType::Directory => Some(EntryKind::Directory),
        FileType::Symlink => Some(EntryKind::Symlink),
        FileType::Unknown => None,
        _ => Some(EntryKind::Special),
    }
}

fn failure(errno: Errno) -> Failure {
    match errno {
        // ELOOP: a link took its place. FreeBSD says EMLINK.
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::MLINK => Failure::Gone,
        errno => Failure::Os(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn directories_open_beneath_and_never_through_links() {
        let model = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(model.path().join("a/b/c")).unwrap();
        std::os::unix::fs::symlink("a", model.path().join("l")).unwrap();
        let (root, directory) = Handle::open_root(model.path()).unwrap().unwrap();
        assert!(directory);
        for path in ["", "a", "a/b", "a/b/c"] {
            assert!(root.open_dir(Path::new(path)).is_ok(), "{path}");
        }
        for path in ["l", "l/b", "l/b/c", "a/x", "a/b/x"] {
            assert!(matches!(root.open_dir(Path::new(path)), Err(Failure::Gone)), "{path}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn long_paths_are_split_at_separators() {
        let path: PathBuf = std::iter::repeat_n("component", 1000).collect();
        let mut rest = path.as_os_str().as_bytes();
        let mut joined = PathBuf::new();
        while !rest.is_empty() {
            let (piece, after) = split(rest);
            assert!(piece.len() <= 4000);
            joined.push(OsStr::from_bytes(piece));
            rest = after;
        }
        assert_eq!(joined, path);
        assert_eq!(split(b"a/b"), (&b"a/b"[..], &b""[..]));
    }
}
