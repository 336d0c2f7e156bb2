//! Types of keys, and what a request must say for each scheme.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use modelseal_core::{Code, Curve, Error, KeyKind, MlDsaSet, Pae, PublicKey, Result, Scheme, ShaVariant};
use serde::Serialize;
use sha2::Digest as _;

/// Longest message that is sent whole, in bytes: its base64 has the 1 048 576 characters that Vault accepts.
const MAX_WHOLE: usize = 786_432;

/// A type of key that can sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyType {
    Ec(Curve),
    Ed25519,
    MlDsa(MlDsaSet),
    /// The length is that of the public key: imported keys need not have the one in the type's name.
    Rsa,
}

impl KeyType {
    /// Reads a type in the server's words. The error says why keys of that type are not used.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(match text {
            "ecdsa-p256" => Self::Ec(Curve::P256),
            "ecdsa-p384" => Self::Ec(Curve::P384),
            "ecdsa-p521" => Self::Ec(Curve::P521),
            "ed25519" => Self::Ed25519,
            "mldsa-44" => Self::MlDsa(MlDsaSet::MlDsa44),
            "mldsa-65" => Self::MlDsa(MlDsaSet::MlDsa65),
            "mldsa-87" => Self::MlDsa(MlDsaSet::MlDsa87),
            "rsa-2048" | "rsa-3072" | "rsa-4096" => Self::Rsa,
            "managed_key" => return Err("keys that another system manages are not supported"),
            "hmac" => return Err("it has no public half, so nobody else could verify"),
            _ if text.ends_with("-cmac") => return Err("it has no public half, so nobody else could verify"),
            _ if text.starts_with("aes") || text.contains("chacha20") => return Err("it encrypts and cannot sign"),
            _ => return Err("this version does not know that type"),
        })
    }

    /// The public key in the form that the server has for this type: PEM, or base64 of the bare key.
    ///
    /// # Errors
    /// `key/*`.
    pub(super) fn public_key(self, text: &str) -> Result<PublicKey> {
        match self {
            Self::Ec(_) | Self::Rsa => PublicKey::from_pem(text.as_bytes()),
            Self::Ed25519 => PublicKey::from_raw_ed25519(&bare(text)?),
            Self::MlDsa(set) => PublicKey::from_raw_ml_dsa(set, &bare(text)?),
        }
    }

    /// Whether a public key is of this type.
    pub(super) fn is(self, kind: KeyKind) -> bool {
        match self {
            Self::Ec(curve) => kind == KeyKind::Ec(curve),
            Self::Ed25519 => kind == KeyKind::Ed25519,
            Self::MlDsa(set) => kind == KeyKind::MlDsa(set),
            Self::Rsa => matches!(kind, KeyKind::Rsa { .. }),
        }
    }

    /// The scheme of its signatures: the one asked for, else the one of the type. `Err(None)` when the type must be
    /// asked for, `Err(Some(scheme))` when that scheme does not fit.
    pub(super) fn scheme(self, asked: Option<Scheme>) -> Result<Scheme, Option<Scheme>> {
        let (usual, others_fit) = match self {
            Self::Ec(_) => (Scheme::Ecdsa, false),
            Self::Ed25519 => (Scheme::Ed25519, false),
            // Few tools can verify it: nobody shall use it without knowing.
            Self::MlDsa(set) if asked.is_none_or(|asked| asked == set.scheme()) => return asked.ok_or(None),
            Self::MlDsa(set) => (set.scheme(), false),
            Self::Rsa => {
                (Scheme::RsaPss(ShaVariant::Sha256), matches!(asked, Some(Scheme::RsaPss(_) | Scheme::RsaPkcs1v15(_))))
            }
        };
        match asked {
            Some(asked) if asked != usual && !others_fit => Err(Some(asked)),
            asked => Ok(asked.unwrap_or(usual)),
        }
    }
}

/// What a request says besides its input. Everything that has a default on the server is said, since the defaults are
/// SHA-256 for every curve and the longest salt; what a key type does not know is left out, since servers disagree on
/// what to do then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    prehashed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marshaling_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_algorithm: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    salt_length: Option<&'static str>,
    /// The hash that is made here; `None`: the server sees the message.
    #[serde(skip)]
    hash: Option<ShaVariant>,
}

