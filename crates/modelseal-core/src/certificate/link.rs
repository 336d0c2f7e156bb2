//! One link of a certificate path: did this key sign that certificate?
//!
//! Done here with aws-lc-rs: the keys are checked by [`PublicKey`] already, and a path validator such as
//! rustls-webpki brings rules of its own for TLS (no CA as leaf, the leaf's key usage ignored) that do not fit.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Reader as _, SliceReader, Tag, TagMode, TagNumber, Tagged as _};
use x509_cert::spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};

use super::Certificate;
use crate::key::{self, PublicKey, Scheme, ShaVariant};

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const RSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const RSA_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const RSA_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// Signature algorithms that are refused, by object identifier.
const REFUSED: [(&str, &str); 12] = [
    ("1.2.840.10040.4.3", "DSA with SHA-1"),
    ("1.2.840.10045.4.1", "ECDSA with SHA-1"),
    ("1.2.840.10045.4.3.1", "ECDSA with SHA-224"),
    ("1.2.840.113549.1.1.2", "RSA with MD2"),
    ("1.2.840.113549.1.1.4", "RSA with MD5"),
    ("1.2.840.113549.1.1.5", "RSA with SHA-1"),
    ("1.2.840.113549.1.1.14", "RSA with SHA-224"),
    ("1.3.14.3.2.29", "RSA with SHA-1"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
];

/// How a certificate says it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkAlgorithm {
    /// ECDSA with this hash, on whatever curve the issuer has.
    Ecdsa(ShaVariant),
    /// One of the RSA schemes.
    Rsa(Scheme),
}

impl LinkAlgorithm {
    /// Reads it from a certificate; the name of the algorithm when it is not accepted.
    pub(super) fn of(certificate: &Certificate) -> Result<Self, String> {
        let inner = certificate.fields.tbs_certificate().signature();
        let outer = certificate.fields.signature_algorithm();
        if inner != outer {
            return Err("two different algorithms".to_owned());
        }
        read(outer).ok_or_else(|| {
            let text = outer.oid.to_string();
            match REFUSED.iter().find(|(known, _)| *known == text) {
                Some((_, name)) => (*name).to_owned(),
                None if outer.oid == RSA_PSS => "RSASSA-PSS with unusual parameters".to_owned(),
                None => format!("algorithm {text}"),
            }
        })
    }

    /// Whether `key` signed `certificate` in this manner.
    pub(super) fn holds(self, certificate: &Certificate, key: &PublicKey) -> bool {
        let (Some(signed), Some(signature)) =
            (certificate.der.get(certificate.signed.clone()), certificate.fields.signature().as_bytes())
        else {
            return false;
        };
        match self {
            Self::Ecdsa(hash) => key::ecdsa_holds(key, hash, signed, signature),
            Self::Rsa(scheme) => key.verify(scheme, signed, signature).is_ok(),
        }
    }
}

fn read(algorithm: &AlgorithmIdentifierOwned) -> Option<LinkAlgorithm> {
    let parameters = algorithm.parameters.as_ref().map(AnyRef::from);
    // RFC 5758: none for ECDSA. RFC 4055: NULL for RSA, and none must be accepted too.
    let none = parameters.is_none();
    let none_or_null = parameters.is_none_or(|any| any.tag() == Tag::Null && any.value().is_empty());
    Some(match algorithm.oid {
        ECDSA_SHA256 if none => LinkAlgorithm::Ecdsa(ShaVariant::Sha256),
        ECDSA_SHA384 if none => LinkAlgorithm::Ecdsa(ShaVariant::Sha384),
        ECDSA_SHA512 if none => LinkAlgorithm::Ecdsa(ShaVariant::Sha512),
        RSA_SHA256 if none_or_null => LinkAlgorithm::Rsa(Scheme::RsaPkcs1v15(ShaVariant::Sha256)),
        RSA_SHA384 if none_or_null => LinkAlgorithm::Rsa(Scheme::RsaPkcs1v15(ShaVariant::Sha384)),
        RSA_SHA512 if none_or_null => LinkAlgorithm::Rsa(Scheme::RsaPkcs1v15(ShaVariant::Sha512)),
        RSA_PSS => LinkAlgorithm::Rsa(Scheme::RsaPss(pss_hash(parameters?)?)),
        _ => return None,
    })
}

/// The hash of `RSASSA-PSS-params` (RFC 4055 §3.1), if MGF1 has the same and the salt is as long.
fn pss_hash(parameters: AnyRef<'_>) -> Option<ShaVariant> {
    let (hash, mask, salt) = parameters.sequence(pss_parameters).ok()?;
    let mask_hash = mask.parameters?.decode_as::<AlgorithmIdentifierRef<'_>>().ok()?;
    let (variant, len) = match hash.oid {
        SHA256 => (ShaVariant::Sha256, 32),
        SHA384 => (ShaVariant::Sha384, 48),
        SHA512 => (ShaVariant::Sha512, 64),
        _ => return None,
    };
    (mask.oid == MGF1 && mask_hash.oid == hash.oid && salt == len).then_some(variant)
}

fn pss_parameters<'a>(
    reader: &mut SliceReader<'a>,
) -> der::Result<(AlgorithmIdentifierRef<'a>, AlgorithmIdentifierRef<'a>, u8)> {
    // Their defaults mean SHA-1, so none of the three may be left out; the fourth says 1 and nothing else exists.
    let missing = || der::Error::from(Tag::Sequence.value_error());
    let hash = reader.context_specific(TagNumber(0), TagMode::Explicit)?.ok_or_else(missing)?;
    let mask = reader.context_specific(TagNumber(1), TagMode::Explicit)?.ok_or_else(missing)?;
    let salt = reader.context_specific(TagNumber(2), TagMode::Explicit)?.ok_or_else(missing)?;
    match reader.context_specific::<u8>(TagNumber(3), TagMode::Explicit)? {
        None | Some(1) => Ok((hash, mask, salt)),
        Some(_) => Err(missing()),
    }
}
