//! Generated policies allow exactly what they are for.

use modelseal_core::{Code, Signer as _, VaultKeyName, VaultPath};
use modelseal_vault::{Session, Vault, VaultSigner, reader_policy, signer_policy, verifier_policy};
use serde_json::{Value, json};

use crate::server::{Server, on_each_server};
use crate::{connect, encodings, reference, refused};

/// A key, and the three tokens that may do something with it.
struct Scene {
    mount: String,
    signer: String,
    verifier: Vault,
    reader: Vault,
    server: &'static str,
}

impl Scene {
    fn new(server: &Server, kind: &str, query: &str) -> (Self, Vault) {
        let mount = server.mount();
        for name in ["k", "other"] {
            server.root(&format!("{mount}/keys/{name}"), &json!({"type": kind}));
        }
        let root = connect(&server.address, &server.root_token);
        let key = root.log_in().unwrap().read_key(&reference(&format!("hashivault://{mount}/k{query}"))).unwrap();
        let (path, name): (VaultPath, VaultKeyName) = (mount.parse().unwrap(), "k".parse().unwrap());
        let hcl = signer_policy(&path, &name, key.versions[&1].public_key.kind(), key.scheme).unwrap();
        let signer = server.token(&hcl);
        let scene = Self {
            verifier: connect(&server.address, &server.token(&verifier_policy(&path, &name))),
            reader: connect(&server.address, &server.token(&reader_policy(&path, &name))),
            server: server.kind,
            mount,
            signer: signer.clone(),
        };
        (scene, connect(&server.address, &signer))
    }

    fn may(&self, body: &Value) -> u16 {
        self.may_at(&format!("{}/sign/k", self.mount), body)
    }

    fn may_at(&self, path: &str, body: &Value) -> u16 {
        Server::shared(self.server).post(&self.signer, path, body).0
    }
}

fn signs(server: &Server, kind: &str, query: &str, good: &Value) {
    let (scene, signing) = Scene::new(server, kind, query);
    let reference = reference(&format!("hashivault://{}/k{query}", scene.mount));
    let signer = VaultSigner::new(signing.log_in().unwrap(), &reference).unwrap();
    let encodings = encodings(3);
    let signatures = signer.sign(&encodings).unwrap();
    signer.sign(&encodings[..1]).unwrap();

    let online = |session: &Session<'_>| session.verify_online(signer.key(), 1, &encodings[0], &signatures[0]);
    let error = refused(online(signer.session()), Code::VaultPermission);
    assert!(error.message().contains(&format!("`update` on `{}/verify/k`", scene.mount)), "{error}");

    let verifier = VaultSigner::new(scene.verifier.log_in().unwrap(), &reference).unwrap();
    online(verifier.session()).unwrap();
    let error = refused(verifier.sign(&encodings), Code::VaultPermission);
    assert!(error.message().contains(&format!("`update` on `{}/sign/k`", scene.mount)), "{error}");
    let reader = VaultSigner::new(scene.reader.log_in().unwrap(), &reference).unwrap();
    refused(online(reader.session()), Code::VaultPermission);
    refused(reader.sign(&encodings), Code::VaultPermission);

    // The token is no oracle: nothing but our own request passes.
    assert_eq!(scene.may(good), 200, "{good}");
    for name in good.as_object().unwrap().keys().filter(|name| *name != "input") {
        let mut omitted = good.clone();
        omitted.as_object_mut().unwrap().remove(name);
        assert_eq!(scene.may(&omitted), 403, "without {name}");
    }
    for (name, value) in [
        ("hash_algorithm", json!("sha2-224")),
        ("hash_algorithm", json!("none")),
        ("algorithm", json!("sha2-256")),
        ("prehashed", json!(false)),
        ("prehashed", json!("true")),
        ("marshaling_algorithm", json!("jws")),
        ("signature_algorithm", json!("other")),
        ("salt_length", json!("auto")),
        ("signature_context", json!("eA==")),
        ("context", json!("eA==")),
        ("unknown", json!(1)),
    ] {
        let mut other = good.clone();
        if good[name] == value {
            continue;
        }
        other[name] = value;
        assert_eq!(scene.may(&other), 403, "{other}");
    }
    for path in ["sign/k/sha2-256", "sign/k/none", "sign/other", "hmac/k", "keys/k/rotate", "keys/other"] {
        assert_eq!(scene.may_at(&format!("{}/{path}", scene.mount), good), 403, "{path}");
    }
}

on_each_server! {
    fn t16_ecdsa_token_is_no_oracle(server) {
        for (kind, hash, length) in [("ecdsa-p256", "sha2-256", 32), ("ecdsa-p384", "sha2-384", 48)] {
            let good = json!({"input": zeros(length), "prehashed": true, "hash_algorithm": hash,
                "marshaling_algorithm": "asn1", "key_version": 1});
            signs(server, kind, "", &good);
        }
    }

    fn t16_rsa_token_is_no_oracle(server) {
        let good = json!({"input": zeros(32), "prehashed": true, "hash_algorithm": "sha2-256",
            "marshaling_algorithm": "asn1", "signature_algorithm": "pss", "salt_length": "hash", "key_version": 1});
        signs(server, "rsa-2048", "", &good);
        let good = json!({"input": zeros(64), "prehashed": true, "hash_algorithm": "sha2-512",
            "marshaling_algorithm": "asn1", "signature_algorithm": "pkcs1v15", "key_version": 1});
        signs(server, "rsa-2048", "?scheme=rsa-pkcs1v15-sha512", &good);
    }

    fn t16_ed25519_token_is_no_oracle(server) {
        signs(server, "ed25519", "", &json!({"input": zeros(10), "key_version": 1}));
    }
}

#[test]
fn t16_ml_dsa_token_is_no_oracle() {
    let good = json!({"input": zeros(10), "prehashed": false, "hash_algorithm": "none", "key_version": 1});
    signs(Server::shared("openbao"), "mldsa-44", "?scheme=mldsa-44", &good);
}

/// So many zero bytes in base64.
fn zeros(length: usize) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(vec![0; length])
}
