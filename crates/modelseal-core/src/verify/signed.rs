//! The first step: this key signed this manifest.

use core::num::NonZeroU32;

use jiff::Timestamp;

use super::Relaxation;
use crate::bundle::{Material, Unchecked, raw_key};
use crate::certificate::verify_chain;
use crate::statement::{LEGACY_PREDICATE_TYPE, LegacyStatement, claimed_predicate_type};
use crate::trust::Terms;
use crate::{
    Bundle, ChainEvidence, Code, Digest, Error, KeyId, KeyKind, Manifest, ModelStatement, Pae, Result, Scheme,
    TrustedKey, TrustedKeys,
};

/// Who signed: the trusted key or chain that verified the signature, never what the bundle claims.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignedBy {
    /// A certified key.
    Certificate {
        /// The chain.
        chain: Box<ChainEvidence>,
        /// Id of the leaf's key.
        key_id: KeyId,
        /// Kind of the leaf's key.
        kind: KeyKind,
    },
    /// A trusted key.
    Key {
        /// Its id.
        key_id: KeyId,
        /// Its kind.
        kind: KeyKind,
        /// The scheme that was checked.
        scheme: Scheme,
        /// The name that the verifier gave it. Free text: escape before printing.
        name: Option<String>,
        /// The version that the verifier knows it as.
        version: Option<NonZeroU32>,
    },
}

impl SignedBy {
    /// Id of the key that signed.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        match self {
            Self::Certificate { key_id, .. } | Self::Key { key_id, .. } => *key_id,
        }
    }

    /// Kind of the key that signed.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        match self {
            Self::Certificate { kind, .. } | Self::Key { kind, .. } => *kind,
        }
    }

    /// The verifier's name of the trusted key that signed. Free text: escape before printing.
    #[must_use]
    pub fn key_name(&self) -> Option<&str> {
        match self {
            Self::Certificate { .. } => None,
            Self::Key { name, .. } => name.as_deref(),
        }
    }

    /// The version of the trusted key that signed, as the verifier knows it.
    #[must_use]
    pub const fn key_version(&self) -> Option<NonZeroU32> {
        match self {
            Self::Certificate { .. } => None,
            Self::Key { version, .. } => *version,
        }
    }

    /// The signing method: `key` or `certificate`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "certificate",
            Self::Key { .. } => "key",
        }
    }
}

/// A manifest whose signature verified with a trusted key.
///
/// Only [`Bundle::verify_signature`] makes one:
///
/// ```compile_fail
/// let signed = modelseal_core::SignedManifest {};
/// ```
///
/// and it cannot be used on files before somebody decided that this signer may sign this artifact:
///
/// ```compile_fail
/// fn skip(signed: modelseal_core::SignedManifest, root: &modelseal_core::Root) {
///     let _ = signed.verify_files(root, &Default::default(), &modelseal_core::Silent);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct SignedManifest {
    pub(super) name: String,
    pub(super) manifest: Manifest,
    pub(super) attestation_types: Vec<String>,
    pub(super) payload_digest: Digest,
    pub(super) signed_by: SignedBy,
    pub(super) terms: Terms,
    pub(super) unchecked: Vec<Unchecked>,
    pub(super) relaxed: Vec<Relaxation>,
}

impl Bundle {
    /// Verifies the signature with one of `trusted`, at the time `at`, then reads the statement.
    ///
    /// # Errors
    /// `signature/*`, `format/*`, `artifact/empty`.
    pub fn verify_signature(&self, trusted: &TrustedKeys, at: Timestamp) -> Result<SignedManifest> {
        if claimed_predicate_type(self.claimed_payload()).as_deref() == Some(LEGACY_PREDICATE_TYPE) {
            return Err(Error::new(Code::FormatLegacy, "a signature of the form used before v1.0"));
        }
        let signature = check_envelope(self, trusted, at)?;
        let (name, attestation_types, manifest) = ModelStatement::parse(self.claimed_payload())?.into_parts();
        Ok(self.signed(trusted, signature, name, attestation_types, manifest))
    }

