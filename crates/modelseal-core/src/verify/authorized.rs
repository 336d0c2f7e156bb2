//! The second step: this signer may sign this artifact, and it is the one that is wanted.

use jiff::Timestamp;

use super::SignedManifest;
use crate::attestation::AttestationEvidence;
use crate::bundle::Unchecked;
use crate::policy::NarrowInput;
use crate::{Attestations, Code, Error, Expected, Facts, Narrow, Policy, Result};

/// A signed manifest that the policy allows.
///
/// ```compile_fail
/// fn skip(signed: modelseal_core::SignedManifest) -> modelseal_core::AuthorizedManifest {
///     modelseal_core::AuthorizedManifest { signed }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct AuthorizedManifest {
    pub(super) signed: SignedManifest,
    pub(super) attestations: Vec<AttestationEvidence>,
}

impl SignedManifest {
    /// Decides whether the key is accepted at the time `at` and in its version, whether this signer may sign this
    /// artifact, whether it is the expected one, and whether every attestation signed along with it is there.
    ///
    /// # Errors
    /// `policy/*`; `format/legacy` when a policy file meets a legacy bundle.
    pub fn authorize(
        self,
        policy: &Policy,
        expected: &Expected,
        attestations: &Attestations,
        at: Timestamp,
        narrows: &[&dyn Narrow],
    ) -> Result<AuthorizedManifest> {
        let mut signed = self;
        signed.terms.check(&signed.signed_by, at)?;
        expected.check(&signed.name, &signed.manifest)?;
        let evidence = attestations.bound_to(&signed.name, &signed.manifest, signed.payload_digest)?;
        for wanted in &signed.attestation_types {
            let found = evidence.iter().any(|attestation| {
                attestation.counts()
                    && attestation.predicate_type == *wanted
                    && attestation.signed_by(&signed.signed_by)
            });
            if !found {
                return Err(Error::new(
                    Code::PolicyAttestationMissing,
                    format!("the attestation of type `{wanted}` that was signed along with the model is missing"),
                ));
            }
        }
        let document = Policy::input(&Facts::default(), None, at);
        for narrow in narrows {
            narrow.decide(&NarrowInput {
                name: &signed.name,
                manifest: &signed.manifest,
                signer: &signed.signed_by,
                document: &document,
            })?;
        }
        if policy.is_any_trusted_key() {
            signed.unchecked.push(Unchecked::Freshness);
        }
        if expected.is_any_model() {
            signed.unchecked.push(Unchecked::ExpectedModel);
        }
        Ok(AuthorizedManifest { signed, attestations: evidence })
    }
}
