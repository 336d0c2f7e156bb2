//! Questions that only careless modules answer with yes.

use jiff::Timestamp;
use modelseal_core::{ClaimTable, Code, Error, Facts, Policy, Result};
use serde_json::{Map, Value, json};

/// Asks what the modules allow when nothing is known.
///
/// # Errors
/// `policy/rego-fail-open`.
pub(super) fn check(allows: impl Fn(&Value) -> bool) -> Result<()> {
    let now = Timestamp::now();
    let probes = [
        (json!({}), "an empty input"),
        (nothing(now), "an input in which everything is null"),
        (Policy::input(&Facts::default(), None, now), "an input in which everything is null"),
    ];
    match probes.iter().find(|(document, _)| allows(document)) {
        Some((_, what)) => Err(Error::new(Code::PolicyRegoFailOpen, format!("the Rego modules allow {what}"))),
        None => Ok(()),
    }
}

/// The shape of the total input, with null for every fact.
pub(super) fn nothing(now: Timestamp) -> Value {
    let nulls =
        |names: &[&str]| -> Map<String, Value> { names.iter().map(|&name| (name.to_owned(), Value::Null)).collect() };
    let claims = |platform| -> Map<String, Value> {
        ClaimTable::of(platform).claims().map(|claim| (claim.name.to_owned(), Value::Null)).collect()
    };
    let mut artifact = nulls(&["name", "root_digest", "method", "hash", "resources"]);
    artifact.insert("ignored_paths".to_owned(), json!([]));
    json!({
        "version": 1,
        "now": now.to_string(),
        "artifact": artifact,
        "signature": nulls(&["verified", "key", "key_id", "key_version", "algorithm", "signed_at", "time_source"]),
        "identity": {
            "provider": null,
            "issuer": null,
            "github": claims("github"),
            "gitlab": claims("gitlab"),
            "kubernetes": nulls(&["namespace", "service_account", "service_account_uid"]),
            "oidc": claims("oidc"),
        },
        "evidence": [],
        "native": {"decision": null, "rules": []},
    })
}
