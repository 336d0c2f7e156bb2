//! Bundles signed with ML-DSA verify when the verifier names the scheme, and only then.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::fs;

use aws_lc_rs::signature::{KeyPair as _, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING, ML_DSA_87_SIGNING, PqdsaKeyPair};
use modelseal::{
    Code, Expected, KeyRef, LeafPin, MlDsaSet, Pae, PublicKey, Result, Scheme, SignOptions, Signer, Silent,
    VerifyOptions, load_trusted_keys, sign_model_artifact,
};
use support::{Model, verify};

/// What a server does.
struct MlDsa {
    pair: PqdsaKeyPair,
    set: MlDsaSet,
    public_key: PublicKey,
}

impl MlDsa {
    fn new(set: MlDsaSet) -> Self {
        let algorithm = match set {
            MlDsaSet::MlDsa44 => &ML_DSA_44_SIGNING,
            MlDsaSet::MlDsa65 => &ML_DSA_65_SIGNING,
            MlDsaSet::MlDsa87 => &ML_DSA_87_SIGNING,
        };
        let pair = PqdsaKeyPair::generate(algorithm).unwrap();
        let public_key = PublicKey::from_raw_ml_dsa(set, pair.public_key().as_ref()).unwrap();
        Self { pair, set, public_key }
    }
}

impl Signer for MlDsa {
    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn scheme(&self) -> Scheme {
        self.set.scheme()
    }

    fn sign(&self, encodings: &[Pae]) -> Result<Vec<Vec<u8>>> {
        let sign = |pae: &Pae| {
            let mut signature = vec![0; self.set.signature_len()];
            self.pair.sign(pae.as_bytes(), &mut signature).unwrap();
            signature
        };
        Ok(encodings.iter().map(sign).collect())
    }
}

#[test]
fn the_scheme_must_be_named() {
    for set in [MlDsaSet::MlDsa44, MlDsaSet::MlDsa65, MlDsaSet::MlDsa87] {
        let (model, signer) = (Model::new(), MlDsa::new(set));
        let signed = sign_model_artifact(&model.path(), &signer, &SignOptions::default(), &Silent).unwrap();
        let warning = format!("the reference tool cannot verify {} signatures", set.scheme());
        assert!(signed.warnings.iter().any(|text| text.starts_with(&warning)), "{:?}", signed.warnings);
        let path = model.directory.path().join("key.pem");
        fs::write(&path, signer.public_key.to_pem()).unwrap();
        let check = |scheme| {
            let key = KeyRef::File { path: path.clone(), scheme };
            let trusted = load_trusted_keys(&[key], &[], LeafPin::default(), false)?;
            verify(&model.path(), &trusted, &Expected::danger_any_model(), &VerifyOptions::default())
        };
        check(Some(set.scheme())).unwrap();
        let error = check(None).unwrap_err();
        assert_eq!(error.code(), Code::SignatureSchemeNotAllowed);
        assert!(error.hint().contains(&format!("?scheme={}", set.scheme())), "{}", error.hint());
        let others = [Scheme::MlDsa44, Scheme::MlDsa65, Scheme::MlDsa87, Scheme::Ed25519, Scheme::Ecdsa];
        for other in others.into_iter().filter(|other| *other != set.scheme()) {
            assert_eq!(check(Some(other)).unwrap_err().code(), Code::KeyUnsupported);
        }
        model.write("w/0.bin", b"abce");
        assert_eq!(check(Some(set.scheme())).unwrap_err().code(), Code::ArtifactModified);
    }
}
