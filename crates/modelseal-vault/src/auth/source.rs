//! Secrets, and where they are read from.

use core::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use modelseal_core::{Code, Error, Result};
use modelseal_http::{Env, ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use super::command::Program;
use crate::settings::is_variable_name;
use crate::{SecretProvider, SecretSource};

/// Most bytes of a secret, wherever it is.
pub(super) const MOST: usize = 64 * 1024;

/// What a secret is for: its name in messages, what it may look like, and which error codes speak of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    IdentityToken,
    ServiceAccountToken,
    SecretId,
    WrappingToken,
    Token,
    /// What an agent keeps in its file: a token, or JSON.
    Sink,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::IdentityToken => "identity token",
            Self::ServiceAccountToken => "service-account token",
            Self::SecretId => "secret id",
            Self::WrappingToken => "wrapping token",
            Self::Token => "token",
            Self::Sink => "token sink",
        }
    }

    const fn is_jwt(self) -> bool {
        matches!(self, Self::IdentityToken | Self::ServiceAccountToken)
    }

    /// Nothing is there.
    pub(super) fn missing(self, message: impl AsRef<str>) -> Error {
        let code = if self.is_jwt() { Code::IdentityMissing } else { Code::VaultNoCredentials };
        let hint = "check where it is meant to come from, and that this user may read it";
        Error::new(code, message).with_hint(hint)
    }

    /// What is there cannot be used.
    pub(super) fn unusable(self, message: impl AsRef<str>) -> Error {
        Error::new(if self.is_jwt() { Code::IdentityMalformed } else { Code::VaultCredentials }, message)
    }
}

/// A secret's place, checked as far as that is possible without reading it. `Debug` shows no value.
#[derive(Debug)]
pub(super) struct Source {
    kind: Kind,
    place: Place,
    /// What is wrong with the place, and does not keep it from being used.
    warning: Option<String>,
}

enum Place {
    File(PathBuf),
    Env(String, SecretString),
    Command(Program),
    Value(SecretString),
    Provider(SecretProvider),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Env(name, _) => write!(f, "Env({name})"),
            Self::Command(_) => f.write_str("Command"),
            Self::Value(_) => f.write_str("Value"),
            Self::Provider(provider) => write!(f, "Provider({})", provider.name()),
        }
    }
}

impl Source {
    /// Finds the place: a variable must be set, a file must be there and be one. Reads no file, runs no program.
    ///
    /// # Errors
    /// `identity/missing`, `vault/no-credentials`; `identity/malformed`, `vault/credentials`; `usage/arguments`.
    pub(super) fn find(kind: Kind, source: &SecretSource, env: &dyn Env) -> Result<Self> {
        let mut warning = None;
        let place = match source {
            SecretSource::File(path) => {
                warning = exposure(kind, path, &open(kind, path)?);
                Place::File(path.clone())
            }
            SecretSource::Env(name) => {
                let missing = || kind.missing(format!("the variable {name}, for the {}, is not set", kind.name()));
                // The name may itself be a secret that was put in the wrong place: only names are quoted.
                if !is_variable_name(name) {
                    let message = format!("what names the variable of the {} is not a name", kind.name());
                    return Err(Error::new(Code::UsageArguments, message));
                }
                let value = env.var(name).ok_or_else(missing)?.into_string().map_err(|value| {
                    drop(Zeroizing::new(value.into_encoded_bytes()));
                    kind.unusable(format!("the variable {name}, for the {}, is not text", kind.name()))
                })?;
                Place::Env(name.clone(), SecretString::from(value))
            }
            SecretSource::Command(words) => Place::Command(Program::new(words)?),
            SecretSource::Value(value) => Place::Value(value.clone()),
            SecretSource::Provider(provider) => Place::Provider(provider.clone()),
        };
        Ok(Self { kind, place, warning })
    }

    /// What the user should know about the place.
    pub(super) fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// What the secret is for.
    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// Whose secret it is, when somebody gets it.
    pub(super) fn provider(&self) -> Option<&str> {
        match &self.place {
            Place::Provider(provider) => Some(provider.name()),
            _ => None,
        }
    }

    /// The name of secret and place, for messages.
    pub(super) fn name(&self) -> String {
        let kind = self.kind.name();
        match &self.place {
            Place::File(path) => format!("the {kind} `{}`", path.display()),
            Place::Env(name, _) => format!("the {kind} in {name}"),
            Place::Command(_) => format!("the {kind} of the command"),
            Place::Value(_) => format!("the {kind}"),
            Place::Provider(provider) => format!("the {kind} of {}", provider.name()),
        }
    }

