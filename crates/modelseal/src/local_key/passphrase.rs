//! Passphrases of private keys.

use core::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use modelseal_core::{Code, Error, Result};
use zeroize::Zeroizing;

/// A passphrase: wiped when dropped, never shown.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Passphrase {
    /// Longest passphrase that is read, in bytes.
    pub const MAX_BYTES: usize = 4 * 1024;

    /// Takes the bytes as they are.
    ///
    /// # Errors
    /// `key/passphrase` when there are none, or more than [`MAX_BYTES`](Self::MAX_BYTES).
    pub fn new(bytes: impl Into<Zeroizing<Vec<u8>>>) -> Result<Self> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err(Error::new(Code::KeyPassphrase, "the passphrase is empty"));
        }
        if bytes.len() > Self::MAX_BYTES {
            return Err(Error::new(Code::KeyPassphrase, "the passphrase is longer than 4 KiB"));
        }
        Ok(Self(bytes))
    }

    /// Reads a file. One line end (LF or CRLF) at its end is not part of the passphrase; everything else is.
    ///
    /// # Errors
    /// `input/not-found`, `input/unreadable`; `key/passphrase` when it is empty or longer than 4 KiB.
    pub fn from_file(path: &Path) -> Result<Self> {
        // With room for everything that is read: a growing buffer would leave copies behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(Self::MAX_BYTES + 4));
        let limit = u64::try_from(Self::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(3);
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)).map_err(|error| {
            let code = if error.kind() == ErrorKind::NotFound { Code::InputNotFound } else { Code::InputUnreadable };
            Error::new(code, format!("passphrase file `{}` cannot be read: {error}", path.display()))
        })?;
        let end = if bytes.ends_with(b"\r\n") { 2 } else { usize::from(bytes.ends_with(b"\n")) };
        let len = bytes.len() - end;
        bytes.truncate(len);
        Self::new(bytes).map_err(|error| {
            Error::new(error.code(), format!("passphrase file `{}`: {}", path.display(), error.message()))
        })
    }

    /// The secret itself.
    pub(super) fn expose(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_stripped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            Passphrase::from_file(&path).map(|passphrase| passphrase.expose().to_vec())
        };
        assert_eq!(read(b"secret\n").unwrap(), b"secret");
        assert_eq!(read(b"secret\r\n").unwrap(), b"secret");
        assert_eq!(read(b" secret \n\n").unwrap(), b" secret \n");
        assert_eq!(read(b"secret").unwrap(), b"secret");
        assert_eq!(read(&[b'x'; 4096]).unwrap().len(), 4096);
        for bad in [&b""[..], b"\n", &[b'x'; 4097], &[b'x'; 10_000]] {
            let error = read(bad).unwrap_err();
            assert!(error.code() == Code::KeyPassphrase && !error.message().contains("xx"), "{error}");
        }
        assert_eq!(Passphrase::from_file(&dir.path().join("q")).unwrap_err().code(), Code::InputNotFound);
        assert_eq!(Passphrase::from_file(dir.path()).unwrap_err().code(), Code::InputUnreadable);
    }

    #[test]
    fn nothing_shows_it() {
        let passphrase = Passphrase::new(b"secret".to_vec()).unwrap();
        assert!(!format!("{passphrase:?} {passphrase:#?}").contains("secret"));
    }
}
