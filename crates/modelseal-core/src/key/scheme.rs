//! Signature schemes: one algorithm with its hash and padding.

use core::fmt;
use core::str::FromStr;

use crate::{Code, Error, Result};

/// A SHA-2 variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "closed by FIPS 180-4")]
pub enum ShaVariant {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// One signature algorithm with its hash and padding. A key is used with exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// ECDSA with the curve's hash (SHA-256, 384, 512 for P-256, 384, 521), ASN.1 DER.
    Ecdsa,
    /// Ed25519 over the whole message (RFC 8032, not prehashed).
    Ed25519,
    /// ML-DSA-44 over the whole message with an empty context (FIPS 204, "pure", not prehashed).
    MlDsa44,
    /// ML-DSA-65, as above.
    MlDsa65,
    /// ML-DSA-87, as above.
    MlDsa87,
    /// RSASSA-PKCS1-v1_5 (RFC 8017).
    RsaPkcs1v15(ShaVariant),
    /// RSASSA-PSS (RFC 8017), salt as long as the hash.
    RsaPss(ShaVariant),
}

impl Scheme {
    /// The name used in key references and policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Ed25519 => "ed25519",
            Self::MlDsa44 => "mldsa-44",
            Self::MlDsa65 => "mldsa-65",
            Self::MlDsa87 => "mldsa-87",
            Self::RsaPkcs1v15(ShaVariant::Sha256) => "rsa-pkcs1v15-sha256",
            Self::RsaPkcs1v15(ShaVariant::Sha384) => "rsa-pkcs1v15-sha384",
            Self::RsaPkcs1v15(ShaVariant::Sha512) => "rsa-pkcs1v15-sha512",
            Self::RsaPss(ShaVariant::Sha256) => "rsa-pss-sha256",
            Self::RsaPss(ShaVariant::Sha384) => "rsa-pss-sha384",
            Self::RsaPss(ShaVariant::Sha512) => "rsa-pss-sha512",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scheme {
    type Err = Error;

    /// # Errors
    /// `usage/arguments` for an unknown name.
    fn from_str(text: &str) -> Result<Self> {
        const ALL: [Scheme; 11] = [
            Scheme::Ecdsa,
            Scheme::Ed25519,
            Scheme::MlDsa44,
            Scheme::MlDsa65,
            Scheme::MlDsa87,
            Scheme::RsaPkcs1v15(ShaVariant::Sha256),
            Scheme::RsaPkcs1v15(ShaVariant::Sha384),
            Scheme::RsaPkcs1v15(ShaVariant::Sha512),
            Scheme::RsaPss(ShaVariant::Sha256),
            Scheme::RsaPss(ShaVariant::Sha384),
            Scheme::RsaPss(ShaVariant::Sha512),
        ];
        ALL.into_iter().find(|scheme| scheme.as_str() == text).ok_or_else(|| {
            Error::new(Code::UsageArguments, format!("signature scheme `{text}` is not accepted"))
                .with_hint(format!("accepted are {}", ALL.map(Self::as_str).join(", ")))
        })
    }
}
