//! Encrypted PKCS#8 (RFC 5958 §3): PBES2 (RFC 8018) with PBKDF2 or scrypt (RFC 7914) and AES-CBC, nothing older.

use aws_lc_rs::rand;
use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::{Decode as _, Reader as _, SecretDocument, SliceReader};
use modelseal_core::{Code, Error, Result};
use pkcs8::pkcs5::pbes2::{self, Kdf, Pbkdf2Prf};
use pkcs8::pkcs5::{self, EncryptionScheme};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoOwned, EncryptedPrivateKeyInfoRef};
use zeroize::Zeroizing;

use super::{Passphrase, library_error, pem};

/// Rounds of PBKDF2-HMAC-SHA-256 in keys that we write (OWASP, 2023).
const ROUNDS: u32 = 600_000;

/// Above these a key file would be a way to keep a machine busy.
const MAX_ROUNDS: u32 = 10_000_000;
const MAX_SCRYPT_BYTES: u64 = 256 * 1024 * 1024;
const MAX_SCRYPT_WORK: u64 = 1024 * 1024 * 1024;

const CONVERT: &str = "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -in FILE -out NEW";

/// Encryptions that are refused, by object identifier.
const REFUSED: [(&str, &str); 21] = [
    ("1.2.840.113549.1.5.1", "PBES1 (MD2, DES)"),
    ("1.2.840.113549.1.5.3", "PBES1 (MD5, DES)"),
    ("1.2.840.113549.1.5.4", "PBES1 (MD2, RC2)"),
    ("1.2.840.113549.1.5.6", "PBES1 (MD5, RC2)"),
    ("1.2.840.113549.1.5.10", "PBES1 (SHA-1, DES)"),
    ("1.2.840.113549.1.5.11", "PBES1 (SHA-1, RC2)"),
    ("1.2.840.113549.1.12.1.1", "PKCS#12 encryption (SHA-1, RC4)"),
    ("1.2.840.113549.1.12.1.2", "PKCS#12 encryption (SHA-1, RC4)"),
    ("1.2.840.113549.1.12.1.3", "PKCS#12 encryption (SHA-1, 3DES)"),
    ("1.2.840.113549.1.12.1.4", "PKCS#12 encryption (SHA-1, 3DES)"),
    ("1.2.840.113549.1.12.1.5", "PKCS#12 encryption (SHA-1, RC2)"),
    ("1.2.840.113549.1.12.1.6", "PKCS#12 encryption (SHA-1, RC2)"),
    ("1.2.840.113549.2.7", "PBKDF2 with HMAC-SHA-1"),
    ("1.2.840.113549.2.8", "PBKDF2 with HMAC-SHA-224"),
    ("1.2.840.113549.3.2", "RC2"),
    ("1.2.840.113549.3.7", "3DES"),
    ("1.3.14.3.2.7", "DES"),
    ("2.16.840.1.101.3.4.1.6", "AES-128-GCM"),
    ("2.16.840.1.101.3.4.1.26", "AES-192-GCM"),
    ("2.16.840.1.101.3.4.1.46", "AES-256-GCM"),
    ("1.2.410.200004.1.4", "SEED"),
];

/// Decrypts an `EncryptedPrivateKeyInfo`; the result is a DER document that need not be a key.
pub(super) fn decrypt(der: &[u8], passphrase: Option<&Passphrase>) -> Result<SecretDocument> {
    check_scheme(der)?;
    let info = EncryptedPrivateKeyInfoRef::from_der(der)
        .map_err(|_| malformed("the encrypted private key has encryption parameters that make no sense"))?;
    check_cost(&info.encryption_algorithm)?;
    let Some(passphrase) = passphrase else {
        return Err(Error::new(Code::KeyPassphrase, "the private key is encrypted and no passphrase was given"));
    };
    info.decrypt(passphrase.expose()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::AlgorithmParametersInvalid { .. } | pkcs5::Error::UnsupportedAlgorithm { .. },
        ) => malformed("the encrypted private key has encryption parameters that make no sense"),
        // Bad padding, or no DER inside: with AES-CBC that is what a wrong passphrase looks like.
        _ => wrong_passphrase(),
    })
}

