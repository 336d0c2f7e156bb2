//! A model, keys that nobody published, and a policy; and somebody who has a key and signs what no command would.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use modelseal::{Bundle, LocalKey, ModelStatement, PROVENANCE_TYPE, Pae, Signer as _, attestation_payload};
use serde_json::{Value, json};

use crate::support::{Run, Sandbox, modelseal, run};

/// The name that the model is signed under.
pub(crate) const NAME: &str = "acme/llm";
/// A scan.
pub(crate) const SCAN: &str = "https://acme.example/scan/v1";
/// The key `k`, which the policy knows.
pub(crate) const KEY: &str = "version = 1\n[[key]]\nname = \"k\"\npublic_key = \"keys/k.pub.pem\"\n";
/// A rule for that key, which begins at line 5; it lacks who may sign.
pub(crate) const RULE: &str = "[[rule]]\nname = \"r\"\nmodels = [\"acme/*\"]\nkeys = [\"k\"]\n";
pub(crate) const KEY_ONLY: &str = "identity = \"key-only\"\n";
pub(crate) const WORKFLOW: &str = "acme/ci/.github/workflows/sign.yml@refs/tags/v2";

/// A policy with these lines at the end of its only rule, from line 9 on.
pub(crate) fn rule(lines: &str) -> String {
    format!("{KEY}{RULE}{lines}")
}

/// A policy in which the key is enough, then these lines, from line 10 on.
pub(crate) fn after(lines: &str) -> String {
    format!("{KEY}{RULE}{KEY_ONLY}{lines}")
}

/// A policy for one workflow of one repository, then these lines.
pub(crate) fn strict(lines: &str) -> String {
    rule(&format!("[rule.github]\nrepository_id = [\"456789\"]\njob_workflow_ref = [\"{WORKFLOW}\"]\n{lines}"))
}

/// `model/`, signed by `keys/k.pem`, and `policy.toml`.
pub(crate) struct Shop {
    pub(crate) sandbox: Sandbox,
}

