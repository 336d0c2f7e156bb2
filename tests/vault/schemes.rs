//! Every type of key and every scheme, through the command: signed, and verified in three ways.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::common::run;
use crate::scene::{NAME, Scene};
use crate::support::{Kind, Server, on_each_server};

/// Signs with a scheme, or the one of the type, and verifies by table, by reference and by asking.
#[track_caller]
fn signs(scene: &Scene<'_>, scheme: Option<&str>, expected: &str) {
    let query = scheme.map_or_else(String::new, |scheme| format!("?scheme={scheme}"));
    let key = scene.key() + &query;
    let _ = fs::remove_file(scene.bundle());
    let signed = run(&mut scene.ask(&["sign", "model", "--key", &key, "--name", NAME])).accepted();
    assert_eq!((&signed["signer"]["scheme"], &signed["signer"]["key_version"]), (&json!(expected), &json!(1)));

    let directory = format!("keys-{expected}");
    run(&mut scene.ask(&["keys", "export", &key, "--out", &directory, "--replace"])).accepted();
    let table = scene.sandbox.at(&directory).join("model.toml");
    let verified = run(&mut scene.verify(&table)).accepted();
    assert_eq!(verified["results"][0]["signer"]["key_id"], signed["signer"]["key_id"], "{verified}");
    let by_reference = ["verify", "model", "--expect-name", NAME, "--key", &key];
    run(&mut scene.ask(&by_reference)).accepted();
    run(scene.ask(&by_reference).arg("--online")).accepted();
    // The table alone says which server to ask.
    let table = table.display().to_string();
    run(scene.ask(&["verify", "model", "--expect-name", NAME, "--key", &table]).arg("--online")).accepted();

    scene.sandbox.write("model/w/0.bin", b"abce");
    run(&mut scene.verify(&PathBuf::from(table))).refused(1, "artifact/modified");
    run(scene.ask(&by_reference).arg("--online")).refused(1, "artifact/modified");
    scene.sandbox.write("model/w/0.bin", b"abcd");
}

on_each_server! {
    fn ecdsa_on_every_curve(server: &Server) {
        for kind in ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"] {
            signs(&Scene::with_key(server, kind), None, "ecdsa");
        }
    }

    fn rsa_with_every_padding_and_hash(server: &Server) {
        let scene = Scene::with_key(server, "rsa-2048");
        signs(&scene, None, "rsa-pss-sha256");
        for padding in ["pss", "pkcs1v15"] {
            for hash in ["sha256", "sha384", "sha512"] {
                let scheme = format!("rsa-{padding}-{hash}");
                signs(&scene, Some(&scheme), &scheme);
            }
        }
        // A key has the scheme that the verifier names, and no other.
        let other = scene.sandbox.at("keys-rsa-pss-sha256/model.toml");
        run(&mut scene.verify(&other)).refused(1, "signature/invalid");
    }

    fn rsa_of_every_length(server: &Server) {
        for kind in ["rsa-3072", "rsa-4096"] {
            signs(&Scene::with_key(server, kind), None, "rsa-pss-sha256");
        }
    }

    fn ed25519(server: &Server) {
        signs(&Scene::with_key(server, "ed25519"), None, "ed25519");
    }

    fn a_scheme_that_does_not_fit_is_refused_before_anything_is_signed(server: &Server) {
        for (kind, scheme) in [("ecdsa-p256", "ed25519"), ("ed25519", "ecdsa"), ("rsa-2048", "ecdsa")] {
            let scene = Scene::with_key(server, kind);
            let key = format!("{}?scheme={scheme}", scene.key());
            let done = run(&mut scene.ask(&["sign", "model", "--key", &key]));
            done.refused(2, "usage/arguments");
            assert!(!scene.bundle().exists());
        }
    }
}

#[test]
fn post_quantum_keys_of_openbao() {
    assert!(Kind::OpenBao.available());
    let server = Server::shared(Kind::OpenBao);
    for kind in ["mldsa-44", "mldsa-65", "mldsa-87"] {
        let scene = Scene::with_key(server, kind);
        // Few can verify it: it must be asked for.
        run(&mut scene.sign()).refused(4, "vault/key-type");
        signs(&scene, Some(kind), kind);
    }
}

#[test]
fn a_key_of_one_server_does_not_verify_what_the_other_signed() {
    if !Kind::Vault.available() {
        return;
    }
    let [mine, other] = [Kind::OpenBao, Kind::Vault].map(|kind| Scene::new(Server::shared(kind)));
    for (mine, other) in [(&mine, &other), (&other, &mine)] {
        run(&mut mine.sign()).accepted();
        let bundle = mine.bundle().display().to_string();
        run(mine.verify(&mine.export("keys")).args(["--bundle", &bundle])).accepted();
        let table = other.export("keys");
        run(other.verify(&table).args(["--bundle", &bundle])).refused(1, "signature/unknown-key");
        run(other.verify_by_reference().args(["--bundle", &bundle])).refused(1, "signature/unknown-key");
        run(other.verify_online().args(["--bundle", &bundle])).refused(1, "signature/unknown-key");
        // Trusting the right key and asking the wrong server is a no, too.
        let theirs = mine.sandbox.at("keys/model.toml").display().to_string();
        let mut asked = other.ask(&["verify", "model", "--expect-name", NAME, "--key", &theirs, "--key", &other.key()]);
        let done = run(asked.args(["--online", "--bundle", &bundle]));
        assert_ne!(done.status, Some(0), "{}", done.text());
        fs::remove_file(mine.bundle()).unwrap();
    }
}
