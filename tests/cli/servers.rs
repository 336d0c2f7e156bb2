//! What decides which key a result rests on: where it is said, what may not decide it, and when.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fault::{Behaviour, FaultServer};
use super::{MODELSEAL, workspace};

const KEY: &str = "hashivault://models";
/// The id of `tests/vectors/keys/p256.pub.pem`, which every server here has.
const ID: &str = "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4";
const OTHER_ID: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A server that lets everybody log in, and has one key with `versions` versions, all alike.
fn server(versions: u32, revoke: Behaviour) -> FaultServer {
    let public_key = fs::read_to_string(workspace().join("tests/vectors/keys/p256.pub.pem")).unwrap();
    let version = json!({"creation_time": "2026-11-21T00:00:00Z", "name": "P-256", "public_key": public_key});
    let keys: serde_json::Map<_, _> = (1..=versions).map(|number| (number.to_string(), version.clone())).collect();
    let key = json!({"data": {
        "name": "models", "type": "ecdsa-p256", "latest_version": versions, "min_decryption_version": 1,
        "min_encryption_version": 0, "supports_signing": true, "keys": keys,
    }});
    let mut other = key.clone();
    other["data"]["type"] = "ecdsa-p384".into();
    let public_key = fs::read_to_string(workspace().join("tests/vectors/keys/p384.pub.pem")).unwrap();
    other["data"]["keys"]["1"]["public_key"] = public_key.into();
    let auth = json!({"auth": {
        "client_token": "hvs.short", "accessor": "abc", "policies": ["sign"], "token_policies": ["sign"],
        "lease_duration": 60, "renewable": false, "token_type": "service", "orphan": true, "num_uses": 0,
    }});
    FaultServer::builder()
        .on("POST", "/v1/auth/jwt/login", [Behaviour::json(200, &auth)])
        .on("GET", "/v1/transit/keys/models", [Behaviour::json(200, &key)])
        .on("GET", "/v1/evil/keys/models", [Behaviour::json(200, &key)])
        .on("GET", "/v1/other/keys/models", [Behaviour::json(200, &other)])
        .on("POST", "/v1/auth/token/revoke-self", [revoke])
        .start()
}

fn healthy() -> FaultServer {
    server(1, Behaviour::answer(204, &[], ""))
}

/// A model `m` that the server's key signed, and an identity in `jwt`.
fn job() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::create_dir(at.join("m")).unwrap();
    fs::write(at.join("m/w.bin"), "w").unwrap();
    secret(at, "jwt", &jwt());
    let private = workspace().join("tests/vectors/keys/p256.pem").display().to_string();
    let signed = modelseal(at, &["sign", "m", "--key", &private, "--danger-allow-test-keys"]);
    assert!(signed.status.success(), "{}", said(&signed));
    directory
}

fn secret(at: &Path, name: &str, text: &str) {
    fs::write(at.join(name), text).unwrap();
    fs::set_permissions(at.join(name), fs::Permissions::from_mode(0o600)).unwrap();
}

fn jwt() -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({"alg": "ES256"}));
    format!("{header}.{}.AAAA", part(json!({"iss": "a", "sub": "b", "aud": "c", "exp": 4_000_000_000_u64})))
}

fn command(at: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(MODELSEAL);
    command.env_clear().args(arguments).current_dir(at);
    command
}

fn modelseal(at: &Path, arguments: &[&str]) -> Output {
    command(at, arguments).output().unwrap()
}

/// The same, which logs in at a server.
fn asking(at: &Path, address: &str, arguments: &[&str]) -> Command {
    let mut command = command(at, arguments);
    command.args(["--role", "ci", "--identity-token-file", "jwt"]).env("VAULT_ADDR", address);
    command
}

fn verify<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["verify", "m", "--key", KEY, "--any-model", "--danger-allow-test-keys"], more].concat()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned()
}

fn stdout(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(output)))
}

#[track_caller]
fn assert_refused(output: &Output, status: i32, code: &str) {
    assert_eq!(output.status.code(), Some(status), "{}", said(output));
    assert!(said(output).contains(&format!("[{code}]")), "{}", said(output));
}

