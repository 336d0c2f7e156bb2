//! Writing a bundle: exactly the fields that every verifier accepts, in a fixed order.

use serde::Serialize;

use super::{Bundle, MEDIA_TYPE, Material};
use crate::dsse::IN_TOTO_PAYLOAD_TYPE;
use crate::encoding::to_base64;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawBundle<'a> {
    media_type: &'a str,
    verification_material: RawMaterial<'a>,
    dsse_envelope: RawEnvelope<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawMaterial<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<RawPublicKey<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x509_certificate_chain: Option<RawChain>,
    tlog_entries: [(); 0],
}

#[derive(Serialize)]
struct RawPublicKey<'a> {
    hint: &'a str,
}

#[derive(Serialize)]
struct RawChain {
    certificates: Vec<RawCertificate>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate {
    raw_bytes: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawEnvelope<'a> {
    payload: String,
    payload_type: &'a str,
    signatures: [RawSignature<'a>; 1],
}

#[derive(Serialize)]
struct RawSignature<'a> {
    sig: String,
    keyid: &'a str,
}

pub(super) fn json(bundle: &Bundle) -> Vec<u8> {
    let (public_key, x509_certificate_chain) = match &bundle.material {
        Material::Certificates(chain) => {
            let certificates =
                chain.iter().map(|certificate| RawCertificate { raw_bytes: to_base64(certificate.to_der()) }).collect();
            (None, Some(RawChain { certificates }))
        }
        Material::Key { hint, .. } => (Some(RawPublicKey { hint: hint.as_deref().unwrap_or_default() }), None),
    };
    let raw = RawBundle {
        media_type: MEDIA_TYPE,
        verification_material: RawMaterial { public_key, x509_certificate_chain, tlog_entries: [] },
        dsse_envelope: RawEnvelope {
            payload: to_base64(&bundle.payload),
            payload_type: IN_TOTO_PAYLOAD_TYPE,
            signatures: [RawSignature { sig: to_base64(&bundle.signature), keyid: "" }],
        },
    };
    // Strings only: writing them into memory cannot fail.
    serde_json::to_vec(&raw).unwrap_or_default()
}
