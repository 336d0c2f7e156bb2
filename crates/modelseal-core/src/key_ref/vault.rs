//! References to keys in the transit engine of Vault or OpenBao.

use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;

use super::unusable;
use crate::{Error, Result, Scheme};

/// Longest mount, namespace or key name.
const MAX_CHARACTERS: usize = 255;

/// A path on the server: parts between single `/`, each of ASCII letters, digits, `.`, `_`, `-`, and neither `.` nor
/// `..`. It can therefore stand in a URL as it is, and cannot lead elsewhere.
///
/// Mounts (`transit`, `team/transit`) and namespaces (`team/a`) have this form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultPath(String);

impl VaultPath {
    /// The path, without `/` at either end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VaultPath {
    type Err = Error;

    /// # Errors
    /// `usage/arguments`.
    fn from_str(text: &str) -> Result<Self> {
        let part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_name_byte);
        if text.len() > MAX_CHARACTERS || !text.split('/').all(part) {
            return Err(unusable(format!("`{text}` is not a mount or namespace of a server"))
                .with_hint("parts of letters, digits, `.`, `_`, `-`, with single `/` between them"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a transit key: ASCII letters, digits, `_`, and inside also `.` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultKeyName(String);

impl VaultKeyName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VaultKeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VaultKeyName {
    type Err = Error;

    /// # Errors
    /// `usage/arguments`.
    fn from_str(text: &str) -> Result<Self> {
        let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let bytes = text.as_bytes();
        let ends = word(bytes.first()) && word(bytes.last());
        if !ends || bytes.len() > MAX_CHARACTERS || !text.bytes().all(is_name_byte) || text.contains("..") {
            return Err(unusable(format!("`{text}` is not the name of a key on a server"))
                .with_hint("letters, digits, `_`, and inside also `.` and `-`"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A key in the transit engine of Vault or OpenBao: `hashivault://[MOUNT/]KEY[?version=N&namespace=NS&scheme=S]`.
///
/// `openbao://` means the same. The last part is the key, everything before it the mount.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultKeyRef {
    /// The mount of the transit engine; `None`: `TRANSIT_SECRET_ENGINE_PATH`, else `transit`.
    pub mount: Option<VaultPath>,
    /// The key.
    pub key: VaultKeyName,
    /// The one version; `None`: signing uses the latest, verification all that the server still accepts.
    pub version: Option<NonZeroU32>,
    /// The namespace of the mount; `None`: that of the configuration.
    pub namespace: Option<VaultPath>,
    /// The one scheme of the key; `None`: the one that its type implies.
    pub scheme: Option<Scheme>,
}

impl VaultKeyRef {
    /// The key at the default mount.
    #[must_use]
    pub const fn new(key: VaultKeyName) -> Self {
        Self { mount: None, key, version: None, namespace: None, scheme: None }
    }

    /// Reads what follows `hashivault://` or `openbao://`.
    ///
    /// # Errors
    /// `usage/arguments`.
    pub(super) fn parse(rest: &str) -> Result<Self> {
        if rest.contains('#') || rest.contains('@') || rest.contains('%') {
            return Err(
                unusable(format!("`{rest}` holds characters that do not belong into a key reference")).with_hint(FORM)
            );
        }
        let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
        let (mount, key) = path.rsplit_once('/').map_or((None, path), |(mount, key)| (Some(mount), key));
        let mut reference = Self::new(key.parse().map_err(form)?);
        reference.mount = mount.map(str::parse).transpose().map_err(form)?;
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            match pair.split_once('=') {
                Some(("version", number)) if reference.version.is_none() => {
                    reference.version = Some(version(number)?);
                }
                Some(("namespace", namespace)) if reference.namespace.is_none() => {
                    reference.namespace = Some(namespace.parse()?);
                }
                Some(("scheme", scheme)) if reference.scheme.is_none() => reference.scheme = Some(scheme.parse()?),
                _ => {
                    return Err(unusable(format!("`{pair}` does not belong into a key reference")).with_hint(FORM));
                }
            }
        }
        Ok(reference)
    }
}

pub(super) const FORM: &str =
    "the form is hashivault://MOUNT/KEY?version=N&namespace=NS&scheme=SCHEME, everything but KEY optional";

impl fmt::Display for VaultKeyRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hashivault://")?;
        if let Some(mount) = &self.mount {
            write!(f, "{mount}/")?;
        }
        write!(f, "{}", self.key)?;
        let version = self.version.map(|version| format!("version={version}"));
        let namespace = self.namespace.as_ref().map(|namespace| format!("namespace={namespace}"));
        let scheme = self.scheme.map(|scheme| format!("scheme={scheme}"));
        let query: Vec<String> = [version, namespace, scheme].into_iter().flatten().collect();
        if query.is_empty() { Ok(()) } else { write!(f, "?{}", query.join("&")) }
    }
}

/// A whole number from 1, written without sign or leading zero.
fn version(text: &str) -> Result<NonZeroU32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain).ok_or_else(|| {
        unusable(format!("`{text}` is not the version of a key")).with_hint("versions are whole numbers from 1")
    })
}

fn form(error: Error) -> Error {
    error.with_hint(FORM)
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use crate::{KeyRef, VaultKeyRef};

    fn parse(text: &str) -> VaultKeyRef {
        match text.parse() {
            Ok(KeyRef::Vault(reference)) => reference,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_last_part_is_the_key() {
        let reference = parse("hashivault://team/transit/models.v1-x?version=3&namespace=a/b&scheme=rsa-pss-sha256");
        assert_eq!(reference.mount.as_ref().map(super::VaultPath::as_str), Some("team/transit"));
        assert_eq!(reference.key.as_str(), "models.v1-x");
        assert_eq!(reference.version.map(core::num::NonZeroU32::get), Some(3));
        assert_eq!(reference.namespace.as_ref().map(super::VaultPath::as_str), Some("a/b"));
        assert_eq!(reference.scheme.map(crate::Scheme::as_str), Some("rsa-pss-sha256"));
        assert_eq!(parse(&reference.to_string()), reference);
        assert_eq!(parse("openbao://models"), parse("hashivault://models"));
        assert_eq!(parse("openbao://models").mount, None);
    }

    #[test]
    fn whatever_could_lead_elsewhere_is_refused() {
        for bad in [
            "",
            "/",
            "k/",
            "/k",
            "a//k",
            "../k",
            "a/../k",
            "./k",
            "a/./k",
            "k?",
            "k?version=0",
            "k?version=01",
            "k?version=-1",
            "k?version=+1",
            "k?version=latest",
            "k?version=4294967296",
            "k?version=1&version=1",
            "k?x=1",
            "k?version",
            "k?namespace=",
            "k?namespace=/a",
            "k?namespace=a/",
            "k?scheme=md5",
            "k#f",
            "u@k",
            "u:p@h/k",
            "k%2f..",
            "k k",
            "k\n",
            "kä",
            ".k",
            "k.",
            "-k",
            "k-",
            "a..b",
            "k?version=1?version=2",
        ] {
            for scheme in ["hashivault://", "openbao://"] {
                assert!(format!("{scheme}{bad}").parse::<KeyRef>().is_err(), "{bad:?}");
            }
        }
        assert!(format!("hashivault://{}", "k".repeat(256)).parse::<KeyRef>().is_err());
    }
}
