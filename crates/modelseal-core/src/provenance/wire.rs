//! The predicate as it is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BUILD_TYPE, NamedDigest, Provenance, VaultFacts, Workflow};
use crate::json::not_null;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Predicate {
    pub(super) build_definition: BuildDefinition,
    pub(super) run_details: RunDetails,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BuildDefinition {
    build_type: String,
    pub(super) external_parameters: ExternalParameters,
    pub(super) internal_parameters: InternalParameters,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resolved_dependencies: Vec<Resource>,
}

/// All that whoever starts a job decides; SLSA has verifiers refuse what they do not know here.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExternalParameters {
    pub(super) workflow: WorkflowObject,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkflowObject {
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) repository: Option<String>,
    #[serde(default, rename = "ref", deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) path: Option<String>,
}

/// What remains after `token` and `vault` is the platform: exactly one. The name `bound_token` is reserved.
#[derive(Serialize, Deserialize)]
pub(super) struct InternalParameters {
    pub(super) token: Token,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) vault: Option<Vault>,
    #[serde(flatten)]
    pub(super) platform: BTreeMap<String, BTreeMap<String, Value>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) issuer: String,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) jti: Option<String>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) iat: Option<i64>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) exp: Option<i64>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    pub(super) claims_source: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vault {
    pub(super) mount: String,
    pub(super) key: String,
    pub(super) key_version: u32,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) auth_role: Option<String>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) login_request_id: Option<String>,
}

/// in-toto's resource descriptor, as far as we write it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resource {
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) uri: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) digest: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunDetails {
    pub(super) builder: Builder,
    pub(super) metadata: Metadata,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) byproducts: Vec<Resource>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Builder {
    pub(super) id: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Metadata {
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) invocation_id: Option<String>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) started_on: Option<Timestamp>,
    #[serde(default, deserialize_with = "not_null", skip_serializing_if = "Option::is_none")]
    pub(super) finished_on: Option<Timestamp>,
}

impl From<&Provenance> for Predicate {
    fn from(provenance: &Provenance) -> Self {
        let Provenance { workflow, .. } = provenance;
        let source = source_uri(workflow).map(|uri| Resource {
            name: None,
            uri: Some(uri),
            digest: provenance.commit.iter().map(|commit| ("gitCommit".to_owned(), commit.clone())).collect(),
        });
        let dependencies = provenance.dependencies.iter().map(Resource::from);
        Self {
            build_definition: BuildDefinition {
                build_type: BUILD_TYPE.to_owned(),
                external_parameters: ExternalParameters {
                    workflow: WorkflowObject {
                        repository: workflow.repository.clone(),
                        reference: workflow.reference.clone(),
                        path: workflow.path.clone(),
                    },
                },
                internal_parameters: InternalParameters {
                    token: Token {
                        issuer: provenance.issuer.clone(),
                        audience: provenance.audience.clone(),
                        jti: provenance.jti.clone(),
                        iat: provenance.issued_at.map(Timestamp::as_second),
                        exp: provenance.expires_at.map(Timestamp::as_second),
                        sha256: provenance.token_sha256.map(|digest| digest.to_hex()),
                        claims_source: provenance.claims_source.as_str().to_owned(),
                    },
                    vault: provenance.vault.as_ref().map(Vault::from),
                    platform: BTreeMap::from([(provenance.provider.clone(), provenance.claims.clone())]),
                },
                resolved_dependencies: source.into_iter().chain(dependencies).collect(),
            },
            run_details: RunDetails {
                builder: Builder { id: provenance.builder.clone() },
                metadata: Metadata {
                    invocation_id: provenance.invocation.clone(),
                    started_on: provenance.started_on,
                    finished_on: provenance.finished_on,
                },
                byproducts: provenance.byproducts.iter().map(Resource::from).collect(),
            },
        }
    }
}

/// The first dependency: what the job was started from.
pub(super) fn source_uri(workflow: &Workflow) -> Option<String> {
    let repository = workflow.repository.as_ref()?;
    Some(match &workflow.reference {
        Some(reference) => format!("git+{repository}@{reference}"),
        None => format!("git+{repository}"),
    })
}

impl From<&NamedDigest> for Resource {
    fn from(named: &NamedDigest) -> Self {
        let (name, uri) =
            if named.is_uri() { (None, Some(named.name.clone())) } else { (Some(named.name.clone()), None) };
        let digest = named.digest.iter().map(|digest| (digest.algorithm().as_str().to_owned(), digest.to_hex()));
        Self { name, uri, digest: digest.collect() }
    }
}

impl From<&VaultFacts> for Vault {
    fn from(facts: &VaultFacts) -> Self {
        Self {
            mount: facts.mount.clone(),
            key: facts.key.clone(),
            key_version: facts.key_version,
            auth_role: facts.auth_role.clone(),
            login_request_id: facts.login_request_id.clone(),
        }
    }
}
