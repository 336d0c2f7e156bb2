//! The text of a policy, as TOML gives it.

use core::fmt;
use core::marker::PhantomData;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use toml::Spanned;
use toml::value::Datetime;

use crate::key_table::RawKey;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPolicy {
    pub(super) version: Spanned<i64>,
    pub(super) name: Option<Spanned<String>>,
    pub(super) decision_ttl: Option<Spanned<String>>,
    pub(super) serial: Option<Spanned<i64>>,
    pub(super) valid_until: Option<Spanned<Datetime>>,
    pub(super) revocation_files: Option<RawTexts>,
    pub(super) key: Option<Spanned<Vec<RawKey>>>,
    pub(super) certificate: Option<Spanned<Vec<RawCertificate>>>,
    pub(super) rule: Option<Spanned<Vec<RawRule>>>,
    pub(super) revoked: Option<Spanned<Vec<RawRevoked>>>,
    pub(super) rego: Option<Spanned<RawRego>>,
    pub(super) opa: Option<RawOpa>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRevocations {
    pub(super) version: Spanned<i64>,
    pub(super) serial: Option<Spanned<i64>>,
    pub(super) valid_until: Option<Spanned<Datetime>>,
    pub(super) revoked: Option<Spanned<Vec<RawRevoked>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCertificate {
    pub(super) name: Spanned<String>,
    pub(super) roots: RawTexts,
    pub(super) san: RawTexts,
    pub(super) not_before: Option<Spanned<Datetime>>,
    pub(super) not_after: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) name: Spanned<String>,
    pub(super) keys: RawTexts,
    pub(super) models: RawTexts,
    pub(super) identity: Option<Spanned<String>>,
    pub(super) github: Option<Spanned<RawClaims>>,
    pub(super) gitlab: Option<Spanned<RawClaims>>,
    pub(super) kubernetes: Option<Spanned<RawClaims>>,
    pub(super) oidc: Option<Spanned<RawOidc>>,
    pub(super) threshold: Option<Spanned<i64>>,
    pub(super) digests: Option<RawTexts>,
    pub(super) not_signed_before: Option<Spanned<Datetime>>,
    pub(super) hash: Option<RawTexts>,
    pub(super) method: Option<RawTexts>,
    #[serde(default)]
    pub(super) danger_root_only: bool,
    pub(super) freshness: Option<RawFreshness>,
    pub(super) files: Option<RawFiles>,
    pub(super) evidence: Option<Spanned<Vec<RawEvidence>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFreshness {
    pub(super) max_age: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFiles {
    pub(super) ignored_paths: Option<RawTexts>,
    pub(super) formats: Option<RawTexts>,
    pub(super) danger_allow_unsigned: Option<RawTexts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEvidence {
    pub(super) predicate_type: Spanned<String>,
    pub(super) keys: RawTexts,
    pub(super) max_age: Option<Spanned<String>>,
    pub(super) fields: Option<Spanned<RawFields>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOidc {
    pub(super) issuer: Spanned<String>,
    pub(super) claims: Spanned<BTreeMap<Spanned<String>, RawTexts>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRevoked {
    pub(super) model: Option<Spanned<String>>,
    pub(super) file: Option<Spanned<String>>,
    pub(super) key_id: Option<Spanned<String>>,
    pub(super) key: Option<Spanned<String>>,
    pub(super) versions: Option<Spanned<List<i64>>>,
    pub(super) reason: Spanned<String>,
    pub(super) except_timestamped_before: Option<Spanned<Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRego {
    pub(super) modules: RawTexts,
    pub(super) data: Option<RawTexts>,
    pub(super) timeout: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOpa {
    pub(super) url: Spanned<String>,
    pub(super) timeout: Option<Spanned<String>>,
    pub(super) ca: Option<Spanned<String>>,
    pub(super) token_file: Option<Spanned<String>>,
}

/// An identity table. Which of its keys are known is for the claims of the platform to say.
pub(super) type RawClaims = BTreeMap<Spanned<String>, Spanned<RawClaim>>;

/// JSON pointers, and the values that are accepted there.
pub(super) type RawFields = BTreeMap<Spanned<String>, Spanned<List<Scalar>>>;

pub(super) type RawTexts = Spanned<List<String>>;

/// A list, written as one: where a single entry is meant, too, so that nobody takes one for the other.
pub(super) struct List<T>(pub(super) Vec<Spanned<T>>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    list.push(entry);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_any(Entries(PhantomData))
    }
}

/// The value of a key in an identity table.
pub(super) enum RawClaim {
    Text(String),
    List(List<String>),
    Table(BTreeMap<Spanned<String>, RawTexts>),
}

impl<'de> Deserialize<'de> for RawClaim {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = RawClaim;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<RawClaim, E> {
                Ok(RawClaim::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawClaim, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = seq.next_element()? {
                    list.push(entry);
                }
                Ok(RawClaim::List(List(list)))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawClaim, A::Error> {
                let mut table = BTreeMap::new();
                while let Some((name, list)) = map.next_entry()? {
                    table.insert(name, list);
                }
                Ok(RawClaim::Table(table))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

/// A value that can be compared exactly.
pub(super) struct Scalar(pub(super) Value);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Exact;

        impl Visitor<'_> for Exact {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a whole number, true or false")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.into()))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Scalar, E> {
                if value.is_empty() {
                    return Err(E::custom("an empty text matches nothing"));
                }
                Ok(Scalar(value.into()))
            }
        }

        deserializer.deserialize_any(Exact)
    }
}
