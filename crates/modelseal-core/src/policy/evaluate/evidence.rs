//! Evidence: attestations by keys that a rule trusts for them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::rule::{Failed, failed};
use super::{duration_text, is_ahead, signer};
use crate::KeyId;
use crate::policy::EvidenceFacts;
use crate::policy::model::{EvidenceRule, PolicyFile, Rule};

/// The evidence that met a rule.
pub(super) struct Met {
    /// When the first of it is too old.
    pub(super) until: Option<Timestamp>,
    pub(super) predicate_types: Vec<String>,
}

/// Whether every demand is met, each by one attestation.
pub(super) fn all(file: &PolicyFile, rule: &Rule, facts: &[EvidenceFacts], now: Timestamp) -> Result<Met, Failed> {
    let mut met = Met { until: None, predicate_types: Vec::new() };
    for demand in &rule.evidence {
        let meets = |attestation: &&EvidenceFacts| {
            (attestation.bound || rule.danger_root_only) && is_met_by(file, demand, attestation, now)
        };
        let mut meeting = facts.iter().filter(meets).map(|attestation| end(demand, attestation)).peekable();
        if meeting.peek().is_none() {
            return failed("evidence", expected(demand), actual(demand, facts));
        }
        // Whichever lasts longest counts; without a bound it lasts.
        let until = if demand.max_age.is_some() { meeting.flatten().max() } else { None };
        met.until = [met.until, until].into_iter().flatten().min();
        if !met.predicate_types.contains(&demand.predicate_type) {
            met.predicate_types.push(demand.predicate_type.clone());
        }
    }
    Ok(met)
}

fn is_met_by(file: &PolicyFile, demand: &EvidenceRule, attestation: &EvidenceFacts, now: Timestamp) -> bool {
    let Some(key) = attestation.key.as_deref() else { return false };
    // An id that is none names no key.
    let id = match attestation.key_id.as_deref().map(str::parse) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => return false,
    };
    let Ok(issuers) = attestation.issuer_key_ids.iter().map(|id| id.parse()).collect::<Result<Vec<KeyId>, _>>() else {
        return false;
    };
    attestation.predicate_type == demand.predicate_type
        && demand.keys.iter().any(|accepted| accepted == key)
        && signer::accepts_attestations(file, key, id, &issuers, now)
        && is_young(demand, attestation, now)
        && demand.fields.iter().all(|(pointer, accepted)| {
            let found = attestation.predicate.pointer(pointer);
            found.is_some_and(|found| is_scalar(found) && accepted.contains(found))
        })
}

fn is_young(demand: &EvidenceRule, attestation: &EvidenceFacts, now: Timestamp) -> bool {
    demand.max_age.is_none()
        || (attestation.time.is_some_and(|time| !is_ahead(time, now))
            && end(demand, attestation).is_some_and(|end| now <= end))
}

fn end(demand: &EvidenceRule, attestation: &EvidenceFacts) -> Option<Timestamp> {
    attestation.time?.checked_add(demand.max_age?).ok()
}

fn expected(demand: &EvidenceRule) -> Value {
    json!({
        "predicate_type": demand.predicate_type,
        "keys": demand.keys,
        "max_age": demand.max_age.map(duration_text),
        "fields": demand.fields,
    })
}

/// What the attestations of the type say where something is demanded; null when there is none.
fn actual(demand: &EvidenceRule, facts: &[EvidenceFacts]) -> Value {
    let found: Vec<Value> = facts
        .iter()
        .filter(|attestation| attestation.predicate_type == demand.predicate_type)
        .map(|attestation| {
            let field = |pointer: &String| {
                let found = attestation.predicate.pointer(pointer).filter(|found| is_scalar(found));
                (pointer.clone(), found.cloned().unwrap_or_default())
            };
            json!({
                "key": attestation.key,
                "bound": attestation.bound,
                "time": attestation.time,
                "fields": demand.fields.keys().map(field).collect::<Map<_, _>>(),
            })
        })
        .collect();
    if found.is_empty() { Value::Null } else { found.into() }
}

const fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_))
}
