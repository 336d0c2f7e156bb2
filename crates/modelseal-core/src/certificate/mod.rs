//! X.509 certificates (RFC 5280): parsing, and the path check of OMS certificate bundles.

use core::fmt;

use jiff::Timestamp;

use crate::{Code, Digest, Error, PublicKey, Result};

/// A certificate, parsed.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

impl Certificate {
    /// Largest certificate that is read, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Reads one DER certificate.
    ///
    /// # Errors
    /// `key/malformed`.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        Ok(Self { der: der.to_vec() })
    }

    /// Reads every certificate of a PEM file; at least one.
    ///
    /// # Errors
    /// `key/malformed`, `key/wrong-form`.
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>> {
        let _ = text;
        Err(Error::new(Code::KeyMalformed, "no certificate"))
    }

    /// The DER bytes.
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the DER bytes.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256(&self.der)
    }

    /// The subject's distinguished name as RFC 4514 text.
    #[must_use]
    pub fn subject(&self) -> String {
        String::new()
    }

    /// The issuer's distinguished name as RFC 4514 text.
    #[must_use]
    pub fn issuer(&self) -> String {
        String::new()
    }

    /// Subject alternative names: e-mail addresses, DNS names and URIs as text.
    #[must_use]
    pub fn alternative_names(&self) -> Vec<String> {
        Vec::new()
    }

    /// First instant of validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    /// Last instant of validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    /// The certified key.
    ///
    /// # Errors
    /// `key/unsupported`, `key/weak`.
    pub fn public_key(&self) -> Result<PublicKey> {
        PublicKey::from_spki_der(&[])
    }
}

/// What the leaf certificate must be, besides chaining to an anchor. Empty: any leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeafPin {
    /// SHA-256 of the leaf.
    pub fingerprint: Option<Digest>,
    /// Exact subject, as [`Certificate::subject`] gives it.
    pub subject: Option<String>,
    /// One subject alternative name, exact.
    pub alternative_name: Option<String>,
}

/// A chain that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainEvidence {
    /// The leaf.
    pub leaf: Certificate,
    /// The anchor that the chain ends in.
    pub anchor: Certificate,
    /// Whether the leaf's identity was pinned.
    pub pinned: bool,
    /// Whether the leaf says CA:true, which is accepted and reported.
    pub leaf_is_ca: bool,
}

/// Verifies `chain` (leaf first, then helpers in any order) against `anchors`, by the table of `docs/formats.md`.
///
/// # Errors
/// `signature/untrusted-certificate`, `signature/certificate-time`, `signature/scheme-not-allowed`.
pub(crate) fn verify_chain(
    chain: &[Certificate],
    anchors: &[Certificate],
    pin: &LeafPin,
    at: Timestamp,
) -> Result<ChainEvidence> {
    let _ = (chain, anchors, pin, at);
    Err(Error::new(Code::SignatureUntrustedCertificate, "no chain"))
}
