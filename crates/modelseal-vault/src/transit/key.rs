//! Reading keys.

use std::collections::BTreeMap;

use jiff::Timestamp;
use modelseal_core::{Code, Error, KeyId, PublicKey, Result, Scheme, VaultKeyRef};
use serde_json::value::RawValue;

use super::meaning::explain;
use super::scheme::KeyType;
use super::wire::{KeyData, VersionData};
use super::{cut, unexpected};
use crate::Session;
use crate::connection::Call;

/// Most bytes of a key with all its versions: a thousand RSA keys have one megabyte.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// One version of a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyVersion {
    /// Its public key.
    pub public_key: PublicKey,
    /// When the server made it.
    pub created: Timestamp,
}

/// A signing key of the server, all versions that it still offers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransitKey {
    /// The reference, with the mount and namespace that were used.
    pub reference: VaultKeyRef,
    /// The type in the server's words, such as `ecdsa-p256`.
    pub key_type: String,
    /// The scheme of its signatures.
    pub scheme: Scheme,
    /// By number, ascending. The server hides those below `min_decryption_version`.
    pub versions: BTreeMap<u32, KeyVersion>,
    /// The latest version.
    pub latest: u32,
    /// The oldest version whose signatures count: the higher of `min_decryption_version` and
    /// `min_encryption_version`.
    pub oldest_accepted: u32,
}

impl TransitKey {
    /// The versions whose signatures count, ascending: those from [`oldest_accepted`](Self::oldest_accepted) on, and
    /// of these only the one that the reference names, if it names one.
    pub fn accepted_versions(&self) -> impl Iterator<Item = (u32, &KeyVersion)> {
        let named = self.reference.version.map(core::num::NonZeroU32::get);
        self.versions
            .range(self.oldest_accepted..)
            .map(|(number, version)| (*number, version))
            .filter(move |(number, _)| named.is_none_or(|named| named == *number))
    }

    /// The version that the reference names, else the latest, with its number.
    ///
    /// # Errors
    /// `vault/key-version` when it is not offered.
    pub fn chosen(&self) -> Result<(u32, &KeyVersion)> {
        let number = self.reference.version.map_or(self.latest, core::num::NonZeroU32::get);
        self.accepted(number).map(|version| (number, version))
    }

    /// Refuses the key when [`chosen`](Self::chosen) has another id than the expected one.
    ///
    /// # Errors
    /// `vault/unexpected-key`; `vault/key-version`.
    pub fn expect_id(&self, expected: KeyId) -> Result<()> {
        let (number, version) = self.chosen()?;
        let found = version.public_key.id();
        if found == expected {
            return Ok(());
        }
        let message = format!("version {number} of `{}` is {found}, expected was {expected}", self.reference.key);
        Err(Error::new(Code::VaultUnexpectedKey, message).with_hint(
            "nothing was written: check address, namespace and mount; somebody may have exchanged the server or the key",
        ))
    }

    /// One version, when its signatures count.
    ///
    /// # Errors
    /// `vault/key-version`.
    pub(super) fn accepted(&self, number: u32) -> Result<&KeyVersion> {
        let name = &self.reference.key;
        let wrong = |why: String| Err(Error::new(Code::VaultKeyVersion, format!("version {number} of `{name}` {why}")));
        match self.versions.get(&number) {
            _ if number > self.latest => wrong(format!("does not exist: the latest is {}", self.latest)),
            None => wrong("is not offered by the server: it is below min_decryption_version".to_owned()),
            Some(_) if number < self.oldest_accepted => {
                wrong(format!("is retired: min_encryption_version is {}", self.oldest_accepted))
            }
            Some(version) => Ok(version),
        }
    }
}