impl Options {
    /// `None` when the scheme does not fit the key.
    pub(crate) fn new(kind: KeyKind, scheme: Scheme) -> Option<Self> {
        let whole = Self {
            prehashed: None,
            hash_algorithm: None,
            marshaling_algorithm: None,
            signature_algorithm: None,
            salt_length: None,
            hash: None,
        };
        let hashed = |hash| Self {
            prehashed: Some(true),
            hash_algorithm: Some(hash_name(hash)),
            marshaling_algorithm: Some("asn1"),
            hash: Some(hash),
            ..whole
        };
        Some(match (kind, scheme) {
            (KeyKind::Ec(Curve::P256), Scheme::Ecdsa) => hashed(ShaVariant::Sha256),
            (KeyKind::Ec(Curve::P384), Scheme::Ecdsa) => hashed(ShaVariant::Sha384),
            (KeyKind::Ec(Curve::P521), Scheme::Ecdsa) => hashed(ShaVariant::Sha512),
            (KeyKind::Rsa { .. }, Scheme::RsaPss(hash)) => {
                Self { signature_algorithm: Some("pss"), salt_length: Some("hash"), ..hashed(hash) }
            }
            (KeyKind::Rsa { .. }, Scheme::RsaPkcs1v15(hash)) => {
                Self { signature_algorithm: Some("pkcs1v15"), ..hashed(hash) }
            }
            (KeyKind::Ed25519, Scheme::Ed25519) => whole,
            (KeyKind::MlDsa(set), scheme) if set.scheme() == scheme => {
                Self { prehashed: Some(false), hash_algorithm: Some("none"), ..whole }
            }
            _ => return None,
        })
    }

    /// The `input` of a request about an encoding.
    ///
    /// # Errors
    /// `vault/too-large` when the server must see the whole message and would not take it.
    pub(super) fn input(&self, encoding: &Pae) -> Result<String> {
        let message = encoding.as_bytes();
        Ok(match self.hash {
            Some(ShaVariant::Sha256) => STANDARD.encode(sha2::Sha256::digest(message)),
            Some(ShaVariant::Sha384) => STANDARD.encode(sha2::Sha384::digest(message)),
            Some(ShaVariant::Sha512) => STANDARD.encode(sha2::Sha512::digest(message)),
            None if message.len() <= MAX_WHOLE => STANDARD.encode(message),
            None => {
                let message = format!(
                    "the list to sign has {} bytes, and the server takes {MAX_WHOLE} when it must see all of it",
                    message.len()
                );
                return Err(Error::new(Code::VaultTooLarge, message));
            }
        })
    }
}

const fn hash_name(hash: ShaVariant) -> &'static str {
    match hash {
        ShaVariant::Sha256 => "sha2-256",
        ShaVariant::Sha384 => "sha2-384",
        ShaVariant::Sha512 => "sha2-512",
    }
}

