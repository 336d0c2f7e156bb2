//! What a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7) holds, and why some are refused.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ED25519, ML_DSA_44, ML_DSA_65, ML_DSA_87,
    RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode as _, Encode as _, Reader as _, SliceReader, Tag, Tagged as _};
use x509_cert::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::{Curve, KeyKind, MlDsaSet};
use crate::{Code, Error, Result};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(super) const ED25519_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ML_DSA_44_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// Names of kinds that are refused, so that messages need not show bare object identifiers.
const REFUSED_KINDS: [(&str, &str); 21] = [
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.10045.3.1.1", "P-192"),
    ("1.2.840.10046.2.1", "Diffie-Hellman"),
    ("1.2.840.113549.1.1.7", "RSAES-OAEP"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.113549.1.3.1", "Diffie-Hellman"),
    ("1.2.156.10197.1.301", "SM2"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
    ("1.3.101.110", "X25519"),
    ("1.3.101.111", "X448"),
    ("1.3.101.113", "Ed448"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.132.0.33", "P-224"),
    ("1.3.132.1.12", "ECDH"),
    ("2.16.840.1.101.3.4.3.20", "SLH-DSA"),
    ("2.16.840.1.101.3.4.3.26", "SLH-DSA"),
    ("2.16.840.1.101.3.4.4.1", "ML-KEM-512"),
    ("2.16.840.1.101.3.4.4.2", "ML-KEM-768"),
    ("2.16.840.1.101.3.4.4.3", "ML-KEM-1024"),
];

/// The Ed25519 points of small order in every encoding that decoders accept, sign bit cleared: under such a key
/// anyone can make signatures (RFC 8032 §5.1.7 leaves them in).
const ED25519_SMALL_ORDER: [[u8; 32]; 7] = [
    little_endian(0x00, 0x00, 0x00),
    little_endian(0x01, 0x00, 0x00),
    little_endian(0xec, 0xff, 0x7f),
    little_endian(0xed, 0xff, 0x7f),
    little_endian(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// Checks form and strength; the kind of key on success.
pub(super) fn check(der: &[u8]) -> Result<KeyKind> {
    let info = SubjectPublicKeyInfoRef::from_der(der)
        .ok()
        // One key has one id, so it may have only one encoding.
        .filter(|info| info.to_der().is_ok_and(|again| again == der))
        .ok_or_else(|| malformed("the public key is not a DER SubjectPublicKeyInfo"))?;
    let key = info.subject_public_key.as_bytes().ok_or_else(|| malformed("the public key is not whole bytes"))?;
    let parameters = info.algorithm.parameters;
    let kind = match info.algorithm.oid {
        EC_PUBLIC_KEY => check_ec(parameters, key)?,
        ED25519_KEY => check_ed25519(parameters, key)?,
        RSA_ENCRYPTION => check_rsa(parameters, key)?,
        ML_DSA_44_KEY => check_ml_dsa(MlDsaSet::MlDsa44, parameters, key)?,
        ML_DSA_65_KEY => check_ml_dsa(MlDsaSet::MlDsa65, parameters, key)?,
        ML_DSA_87_KEY => check_ml_dsa(MlDsaSet::MlDsa87, parameters, key)?,
        other => return Err(unsupported(format!("{} keys are not accepted", kind_name(other)))),
    };
    // The library has the last word: the point must lie on its curve.
    let algorithm: &'static dyn VerificationAlgorithm = match kind {
        KeyKind::Ec(Curve::P256) => &ECDSA_P256_SHA256_ASN1,
        KeyKind::Ec(Curve::P384) => &ECDSA_P384_SHA384_ASN1,
        KeyKind::Ec(Curve::P521) => &ECDSA_P521_SHA512_ASN1,
        KeyKind::Ed25519 => &ED25519,
        KeyKind::MlDsa(MlDsaSet::MlDsa44) => &ML_DSA_44,
        KeyKind::MlDsa(MlDsaSet::MlDsa65) => &ML_DSA_65,
        KeyKind::MlDsa(MlDsaSet::MlDsa87) => &ML_DSA_87,
        KeyKind::Rsa { .. } => &RSA_PKCS1_2048_8192_SHA256,
    };
    UnparsedPublicKey::new(algorithm, der).parse().map_err(|_| match kind {
        KeyKind::Ec(_) => malformed(format!("the {kind} public key is not a point on its curve")),
        _ => malformed(format!("the {kind} public key has impossible numbers")),
    })?;
    Ok(kind)
}

/// A SubjectPublicKeyInfo without parameters around the bytes of a key. It is not checked.
pub(super) fn wrap(oid: ObjectIdentifier, key: &[u8]) -> Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters: None };
    BitStringRef::from_bytes(key)
        .and_then(|subject_public_key| SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der())
        .map_err(|_| malformed("the public key has an impossible length"))
}

pub(super) const fn ml_dsa_oid(set: MlDsaSet) -> ObjectIdentifier {
    match set {
        MlDsaSet::MlDsa44 => ML_DSA_44_KEY,
        MlDsaSet::MlDsa65 => ML_DSA_65_KEY,
        MlDsaSet::MlDsa87 => ML_DSA_87_KEY,
    }
}

fn check_ec(parameters: Option<AnyRef<'_>>, point: &[u8]) -> Result<KeyKind> {
    let Some(parameters) = parameters else {
        return Err(unsupported("an elliptic curve key without its curve is not accepted"));
    };
    if parameters.tag() == Tag::Sequence {
        return Err(unsupported("an elliptic curve key with explicit curve parameters is not accepted")
            .with_hint("name the curve instead: openssl pkey -pubin -in FILE -pubout -ec_param_enc named_curve"));
    }
    let oid = parameters
        .decode_as::<ObjectIdentifier>()
        .map_err(|_| unsupported("an elliptic curve key without a named curve is not accepted"))?;
    let (curve, field) = match oid {
        P256 => (Curve::P256, 32),
        P384 => (Curve::P384, 48),
        P521 => (Curve::P521, 66),
        other => return Err(unsupported(format!("elliptic curve keys on {} are not accepted", kind_name(other)))),
    };
    match point.first() {
        Some(2 | 3) if point.len() == 1 + field => {
            Err(unsupported("an elliptic curve key with a compressed point is not accepted")
                .with_hint("write the point in full: openssl pkey -pubin -in FILE -pubout -ec_conv_form uncompressed"))
        }
        Some(4) if point.len() == 1 + 2 * field => Ok(KeyKind::Ec(curve)),
        _ => Err(malformed(format!("the {} public key is not a point", KeyKind::Ec(curve)))),
    }
}

fn check_ed25519(parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<KeyKind> {
    if parameters.is_some() {
        return Err(malformed("the ed25519 public key has parameters, where RFC 8410 allows none"));
    }
    let Ok(mut y) = <[u8; 32]>::try_from(key) else {
        return Err(malformed(format!("the ed25519 public key has {} bytes instead of 32", key.len())));
    };
    y[31] &= 0x7f;
    if ED25519_SMALL_ORDER.contains(&y) {
        return Err(Error::new(Code::KeyWeak, "the ed25519 public key is a point of small order"))
            .map_err(|error| error.with_hint("anyone can sign for such a key: make another one"));
    }
    Ok(KeyKind::Ed25519)
}

fn check_ml_dsa(set: MlDsaSet, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<KeyKind> {
    let (kind, wanted) = (KeyKind::MlDsa(set), set.public_key_len());
    if parameters.is_some() {
        return Err(malformed(format!("the {kind} public key has parameters, where RFC 9881 allows none")));
    }
    if key.len() != wanted {
        return Err(malformed(format!("the {kind} public key has {} bytes instead of {wanted}", key.len())));
    }
    Ok(kind)
}

fn check_rsa(parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<KeyKind> {
    if !parameters.is_some_and(|any| any.tag() == Tag::Null && any.value().is_empty()) {
        return Err(malformed("the RSA public key lacks the NULL parameters of RFC 3279"));
    }
    let (modulus, exponent) =
        rsa_numbers(key).map_err(|_| malformed("the RSA public key is not a modulus and an exponent"))?;
    let bits = bit_length(modulus.as_bytes());
    if bits < 2048 {
        return Err(Error::new(Code::KeyWeak, format!("an RSA key of {bits} bits is too short")));
    }
    if bits > 8192 {
        return Err(unsupported(format!("an RSA key of {bits} bits is not accepted"))
            .with_hint("use an RSA key of 2048 to 8192 bits"));
    }
    let exponent_bits = bit_length(exponent.as_bytes());
    if is_even(modulus.as_bytes()) || is_even(exponent.as_bytes()) || exponent_bits < 2 {
        return Err(malformed("the RSA public key has impossible numbers"));
    }
    if exponent_bits > 33 {
        return Err(unsupported("an RSA key with a public exponent above 33 bits is not accepted")
            .with_hint("use the public exponent 65537"));
    }
    Ok(KeyKind::Rsa { bits })
}

fn rsa_numbers(key: &[u8]) -> der::Result<(UintRef<'_>, UintRef<'_>)> {
    let mut reader = SliceReader::new(key)?;
    let numbers = reader.sequence(|inner| Ok::<_, der::Error>((inner.decode()?, inner.decode()?)))?;
    reader.finish()?;
    Ok(numbers)
}

/// Bits of a big-endian number without leading zero bytes.
fn bit_length(number: &[u8]) -> u32 {
    let leading = number.first().map_or(8, |byte| byte.leading_zeros());
    u32::try_from(number.len()).unwrap_or(u32::MAX).saturating_mul(8).saturating_sub(leading)
}

fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|byte| byte % 2 == 0)
}

fn kind_name(oid: ObjectIdentifier) -> String {
    let text = oid.to_string();
    match REFUSED_KINDS.iter().find(|(known, _)| *known == text) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("object identifier {text}"),
    }
}

const fn little_endian(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}

fn unsupported(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyUnsupported, message)
}
