//! Versions of a key: what is signed, what is trusted, what is exported.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::run;
use crate::common::schemas::fits_its_schema;
use crate::scene::{NAME, Scene};
use crate::support::{Kind, Server, on_each_server};

/// Signs with what `query` adds to the reference, and puts the bundle aside; returns the version that signed.
#[track_caller]
fn sign_as(scene: &Scene<'_>, query: &str, name: &str) -> Value {
    let key = scene.key() + query;
    let signed = run(scene.ask(&["sign", "model", "--key", &key, "--name", NAME]).args(["--bundle", name])).accepted();
    fits_its_schema(&signed);
    signed["signer"]["key_version"].clone()
}

/// `verify` of a bundle by a table.
#[track_caller]
fn verify_as(scene: &Scene<'_>, table: &Path, bundle: &str, more: &[&str]) -> (String, Value) {
    let done = run(scene.verify(table).args(["--bundle", bundle]).args(more));
    let json = done.json();
    let signer = json["results"][0]["signer"]["key_version"].clone();
    (json["code"].as_str().unwrap_or_default().to_owned(), signer)
}

fn verified(version: u32) -> (String, Value) {
    ("verified".to_owned(), json!(version))
}

on_each_server! {
    fn old_and_new_signatures_verify_after_a_rotation(server: &Server) {
        let scene = Scene::new(server);
        assert_eq!(sign_as(&scene, "", "one.sig"), 1);
        let old = scene.export("old");
        scene.operate("rotate", &json!({}));
        assert_eq!(sign_as(&scene, "", "two.sig"), 2);
        let new = scene.export("new");

        assert_eq!(verify_as(&scene, &new, "one.sig", &[]), verified(1));
        assert_eq!(verify_as(&scene, &new, "two.sig", &[]), verified(2));
        assert_eq!(verify_as(&scene, &old, "one.sig", &[]), verified(1));
        run(scene.verify(&old).args(["--bundle", "two.sig"])).refused(1, "signature/unknown-key");
        let single = scene.sandbox.at("new/model-v2.pem");
        run(scene.verify(&single).args(["--bundle", "one.sig"])).refused(1, "signature/unknown-key");
        run(scene.verify(&single).args(["--bundle", "two.sig"])).accepted();

        let least = ["--min-key-version", "2"];
        run(scene.verify(&new).args(["--bundle", "one.sig"]).args(least)).refused(1, "policy/key-version");
        assert_eq!(verify_as(&scene, &new, "two.sig", &least), verified(2));
        for online in [false, true] {
            let command = || if online { scene.verify_online() } else { scene.verify_by_reference() };
            run(command().args(["--bundle", "one.sig"])).accepted();
            run(command().args(["--bundle", "two.sig"]).args(least)).accepted();
            run(command().args(["--bundle", "one.sig"]).args(least)).refused(1, "policy/key-version");
        }
    }

    fn a_reference_can_name_the_version(server: &Server) {
        let scene = Scene::new(server);
        for _ in 0..10 {
            scene.operate("rotate", &json!({}));
        }
        // As text, 9 would be the last of 1, 10, 11, 2 …
        assert_eq!(sign_as(&scene, "", "last.sig"), 11);
        assert_eq!(sign_as(&scene, "?version=2", "two.sig"), 2);
        assert_eq!(verify_as(&scene, &scene.export("keys"), "two.sig", &[]), verified(2));
        let pinned = scene.key() + "?version=2";
        let mut command = scene.ask(&["verify", "model", "--expect-name", NAME, "--key", &pinned]);
        run(command.args(["--bundle", "two.sig"])).accepted();
        let mut command = scene.ask(&["verify", "model", "--expect-name", NAME, "--key", &pinned]);
        run(command.args(["--bundle", "last.sig"])).refused(1, "signature/unknown-key");
        let absent = scene.key() + "?version=12";
        run(&mut scene.ask(&["sign", "model", "--key", &absent])).refused(4, "vault/key-version");
        assert!(!scene.bundle().exists());
    }

    fn a_job_that_expects_a_key_signs_with_no_other(server: &Server) {
        let scene = Scene::new(server);
        let shown = run(&mut scene.ask(&["keys", "show", &scene.key()])).accepted();
        let id = shown["key_id"].as_str().unwrap();
        run(scene.sign().args(["--expect-key-id", id])).accepted();
        fs::remove_file(scene.bundle()).unwrap();
        scene.operate("rotate", &json!({}));
        run(scene.sign().args(["--expect-key-id", id])).refused(4, "vault/unexpected-key");
        assert!(!scene.bundle().exists());
        let old = scene.key() + "?version=1";
        run(&mut scene.ask(&["sign", "model", "--key", &old, "--name", NAME, "--expect-key-id", id])).accepted();
    }

    fn a_retired_version_is_trusted_only_where_it_was_exported(server: &Server) {
        let scene = Scene::new(server);
        sign_as(&scene, "", "one.sig");
        scene.operate("rotate", &json!({}));
        sign_as(&scene, "", "two.sig");
        let earlier = scene.export("earlier");
        // Either minimum alone retires: one keeps the server from signing, the other from verifying.
        for minimums in [
            json!({"min_decryption_version": 1, "min_encryption_version": 2}),
            json!({"min_decryption_version": 2, "min_encryption_version": 0}),
            json!({"min_decryption_version": 2, "min_encryption_version": 2}),
        ] {
            scene.operate("config", &minimums);
            for mut command in [scene.verify_by_reference(), scene.verify_online()] {
                run(command.args(["--bundle", "one.sig"])).refused(1, "signature/unknown-key");
            }
            for mut command in [scene.verify_by_reference(), scene.verify_online()] {
                run(command.args(["--bundle", "two.sig"])).accepted();
            }
            assert_eq!(verify_as(&scene, &earlier, "one.sig", &[]), verified(1));
            let table = earlier.display().to_string();
            let mut online = scene.ask(&["verify", "model", "--key", &table, "--any-model", "--online"]);
            run(online.args(["--bundle", "one.sig"])).refused(1, "signature/online-refused");

            let old = scene.key() + "?version=1";
            let done = run(&mut scene.ask(&["sign", "model", "--key", &old]));
            let message = done.refused(4, "vault/key-version")["message"].as_str().unwrap().to_owned();
            assert!(message.contains("version 1"), "{message}");
        }
        // A new export says what is no longer accepted.
        let later = scene.export("later");
        run(scene.verify(&later).args(["--bundle", "one.sig"])).refused(1, "signature/unknown-key");
        assert_eq!(verify_as(&scene, &later, "two.sig", &[]), verified(2));
    }

    fn keys_are_shown_and_exported(server: &Server) {
        let scene = Scene::new(server);
        scene.operate("rotate", &json!({}));
        let key = scene.key();
        let shown = run(&mut scene.ask(&["keys", "show", &key])).accepted();
        fits_its_schema(&shown);
        let versions = shown["versions"].as_array().unwrap();
        assert_eq!(versions.iter().map(|it| it["number"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((&shown["key_kind"], &shown["scheme"]), (&json!("ecdsa-p256"), &json!("ecdsa")));
        assert_eq!(shown["key_id"], versions[1]["key_id"]);

        let text = |arguments: &[&str]| run(&mut scene.ask_in_text(arguments));
        let said = text(&["keys", "show", &key]);
        for version in versions {
            let line = format!("version {}", version["number"]);
            assert!(said.text().contains(&line) && said.text().contains(version["key_id"].as_str().unwrap()));
        }
        // Without --out the PEM of the latest, and nothing else, is printed.
        let printed = text(&["keys", "export", &key]);
        assert!(printed.stdout.starts_with(b"-----BEGIN PUBLIC KEY-----\n") && printed.stderr.is_empty());
        assert!(printed.stdout.ends_with(b"-----END PUBLIC KEY-----\n"));
        let exported = run(&mut scene.ask(&["keys", "export", &key])).accepted();
        fits_its_schema(&exported);
        assert_eq!(exported["pem"].as_str().unwrap().as_bytes(), printed.stdout);

        scene.export("keys");
        let names = scene.sandbox.names("keys");
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), ["model-v1.pem", "model-v2.pem", "model.toml"]);
        assert_eq!(fs::read(scene.sandbox.at("keys/model-v2.pem")).unwrap(), printed.stdout);
        let first = text(&["keys", "export", &format!("{key}?version=1")]);
        assert_eq!(fs::read(scene.sandbox.at("keys/model-v1.pem")).unwrap(), first.stdout);
        assert_ne!(first.stdout, printed.stdout);
    }

    fn an_export_is_replaced_only_when_that_is_asked_for(server: &Server) {
        let scene = Scene::new(server);
        let table = scene.export("keys");
        let before = fs::read(&table).unwrap();
        scene.operate("rotate", &json!({}));
        let again = || scene.ask(&["keys", "export", &scene.key(), "--out", "keys"]);
        run(&mut again()).refused(2, "output/exists");
        assert_eq!(fs::read(&table).unwrap(), before);
        let replaced = run(again().arg("--replace")).accepted();
        fits_its_schema(&replaced);
        assert_eq!(replaced["files"].as_array().unwrap().len(), 3);
        assert_ne!(fs::read(&table).unwrap(), before);
        sign_as(&scene, "", "two.sig");
        assert_eq!(verify_as(&scene, &table, "two.sig", &[]), verified(2));
        // What is the same already is no obstacle.
        run(&mut again()).accepted();
    }

    fn a_trial_of_the_login_says_what_the_token_may_do(server: &Server) {
        let scene = Scene::new(server);
        scene.operate("rotate", &json!({}));
        let trial = |more: &[&str]| run(scene.ask(&["vault", "login", "--dry-run"]).args(more));
        let json = trial(&[]).accepted();
        fits_its_schema(&json);
        assert_eq!((&json["method"], &json["revoked"], &json["key"]), (&json!("jwt"), &json!(true), &json!(null)));
        assert_eq!(json["token"]["policies"], json!([scene.policy]));
        let json = trial(&["--key", &scene.key()]).accepted();
        fits_its_schema(&json);
        let key = &json["key"];
        assert_eq!((&key["type"], &key["versions"]), (&json!("ecdsa-p256"), &json!([1, 2])));
        assert_eq!([&key["may_read"], &key["may_sign"], &key["may_verify"]], [&json!(true); 3]);

        let admin = server.admin();
        let hcl = modelseal::vault::reader_policy(&scene.mount.parse().unwrap(), &"model".parse().unwrap());
        admin.put(&format!("sys/policies/acl/{}", scene.policy), &json!({"policy": hcl})).ok();
        let done = trial(&["--key", &scene.key()]);
        let json = done.refused(4, "vault/permission");
        fits_its_schema(&json);
        assert_eq!([&json["key"]["may_read"], &json["key"]["may_sign"]], [&json!(true), &json!(false)]);
    }
}
