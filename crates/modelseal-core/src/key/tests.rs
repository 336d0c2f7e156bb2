mod ml_dsa;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA256_ASN1_SIGNING, ECDSA_P521_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RsaEncoding,
};
use der::Encode as _;
use der::asn1::{Any, BitString, Null, ObjectIdentifier, UintRef};
use proptest::prelude::*;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::*;
use crate::{Code, Error};

// Throw-away test keys, published on purpose: never trust them.
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAjyXZOeF+9hHv06t4bXrVN5JpRM+
a5HmQSv0/daDatCpESOrOX4ysVVHkEU/Y7Boi+mtL9+IjVsqPxjDsIDCpw==
-----END PUBLIC KEY-----
";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEr3VvUnoGSJm2yjZZIbBB/Afaf79oyyoi
BFvW/RfBbmi28zBGY/I/74si0Y+ZjTJO080d1FlWrl+PO2DCZQDqMjIjXxkAvWZY
K/jZ6pBR9nN+lVoSyzjNgwvhw8uqfdoB
-----END PUBLIC KEY-----
";
const P521: &str = "-----BEGIN PUBLIC KEY-----
MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAW0VtT/ELlzUIfHAjkdDNc/STZsbo
S7VA5xTtqKOcqSaK3Sf5XuoaixcNyeDG3IZPwg7U9Jmez1H0I6MFdPEZvnYBeRdx
aNNIZ1AH2q7OyXsEd2JhjoOYBoDEvjqINSuMCHk6SqV5m3+L2yehGUp1/7HQjhSe
MjkH7Wd00ExbDOtfaQ0=
-----END PUBLIC KEY-----
";

const EC: &str = "1.2.840.10045.2.1";
const RSA: &str = "1.2.840.113549.1.1.1";

fn refusal(text: impl AsRef<[u8]>) -> Error {
    PublicKey::from_pem(text.as_ref()).unwrap_err()
}

fn refused(text: impl AsRef<[u8]>, code: Code, message: &str) {
    let error = refusal(text);
    assert_eq!(error.code(), code, "{error}");
    assert!(error.message().contains(message), "{error}");
}

fn spki(algorithm: &str, parameters: Option<Any>, key: &[u8]) -> Vec<u8> {
    let algorithm = AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap(algorithm), parameters };
    let subject_public_key = BitString::from_bytes(key).unwrap();
    SubjectPublicKeyInfoOwned { algorithm, subject_public_key }.to_der().unwrap()
}

fn spki_refused(der: &[u8], code: Code, message: &str) {
    refused(pem::encode("PUBLIC KEY", der), code, message);
}

fn curve(oid: &str) -> Option<Any> {
    Some(Any::encode_from(&ObjectIdentifier::new_unwrap(oid)).unwrap())
}

fn rsa_spki(bits: usize, exponent: &[u8]) -> Vec<u8> {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] = u8::MAX >> (modulus.len() * 8 - bits);
    let numbers = [UintRef::new(&modulus).unwrap(), UintRef::new(exponent).unwrap()];
    spki(RSA, Some(Any::encode_from(&Null).unwrap()), &numbers.to_vec().to_der().unwrap())
}

fn ec_key(algorithm: &'static EcdsaSigningAlgorithm, oid: &str) -> (EcdsaKeyPair, PublicKey) {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let key = PublicKey::from_spki_der(&spki(EC, curve(oid), pair.public_key().as_ref())).unwrap();
    (pair, key)
}

fn sign(pair: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
}

#[test]
fn ids_are_those_of_the_peer_whatever_the_layout() {
    let id = "d9f6a9c4754d27ae7dca940afa737cc60c3521e5cf0337e1b4bc331b8a560f7f";
    let body: String = P384.lines().filter(|line| !line.starts_with('-')).collect();
    for text in [
        P384.to_owned(),
        P384.trim_end().to_owned(),
        P384.replace('\n', "\r\n"),
        format!("\n \t\r\n{P384}\n\n  "),
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----"),
    ] {
        let key = PublicKey::from_pem(text.as_bytes()).unwrap();
        assert_eq!(key.id().to_string(), id);
        assert_eq!(key.to_pem(), P384);
    }
    for (text, kind) in [(P256, "ecdsa-p256"), (P384, "ecdsa-p384"), (P521, "ecdsa-p521")] {
        let key = PublicKey::from_pem(text.as_bytes()).unwrap();
        assert_eq!(key.kind().to_string(), kind);
        assert!(is_published_test_key(key.id()));
        assert_eq!(PublicKey::from_spki_der(key.to_spki_der()), Ok(key));
    }
}