    /// Reads the secret. One newline at its end is not part of it.
    ///
    /// # Errors
    /// As [`find`](Self::find); also for anything that cannot be sent as it is.
    pub(super) fn read(&self, stop: &dyn Fn() -> bool) -> Result<SecretString> {
        let bytes = match &self.place {
            Place::File(path) => read_file(self.kind, path)?,
            Place::Command(program) => program.run(self.kind, stop)?,
            Place::Env(_, value) | Place::Value(value) => Zeroizing::new(value.expose_secret().as_bytes().to_vec()),
            Place::Provider(provider) => Zeroizing::new(provider.get()?.expose_secret().as_bytes().to_vec()),
        };
        self.checked(&bytes)
    }

    fn checked(&self, bytes: &[u8]) -> Result<SecretString> {
        let wrong = |why: &str| self.kind.unusable(format!("{} {why}", self.name()));
        if bytes.len() > MOST {
            return Err(wrong("is larger than 64 KiB"));
        }
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.is_empty() {
            return Err(self.kind.missing(format!("{} is empty", self.name())));
        }
        let space = |byte: u8| match self.kind {
            Kind::Sink => matches!(byte, b' ' | b'\n' | b'\r' | b'\t') && bytes.starts_with(b"{"),
            Kind::SecretId => byte == b' ',
            _ => false,
        };
        if !bytes.iter().all(|&byte| byte.is_ascii_graphic() || space(byte)) {
            return Err(wrong("is not one line of printable ASCII"));
        }
        let text = str::from_utf8(bytes).map_err(|_| wrong("is not text"))?;
        Ok(SecretString::from(text))
    }
}

fn read_file(kind: Kind, path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let file = open(kind, path)?;
    // Room for all of it from the start: a buffer that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
    file.take(MOST as u64 + 1).read_to_end(&mut bytes).map_err(|error| unreadable(kind, path, &error))?;
    Ok(bytes)
}

/// Opens a regular file. Links are followed, since Kubernetes projects its tokens through them; anything that could
/// make a reader wait is refused. A token, unlike a JWT, is worth what its file's permissions are worth.
fn open(kind: Kind, path: &Path) -> Result<File> {
    let file = open_without_waiting(path).map_err(|error| unreadable(kind, path, &error))?;
    let metadata = file.metadata().map_err(|error| unreadable(kind, path, &error))?;
    if !metadata.is_file() {
        return Err(kind.unusable(format!("the {} `{}` is not a regular file", kind.name(), path.display())));
    }
    if !kind.is_jwt() && is_writable_by_others(&metadata) {
        let message = format!("others may change the {} `{}`", kind.name(), path.display());
        return Err(kind.unusable(message).with_hint("let only its owner write it: chmod go-w FILE"));
    }
    Ok(file)
}

fn unreadable(kind: Kind, path: &Path, error: &io::Error) -> Error {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text).to_lowercase();
    let name = kind.name();
    if is_like_a_secret(path) {
        let hint = "give the path of the file that holds it; a secret that stood on a command line or in a variable may \
                    have been seen: have a new one issued";
        let message = format!("cannot read the {name}: what names its file is not a path, but looks like a secret");
        return kind.missing(message).with_hint(hint);
    }
    kind.missing(format!("cannot read the {name} `{}`: {text}", path.display()))
}

/// Whether somebody may have put the secret itself where its path belongs: nothing has that name, it has no separator,
/// and it begins like a token, or is as long as tokens, JWTs, UUIDs are and made of their characters.
fn is_like_a_secret(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let text = text.trim();
    let begins = ["hvs.", "hvb.", "hvr.", "s.", "b.", "r."].iter().any(|start| text.starts_with(start));
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=' | b'+' | b'~');
    let separated = text.contains(std::path::is_separator);
    !separated && (begins || text.starts_with('{') || (text.len() >= 20 && text.bytes().all(inside)))
}

/// A warning of a file that others may read. Not of the tokens that Kubernetes projects, which everybody in the pod may
/// read, and which are replaced before they are an hour old.
fn exposure(kind: Kind, path: &Path, file: &File) -> Option<String> {
    if kind == Kind::ServiceAccountToken || !file.metadata().is_ok_and(|metadata| is_readable_by_others(&metadata)) {
        return None;
    }
    // The link by which the files of such a volume are replaced at once.
    let projected = path.parent().is_some_and(|directory| directory.join("..data").is_symlink());
    (!projected).then(|| {
        format!("others may read the {} `{}`: let only its owner read it, chmod 600", kind.name(), path.display())
    })
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

#[cfg(unix)]
fn is_writable_by_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & 0o022 != 0
}

#[cfg(unix)]
fn is_readable_by_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn is_readable_by_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_writable_by_others(_: &std::fs::Metadata) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
