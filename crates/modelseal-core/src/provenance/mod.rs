//! Provenance: which job signed, as a SLSA v1 statement bound to the signature's payload.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::{Code, Digest, Error, Result};

/// `predicateType` of SLSA provenance v1.
pub const PROVENANCE_TYPE: &str = "https://slsa.dev/provenance/v1";
/// `buildType` of ours: a job signed a model. docs/formats.md publishes its schema.
pub const BUILD_TYPE: &str = "https://modelseal/signed-by-job/v1";
/// `predicateType` of signed policies.
pub const POLICY_TYPE: &str = "https://modelseal/policy/v1";

/// How far the claims of a provenance can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClaimsSource {
    /// The token was verified with its issuer's keys, and it is the one that was exchanged for the Vault token that
    /// signed.
    OidcVerified,
    /// The token was verified, and something else logged in: no policy takes it for an identity.
    OidcUnbound,
}

impl ClaimsSource {
    /// The word in the statement.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OidcVerified => "oidc-verified",
            Self::OidcUnbound => "oidc-unbound",
        }
    }
}

/// A digest with a name: a base model, a data set, a report.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedDigest {
    /// Its name, or its URI.
    pub name: String,
    /// Its digest; `None` for one that is named by a URI alone.
    pub digest: Option<Digest>,
}

/// Where the key that signed is kept, and how the job logged in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VaultFacts {
    /// Mount of the transit engine.
    pub mount: String,
    /// Name of the key.
    pub key: String,
    /// Version that signed.
    pub key_version: u32,
    /// Role of the login.
    pub auth_role: Option<String>,
    /// Id of the login's request, which finds it in the audit log.
    pub login_request_id: Option<String>,
}

/// A provenance statement of ours, read back from its predicate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Provenance {
    /// The platform's word: `github`, `gitlab`, `kubernetes`, …, `oidc`.
    pub provider: String,
    /// The issuer of the token.
    pub issuer: String,
    /// Whom the token was for.
    pub audience: Option<String>,
    /// The token's id.
    pub jti: Option<String>,
    /// SHA-256 of the compact token.
    pub token_sha256: Option<Digest>,
    /// How far the claims can be believed.
    pub claims_source: ClaimsSource,
    /// The claims that were signed.
    pub claims: BTreeMap<String, Value>,
    /// Who built, `runDetails.builder.id`.
    pub builder: String,
    /// The run.
    pub invocation: Option<String>,
    /// When signing began.
    pub started_on: Option<Timestamp>,
    /// When it was signed, by the signer's clock.
    pub finished_on: Option<Timestamp>,
    /// Where the key is.
    pub vault: Option<VaultFacts>,
    /// What the model was made from.
    pub dependencies: Vec<NamedDigest>,
    /// What was made along with it.
    pub byproducts: Vec<NamedDigest>,
}

impl Provenance {
    /// Reads a predicate of [`PROVENANCE_TYPE`]; `None` when its build type is not [`BUILD_TYPE`].
    ///
    /// # Errors
    /// `format/malformed` when a predicate of ours breaks the rules of its format.
    pub fn parse(_predicate: &str) -> Result<Option<Self>> {
        Err(Error::new(Code::FormatUnsupported, "provenance is not read yet"))
    }
}
