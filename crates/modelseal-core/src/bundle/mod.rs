//! Sigstore bundles v0.3 as OMS uses them: one DSSE envelope, one signature, a key or a certificate chain.

mod read;
mod write;

use crate::{Certificate, Digest, KeyId, ModelStatement, Pae, PublicKey, Result};

/// The only media type that is written and accepted.
pub const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A bundle that has the right form. Nothing in it is trusted: [`verify_signature`](Self::verify_signature) comes next.
#[derive(Clone, Debug)]
pub struct Bundle {
    material: Material,
    payload: Vec<u8>,
    signature: Vec<u8>,
    unchecked: Vec<Unchecked>,
}

/// Who a bundle says it was signed by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Material {
    /// A certificate chain: leaf first, then helpers.
    Certificates(Vec<Certificate>),
    /// A public key, by id or value.
    Key {
        /// The key id, as written.
        hint: Option<String>,
        /// The key itself, PEM or DER, in bundles of old versions.
        raw: Option<Vec<u8>>,
    },
}

impl Material {
    /// The signing method: `key` or `certificate`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        match self {
            Self::Certificates(_) => "certificate",
            Self::Key { .. } => "key",
        }
    }
}

/// Something that was there, or could have been asked for, and was not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Unchecked {
    /// Any model signed by a trusted key was acceptable.
    ExpectedModel,
    /// How old the signature is.
    Freshness,
    /// The bundle names no key; every trusted key was tried.
    KeyHint,
    /// Which leaf below the trusted certificate signed.
    LeafIdentity,
    /// The form is from before v1.0 and has no root digest.
    RootDigest,
    /// Timestamps in the bundle.
    Timestamps,
    /// Transparency log entries in the bundle.
    TransparencyLog,
}

impl Unchecked {
    /// A stable word for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExpectedModel => "expected-model",
            Self::Freshness => "freshness",
            Self::KeyHint => "key-hint",
            Self::LeafIdentity => "leaf-identity",
            Self::RootDigest => "root-digest",
            Self::Timestamps => "timestamps",
            Self::TransparencyLog => "transparency-log",
        }
    }
}

impl Bundle {
    /// Largest bundle that is read, in bytes: room for several hundred thousand files.
    pub const MAX_BYTES: usize = 128 * 1024 * 1024;
    /// Most certificates in one bundle.
    pub const MAX_CERTIFICATES: usize = 8;

    /// Parses untrusted bytes.
    ///
    /// # Errors
    /// `format/malformed`, `format/unsupported`.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        read::parse(bytes)
    }

    /// A bundle of the key method over an in-toto payload.
    #[must_use]
    pub fn with_key(pae: &Pae, signature: Vec<u8>, key: &PublicKey) -> Self {
        let material = Material::Key { hint: Some(key.id().to_string()), raw: None };
        Self { material, payload: pae.payload().to_vec(), signature, unchecked: Vec::new() }
    }

    /// A bundle of the certificate method over an in-toto payload; leaf first.
    #[must_use]
    pub fn with_certificates(pae: &Pae, signature: Vec<u8>, chain: Vec<Certificate>) -> Self {
        let material = Material::Certificates(chain);
        Self { material, payload: pae.payload().to_vec(), signature, unchecked: Vec::new() }
    }

    /// The bundle as one line of compact JSON, without a final newline.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        write::json(self)
    }

    /// Who the bundle says it was signed by; unverified.
    #[must_use]
    pub const fn claimed_material(&self) -> &Material {
        &self.material
    }

    /// The payload; unverified.
    #[must_use]
    pub fn claimed_payload(&self) -> &[u8] {
        &self.payload
    }

    /// What the payload says when it is an OMS statement; unverified.
    ///
    /// # Errors
    /// As [`ModelStatement::parse`].
    pub fn claimed_statement(&self) -> Result<ModelStatement> {
        ModelStatement::parse(&self.payload)
    }

    /// The predicate type that the payload claims; unverified.
    #[must_use]
    pub fn claimed_predicate_type(&self) -> Option<String> {
        crate::statement::claimed_predicate_type(&self.payload)
    }

    /// SHA-256 of the payload, which binds attestations to this very statement.
    #[must_use]
    pub fn payload_digest(&self) -> Digest {
        Digest::sha256(&self.payload)
    }

    /// The id of the key that the bundle claims; unverified.
    #[must_use]
    pub fn claimed_key_id(&self) -> Option<KeyId> {
        match &self.material {
            Material::Certificates(chain) => chain.first()?.public_key().ok().map(|key| key.id()),
            Material::Key { hint: Some(hint), .. } => hint.parse().ok(),
            Material::Key { raw, .. } => Some(raw_key(raw.as_deref()?).ok()?.id()),
        }
    }

    /// Parts of the bundle that this version does not check.
    #[must_use]
    pub fn unchecked(&self) -> &[Unchecked] {
        &self.unchecked
    }

    /// The signature bytes. They prove nothing by themselves: see [`verify_signature`](Self::verify_signature).
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

pub(crate) use read::raw_key;