#[test]
fn results_say_which_server_they_rest_on() {
    let (server, directory) = (healthy(), job());
    let at = directory.path();
    let steered = |arguments: &[&str]| {
        let mut command = asking(at, &server.address, arguments);
        // As an earlier step of a job may have left them.
        command.env("TRANSIT_SECRET_ENGINE_PATH", "evil").env("MODELSEAL_AUTH_NAMESPACE", "root");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        output
    };
    let place = json!({"address": server.address, "namespace": null, "mount": "evil"});
    let line = format!("server: {} (mount evil)\n", server.address);
    let json = ["--format", "json"];
    assert_eq!(stdout(&steered(&verify(&json)))["servers"], json!([place]));
    assert!(said(&steered(&verify(&[]))).contains(&line));
    assert!(said(&steered(&verify(&["--recursive"]))).contains(&line));
    assert_eq!(stdout(&steered(&["keys", "show", KEY, json[0], json[1]]))["server"], place);
    assert!(said(&steered(&["keys", "show", KEY])).contains(&line));
    assert_eq!(stdout(&steered(&["keys", "export", KEY, json[0], json[1]]))["server"], place);
    assert!(said(&steered(&["keys", "export", KEY, "--out", "keys"])).contains(&line));
    let pem = steered(&["keys", "export", KEY]);
    assert!(String::from_utf8(pem.stdout).unwrap().starts_with("-----BEGIN"));
    assert!(
        String::from_utf8(pem.stderr).unwrap().contains(&format!("the key is from {} (mount evil)", server.address))
    );

    // A key of its own has a place of its own.
    let both = steered(&[&verify(&json)[..], &["--key", "hashivault://other/models"]].concat());
    let other = json!({"address": server.address, "namespace": null, "mount": "other"});
    assert_eq!(stdout(&both)["servers"], json!([place, other]));
    // No server, no line.
    let key = workspace().join("tests/vectors/keys/p256.pub.pem").display().to_string();
    let local = modelseal(at, &["verify", "m", "--key", &key, "--danger-allow-test-keys", "--format", "json"]);
    assert_eq!(stdout(&local)["servers"], json!([]));
}

#[test]
fn an_expected_key_id_cannot_be_steered() {
    let (server, directory) = (healthy(), job());
    let at = directory.path();
    let ask = |arguments: &[&str]| asking(at, &server.address, arguments).output().unwrap();
    assert!(ask(&verify(&["--expect-key-id", ID])).status.success());
    assert_refused(&ask(&verify(&["--expect-key-id", OTHER_ID])), 1, "signature/unknown-key");
    for more in [&[][..], &["--out", "keys"], &["--out", "keys", "--replace"]] {
        let export = |id: &str| ask(&[&["keys", "export", KEY, "--expect-key-id", id], more].concat());
        let refused = export(OTHER_ID);
        assert_refused(&refused, 4, "vault/unexpected-key");
        assert!(refused.stdout.is_empty() && !at.join("keys").exists());
        assert!(export(ID).status.success());
        let _ = fs::remove_dir_all(at.join("keys"));
    }
    let local = modelseal(at, &["keys", "generate", "k.pem"]);
    assert!(local.status.success());
    let export = ["keys", "export", "k.pem", "--out", "out.pem", "--expect-key-id", OTHER_ID];
    assert_refused(&modelseal(at, &export), 2, "key/mismatch");
    assert!(!at.join("out.pem").exists());
}

#[test]
fn what_is_wrong_with_a_call_is_refused_before_the_login() {
    let (server, directory) = (healthy(), job());
    let at = directory.path();
    fs::write(at.join("nothing.pem"), "").unwrap();
    let inside = fs::read(workspace().join("tests/vectors/keys/p384.pub.pem")).unwrap();
    fs::write(at.join("m/p384.pem"), inside).unwrap();
    let table = ["--certificate-chain", "nothing.pem"];
    for (more, code) in [
        (&["--expect-digest", "sha512:00"][..], "usage/arguments"),
        (&["--expect-key-id", "0"], "usage/arguments"),
        (&["m2", "--bundle", "b"], "usage/arguments"),
        (&["--key", "m/p384.pem"], "usage/trust-inside-model"),
        (&table, "key/malformed"),
        (&["--key", "nothing.toml"], "input/not-found"),
    ] {
        let arguments = [&["verify", "m", "--key", KEY, "--danger-allow-test-keys", "--online"], more].concat();
        let refused = asking(at, &server.address, &arguments).output().unwrap();
        assert!(!refused.status.success());
        assert!(server.requests().is_empty(), "{more:?}: {}", said(&refused));
        assert!(said(&refused).contains(&format!("[{code}]")), "{code}: {}", said(&refused));
    }
}

#[test]
fn a_token_that_stays_behind_is_named_whatever_is_refused() {
    let server = server(1, Behaviour::json(500, &json!({"errors": ["no"]})));
    let directory = job();
    // The key of the server is a published one, which is seen when it was read.
    for online in [&[][..], &["--online"]] {
        let arguments = [&["verify", "m", "--key", KEY, "--any-model"], online].concat();
        let refused = asking(directory.path(), &server.address, &arguments).output().unwrap();
        assert_refused(&refused, 2, "key/test-key");
        assert!(said(&refused).contains("the token could not be revoked"), "{}", said(&refused));
    }
}