impl Session<'_> {
    /// Reads a key. When the reference names a version, the server must offer it, and it must not be retired.
    ///
    /// # Errors
    /// `vault/key-not-found`, `vault/key-type`, `vault/key-version`, `vault/mount-not-found`, `vault/permission`,
    /// `vault/answer`, others of `vault/*`; `usage/arguments` when the reference's scheme does not fit the key.
    pub fn read_key(&self, reference: &VaultKeyRef) -> Result<TransitKey> {
        let path = self.transit_path("keys", reference);
        let namespace = self.namespace(reference.namespace.as_ref());
        let answer = self
            .ask::<KeyData>(Call::get(&path).within(namespace).with_max_answer(MAX_ANSWER))
            .map_err(|refusal| explain(refusal, &path, "read"))?;
        let mut data = answer.data.ok_or_else(|| unexpected("the server's answer holds no key"))?;
        let discretion = &self.vault.connection.discretion;
        data.name = data.name.map(|name| discretion.hide(&name));
        data.kind = discretion.hide(&data.kind);
        let mut used = reference.clone();
        used.mount = Some(self.transit_mount(reference).clone());
        used.namespace = namespace.cloned();
        key_of(used, data)
    }
}

fn key_of(reference: VaultKeyRef, data: KeyData) -> Result<TransitKey> {
    let name = &reference.key;
    if let Some(other) = data.name.as_deref().filter(|other| *other != name.as_str()) {
        return Err(unexpected(format!("asked for the key `{name}`, the server answered with `{}`", cut(other))));
    }
    let kind = key_type(&reference, &data)?;
    let scheme = kind.scheme(reference.scheme).map_err(|asked| match asked {
        Some(asked) => {
            Error::new(Code::UsageArguments, format!("the {} key `{name}` has no scheme `{asked}`", data.kind))
                .with_hint("leave out ?scheme=, or name one that the type of the key has")
        }
        None => unusable(&reference, &data, "few tools can verify it, so it must be asked for")
            .with_hint(format!("write ?scheme={} into the key reference", data.kind)),
    })?;
    let versions = data
        .keys
        .0
        .iter()
        .map(|(number, version)| Ok((*number, version_of(&reference, &data, kind, *number, version)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    let (oldest, latest) = (data.min_decryption_version.max(data.min_encryption_version).max(1), data.latest_version);
    if oldest > latest || versions.last_key_value().map(|(number, _)| *number) != Some(latest) {
        return Err(unexpected(format!("the versions of the key `{name}` contradict each other")));
    }
    let key = TransitKey { reference, key_type: data.kind, scheme, versions, latest, oldest_accepted: oldest };
    if let Some(number) = key.reference.version {
        key.accepted(number.get())?;
    }
    Ok(key)
}

fn key_type(reference: &VaultKeyRef, data: &KeyData) -> Result<KeyType> {
    let kind = KeyType::parse(&data.kind).map_err(|why| unusable(reference, data, why))?;
    let why = if data.soft_deleted {
        "it is marked as deleted"
    } else if data.derived {
        "it is a derived key, which has another public key for every context"
    } else if !data.supports_signing {
        "the server says that it cannot sign"
    } else {
        return Ok(kind);
    };
    Err(unusable(reference, data, why))
}

fn version_of(
    reference: &VaultKeyRef,
    data: &KeyData,
    kind: KeyType,
    number: u32,
    version: &RawValue,
) -> Result<KeyVersion> {
    let wrong = |why: &str| unexpected(format!("version {number} of the key `{}` {why}", reference.key));
    let version: VersionData =
        serde_json::from_str(version.get()).map_err(|_| wrong("has no public key or no creation time"))?;
    let public_key = kind.public_key(&version.public_key).map_err(|error| match error.code() {
        Code::KeyWeak => unusable(reference, data, error.message()),
        _ => wrong(&format!("has a public key that cannot be used: {}", error.message())),
    })?;
    if !kind.is(public_key.kind()) {
        return Err(wrong(&format!("is an {} key, where the server says {}", public_key.kind(), data.kind)));
    }
    let created: Timestamp = version.creation_time.parse().map_err(|_| wrong("has no creation time"))?;
    if created < Timestamp::UNIX_EPOCH {
        return Err(wrong("was made before 1970"));
    }
    Ok(KeyVersion { public_key, created })
}

fn unusable(reference: &VaultKeyRef, data: &KeyData, why: &str) -> Error {
    let message = format!("the key `{}` of type `{}` cannot be used: {why}", reference.key, cut(&data.kind));
    Error::new(Code::VaultKeyType, message)
}
