//! Public keys and their ids.

use core::fmt;
use core::str::FromStr;

use super::pem::{self, Outside, PemBlock};
use super::{Scheme, spki, verify};
use crate::{Code, Digest, Error, Result};

/// Largest public key that is read, in bytes.
const MAX_BYTES: usize = 64 * 1024;

const LABEL: &str = "PUBLIC KEY";

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

/// A parameter set of ML-DSA (FIPS 204).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "closed by FIPS 204")]
pub enum MlDsaSet {
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
}

impl MlDsaSet {
    /// The scheme that every key of this set has.
    #[must_use]
    pub const fn scheme(self) -> Scheme {
        match self {
            Self::MlDsa44 => Scheme::MlDsa44,
            Self::MlDsa65 => Scheme::MlDsa65,
            Self::MlDsa87 => Scheme::MlDsa87,
        }
    }

    /// Length of a raw public key, in bytes.
    #[must_use]
    pub const fn public_key_len(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
            Self::MlDsa87 => 2592,
        }
    }

    /// Length of every signature, in bytes.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::MlDsa44 => 2420,
            Self::MlDsa65 => 3309,
            Self::MlDsa87 => 4627,
        }
    }
}

/// What kind of key it is. `Display` gives `ecdsa-p256`, `ed25519`, `mldsa-65`, `rsa-3072`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on a curve.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// ML-DSA.
    MlDsa(MlDsaSet),
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
            Self::MlDsa(set) => f.write_str(set.scheme().as_str()),
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
        let mut id = [0; 32];
        if text.len() != 64 {
            return Err(not_a_key_id());
        }
        for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Ok(Self(id))
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
    /// Reads one PEM `PUBLIC KEY` (SPKI, RFC 7468 §13), at most 64 KiB. Line ends, wrapping and white space around
    /// it do not matter.
    ///
    /// # Errors
    /// `key/malformed`, `key/wrong-form` (a private key or certificate), `key/unsupported`, `key/weak`.
    pub fn from_pem(text: &[u8]) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(malformed("the public key file is larger than 64 KiB"));
        }
        if text.trim_ascii().is_empty() {
            return Err(malformed("the public key file is empty"));
        }
        let blocks = pem::blocks(text, Outside::Refused)?;
        // A private key is named as one even after an `EC PARAMETERS` block.
        if let Some(error) = blocks.iter().find_map(other_form) {
            return Err(error);
        }
        match blocks.as_slice() {
            [] => Err(without_pem(text)),
            [block] if block.label() == LABEL => Self::from_spki_der(&block.decode()?),
            [block] => Err(malformed(format!("the PEM block `{}` is not a public key", block.label()))),
            _ => Err(malformed(format!("the file holds {} PEM blocks where one public key is wanted", blocks.len()))
                .with_hint("put each public key into a file of its own")),
        }
    }

    /// Reads a DER SubjectPublicKeyInfo (RFC 5280).
    ///
    /// # Errors
    /// `key/malformed`, `key/unsupported`, `key/weak`.
    pub fn from_spki_der(der: &[u8]) -> Result<Self> {
        if der.len() > MAX_BYTES {
            return Err(malformed("the public key is larger than 64 KiB"));
        }
        let kind = spki::check(der)?;
        let mut id = [0; 32];
        id.copy_from_slice(Digest::sha256(pem::encode(LABEL, der).as_bytes()).as_bytes());
        Ok(Self { kind, spki: der.to_vec(), id: KeyId(id) })
    }

    /// The Ed25519 key with these 32 bytes (RFC 8032), as servers give them.
    ///
    /// # Errors
    /// `key/malformed`, `key/weak`.
    pub fn from_raw_ed25519(raw: &[u8]) -> Result<Self> {
        Self::from_spki_der(&spki::wrap(spki::ED25519_KEY, raw)?)
    }

    /// The ML-DSA key with these bytes (FIPS 204), as servers give them.
    ///
    /// # Errors
    /// `key/malformed`.
    pub fn from_raw_ml_dsa(set: MlDsaSet, raw: &[u8]) -> Result<Self> {
        Self::from_spki_der(&spki::wrap(spki::ml_dsa_oid(set), raw)?)
    }

    /// SPKI DER.
    #[must_use]
    pub fn to_spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// PEM text: 64 columns, LF, with a final LF. The key id is its SHA-256.
    #[must_use]
    pub fn to_pem(&self) -> String {
        pem::encode(LABEL, &self.spki)
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
    pub fn implied_scheme(&self) -> Option<Scheme> {
        matches!(self.kind, KeyKind::Ec(_)).then_some(Scheme::Ecdsa)
    }

    /// Whether the key can be used with `scheme`.
    #[must_use]
    pub fn fits(&self, scheme: Scheme) -> bool {
        match scheme {
            Scheme::Ecdsa => matches!(self.kind, KeyKind::Ec(_)),
            Scheme::Ed25519 => matches!(self.kind, KeyKind::Ed25519),
            Scheme::MlDsa44 | Scheme::MlDsa65 | Scheme::MlDsa87 => {
                matches!(self.kind, KeyKind::MlDsa(set) if set.scheme() == scheme)
            }
            Scheme::RsaPkcs1v15(_) | Scheme::RsaPss(_) => matches!(self.kind, KeyKind::Rsa { .. }),
        }
    }

    /// Verifies a signature over `message` (for DSSE: the PAE) under exactly that scheme: ECDSA with the hash of the
    /// curve and strict DER, either sign of `s`; RSASSA-PSS with a salt as long as the hash; pure ML-DSA with an empty
    /// context.
    ///
    /// # Errors
    /// `signature/invalid`; `signature/scheme-not-allowed` when the scheme does not fit the key.
    pub fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<()> {
        if !self.fits(scheme) {
            return Err(Error::new(
                Code::SignatureSchemeNotAllowed,
                format!("scheme `{scheme}` cannot be used with the {} key `{}`", self.kind, self.id),
            ));
        }
        verify::verify(self, scheme, message, signature)
    }

    /// Whether the private half of this key is published as test material, so that anyone can sign with it.
    #[must_use]
    pub fn is_published_test_key(&self) -> bool {
        super::is_published_test_key(self.id)
    }

    /// Verifies an ECDSA signature made with SHA-256 whatever the curve, as version 0.2.0 of the reference tool did.
    ///
    /// # Errors
    /// `signature/invalid`.
    pub(crate) fn verify_ecdsa_sha256(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        verify::verify_ecdsa_sha256(self, message, signature)
    }
}

