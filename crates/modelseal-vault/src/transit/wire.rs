//! What requests and answers of the transit engine hold. Fields that are not needed are not read.

use core::fmt;
use std::collections::BTreeMap;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::scheme::Options;
use super::signature::version_number;

/// Most versions of a key.
const MAX_VERSIONS: usize = 10_000;

/// Answer to `GET MOUNT/keys/NAME`.
#[derive(Deserialize)]
pub(super) struct KeyData {
    pub(super) name: Option<String>,
    /// Open: servers invent types.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Servers leave them out for keys of type `hmac`.
    #[serde(default)]
    pub(super) keys: Versions,
    pub(super) latest_version: u32,
    pub(super) min_decryption_version: u32,
    pub(super) min_encryption_version: u32,
    pub(super) supports_signing: bool,
    #[serde(default)]
    pub(super) derived: bool,
    #[serde(default)]
    pub(super) soft_deleted: bool,
}

/// Versions by number. What a version holds depends on the type of the key: it is read when that is known.
#[derive(Default)]
pub(super) struct Versions(pub(super) BTreeMap<u32, Box<RawValue>>);

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Numbered;

        impl<'de> Visitor<'de> for Numbered {
            type Value = Versions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("versions by number")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Versions, A::Error> {
                let mut versions = BTreeMap::new();
                while let Some((number, version)) = map.next_entry::<String, Box<RawValue>>()? {
                    let number = version_number(&number).ok_or_else(|| A::Error::custom("not a version"))?;
                    if versions.len() == MAX_VERSIONS || versions.insert(number, version).is_some() {
                        return Err(A::Error::custom("too many versions, or one twice"));
                    }
                }
                Ok(Versions(versions))
            }
        }

        deserializer.deserialize_map(Numbered)
    }
}

/// One version of a key that can sign.
#[derive(Deserialize)]
pub(super) struct VersionData {
    pub(super) public_key: String,
    pub(super) creation_time: String,
}

/// `POST MOUNT/sign/NAME`.
#[derive(Serialize)]
pub(super) struct SignRequest<'a> {
    #[serde(flatten)]
    pub(super) options: Options,
    pub(super) key_version: u32,
    pub(super) batch_input: Vec<SignItem<'a>>,
}

#[derive(Serialize)]
pub(super) struct SignItem<'a> {
    /// Never empty: servers sign an empty or absent input as the empty message.
    pub(super) input: &'a str,
    pub(super) reference: String,
}

#[derive(Deserialize)]
pub(super) struct SignData {
    pub(super) batch_results: Vec<SignResult>,
}

#[derive(Deserialize)]
pub(super) struct SignResult {
    pub(super) signature: Option<String>,
    pub(super) key_version: Option<u32>,
    pub(super) reference: Option<String>,
    pub(super) error: Option<String>,
}

/// `POST MOUNT/verify/NAME`. The version is in the signature.
#[derive(Serialize)]
pub(super) struct VerifyRequest {
    #[serde(flatten)]
    pub(super) options: Options,
    pub(super) input: String,
    pub(super) signature: String,
}

#[derive(Deserialize)]
pub(super) struct VerifyData {
    pub(super) valid: bool,
}
