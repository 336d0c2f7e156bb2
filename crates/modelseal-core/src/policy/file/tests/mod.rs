mod identity;
mod parts;
mod whole;

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::model::{IdentityRule, Matcher, RevokedThing};
use super::*;

// Throw-away test keys, published on purpose: never trust them.
const P256: &str = include_str!("../../../../../../tests/vectors/keys/p256.pub.pem");
const OTHER: &str = include_str!("../../../../../../tests/vectors/keys/p256-other.pub.pem");
const P384: &str = include_str!("../../../../../../tests/vectors/keys/p384.pub.pem");
const P521: &str = include_str!("../../../../../../tests/vectors/keys/p521.pub.pem");
const ED25519: &str = include_str!("../../../../../../tests/vectors/keys/ed25519.pub.pem");
const ROOT: &str = include_str!("../../../../../../tests/vectors/keys/cert-root.pem");
const P256_ID: &str = "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4";

/// Files in memory.
pub(in crate::policy) struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
    test_keys: bool,
}

impl Memory {
    pub(in crate::policy) fn new() -> Self {
        let files = [
            ("keys/team-a.pem", P256),
            ("keys/models-v3.pem", P256),
            ("keys/models-v4.pem", OTHER),
            ("keys/experiments.pem", P384),
            ("keys/scanner.pem", P521),
            ("a.pem", P256),
            ("b.pem", OTHER),
            ("c.pem", P384),
            ("d.pem", P521),
            ("ed25519.pem", ED25519),
            ("root.pem", ROOT),
            ("extra.rego", "package model\n"),
            ("data.json", "{\"a\": 1}"),
            ("twice.json", "{\"a\": 1, \"a\": 2}"),
            ("revoked.toml", "version = 1\nserial = 4\nvalid_until = 2026-06-01T00:00:00Z\n"),
        ];
        let files = files.into_iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect();
        Self { files, test_keys: true }
    }

    fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.as_bytes().to_vec());
        self
    }
}

impl PolicyFiles for Memory {
    fn read(&mut self, path: &Path, most: usize) -> Result<(Vec<u8>, PathBuf)> {
        let content = self.files.get(path).filter(|content| content.len() <= most);
        let missing = || Error::new(Code::InputNotFound, format!("`{}` does not exist", path.display()));
        Ok((content.ok_or_else(missing)?.clone(), Path::new("/policy").join(path)))
    }

    fn locate(&mut self, path: &Path) -> Result<PathBuf> {
        Ok(Path::new("/policy").join(path))
    }

    fn danger_allow_test_keys(&self) -> bool {
        self.test_keys
    }
}

pub(in crate::policy) fn read(text: &str) -> Result<PolicyFile> {
    parse(text.as_bytes(), "policy.toml", &mut Memory::new())
}

const KEY: &str = "version = 1\n[[key]]\nname = \"a\"\npublic_key = \"a.pem\"\n";
const RULE: &str = "[[rule]]\nname = \"r\"\nmodels = [\"m/*\"]\nkeys = [\"a\"]\n";
const KEY_ONLY: &str = "identity = \"key-only\"\n";

/// A policy with one key, and one rule with these lines, which begin at line 9.
fn rule(lines: &str) -> String {
    format!("{KEY}{RULE}{lines}")
}

fn github(lines: &str) -> String {
    rule(&format!("[rule.github]\n{lines}"))
}

/// A policy with these lines at its top, from line 1 on.
fn top(lines: &str) -> String {
    format!("{lines}{KEY}{RULE}{KEY_ONLY}")
}

/// A whole policy, then these lines, from line 10 on.
fn after(lines: &str) -> String {
    format!("{KEY}{RULE}{KEY_ONLY}{lines}")
}

fn refused(text: &str, line: usize, code: Code, message: &str) -> Error {
    let error = read(text).unwrap_err();
    assert_eq!(error.code(), code, "{text}\n{error}");
    assert!(error.message().starts_with(&format!("line {line}: ")), "{text}\n{error}");
    assert!(error.message().contains(message), "{text}\n{error}");
    assert!(!error.hint().is_empty());
    error
}

pub(in crate::policy) const TEAM: &str = r#"version = 1
[[key]]
name = "team-a"
public_key = "keys/team-a.pem"
[[rule]]
name = "models of team a"
models = ["team-a/*"]
keys = ["team-a"]
identity = "key-only"
"#;

pub(in crate::policy) const PRODUCTION: &str = r#"version = 1
name = "production"
[[key]]
name = "models"
min_version = 3
[[key.version]]                       # both are accepted from 1 November to 31 January
version = 3
public_key = "keys/models-v3.pem"
not_after = 2027-01-31T00:00:00Z
[[key.version]]
version = 4
public_key = "keys/models-v4.pem"
not_before = 2026-11-01T00:00:00Z
[[key]]
name = "experiments"               # a weaker rule has a key of its own
public_key = "keys/experiments.pem"
[[key]]
name = "scanner"
public_key = "keys/scanner.pem"
[[rule]]
name = "production language models"
models = ["acme/llm-*"]
keys = ["models"]
[rule.github]
repository_id = ["456789"]
job_workflow_ref = ["acme/ml-ci/.github/workflows/sign.yml@refs/tags/v*"]
event_name = ["push", "release"]
ref = ["refs/heads/main", "refs/tags/*"]
environment = ["production"]
runner_environment = ["github-hosted"]
[rule.files]
formats = ["safetensors", "json", "text"]
[rule.freshness]
max_age = "180d"
[[rule.evidence]]
predicate_type = "https://acme.example/scan/v1"
keys = ["scanner"]
max_age = "30d"
fields = { "/result" = ["passed"] }
[[rule]]
name = "experiments"
models = ["acme/exp-*"]
keys = ["experiments"]
[rule.github]
repository_owner_id = ["65"]
job_workflow_ref = ["acme/ml-ci/.github/workflows/sign.yml@refs/tags/v*"]
[[revoked]]                           # no server needed
file = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
reason = "weights trained on withdrawn data"
"#;
