//! Digests: an algorithm of the OMS registry and its bytes.

use core::fmt;
use core::str::FromStr;

use crate::{Code, Error, Result};

/// A hash algorithm that OMS manifests may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum HashAlgorithm {
    /// BLAKE2b with 512 bits.
    Blake2b,
    /// BLAKE3 with 256 bits.
    Blake3,
    /// SHA-256, the only one that every tool verifies.
    Sha256,
}

impl HashAlgorithm {
    /// The registry name, lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blake2b => "blake2b",
            Self::Blake3 => "blake3",
            Self::Sha256 => "sha256",
        }
    }

    /// Length of a digest in bytes.
    #[must_use]
    pub const fn digest_len(self) -> usize {
        match self {
            Self::Blake2b => 64,
            Self::Blake3 | Self::Sha256 => 32,
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for HashAlgorithm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "blake2b" => Ok(Self::Blake2b),
            "blake3" => Ok(Self::Blake3),
            "sha256" => Ok(Self::Sha256),
            _ => Err(Error::new(Code::FormatUnsupported, format!("hash algorithm `{text}` is not known"))
                .with_hint("known are sha256, blake2b and blake3")),
        }
    }
}

/// A digest: algorithm and bytes. The length always fits the algorithm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: HashAlgorithm,
    bytes: [u8; 64],
}

impl Digest {
    /// The digest with these bytes; `None` when their number does not fit the algorithm.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm, bytes: &[u8]) -> Option<Self> {
        if bytes.len() != algorithm.digest_len() {
            return None;
        }
        let mut padded = [0; 64];
        padded[..bytes.len()].copy_from_slice(bytes);
        Some(Self { algorithm, bytes: padded })
    }

    /// The digest written as hexadecimal, either case; `None` when it is not or has the wrong length.
    #[must_use]
    pub fn from_hex(algorithm: HashAlgorithm, hex: &str) -> Option<Self> {
        let hex = hex.as_bytes();
        if hex.len() != algorithm.digest_len() * 2 {
            return None;
        }
        let mut bytes = [0; 64];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self { algorithm, bytes })
    }

    /// SHA-256 of `data`.
    #[must_use]
    pub fn sha256(data: &[u8]) -> Self {
        Self::from_sha256(<sha2::Sha256 as sha2::Digest>::digest(data).into())
    }

    pub(crate) fn from_blake2b(digest: [u8; 64]) -> Self {
        Self { algorithm: HashAlgorithm::Blake2b, bytes: digest }
    }

    pub(crate) fn from_blake3(digest: [u8; 32]) -> Self {
        Self::of_32_bytes(HashAlgorithm::Blake3, digest)
    }

    pub(crate) fn from_sha256(digest: [u8; 32]) -> Self {
        Self::of_32_bytes(HashAlgorithm::Sha256, digest)
    }

    fn of_32_bytes(algorithm: HashAlgorithm, digest: [u8; 32]) -> Self {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&digest);
        Self { algorithm, bytes }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.digest_len()]
    }

    /// Lower-case hexadecimal, without the algorithm.
    #[must_use]
    pub fn to_hex(&self) -> String {
        to_hex(self.as_bytes())
    }
}

/// `algorithm:hex`.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `algorithm:hex`.
impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.split_once(':').and_then(|(algorithm, hex)| Self::from_hex(algorithm.parse().ok()?, hex)).ok_or_else(
            || {
                Error::new(Code::UsageArguments, format!("`{text}` is not a digest"))
                    .with_hint("write it as sha256:HEX, as `modelseal digest MODEL` prints it")
            },
        )
    }
}

/// Lower-case hexadecimal.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

const fn nibble(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        b'A'..=b'F' => Some(c - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_length_must_fit() {
        let digest = Digest::sha256(b"abcd");
        assert_eq!(digest.to_string(), "sha256:88d4266fd4e6338d13b845fcf289579d209c897823b9217da3e161936f031589");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(Digest::from_hex(HashAlgorithm::Sha256, &digest.to_hex().to_uppercase()), Some(digest));
        assert!(Digest::from_hex(HashAlgorithm::Blake2b, &digest.to_hex()).is_none());
        assert!("sha256:zz".parse::<Digest>().is_err());
        assert!("sha256:+f".parse::<Digest>().is_err());
    }
}