    /// As [`verify_signature`](Self::verify_signature), but also accepts the form used before v1.0, which has no root
    /// digest and records no parameters. The result says so.
    ///
    /// # Errors
    /// As [`verify_signature`](Self::verify_signature).
    pub fn danger_verify_legacy_signature(&self, trusted: &TrustedKeys, at: Timestamp) -> Result<SignedManifest> {
        if claimed_predicate_type(self.claimed_payload()).as_deref() != Some(LEGACY_PREDICATE_TYPE) {
            return self.verify_signature(trusted, at);
        }
        let pae = Pae::in_toto(self.claimed_payload());
        let signature =
            match check(self, trusted, at, &|key, scheme| key.verify(scheme, pae.as_bytes(), self.signature())) {
                Err(error) if error.code() == Code::SignatureInvalid => {
                    let legacy = Pae::legacy(self.claimed_payload());
                    check(self, trusted, at, &|key, _| key.verify_ecdsa_sha256(&legacy, self.signature()))?
                }
                other => other?,
            };
        let manifest = LegacyStatement::parse(self.claimed_payload())?.manifest;
        let mut signed = self.signed(trusted, signature, String::new(), Vec::new(), manifest);
        signed.unchecked.push(Unchecked::RootDigest);
        signed.relaxed.push(Relaxation::AcceptLegacy);
        Ok(signed)
    }

    fn signed(
        &self,
        trusted: &TrustedKeys,
        signature: CheckedSignature,
        name: String,
        attestation_types: Vec<String>,
        manifest: Manifest,
    ) -> SignedManifest {
        let CheckedSignature { signed_by, terms } = signature;
        let mut unchecked = self.unchecked().to_vec();
        match (&signed_by, self.claimed_material()) {
            (SignedBy::Certificate { chain, .. }, _) if !chain.pinned => unchecked.push(Unchecked::LeafIdentity),
            (_, Material::Key { hint: None, raw: None }) => unchecked.push(Unchecked::KeyHint),
            _ => {}
        }
        let relaxed = if trusted.test_keys_allowed() { vec![Relaxation::AllowTestKeys] } else { Vec::new() };
        let payload_digest = self.payload_digest();
        SignedManifest { name, manifest, attestation_types, payload_digest, signed_by, terms, unchecked, relaxed }
    }
}

/// A signature that verified, and the terms on which its key may sign, which have not been checked.
pub(crate) struct CheckedSignature {
    signed_by: SignedBy,
    terms: Terms,
}

impl CheckedSignature {
    /// Who signed, if the key is accepted at the time `at` and in its version.
    ///
    /// # Errors
    /// `policy/key-version`, `policy/key-window`.
    pub(crate) fn accepted(self, at: Timestamp) -> Result<SignedBy> {
        self.terms.check(&self.signed_by, at)?;
        Ok(self.signed_by)
    }
}

/// Verifies a bundle's envelope: by a trusted key, or by a chain to a trusted certificate.
pub(crate) fn check_envelope(bundle: &Bundle, trusted: &TrustedKeys, at: Timestamp) -> Result<CheckedSignature> {
    let pae = Pae::in_toto(bundle.claimed_payload());
    check(bundle, trusted, at, &|key, scheme| key.verify(scheme, pae.as_bytes(), bundle.signature()))
}

type Verify<'a> = &'a dyn Fn(&crate::PublicKey, Scheme) -> Result<()>;

