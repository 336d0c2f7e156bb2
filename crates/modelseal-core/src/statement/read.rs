//! Reading a payload. Unknown fields are ignored, as the OMS specification says; everything known is checked.

use core::fmt;
use core::num::NonZeroU64;
use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use serde_json::value::RawValue;

use super::{LEGACY_PREDICATE_TYPE, ModelStatement, PREDICATE_TYPE, STATEMENT_TYPE, claimed_predicate_type};
use crate::json::{self, AtMost, not_null};
use crate::{Code, Digest, Error, HashAlgorithm, Manifest, Method, Resource, ResourceName, Result, Serialization};

const WHAT: &str = "the signed statement";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatement<'a> {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(borrow)]
    subject: AtMost<RawSubject<'a>, 2>,
    predicate_type: String,
    #[serde(borrow)]
    predicate: &'a RawValue,
}

#[derive(Deserialize)]
pub(super) struct RawSubject<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) digest: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    pub(super) annotations: Option<BTreeMap<Cow<'a, str>, &'a RawValue>>,
}

impl RawSubject<'_> {
    pub(super) fn sha256(&self) -> Result<Digest> {
        self.digest
            .get("sha256")
            .and_then(|hex| Digest::from_hex(HashAlgorithm::Sha256, hex))
            .ok_or_else(|| malformed("the subject has no SHA-256 digest"))
    }
}

#[derive(Deserialize)]
struct RawPredicate<'a> {
    serialization: RawSerialization,
    #[serde(borrow)]
    resources: AtMost<RawResource<'a>, { Manifest::MAX_RESOURCES }>,
}

#[derive(Deserialize)]
struct RawSerialization {
    method: String,
    hash_type: String,
    #[serde(default)]
    allow_symlinks: bool,
    #[serde(default, deserialize_with = "not_null")]
    ignore_paths: Option<Vec<String>>,
    #[serde(default, deserialize_with = "not_null")]
    shard_size: Option<Integer>,
}

#[derive(Deserialize)]
struct RawResource<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    algorithm: Cow<'a, str>,
    #[serde(borrow)]
    digest: Cow<'a, str>,
    #[serde(default, deserialize_with = "not_null")]
    size: Option<u64>,
}

pub(super) fn parse(payload: &[u8]) -> Result<ModelStatement> {
    let raw: RawStatement<'_> = json::parse(payload, WHAT).map_err(|error| {
        // The old form has another shape: to call it malformed would mislead.
        match claimed_predicate_type(payload) {
            Some(claimed) if claimed == LEGACY_PREDICATE_TYPE => legacy(&claimed),
            _ => error,
        }
    })?;
    check_types(&raw.kind, &raw.predicate_type)?;
    let [subject] = &raw.subject.0[..] else {
        return Err(malformed(format!("{} subjects where one belongs", raw.subject.0.len())));
    };
    if subject.name.is_empty() {
        return Err(malformed("the subject has no name"));
    }
    let root = subject.sha256()?;
    let attestation_types = match subject.annotations.as_ref().and_then(|all| all.get("attestations")) {
        Some(types) => json::parse(types.get().as_bytes(), "the list of attestations")?,
        None => Vec::new(),
    };
    let predicate: RawPredicate<'_> =
        serde_json::from_str(raw.predicate.get()).map_err(|error| malformed(error.to_string()))?;
    let manifest = manifest(predicate)?;
    if manifest.root() != root {
        return Err(malformed("the root digest does not fit the listed files"));
    }
    Ok(ModelStatement { name: subject.name.clone().into_owned(), attestation_types, manifest })
}

fn check_types(kind: &str, predicate_type: &str) -> Result<()> {
    if kind != STATEMENT_TYPE {
        return Err(unsupported(format!("a statement of type `{kind}`")));
    }
    match predicate_type {
        PREDICATE_TYPE => Ok(()),
        LEGACY_PREDICATE_TYPE => Err(legacy(predicate_type)),
        other => Err(unsupported(format!("a predicate of type `{other}`"))),
    }
}

fn manifest(raw: RawPredicate<'_>) -> Result<Manifest> {
    let serialization = raw.serialization.parse()?;
    let resources =
        raw.resources.0.into_iter().map(|resource| resource.parse(&serialization)).collect::<Result<Vec<_>>>()?;
    Manifest::new(serialization, resources)
}

