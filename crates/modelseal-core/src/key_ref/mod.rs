//! Key references: where a key is.

mod vault;

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

pub use vault::{VaultKeyName, VaultKeyRef, VaultPath};

use crate::{Code, Error, Result, Scheme};

/// Where a key is, and which scheme it is used with.
///
/// A text without scheme is a path; `file:PATH?scheme=S` names the one signature scheme of the key, which keys other
/// than ECDSA need; `hashivault://` and `openbao://` lead to a [`VaultKeyRef`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyRef {
    /// A PEM file.
    File {
        /// Its path.
        path: PathBuf,
        /// The one scheme of the key, when named.
        scheme: Option<Scheme>,
    },
    /// A key in the transit engine of Vault or OpenBao.
    Vault(VaultKeyRef),
}

impl KeyRef {
    /// The key in a file, with the scheme that it implies.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File { path: path.into(), scheme: None }
    }

    /// The file, when it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File { path, .. } => Some(path),
            Self::Vault(_) => None,
        }
    }
}

impl fmt::Display for KeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, scheme: None } => f.write_str(&crate::escape(&path.to_string_lossy())),
            Self::File { path, scheme: Some(scheme) } => {
                write!(f, "file:{}?scheme={scheme}", crate::escape(&path.to_string_lossy()))
            }
            Self::Vault(reference) => fmt::Display::fmt(reference, f),
        }
    }
}

impl FromStr for KeyRef {
    type Err = Error;

    /// # Errors
    /// `usage/arguments` for an unknown query key, an empty path, a name that could lead elsewhere, or a kind of
    /// reference that this version has not.
    fn from_str(text: &str) -> Result<Self> {
        if let Some(rest) = text.strip_prefix("file:") {
            let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
            let scheme = query.map(scheme_of).transpose()?.flatten();
            return non_empty(path).map(|path| Self::File { path, scheme });
        }
        if let Some(rest) = text.strip_prefix("hashivault://").or_else(|| text.strip_prefix("openbao://")) {
            return VaultKeyRef::parse(rest).map(Self::Vault);
        }
        if let Some(word) = ["hashivault", "openbao"].into_iter().find(|word| is_scheme(text, word)) {
            return Err(unusable(format!("`{word}:` is followed by `//` in a key reference")).with_hint(vault::FORM));
        }
        // `C:\key.pem` is a path; a word of two letters or more before `://` is a scheme.
        if let Some((scheme, _)) = text.split_once("://").filter(|(scheme, _)| scheme.len() > 1) {
            return Err(unusable(format!("references of kind `{scheme}://` are not supported by this version"))
                .with_hint("give the path of a PEM file, or hashivault://KEY"));
        }
        non_empty(text).map(Self::file)
    }
}

/// Whether the text begins with this word and a colon. A file of such a name is `./hashivault:x`.
fn is_scheme(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|rest| rest.starts_with(':'))
}

fn scheme_of(query: &str) -> Result<Option<Scheme>> {
    let mut scheme = None;
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("scheme", value)) if scheme.is_none() => scheme = Some(value.parse()?),
            _ => {
                return Err(unusable(format!("`{pair}` does not belong into a key reference"))
                    .with_hint("the form is file:PATH?scheme=SCHEME"));
            }
        }
    }
    Ok(scheme)
}

fn non_empty(path: &str) -> Result<PathBuf> {
    if path.is_empty() { Err(unusable("the key reference is empty")) } else { Ok(path.into()) }
}

fn unusable(message: impl AsRef<str>) -> Error {
    Error::new(Code::UsageArguments, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ShaVariant;

    #[test]
    fn paths_and_file_references() {
        assert_eq!("k.pem".parse(), Ok(KeyRef::file("k.pem")));
        assert_eq!("a?b".parse(), Ok(KeyRef::file("a?b")));
        assert_eq!("file:/k.pem".parse(), Ok(KeyRef::file("/k.pem")));
        assert_eq!(
            "file:k.pem?scheme=rsa-pss-sha384".parse(),
            Ok(KeyRef::File { path: "k.pem".into(), scheme: Some(Scheme::RsaPss(ShaVariant::Sha384)) })
        );
        for bad in ["", "file:", "file:k?x=1", "file:k?scheme=md5", "file:k?scheme=ed25519&scheme=ed25519", "s3://x/k"]
        {
            assert!(bad.parse::<KeyRef>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reference_without_its_slashes_is_no_file() {
        for bad in ["hashivault:models", "hashivault:/models", "openbao:models?version=1"] {
            let error = bad.parse::<KeyRef>().unwrap_err();
            assert!(error.hint().contains("hashivault://MOUNT/KEY"), "{bad}: {error}");
        }
        for good in ["hashivault", "./hashivault:models", "file:hashivault:models", "hashivault.pem"] {
            assert!(matches!(good.parse(), Ok(KeyRef::File { .. })), "{good}");
        }
    }
}
