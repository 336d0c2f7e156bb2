//! Checking a signature under exactly one scheme.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ECDSA_P521_SHA256_ASN1, ECDSA_P521_SHA384_ASN1,
    ECDSA_P521_SHA512_ASN1, ED25519, ML_DSA_44, ML_DSA_65, ML_DSA_87, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use der::asn1::UintRef;
use der::{Reader as _, SliceReader};

use super::{Curve, KeyKind, PublicKey, Scheme, ShaVariant};
use crate::{Code, Error, Result};

const HASHES: [ShaVariant; 3] = [ShaVariant::Sha256, ShaVariant::Sha384, ShaVariant::Sha512];

/// The scheme fits the key: the caller has checked that.
pub(super) fn verify(key: &PublicKey, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<()> {
    let algorithm: &'static dyn VerificationAlgorithm = match (scheme, key.kind()) {
        (Scheme::Ecdsa, KeyKind::Ec(curve)) => return verify_ecdsa(key, curve, message, signature),
        (Scheme::MlDsa44, _) => &ML_DSA_44,
        (Scheme::MlDsa65, _) => &ML_DSA_65,
        (Scheme::MlDsa87, _) => &ML_DSA_87,
        (Scheme::RsaPkcs1v15(ShaVariant::Sha256), _) => &RSA_PKCS1_2048_8192_SHA256,
        (Scheme::RsaPkcs1v15(ShaVariant::Sha384), _) => &RSA_PKCS1_2048_8192_SHA384,
        (Scheme::RsaPkcs1v15(ShaVariant::Sha512), _) => &RSA_PKCS1_2048_8192_SHA512,
        // Parameters of these three: MGF1 with the same hash, salt as long as the hash.
        (Scheme::RsaPss(ShaVariant::Sha256), _) => &RSA_PSS_2048_8192_SHA256,
        (Scheme::RsaPss(ShaVariant::Sha384), _) => &RSA_PSS_2048_8192_SHA384,
        (Scheme::RsaPss(ShaVariant::Sha512), _) => &RSA_PSS_2048_8192_SHA512,
        (Scheme::Ed25519 | Scheme::Ecdsa, _) => &ED25519,
    };
    let wanted = match key.kind() {
        KeyKind::Ed25519 => Some(64),
        KeyKind::MlDsa(set) => Some(set.signature_len()),
        KeyKind::Rsa { bits } => usize::try_from(bits.div_ceil(8)).ok(),
        KeyKind::Ec(_) => None,
    };
    match wanted {
        Some(len) if len != signature.len() => Err(invalid(format!(
            "the signature has {} bytes, where the {} key `{}` makes {len}",
            signature.len(),
            key.kind(),
            key.id()
        ))),
        _ if holds(key, algorithm, message, signature) => Ok(()),
        _ => Err(does_not_fit(key, scheme)),
    }
}

/// ECDSA with SHA-256 on any curve, only for signatures from before OMS v1.0.
pub(super) fn verify_ecdsa_sha256(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<()> {
    match key.kind() {
        KeyKind::Ec(curve)
            if is_ecdsa_der(signature)
                && holds(key, ecdsa_algorithm(curve, ShaVariant::Sha256), message, signature) =>
        {
            Ok(())
        }
        _ => Err(does_not_fit(key, Scheme::Ecdsa)),
    }
}

/// The hash that a curve goes with (OMS): SHA-256, SHA-384, SHA-512 for P-256, P-384, P-521.
const fn hash_of(curve: Curve) -> ShaVariant {
    match curve {
        Curve::P256 => ShaVariant::Sha256,
        Curve::P384 => ShaVariant::Sha384,
        Curve::P521 => ShaVariant::Sha512,
    }
}

/// Whether an EC key made an ASN.1 DER signature with `hash`: certificates may use another one than their issuer's
/// curve goes with.
pub(crate) fn ecdsa_holds(key: &PublicKey, hash: ShaVariant, message: &[u8], signature: &[u8]) -> bool {
    match key.kind() {
        KeyKind::Ec(curve) => is_ecdsa_der(signature) && holds(key, ecdsa_algorithm(curve, hash), message, signature),
        _ => false,
    }
}

/// ECDSA with one curve and one hash, ASN.1 DER signatures.
fn ecdsa_algorithm(curve: Curve, hash: ShaVariant) -> &'static dyn VerificationAlgorithm {
    match (curve, hash) {
        (Curve::P256, ShaVariant::Sha256) => &ECDSA_P256_SHA256_ASN1,
        (Curve::P256, ShaVariant::Sha384) => &ECDSA_P256_SHA384_ASN1,
        (Curve::P256, ShaVariant::Sha512) => &ECDSA_P256_SHA512_ASN1,
        (Curve::P384, ShaVariant::Sha256) => &ECDSA_P384_SHA256_ASN1,
        (Curve::P384, ShaVariant::Sha384) => &ECDSA_P384_SHA384_ASN1,
        (Curve::P384, ShaVariant::Sha512) => &ECDSA_P384_SHA512_ASN1,
        (Curve::P521, ShaVariant::Sha256) => &ECDSA_P521_SHA256_ASN1,
        (Curve::P521, ShaVariant::Sha384) => &ECDSA_P521_SHA384_ASN1,
        (Curve::P521, ShaVariant::Sha512) => &ECDSA_P521_SHA512_ASN1,
    }
}

