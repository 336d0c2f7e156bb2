//! Reading a bundle: strict outside the payload, since nobody but signers writes here.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Bundle, MEDIA_TYPE, Material, Unchecked};
use crate::dsse::IN_TOTO_PAYLOAD_TYPE;
use crate::encoding::from_base64;
use crate::json::{self, AnyObject, AtMost, not_null};
use crate::{Certificate, Code, Error, PublicKey, Result};

/// Most log entries and timestamps, which are counted and not kept.
const MAX_UNCHECKED: usize = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawBundle<'a> {
    #[serde(rename = "mediaType")]
    _media_type: IgnoredAny,
    verification_material: RawMaterial<'a>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    dsse_envelope: Option<RawEnvelope<'a>>,
    #[serde(default, deserialize_with = "not_null")]
    message_signature: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawMaterial<'a> {
    #[serde(default, deserialize_with = "not_null")]
    public_key: Option<RawPublicKey>,
    #[serde(borrow, default, deserialize_with = "not_null")]
    x509_certificate_chain: Option<RawChain<'a>>,
    #[serde(default, deserialize_with = "not_null")]
    certificate: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "not_null")]
    tlog_entries: Option<AtMost<AnyObject, MAX_UNCHECKED>>,
    #[serde(default, deserialize_with = "not_null")]
    timestamp_verification_data: Option<RawTimestamps>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawPublicKey {
    #[serde(default, deserialize_with = "not_null")]
    hint: Option<String>,
    #[serde(default, deserialize_with = "not_null")]
    raw_bytes: Option<String>,
    #[serde(default, deserialize_with = "not_null", rename = "keyDetails")]
    _key_details: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawChain<'a> {
    #[serde(borrow)]
    certificates: AtMost<RawCertificate<'a>, { Bundle::MAX_CERTIFICATES }>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawCertificate<'a> {
    #[serde(borrow)]
    raw_bytes: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTimestamps {
    #[serde(rename = "rfc3161Timestamps", default, deserialize_with = "not_null")]
    tokens: Option<AtMost<RawTimestamp, MAX_UNCHECKED>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTimestamp {
    #[serde(rename = "signedTimestamp")]
    _token: TimestampToken,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RawEnvelope<'a> {
    #[serde(borrow)]
    payload: Cow<'a, str>,
    payload_type: String,
    signatures: AtMost<RawSignature, 2>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSignature {
    sig: String,
    // Not used by OMS; `null` and any text stand in real bundles.
    #[serde(default, rename = "keyid")]
    _keyid: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MediaType {
    media_type: String,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Bundle> {
    if bytes.len() > Bundle::MAX_BYTES {
        return Err(malformed(format!("{} bytes, more than {}", bytes.len(), Bundle::MAX_BYTES)));
    }
    // The kind first, so that a bundle of another version is called unsupported and not malformed.
    let MediaType { media_type } = json::parse(bytes, "the bundle")?;
    if media_type != MEDIA_TYPE {
        return Err(unsupported(format!("a bundle of media type `{media_type}`")));
    }
    let raw: RawBundle<'_> = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    let envelope = match (raw.dsse_envelope, raw.message_signature) {
        (Some(envelope), None) => envelope,
        (None, Some(_)) => return Err(unsupported("a bundle over a plain file (messageSignature)")),
        _ => return Err(malformed("exactly one DSSE envelope belongs into it")),
    };
    if envelope.payload_type != IN_TOTO_PAYLOAD_TYPE {
        return Err(unsupported(format!("a payload of type `{}`", envelope.payload_type)));
    }
    let [signature] = &envelope.signatures.0[..] else {
        return Err(malformed(format!("{} signatures where one belongs", envelope.signatures.0.len())));
    };
    let (material, unchecked) = raw.verification_material.parse()?;
    Ok(Bundle {
        material,
        payload: decode(&envelope.payload, "payload")?,
        signature: decode(&signature.sig, "signature")?,
        unchecked,
    })
}

impl RawMaterial<'_> {
    fn parse(self) -> Result<(Material, Vec<Unchecked>)> {
        let material = match (self.public_key, self.x509_certificate_chain, self.certificate) {
            (Some(key), None, None) => key.parse()?,
            (None, Some(chain), None) => chain.parse()?,
            (None, None, Some(_)) => {
                return Err(unsupported("a keyless bundle (method sigstore)"));
            }
            _ => return Err(malformed("exactly one of key and certificate chain belongs into it")),
        };
        let mut unchecked = Vec::new();
        if self.timestamp_verification_data.is_some_and(|data| data.tokens.is_some_and(|tokens| !tokens.0.is_empty())) {
            unchecked.push(Unchecked::Timestamps);
        }
        if self.tlog_entries.is_some_and(|entries| !entries.0.is_empty()) {
            unchecked.push(Unchecked::TransparencyLog);
        }
        Ok((material, unchecked))
    }
}

impl RawPublicKey {
    fn parse(self) -> Result<Material> {
        let raw = self.raw_bytes.map(|text| decode(&text, "public key")).transpose()?;
        if let Some(raw) = &raw {
            raw_key(raw)?;
        }
        Ok(Material::Key { hint: self.hint.filter(|hint| !hint.is_empty()), raw })
    }
}

impl RawChain<'_> {
    fn parse(self) -> Result<Material> {
        if self.certificates.0.is_empty() {
            return Err(malformed("no certificate"));
        }
        let chain = self.certificates.0.iter().map(|certificate| {
            let der = decode(&certificate.raw_bytes, "certificate")?;
            Certificate::from_der(&der).map_err(|error| malformed(error.message()))
        });
        Ok(Material::Certificates(chain.collect::<Result<_>>()?))
    }
}

impl<'de> Deserialize<'de> for TimestampToken {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let der = from_base64(&text).ok_or_else(|| serde::de::Error::custom("a timestamp is not base64"))?;
        if der.first() == Some(&0x30) && der::AnyRef::try_from(&der[..]).is_ok() {
            Ok(Self)
        } else {
            Err(serde::de::Error::custom("a timestamp is not a DER sequence"))
        }
    }
}

/// A timestamp token that has the outer form of one; it is not verified and moves no clock.
struct TimestampToken;

/// The key in `rawBytes`, PEM or DER.
///
/// # Errors
/// `format/malformed`; `signature/unknown-key` for a key of a kind that nobody can trust here.
pub(crate) fn raw_key(bytes: &[u8]) -> Result<PublicKey> {
    let key = if bytes.starts_with(b"-----") { PublicKey::from_pem(bytes) } else { PublicKey::from_spki_der(bytes) };
    key.map_err(|error| match error.code() {
        Code::KeyMalformed | Code::KeyWrongForm => malformed(error.message()),
        _ => Error::new(Code::SignatureUnknownKey, format!("the bundle's own key: {}", error.message())),
    })
}

fn decode(text: &str, what: &str) -> Result<Vec<u8>> {
    from_base64(text).ok_or_else(|| malformed(format!("the {what} is not padded standard base64")))
}

fn malformed(reason: impl AsRef<str>) -> Error {
    Error::new(Code::FormatMalformed, format!("the bundle: {}", reason.as_ref()))
}

fn unsupported(what: impl AsRef<str>) -> Error {
    Error::new(Code::FormatUnsupported, format!("{} is not supported", what.as_ref()))
}
