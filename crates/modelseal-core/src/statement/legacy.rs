//! Statements from before OMS v1.0 (`Digests/v0.1`): one subject per file, no root digest, no parameters.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::read::RawSubject;
use super::{LEGACY_PREDICATE_TYPE, STATEMENT_TYPE};
use crate::json::{self, AtMost};
use crate::{Code, Error, HashAlgorithm, Manifest, Method, Resource, ResourceName, Result, Serialization};

/// A parsed legacy statement.
pub(crate) struct LegacyStatement {
    pub(crate) manifest: Manifest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLegacy<'a> {
    #[serde(rename = "_type")]
    kind: String,
    #[serde(borrow)]
    subject: AtMost<RawSubject<'a>, { Manifest::MAX_RESOURCES }>,
    predicate_type: String,
    #[serde(rename = "predicate")]
    _predicate: IgnoredAny,
}

impl LegacyStatement {
    /// # Errors
    /// `format/malformed`, `format/unsupported`, `artifact/empty`.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self> {
        let raw: RawLegacy<'_> = json::parse(payload, "the signed statement")?;
        if raw.kind != STATEMENT_TYPE || raw.predicate_type != LEGACY_PREDICATE_TYPE {
            return Err(Error::new(Code::FormatUnsupported, format!("a statement of type `{}`", raw.predicate_type)));
        }
        let resources = raw.subject.0.iter().map(resource).collect::<Result<Vec<_>>>()?;
        let serialization = Serialization::new(Method::Files, HashAlgorithm::Sha256, false, Vec::new())?;
        Ok(Self { manifest: Manifest::new(serialization, resources)? })
    }
}

fn resource(subject: &RawSubject<'_>) -> Result<Resource> {
    let algorithm = subject.annotations.as_ref().and_then(|all| all.get("actual_hash_algorithm"));
    if algorithm.is_some_and(|text| text.get() != "\"file-sha256\"") {
        return Err(Error::new(
            Code::FormatUnsupported,
            format!("`{}` has another hash than file-sha256", subject.name),
        ));
    }
    Ok(Resource::file(ResourceName::parse(&subject.name)?, subject.sha256()?, None))
}
