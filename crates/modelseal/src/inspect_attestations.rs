//! Looking at attestations without trusting them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use modelseal_core::{
    Attestations, Bundle, Code, Digest, Error, KeyId, PROVENANCE_TYPE, Provenance, Result, parse_json,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Inspection;
use crate::io::{Cap, read_capped};

/// The attestations of a file. Nothing in them was verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedAttestations {
    /// The file.
    pub path: PathBuf,
    /// Each line: what it says, or why it cannot be read. A line that cannot be read refuses the model.
    pub lines: Vec<Result<InspectedAttestation, Error>>,
    /// How many lines there are besides: verifiers refuse a file with more than they read.
    pub more: usize,
}

/// What one attestation says. Nothing in it was verified.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InspectedAttestation {
    /// Its predicate type. Free text: escape before printing.
    pub predicate_type: String,
    /// Id of the key that it claims, when it can be told.
    pub key_id: Option<KeyId>,
    /// The name of the model that it is about. Free text: escape before printing.
    pub name: String,
    /// The root digest that it is about.
    pub root_digest: Option<Digest>,
    /// The signed payload that it says it is bound to.
    pub manifest: Option<Digest>,
    /// Whether it is bound to the signature at hand; `None` when none is.
    pub bound: Option<bool>,
    /// The provenance in it, when it is ours and can be read.
    pub provenance: Option<Provenance>,
    /// Why its provenance cannot be read.
    pub problem: Option<Error>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    subject: Vec<Subject>,
    predicate_type: String,
    #[serde(default)]
    predicate: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Subject {
    #[serde(default)]
    name: String,
    #[serde(default)]
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, serde_json::Value>,
}

/// Reads the attestation file at `path` without verifying it; with a signature at hand it says which lines are bound to
/// that.
///
/// # Errors
/// `input/*`, `format/malformed` when it is too large.
pub fn inspect_attestations_file(path: &Path, bundle: Option<&Inspection>) -> Result<InspectedAttestations> {
    let text = read_capped(path, &Cap { bytes: Attestations::MAX_BYTES, code: Code::FormatMalformed })?;
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let all = || text.split(|&byte| byte == b'\n').filter(|_| !text.is_empty());
    let lines = all().take(Attestations::MAX_LINES).map(|line| attestation(line, bundle)).collect();
    Ok(InspectedAttestations {
        path: path.to_owned(),
        lines,
        more: all().count().saturating_sub(Attestations::MAX_LINES),
    })
}

fn attestation(line: &[u8], at_hand: Option<&Inspection>) -> Result<InspectedAttestation> {
    let bundle = Bundle::parse(line)?;
    let statement: Statement = parse_json(bundle.claimed_payload(), "the attestation's statement")?;
    let Ok([subject]) = <[Subject; 1]>::try_from(statement.subject) else {
        return Err(Error::new(Code::FormatMalformed, "the attestation does not have exactly one subject"));
    };
    let root_digest = subject.digest.get("sha256").and_then(|hex| format!("sha256:{hex}").parse().ok());
    let manifest: Option<Digest> =
        subject.annotations.get("manifest").and_then(|text| text.as_str()).and_then(|text| text.parse().ok());
    let bound = at_hand.map(|bundle| {
        let same = |of: &modelseal_core::ModelStatement| {
            of.name() == subject.name && Some(of.manifest().root()) == root_digest
        };
        manifest == Some(bundle.payload_digest) && bundle.statement.as_ref().is_ok_and(same)
    });
    let (provenance, problem) = match (&statement.predicate, statement.predicate_type == PROVENANCE_TYPE) {
        (Some(predicate), true) => match Provenance::parse(predicate.get()) {
            Ok(provenance) => (provenance, None),
            Err(error) => (None, Some(error)),
        },
        _ => (None, None),
    };
    Ok(InspectedAttestation {
        predicate_type: statement.predicate_type,
        key_id: bundle.claimed_key_id(),
        name: subject.name,
        root_digest,
        manifest,
        bound,
        provenance,
        problem,
    })
}
