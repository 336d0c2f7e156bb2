//! Writing a payload: compact JSON with fields in a fixed order.

use serde::Serialize;

use super::{ModelStatement, PREDICATE_TYPE, STATEMENT_TYPE};
use crate::{Method, Resource};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Statement<'a> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: [Subject<'a>; 1],
    predicate_type: &'a str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Subject<'a> {
    name: &'a str,
    digest: Sha256,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Annotations<'a>>,
}

#[derive(Serialize)]
struct Sha256 {
    sha256: String,
}

#[derive(Serialize)]
struct Annotations<'a> {
    attestations: &'a [String],
}

#[derive(Serialize)]
struct Predicate<'a> {
    serialization: Serialization<'a>,
    resources: Vec<ListedResource<'a>>,
}

#[derive(Serialize)]
struct Serialization<'a> {
    method: &'a str,
    hash_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shard_size: Option<u64>,
    allow_symlinks: bool,
    ignore_paths: &'a [String],
}

#[derive(Serialize)]
struct ListedResource<'a> {
    #[serde(serialize_with = "listed_name")]
    name: &'a Resource,
    algorithm: &'a str,
    #[serde(serialize_with = "hex")]
    digest: &'a Resource,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

fn listed_name<S: serde::Serializer>(resource: &&Resource, serializer: S) -> Result<S::Ok, S::Error> {
    match resource.range() {
        None => serializer.serialize_str(resource.name().as_str()),
        Some(_) => serializer.serialize_str(&resource.listed_name()),
    }
}

fn hex<S: serde::Serializer>(resource: &&Resource, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&resource.digest().to_hex())
}

pub(super) fn payload(statement: &ModelStatement) -> Vec<u8> {
    let manifest = statement.manifest();
    let serialization = manifest.serialization();
    let (algorithm, shard_size) = match serialization.method() {
        Method::Files => (serialization.hash().as_str().to_owned(), None),
        Method::Shards { size } => (format!("{}-sharded-{size}", serialization.hash()), Some(size.get())),
    };
    let statement = Statement {
        kind: STATEMENT_TYPE,
        subject: [Subject {
            name: statement.name(),
            digest: Sha256 { sha256: manifest.root().to_hex() },
            annotations: (!statement.attestation_types().is_empty())
                .then(|| Annotations { attestations: statement.attestation_types() }),
        }],
        predicate_type: PREDICATE_TYPE,
        predicate: Predicate {
            serialization: Serialization {
                method: serialization.method().as_str(),
                hash_type: serialization.hash().as_str(),
                shard_size,
                allow_symlinks: serialization.allow_symlinks(),
                ignore_paths: serialization.ignore_paths(),
            },
            resources: manifest
                .resources()
                .iter()
                .map(|resource| ListedResource {
                    name: resource,
                    algorithm: &algorithm,
                    digest: resource,
                    size: resource.size(),
                })
                .collect(),
        },
    };
    // Strings and integers only: writing them into memory cannot fail.
    serde_json::to_vec(&statement).unwrap_or_default()
}
