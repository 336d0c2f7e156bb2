//! Attestations: further signed statements about the same artifact, bound to its manifest.
//!
//! They stand one bundle per line in a file beside the signature. Anyone may add or remove lines there, so: a line that
//! is no bundle refuses the artifact, a line of an unknown key is reported and never used, and the signed statement
//! lists the attestations that must be there.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::{self, AtMost};
use crate::statement::STATEMENT_TYPE;
use crate::verify::check_envelope;
use crate::{Bundle, Code, Digest, Error, HashAlgorithm, Manifest, ModelStatement, Result, SignedBy, TrustedKeys};

/// Attestations of a file, with their signatures checked.
#[derive(Clone, Debug, Default)]
pub struct Attestations(Vec<Line>);

#[derive(Clone, Debug)]
struct Line {
    statement: AttestationStatement,
    signed_by: Option<SignedBy>,
}

/// What is known of one attestation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttestationEvidence {
    /// Its predicate type. Free text: escape before printing.
    pub predicate_type: String,
    /// The trusted key that signed it; `None` when no key did that is trusted now and in its version.
    pub signed_by: Option<SignedBy>,
    /// Whether it is bound to this very manifest, not only to the same root digest.
    pub bound: bool,
    /// Its predicate, JSON text in one reading; `null` when it has none. Free text: escape before printing.
    pub predicate: Arc<str>,
}

impl AttestationEvidence {
    /// Whether it may count for a decision: signed by a trusted key and bound to this manifest.
    #[must_use]
    pub const fn counts(&self) -> bool {
        self.bound && self.signed_by.is_some()
    }

    pub(crate) fn signed_by(&self, signer: &SignedBy) -> bool {
        self.signed_by.as_ref().is_some_and(|signed_by| signed_by.key_id() == signer.key_id())
    }
}

impl Attestations {
    /// Largest attestation file, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024 * 1024;
    /// Most attestations of one file.
    pub const MAX_LINES: usize = 64;