#[test]
fn the_model_does_not_say_which_server_is_believed() {
    let directory = job();
    let at = directory.path();
    let authority = workspace().join("tests/vault/any-ca.pem");
    fs::create_dir(at.join("authorities")).unwrap();
    fs::copy(&authority, at.join("m/ca.pem")).unwrap();
    std::os::unix::fs::symlink("../m/ca.pem", at.join("authorities/a.pem")).unwrap();
    let online = ["verify", "m", "--key", KEY, "--any-model", "--online"];
    for arguments in [&verify(&[])[..], &online, &["sign", "m", "--key", KEY]] {
        // Nobody listens there.
        let ask = || asking(at, "https://127.0.0.1:9", arguments);
        let refused = ask().args(["--ca-cert", "m/ca.pem"]).output().unwrap();
        assert_refused(&refused, 2, "usage/trust-inside-model");
        for (name, value) in [
            ("MODELSEAL_CA_CERT", "m/ca.pem"),
            ("BAO_CACERT", "m/ca.pem"),
            ("VAULT_CACERT", "m/../m/ca.pem"),
            ("VAULT_CAPATH", "m"),
            ("BAO_CAPATH", "authorities"),
        ] {
            assert_refused(&ask().env(name, value).output().unwrap(), 2, "usage/trust-inside-model");
        }
        let outside = ask().env("VAULT_CACERT", &authority).env("VAULT_MAX_RETRIES", "0").output().unwrap();
        assert_refused(&outside, 5, "vault/unreachable");
    }
}

#[test]
fn secrets_that_variables_name_are_not_signed() {
    let directory = job();
    let at = directory.path();
    secret(at, "m/secret", &jwt());
    let sign = || {
        let mut command = command(at, &["sign", "m", "--key", KEY, "--vault-addr", "https://127.0.0.1:9"]);
        command.env("VAULT_MAX_RETRIES", "0").env("MODELSEAL_ROLE", "ci").env("MODELSEAL_ROLE_ID", "id");
        command
    };
    for (method, name) in [
        ("token", "MODELSEAL_TOKEN_FILE"),
        ("jwt", "MODELSEAL_IDENTITY_TOKEN_FILE"),
        ("kubernetes", "MODELSEAL_SERVICE_ACCOUNT_TOKEN"),
        ("approle", "MODELSEAL_SECRET_ID_FILE"),
        ("approle", "MODELSEAL_WRAPPED_SECRET_ID_FILE"),
        ("agent", "MODELSEAL_TOKEN_SINK"),
    ] {
        let refused = sign().env("MODELSEAL_AUTH", method).env(name, "m/secret").output().unwrap();
        assert_refused(&refused, 2, "usage/trust-inside-model");
        assert!(said(&refused).contains("whoever gets the model would get the key too"), "{}", said(&refused));
    }
    // One that this run sets aside for a flag is a secret all the same.
    let mut other = sign();
    other.args(["--auth", "jwt", "--identity-token-file", "jwt"]).env("MODELSEAL_IDENTITY_TOKEN_FILE", "m/secret");
    assert_refused(&other.output().unwrap(), 2, "usage/trust-inside-model");
    // The key of a client certificate.
    fs::remove_file(at.join("m/secret")).unwrap();
    fs::copy(workspace().join("tests/vectors/keys/p256.pem"), at.join("m/client.key")).unwrap();
    let leaf = workspace().join("tests/vectors/keys/cert-leaf-p256.pem");
    let mut client = sign();
    client
        .args(["--identity-token-file", "jwt"])
        .env("VAULT_CLIENT_CERT", leaf)
        .env("VAULT_CLIENT_KEY", "m/client.key");
    assert_refused(&client.output().unwrap(), 2, "usage/trust-inside-model");
}

#[test]
fn an_export_neither_waits_nor_writes_what_it_cannot_read() {
    let (server, directory) = (healthy(), job());
    let at = directory.path();
    fs::create_dir(at.join("keys")).unwrap();
    assert!(Command::new("mkfifo").arg(at.join("keys/models-v1.pem")).status().unwrap().success());
    for replace in [&[][..], &["--replace"]] {
        let arguments = [&["keys", "export", KEY, "--out", "keys"], replace].concat();
        assert_refused(&asking(at, &server.address, &arguments).output().unwrap(), 2, "output/exists");
    }
    assert_eq!(fs::read_dir(at.join("keys")).unwrap().count(), 1);

    for (versions, fits) in [(1000, true), (1001, false)] {
        let server = self::server(versions, Behaviour::answer(204, &[], ""));
        let out = format!("keys-{versions}");
        let exported = asking(at, &server.address, &["keys", "export", KEY, "--out", &out]).output().unwrap();
        if fits {
            assert!(exported.status.success(), "{}", said(&exported));
        } else {
            assert_refused(&exported, 4, "vault/not-supported");
            assert!(!at.join(out).exists());
            let one = ["keys", "export", "hashivault://models?version=1001", "--out", "one"];
            let one = asking(at, &server.address, &one).output().unwrap();
            assert!(one.status.success(), "{}", said(&one));
        }
    }
}
