//! Every JSON output fits its published schema, key by key.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::fault::{Behaviour, FaultServer};
use super::support::schemas::fits_its_schema;
use super::{MODELSEAL, workspace};

fn run(directory: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(MODELSEAL);
    command.env_clear().env("VAULT_TOKEN", "hvs.any");
    let output = command.args(arguments).args(["--format", "json"]).current_dir(directory).output();
    let output = output.unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", String::from_utf8_lossy(&output.stderr)))
}

/// A token that nobody signed.
fn identity_token() -> Vec<u8> {
    let claims = r#"{"iss":"https://i.example","aud":"a","exp":4102444800,"x":{"y":[1]}}"#;
    let script = workspace().join("tests/cli/fixtures/identity-token.sh");
    Command::new("sh").arg(script).arg(claims).output().unwrap().stdout
}

#[test]
fn a_skipped_signature_fits_its_schema() {
    let event = workspace().join("tests/cli/cases/identity.in/event.json");
    let mut command = Command::new(MODELSEAL);
    command
        .env_clear()
        .env("VAULT_ADDR", "http://127.0.0.1:8200")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "pull_request");
    command.env("GITHUB_EVENT_PATH", event).args(["sign", "m", "--key", "hashivault://models", "--role", "ci"]);
    let output = command.args(["--skip-on-fork", "--format", "json"]).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &value["signed"], &value["code"]), (Some(0), &json!(false), &json!("skipped")));
    fits_its_schema(&value);
}

/// What a server says to a token that may read and sign, and of a key with one version.
pub(super) fn server() -> FaultServer {
    let public_key = std::fs::read_to_string(workspace().join("tests/vectors/keys/p256.pub.pem")).unwrap();
    let version = json!({"creation_time": "2026-11-21T00:00:00Z", "name": "P-256", "public_key": public_key});
    let key = json!({
        "name": "models", "type": "ecdsa-p256", "latest_version": 1, "min_decryption_version": 1,
        "min_encryption_version": 0, "supports_signing": true, "keys": {"1": version},
    });
    let token = json!({
        "accessor": "a", "ttl": 600, "expire_time": "2026-11-21T00:00:00Z", "num_uses": 0, "type": "service",
        "policies": ["sign"],
    });
    let may =
        json!({"transit/keys/models": ["read"], "transit/sign/models": ["update"], "transit/verify/models": ["deny"]});
    let health = json!({"initialized": true, "sealed": false, "standby": false, "version": "1.21.0"});
    let data = |data: &Value| [Behaviour::json(200, &json!({"data": data}))];
    FaultServer::builder()
        .on("GET", "/v1/sys/health", [Behaviour::json(200, &health)])
        .on("GET", "/v1/auth/token/lookup-self", data(&token))
        .on("POST", "/v1/sys/capabilities-self", data(&may))
        .on("GET", "/v1/transit/keys/models", data(&key))
        .start()
}

const POLICY: &str = r#"version = 1
serial = 1
valid_until = 2099-01-01T00:00:00Z

[[key]]
name = "k"
public_key = "k.pub.pem"

[[rule]]
name = "all"
models = ["*"]
keys = ["k"]
identity = "key-only"
"#;

const CASES: &str = r#"[[case]]
name = "nobody"
expect = "deny"
now = 2026-11-21T00:00:00Z
"#;

