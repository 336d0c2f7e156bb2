//! Attestations, as `modelseal inspect` shows them: nothing of them is verified.

use modelseal::{ClaimsSource, Error, InspectedAttestation, InspectedAttestations, Provenance, escape};
use serde::Serialize;
use serde_json::Value;

use crate::output::text::{count, line};

/// A line for each attestation, and its provenance.
pub(super) fn text(text: &mut String, found: &InspectedAttestations) {
    for attestation in &found.lines {
        match attestation {
            Ok(attestation) => one(text, attestation),
            Err(error) => line(text, "attestation", &format!("not readable: {error}")),
        }
    }
    if found.more > 0 {
        let more = count(found.more as u64, "more line");
        line(text, "attestation", &format!("{more}, so many that verification refuses them"));
    }
}

fn one(text: &mut String, attestation: &InspectedAttestation) {
    let bound = match (attestation.bound, attestation.manifest) {
        (Some(true), _) => "bound to this signature",
        (Some(false), Some(_)) => "bound to another signature",
        (Some(false), None) | (None, None) => "bound to no signature",
        (None, Some(_)) => "bound to a signature",
    };
    let key = attestation.key_id.map_or_else(|| "no key named".to_owned(), |id| format!("key {:.16}…", id.to_string()));
    line(text, "attestation", &format!("{} ({bound}, {key})", escape(&attestation.predicate_type)));
    if let Some(problem) = &attestation.problem {
        line(text, "  problem", &problem.to_string());
    }
    let Some(provenance) = &attestation.provenance else { return };
    let source = match provenance.claims_source {
        ClaimsSource::OidcVerified => "says that its token logged in",
        _ => "says that another identity logged in",
    };
    let issuer = escape(&provenance.issuer).into_owned();
    line(text, "  provenance", &format!("{} by {issuer}; {source}", escape(&provenance.provider)));
    line(text, "  builder", &escape(&provenance.builder));
    if let Some(run) = &provenance.invocation {
        line(text, "  run", &escape(run));
    }
    if let Some(time) = provenance.finished_on {
        line(text, "  signed", &time.to_string());
    }
    for (name, value) in &provenance.claims {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line(text, &format!("  claim {}", escape(name)), &escape(&value));
    }
}

/// One attestation.
#[derive(Debug, Default, Serialize)]
pub(super) struct AttestationObject {
    predicate_type: Option<String>,
    key_id: Option<String>,
    name: Option<String>,
    root_digest: Option<String>,
    manifest: Option<String>,
    bound: Option<bool>,
    provenance: Option<ProvenanceObject>,
    problem: Option<ProblemObject>,
}

/// Why something cannot be read.
#[derive(Debug, Serialize)]
pub(super) struct ProblemObject {
    code: &'static str,
    message: String,
    hint: String,
}

#[derive(Debug, Serialize)]
struct ProvenanceObject {
    claims_source: &'static str,
    provider: String,
    issuer: String,
    builder: String,
    invocation: Option<String>,
    started_on: Option<String>,
    finished_on: Option<String>,
    key_version: Option<u32>,
    login_request_id: Option<String>,
    claims: Vec<ClaimObject>,
}

#[derive(Debug, Serialize)]
struct ClaimObject {
    name: String,
    value: Value,
}

/// Every attestation of a file.
pub(super) fn objects(found: &InspectedAttestations) -> Vec<AttestationObject> {
    found.lines.iter().map(AttestationObject::from).collect()
}

impl From<&Result<InspectedAttestation, Error>> for AttestationObject {
    fn from(found: &Result<InspectedAttestation, Error>) -> Self {
        match found {
            Ok(found) => Self {
                predicate_type: Some(found.predicate_type.clone()),
                key_id: found.key_id.map(|id| id.to_string()),
                name: Some(found.name.clone()),
                root_digest: found.root_digest.map(|digest| digest.to_string()),
                manifest: found.manifest.map(|digest| digest.to_string()),
                bound: found.bound,
                provenance: found.provenance.as_ref().map(ProvenanceObject::from),
                problem: found.problem.as_ref().map(ProblemObject::from),
            },
            Err(error) => Self { problem: Some(ProblemObject::from(error)), ..Self::default() },
        }
    }
}

impl From<&Error> for ProblemObject {
    fn from(error: &Error) -> Self {
        Self { code: error.code().as_str(), message: error.message().to_owned(), hint: error.hint().to_owned() }
    }
}

impl From<&Provenance> for ProvenanceObject {
    fn from(found: &Provenance) -> Self {
        let vault = found.vault.as_ref();
        Self {
            claims_source: found.claims_source.as_str(),
            provider: found.provider.clone(),
            issuer: found.issuer.clone(),
            builder: found.builder.clone(),
            invocation: found.invocation.clone(),
            started_on: found.started_on.map(|time| time.to_string()),
            finished_on: found.finished_on.map(|time| time.to_string()),
            key_version: vault.map(|vault| vault.key_version),
            login_request_id: vault.and_then(|vault| vault.login_request_id.clone()),
            claims: found
                .claims
                .iter()
                .map(|(name, value)| ClaimObject { name: name.clone(), value: value.clone() })
                .collect(),
        }
    }
}
