//! Keys and certificates from files.

use std::path::{Path, PathBuf};

use modelseal_core::{
    Certificate, Code, Error, KeyRef, LeafPin, PublicKey, Result, TrustedCertificate, TrustedKey, TrustedKeys,
};
use modelseal_vault::{Env, Settings, Vault};

use crate::io::{Cap, read_capped};
use crate::key_table::{is_table, load_key_table};
use crate::server_keys::ServerKey;
use crate::{LocalKey, Passphrase, SigningKey};

/// Largest key or certificate file, in bytes; room for a chain of certificates.
pub(crate) const MAX_KEY_FILE_BYTES: usize = 1024 * 1024;

/// Reads a PEM public key.
///
/// # Errors
/// `key/*`, `input/*`.
pub fn load_public_key(path: &Path) -> Result<PublicKey> {
    PublicKey::from_pem(&read_key_file(path)?).map_err(|error| naming(path, &error))
}

/// Reads a PEM private key.
///
/// # Errors
/// `key/*`, `input/*`.
pub fn load_private_key(path: &Path, passphrase: Option<&Passphrase>) -> Result<LocalKey> {
    let text = zeroize::Zeroizing::new(read_key_file(path)?);
    LocalKey::from_pem(&text, passphrase).map_err(|error| naming(path, &error))
}

/// The signing key that a reference names. A key on a server is not opened: `settings` and the environment are read, and
/// nothing is sent.
///
/// # Errors
/// `key/*`, `input/*`, `usage/*`, and those of [`Vault::configure`].
///
/// [`Vault::configure`]: crate::vault::Vault::configure
pub fn load_signing_key(
    key: &KeyRef,
    passphrase: Option<&Passphrase>,
    settings: &Settings,
    env: &dyn Env,
) -> Result<Box<dyn SigningKey>> {
    match key {
        KeyRef::File { path, scheme } => {
            let key = load_private_key(path, passphrase)?;
            match scheme.filter(|scheme| *scheme != key.scheme()) {
                Some(scheme) => {
                    let kind = key.public_key().kind();
                    let message = format!("`{}`: the {kind} key does not sign with {scheme}", path.display());
                    Err(Error::new(Code::KeyUnsupported, message))
                }
                None => Ok(Box::new(key)),
            }
        }
        KeyRef::Vault(_) if passphrase.is_some() => {
            Err(Error::new(Code::UsageArguments, format!("`{key}` is a key on a server and has no passphrase")))
        }
        KeyRef::Vault(reference) => Ok(Box::new(ServerKey::new(Vault::configure(settings, env)?, reference.clone()))),
        other => Err(Error::new(Code::UsageArguments, format!("`{other}` cannot be used here"))),
    }
}

/// Reads the certificates of a PEM file.
///
/// # Errors
/// `key/*`, `input/*`.
pub fn load_certificates(path: &Path) -> Result<Vec<Certificate>> {
    Certificate::from_pem(&read_key_file(path)?).map_err(|error| naming(path, &error))
}

/// The keys and certificate anchors that the caller names. Published test keys are refused unless allowed.
///
/// # Errors
/// `key/*`, `input/*`, `usage/arguments` when nothing is named.
pub fn load_trusted_keys(
    keys: &[KeyRef],
    anchors: &[PathBuf],
    pin: LeafPin,
    danger_allow_test_keys: bool,
) -> Result<TrustedKeys> {
    let mut trusted = Vec::new();
    for reference in keys {
        trusted.extend(load_trusted_key(reference)?);
    }
    trust(trusted, load_anchors(anchors)?, pin, danger_allow_test_keys)
}

/// The certificates of these files.
pub(crate) fn load_anchors(anchors: &[PathBuf]) -> Result<Vec<TrustedCertificate>> {
    let mut certificates = Vec::new();
    for path in anchors {
        let read = load_certificates(path)?.into_iter();
        certificates.extend(read.map(|certificate| TrustedCertificate::new(certificate).with_source(path.clone())));
    }
    Ok(certificates)
}

/// Trusts these keys and certificates.
pub(crate) fn trust(
    trusted: Vec<TrustedKey>,
    certificates: Vec<TrustedCertificate>,
    pin: LeafPin,
    danger_allow_test_keys: bool,
) -> Result<TrustedKeys> {
    if danger_allow_test_keys {
        TrustedKeys::danger_allow_test_keys(trusted, certificates, pin)
    } else {
        TrustedKeys::new(trusted, certificates, pin)
    }
}

/// The keys that a reference to a file names: the one public key of a PEM file, or all of a table, whose name ends in
/// `.toml`. Every file that was read is a source of its key.
///
/// # Errors
/// `key/*`, `input/*`; `usage/arguments` for a key on a server, and for a table with a scheme.
pub fn load_trusted_key(reference: &KeyRef) -> Result<Vec<TrustedKey>> {
    match reference {
        KeyRef::File { path, scheme: None } if is_table(path) => load_key_table(path),
        KeyRef::File { path, scheme: Some(_) } if is_table(path) => {
            let message = format!("`{}` is a table of keys, which says itself what scheme each has", path.display());
            Err(Error::new(Code::UsageArguments, message).with_hint("leave out ?scheme="))
        }
        KeyRef::File { path, scheme } => {
            let key = TrustedKey::new(load_public_key(path)?).with_source(path.clone());
            Ok(vec![match scheme {
                Some(scheme) => key.with_scheme(*scheme)?,
                None => key,
            }])
        }
        other => Err(Error::new(Code::UsageArguments, format!("`{other}` cannot be used here"))),
    }
}

pub(crate) fn read_key_file(path: &Path) -> Result<Vec<u8>> {
    read_capped(path, &Cap { bytes: MAX_KEY_FILE_BYTES, code: Code::KeyMalformed })
}

pub(crate) fn naming(path: &Path, error: &Error) -> Error {
    Error::new(error.code(), format!("`{}`: {}", path.display(), error.message())).with_hint(error.hint())
}