#[test]
fn key_ids_are_64_lower_case_digits() {
    let id = "d9f6a9c4754d27ae7dca940afa737cc60c3521e5cf0337e1b4bc331b8a560f7f";
    assert_eq!(id.parse::<KeyId>().unwrap().to_string(), id);
    for text in [&id[1..], &id.to_uppercase(), "", &format!("{id}0"), &format!(" {}", &id[1..]), &"é".repeat(32)] {
        assert_eq!(text.parse::<KeyId>().unwrap_err().code(), Code::UsageArguments, "{text}");
    }
}

#[test]
fn other_forms_are_named_with_the_way_out() {
    for label in ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
        let text = format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
        let error = refusal(&text);
        assert_eq!(error.code(), Code::KeyWrongForm);
        assert!(error.message().contains("private key") && error.hint().contains("modelseal keys export"), "{error}");
        refused(
            format!("-----BEGIN EC PARAMETERS-----\nAAAA\n-----END EC PARAMETERS-----\n{text}"),
            Code::KeyWrongForm,
            label,
        );
    }
    let block = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    assert!(refusal(block("CERTIFICATE")).hint().contains("--certificate-chain"));
    refused(block("CERTIFICATE"), Code::KeyWrongForm, "certificate");
    refused(block("RSA PUBLIC KEY"), Code::KeyWrongForm, "PKCS#1");
    refused(block("PGP PUBLIC KEY BLOCK"), Code::KeyWrongForm, "OpenPGP");
    refused(block("DH PARAMETERS"), Code::KeyMalformed, "DH PARAMETERS");
    refused("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI a@b", Code::KeyWrongForm, "OpenSSH");
    refused("ecdsa-sha2-nistp256 AAAA", Code::KeyWrongForm, "OpenSSH");
    refused("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", Code::KeyWrongForm, "OpenSSH");
    refused(PublicKey::from_pem(P256.as_bytes()).unwrap().to_spki_der(), Code::KeyWrongForm, "DER");
    refused([0x30, 0x03, 0x02, 0x01, 0x01], Code::KeyMalformed, "DER");
    refused("{\"kty\":\"EC\"}", Code::KeyWrongForm, "JSON");
    refused("", Code::KeyMalformed, "empty");
    refused(" \r\n", Code::KeyMalformed, "empty");
    refused("hello", Code::KeyMalformed, "no PEM");
    refused([0xff; 9], Code::KeyMalformed, "no PEM");
    refused(format!("\u{feff}{P256}"), Code::KeyMalformed, "byte order mark");
    refused(format!("{P256}{P384}"), Code::KeyMalformed, "2 PEM blocks");
    refused(format!("{P256}text"), Code::KeyMalformed, "text after");
    refused(format!("text\n{P256}"), Code::KeyMalformed, "text before");
    refused(format!("{}{P256}", "\n".repeat(65_536)), Code::KeyMalformed, "64 KiB");
}

#[test]
fn unusable_kinds_are_named() {
    let point = |len: usize| [&[4_u8][..], &vec![1; len]].concat();
    for (oid, name, len) in [
        ("1.3.132.0.10", "secp256k1", 64),
        ("1.3.132.0.33", "P-224", 56),
        ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1", 64),
        ("1.2.3.4", "1.2.3.4", 64),
    ] {
        spki_refused(&spki(EC, curve(oid), &point(len)), Code::KeyUnsupported, name);
    }
    for (oid, name) in [
        ("1.3.101.110", "X25519"),
        ("1.3.101.113", "Ed448"),
        ("1.2.840.10040.4.1", "DSA"),
        ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
        ("2.16.840.1.101.3.4.3.20", "SLH-DSA"),
        ("2.16.840.1.101.3.4.4.2", "ML-KEM-768"),
        ("1.2.3.4", "1.2.3.4"),
    ] {
        spki_refused(&spki(oid, None, &[1; 32]), Code::KeyUnsupported, name);
    }
    let p256 = "1.2.840.10045.3.1.7";
    let explicit = Any::encode_from(&vec![UintRef::new(&[1]).unwrap()]).unwrap();
    spki_refused(&spki(EC, Some(explicit), &point(64)), Code::KeyUnsupported, "explicit curve parameters");
    spki_refused(&spki(EC, Some(Any::null()), &point(64)), Code::KeyUnsupported, "named curve");
    spki_refused(&spki(EC, None, &point(64)), Code::KeyUnsupported, "without its curve");
    spki_refused(&spki(EC, curve(p256), &[2; 33]), Code::KeyUnsupported, "compressed point");
    spki_refused(&spki(EC, curve(p256), &point(64)), Code::KeyMalformed, "not a point on its curve");
    spki_refused(&spki(EC, curve(p256), &[0]), Code::KeyMalformed, "not a point");
    spki_refused(&spki(EC, curve(p256), &point(96)), Code::KeyMalformed, "not a point");
    let ed25519 = "1.3.101.112";
    spki_refused(&spki(ed25519, None, &[1; 31]), Code::KeyMalformed, "31 bytes");
    spki_refused(&spki(ed25519, Some(Any::null()), &[1; 32]), Code::KeyMalformed, "parameters");
    for raw in [&[1; 31][..], &[1; 33], &[]] {
        assert_eq!(PublicKey::from_raw_ed25519(raw).unwrap_err().code(), Code::KeyMalformed);
    }
    let mut small = [0; 32];
    for first in [0, 1] {
        small[0] = first;
        for last in [0, 0x80] {
            small[31] = last;
            spki_refused(&spki(ed25519, None, &small), Code::KeyWeak, "small order");
            assert_eq!(PublicKey::from_raw_ed25519(&small).unwrap_err().code(), Code::KeyWeak);
        }
    }
}

