//! What was verified, as facts for a policy.

use serde_json::Value;

use super::{SignedBy, SignedManifest};
use crate::attestation::AttestationEvidence;
use crate::policy::{PolicyFile, certificate_of};
use crate::{
    Attestations, ClaimsSource, EvidenceFacts, Facts, ManifestFile, PROVENANCE_TYPE, Policy, Provenance, ResourceFacts,
    Result, Timestamp,
};

/// The provenance of a signature: bound to its payload and signed by the very key that made it.
#[derive(Clone, Debug)]
pub(super) enum SignedProvenance {
    None,
    One(Box<Provenance>),
    /// One signature has one provenance: of several none can be believed.
    Several,
}

impl SignedManifest {
    /// What a policy may look at.
    ///
    /// # Errors
    /// `policy/attestation-other-model`; `format/malformed` for a provenance that breaks the rules of its format.
    pub fn facts(&self, policy: &Policy, attestations: &Attestations) -> Result<Facts> {
        let evidence = attestations.bound_to(&self.name, &self.manifest, self.payload_digest)?;
        let provenance = self.provenance(&evidence)?;
        Ok(self.facts_from(policy.file().map(|file| &**file), &evidence, &provenance))
    }

    pub(super) fn provenance(&self, evidence: &[AttestationEvidence]) -> Result<SignedProvenance> {
        let is_own = |attestation: &&AttestationEvidence| {
            attestation.predicate_type == PROVENANCE_TYPE && attestation.bound && attestation.signed_by(&self.signed_by)
        };
        let mut own = evidence.iter().filter(is_own);
        match (own.next(), own.next()) {
            (None, _) => Ok(SignedProvenance::None),
            (Some(_), Some(_)) => Ok(SignedProvenance::Several),
            (Some(one), None) => Ok(match Provenance::parse(&one.predicate)? {
                Some(provenance) => SignedProvenance::One(Box::new(provenance)),
                // Somebody else's provenance says nothing that we understand.
                None => SignedProvenance::None,
            }),
        }
    }

    pub(super) fn facts_from(
        &self,
        file: Option<&PolicyFile>,
        evidence: &[AttestationEvidence],
        provenance: &SignedProvenance,
    ) -> Facts {
        let mut facts = Facts::default();
        let (artifact, manifest) = (&mut facts.artifact, &self.manifest);
        artifact.name = Some(self.name.clone());
        artifact.root_digest = Some(manifest.root().to_string());
        artifact.canonical_root_digest = Some(manifest.canonical_root().to_string());
        artifact.reference_root_digest = Some(manifest.reference_root().to_string());
        artifact.method = Some(manifest.serialization().method().as_str().to_owned());
        artifact.hash = Some(manifest.serialization().hash().as_str().to_owned());
        artifact.ignored_paths = manifest.serialization().ignore_paths().to_vec();
        artifact.resources = Some(manifest.files().map(resource).collect());

        let signature = &mut facts.signature;
        signature.verified = Some(true);
        signature.key_id = Some(self.signed_by.key_id().to_string());
        signature.issuer_key_ids = issuers(&self.signed_by);
        signature.algorithm = algorithm(&self.signed_by);
        (signature.key, signature.key_version) = known_as(file, &self.signed_by);

        match provenance {
            SignedProvenance::None => {}
            SignedProvenance::Several => facts.identity.ambiguous = true,
            SignedProvenance::One(provenance) => {
                signature.signed_at = provenance.finished_on;
                signature.time_source = provenance.finished_on.map(|_| "asserted".to_owned());
                if provenance.claims_source == ClaimsSource::OidcVerified {
                    facts.identity.provider = Some(table(&provenance.provider).to_owned());
                    facts.identity.issuer = Some(provenance.issuer.clone());
                    facts.identity.claims.clone_from(&provenance.claims);
                }
            }
        }
        facts.evidence = evidence.iter().filter_map(|attestation| attested(file, attestation)).collect();
        facts
    }
}

/// The identity table of policies for a platform.
fn table(platform: &str) -> &str {
    match platform {
        "github" | "gitlab" | "kubernetes" => platform,
        _ => "oidc",
    }
}

fn resource(file: ManifestFile<'_>) -> ResourceFacts {
    let mut resources = file.resources();
    // A file in one shard has the digest of the shard.
    let digest = resources.next().filter(|_| resources.next().is_none()).map(|resource| resource.digest().to_string());
    ResourceFacts { name: file.name().as_str().to_owned(), digest, size: file.size() }
}

/// Name and version of the key: the policy's, when there is one, and nothing when it does not have the key or wants
/// another scheme.
fn known_as(file: Option<&PolicyFile>, signed_by: &SignedBy) -> (Option<String>, Option<u32>) {
    let number = |version: Option<core::num::NonZeroU32>| version.map(core::num::NonZero::get);
    let Some(file) = file else {
        return (signed_by.key_name().map(str::to_owned), number(signed_by.key_version()));
    };
    match signed_by {
        SignedBy::Certificate { chain, .. } => {
            (certificate_of(file, chain).map(|certificate| certificate.name.clone()), None)
        }
        SignedBy::Key { key_id, scheme, .. } => match file.trusted.key(*key_id) {
            Some(key) if key.scheme() == Some(*scheme) => (key.name().map(str::to_owned), number(key.version())),
            _ => (None, None),
        },
    }
}

fn issuers(signed_by: &SignedBy) -> Vec<String> {
    match signed_by {
        SignedBy::Certificate { chain, .. } => chain.issuer_key_ids().map(|id| id.to_string()).collect(),
        SignedBy::Key { .. } => Vec::new(),
    }
}

fn algorithm(signed_by: &SignedBy) -> Option<String> {
    let scheme = match signed_by {
        SignedBy::Certificate { chain, .. } => chain.leaf.public_key().ok()?.implied_scheme()?,
        SignedBy::Key { scheme, .. } => *scheme,
    };
    Some(scheme.as_str().to_owned())
}

/// An attestation by a trusted key.
fn attested(file: Option<&PolicyFile>, attestation: &AttestationEvidence) -> Option<EvidenceFacts> {
    let signed_by = attestation.signed_by.as_ref()?;
    // It was parsed before, when its envelope was read.
    let predicate: Value = serde_json::from_str(&attestation.predicate).unwrap_or_default();
    Some(EvidenceFacts {
        predicate_type: attestation.predicate_type.clone(),
        key: known_as(file, signed_by).0,
        key_id: Some(signed_by.key_id().to_string()),
        issuer_key_ids: issuers(signed_by),
        bound: attestation.bound,
        time: time(&predicate),
        predicate,
    })
}

/// When an attestation was made, by the first place where it says so.
fn time(predicate: &Value) -> Option<Timestamp> {
    let places = ["/time", "/timestamp", "/finishedOn", "/scannedOn", "/runDetails/metadata/finishedOn"];
    places.iter().find_map(|place| predicate.pointer(place))?.as_str()?.parse().ok()
}
