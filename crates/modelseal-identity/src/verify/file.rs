//! Key sets in files.

use std::io::ErrorKind;
use std::path::Path;

use modelseal_core::{Code, Error, Result};

use super::key_set::MOST;
use crate::read;

/// Reads the file of a key set, for [`KeySource::Pinned`](super::KeySource::Pinned). It is not looked into.
///
/// # Errors
/// `input/not-found`, `input/unreadable`, `input/special-file`, `identity/keys-malformed` for one of more than 256 KiB.
pub fn read_jwks(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let bytes = read::capped(path, MOST + 1).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(Code::InputNotFound, format!("`{shown}` does not exist")),
        kind => Error::new(Code::InputUnreadable, format!("cannot read `{shown}`: {kind}")),
    })?;
    match bytes {
        Some(bytes) if bytes.len() > MOST => {
            Err(Error::new(Code::IdentityKeysMalformed, format!("the key set `{shown}` is larger than 256 KiB")))
        }
        Some(bytes) => Ok(bytes.to_vec()),
        None => Err(Error::new(Code::InputSpecialFile, format!("`{shown}` is not a regular file"))),
    }
}
