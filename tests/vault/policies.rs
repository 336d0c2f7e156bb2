//! The smallest policies, as the library writes them and as `docs/vault.md` shows them, suffice and allow nothing else.

use std::fs;
use std::process::Command;

use modelseal::vault::{reader_policy, signer_policy, verifier_policy};
use modelseal::{KeyKind, Scheme};
use serde_json::{Value, json};

use crate::common::{run, workspace};
use crate::scene::{NAME, Scene};
use crate::support::{Client, Kind, Options, Server, on_each_server};

/// A digest of 32 bytes, as base64.
const DIGEST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// The policies of a server of one's own: their names are those of the documentation.
struct Policies {
    signer: String,
    verifier: String,
    reader: String,
}

impl Policies {
    /// What the library writes.
    fn written(mount: &str, key: &str, kind: KeyKind, scheme: Scheme) -> Self {
        let (mount, key) = (mount.parse().unwrap(), key.parse().unwrap());
        Self {
            signer: signer_policy(&mount, &key, kind, scheme).unwrap(),
            verifier: verifier_policy(&mount, &key),
            reader: reader_policy(&mount, &key),
        }
    }

    /// What the documentation has an operator paste.
    fn documented() -> Self {
        let text = fs::read_to_string(workspace().join("docs/vault.md")).unwrap();
        let policy = |name: &str| {
            let start = format!("vault policy write {name} - <<'EOF'\n");
            let (_, rest) = text.split_once(&start).unwrap_or_else(|| panic!("docs/vault.md has no policy {name}"));
            rest.split_once("EOF\n").unwrap().0.to_owned()
        };
        Self { signer: policy("models-sign"), verifier: policy("models-verify"), reader: policy("models-read") }
    }

    /// Files with tokens that have one of the policies and not even `default`.
    fn tokens(&self, scene: &Scene<'_>) {
        let admin = scene.server.admin();
        for (name, hcl) in [("signer", &self.signer), ("verifier", &self.verifier), ("reader", &self.reader)] {
            scene.secret(name, &admin.token(&[&admin.policy(name, hcl)], "5m", "service", 0));
        }
    }
}

/// The command with somebody's token.
fn with(scene: &Scene<'_>, who: &str, arguments: &[&str]) -> Command {
    let mut command = scene.bare(arguments);
    command.args(["--token-file", who]);
    command
}

/// Each can do what it is for, and not what the others are for.
#[track_caller]
fn suffice(scene: &Scene<'_>, key: &str) {
    let sign = ["sign", "model", "--key", key, "--name", NAME];
    let by_reference = ["verify", "model", "--key", key, "--expect-name", NAME];
    let online = [&by_reference[..], &["--online"]].concat();
    let trial = ["vault", "login", "--dry-run", "--key", key];
    for who in ["verifier", "reader"] {
        run(&mut with(scene, who, &sign)).refused(4, "vault/permission");
    }
    run(&mut with(scene, "signer", &sign)).accepted();
    for who in ["signer", "verifier", "reader"] {
        run(&mut with(scene, who, &by_reference)).accepted();
        run(&mut with(scene, who, &["keys", "show", key])).accepted();
        run(&mut with(scene, who, &["keys", "export", key, "--out", &format!("keys-of-{who}")])).accepted();
    }
    run(&mut with(scene, "verifier", &online)).accepted();
    for who in ["signer", "reader"] {
        run(&mut with(scene, who, &online)).refused(4, "vault/permission");
    }
    run(&mut with(scene, "signer", &trial)).accepted();
    let json = run(&mut with(scene, "verifier", &trial)).refused(4, "vault/permission");
    assert_eq!([&json["key"]["may_sign"], &json["key"]["may_verify"]], [&json!(false), &json!(true)]);
    fs::remove_file(scene.bundle()).unwrap();
}

/// Somebody's token, for requests of one's own.
fn client(scene: &Scene<'_>, who: &str) -> Client {
    let token = fs::read_to_string(scene.sandbox.at(who)).unwrap();
    scene.server.client().with_token(token.trim_end())
}

/// The request that is allowed, with something changed; null leaves it out.
fn request(change: &Value) -> Value {
    let mut request = json!({
        "input": DIGEST, "key_version": 1,
        "hash_algorithm": "sha2-256", "marshaling_algorithm": "asn1", "prehashed": true,
    });
    for (name, value) in change.as_object().unwrap() {
        request[name] = value.clone();
    }
    request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    request
}

