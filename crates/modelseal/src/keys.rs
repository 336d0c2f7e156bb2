//! Trusted keys and certificates from files.

use std::path::{Path, PathBuf};

use modelseal_core::{
    Certificate, Code, Error, KeyRef, LeafPin, PublicKey, Result, TrustedCertificate, TrustedKey, TrustedKeys,
};

use crate::io::{Cap, read_capped};

/// Largest key or certificate file, in bytes; room for a chain of certificates.
pub(crate) const MAX_KEY_FILE_BYTES: usize = 1024 * 1024;

/// Reads a PEM public key.
///
/// # Errors
/// `key/*`, `input/*`.
pub fn load_public_key(path: &Path) -> Result<PublicKey> {
    PublicKey::from_pem(&read_key_file(path)?).map_err(|error| naming(path, &error))
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
    let keys = keys.iter().map(trusted_key).collect::<Result<Vec<_>>>()?;
    let mut certificates = Vec::new();
    for path in anchors {
        let read = load_certificates(path)?.into_iter();
        certificates.extend(read.map(|certificate| TrustedCertificate::new(certificate).with_source(path.clone())));
    }
    if danger_allow_test_keys {
        TrustedKeys::danger_allow_test_keys(keys, certificates, pin)
    } else {
        TrustedKeys::new(keys, certificates, pin)
    }
}

fn trusted_key(reference: &KeyRef) -> Result<TrustedKey> {
    match reference {
        KeyRef::File { path, scheme } => {
            let key = TrustedKey::new(load_public_key(path)?).with_source(path.clone());
            scheme.map_or_else(|| Ok(key.clone()), |scheme| key.clone().with_scheme(scheme))
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
