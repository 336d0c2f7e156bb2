//! The total input of narrowing stages: what is not known is null, never absent, so that a misspelt field is the only
//! thing that can be undefined.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::ClaimTable;
use crate::policy::{Decision, Facts, IdentityFacts, Policy};

/// Claims of Kubernetes as policies name them.
const KUBERNETES: [&str; 3] = ["namespace", "service_account", "service_account_uid"];

pub(in crate::policy) fn input(facts: &Facts, native: Option<&Decision>, now: Timestamp) -> Value {
    let (artifact, signature, identity) = (&facts.artifact, &facts.signature, &facts.identity);
    json!({
        "version": 1,
        "now": now,
        "artifact": {
            "name": artifact.name,
            "root_digest": artifact.root_digest,
            "method": artifact.method,
            "hash": artifact.hash,
            "ignored_paths": artifact.ignored_paths,
            "resources": artifact.resources.as_ref().filter(|resources| resources.len() <= Policy::MAX_INPUT_FILES),
        },
        "signature": {
            "verified": signature.verified,
            "key": signature.key,
            "key_id": signature.key_id,
            "issuer_key_ids": signature.issuer_key_ids,
            "key_version": signature.key_version,
            "algorithm": signature.algorithm,
            "signed_at": signature.signed_at,
            "time_source": signature.time_source,
        },
        "identity": {
            "provider": identity.provider,
            "issuer": identity.issuer,
            "github": claims(identity, "github"),
            "gitlab": claims(identity, "gitlab"),
            "kubernetes": claims(identity, "kubernetes"),
            "oidc": claims(identity, "oidc"),
        },
        "evidence": facts.evidence,
        "native": {
            "decision": native.map(|decision| decision.decision),
            "rules": native.map(|decision| &decision.rules),
        },
    })
}

/// Every known claim of a platform. Of issuers in general none is known beforehand: what was signed is added.
fn claims(identity: &IdentityFacts, platform: &str) -> Value {
    let table = ClaimTable::of(platform);
    let signed = identity.provider.as_deref() == Some(platform);
    let known = table.claims().map(|claim| claim.name).filter(|name| !name.ends_with('*'));
    let own = KUBERNETES.into_iter().filter(|_| platform == "kubernetes");
    let mut claims: Map<String, Value> = known.chain(own).map(|name| (name.to_owned(), Value::Null)).collect();
    if signed {
        let fits = |name: &str| claims.contains_key(name) || platform == "oidc" || table.get(name).is_some();
        let found: Vec<_> = identity.claims.iter().filter(|(name, _)| fits(name)).collect();
        claims.extend(found.into_iter().map(|(name, value)| (name.clone(), value.clone())));
    }
    claims.into()
}
