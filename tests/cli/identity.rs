//! Identity tokens that verify: they live for minutes, so that none can be recorded.

use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::MODELSEAL;
use super::fault::{Behaviour, FaultServer, Reply};
use super::keys::{Key, key_set};
use super::support::schemas::fits_its_schema;

/// A token of this issuer that is good now.
fn token(key: &Key, issuer: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"iss": issuer, "aud": "a", "iat": now, "exp": now + 300, "jti": "j", "repository_id": "74"});
    key.token(&claims)
}

fn show(directory: &Path, more: &[&str]) -> (i32, String) {
    let mut command = Command::new(MODELSEAL);
    command.env_clear().args(["identity", "show", "--identity-token-file", "token", "--audience", "a"]).args(more);
    let output = command.current_dir(directory).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_token_is_verified_with_a_given_key_set() {
    let (directory, key) = (tempfile::tempdir().unwrap(), Key::rsa("k"));
    let at = directory.path();
    let token = token(&key, "https://token.actions.githubusercontent.com");
    std::fs::write(at.join("token"), &token).unwrap();
    std::fs::write(at.join("jwks.json"), key_set(&[&key]).to_string()).unwrap();
    let (status, text) = show(at, &["--verify", "--jwks", "jwks.json"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.starts_with("verified  identity token of the file\n"), "{text}");
    // The issuer says whose claims these are.
    assert!(text.contains("enforce   repository_id: 74"), "{text}");
    let (_, json) = show(at, &["--verify", "--jwks", "jwks.json", "--format", "json"]);
    let value: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&value["verified"], &value["source"]), (&json!(true), &json!("file")));
    fits_its_schema(&value);
    let (_, text) = show(at, &[]);
    assert!(text.starts_with("not verified  ") && text.contains("unknown   repository_id"), "{text}");
    for part in token.split('.') {
        assert!(!json.contains(part) && !text.contains(part));
    }
}

#[test]
fn a_token_is_verified_with_the_keys_of_its_issuer() {
    let (directory, key, forger) = (tempfile::tempdir().unwrap(), Key::rsa("k"), Key::rsa("k"));
    let discovery = Behaviour::compute(|request| {
        let url = format!("http://{}", request.header("host").unwrap());
        Reply::json(200, &json!({"issuer": url, "jwks_uri": format!("{url}/keys")}))
    });
    let server = FaultServer::builder()
        .on("GET", "/.well-known/openid-configuration", [discovery])
        .on("GET", "/keys", [Behaviour::json(200, &key_set(&[&key]))])
        .start();
    let at = directory.path();
    std::fs::write(at.join("token"), token(&key, &server.address)).unwrap();
    // Whoever wrote the token also runs the issuer that it names.
    let (status, text) = show(at, &["--verify"]);
    assert!(status == 2 && text.contains("[usage/arguments]") && !text.contains("verified  "), "{text}");
    assert!(server.requests().is_empty());
    let (status, text) = show(at, &["--verify", "--identity-issuer", &server.address, "-v"]);
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("verified  identity token of the file\n") && text.contains("/keys 200"), "{text}");
    assert_eq!(server.requests().len(), 2);
    std::fs::write(at.join("token"), token(&forger, &server.address)).unwrap();
    let (status, text) = show(at, &["--verify", "--identity-issuer", &server.address]);
    assert_eq!(status, 2);
    assert!(text.contains("[identity/signature]") && !text.contains("repository_id"), "{text}");
}
