//! A policy file, parsed: types that cannot hold what makes no sense.

use core::num::NonZeroU32;
use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::format::FileFormat;
use super::glob::Glob;
use crate::{Digest, HashAlgorithm, KeyId, PolicyClaim, SigningWindow, TrustedKeys};

/// Everything that a policy file says.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile {
    pub(crate) name: String,
    /// SHA-256 of the file's bytes.
    pub(crate) digest: Digest,
    pub(crate) decision_ttl: SignedDuration,
    pub(crate) serial: Option<u64>,
    pub(crate) valid_until: Option<Timestamp>,
    /// The keys and anchors of every `[[key]]` and `[[certificate]]`: the only ones that are trusted.
    pub(crate) trusted: TrustedKeys,
    pub(crate) keys: Vec<PolicyKey>,
    pub(crate) certificates: Vec<PolicyCertificate>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) revoked: Vec<Revoked>,
    pub(crate) rego: Option<RegoStage>,
    pub(crate) opa: Option<OpaStage>,
    /// Every file that was read, besides the keys': resolved by whoever read them.
    pub(crate) sources: Vec<PathBuf>,
}

/// One `[[key]]`. Its public keys are in [`PolicyFile::trusted`], under its name.
#[derive(Clone, Debug)]
pub(crate) struct PolicyKey {
    pub(crate) name: String,
    /// `shared_key = "danger"`.
    pub(crate) shared: bool,
    pub(crate) line: usize,
}

/// One `[[certificate]]`.
#[derive(Clone, Debug)]
pub(crate) struct PolicyCertificate {
    pub(crate) name: String,
    /// SHA-256 of the DER of each anchor.
    pub(crate) anchors: Vec<Digest>,
    /// Alternative names of which a leaf must have one, byte for byte.
    pub(crate) alternative_names: Vec<String>,
    pub(crate) window: SigningWindow,
    pub(crate) line: usize,
}

/// One `[[rule]]`. An empty list never stands for "any": what may be left out is an `Option`.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) models: Vec<Glob>,
    /// Names of `[[key]]` or `[[certificate]]`.
    pub(crate) keys: Vec<String>,
    pub(crate) identity: IdentityRule,
    pub(crate) digests: Option<Vec<Digest>>,
    pub(crate) not_signed_before: Option<Timestamp>,
    pub(crate) hash: Vec<HashAlgorithm>,
    /// `files`, `shards`.
    pub(crate) methods: Vec<&'static str>,
    pub(crate) danger_root_only: bool,
    pub(crate) max_age: Option<SignedDuration>,
    pub(crate) files: FileRule,
    pub(crate) evidence: Vec<EvidenceRule>,
}

/// Who may sign.
#[derive(Clone, Debug)]
pub(crate) enum IdentityRule {
    /// Whoever holds the key.
    KeyOnly,
    /// The job with these claims.
    Claims(ClaimRule),
}

/// `[rule.github]` and the like.
#[derive(Clone, Debug)]
pub(crate) struct ClaimRule {
    pub(crate) provider: IdentityProvider,
    /// Compared byte for byte.
    pub(crate) issuer: String,
    /// In the order in which they are looked at: ids, workflow, event, ref, sha, environment, runner, names.
    pub(crate) conditions: Vec<Condition>,
}

/// Which identity table a rule has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum IdentityProvider {
    Github,
    Gitlab,
    Kubernetes,
    Oidc,
}

impl IdentityProvider {
    /// The name of the table.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Kubernetes => "kubernetes",
            Self::Oidc => "oidc",
        }
    }
}

/// What one claim must be. A claim that is absent, empty or no text never matches.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    /// As it stands in decisions: `github.event_name`.
    pub(crate) field: String,
    /// What makes the claim one that may be matched. Its name can end in a `*`, and that of a platform's token can
    /// differ from that in the provenance.
    pub(crate) claim: PolicyClaim,
    /// Name of the claim in the signed provenance: `repo_property_team`.
    pub(crate) claim_name: String,
    /// Of the key, or of the table for a condition that is not in the file.
    pub(crate) line: usize,
    pub(crate) matcher: Matcher,
    /// Not in the file: a default that protects.
    pub(crate) implied: bool,
}

/// Any of these.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    Exact(Vec<String>),
    /// ASCII letters compare without case.
    ExactIgnoringCase(Vec<String>),
    Globs(Vec<Glob>),
    /// ASCII letters compare without case.
    GlobsIgnoringCase(Vec<Glob>),
}

/// `[rule.files]`.
#[derive(Clone, Debug)]
pub(crate) struct FileRule {
    /// What the signature may leave out besides git's paths and the signature's own files.
    pub(crate) ignored_paths: Vec<Glob>,
    pub(crate) formats: Option<Vec<FileFormat>>,
    /// Unsigned files on disk that are tolerated and listed.
    pub(crate) danger_allow_unsigned: Vec<Glob>,
}

/// One `[[rule.evidence]]`.
#[derive(Clone, Debug)]
pub(crate) struct EvidenceRule {
    pub(crate) predicate_type: String,
    pub(crate) keys: Vec<String>,
    pub(crate) max_age: Option<SignedDuration>,
    /// JSON pointer → accepted scalars.
    pub(crate) fields: BTreeMap<String, Vec<Value>>,
}

/// One `[[revoked]]`.
#[derive(Clone, Debug)]
pub(crate) struct Revoked {
    pub(crate) what: RevokedThing,
    pub(crate) reason: String,
    /// Trusted timestamps do not exist yet: signatures before this are refused, too.
    pub(crate) except_timestamped_before: Option<Timestamp>,
}

/// What is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RevokedThing {
    /// A root digest, in the listed or the canonical order.
    Model(Digest),
    /// SHA-256 of any file.
    File(Digest),
    KeyId(KeyId),
    /// Versions of a named key; empty never occurs.
    KeyVersions(String, Vec<NonZeroU32>),
}

/// `[rego]`: modules and data, already read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RegoStage {
    /// Name as the policy has it, and text, of each module.
    pub modules: Vec<(String, String)>,
    /// Name as the policy has it, and text, of each data document (JSON).
    pub data: Vec<(String, String)>,
    /// Longest evaluation.
    pub timeout: core::time::Duration,
}

/// `[opa]`: a server to be asked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpaStage {
    /// Address of the one document that decides.
    pub url: String,
    /// Longest exchange.
    pub timeout: core::time::Duration,
    /// PEM certificates of the authority that vouches for the server; `None`: those of the system.
    pub ca_pem: Option<String>,
    /// File that holds the bearer token; read anew at each question.
    pub token_file: Option<PathBuf>,
}

impl RegoStage {
    /// Modules and data documents, each with its name and its text.
    #[must_use]
    pub const fn new(
        modules: Vec<(String, String)>,
        data: Vec<(String, String)>,
        timeout: core::time::Duration,
    ) -> Self {
        Self { modules, data, timeout }
    }
}

impl OpaStage {
    /// A server that is trusted by the authorities of the system and wants no token.
    #[must_use]
    pub const fn new(url: String, timeout: core::time::Duration) -> Self {
        Self { url, timeout, ca_pem: None, token_file: None }
    }
}
