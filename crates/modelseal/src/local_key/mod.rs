//! Private keys in files: reading, making, writing, signing.

mod encrypted;
mod key_type;
mod passphrase;
mod pem;
mod private;

use core::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use modelseal_core::{Code, Error, Pae, PublicKey, Result, Scheme, Signer};
use zeroize::Zeroizing;

pub use key_type::KeyType;
pub use passphrase::Passphrase;

/// A private key in memory. It is wiped when dropped and never shown.
pub struct LocalKey {
    pair: Pair,
    public_key: PublicKey,
}

/// The library's key pairs, which wipe themselves.
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalKey({} {})", self.public_key.kind(), self.public_key.id())
    }
}

impl LocalKey {
    /// Reads one PEM private key, at most 64 KiB: PKCS#8 (RFC 5958), also encrypted with PBES2 (RFC 8018), or SEC 1
    /// (RFC 5915). A passphrase for a key that is not encrypted is not used.
    ///
    /// # Errors
    /// `key/malformed`, `key/wrong-form` (a public key or certificate), `key/unsupported` (another kind of key, an
    /// outdated or absurdly costly encryption), `key/passphrase`.
    pub fn from_pem(text: &[u8], passphrase: Option<&Passphrase>) -> Result<Self> {
        private::read(text, passphrase)
    }

    /// Makes a new key.
    ///
    /// # Errors
    /// `key/unsupported` when the system has no randomness to give.
    pub fn generate(key_type: KeyType) -> Result<Self> {
        let pair = match key_type.signing() {
            Some(algorithm) => EcdsaKeyPair::generate(algorithm).map(Pair::Ecdsa),
            None => Ed25519KeyPair::generate().map(Pair::Ed25519),
        };
        Self::from_pair(pair.map_err(|_| library_error("a key cannot be made"))?)
    }

    /// Writes PKCS#8 PEM; with a passphrase encrypted by PBES2: PBKDF2-HMAC-SHA-256 with 600,000 rounds, AES-256-CBC.
    ///
    /// # Errors
    /// `key/unsupported` when the system has no randomness to give.
    pub fn to_pem(&self, passphrase: Option<&Passphrase>) -> Result<Zeroizing<String>> {
        let document = match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1(),
            // Version 1, without the public key: what OpenSSL reads and writes.
            Pair::Ed25519(pair) => pair.to_pkcs8v1(),
        }
        .map_err(|_| library_error("the private key cannot be written"))?;
        match passphrase {
            Some(passphrase) => encrypted::encrypt(document.as_ref(), passphrase),
            None => pem::encode("PRIVATE KEY", document.as_ref()),
        }
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The scheme that the key signs with.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        match self.pair {
            Pair::Ecdsa(_) => Scheme::Ecdsa,
            Pair::Ed25519(_) => Scheme::Ed25519,
        }
    }

    /// Signs `message` (for DSSE: the PAE): ECDSA with the hash of the curve as ASN.1 DER, or Ed25519.
    ///
    /// # Errors
    /// `key/unsupported` when the system has no randomness to give.
    pub(crate) fn sign_bytes(&self, message: &[u8]) -> Result<Vec<u8>> {
        match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message),
            Pair::Ed25519(pair) => pair.try_sign(message),
        }
        .map(|signature| signature.as_ref().to_vec())
        .map_err(|_| library_error(format!("the key `{}` cannot sign", self.public_key.id())))
    }

    fn from_pair(pair: Pair) -> Result<Self> {
        let der: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        };
        let der = der.map_err(|_| library_error("the public half of the key cannot be written"))?;
        Ok(Self { public_key: PublicKey::from_spki_der(der.as_ref())?, pair })
    }
}

impl Signer for LocalKey {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn scheme(&self) -> Scheme {
        Self::scheme(self)
    }

    fn sign(&self, encodings: &[Pae]) -> Result<Vec<Vec<u8>>> {
        encodings.iter().map(|pae| self.sign_bytes(pae.as_bytes())).collect()
    }
}

/// What the cryptographic library refuses without a reason.
fn library_error(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyUnsupported, message)
}

#[cfg(test)]
mod tests;
