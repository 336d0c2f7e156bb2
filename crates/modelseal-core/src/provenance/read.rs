//! Reading a predicate back, strictly.

use jiff::Timestamp;
use serde::Deserialize;

use super::wire::{self, Predicate, Resource, source_uri};
use super::{BUILD_TYPE, ClaimsSource, NamedDigest, Provenance, VaultFacts, Workflow, claims, name};
use crate::{Code, Digest, Error, HashAlgorithm, Result, json};

/// Longest address, role, id: an address may hold several claims, and all of a token are no longer.
const LONGEST: usize = 16 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    build_definition: KindOfBuild,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KindOfBuild {
    build_type: String,
}

pub(super) fn parse(predicate: &str) -> Result<Option<Provenance>> {
    const WHAT: &str = "the provenance";
    if predicate.len() > Provenance::MAX_BYTES {
        return Err(malformed(format!("{} bytes, more than {}", predicate.len(), Provenance::MAX_BYTES)));
    }
    json::parse::<serde::de::IgnoredAny>(predicate.as_bytes(), WHAT)?;
    // Provenance of somebody else's has another form.
    match serde_json::from_str::<Kind>(predicate) {
        Ok(kind) if kind.build_definition.build_type == BUILD_TYPE => {}
        _ => return Ok(None),
    }
    let predicate: Predicate = serde_json::from_str(predicate).map_err(|error| malformed(error.to_string()))?;
    provenance(predicate).map(Some)
}

fn provenance(Predicate { build_definition: build, run_details: run }: Predicate) -> Result<Provenance> {
    let wire::InternalParameters { token, vault, platform } = build.internal_parameters;
    let mut platforms = platform.into_iter();
    let (Some((provider, found)), None) = (platforms.next(), platforms.next()) else {
        return Err(malformed("not exactly one platform"));
    };
    if !claims::is_provider(&provider) {
        return Err(malformed("the platform has no name"));
    }
    if found.len() > claims::MOST {
        return Err(malformed(format!("{} claims, more than {}", found.len(), claims::MOST)));
    }
    if let Some((name, _)) =
        found.iter().find(|(name, value)| claims::is_stored(&provider, name) && !claims::is_storable(&provider, value))
    {
        return Err(malformed(format!("the claim `{name:.100}` has a value of the wrong form")));
    }
    let claims = found.into_iter().filter(|(name, _)| claims::is_stored(&provider, name)).collect();

    let wire::WorkflowObject { repository, reference, path } = build.external_parameters.workflow;
    let workflow = Workflow { repository, reference, path };
    let mut dependencies = build.resolved_dependencies;
    let commit = match source_uri(&workflow) {
        None => None,
        Some(_) if dependencies.is_empty() => return Err(malformed("the repository is not among the dependencies")),
        Some(uri) => commit(&uri, dependencies.remove(0))?,
    };
    let token_sha256 = token
        .sha256
        .as_deref()
        .map(|hex| Digest::from_hex(HashAlgorithm::Sha256, hex).ok_or_else(|| malformed("the token's hash is none")));
    let claims_source = match token.claims_source.as_str() {
        "oidc-verified" => ClaimsSource::OidcVerified,
        "oidc-unbound" => ClaimsSource::OidcUnbound,
        _ => return Err(malformed("its claims come from a source that is not known")),
    };
    let provenance = Provenance {
        provider,
        issuer: token.issuer,
        audience: token.audience,
        jti: token.jti,
        issued_at: token.iat.map(time).transpose()?,
        expires_at: token.exp.map(time).transpose()?,
        token_sha256: token_sha256.transpose()?,
        claims_source,
        workflow,
        commit,
        claims,
        builder: run.builder.id,
        invocation: run.metadata.invocation_id,
        started_on: run.metadata.started_on,
        finished_on: run.metadata.finished_on,
        vault: vault.map(VaultFacts::from),
        dependencies: named(dependencies)?,
        byproducts: named(run.byproducts)?,
    };
    check_texts(&provenance)?;
    Ok(provenance)
}

fn check_texts(provenance: &Provenance) -> Result<()> {
    let Workflow { repository, reference, path } = &provenance.workflow;
    let vault = provenance.vault.as_ref();
    let needed =
        [&provenance.issuer, &provenance.builder].into_iter().chain(vault.into_iter().flat_map(|v| [&v.mount, &v.key]));
    let optional = [&provenance.audience, &provenance.jti, &provenance.invocation, repository, reference, path];
    let of_vault = vault.into_iter().flat_map(|vault| [&vault.auth_role, &vault.login_request_id]);
    let all: Vec<&String> = needed.chain(optional.into_iter().chain(of_vault).flatten()).collect();
    match all.iter().all(|text| !text.is_empty() && text.len() <= LONGEST) {
        true => Ok(()),
        false => Err(malformed(format!("a text is empty, or longer than {LONGEST} bytes"))),
    }
}

/// The commit of the first dependency, which must be the repository that the workflow names.
fn commit(uri: &str, source: Resource) -> Result<Option<String>> {
    let other = || malformed("its first dependency is not the repository of its workflow");
    if source.name.is_some() || source.uri.as_deref() != Some(uri) {
        return Err(other());
    }
    let mut digests = source.digest.into_iter();
    match (digests.next(), digests.next()) {
        (None, _) => Ok(None),
        (Some((kind, commit)), None) if kind == "gitCommit" && is_commit(&commit) => Ok(Some(commit)),
        _ => Err(other()),
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn named(resources: Vec<Resource>) -> Result<Vec<NamedDigest>> {
    if resources.len() > Provenance::MAX_RESOURCES {
        return Err(malformed(format!("more than {} dependencies or byproducts", Provenance::MAX_RESOURCES)));
    }
    let one = |resource: Resource| {
        let wrong = || malformed("a dependency or byproduct without one name and digest");
        let (name, is_uri) = match (resource.name, resource.uri) {
            (Some(name), None) => (name, false),
            (None, Some(uri)) => (uri, true),
            _ => return Err(wrong()),
        };
        let mut digests = resource.digest.into_iter();
        let digest = match (digests.next(), digests.next()) {
            (None, _) if is_uri => None,
            (Some((kind, hex)), None) => {
                let algorithm: HashAlgorithm = kind.parse().map_err(|_| wrong())?;
                Some(Digest::from_hex(algorithm, &hex).ok_or_else(wrong)?)
            }
            _ => return Err(wrong()),
        };
        let named = NamedDigest { name, digest };
        if named.is_uri() != is_uri || named.name.is_empty() || named.name.len() > name::LONGEST {
            return Err(wrong());
        }
        Ok(named)
    };
    resources.into_iter().map(one).collect()
}

fn time(seconds: i64) -> Result<Timestamp> {
    Timestamp::from_second(seconds).map_err(|_| malformed("a time that is none"))
}

impl From<wire::Vault> for VaultFacts {
    fn from(vault: wire::Vault) -> Self {
        let wire::Vault { mount, key, key_version, auth_role, login_request_id } = vault;
        Self { mount, key, key_version, auth_role, login_request_id }
    }
}

fn malformed(reason: impl AsRef<str>) -> Error {
    Error::new(Code::FormatMalformed, format!("the provenance: {}", reason.as_ref()))
}