fn bare(text: &str) -> Result<Vec<u8>> {
    STANDARD.decode(text).map_err(|_| Error::new(Code::KeyMalformed, "the public key is not in base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: KeyKind, scheme: &str) -> Option<serde_json::Value> {
        Options::new(kind, scheme.parse().unwrap()).map(|options| serde_json::to_value(options).unwrap())
    }

    #[test]
    fn every_option_is_said_or_left_out_on_purpose() {
        let rsa = KeyKind::Rsa { bits: 3072 };
        for (kind, scheme, wanted) in [
            (
                KeyKind::Ec(Curve::P256),
                "ecdsa",
                r#"{"prehashed":true,"hash_algorithm":"sha2-256","marshaling_algorithm":"asn1"}"#,
            ),
            (
                KeyKind::Ec(Curve::P384),
                "ecdsa",
                r#"{"prehashed":true,"hash_algorithm":"sha2-384","marshaling_algorithm":"asn1"}"#,
            ),
            (
                KeyKind::Ec(Curve::P521),
                "ecdsa",
                r#"{"prehashed":true,"hash_algorithm":"sha2-512","marshaling_algorithm":"asn1"}"#,
            ),
            (
                rsa,
                "rsa-pss-sha384",
                r#"{"prehashed":true,"hash_algorithm":"sha2-384","marshaling_algorithm":"asn1",
                    "signature_algorithm":"pss","salt_length":"hash"}"#,
            ),
            (
                rsa,
                "rsa-pkcs1v15-sha512",
                r#"{"prehashed":true,"hash_algorithm":"sha2-512","marshaling_algorithm":"asn1",
                    "signature_algorithm":"pkcs1v15"}"#,
            ),
            (KeyKind::Ed25519, "ed25519", "{}"),
            (KeyKind::MlDsa(MlDsaSet::MlDsa65), "mldsa-65", r#"{"prehashed":false,"hash_algorithm":"none"}"#),
        ] {
            assert_eq!(said(kind, scheme), serde_json::from_str(wanted).ok(), "{kind} {scheme}");
        }
        for (kind, scheme) in [
            (rsa, "ecdsa"),
            (KeyKind::Ed25519, "ecdsa"),
            (KeyKind::Ec(Curve::P256), "rsa-pss-sha256"),
            (KeyKind::Ec(Curve::P256), "ed25519"),
            (KeyKind::MlDsa(MlDsaSet::MlDsa65), "mldsa-44"),
        ] {
            assert_eq!(said(kind, scheme), None, "{kind} {scheme}");
        }
    }

    #[test]
    fn schemes_of_types() {
        let scheme = |kind: &str, asked: Option<&str>| {
            let asked = asked.map(|asked| asked.parse().unwrap());
            KeyType::parse(kind).unwrap().scheme(asked).map(Scheme::as_str).map_err(|asked| asked.map(Scheme::as_str))
        };
        assert_eq!(scheme("ecdsa-p384", None), Ok("ecdsa"));
        assert_eq!(scheme("ecdsa-p384", Some("ecdsa")), Ok("ecdsa"));
        assert_eq!(scheme("ecdsa-p384", Some("ed25519")), Err(Some("ed25519")));
        assert_eq!(scheme("ed25519", None), Ok("ed25519"));
        assert_eq!(scheme("ed25519", Some("rsa-pss-sha256")), Err(Some("rsa-pss-sha256")));
        assert_eq!(scheme("rsa-2048", None), Ok("rsa-pss-sha256"));
        assert_eq!(scheme("rsa-4096", Some("rsa-pkcs1v15-sha512")), Ok("rsa-pkcs1v15-sha512"));
        assert_eq!(scheme("rsa-4096", Some("ecdsa")), Err(Some("ecdsa")));
        assert_eq!(scheme("mldsa-65", None), Err(None));
        assert_eq!(scheme("mldsa-65", Some("mldsa-65")), Ok("mldsa-65"));
        assert_eq!(scheme("mldsa-65", Some("mldsa-44")), Err(Some("mldsa-44")));
    }

    #[test]
    fn types_that_cannot_sign_say_why() {
        for (kind, why) in [
            ("aes256-gcm96", "encrypts"),
            ("xchacha20-poly1305", "encrypts"),
            ("aes256-cmac", "public half"),
            ("hmac", "public half"),
            ("managed_key", "another system"),
            ("rsa-1024", "does not know"),
            ("ml-dsa", "does not know"),
            ("ECDSA-P256", "does not know"),
            ("", "does not know"),
        ] {
            let said = KeyType::parse(kind).unwrap_err();
            assert!(said.contains(why), "{kind}: {said}");
        }
    }

    #[test]
    fn a_message_that_must_be_sent_whole_is_bounded() {
        let pae = |length: usize| {
            let head = Pae::in_toto(&vec![0; length]).as_bytes().len() - length;
            Pae::in_toto(&vec![0; length - head])
        };
        let (most, more) = (pae(MAX_WHOLE), pae(MAX_WHOLE + 1));
        assert_eq!((most.as_bytes().len(), more.as_bytes().len()), (786_432, 786_433));
        let whole = Options::new(KeyKind::Ed25519, Scheme::Ed25519).unwrap();
        assert_eq!(whole.input(&most).unwrap().len(), 1_048_576);
        assert_eq!(whole.input(&more).unwrap_err().code(), Code::VaultTooLarge);
        let hashed = Options::new(KeyKind::Ec(Curve::P256), Scheme::Ecdsa).unwrap();
        assert_eq!(hashed.input(&more).unwrap().len(), 44);
    }
}
