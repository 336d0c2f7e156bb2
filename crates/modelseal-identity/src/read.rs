//! Texts in files: tokens, facts about the machine, events.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use modelseal_core::{Code, Error, Result};
use modelseal_http::SecretString;
use zeroize::Zeroizing;

use crate::compact;

/// Reads a token of a file, without the white space around it.
///
/// # Errors
/// `identity/missing` when it cannot be read or is empty, `identity/malformed` for what is no token.
pub(crate) fn token_file(path: &Path) -> Result<SecretString> {
    let name = format!("the identity token `{}`", path.display());
    let unreadable = |error: io::Error| {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
        Error::new(Code::IdentityMissing, format!("cannot read {name}: {text}"))
            .with_hint("check where it is meant to come from, and that this user may read it")
    };
    let bytes = capped(path, compact::MOST + 2).map_err(unreadable)?;
    let bytes = bytes.ok_or_else(|| Error::new(Code::IdentityMalformed, format!("{name} is not a regular file")))?;
    trimmed(&bytes, &name)
}

/// A token of some bytes, without the white space around it.
///
/// # Errors
/// `identity/missing` when nothing is left, `identity/malformed` for what is no token. `name` is what it is called.
pub(crate) fn trimmed(bytes: &[u8], name: &str) -> Result<SecretString> {
    let bytes = bytes.trim_ascii();
    if bytes.is_empty() {
        return Err(Error::new(Code::IdentityMissing, format!("{name} is empty")));
    }
    if bytes.len() > compact::MOST {
        return Err(Error::new(Code::IdentityMalformed, format!("{name} is longer than 16 KiB")));
    }
    match str::from_utf8(bytes).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic())) {
        Some(text) => Ok(SecretString::from(text)),
        None => Err(Error::new(Code::IdentityMalformed, format!("{name} is not one line of printable ASCII"))),
    }
}

/// At most `most` bytes of a regular file, followed through links, as Kubernetes projects its tokens; `None` for
/// anything else, which could make a reader wait.
pub(crate) fn capped(path: &Path, most: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let file = open_without_waiting(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(most.min(64 * 1024)));
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(unix)]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open_without_waiting(path: &Path) -> io::Result<File> {
    File::open(path)
}