impl Shop {
    /// With an unsigned model, and without a policy.
    #[track_caller]
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::empty();
        sandbox.write("model/config.json", b"{}\n");
        sandbox.write("model/w.safetensors", &safetensors(b"abcd"));
        fs::create_dir(sandbox.at("keys")).unwrap();
        let shop = Self { sandbox };
        for key in ["k", "other", "scanner", "policies"] {
            run(&mut shop.command(&["keys", "generate", &format!("keys/{key}.pem")])).accepted();
        }
        shop
    }

    /// With a signed model and a policy in which the key is enough.
    #[track_caller]
    pub(crate) fn signed() -> Self {
        let shop = Self::new();
        shop.sign(&[]);
        shop.policy(&after(""));
        shop
    }

    /// The command in the sandbox, with JSON.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.in_text(arguments);
        command.args(["--format", "json"]);
        command
    }

    /// The same as people see it.
    pub(crate) fn in_text(&self, arguments: &[&str]) -> Command {
        let mut command = modelseal();
        command.current_dir(self.sandbox.path()).args(arguments);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        run(&mut self.command(arguments))
    }

    #[track_caller]
    pub(crate) fn sign(&self, more: &[&str]) {
        let mut command = self.command(&["sign", "model", "--key", "keys/k.pem", "--name", NAME]);
        run(command.args(more)).accepted();
    }

    pub(crate) fn policy(&self, text: &str) {
        self.sandbox.write("policy.toml", text.as_bytes());
    }

    /// `policy check policy.toml`, of this text.
    pub(crate) fn check(&self, text: &str, more: &[&str]) -> Run {
        self.policy(text);
        run(self.command(&["policy", "check", "policy.toml"]).args(more))
    }

    /// The names of the warnings about a policy, which must be one.
    #[track_caller]
    pub(crate) fn warnings(&self, text: &str) -> Vec<String> {
        let json = self.check(text, &[]).accepted();
        let warnings = json["warnings"].as_array().unwrap();
        warnings.iter().map(|warning| warning["name"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn verify(&self, more: &[&str]) -> Run {
        run(self.command(&["verify", "model", "--policy", "policy.toml", "--expect-name", NAME]).args(more))
    }

    /// Asserts that the only rule fails at this field, and returns what it expected and found.
    #[track_caller]
    pub(crate) fn refused_at(&self, field: &str) -> Value {
        let json = self.verify(&[]).refused(1, "policy/no-rule-matches");
        let rule = json["results"][0]["decision"]["rules"][0].clone();
        assert_eq!(rule["field"], field, "{json:#}");
        rule
    }

    /// Adds evidence by the scanner's key.
    #[track_caller]
    pub(crate) fn scan(&self, predicate: &Value) {
        self.sandbox.write("scan.json", predicate.to_string().as_bytes());
        let mut command = self.command(&["attest", "model", "--type", SCAN, "--predicate", "scan.json"]);
        command.args(["--key", "keys/scanner.pem", "--verify-key", "keys/k.pub.pem", "--any-model"]);
        run(&mut command).accepted();
    }

    pub(crate) fn key(&self, name: &str) -> LocalKey {
        LocalKey::from_pem(&fs::read(self.sandbox.at(format!("keys/{name}.pem"))).unwrap(), None).unwrap()
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.sandbox.at("model/model.sig")
    }

    pub(crate) fn attestations(&self) -> PathBuf {
        self.sandbox.at("model/model.attestations.jsonl")
    }

    /// Signs the model again under a name, along with these predicates: what somebody does who has the key `k`.
    pub(crate) fn sign_by_hand(&self, name: &str, statements: &[(&str, String)]) {
        self.sign(&[]);
        let key = self.key("k");
        let signed = Bundle::parse(&fs::read(self.bundle()).unwrap()).unwrap();
        let manifest = signed.claimed_statement().unwrap().manifest().clone();
        let types = statements.iter().map(|(kind, _)| (*kind).to_owned()).collect();
        let statement = ModelStatement::new(name.to_owned(), types, manifest);
        let payload = statement.to_payload();
        fs::write(self.bundle(), envelope(&key, &payload)).unwrap();
        let lines: Vec<u8> = statements
            .iter()
            .flat_map(|(kind, predicate)| {
                let bound = attestation_payload(&statement, &payload, kind, predicate).unwrap();
                [envelope(&key, &bound), b"\n".to_vec()].concat()
            })
            .collect();
        let _ = fs::remove_file(self.attestations());
        if !lines.is_empty() {
            fs::write(self.attestations(), lines).unwrap();
        }
    }

    /// The same along with provenance of a job with these claims.
    pub(crate) fn sign_as(&self, claims: &Value) {
        self.sign_by_hand(NAME, &[(PROVENANCE_TYPE, provenance(claims).to_string())]);
    }

    /// A line about the signature that is there, by any key.
    pub(crate) fn attestation(&self, key: &str, kind: &str, predicate: &Value) -> Vec<u8> {
        let signed = Bundle::parse(&fs::read(self.bundle()).unwrap()).unwrap();
        let statement = signed.claimed_statement().unwrap();
        let bound = attestation_payload(&statement, signed.claimed_payload(), kind, &predicate.to_string()).unwrap();
        [envelope(&self.key(key), &bound), b"\n".to_vec()].concat()
    }

    /// Appends a line to the attestations.
    pub(crate) fn plant(&self, line: &[u8]) {
        let before = fs::read(self.attestations()).unwrap_or_default();
        fs::write(self.attestations(), [&before, line].concat()).unwrap();
    }
}

/// A payload in a bundle, signed by a key at hand.
pub(crate) fn envelope(key: &LocalKey, payload: &[u8]) -> Vec<u8> {
    let pae = Pae::in_toto(payload);
    let signature = key.sign(std::slice::from_ref(&pae)).unwrap().remove(0);
    Bundle::with_key(&pae, signature, key.public_key()).to_json()
}

/// The provenance of a job of the repository 456789; some claims are others, null takes one out. It was made now.
pub(crate) fn provenance(claims: &Value) -> Value {
    let path = crate::support::workspace().join("tests/goldens/provenance/github.json");
    let mut predicate: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let all = predicate["buildDefinition"]["internalParameters"]["github"].as_object_mut().unwrap();
    all.insert("job_workflow_ref".to_owned(), json!(WORKFLOW));
    all.extend(claims.as_object().unwrap().clone());
    all.retain(|_, value| !value.is_null());
    let now = modelseal::Timestamp::now();
    predicate["runDetails"]["metadata"]["startedOn"] = json!(now.to_string());
    predicate["runDetails"]["metadata"]["finishedOn"] = json!(now.to_string());
    predicate
}

/// A file of one tensor.
pub(crate) fn safetensors(data: &[u8]) -> Vec<u8> {
    let length = data.len();
    let header = format!("{{\"w\":{{\"dtype\":\"U8\",\"shape\":[{length}],\"data_offsets\":[0,{length}]}}}}  ");
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// The record of the decision about the only model.
pub(crate) fn decision(json: &Value) -> &Value {
    &json["results"][0]["decision"]
}

/// Whether a text stands in the output.
pub(crate) fn says(run: &Run, text: &str) -> bool {
    run.text().contains(text)
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}