    /// No attestation.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Parses a file of bundles, one per line, and checks their signatures.
    ///
    /// # Errors
    /// `format/*` when a line is no bundle of a statement; `signature/*` when a line claims a trusted key and its
    /// signature does not hold.
    pub fn verify(text: &[u8], trusted: &TrustedKeys, at: Timestamp) -> Result<Self> {
        if text.len() > Self::MAX_BYTES {
            return Err(malformed(format!("{} bytes, more than {}", text.len(), Self::MAX_BYTES)));
        }
        let lines: Vec<&[u8]> = text.strip_suffix(b"\n").unwrap_or(text).split(|&byte| byte == b'\n').collect();
        if lines.len() > Self::MAX_LINES {
            return Err(malformed(format!("{} lines, more than {}", lines.len(), Self::MAX_LINES)));
        }
        lines
            .into_iter()
            .filter(|_| !text.is_empty())
            .map(|line| Line::verify(line, trusted, at))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// What the attestations are worth for one statement.
    ///
    /// # Errors
    /// `policy/attestation-other-model` when a trusted key attested another manifest.
    pub(crate) fn bound_to(
        &self,
        name: &str,
        manifest: &Manifest,
        payload: Digest,
    ) -> Result<Vec<AttestationEvidence>> {
        let evidence = |line: &Line| {
            let statement = &line.statement;
            let same_subject = statement.name == name && statement.root == manifest.root();
            let bound = same_subject && statement.manifest == Some(payload);
            if line.signed_by.is_some() && !bound && (!same_subject || statement.manifest.is_some()) {
                return Err(Error::new(
                    Code::PolicyAttestationOtherModel,
                    format!("the attestation of type `{}` is about another model", statement.predicate_type),
                ));
            }
            Ok(AttestationEvidence {
                predicate_type: statement.predicate_type.clone(),
                signed_by: line.signed_by.clone(),
                bound,
                predicate: Arc::clone(&statement.predicate),
            })
        };
        self.0.iter().map(evidence).collect()
    }
}

impl Line {
    fn verify(line: &[u8], trusted: &TrustedKeys, at: Timestamp) -> Result<Self> {
        let bundle = Bundle::parse(line)?;
        let statement = AttestationStatement::parse(bundle.claimed_payload())?;
        let signed_by = match check_envelope(&bundle, trusted, at).and_then(|signature| signature.accepted(at)) {
            Ok(signed_by) => Some(signed_by),
            Err(error) => match error.code() {
                Code::SignatureUnknownKey | Code::SignatureWrongMethod | Code::SignatureUntrustedCertificate => None,
                // A key that is no longer accepted is worth as much as one that is not trusted.
                Code::PolicyKeyVersion | Code::PolicyKeyWindow => None,
                _ => return Err(error),
            },
        };
        Ok(Self { statement, signed_by })
    }
}

/// Longest predicate type of an attestation, in bytes: it is shown, also when nobody trusts the line.
const MAX_PREDICATE_TYPE: usize = 1024;

/// The part of an attestation's statement that binds it.
#[derive(Clone, Debug)]
struct AttestationStatement {
    predicate_type: String,
    name: String,
    root: Digest,
    manifest: Option<Digest>,
    predicate: Arc<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawStatement {
    #[serde(rename = "_type")]
    kind: String,
    subject: AtMost<RawSubject, 2>,
    predicate_type: String,
    #[serde(default)]
    predicate: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RawSubject {
    #[serde(default)]
    name: String,
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, Box<RawValue>>,
}

impl AttestationStatement {
    fn parse(payload: &[u8]) -> Result<Self> {
        let raw: RawStatement = json::parse(payload, "the attestation's statement")?;
        let [subject] = &raw.subject.0[..] else {
            return Err(malformed(format!("{} subjects where one belongs", raw.subject.0.len())));
        };
        if raw.predicate_type.len() > MAX_PREDICATE_TYPE {
            return Err(malformed("a predicate type that is too long"));
        }
        if raw.kind != STATEMENT_TYPE {
            return Err(malformed(format!("a statement of type `{}`", raw.kind)));
        }
        let root = subject.digest.get("sha256").and_then(|hex| Digest::from_hex(HashAlgorithm::Sha256, hex));
        let manifest = subject
            .annotations
            .get("manifest")
            .map(|text| serde_json::from_str::<String>(text.get()).ok().and_then(|text| text.parse().ok()));
        Ok(Self {
            predicate: raw.predicate.map_or_else(|| "null".into(), |predicate| predicate.get().into()),
            predicate_type: raw.predicate_type,
            name: subject.name.clone(),
            root: root.ok_or_else(|| malformed("the subject has no SHA-256 digest"))?,
            manifest: manifest
                .map(|digest| digest.ok_or_else(|| malformed("its manifest is no digest")))
                .transpose()?,
        })
    }
}

/// Splits an attestation file for a model that is signed again. Lines about this very payload stay, but those of the
/// types that are signed along anew; so do foreign lines that are bound to no manifest and have the same subject. Of
/// lines about another manifest, which would refuse the artifact, the predicate types are returned. Nothing is verified.
///
/// # Errors
/// `format/*` when a line is no bundle of a statement.
pub fn keep_attestations(text: &[u8], statement: &ModelStatement, payload: &[u8]) -> Result<(Vec<u8>, Vec<String>)> {
    let (payload, root) = (Digest::sha256(payload), statement.manifest().root());
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let old = AttestationStatement::parse(Bundle::parse(line)?.claimed_payload())?;
        let stays = match old.manifest {
            Some(manifest) => manifest == payload,
            None => old.name == statement.name() && old.root == root,
        };
        if !stays {
            dropped.push(old.predicate_type);
        } else if !statement.attestation_types().contains(&old.predicate_type) {
            kept.extend_from_slice(line);
            kept.push(b'\n');
        }
    }
    Ok((kept, dropped))
}

/// The payload of an attestation about the model of `statement`, bound to exactly its payload bytes `payload`.
///
/// # Errors
/// `usage/arguments` when `predicate` is not a JSON object in one reading.
pub fn attestation_payload(
    statement: &ModelStatement,
    payload: &[u8],
    predicate_type: &str,
    predicate: &str,
) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Statement<'a> {
        #[serde(rename = "_type")]
        kind: &'a str,
        subject: [Subject<'a>; 1],
        predicate_type: &'a str,
        predicate: &'a RawValue,
    }
    #[derive(Serialize)]
    struct Subject<'a> {
        name: &'a str,
        digest: BTreeMap<&'a str, String>,
        annotations: BTreeMap<&'a str, String>,
    }
    let unusable = |error: &dyn core::fmt::Display| {
        Error::new(Code::UsageArguments, format!("the predicate cannot be used: {error}"))
    };
    let predicate: &RawValue = json::parse(predicate.as_bytes(), "the predicate").map_err(|error| unusable(&error))?;
    if !predicate.get().starts_with('{') {
        return Err(unusable(&"it is not a JSON object"));
    }
    let statement = Statement {
        kind: STATEMENT_TYPE,
        subject: [Subject {
            name: statement.name(),
            digest: BTreeMap::from([("sha256", statement.manifest().root().to_hex())]),
            annotations: BTreeMap::from([("manifest", Digest::sha256(payload).to_string())]),
        }],
        predicate_type,
        predicate,
    };
    serde_json::to_vec(&statement).map_err(|error| unusable(&error))
}

fn malformed(reason: impl AsRef<str>) -> Error {
    Error::new(Code::FormatMalformed, format!("the attestations: {}", reason.as_ref()))
}