/// Whether the bytes are one minimal DER `SEQUENCE { r INTEGER, s INTEGER }` with positive numbers (RFC 3279 §2.2.3).
pub(super) fn is_ecdsa_der(signature: &[u8]) -> bool {
    fn numbers<'a>(reader: &mut SliceReader<'a>) -> der::Result<(UintRef<'a>, UintRef<'a>)> {
        reader.sequence(|inner| Ok((inner.decode()?, inner.decode()?)))
    }
    let Ok(mut reader) = SliceReader::new(signature) else { return false };
    let Ok((r, s)) = numbers(&mut reader) else { return false };
    reader.is_finished() && r.as_bytes() != [0] && s.as_bytes() != [0]
}

fn verify_ecdsa(key: &PublicKey, curve: Curve, message: &[u8], signature: &[u8]) -> Result<()> {
    if !is_ecdsa_der(signature) {
        let field = match curve {
            Curve::P256 => 32,
            Curve::P384 => 48,
            Curve::P521 => 66,
        };
        return Err(if signature.len() == 2 * field {
            invalid("the signature is raw r||s instead of DER")
                .with_hint("have the signer write ASN.1 DER; Vault does with marshaling_algorithm=asn1")
        } else {
            invalid("the ECDSA signature is not a DER sequence of two positive numbers")
        });
    }
    let wanted = hash_of(curve);
    if holds(key, ecdsa_algorithm(curve, wanted), message, signature) {
        return Ok(());
    }
    // Only to explain: whatever the others say, the signature is refused.
    let other = HASHES
        .into_iter()
        .filter(|hash| *hash != wanted)
        .find(|hash| holds(key, ecdsa_algorithm(curve, *hash), message, signature));
    Err(match other {
        Some(made_with) => invalid(format!(
            "the signature was made with {} where {} needs {}",
            hash_name(made_with),
            curve_name(curve),
            hash_name(wanted)
        ))
        .with_hint(format!(
            "sign again with the hash of the curve; in Vault set hash_algorithm={}",
            vault_hash(wanted)
        )),
        None => does_not_fit(key, Scheme::Ecdsa),
    })
}

fn holds(key: &PublicKey, algorithm: &'static dyn VerificationAlgorithm, message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(algorithm, key.to_spki_der()).verify(message, signature).is_ok()
}

const fn hash_name(hash: ShaVariant) -> &'static str {
    match hash {
        ShaVariant::Sha256 => "SHA-256",
        ShaVariant::Sha384 => "SHA-384",
        ShaVariant::Sha512 => "SHA-512",
    }
}

const fn vault_hash(hash: ShaVariant) -> &'static str {
    match hash {
        ShaVariant::Sha256 => "sha2-256",
        ShaVariant::Sha384 => "sha2-384",
        ShaVariant::Sha512 => "sha2-512",
    }
}

const fn curve_name(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "P-256",
        Curve::P384 => "P-384",
        Curve::P521 => "P-521",
    }
}

fn does_not_fit(key: &PublicKey, scheme: Scheme) -> Error {
    invalid(format!("the signature does not fit the {} key `{}` with scheme `{scheme}`", key.kind(), key.id()))
}

fn invalid(message: impl AsRef<str>) -> Error {
    Error::new(Code::SignatureInvalid, message)
}