#[test]
fn rsa_limits() {
    for (bits, exponent, code) in [
        (1024, &[1, 0, 1][..], Code::KeyWeak),
        (2047, &[1, 0, 1], Code::KeyWeak),
        (8193, &[1, 0, 1], Code::KeyUnsupported),
        (2048, &[2], Code::KeyMalformed),
        (2048, &[1], Code::KeyMalformed),
        (2048, &[0], Code::KeyMalformed),
        (2048, &[3, 0, 0, 0, 1], Code::KeyUnsupported),
    ] {
        spki_refused(&rsa_spki(bits, exponent), code, "RSA");
    }
    for (bits, exponent) in [(2048, &[1, 0, 1][..]), (3072, &[3]), (8192, &[1, 0, 1])] {
        let key = PublicKey::from_spki_der(&rsa_spki(bits, exponent)).unwrap();
        assert_eq!(key.kind().to_string(), format!("rsa-{bits}"));
        assert_eq!(key.implied_scheme(), None);
    }
    spki_refused(&spki(RSA, None, &[0x30, 0]), Code::KeyMalformed, "NULL");
    spki_refused(&spki(RSA, Some(Any::null()), &[0x30, 0]), Code::KeyMalformed, "RSA");
}

#[test]
fn der_has_one_form_and_an_end() {
    let key = PublicKey::from_pem(P256.as_bytes()).unwrap();
    let der = key.to_spki_der();
    let mut long = vec![0x30, 0x81, der[1]];
    long.extend(&der[2..]);
    for bad in [[der, &[0]].concat(), long, der[..der.len() - 1].to_vec(), Vec::new()] {
        assert_eq!(PublicKey::from_spki_der(&bad).unwrap_err().code(), Code::KeyMalformed);
    }
}

#[test]
fn ecdsa_takes_the_hash_of_the_curve_only() {
    let message = b"message";
    for (algorithm, oid) in [
        (&ECDSA_P256_SHA256_ASN1_SIGNING, "1.2.840.10045.3.1.7"),
        (&ECDSA_P384_SHA384_ASN1_SIGNING, "1.3.132.0.34"),
        (&ECDSA_P521_SHA512_ASN1_SIGNING, "1.3.132.0.35"),
    ] {
        let (pair, key) = ec_key(algorithm, oid);
        assert_eq!(key.implied_scheme(), Some(Scheme::Ecdsa));
        // Some of them have a high S, some a number with a leading zero.
        for _ in 0..16 {
            let signature = sign(&pair, message);
            assert_eq!(key.verify(Scheme::Ecdsa, message, &signature), Ok(()));
            let error = key.verify(Scheme::Ecdsa, b"other", &signature).unwrap_err();
            assert!(error.code() == Code::SignatureInvalid && error.message().contains(&key.id().to_string()));
        }
        let error = key.verify(Scheme::Ed25519, message, &sign(&pair, message)).unwrap_err();
        assert_eq!(error.code(), Code::SignatureSchemeNotAllowed);
    }
    for (algorithm, hash) in
        [(&ECDSA_P521_SHA256_ASN1_SIGNING, "SHA-256"), (&ECDSA_P521_SHA384_ASN1_SIGNING, "SHA-384")]
    {
        let (pair, key) = ec_key(algorithm, "1.3.132.0.35");
        let error = key.verify(Scheme::Ecdsa, message, &sign(&pair, message)).unwrap_err();
        assert_eq!(error.code(), Code::SignatureInvalid);
        assert_eq!(error.message(), format!("the signature was made with {hash} where P-521 needs SHA-512"));
        assert!(error.hint().contains("sha2-512"));
    }
}

