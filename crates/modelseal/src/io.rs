//! Reading with a size cap, writing all or nothing.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use modelseal_core::{Bundle, Code, Error, Result};

/// What to say of a file that is too large.
pub(crate) struct Cap {
    pub(crate) bytes: usize,
    pub(crate) code: Code,
}

/// Reads a whole file of at most `cap` bytes. Never waits on a FIFO, never reads a device.
///
/// # Errors
/// `input/not-found`, `input/unreadable`, `input/special-file`, and the cap's code.
pub(crate) fn read_capped(path: &Path, cap: &Cap) -> Result<Vec<u8>> {
    let shown = path.display();
    let failed = |error: io::Error| unreadable(path, &error);
    let file = open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Error::new(Code::InputUnreadable, format!("`{shown}` is a directory where a file is expected")));
    }
    if !metadata.is_file() {
        return Err(Error::new(Code::InputSpecialFile, format!("`{shown}` is a FIFO, socket or device")));
    }
    let too_large = || Error::new(cap.code, format!("`{shown}` is larger than the limit of {} bytes", cap.bytes));
    if metadata.len() > cap.bytes as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.take(cap.bytes as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > cap.bytes { Err(too_large()) } else { Ok(bytes) }
}

/// Why a path cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Error {
    let shown = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Error::new(Code::InputNotFound, format!("`{shown}` does not exist")),
        _ => Error::new(Code::InputUnreadable, format!("cannot read `{shown}`: {}", os_text(error))),
    }
}

/// Reads and parses the bundle at `path`.
///
/// # Errors
/// `artifact/unsigned` when there is none, `input/*`, `format/*`.
pub fn read_bundle(path: &Path) -> Result<Bundle> {
    let cap = Cap { bytes: Bundle::MAX_BYTES, code: Code::FormatMalformed };
    let bytes = read_capped(path, &cap).map_err(|error| match error.code() {
        Code::InputNotFound => {
            Error::new(Code::ArtifactUnsigned, format!("there is no signature at `{}`", path.display()))
        }
        _ => error,
    })?;
    Bundle::parse(&bytes)
}

/// Writes a file that must not exist yet. With `secret`, only its owner may read it.
///
/// # Errors
/// `output/exists`, `output/unwritable`; then no file is left behind.
pub fn write_new(path: &Path, bytes: &[u8], secret: bool) -> Result<()> {
    let temporary = write_temporary(path, bytes, secret)?;
    temporary.persist_noclobber(path).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => unwritable(path, &error.error),
    })?;
    sync_directory(path);
    Ok(())
}

/// Writes a file, replacing what is there in one step: readers see the old bytes or the new, never a part.
///
/// # Errors
/// `output/unwritable`; then what was there is untouched.
pub fn write_replacing(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = write_temporary(path, bytes, false)?;
    temporary.persist(path).map_err(|error| unwritable(path, &error.error))?;
    sync_directory(path);
    Ok(())
}

/// Removes a file of ours.
///
/// # Errors
/// `output/unwritable`.
pub(crate) fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).map_err(|error| unwritable(path, &error))
}

/// Refuses early what [`write_replacing`] would refuse after the work.
///
/// # Errors
/// `output/unwritable`.
pub(crate) fn check_directory(path: &Path) -> Result<()> {
    let directory = directory_of(path);
    match std::fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() && is_writable(directory) => Ok(()),
        Ok(metadata) if metadata.is_dir() => Err(Error::new(
            Code::OutputUnwritable,
            format!("cannot write `{}`: the directory is not writable", path.display()),
        )),
        Ok(_) => Err(Error::new(
            Code::OutputUnwritable,
            format!("cannot write `{}`: `{}` is not a directory", path.display(), directory.display()),
        )),
        Err(error) => Err(unwritable(path, &error)),
    }
}

pub(crate) fn exists(path: &Path) -> Error {
    Error::new(Code::OutputExists, format!("`{}` exists", path.display()))
}

/// The system's words for an error, lower case and without its number.
pub(crate) fn os_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

fn write_temporary(path: &Path, bytes: &[u8], secret: bool) -> Result<tempfile::NamedTempFile> {
    let failed = |error: io::Error| unwritable(path, &error);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".modelseal-").suffix(".tmp");
    if !secret {
        readable_by_all(&mut builder);
    }
    let mut temporary = builder.tempfile_in(directory_of(path)).map_err(failed)?;
    temporary.write_all(bytes).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    Ok(temporary)
}

/// The directory entry must reach the disk too; where directories cannot be synced the rename has to do.
fn sync_directory(path: &Path) {
    if let Ok(directory) = File::open(directory_of(path)) {
        let _ = directory.sync_all();
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::new(Code::OutputUnwritable, format!("cannot write `{}`: {}", path.display(), os_text(error)))
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

#[cfg(unix)]
fn is_writable(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_writable(_: &Path) -> bool {
    true
}

#[cfg(unix)]
fn readable_by_all(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt as _;
    // The process's umask takes away what the user does not want to give.
    builder.permissions(std::fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn readable_by_all(_: &mut tempfile::Builder<'_, '_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_overwritten_and_nothing_is_left_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        write_new(&path, b"one", true).unwrap();
        assert_eq!(write_new(&path, b"two", true).unwrap_err().code(), Code::OutputExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"one");
        write_replacing(&path, b"three").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let nowhere = directory.path().join("no/such");
        assert_eq!(write_replacing(&nowhere, b"").unwrap_err().code(), Code::OutputUnwritable);
        assert_eq!(check_directory(&nowhere).unwrap_err().code(), Code::OutputUnwritable);
    }

    #[test]
    #[cfg(unix)]
    fn secrets_are_for_their_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("key");
        write_new(&path, b"", true).unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn reading_is_capped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("f");
        std::fs::write(&path, b"1234").unwrap();
        let cap = |bytes| Cap { bytes, code: Code::FormatMalformed };
        assert_eq!(read_capped(&path, &cap(4)).unwrap(), b"1234");
        assert_eq!(read_capped(&path, &cap(3)).unwrap_err().code(), Code::FormatMalformed);
        assert_eq!(read_capped(directory.path(), &cap(3)).unwrap_err().code(), Code::InputUnreadable);
        assert_eq!(read_capped(&directory.path().join("x"), &cap(3)).unwrap_err().code(), Code::InputNotFound);
    }
}
