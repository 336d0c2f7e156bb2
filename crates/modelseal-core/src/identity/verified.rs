//! Claims of a token that was verified with the keys of its issuer.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Claim, ClaimLevel, ClaimTable};
use crate::{Code, Digest, Error, Result};

/// What a verified identity token says. Whoever verifies tokens makes it; it holds nothing secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct VerifiedClaims {
    /// The platform's word: `github`, `gitlab`, …; `oidc` for any other issuer.
    pub provider: String,
    /// The issuer, byte for byte the one that was expected.
    pub issuer: String,
    /// The one audience.
    pub audience: String,
    /// The token's id.
    pub jti: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// SHA-256 of the compact token, which finds it in logs without being it.
    pub token_sha256: Digest,
    /// Every claim. Free text: escape before printing.
    pub claims: Map<String, Value>,
}

impl VerifiedClaims {
    /// The claims of a token that the caller verified: signature, issuer, audience, times.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "each is a fact of its own")]
    pub fn assert_verified(
        provider: impl Into<String>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        jti: Option<String>,
        issued_at: Timestamp,
        expires_at: Timestamp,
        token_sha256: Digest,
        claims: Map<String, Value>,
    ) -> Self {
        Self {
            provider: provider.into(),
            issuer: issuer.into(),
            audience: audience.into(),
            jti,
            issued_at,
            expires_at,
            token_sha256,
            claims,
        }
    }

    /// A claim that is text and not empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// A claim that a policy may match. There is no way to make one of a claim that the author of a job chooses.
///
/// ```compile_fail
/// let claim = modelseal_core::PolicyClaim("actor");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyClaim(&'static Claim);

impl PolicyClaim {
    /// Its name in the token; a `*` at the end stands for any ending.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.0.name
    }

    /// What it is worth: `enforce` or `narrow`, and `record` for commits.
    #[must_use]
    pub const fn level(&self) -> ClaimLevel {
        self.0.level
    }
}

/// What is known of a claim of an issuer that is none of the known platforms.
static OF_OTHERS: Claim =
    Claim { name: "*", level: ClaimLevel::Enforce, meaning: "claim of an issuer that its rule's author knows" };

impl PolicyClaim {
    /// A claim of an issuer that is none of the known platforms. What it is worth only the author of the rule knows, who
    /// names that issuer.
    ///
    /// # Errors
    /// `policy/claim-not-enforceable` for the claims about the token itself, `policy/unknown-field` for names that
    /// provenance does not keep: only letters, digits, `_`, `.`, `/`, `-`, at most 64.
    pub fn of_other_issuer(name: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            let message = format!("there is no claim `{name:.100}` in provenance");
            return Err(Error::new(Code::PolicyUnknownField, message));
        }
        if matches!(name, "iss" | "aud" | "exp" | "nbf" | "iat" | "jti") {
            let message = format!("the claim `{name}` decides nothing: it is about the token itself");
            return Err(Error::new(Code::PolicyClaimNotEnforceable, message));
        }
        Ok(Self(&OF_OTHERS))
    }
}

impl ClaimTable {
    /// The claim of this name, if a policy may match it.
    ///
    /// # Errors
    /// `policy/claim-not-enforceable`, which says why; `policy/unknown-field` for a claim that is not known.
    pub fn policy_claim(&self, name: &str) -> Result<PolicyClaim> {
        let Some(claim) = self.get(name) else {
            return Err(Error::new(Code::PolicyUnknownField, format!("there is no claim `{name}`")));
        };
        match claim.level {
            ClaimLevel::Enforce | ClaimLevel::Narrow if claim.name != "aud" => Ok(PolicyClaim(claim)),
            // A commit says what was built: to demand one makes a build reproducible, and gives nobody a right.
            ClaimLevel::Record if claim.name == "sha" => Ok(PolicyClaim(claim)),
            level => Err(Error::new(
                Code::PolicyClaimNotEnforceable,
                format!("the claim `{name}` decides nothing: {} (level `{level}`)", claim.meaning),
            )),
        }
    }
}
