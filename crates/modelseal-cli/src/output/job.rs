//! Which job signed, by its provenance.

use std::collections::BTreeMap;

use modelseal::{ClaimsSource, Provenance, escape};
use serde::Serialize;
use serde_json::Value;

/// What a verified provenance says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProvenanceObject {
    provider: String,
    issuer: String,
    claims_source: &'static str,
    builder: String,
    invocation: Option<String>,
    started_on: Option<String>,
    finished_on: Option<String>,
    claims: BTreeMap<String, Value>,
}

impl From<&Provenance> for ProvenanceObject {
    fn from(provenance: &Provenance) -> Self {
        Self {
            provider: provenance.provider.clone(),
            issuer: provenance.issuer.clone(),
            claims_source: provenance.claims_source.as_str(),
            builder: provenance.builder.clone(),
            invocation: provenance.invocation.clone(),
            started_on: provenance.started_on.map(|time| time.to_string()),
            finished_on: provenance.finished_on.map(|time| time.to_string()),
            claims: provenance.claims.clone(),
        }
    }
}

/// Claims that say which job it was, in the order in which they are shown.
const SHOWN: [(&str, &[&str]); 5] = [
    ("", &["repository", "project_path", "namespace", "sub"]),
    ("service account ", &["service_account"]),
    ("workflow ", &["job_workflow_ref", "workflow_ref", "ci_config_ref_uri"]),
    ("ref ", &["ref"]),
    ("run ", &["run_id", "pipeline_id"]),
];

impl ProvenanceObject {
    /// `github job, acme/model, workflow …, ref …, run …`.
    pub(crate) fn job(&self) -> String {
        let mut parts = vec![format!("{} job", escape(&self.provider))];
        for (label, names) in SHOWN {
            let claim = names.iter().find_map(|name| match self.claims.get(*name) {
                Some(Value::String(text)) if !text.is_empty() => Some(escape(text).into_owned()),
                Some(value @ Value::Number(_)) => Some(value.to_string()),
                _ => None,
            });
            parts.extend(claim.map(|claim| format!("{label}{claim}")));
        }
        if self.claims_source != ClaimsSource::OidcVerified.as_str() {
            parts.push("not the identity that logged in".to_owned());
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn jobs_are_one_line() {
        let claims = json!({"repository": "acme/m\n", "ref": "refs/heads/main", "run_id": "7", "workflow_ref": "w"});
        let mut object = ProvenanceObject {
            provider: "github".to_owned(),
            issuer: String::new(),
            claims_source: "oidc-verified",
            builder: String::new(),
            invocation: None,
            started_on: None,
            finished_on: None,
            claims: serde_json::from_value(claims).unwrap(),
        };
        assert_eq!(object.job(), "github job, acme/m\\n, workflow w, ref refs/heads/main, run 7");
        object.claims_source = "oidc-unbound";
        assert!(object.job().ends_with(", not the identity that logged in"));
    }
}
