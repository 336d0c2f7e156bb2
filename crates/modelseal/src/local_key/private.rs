//! Reading a private key file.

use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Encode as _};
use modelseal_core::{Code, Error, PublicKey, Result};
use pkcs8::PrivateKeyInfoRef;
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::pem::{self, PemBlock};
use super::{KeyType, LocalKey, Pair, Passphrase, encrypted};

/// Largest private key file that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// `prime-field` (X9.62) in DER: it stands in explicit curve parameters only.
const PRIME_FIELD: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01];

pub(super) fn read(text: &[u8], passphrase: Option<&Passphrase>) -> Result<LocalKey> {
    if text.len() > MAX_BYTES {
        return Err(malformed("the private key file is larger than 64 KiB"));
    }
    if text.trim_ascii().is_empty() {
        return Err(malformed("the private key file is empty"));
    }
    let blocks = pem::blocks(text)?;
    // `openssl ecparam -genkey` writes the curve in a block of its own, which the key repeats.
    let mut keys = blocks.iter().filter(|block| block.label != "EC PARAMETERS");
    match (keys.next(), keys.next()) {
        (None, _) => Err(without_pem(text)),
        (Some(block), None) => read_block(block, passphrase),
        (Some(_), Some(_)) => Err(malformed("the file holds several PEM blocks where one private key is wanted")
            .with_hint("put the private key into a file of its own, certificates into another")),
    }
}

fn read_block(block: &PemBlock<'_>, passphrase: Option<&Passphrase>) -> Result<LocalKey> {
    if block.is_legacy_encrypted() {
        return Err(unsupported(format!(
            "a `{}` encrypted in the old OpenSSL manner (`Proc-Type: 4,ENCRYPTED`) is not accepted",
            block.label
        ))
        .with_hint("convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in FILE -out NEW"));
    }
    match block.label {
        "PRIVATE KEY" => from_pkcs8(&block.decode()?),
        "EC PRIVATE KEY" => from_sec1(&block.decode()?, None),
        "ENCRYPTED PRIVATE KEY" => {
            let document = encrypted::decrypt(&block.decode()?, passphrase)?;
            // One wrong passphrase in 256 leaves padding that looks right, and then no key.
            PrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| encrypted::wrong_passphrase())?;
            from_pkcs8(document.as_bytes())
        }
        "RSA PRIVATE KEY" => Err(rsa()),
        "OPENSSH PRIVATE KEY" => Err(wrong_form("this is an OpenSSH private key, where PKCS#8 is wanted").with_hint(
            "convert a copy of it with ssh-keygen -p -m PKCS8 -f COPY, or make a key with `modelseal keys generate`",
        )),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            Err(wrong_form(format!("this is a public key (`{}`), where the private key is wanted", block.label))
                .with_hint("give the private key to sign; the public one is for verifying"))
        }
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            Err(wrong_form(format!("this is a certificate (`{}`), where the private key is wanted", block.label)))
        }
        label if label.ends_with(" PRIVATE KEY") => Err(unsupported(format!("a `{label}` is not accepted"))),
        label => Err(malformed(format!("the PEM block `{label}` is not a private key"))),
    }
}

fn from_pkcs8(der: &[u8]) -> Result<LocalKey> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| malformed("the private key is not PKCS#8"))?;
    let public = info.public_key.map(|bits| bits.as_bytes().unwrap_or_default());
    let secret = info.private_key.as_bytes();
    let key = match info.algorithm.oid {
        EC_PUBLIC_KEY => from_sec1(secret, Some(info.algorithm))?,
        ED25519 if info.algorithm.parameters.is_none() => from_ed25519(secret)?,
        RSA_ENCRYPTION => return Err(rsa()),
        _ => return Err(unusable(info.algorithm)),
    };
    // Version 2 (RFC 5958) may repeat the public key.
    match public {
        Some(public) if key.point() != public => Err(contradiction()),
        _ => Ok(key),
    }
}

fn from_ed25519(secret: &[u8]) -> Result<LocalKey> {
    let seed = <&OctetStringRef>::from_der(secret)
        .ok()
        .map(OctetStringRef::as_bytes)
        .filter(|seed| seed.len() == 32)
        .ok_or_else(|| malformed("the ed25519 private key is not a seed of 32 bytes"))?;
    let pair = Ed25519KeyPair::from_seed_unchecked(seed)
        .map_err(|_| malformed("the ed25519 private key is not a seed of 32 bytes"))?;
    LocalKey::from_pair(Pair::Ed25519(pair))
}