impl RawSerialization {
    fn parse(self) -> Result<Serialization> {
        // `blake2` is the name under which one signer records blake2b here, and only here.
        let hash = if self.hash_type == "blake2" { HashAlgorithm::Blake2b } else { self.hash_type.parse()? };
        let method = match (self.method.as_str(), self.shard_size) {
            ("files", None) => Method::Files,
            ("files", Some(_)) => return Err(malformed("a shard size where files are whole")),
            ("shards", Some(Integer(size))) => Method::Shards { size },
            ("shards", None) => return Err(malformed("shards without a shard size")),
            (other, _) => return Err(unsupported(format!("serialization method `{other}`"))),
        };
        Serialization::new(method, hash, self.allow_symlinks, self.ignore_paths.unwrap_or_default())
    }
}

impl RawResource<'_> {
    fn parse(self, serialization: &Serialization) -> Result<Resource> {
        let hash = serialization.hash();
        let misfit = || malformed(format!("`{}` has the algorithm `{}`", self.name, self.algorithm));
        let digest = Digest::from_hex(hash, &self.digest)
            .ok_or_else(|| malformed(format!("`{}` has no proper {hash} digest", self.name)))?;
        match serialization.method() {
            Method::Files => {
                if self.algorithm != hash.as_str() {
                    return Err(misfit());
                }
                Ok(Resource::file(ResourceName::parse(&self.name)?, digest, self.size))
            }
            Method::Shards { size } => {
                let sharded = self.algorithm.strip_prefix(hash.as_str()).and_then(|rest| {
                    rest.is_empty()
                        .then_some(size)
                        .or_else(|| decimal(rest.strip_prefix("-sharded-")?)?.try_into().ok())
                });
                if sharded != Some(size) {
                    return Err(misfit());
                }
                let (name, range) = shard_name(&self.name)
                    .ok_or_else(|| malformed(format!("`{}` does not name a shard", self.name)))?;
                if self.size.is_some_and(|size| Some(size) != range.end.checked_sub(range.start)) {
                    return Err(malformed(format!("`{}` has another size than its range", self.name)));
                }
                Ok(Resource::shard(ResourceName::parse(name)?, digest, range))
            }
        }
    }
}

/// Splits `NAME:START:END`; the last two colons count, since names may hold colons.
fn shard_name(text: &str) -> Option<(&str, core::ops::Range<u64>)> {
    let (rest, end) = text.rsplit_once(':')?;
    let (name, start) = rest.rsplit_once(':')?;
    let range = decimal(start)?..decimal(end)?;
    (range.start < range.end).then_some((name, range))
}

/// A decimal number in its one spelling: digits only, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// A positive integer up to 2^53, also written as a float, since the reference tool writes `100.0`.
struct Integer(NonZeroU64);

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Integer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a positive integer up to 2^53")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Integer, E> {
                NonZeroU64::new(number)
                    .filter(|number| number.get() <= 1 << 53)
                    .map(Integer)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Integer, E> {
                const MAX: f64 = 9_007_199_254_740_992.0;
                if (1.0..=MAX).contains(&number) && number.fract() == 0.0 {
                    // In range and integral, so the conversion is exact.
                    self.visit_u64(number as u64)
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(number), &self))
                }
            }
        }

        deserializer.deserialize_any(Number)
    }
}

fn legacy(predicate_type: &str) -> Error {
    Error::new(Code::FormatLegacy, format!("a statement of type `{predicate_type}`"))
}

fn malformed(reason: impl AsRef<str>) -> Error {
    Error::new(Code::FormatMalformed, format!("{WHAT}: {}", reason.as_ref()))
}

fn unsupported(what: impl AsRef<str>) -> Error {
    Error::new(Code::FormatUnsupported, format!("{} is not supported", what.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_names_have_one_spelling() {
        assert_eq!(shard_name("a:b:0:10"), Some(("a:b", 0..10)));
        for bad in ["a", "a:1", "a:1:1", "a:2:1", "a:01:2", "a:+1:2", "a:0:-1", "a: 0:1", "a:0:99999999999999999999"] {
            assert_eq!(shard_name(bad), None, "{bad}");
        }
    }

    #[test]
    fn shard_sizes_are_integral() {
        let read = |text: &str| serde_json::from_str::<Integer>(text).map(|integer| integer.0.get()).ok();
        assert_eq!(read("100"), Some(100));
        assert_eq!(read("100.0"), Some(100));
        assert_eq!(read("9007199254740992"), Some(1 << 53));
        for bad in ["0", "-1", "1.5", "1e300", "9007199254740993", "\"1\"", "null", "true", "0.0"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
