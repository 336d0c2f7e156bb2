//! The kinds of key that are made and signed with here.

use core::fmt;
use core::str::FromStr;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING,
    EcdsaSigningAlgorithm,
};
use modelseal_core::{Code, Error, Result};

/// A kind of local key. `Display` and `FromStr` use `ecdsa-p256`, `ecdsa-p384`, `ecdsa-p521`, `ed25519`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyType {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384,
    /// ECDSA on P-521 with SHA-512.
    EcdsaP521,
    /// Ed25519, which no other OMS tool verifies.
    Ed25519,
}

impl KeyType {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::EcdsaP256, Self::EcdsaP384, Self::EcdsaP521, Self::Ed25519];

    /// The name on command lines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::EcdsaP521 => "ecdsa-p521",
            Self::Ed25519 => "ed25519",
        }
    }

    /// How the library signs with an ECDSA key of this kind.
    pub(super) fn signing(self) -> Option<&'static EcdsaSigningAlgorithm> {
        match self {
            Self::EcdsaP256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
            Self::EcdsaP384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
            Self::EcdsaP521 => Some(&ECDSA_P521_SHA512_ASN1_SIGNING),
            Self::Ed25519 => None,
        }
    }

    /// Bytes of an ECDSA private number.
    pub(super) const fn scalar_len(self) -> usize {
        match self {
            Self::EcdsaP256 | Self::Ed25519 => 32,
            Self::EcdsaP384 => 48,
            Self::EcdsaP521 => 66,
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for KeyType {
    type Err = Error;

    /// # Errors
    /// `usage/arguments` for an unknown name.
    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|key_type| key_type.as_str() == text).ok_or_else(|| {
            Error::new(Code::UsageArguments, format!("key type `{text}` is not accepted")).with_hint(format!(
                "accepted are {}",
                Self::ALL.iter().map(|key_type| key_type.as_str()).collect::<Vec<_>>().join(", ")
            ))
        })
    }
}