/// Reads an `ECPrivateKey` (RFC 5915); inside PKCS#8 the curve stands outside and may be repeated inside.
fn from_sec1(der: &[u8], outside: Option<AlgorithmIdentifierRef<'_>>) -> Result<LocalKey> {
    let outer_curve = match outside {
        Some(algorithm) => match algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok()) {
            Some(curve) => Some(curve),
            None => return Err(unusable(algorithm)),
        },
        None => None,
    };
    let key = EcPrivateKey::from_der(der).map_err(|_| {
        if der.windows(PRIME_FIELD.len()).any(|window| window == PRIME_FIELD) {
            unsupported("an elliptic curve key with explicit curve parameters is not accepted")
                .with_hint("name the curve instead: openssl pkey -in FILE -ec_param_enc named_curve -out NEW")
        } else {
            malformed("the elliptic curve private key is not of the SEC 1 form")
        }
    })?;
    let inner_curve = key.parameters.and_then(EcParameters::named_curve);
    let curve = match (outer_curve, inner_curve) {
        (Some(outer), Some(inner)) if outer != inner => {
            return Err(malformed("the elliptic curve private key names two curves"));
        }
        (Some(curve), _) | (None, Some(curve)) => curve,
        (None, None) => return Err(unsupported("an elliptic curve private key without its curve is not accepted")),
    };
    let key_type = match curve {
        P256 => KeyType::EcdsaP256,
        P384 => KeyType::EcdsaP384,
        P521 => KeyType::EcdsaP521,
        _ => {
            let parameters = Some(AnyRef::from(&curve));
            return Err(unusable(AlgorithmIdentifierRef { oid: EC_PUBLIC_KEY, parameters }));
        }
    };
    LocalKey::from_pair(Pair::Ecdsa(ecdsa_pair(key_type, &key)?))
}

fn ecdsa_pair(key_type: KeyType, key: &EcPrivateKey<'_>) -> Result<EcdsaKeyPair> {
    let impossible = || malformed(format!("the {key_type} private key is not a number below the order of its curve"));
    let algorithm = key_type.signing().ok_or_else(impossible)?;
    // Some writers strip leading zeros, some add one: the number counts.
    let mut scalar = Zeroizing::new(vec![0; key_type.scalar_len()]);
    let leading = key.private_key.iter().take_while(|byte| **byte == 0).count();
    let digits = key.private_key.get(leading..).unwrap_or_default();
    let start = scalar.len().checked_sub(digits.len()).ok_or_else(impossible)?;
    scalar[start..].copy_from_slice(digits);
    let alone = EcPrivateKey { private_key: &scalar, parameters: None, public_key: None };
    let der = alone.to_der().map(Zeroizing::new).map_err(|_| impossible())?;
    let pair = EcdsaKeyPair::from_private_key_der(algorithm, &der).map_err(|_| impossible())?;
    match key.public_key {
        None => Ok(pair),
        // The point may be compressed: the library compares.
        Some(point) => {
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, &scalar, point).map_err(|_| contradiction())
        }
    }
}

impl LocalKey {
    /// The public key in the bare form that PKCS#8 version 2 repeats.
    pub(super) fn point(&self) -> &[u8] {
        match &self.pair {
            Pair::Ecdsa(pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }
}

fn without_pem(text: &[u8]) -> Error {
    match text.first() {
        Some(0x30) => wrong_form("this is DER or other binary data, where a PEM private key is wanted")
            .with_hint("convert it: openssl pkey -inform DER -in FILE -out NEW"),
        _ => malformed("there is no PEM private key in the file"),
    }
}

/// The verifier's own words for kinds of key that it would not accept either.
fn unusable(algorithm: AlgorithmIdentifierRef<'_>) -> Error {
    let public = BitStringRef::from_bytes(&[0])
        .and_then(|subject_public_key| SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der())
        .map_err(|_| malformed("the private key has an algorithm that makes no sense"))
        .and_then(|der| PublicKey::from_spki_der(&der));
    match public {
        Err(error) if error.code() == Code::KeyUnsupported => error,
        _ => malformed("the private key has an algorithm that makes no sense"),
    }
}

fn rsa() -> Error {
    unsupported("signing with an RSA private key in a file is not accepted")
        .with_hint("make an ECDSA key with `modelseal keys generate`; RSA keys in files verify, and do not sign")
}

fn contradiction() -> Error {
    malformed("the public key stored with the private key belongs to another one")
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}

fn unsupported(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyUnsupported, message)
}

fn wrong_form(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyWrongForm, message)
}