fn check(bundle: &Bundle, trusted: &TrustedKeys, at: Timestamp, verify: Verify<'_>) -> Result<CheckedSignature> {
    match bundle.claimed_material() {
        Material::Certificates(_) if trusted.anchors().is_empty() => Err(Error::new(
            Code::SignatureWrongMethod,
            "the bundle is signed by a certificate, and no certificate is trusted here",
        )
        .with_hint("verify it with --certificate-chain FILE, naming the root that you trust")),
        Material::Certificates(chain) => {
            let evidence = verify_chain(chain, trusted.anchors(), trusted.pin(), at)?;
            let key = evidence.leaf.public_key()?;
            let scheme = key.implied_scheme().ok_or_else(|| scheme_not_named(&key))?;
            verify(&key, scheme)?;
            let signed_by = SignedBy::Certificate { key_id: key.id(), kind: key.kind(), chain: Box::new(evidence) };
            Ok(CheckedSignature { signed_by, terms: Terms::NONE })
        }
        Material::Key { .. } if trusted.keys().is_empty() => Err(Error::new(
            Code::SignatureWrongMethod,
            "the bundle is signed by a key without certificate, and no key is trusted here",
        )
        .with_hint("verify it with --key FILE, naming the public key that you trust")),
        Material::Key { hint, raw } => {
            let candidates = candidates(hint.as_deref(), raw.as_deref(), trusted)?;
            let mut refusal = None;
            for candidate in candidates {
                match candidate.scheme().ok_or_else(|| scheme_not_named(candidate.key())).and_then(|scheme| {
                    verify(candidate.key(), scheme)?;
                    Ok(signed_by_key(candidate, scheme))
                }) {
                    Ok(signed_by) => return Ok(CheckedSignature { signed_by, terms: candidate.terms().clone() }),
                    Err(error) => refusal = Some(error),
                }
            }
            Err(refusal.unwrap_or_else(|| unknown_key("the bundle names no key")))
        }
    }
}

fn signed_by_key(trusted: &TrustedKey, scheme: Scheme) -> SignedBy {
    SignedBy::Key {
        key_id: trusted.key().id(),
        kind: trusted.key().kind(),
        scheme,
        name: trusted.name().map(str::to_owned),
        version: trusted.version(),
    }
}

/// The trusted keys that may have signed: the one that the bundle names, or all when it names none.
fn candidates<'a>(hint: Option<&str>, raw: Option<&[u8]>, trusted: &'a TrustedKeys) -> Result<Vec<&'a TrustedKey>> {
    if hint.is_none() && raw.is_none() {
        return Ok(trusted.keys().iter().collect());
    }
    let named = match hint {
        None => None,
        // Only the exact text is an id: another case or the hash of the DER names nobody.
        Some(hint) => Some(
            hint.parse()
                .ok()
                .and_then(|id| trusted.key(id))
                .ok_or_else(|| unknown_key(format!("the bundle was signed by the key {hint:.100}")))?,
        ),
    };
    let valued = match raw {
        None => None,
        Some(raw) => {
            let id = raw_key(raw)?.id();
            Some(trusted.key(id).ok_or_else(|| unknown_key(format!("the bundle was signed by the key {id}")))?)
        }
    };
    match (named, valued) {
        (Some(named), Some(valued)) if named.key() != valued.key() => {
            Err(unknown_key("the bundle names one key and holds another"))
        }
        (Some(key), _) | (None, Some(key)) => Ok(vec![key]),
        (None, None) => Ok(Vec::new()),
    }
}

fn scheme_not_named(key: &crate::PublicKey) -> Error {
    let (kind, id) = (key.kind(), key.id());
    let example = match kind {
        KeyKind::Ed25519 => Scheme::Ed25519.as_str(),
        KeyKind::MlDsa(set) => set.scheme().as_str(),
        _ => "rsa-pss-sha256",
    };
    Error::new(Code::SignatureSchemeNotAllowed, format!("no scheme is allowed for the {kind} key {id}"))
        .with_hint(format!("name the one scheme of the key, for example --key 'file:key.pem?scheme={example}'"))
}

fn unknown_key(message: impl AsRef<str>) -> Error {
    Error::new(Code::SignatureUnknownKey, format!("{}, which is not trusted here", message.as_ref()))
}

impl SignedManifest {
    /// The signed model name; empty in a legacy bundle. Free text: escape before printing.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Who signed.
    #[must_use]
    pub const fn signed_by(&self) -> &SignedBy {
        &self.signed_by
    }
}
