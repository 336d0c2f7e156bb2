//! A directory that is opened once: everything else is opened beneath it, without following links and without waiting.

use std::io;

#[cfg(not(unix))]
pub(super) use self::portable::Directory;
#[cfg(unix)]
pub(super) use self::unix::Directory;

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Directory,
    File,
    /// A link, FIFO, socket or device, which is not opened.
    Other,
}

/// What was not there any more, or is no longer what it was listed as, is nothing.
fn or_nothing<T>(result: io::Result<T>, gone: impl Fn(&io::Error) -> bool) -> io::Result<Option<T>> {
    match result {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if gone(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::{OsStr, OsString};
    use std::fs::File;
    use std::io;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Dir, DirEntry, FileType, Mode, OFlags, openat, statat};
    use rustix::io::Errno;

    use super::{Kind, or_nothing};

    // Non-blocking: what looked like a file may have become a FIFO.
    const FILE: OFlags =
        OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::NOFOLLOW);
    const DIRECTORY: OFlags = FILE.union(OFlags::DIRECTORY);

    /// An open directory.
    pub(in super::super) struct Directory(OwnedFd);

    impl Directory {
        /// The directory that the user names; the path may end in a link.
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            Ok(Self(openat(CWD, path, DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())?))
        }

        /// Everything in it, in no order.
        pub(in super::super) fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, Kind)>>> {
            let entry = |entry: Result<DirEntry, Errno>| match entry {
                Ok(entry) => {
                    let name = OsStr::from_bytes(entry.file_name().to_bytes()).to_owned();
                    let kind = || self.kind(&name, entry.file_type());
                    (name != "." && name != "..").then(kind).map(|kind| Ok((name, kind)))
                }
                Err(errno) => Some(Err(errno.into())),
            };
            Ok(Dir::read_from(&self.0)?.filter_map(entry))
        }

        fn kind(&self, name: &OsStr, listed: FileType) -> Kind {
            // Not every file system says it in the list.
            let found = match listed {
                FileType::Unknown => statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode)),
                known => known,
            };
            match found {
                FileType::Directory => Kind::Directory,
                FileType::RegularFile => Kind::File,
                _ => Kind::Other,
            }
        }

        /// A directory in it; `None` for anything else.
        pub(in super::super) fn enter(&self, name: &OsStr) -> io::Result<Option<Self>> {
            or_nothing(openat(&self.0, name, DIRECTORY, Mode::empty()).map(Self).map_err(io::Error::from), gone)
        }

        /// A regular file in it; `None` for anything else.
        pub(in super::super) fn file(&self, name: &OsStr) -> io::Result<Option<File>> {
            let opened = openat(&self.0, name, FILE, Mode::empty()).map(File::from).map_err(io::Error::from);
            let Some(file) = or_nothing(opened, gone)? else { return Ok(None) };
            Ok(file.metadata()?.is_file().then_some(file))
        }
    }

    /// A link (which FreeBSD calls EMLINK) or a socket lies there by now, or nothing.
    fn gone(error: &io::Error) -> bool {
        let errno = Errno::from_io_error(error);
        [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::MLINK, Errno::NXIO].into_iter().any(|one| errno == Some(one))
    }
}

/// Systems without `openat`: between a check and an open a path can be swapped.
#[cfg(not(unix))]
mod portable {
    use std::ffi::{OsStr, OsString};
    use std::fs::{self, File, FileType};
    use std::io;
    use std::path::{Path, PathBuf};

    use super::{Kind, or_nothing};

    /// A directory, by its path.
    pub(in super::super) struct Directory(PathBuf);

    impl Directory {
        /// The directory that the user names; the path may end in a link.
        pub(in super::super) fn open(path: &Path) -> io::Result<Self> {
            let path = path.canonicalize()?;
            if path.is_dir() { Ok(Self(path)) } else { Err(io::ErrorKind::NotADirectory.into()) }
        }

        /// Everything in it, in no order.
        pub(in super::super) fn entries(&self) -> io::Result<impl Iterator<Item = io::Result<(OsString, Kind)>>> {
            Ok(fs::read_dir(&self.0)?.map(|entry| {
                let entry = entry?;
                Ok((entry.file_name(), kind(entry.file_type()?)))
            }))
        }

        /// A directory in it; `None` for anything else.
        pub(in super::super) fn enter(&self, name: &OsStr) -> io::Result<Option<Self>> {
            let path = self.0.join(name);
            let found = or_nothing(path.symlink_metadata(), gone)?;
            Ok(found.filter(fs::Metadata::is_dir).map(|_| Self(path)))
        }

        /// A regular file in it; `None` for anything else.
        pub(in super::super) fn file(&self, name: &OsStr) -> io::Result<Option<File>> {
            let path = self.0.join(name);
            match or_nothing(path.symlink_metadata(), gone)? {
                Some(found) if found.is_file() => or_nothing(File::open(&path), gone),
                _ => Ok(None),
            }
        }
    }

    fn kind(found: FileType) -> Kind {
        if found.is_dir() {
            Kind::Directory
        } else if found.is_file() {
            Kind::File
        } else {
            Kind::Other
        }
    }

    fn gone(error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn t09_nothing_but_files_and_directories_beneath_is_opened_even_when_it_is_swapped_after_the_listing() {
        let outer = tempfile::tempdir().unwrap();
        let here = outer.path().join("here");
        std::fs::create_dir_all(here.join("d")).unwrap();
        std::fs::write(here.join("f"), "f").unwrap();
        std::fs::write(outer.path().join("outside"), "o").unwrap();
        symlink("../outside", here.join("link")).unwrap();
        symlink("..", here.join("up")).unwrap();
        let fifo = here.join("fifo");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        let _socket = UnixListener::bind(here.join("socket")).unwrap();
        let directory = Directory::open(&here).unwrap();
        let mut entries: Vec<_> = directory.entries().unwrap().map(|entry| entry.unwrap()).collect();
        entries.sort();
        let kinds: Vec<(&str, Kind)> = entries.iter().map(|(name, kind)| (name.to_str().unwrap(), *kind)).collect();
        assert_eq!(
            kinds,
            [
                ("d", Kind::Directory),
                ("f", Kind::File),
                ("fifo", Kind::Other),
                ("link", Kind::Other),
                ("socket", Kind::Other),
                ("up", Kind::Other),
            ]
        );
        // What the names say by now does not matter: these would hang or lead out.
        for name in ["d", "fifo", "link", "socket", "up", "none"] {
            assert!(directory.file(OsStr::new(name)).unwrap().is_none(), "{name}");
        }
        for name in ["f", "fifo", "link", "socket", "up", "none"] {
            assert!(directory.enter(OsStr::new(name)).unwrap().is_none(), "{name}");
        }
        assert!(directory.file(OsStr::new("f")).unwrap().is_some());
        assert!(directory.enter(OsStr::new("d")).unwrap().is_some());
        assert!(Directory::open(&fifo).is_err());
    }
}
