//! A small model, a fresh key, and short forms of the two verbs.

// Each test program uses its own part of this.
#![allow(dead_code, reason = "shared by several test programs")]

use std::fs;
use std::path::{Path, PathBuf};

use modelseal::{
    Error, Expected, KeyType, LeafPin, LocalKey, Policy, SignOptions, SignedArtifact, Silent, TrustedKey, TrustedKeys,
    VerifiedArtifact, VerifyOptions, sign_model_artifact, verify_model_artifact,
};

pub(crate) struct Model {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) key: LocalKey,
}

impl Model {
    pub(crate) fn new() -> Self {
        let model =
            Self { directory: tempfile::tempdir().unwrap(), key: LocalKey::generate(KeyType::EcdsaP256).unwrap() };
        model.write("config.json", b"{}\n");
        model.write("w/0.bin", b"abcd");
        model.write("w/1.bin", &[7; 1000]);
        model.write("empty", b"");
        model
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("model")
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn trusted(&self) -> TrustedKeys {
        trust(&self.key)
    }

    pub(crate) fn sign(&self) -> SignedArtifact {
        self.sign_with(&SignOptions::default()).unwrap()
    }

    pub(crate) fn sign_with(&self, options: &SignOptions) -> Result<SignedArtifact, Error> {
        sign_model_artifact(&self.path(), &self.key, options, &Silent)
    }

    pub(crate) fn verify(&self) -> Result<VerifiedArtifact, Error> {
        self.verify_with(&Expected::danger_any_model(), &VerifyOptions::default())
    }

    pub(crate) fn verify_with(&self, expected: &Expected, options: &VerifyOptions) -> Result<VerifiedArtifact, Error> {
        verify(&self.path(), &self.trusted(), expected, options)
    }
}

pub(crate) fn trust(key: &LocalKey) -> TrustedKeys {
    let trusted = TrustedKey::new(key.public_key().clone()).with_scheme(key.scheme()).unwrap();
    TrustedKeys::new(vec![trusted], vec![], LeafPin::default()).unwrap()
}

pub(crate) fn verify(
    path: &Path,
    trusted: &TrustedKeys,
    expected: &Expected,
    options: &VerifyOptions,
) -> Result<VerifiedArtifact, Error> {
    verify_model_artifact(path, trusted, &Policy::any_trusted_key(), expected, options, &Silent)
}
