//! Signing and verifying with every kind of key on real servers.

use std::sync::{Arc, Mutex};

use modelseal_core::{Code, Pae, PublicKey, Signer as _};
use modelseal_vault::{FixedEnv, Vault, VaultSigner};
use serde_json::json;

use crate::server::{Server, on_each_server};
use crate::{connect, encodings, reference, refused, settings};

const RSA: &[&str] = &[
    "",
    "?scheme=rsa-pss-sha256",
    "?scheme=rsa-pss-sha384",
    "?scheme=rsa-pss-sha512",
    "?scheme=rsa-pkcs1v15-sha256",
    "?scheme=rsa-pkcs1v15-sha384",
    "?scheme=rsa-pkcs1v15-sha512",
];

fn sign_and_verify(server: &Server, kind: &str, queries: &[&str]) {
    let mount = server.mount();
    server.root(&format!("{mount}/keys/{kind}"), &json!({"type": kind}));
    let vault = connect(&server.address, &server.root_token);
    for query in queries {
        let reference = reference(&format!("hashivault://{mount}/{kind}{query}"));
        let signer = VaultSigner::new(vault.log_in().unwrap(), &reference).unwrap();
        let (session, key) = (signer.session(), signer.key());
        assert_eq!(key.key_type, kind);
        // Of different lengths.
        let encodings = [Pae::in_toto(b"{}"), Pae::in_toto(&[b'x'; 5000]), Pae::in_toto(b"")];
        for count in [1, 3] {
            let signatures = signer.sign(&encodings[..count]).unwrap();
            assert_eq!(signatures.len(), count);
            for (encoding, signature) in encodings.iter().zip(&signatures) {
                let exported = PublicKey::from_pem(key.to_key_table().public_keys[0].1.as_bytes()).unwrap();
                exported.verify(signer.scheme(), encoding.as_bytes(), signature).unwrap();
                session.verify_online(key, 1, encoding, signature).unwrap();
                let other = Pae::in_toto(b"other");
                refused(session.verify_online(key, 1, &other, signature), Code::SignatureOnlineRefused);
                for wrong in [&signature[..signature.len() - 1], &[signature.as_slice(), &[0]].concat(), b"x", b""] {
                    refused(session.verify_online(key, 1, encoding, wrong), Code::SignatureOnlineRefused);
                }
            }
        }
        assert_eq!(signer.sign(&[]).unwrap().len(), 0);
    }
}

on_each_server! {
    fn ecdsa(server) {
        for kind in ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"] {
            sign_and_verify(server, kind, &["", "?scheme=ecdsa", "?version=1"]);
        }
    }

    fn ed25519(server) {
        sign_and_verify(server, "ed25519", &["", "?scheme=ed25519"]);
    }

    fn rsa_2048(server) {
        sign_and_verify(server, "rsa-2048", RSA);
    }

    fn rsa_3072(server) {
        sign_and_verify(server, "rsa-3072", RSA);
    }

    fn rsa_4096(server) {
        sign_and_verify(server, "rsa-4096", RSA);
    }

    fn all_encodings_go_in_few_requests(server) {
        let mount = server.mount();
        server.root(&format!("{mount}/keys/k"), &json!({"type": "ecdsa-p256"}));
        let paths = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&paths);
        let mut settings = settings(&server.address, &server.root_token);
        settings.hooks.record = Arc::new(move |exchange| record.lock().unwrap().push(exchange.path.clone()));
        let vault = Vault::configure(&settings, &FixedEnv::default()).unwrap();
        let signer = VaultSigner::new(vault.log_in().unwrap(), &reference(&format!("hashivault://{mount}/k"))).unwrap();
        let requests = |count: usize| {
            let signed = || paths.lock().unwrap().iter().filter(|path| path.contains("/sign/")).count();
            let before = signed();
            assert_eq!(signer.sign(&encodings(count)).unwrap().len(), count);
            signed() - before
        };
        assert_eq!([1, 3, 100, 201].map(requests), [1, 1, 1, 3]);
    }

    fn a_message_that_is_too_large_is_not_sent(server) {
        let mount = server.mount();
        server.root(&format!("{mount}/keys/k"), &json!({"type": "ed25519"}));
        let vault = connect(&server.address, &server.root_token);
        let signer = VaultSigner::new(vault.log_in().unwrap(), &reference(&format!("hashivault://{mount}/k"))).unwrap();
        let head = Pae::in_toto(&vec![b'x'; 700_000]).as_bytes().len() - 700_000;
        let largest = Pae::in_toto(&vec![b'x'; 786_432 - head]);
        assert_eq!(signer.sign(std::slice::from_ref(&largest)).unwrap().len(), 1);
        // More than one request can take together.
        let many: Vec<Pae> = (0..20).map(|_| largest.clone()).collect();
        assert_eq!(signer.sign(&many).unwrap().len(), 20);
        let larger = Pae::in_toto(&vec![b'x'; 786_433 - head]);
        refused(signer.sign(std::slice::from_ref(&larger)), Code::VaultTooLarge);
        refused(signer.session().verify_online(signer.key(), 1, &larger, &[0; 64]), Code::VaultTooLarge);
    }

    fn a_public_half_cannot_sign(server) {
        let mount = server.mount();
        server.root(&format!("{mount}/keys/whole"), &json!({"type": "rsa-2048"}));
        let vault = connect(&server.address, &server.root_token);
        let whole = vault.log_in().unwrap().read_key(&reference(&format!("hashivault://{mount}/whole"))).unwrap();
        let public_key = whole.versions[&1].public_key.to_pem();
        server.root(&format!("{mount}/keys/half/import"), &json!({"type": "rsa-2048", "public_key": public_key}));
        let signer = VaultSigner::new(vault.log_in().unwrap(), &reference(&format!("hashivault://{mount}/half"))).unwrap();
        let error = refused(signer.sign(&encodings(1)), Code::VaultKeyType);
        assert!(error.message().contains("public half"), "{error}");
    }
}

#[test]
fn ml_dsa() {
    let server = Server::shared("openbao");
    for kind in ["mldsa-44", "mldsa-65", "mldsa-87"] {
        sign_and_verify(server, kind, &[&format!("?scheme={kind}")]);
    }
}
