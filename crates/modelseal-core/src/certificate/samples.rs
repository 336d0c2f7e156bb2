//! Certificates for tests, built byte by byte: also those that no proper tool would write.

use std::sync::OnceLock;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA384, RsaEncoding,
};
use der::asn1::{GeneralizedTime, ObjectIdentifier};
use der::{DateTime, Encode as _};
use x509_cert::name::Name;
use x509_cert::time::Time;

use super::Certificate;

pub(super) const ECDSA_SHA256: &str = "300a06082a8648ce3d040302";
pub(super) const ECDSA_SHA384: &str = "300a06082a8648ce3d040303";
pub(super) const ECDSA_SHA512: &str = "300a06082a8648ce3d040304";
pub(super) const ECDSA_SHA1: &str = "300906072a8648ce3d0401";
pub(super) const RSA_SHA256: &str = "300d06092a864886f70d01010b0500";
pub(super) const RSA_SHA1: &str = "300d06092a864886f70d0101050500";
pub(super) const RSA_MD5: &str = "300d06092a864886f70d0101040500";
/// RSASSA-PSS with SHA-384, MGF1 with SHA-384, salt of 48 bytes.
pub(super) const PSS_SHA384: &str = "304106092a864886f70d01010a3034a00f300d06096086480165030402020500\
                                     a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130";
/// The same with a salt of 32 bytes.
pub(super) const PSS_SHA384_SALT32: &str = "304106092a864886f70d01010a3034a00f300d06096086480165030402020500\
                                            a11c301a06092a864886f70d010108300d06096086480165030402020500a203020120";

pub(super) const CA: (&str, &str) = ("2.5.29.19", "30030101ff");
pub(super) const NOT_CA: (&str, &str) = ("2.5.29.19", "3000");
pub(super) const CERT_SIGN: (&str, &str) = ("2.5.29.15", "03020106");
pub(super) const DIGITAL_SIGNATURE: (&str, &str) = ("2.5.29.15", "03020780");
pub(super) const CODE_SIGNING: (&str, &str) = ("2.5.29.37", "300a06082b06010505070303");
pub(super) const SERVER_AUTH: (&str, &str) = ("2.5.29.37", "300a06082b06010505070301");
pub(super) const ANY_PURPOSE: (&str, &str) = ("2.5.29.37", "30060604551d2500");

/// A key pair of a test.
pub(super) enum Key {
    Ec(EcdsaKeyPair, &'static str),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding, &'static str),
}

impl Key {
    pub(super) fn p256() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap(), ECDSA_SHA256)
    }

    pub(super) fn p384() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap(), ECDSA_SHA384)
    }

    pub(super) fn p521() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap(), ECDSA_SHA512)
    }

    pub(super) fn ed25519() -> Self {
        Self::Ed25519(Ed25519KeyPair::generate().unwrap())
    }

    pub(super) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), &RSA_PKCS1_SHA256, RSA_SHA256)
    }

    pub(super) fn rsa_pss() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap(), &RSA_PSS_SHA384, PSS_SHA384)
    }

    fn spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match self {
            Self::Ec(pair, _) => pair.public_key().as_der(),
            Self::Ed25519(pair) => pair.public_key().as_der(),
            Self::Rsa(pair, ..) => pair.public_key().as_der(),
        }
        .unwrap();
        der.as_ref().to_vec()
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Ec(_, algorithm) | Self::Rsa(_, _, algorithm) => algorithm,
            Self::Ed25519(_) => "300506032b6570",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ec(pair, _) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rsa(pair, encoding, _) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// What goes into a certificate.
#[derive(Clone)]
pub(super) struct Spec {
    pub(super) subject: &'static str,
    pub(super) issuer: &'static str,
    pub(super) years: (u16, u16),
    pub(super) extensions: Vec<(&'static str, &'static str)>,
    pub(super) critical: Vec<&'static str>,
    pub(super) version: u8,
    /// Algorithm inside and outside, when they shall not be what the issuer's key makes.
    pub(super) algorithms: Option<(&'static str, &'static str)>,
}

impl Spec {
    /// A leaf as the tools make it.
    pub(super) fn leaf(issuer: &'static str) -> Self {
        Self {
            subject: "CN=leaf",
            issuer,
            years: (2020, 2040),
            extensions: vec![NOT_CA, DIGITAL_SIGNATURE, CODE_SIGNING],
            critical: vec!["2.5.29.19", "2.5.29.15"],
            version: 2,
            algorithms: None,
        }
    }

    pub(super) fn ca(subject: &'static str, issuer: &'static str) -> Self {
        Self { subject, extensions: vec![CA, CERT_SIGN], ..Self::leaf(issuer) }
    }

    pub(super) fn with(mut self, extensions: &[(&'static str, &'static str)]) -> Self {
        self.extensions = extensions.to_vec();
        self
    }

    pub(super) fn years(mut self, from: u16, to: u16) -> Self {
        self.years = (from, to);
        self
    }

    pub(super) fn der(&self, key: &Key, signer: &Key) -> Vec<u8> {
        let (inside, outside) = self.algorithms.unwrap_or((signer.algorithm(), signer.algorithm()));
        let version = if self.version == 0 { Vec::new() } else { vec![0xa0, 3, 2, 1, self.version] };
        let name = |text: &str| text.parse::<Name>().unwrap().to_der().unwrap();
        let time = |year| {
            let end = year == 9999;
            let time = if end { DateTime::new(9999, 12, 31, 23, 59, 59) } else { DateTime::new(year, 1, 1, 0, 0, 0) };
            Time::GeneralTime(GeneralizedTime::from_date_time(time.unwrap())).to_der().unwrap()
        };
        let extensions = self.extensions.iter().map(|(oid, value)| {
            let critical = if self.critical.contains(oid) { vec![1, 1, 0xff] } else { Vec::new() };
            let oid = ObjectIdentifier::new_unwrap(oid).to_der().unwrap();
            tlv(0x30, &[oid, critical, tlv(4, &[unhex(value)])])
        });
        let extensions = match self.extensions.len() {
            0 => Vec::new(),
            _ => tlv(0xa3, &[tlv(0x30, &extensions.collect::<Vec<_>>())]),
        };
        let signed = tlv(
            0x30,
            &[
                version,
                vec![2, 1, 7],
                unhex(inside),
                name(self.issuer),
                tlv(0x30, &[time(self.years.0), time(self.years.1)]),
                name(self.subject),
                key.spki(),
                extensions,
            ],
        );
        let signature = tlv(3, &[vec![0], signer.sign(&signed)]);
        tlv(0x30, &[signed, unhex(outside), signature])
    }

    pub(super) fn make(&self, key: &Key, signer: &Key) -> Certificate {
        Certificate::from_der(&self.der(key, signer)).unwrap()
    }
}

/// Keys that are costly to make, made once.
pub(super) fn rsa() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(Key::rsa)
}

pub(super) fn tlv(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    let body = parts.concat();
    let mut out = vec![tag];
    match u16::try_from(body.len()).unwrap().to_be_bytes() {
        [0, len] if len < 0x80 => out.push(len),
        [0, len] => out.extend([0x81, len]),
        [high, low] => out.extend([0x82, high, low]),
    }
    out.extend(body);
    out
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16).unwrap()).unwrap();
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
