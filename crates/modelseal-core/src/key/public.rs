//! Public keys and their ids.

use core::fmt;
use core::str::FromStr;

use super::Scheme;
use crate::{Code, Error, Result};

/// A curve for ECDSA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
}

/// What kind of key it is. `Display` gives `ecdsa-p256`, `ed25519`, `rsa-3072`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on a curve.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// RSA with a modulus of so many bits, at least 2048.
    Rsa {
        /// Modulus length.
        bits: u32,
    },
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ec(Curve::P256) => f.write_str("ecdsa-p256"),
            Self::Ec(Curve::P384) => f.write_str("ecdsa-p384"),
            Self::Ec(Curve::P521) => f.write_str("ecdsa-p521"),
            Self::Ed25519 => f.write_str("ed25519"),
            Self::Rsa { bits } => write!(f, "rsa-{bits}"),
        }
    }
}

/// Key id: SHA-256 of the SPKI PEM text as re-encoded (OMS `hint`). `Display` gives lower-case hex.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 32]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::digest::to_hex(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KeyId {
    type Err = Error;

    /// Reads 64 lower-case hexadecimal digits.
    ///
    /// # Errors
    /// `usage/arguments`.
    fn from_str(text: &str) -> Result<Self> {
        let _ = text;
        Err(Error::new(Code::UsageArguments, "not a key id"))
    }
}

/// A public key that passed all checks of form and strength.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    kind: KeyKind,
    spki: Vec<u8>,
    id: KeyId,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.kind, self.id)
    }
}

impl PublicKey {
    /// Reads one PEM `PUBLIC KEY` (SPKI).
    ///
    /// # Errors
    /// `key/malformed`, `key/wrong-form` (a private key or certificate), `key/unsupported`, `key/weak`.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        let _ = text;
        Err(Error::new(Code::KeyMalformed, "not a public key"))
    }

    /// Reads a DER SubjectPublicKeyInfo (RFC 5280).
    ///
    /// # Errors
    /// `key/malformed`, `key/unsupported`, `key/weak`.
    pub fn from_spki_der(der: &[u8]) -> Result<Self> {
        let _ = der;
        Err(Error::new(Code::KeyMalformed, "not a public key"))
    }

    /// SPKI DER.
    #[must_use]
    pub fn to_spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// PEM text: 64 columns, LF, with a final LF. The key id is its SHA-256.
    #[must_use]
    pub fn to_pem(&self) -> String {
        String::new()
    }

    /// The key id.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The kind of key.
    #[must_use]
    pub const fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The scheme that the key implies: `Ecdsa` for EC keys; others must be told.
    #[must_use]
    pub const fn implied_scheme(&self) -> Option<Scheme> {
        None
    }

    /// Whether the key can be used with `scheme`.
    #[must_use]
    pub fn fits(&self, scheme: Scheme) -> bool {
        let _ = scheme;
        false
    }

    /// Verifies a signature over `message` (for DSSE: the PAE).
    ///
    /// # Errors
    /// `signature/invalid`; `signature/scheme-not-allowed` when the scheme does not fit the key.
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<()> {
        let _ = (scheme, message, signature);
        Err(Error::new(Code::SignatureInvalid, "not verified"))
    }
}
