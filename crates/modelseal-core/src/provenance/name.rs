//! Digests with names, as a caller writes them.

use core::str::FromStr;

use super::NamedDigest;
use crate::{Code, Digest, Error, Result};

/// Longest name, in bytes.
pub(super) const LONGEST: usize = 2048;

impl NamedDigest {
    /// A thing with this name, or at this address, and this digest.
    #[must_use]
    pub fn new(name: impl Into<String>, digest: Digest) -> Self {
        Self { name: name.into(), digest: Some(digest) }
    }

    /// Whether the name is an address.
    pub(super) fn is_uri(&self) -> bool {
        let scheme = self.name.split_once(':').map_or("", |(scheme, _)| scheme);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-');
        scheme.len() > 1 && scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(plain)
    }
}

/// `NAME=DIGEST`, where the name may be an address, with `=` in it; or an address alone.
impl FromStr for NamedDigest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            |why: String| Error::new(Code::UsageArguments, why).with_hint("write NAME=sha256:HEX; NAME may be a URI");
        let (name, digest) = match text.rsplit_once('=') {
            Some((name, digest)) if digest.contains(':') && !digest.contains('/') => {
                let digest = digest.parse().map_err(|_| wrong(format!("`{digest:.100}` is no digest")))?;
                (name, Some(digest))
            }
            _ => (text, None),
        };
        let named = Self { name: name.to_owned(), digest };
        if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
            return Err(wrong("a name must be some text on one line, of at most 2048 bytes".to_owned()));
        }
        if named.digest.is_none() && !named.is_uri() {
            return Err(wrong(format!("`{name:.100}` comes without a digest")));
        }
        let authority =
            name.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or(rest));
        if authority.contains('@') {
            // It would be published with the signature.
            return Err(wrong("an address with a user name or password in it is not signed".to_owned()));
        }
        Ok(named)
    }
}
