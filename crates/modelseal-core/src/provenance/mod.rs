//! Provenance: which job signed, as a SLSA v1 statement bound to the signature's payload.
//!
//! [`Provenance::of`] takes from verified claims what may be stored, [`Provenance::to_predicate`] writes it, and
//! [`Provenance::parse`] reads it back. What is read was asserted by whoever could use the key: it is as good as the role
//! that guards the key.

mod claims;
mod name;
mod origin;
mod read;
#[cfg(test)]
mod tests;
mod wire;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use self::origin::Origin;
use crate::{Code, Digest, Error, Result, VerifiedClaims};

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

/// Which definition the job ran, as SLSA's external parameters have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Workflow {
    /// Address of the repository.
    pub repository: Option<String>,
    /// The git ref.
    pub reference: Option<String>,
    /// The file in the repository that defines the job.
    pub path: Option<String>,
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
    /// When the token was issued.
    pub issued_at: Option<Timestamp>,
    /// When the token ended.
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of the compact token.
    pub token_sha256: Option<Digest>,
    /// How far the claims can be believed.
    pub claims_source: ClaimsSource,
    /// What the job ran.
    pub workflow: Workflow,
    /// The commit of its repository.
    pub commit: Option<String>,
    /// The claims that were signed. Free text: escape before printing.
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
    /// Longest predicate, in bytes.
    pub const MAX_BYTES: usize = 1024 * 1024;
    /// Most dependencies, and most byproducts.
    pub const MAX_RESOURCES: usize = 256;

    /// What the provenance of a verified token says: the claims that policies may match or that find the run, nothing
    /// that its author chooses, never the token. Times of signing, key, dependencies and byproducts are the caller's to
    /// add.
    ///
    /// # Errors
    /// `identity/claims` when the platform's word is none.
    pub fn of(token: &VerifiedClaims, claims_source: ClaimsSource) -> Result<Self> {
        if !claims::is_provider(&token.provider) {
            let message = format!("`{:.32}` is no name of a platform", token.provider);
            return Err(Error::new(Code::IdentityClaims, message));
        }
        let claims = claims::selected(&token.provider, &token.claims);
        let Origin { workflow, commit, builder, invocation } = Origin::of(&token.provider, &token.issuer, &claims);
        Ok(Self {
            provider: token.provider.clone(),
            issuer: token.issuer.clone(),
            audience: Some(token.audience.clone()),
            jti: token.jti.clone(),
            issued_at: whole_seconds(token.issued_at),
            expires_at: whole_seconds(token.expires_at),
            token_sha256: Some(token.token_sha256),
            claims_source,
            workflow,
            commit,
            claims,
            builder,
            invocation,
            started_on: None,
            finished_on: None,
            vault: None,
            dependencies: Vec::new(),
            byproducts: Vec::new(),
        })
    }

    /// The predicate of [`PROVENANCE_TYPE`], JSON text.
    ///
    /// # Errors
    /// `usage/arguments` when it would not be read back: too many dependencies, say.
    pub fn to_predicate(&self) -> Result<String> {
        let unusable = |why: &dyn core::fmt::Display| {
            Error::new(Code::UsageArguments, format!("the provenance cannot be written: {why}"))
        };
        let text = serde_json::to_string(&wire::Predicate::from(self)).map_err(|error| unusable(&error))?;
        match Self::parse(&text) {
            Ok(_) => Ok(text),
            Err(error) => Err(unusable(&error.message())),
        }
    }

    /// Reads a predicate of [`PROVENANCE_TYPE`]; `None` when its build type is not [`BUILD_TYPE`].
    ///
    /// Claims that no policy may match and that find no run are left out, as if they were not there.
    ///
    /// # Errors
    /// `format/malformed` when a predicate of ours breaks the rules of its format.
    pub fn parse(predicate: &str) -> Result<Option<Self>> {
        read::parse(predicate)
    }
}

/// Tokens count whole seconds.
fn whole_seconds(time: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(time.as_second()).ok()
}
