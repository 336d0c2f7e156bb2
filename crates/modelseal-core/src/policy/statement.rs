//! The statement of a signed policy: these files, this number, until then.

use core::fmt;
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::json::{self, AtMost};
use crate::statement::STATEMENT_TYPE;
use crate::verify::check_envelope;
use crate::{Bundle, Code, Digest, Error, HashAlgorithm, KeyId, POLICY_TYPE, Result, TrustedKeys};

/// What the signature of a policy says: which files with which bytes, which number, until when.
///
/// It is a statement of its own predicate type: neither the signature of a model nor an attestation is one, whoever
/// signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyStatement {
    files: BTreeMap<String, Digest>,
    serial: u64,
    valid_until: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawStatement<S> {
    #[serde(rename = "_type")]
    kind: String,
    subject: S,
    predicate_type: String,
    predicate: RawPredicate,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSubject {
    name: String,
    digest: RawDigest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDigest {
    sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawPredicate {
    version: u8,
    serial: u64,
    valid_until: Timestamp,
}

impl PolicyStatement {
    /// Largest signature of a policy, in bytes.
    pub const MAX_BYTES: usize = 1024 * 1024;
    /// Most files of one policy.
    pub const MAX_FILES: usize = 1000;

    /// A statement about the `files` of a policy: path relative to its directory, and SHA-256.
    ///
    /// # Errors
    /// `policy/syntax` for more files than a signature may list.
    pub fn new(files: BTreeMap<String, Digest>, serial: u64, valid_until: Timestamp) -> Result<Self> {
        if files.len() > Self::MAX_FILES {
            let (count, most) = (files.len(), Self::MAX_FILES);
            return Err(Error::new(Code::PolicySyntax, format!("the policy reads {count} files, more than {most}")));
        }
        Ok(Self { files, serial, valid_until })
    }

    /// The payload to sign: an in-toto statement v1, compact.
    #[must_use]
    pub fn to_payload(&self) -> Vec<u8> {
        let subject = |(name, digest): (&String, &Digest)| RawSubject {
            name: name.clone(),
            digest: RawDigest { sha256: digest.to_hex() },
        };
        let raw = RawStatement {
            kind: STATEMENT_TYPE.to_owned(),
            subject: self.files.iter().map(subject).collect::<Vec<_>>(),
            predicate_type: POLICY_TYPE.to_owned(),
            predicate: RawPredicate { version: 1, serial: self.serial, valid_until: self.valid_until },
        };
        // Texts, numbers and a time: writing them into memory cannot fail.
        serde_json::to_vec(&raw).unwrap_or_default()
    }

    /// Reads the bundle `text` if one of `keys` signed it and is accepted at the time `at`; with the id of that key.
    ///
    /// # Errors
    /// `policy/signature`.
    pub fn verify(text: &[u8], keys: &TrustedKeys, at: Timestamp) -> Result<(Self, KeyId)> {
        let unusable = |error: Error| refused(error.message());
        if text.len() > Self::MAX_BYTES {
            return Err(refused(format!("it is larger than {} bytes", Self::MAX_BYTES)));
        }
        let bundle = Bundle::parse(text).map_err(unusable)?;
        let signed_by =
            check_envelope(&bundle, keys, at).and_then(|signature| signature.accepted(at)).map_err(unusable)?;
        Ok((Self::parse(bundle.claimed_payload())?, signed_by.key_id()))
    }

    fn parse(payload: &[u8]) -> Result<Self> {
        // The type comes first: of another statement it says more than the first key that is not known.
        let claimed = crate::statement::claimed_predicate_type(payload).unwrap_or_default();
        if claimed != POLICY_TYPE {
            return Err(refused(format!("it is a statement of type `{claimed:.100}`, not about a policy")));
        }
        let raw: RawStatement<AtMost<RawSubject, { Self::MAX_FILES }>> =
            json::parse(payload, "the statement").map_err(|error| refused(error.message()))?;
        if raw.kind != STATEMENT_TYPE || raw.predicate_type != POLICY_TYPE || raw.predicate.version != 1 {
            return Err(refused("it is a statement of another version"));
        }
        let mut files = BTreeMap::new();
        for RawSubject { name, digest } in raw.subject.0 {
            let digest = Digest::from_hex(HashAlgorithm::Sha256, &digest.sha256)
                .ok_or_else(|| refused(format!("the digest of `{name:.100}` is no SHA-256")))?;
            if files.insert(name.clone(), digest).is_some() {
                return Err(refused(format!("it lists `{name:.100}` twice")));
            }
        }
        Ok(Self { files, serial: raw.predicate.serial, valid_until: raw.predicate.valid_until })
    }

    /// Whether `bytes` are what was signed as the file `name`.
    ///
    /// # Errors
    /// `policy/signature` for a file that is not listed, or has other bytes.
    pub fn check(&self, name: &str, bytes: &[u8]) -> Result<()> {
        match self.files.get(name) {
            None => Err(refused(format!("it does not cover `{name:.100}`"))),
            Some(digest) if *digest != Digest::sha256(bytes) => {
                Err(refused(format!("`{name:.100}` is not the file that was signed")))
            }
            Some(_) => Ok(()),
        }
    }

    /// The number of the policy, which only grows.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        self.serial
    }

    /// Until when the policy may be used.
    #[must_use]
    pub const fn valid_until(&self) -> Timestamp {
        self.valid_until
    }
}

fn refused(why: impl fmt::Display) -> Error {
    Error::new(Code::PolicySignature, format!("the signature of the policy cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement() -> PolicyStatement {
        let files = BTreeMap::from([("policy.toml".to_owned(), Digest::sha256(b"version = 1"))]);
        PolicyStatement::new(files, 7, "2027-01-01T00:00:00Z".parse().unwrap()).unwrap()
    }

    #[test]
    fn statements_are_read_as_they_were_written() {
        assert_eq!(PolicyStatement::parse(&statement().to_payload()), Ok(statement()));
        assert!(statement().check("policy.toml", b"version = 1").is_ok());
        for (name, bytes) in [("policy.toml", &b"version = 2"[..]), ("other.toml", b"version = 1")] {
            assert_eq!(statement().check(name, bytes).unwrap_err().code(), Code::PolicySignature);
        }
    }

    #[test]
    fn t29_a_statement_has_one_reading() {
        let text = String::from_utf8(statement().to_payload()).unwrap();
        let digest = Digest::sha256(b"version = 1").to_hex();
        let again = format!(r#"[{{"name":"policy.toml","digest":{{"sha256":"{digest}"}}}},"#);
        for (from, to) in [
            (POLICY_TYPE, "https://slsa.dev/provenance/v1"),
            (STATEMENT_TYPE, "https://in-toto.io/Statement/v0.1"),
            (r#""version":1"#, r#""version":2"#),
            (r#""serial":7"#, r#""serial":7,"serial":8"#),
            (r#""serial":7"#, r#""serial":-7"#),
            (r#""serial":7,"#, ""),
            (r#""serial":7"#, r#""serial":7,"more":1"#),
            (&*digest, "00"),
            ("[", &*again),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(PolicyStatement::parse(changed.as_bytes()).unwrap_err().code(), Code::PolicySignature, "{to}");
        }
    }

    #[test]
    fn a_signature_lists_a_bounded_number_of_files() {
        let many = (0..=PolicyStatement::MAX_FILES).map(|n| (n.to_string(), Digest::sha256(b"")));
        let made = PolicyStatement::new(many.collect(), 1, Timestamp::UNIX_EPOCH);
        assert_eq!(made.unwrap_err().code(), Code::PolicySyntax);
    }
}
