//! X.509 certificates (RFC 5280): parsing, and the path check of OMS certificate bundles.

mod chain;
mod extensions;
mod link;

use core::fmt;

use der::{AnyRef, Decode as _, Encode as _, SliceReader};
use jiff::Timestamp;
use x509_cert::time::Time;

use self::extensions::Extensions;
use crate::key::pem::{self, Outside, PemBlock};
use crate::{Code, Digest, Error, PublicKey, Result};

pub(crate) use chain::verify_chain;
pub use chain::{ChainEvidence, LeafPin};

/// Most certificates of one PEM file.
const MAX_PER_FILE: usize = 64;

/// Largest PEM file, in bytes: as many certificates as are read, with room for the text that OpenSSL writes along.
const MAX_FILE_BYTES: usize = 8 * 1024 * 1024;

/// A certificate, parsed.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    /// The signed part as it stands in `der`: a re-encoding need not be what the issuer signed.
    signed: core::ops::Range<usize>,
    fields: Box<x509_cert::Certificate>,
    extensions: Extensions,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint())
    }
}

impl Certificate {
    /// Largest certificate that is read, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Reads one DER certificate: strict DER, nothing after it.
    ///
    /// # Errors
    /// `key/malformed`.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        if der.len() > Self::MAX_BYTES {
            return Err(malformed("the certificate is larger than 64 KiB"));
        }
        let fields = x509_cert::Certificate::from_der(der)
            .map_err(|_| malformed("the certificate is not a DER X.509 certificate"))?;
        let signed = signed_part(der).map_err(|_| malformed("the certificate is not a DER X.509 certificate"))?;
        let extensions = Extensions::read(fields.tbs_certificate())?;
        Ok(Self { der: der.to_vec(), signed, fields: Box::new(fields), extensions })
    }

    /// Reads every certificate of a PEM file; at least one, at most 64. Text around them is passed over.
    ///
    /// # Errors
    /// `key/malformed`, `key/wrong-form`.
    pub fn from_pem(text: &[u8]) -> Result<Vec<Self>> {
        if text.len() > MAX_FILE_BYTES {
            return Err(malformed("the certificate file is larger than 8 MiB"));
        }
        let blocks = pem::blocks(text, Outside::Accepted)?;
        if let Some(error) = blocks.iter().find_map(other_form) {
            return Err(error);
        }
        if blocks.is_empty() {
            return Err(without_pem(text));
        }
        if blocks.len() > MAX_PER_FILE {
            return Err(malformed(format!("the file holds {} certificates, where 64 are the limit", blocks.len())));
        }
        blocks.iter().map(|block| Self::from_der(&block.decode()?)).collect()
    }

    /// The DER bytes.
    #[must_use]
    pub fn to_der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the DER bytes.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::sha256(&self.der)
    }

    /// The subject's distinguished name as RFC 4514 text.
    #[must_use]
    pub fn subject(&self) -> String {
        self.fields.tbs_certificate().subject().to_string()
    }

    /// The issuer's distinguished name as RFC 4514 text.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.fields.tbs_certificate().issuer().to_string()
    }

    /// Subject alternative names: e-mail addresses, DNS names and URIs as text.
    #[must_use]
    pub fn alternative_names(&self) -> Vec<String> {
        self.extensions.alternative_names.clone()
    }

    /// First instant of validity.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        instant(self.fields.tbs_certificate().validity().not_before)
    }

    /// Last instant of validity.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        instant(self.fields.tbs_certificate().validity().not_after)
    }

    /// The certified key.
    ///
    /// # Errors
    /// `key/malformed`, `key/unsupported`, `key/weak`.
    pub fn public_key(&self) -> Result<PublicKey> {
        let der = self
            .fields
            .tbs_certificate()
            .subject_public_key_info()
            .to_der()
            .map_err(|_| malformed("the key in the certificate is malformed"))?;
        PublicKey::from_spki_der(&der)
    }
}

/// Where the TBSCertificate stands. Lengths are minimal in DER, so they tell how long the headers are.
fn signed_part(der: &[u8]) -> der::Result<core::ops::Range<usize>> {
    let outer = AnyRef::from_der(der)?;
    let start = der.len() - outer.value().len();
    let signed = AnyRef::decode(&mut SliceReader::new(outer.value())?)?;
    let len = usize::try_from(signed.encoded_len()?)?;
    Ok(start..start + len)
}

/// The last second of the year 9999 says "never" (RFC 5280 §4.1.2.5); [`Timestamp`] ends a day earlier.
fn instant(time: Time) -> Timestamp {
    i64::try_from(time.to_unix_duration().as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Refuses what is no certificate but something else that we know.
fn other_form(block: &PemBlock) -> Option<Error> {
    let label = block.label();
    let wanted = "where a certificate is wanted";
    Some(match label {
        "CERTIFICATE" | "X509 CERTIFICATE" => return None,
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            wrong_form(format!("this is a public key (`{label}`), {wanted}")).with_hint("give public keys with --key")
        }
        "TRUSTED CERTIFICATE" => wrong_form("this is a `TRUSTED CERTIFICATE`, whose trust settings are not read")
            .with_hint("write it without them: openssl x509 -in FILE -out NEW"),
        "PKCS7" | "CMS" => wrong_form(format!("this is a `{label}` container, {wanted}"))
            .with_hint("take the certificates out: openssl pkcs7 -print_certs -in FILE -out NEW"),
        label if label.ends_with("PRIVATE KEY") => {
            wrong_form(format!("this file holds a private key (`{label}`), {wanted}"))
                .with_hint("give the certificates alone; keep the private key to the signer")
        }
        label => wrong_form(format!("the PEM block `{label}` is not a certificate")),
    })
}

fn without_pem(text: &[u8]) -> Error {
    if text.first() == Some(&0x30) {
        wrong_form("this is DER or other binary data, where a PEM certificate is wanted")
            .with_hint("convert it: openssl x509 -inform DER -in FILE -out NEW")
    } else {
        malformed("there is no PEM `CERTIFICATE` in the file")
            .with_hint("a certificate is PEM `BEGIN CERTIFICATE`; a file may hold several")
    }
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}

fn wrong_form(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyWrongForm, message)
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
