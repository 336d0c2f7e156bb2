//! Every JSON output fits its published schema, key by key.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::support::schemas::fits_its_schema;
use super::{MODELSEAL, workspace};

fn run(directory: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(MODELSEAL).args(arguments).args(["--format", "json"]).current_dir(directory).output();
    let output = output.unwrap();
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn outputs_fit_their_schemas() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::create_dir(at.join("m")).unwrap();
    std::fs::write(at.join("m/w.bin"), "w").unwrap();
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
