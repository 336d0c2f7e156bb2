//! Files of certificates and keys.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use modelseal_core::{Code, Error, Result};
use zeroize::Zeroizing;

/// Bundles of all public authorities have a quarter of it.
const MOST_BYTES: u64 = 1024 * 1024;

/// Systems have a few hundred authorities.
const MOST_FILES: usize = 1024;

/// Reads a regular file of at most 1 MiB; never waits on a FIFO, never reads a device. `what` names it in messages,
/// which do not hold its path: what was meant to be a path may be a secret.
///
/// # Errors
/// `input/*`.
pub(super) fn read(path: &Path, what: &str) -> Result<Zeroizing<Vec<u8>>> {
    let file = open(path).map_err(|error| unreadable(what, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(what, &error))?;
    if !metadata.is_file() {
        let kind = if metadata.is_dir() { "a directory" } else { "a FIFO, socket or device" };
        return Err(Error::new(Code::InputSpecialFile, format!("{what} names {kind} where a file is expected")));
    }
    // All at once, so that no copy of a key is left behind when the buffer grows.
    let mut bytes = Zeroizing::new(Vec::with_capacity(metadata.len().min(MOST_BYTES) as usize + 1));
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(what, &error))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::new(Code::InputLimit, format!("the file that {what} names is larger than 1 MiB")));
    }
    Ok(bytes)
}

/// The `*.pem` and `*.crt` in a directory, by name.
///
/// # Errors
/// `input/*`.
pub(super) fn list(directory: &Path, what: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(what, &error))? {
        let path = entry.map_err(|error| unreadable(what, &error))?.path();
        if path.extension().and_then(OsStr::to_str).is_some_and(|extension| matches!(extension, "pem" | "crt")) {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            let message = format!("the directory that {what} names has more than {MOST_FILES} certificate files");
            return Err(Error::new(Code::InputLimit, message));
        }
    }
    files.sort();
    Ok(files)
}

fn unreadable(what: &str, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(Code::InputNotFound, format!("what {what} names does not exist")),
        kind => Error::new(Code::InputUnreadable, format!("what {what} names cannot be read: {kind}")),
    }
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}