/// Refuses what is no `PUBLIC KEY` but something else that we know.
fn other_form(block: &PemBlock) -> Option<Error> {
    let label = block.label();
    Some(match label {
        LABEL => return None,
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            wrong_form(format!("this is a certificate (`{label}`), where a public key is wanted"))
                .with_hint("to trust the certificate give it with --certificate-chain")
        }
        "RSA PUBLIC KEY" => wrong_form("this is an RSA public key in the PKCS#1 form, where SPKI is wanted")
            .with_hint("convert it: openssl rsa -RSAPublicKey_in -in FILE -pubout -out key.pub.pem"),
        label if label.ends_with("PRIVATE KEY") => {
            wrong_form(format!("this is a private key (`{label}`), where the public key is wanted"))
                .with_hint("write the public half with `modelseal keys export KEY`; keep the private one to the signer")
        }
        label if label.starts_with("PGP ") => {
            wrong_form(format!("this is OpenPGP data (`{label}`), where a PEM public key is wanted"))
        }
        _ => return None,
    })
}

/// Names what the file is when there is no PEM in it.
fn without_pem(text: &[u8]) -> Error {
    let text = text.trim_ascii_start();
    if text.starts_with(b"ssh-") || text.starts_with(b"ecdsa-sha2-") || text.starts_with(b"---- BEGIN SSH2") {
        ssh_key()
    } else if text.first() == Some(&0x30) && PublicKey::from_spki_der(text).is_ok() {
        wrong_form("this is a public key in DER form, where PEM is wanted")
            .with_hint("convert it: openssl pkey -pubin -inform DER -in FILE -out key.pub.pem")
    } else if text.first() == Some(&0x30) {
        malformed("this is DER or other binary data, where a PEM public key is wanted")
            .with_hint("convert a DER public key: openssl pkey -pubin -inform DER -in FILE -out key.pub.pem")
    } else if text.first() == Some(&b'{') {
        wrong_form("this is JSON, where a PEM public key is wanted")
    } else {
        malformed("there is no PEM `PUBLIC KEY` in the file")
    }
}

fn ssh_key() -> Error {
    wrong_form("this is an OpenSSH public key, where a PEM public key is wanted")
        .with_hint("convert it: ssh-keygen -e -m PKCS8 -f FILE > key.pub.pem")
}

fn hex_digit(digit: u8) -> Result<u8> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(not_a_key_id()),
    }
}

fn not_a_key_id() -> Error {
    Error::new(Code::UsageArguments, "a key id is 64 lower-case hexadecimal digits")
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}

fn wrong_form(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyWrongForm, message)
}