/// Encrypts a PKCS#8 document as PEM `ENCRYPTED PRIVATE KEY`.
pub(super) fn encrypt(der: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<String>> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rand::fill(&mut salt)
        .and_then(|()| rand::fill(&mut iv))
        .map_err(|_| library_error("the system has no randomness to give"))?;
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ROUNDS, &salt, iv);
    let encrypted = parameters.and_then(|parameters| {
        let data = parameters.encrypt(passphrase.expose(), der)?;
        Ok((parameters, data))
    });
    let (parameters, data) = encrypted.map_err(|_| library_error("the private key cannot be encrypted"))?;
    let document = der::asn1::OctetString::new(data)
        .map_err(pkcs8::Error::from)
        .and_then(|encrypted_data| {
            SecretDocument::try_from(EncryptedPrivateKeyInfoOwned {
                encryption_algorithm: parameters.into(),
                encrypted_data,
            })
        })
        .map_err(|_| library_error("the private key cannot be encrypted"))?;
    pem::encode("ENCRYPTED PRIVATE KEY", document.as_bytes())
}

pub(super) fn wrong_passphrase() -> Error {
    Error::new(Code::KeyPassphrase, "the passphrase does not open the private key")
}

/// Names what is refused, before the strict reading that would only say "malformed".
fn check_scheme(der: &[u8]) -> Result<()> {
    let scheme = outer(der).map_err(|_| malformed("the encrypted private key is not PKCS#8"))?;
    if scheme.oid != pbes2::PBES2_OID {
        return Err(refused(scheme.oid));
    }
    let (kdf, cipher) = scheme
        .parameters
        .and_then(|any| any.sequence(two_algorithms).ok())
        .ok_or_else(|| malformed("the encrypted private key has no PBES2 parameters"))?;
    if ![pbes2::AES_128_CBC_OID, pbes2::AES_192_CBC_OID, pbes2::AES_256_CBC_OID].contains(&cipher.oid) {
        return Err(refused(cipher.oid));
    }
    if ![pbes2::PBKDF2_OID, pbes2::SCRYPT_OID].contains(&kdf.oid) {
        return Err(refused(kdf.oid));
    }
    Ok(())
}

fn outer(der: &[u8]) -> der::Result<AlgorithmIdentifierRef<'_>> {
    let mut reader = SliceReader::new(der)?;
    let scheme = reader.sequence(|inner| {
        let scheme = inner.decode()?;
        <&OctetStringRef>::decode(inner)?;
        Ok::<_, der::Error>(scheme)
    })?;
    reader.finish()?;
    Ok(scheme)
}

fn two_algorithms<'a>(
    reader: &mut SliceReader<'a>,
) -> der::Result<(AlgorithmIdentifierRef<'a>, AlgorithmIdentifierRef<'a>)> {
    Ok((reader.decode()?, reader.decode()?))
}

fn check_cost(scheme: &EncryptionScheme) -> Result<()> {
    let Some(parameters) = scheme.pbes2() else {
        return Err(refused(scheme.oid()));
    };
    match &parameters.kdf {
        Kdf::Pbkdf2(kdf) => {
            if !matches!(kdf.prf, Pbkdf2Prf::HmacWithSha256 | Pbkdf2Prf::HmacWithSha384 | Pbkdf2Prf::HmacWithSha512) {
                return Err(refused(kdf.prf.oid()));
            }
            match kdf.iteration_count {
                0 => Err(malformed("the encrypted private key says PBKDF2 with no rounds")),
                1..=MAX_ROUNDS => Ok(()),
                rounds => Err(too_costly(format!("PBKDF2 with {rounds} rounds, where {MAX_ROUNDS} is the limit"))),
            }
        }
        Kdf::Scrypt(kdf) => {
            let (n, r, p) = (kdf.cost_parameter, u64::from(kdf.block_size), u64::from(kdf.parallelization));
            if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
                return Err(malformed("the encrypted private key has scrypt parameters that make no sense"));
            }
            let memory = n.checked_mul(r).and_then(|blocks| blocks.checked_mul(128));
            match memory {
                Some(memory) if memory <= MAX_SCRYPT_BYTES && memory.saturating_mul(p) <= MAX_SCRYPT_WORK => Ok(()),
                _ => Err(too_costly(format!("scrypt with N={n}, r={r}, p={p}, where N·r is limited to 256 MiB"))),
            }
        }
        _ => Err(refused(parameters.kdf.oid())),
    }
}

fn refused(oid: ObjectIdentifier) -> Error {
    let text = oid.to_string();
    let name = match REFUSED.iter().find(|(known, _)| *known == text) {
        Some((_, name)) => (*name).to_owned(),
        None => format!("algorithm {text}"),
    };
    Error::new(Code::KeyUnsupported, format!("a private key encrypted by {name} is not accepted")).with_hint(CONVERT)
}

fn too_costly(what: impl AsRef<str>) -> Error {
    Error::new(Code::KeyUnsupported, format!("the private key is encrypted by {}", what.as_ref())).with_hint(CONVERT)
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}