#[test]
fn outputs_fit_their_schemas() {
    let server = server();
    let at_server = ["--vault-addr", &server.address];
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::create_dir(at.join("m")).unwrap();
    std::fs::write(at.join("m/w.bin"), "w").unwrap();
    std::fs::write(at.join("token"), identity_token()).unwrap();
    std::fs::write(at.join("scan.json"), "{}").unwrap();
    std::fs::write(at.join("policy.toml"), POLICY).unwrap();
    std::fs::write(at.join("policy.cases.toml"), CASES).unwrap();
    let vectors = workspace().join("tests/vectors");
    let vector = |path: &str| vectors.join(path).display().to_string();
    let (legacy, chain) = (vector("legacy-0.2.0-key/model.sig"), vector("cert-p256/model.sig"));
    let (leaf, key) = (vector("keys/cert-leaf-p256.pem"), vector("keys/p256.pem"));
    let (model, root) = (vector("cert-p256/model"), vector("keys/cert-root.pem"));
    let lines: &[&[&str]] = &[
        &["keys", "generate", "k.pem"],
        &["keys", "show", "k.pem"],
        &["keys", "export", "k.pub.pem"],
        &["keys", "export", "k.pub.pem", "--out", "copy.pem"],
        &["keys", "generate", "k.pem"],
        &["digest", "m"],
        &["digest", "m", "--manifest", "--method", "shards", "--hash", "blake2b"],
        &["sign", "m", "--key", "k.pem", "--dry-run"],
        &["sign", "m", "--key", &key, "--certificate", &leaf, "--danger-allow-test-keys", "--danger-allow-symlinks"],
        &["sign", "m", "--key", "k.pem"],
        &["attest", "m", "--type", "urn:acme:scan", "--predicate", "scan.json", "--key", "k.pem", "--any-model"],
        &["attest", "m", "--type", "urn:acme:scan", "--predicate", "scan.json", "--key", "k.pem", "--any-model"],
        &["verify", "m", "--policy", "policy.toml", "--any-model"],
        &["verify", "m", "--policy", "policy.toml", "--expect-name", "other"],
        &["policy", "check", "policy.toml"],
        &["policy", "check", "policy.toml", "--deny-warnings"],
        &["policy", "explain", "m", "--policy", "policy.toml", "--any-model"],
        &["policy", "explain", "m", "--policy", "policy.toml", "--expect-name", "other"],
        &["policy", "init"],
        &["policy", "init", "--from", "m", "--key", "k.pub.pem", "-o", "first.toml"],
        &["policy", "test", "policy.toml"],
        &["keys", "generate", "p.pem"],
        &["policy", "sign", "policy.toml", "--key", "p.pem"],
        &["inspect", "m"],
        &["inspect", "m/model.attestations.jsonl"],
        &["sign", "m"],
        &["verify", "m", "--key", "k.pub.pem"],
        &["verify", "m", "--key", "k.pub.pem", "--only", "w.bin", "--danger-ignore-unsigned-files"],
        &["verify", "m", "absent", "--key", "k.pub.pem", "--expect-count", "3"],
        &["verify", "--recursive", ".", "--key", "k.pub.pem"],
        &["verify", &model, "--bundle", &chain, "--certificate-chain", &root, "--danger-allow-test-keys"],
        &["verify", "m", "--key", "absent.pem"],
        &["inspect", "m"],
        &["inspect", "m", "--manifest"],
        &["inspect", &legacy],
        &["inspect", &chain],
        &["inspect", "k.pem"],
        &["vault", "login", "--dry-run", at_server[0], at_server[1]],
        &["vault", "login", "--dry-run", "--key", "hashivault://models", at_server[0], at_server[1]],
        &["keys", "show", "hashivault://models", at_server[0], at_server[1]],
        &["keys", "export", "hashivault://models", at_server[0], at_server[1]],
        &["keys", "export", "hashivault://models", "--out", "keys", at_server[0], at_server[1]],
        &["keys", "export", "hashivault://models?version=2", at_server[0], at_server[1]],
        &["sign", "m", "--key", "hashivault://models", "--danger-allow-test-keys", at_server[0], at_server[1]],
        &["identity", "show", "--identity-token-file", "token"],
        &["doctor", at_server[0], at_server[1], "--key", "hashivault://models"],
        &["doctor", "--repo", "."],
        &["generate", "completions", "fish"],
        &["generate", "man", "."],
        &["nonsense"],
        &[],
    ];
    let mut kinds = std::collections::BTreeSet::new();
    for line in lines {
        let value = run(at, line);
        fits_its_schema(&value);
        kinds.insert(value["kind"].as_str().unwrap().to_owned());
    }
    // What needs a server is looked at where there is one.
    kinds.insert("modelseal.vault.login".to_owned());
    let published = std::fs::read_dir(workspace().join("crates/modelseal-cli/schemas")).unwrap().count();
    assert_eq!(kinds.len(), published, "{kinds:?}");
}

#[test]
fn the_json_report_is_the_json_output() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    for line in [&["verify", "absent", "--key", "k.pub.pem"][..], &["verify", "absent", "--key", "k.pem"]] {
        run(at, &["keys", "generate", "k.pem"]);
        let printed = run(at, &[line, &["--report", "r.json"]].concat());
        let report: Value = serde_json::from_slice(&std::fs::read(at.join("r.json")).unwrap()).unwrap();
        assert_eq!(printed, report);
        fits_its_schema(&report);
    }
}
