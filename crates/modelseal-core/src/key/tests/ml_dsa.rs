//! ML-DSA, with keys and signatures of a real server.

use aws_lc_rs::signature::{ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::*;

const OIDS: [&str; 3] = ["2.16.840.1.101.3.4.3.17", "2.16.840.1.101.3.4.3.18", "2.16.840.1.101.3.4.3.19"];
const SETS: [MlDsaSet; 3] = [MlDsaSet::MlDsa44, MlDsaSet::MlDsa65, MlDsaSet::MlDsa87];

#[derive(Deserialize)]
struct Vectors {
    public_key: String,
    key_id: String,
    signatures: Vec<Signed>,
    prehashed: Signed,
}

#[derive(Deserialize)]
struct Signed {
    message: String,
    signature: String,
}

impl Signed {
    fn message(&self) -> Vec<u8> {
        STANDARD.decode(&self.message).unwrap()
    }

    fn signature(&self) -> Vec<u8> {
        STANDARD.decode(&self.signature).unwrap()
    }
}

impl Vectors {
    fn read(set: MlDsaSet) -> Self {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/signatures/mldsa");
        let text = std::fs::read(format!("{directory}/{}.json", set.scheme())).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn key(&self, set: MlDsaSet) -> PublicKey {
        PublicKey::from_raw_ml_dsa(set, &self.raw()).unwrap()
    }

    fn raw(&self) -> Vec<u8> {
        STANDARD.decode(&self.public_key).unwrap()
    }
}

#[test]
fn signatures_of_a_server_hold_and_changed_ones_do_not() {
    for set in SETS {
        let vectors = Vectors::read(set);
        let (key, scheme) = (vectors.key(set), set.scheme());
        assert_eq!(vectors.signatures.len(), 2);
        for signed in &vectors.signatures {
            let (message, signature) = (signed.message(), signed.signature());
            assert_eq!(signature.len(), set.signature_len());
            assert_eq!(key.verify(scheme, &message, &signature), Ok(()));
            for at in (0..signature.len()).step_by(97).chain([signature.len() - 1]) {
                let mut changed = signature.clone();
                changed[at] ^= 1 << (at % 8);
                let error = key.verify(scheme, &message, &changed).unwrap_err();
                assert_eq!(error.code(), Code::SignatureInvalid, "{scheme} byte {at}");
            }
            let longer = [&signature[..], &[0]].concat();
            for other in [&signature[1..], &signature[..signature.len() - 1], &longer, &[]] {
                let error = key.verify(scheme, &message, other).unwrap_err();
                assert_eq!(error.code(), Code::SignatureInvalid);
                assert!(error.message().contains(&format!("makes {}", set.signature_len())), "{error}");
            }
            let error = key.verify(scheme, &[&message[..], b"x"].concat(), &signature).unwrap_err();
            assert_eq!(error.code(), Code::SignatureInvalid);
        }
        let swapped = key.verify(scheme, &vectors.signatures[0].message(), &vectors.signatures[1].signature());
        assert_eq!(swapped.unwrap_err().code(), Code::SignatureInvalid);
    }
}

#[test]
fn a_signed_digest_is_not_a_signed_message() {
    for set in SETS {
        let vectors = Vectors::read(set);
        let (key, prehashed) = (vectors.key(set), &vectors.prehashed);
        let error = key.verify(set.scheme(), &prehashed.message(), &prehashed.signature()).unwrap_err();
        assert_eq!(error.code(), Code::SignatureInvalid);
        // That the signature is a good one, over the wrong bytes, is what makes the refusal worth something.
        let digest = crate::Digest::sha256(&prehashed.message());
        assert_eq!(key.verify(set.scheme(), digest.as_bytes(), &prehashed.signature()), Ok(()));
    }
}

#[test]
fn t13_the_set_of_the_key_is_the_only_scheme() {
    for (set, kind) in SETS.into_iter().zip(["mldsa-44", "mldsa-65", "mldsa-87"]) {
        let vectors = Vectors::read(set);
        let key = vectors.key(set);
        assert_eq!((key.kind(), key.implied_scheme()), (KeyKind::MlDsa(set), None));
        assert_eq!((key.kind().to_string(), set.scheme().to_string()), (kind.to_owned(), kind.to_owned()));
        assert_eq!(kind.parse(), Ok(set.scheme()));
        let signed = &vectors.signatures[0];
        let others = SETS.map(MlDsaSet::scheme).into_iter().filter(|scheme| *scheme != set.scheme());
        for scheme in others.chain([Scheme::Ecdsa, Scheme::Ed25519, Scheme::RsaPss(ShaVariant::Sha256)]) {
            assert!(key.fits(set.scheme()) && !key.fits(scheme));
            let error = key.verify(scheme, &signed.message(), &signed.signature()).unwrap_err();
            assert_eq!(error.code(), Code::SignatureSchemeNotAllowed);
        }
        let p256 = PublicKey::from_pem(P256.as_bytes()).unwrap();
        assert!(!p256.fits(set.scheme()));
    }
}

#[test]
fn keys_have_one_form() {
    for ((set, oid), pair) in SETS.into_iter().zip(OIDS).zip([
        PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).unwrap(),
        PqdsaKeyPair::generate(&ML_DSA_65_SIGNING).unwrap(),
        PqdsaKeyPair::generate(&ML_DSA_87_SIGNING).unwrap(),
    ]) {
        let vectors = Vectors::read(set);
        let (key, raw) = (vectors.key(set), vectors.raw());
        assert_eq!(key.id().to_string(), vectors.key_id);
        assert_eq!(key.to_spki_der(), spki(oid, None, &raw));
        assert_eq!(PublicKey::from_spki_der(key.to_spki_der()), Ok(key.clone()));
        assert_eq!(PublicKey::from_pem(key.to_pem().as_bytes()), Ok(key.clone()));
        assert!(PublicKey::from_raw_ml_dsa(set, pair.public_key().as_ref()).is_ok());

        spki_refused(&spki(oid, Some(Any::null()), &raw), Code::KeyMalformed, "parameters");
        spki_refused(&[key.to_spki_der(), &[0]].concat(), Code::KeyMalformed, "not a DER");
        let longer = [&raw[..], &[0]].concat();
        for other in [&raw[1..], &raw[..raw.len() - 1], &longer, &[]] {
            spki_refused(&spki(oid, None, other), Code::KeyMalformed, "bytes instead of");
            assert_eq!(PublicKey::from_raw_ml_dsa(set, other).unwrap_err().code(), Code::KeyMalformed);
        }
        for other in SETS.into_iter().filter(|other| *other != set) {
            assert_eq!(PublicKey::from_raw_ml_dsa(other, &raw).unwrap_err().code(), Code::KeyMalformed);
        }
    }
}

#[test]
fn the_library_signs_what_we_accept() {
    let pair = PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).unwrap();
    let key = PublicKey::from_raw_ml_dsa(MlDsaSet::MlDsa44, pair.public_key().as_ref()).unwrap();
    let mut signature = vec![0; MlDsaSet::MlDsa44.signature_len()];
    assert_eq!(pair.sign(b"m", &mut signature).unwrap(), signature.len());
    assert_eq!(key.verify(Scheme::MlDsa44, b"m", &signature), Ok(()));
}