#[test]
fn ecdsa_signatures_are_strict_der() {
    for (algorithm, oid) in [
        (&ECDSA_P256_SHA256_FIXED_SIGNING, "1.2.840.10045.3.1.7"),
        (&ECDSA_P384_SHA384_FIXED_SIGNING, "1.3.132.0.34"),
        (&ECDSA_P521_SHA512_FIXED_SIGNING, "1.3.132.0.35"),
    ] {
        let (pair, key) = ec_key(algorithm, oid);
        let error = key.verify(Scheme::Ecdsa, b"m", &sign(&pair, b"m")).unwrap_err();
        assert!(
            error.code() == Code::SignatureInvalid && error.message().contains("raw r||s instead of DER"),
            "{error}"
        );
    }
    let der = |r: &[u8], s: &[u8]| {
        let number = |n: &[u8]| [&[2, u8::try_from(n.len()).unwrap()], n].concat();
        let body = [number(r), number(s)].concat();
        [&[0x30, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
    };
    let good = der(&[1], &[0, 0x80]);
    assert!(verify::is_ecdsa_der(&good));
    for bad in [
        der(&[0], &[1]),
        der(&[1], &[0]),
        der(&[0x80], &[1]),
        der(&[0, 1], &[1]),
        der(&[], &[1]),
        [good.as_slice(), &[0]].concat(),
        [&[0x30, 0x81, good[1]], &good[2..]].concat(),
        [&[0x30, 0x80], &good[2..], &[0, 0]].concat(),
        vec![0x30, 9, 2, 1, 1, 2, 1, 1, 2, 1, 1],
        vec![0x30, 3, 2, 1, 1],
        good[..good.len() - 1].to_vec(),
        vec![0x31, 6, 2, 1, 1, 2, 1, 1],
        Vec::new(),
    ] {
        assert!(!verify::is_ecdsa_der(&bad), "{bad:02x?}");
    }
}

#[test]
fn t13_one_scheme_is_tried() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let key = PublicKey::from_spki_der(&spki("1.3.101.112", None, pair.public_key().as_ref())).unwrap();
    assert_eq!((key.kind(), key.implied_scheme()), (KeyKind::Ed25519, None));
    assert_eq!(PublicKey::from_raw_ed25519(pair.public_key().as_ref()), Ok(key.clone()));
    let signature = pair.sign(b"m");
    assert_eq!(key.verify(Scheme::Ed25519, b"m", signature.as_ref()), Ok(()));
    assert_eq!(key.verify(Scheme::Ed25519, b"n", signature.as_ref()).unwrap_err().code(), Code::SignatureInvalid);
    assert!(key.verify(Scheme::Ed25519, b"m", &[0; 63]).unwrap_err().message().contains("63 bytes"));

    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = PublicKey::from_spki_der(&spki(RSA, Some(Any::null()), pair.public_key().as_ref())).unwrap();
    let signed = |encoding: &'static dyn RsaEncoding| {
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), b"m", &mut signature).unwrap();
        signature
    };
    let made = [
        (Scheme::RsaPkcs1v15(ShaVariant::Sha256), signed(&RSA_PKCS1_SHA256)),
        (Scheme::RsaPkcs1v15(ShaVariant::Sha512), signed(&RSA_PKCS1_SHA512)),
        (Scheme::RsaPss(ShaVariant::Sha256), signed(&RSA_PSS_SHA256)),
        (Scheme::RsaPss(ShaVariant::Sha384), signed(&RSA_PSS_SHA384)),
    ];
    for (scheme, signature) in &made {
        for (other, _) in &made {
            assert!(key.fits(*other) && !key.fits(Scheme::Ecdsa));
            assert_eq!(key.verify(*other, b"m", signature).is_ok(), scheme == other, "{scheme} as {other}");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = PublicKey::from_pem(&bytes);
        let _ = PublicKey::from_spki_der(&bytes);
        let key = PublicKey::from_pem(P256.as_bytes()).unwrap();
        prop_assert!(key.verify(Scheme::Ecdsa, b"m", &bytes).is_err());
    }

    #[test]
    fn one_changed_byte_never_verifies(at in any::<prop::sample::Index>(), change in 1..=255_u8, which in 0..3_usize) {
        let (pair, key) = ec_key(&ECDSA_P256_SHA256_ASN1_SIGNING, "1.2.840.10045.3.1.7");
        let mut parts = [key.to_spki_der().to_vec(), b"message".to_vec(), sign(&pair, b"message")];
        let at = at.index(parts[which].len());
        parts[which][at] ^= change;
        if let Ok(key) = PublicKey::from_spki_der(&parts[0]) {
            prop_assert!(key.verify(Scheme::Ecdsa, &parts[1], &parts[2]).is_err());
        }
    }

    #[test]
    fn one_changed_character_never_makes_the_same_key(at in any::<prop::sample::Index>(), change in 1..=255_u8) {
        let mut text = P521.as_bytes().to_vec();
        let at = at.index(text.len());
        text[at] ^= change;
        let original = PublicKey::from_pem(P521.as_bytes()).unwrap();
        if let Ok(key) = PublicKey::from_pem(&text) {
            // White space is free; everything else counts.
            prop_assert!(key != original || P521.as_bytes()[at] == b'\n' || text[at].is_ascii_whitespace());
        }
    }
}
