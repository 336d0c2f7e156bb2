//! What a decision rests on.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Everything that a policy may look at. A decision is a pure function of policy, facts and time.
///
/// Verification fills it from what was verified ([`SignedManifest::facts`](crate::SignedManifest::facts)); the cases of
/// `policy test` write it down. What is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Facts {
    /// The artifact.
    pub artifact: ArtifactFacts,
    /// Its signature.
    pub signature: SignatureFacts,
    /// Who signed, by provenance that is signed by the same key version and bound to the same manifest.
    pub identity: IdentityFacts,
    /// Attestations by trusted keys.
    pub evidence: Vec<EvidenceFacts>,
}

/// Facts about the artifact.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ArtifactFacts {
    /// The signed name.
    pub name: Option<String>,
    /// Root digest in the listed order, `sha256:HEX`.
    pub root_digest: Option<String>,
    /// Root digest in the canonical order.
    pub canonical_root_digest: Option<String>,
    /// Root digest in the order of the reference tool.
    pub reference_root_digest: Option<String>,
    /// `files` or `shards`.
    pub method: Option<String>,
    /// Hash of the resources.
    pub hash: Option<String>,
    /// Paths that the signature leaves out.
    pub ignored_paths: Vec<String>,
    /// Every file. One that was signed in shards has no digest of its own.
    pub resources: Option<Vec<ResourceFacts>>,
}

/// Facts about one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResourceFacts {
    /// Its name.
    pub name: String,
    /// Its digest, `ALGORITHM:HEX`.
    pub digest: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
}

/// Facts about the signature.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SignatureFacts {
    /// Whether a pinned key verified it.
    pub verified: Option<bool>,
    /// The policy's name of that key or certificate.
    pub key: Option<String>,
    /// Its id.
    pub key_id: Option<String>,
    /// Ids of the keys of the certificates above that of the signer; none for a key without certificate.
    pub issuer_key_ids: Vec<String>,
    /// Its version, as the policy knows it.
    pub key_version: Option<u32>,
    /// The scheme.
    pub algorithm: Option<String>,
    /// When it was made.
    pub signed_at: Option<Timestamp>,
    /// Who says so: `asserted` (the signer), `trusted` (a timestamp, which does not exist yet).
    pub time_source: Option<String>,
}

/// Facts about who signed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct IdentityFacts {
    /// `github`, `gitlab`, `kubernetes`, `oidc`.
    pub provider: Option<String>,
    /// The issuer of the verified token.
    pub issuer: Option<String>,
    /// Two provenance statements differ: there is no identity then.
    pub ambiguous: bool,
    /// The claims that were signed, by name. Kubernetes: `namespace`, `service_account`, `service_account_uid`.
    pub claims: BTreeMap<String, Value>,
}

/// Facts about one attestation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EvidenceFacts {
    /// Its predicate type.
    pub predicate_type: String,
    /// The policy's name of the key that signed it.
    pub key: Option<String>,
    /// The id of that key.
    pub key_id: Option<String>,
    /// Ids of the keys of the certificates above that of the signer; none for a key without certificate.
    pub issuer_key_ids: Vec<String>,
    /// Whether it is bound to this very manifest, not only to the same root digest.
    pub bound: bool,
    /// When it was made, by its own words: `/time`, `/timestamp`, `/finishedOn`, `/scannedOn` or
    /// `/runDetails/metadata/finishedOn` of its predicate, or its envelope's integrated time if that is trusted.
    pub time: Option<Timestamp>,
    /// The predicate.
    pub predicate: Value,
}