/// A signer has one way to sign and no other.
#[track_caller]
fn only_one_way(scene: &Scene<'_>, mount: &str, key: &str) {
    let signer = client(scene, "signer");
    let sign = |path: &str, change: Value| signer.post(path, &request(&change)).status;
    let path = format!("{mount}/sign/{key}");
    assert_eq!(sign(&path, json!({})), 200);
    let batch = json!({"input": null, "batch_input": [{"input": DIGEST}, {"input": DIGEST}]});
    assert_eq!(sign(&path, batch), 200);
    for change in [
        json!({"hash_algorithm": "sha2-512"}),
        json!({"hash_algorithm": "sha1"}),
        json!({"hash_algorithm": "none"}),
        json!({"hash_algorithm": null}),
        json!({"prehashed": false}),
        json!({"prehashed": null}),
        json!({"marshaling_algorithm": "jws"}),
        json!({"marshaling_algorithm": null}),
        json!({"key_version": null}),
        json!({"signature_algorithm": "pss"}),
        json!({"salt_length": "auto"}),
        json!({"context": DIGEST}),
        json!({"algorithm": "sha2-512"}),
    ] {
        assert_eq!(sign(&path, change.clone()), 403, "{change}");
    }
    // The hash in the path is another path.
    assert_eq!(sign(&format!("{path}/sha2-256"), json!({})), 403);
    for (path, body) in [
        (format!("{mount}/sign/other"), request(&json!({}))),
        (format!("{mount}/hmac/{key}"), json!({"input": DIGEST})),
        (format!("{mount}/keys/{key}/rotate"), json!({})),
        (format!("{mount}/keys/{key}/config"), json!({"deletion_allowed": true})),
        ("auth/token/create".to_owned(), json!({})),
        ("auth/token/renew-self".to_owned(), json!({})),
    ] {
        assert_eq!(signer.post(&path, &body).status, 403, "{path}");
    }
    for path in [format!("{mount}/export/signing-key/{key}"), format!("{mount}/backup/{key}"), "sys/mounts".to_owned()]
    {
        assert_eq!(signer.get(&path).status, 403, "{path}");
    }
    for who in ["verifier", "reader"] {
        assert_eq!(client(scene, who).post(&path, &request(&json!({}))).status, 403, "{who}");
    }
}

on_each_server! {
    fn documented_policies_suffice_and_allow_nothing_else(kind: Kind) {
        let server = Server::own(kind, &Options::default());
        let scene = Scene::new(&server);
        let admin = server.admin();
        admin.post("sys/mounts/model-signing", &json!({"type": "transit"})).ok();
        admin.key("model-signing", "models", "ecdsa-p256");
        admin.key("model-signing", "other", "ecdsa-p256");
        let documented = Policies::documented();
        documented.tokens(&scene);
        suffice(&scene, "hashivault://model-signing/models");
        only_one_way(&scene, "model-signing", "models");
    }

    fn written_policies_suffice_and_allow_nothing_else(server: &Server) {
        let scene = Scene::new(server);
        let kind = KeyKind::Ec(modelseal::Curve::P256);
        Policies::written(&scene.mount, "model", kind, Scheme::Ecdsa).tokens(&scene);
        suffice(&scene, &scene.key());
        only_one_way(&scene, &scene.mount, "model");
    }

    fn written_policies_suffice_for_every_scheme(server: &Server) {
        let mut schemes = vec![
            ("ecdsa-p384", "ecdsa"),
            ("ecdsa-p521", "ecdsa"),
            ("rsa-2048", "rsa-pss-sha256"),
            ("rsa-2048", "rsa-pss-sha512"),
            ("rsa-2048", "rsa-pkcs1v15-sha384"),
            ("ed25519", "ed25519"),
        ];
        if server.kind == Kind::OpenBao {
            schemes.push(("mldsa-65", "mldsa-65"));
        }
        for (kind, scheme) in schemes {
            let scene = Scene::with_key(server, kind);
            let key = format!("{}?scheme={scheme}", scene.key());
            run(&mut scene.ask(&["keys", "export", &key, "--out", "keys"])).accepted();
            let pem = scene.sandbox.at("keys/model-v1.pem");
            let of = modelseal::load_public_key(&pem).unwrap().kind();
            Policies::written(&scene.mount, "model", of, scheme.parse().unwrap()).tokens(&scene);
            suffice(&scene, &key);
            // Neither with another hash nor with none.
            let signer = client(&scene, "signer");
            for change in [json!({"hash_algorithm": "sha2-224"}), json!({"prehashed": null, "hash_algorithm": null})] {
                let path = format!("{}/sign/model", scene.mount);
                let mut body = request(&change);
                if kind == "ed25519" {
                    body["prehashed"] = json!(true);
                }
                assert_eq!(signer.post(&path, &body).status, 403, "{kind} {scheme} {change}");
            }
        }
    }
}
