//! From a job's identity to a decision: one accepted model, and one thing made bad at a time.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Run, Sandbox, modelseal, run};
use crate::support::{Behaviour, FaultServer, Issuer, Kind, Server, on_each_server};

pub(crate) const GITHUB: &str = "https://token.actions.githubusercontent.com";
pub(crate) const NAME: &str = "acme/llm-7b";
const SCAN: &str = "https://acme.example/scan/v1";
const WORKFLOW: &str = "example-org/model/.github/workflows/release.yml@refs/heads/main";

/// A shop that signs in CI: a key on a server, a scanner with a key of its own, a policy that knows both.
pub(crate) struct Pipeline<'a> {
    pub(crate) server: &'a Server,
    pub(crate) issuer: Issuer,
    pub(crate) mount: String,
    pub(crate) auth: String,
    /// `model/`, `scanner.pem`, `policy.toml`, `keys/`.
    pub(crate) sandbox: Sandbox,
}

impl<'a> Pipeline<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        let (admin, issuer) = (server.admin(), Issuer::new());
        let mount = admin.transit();
        admin.key(&mount, "model", "ecdsa-p256");
        admin.key(&mount, "other", "ecdsa-p256");
        let policy = admin.policy("job", &hcl(&mount));
        let auth = admin.jwt_mount(&issuer);
        let config = json!({"jwt_validation_pubkeys": [issuer.public_pem()]});
        admin.post(&format!("auth/{auth}/config"), &config).ok();
        let audience = json!({"bound_audiences": [server.address]});
        admin.jwt_role(&auth, "strict", &bound(), &[&policy], &audience);
        // What a policy must refuse when a role admits too much.
        admin.jwt_role(
            &auth,
            "lenient",
            &json!({"runner_environment": ["github-hosted", "self-hosted"]}),
            &[&policy],
            &audience,
        );
        let sandbox = Sandbox::empty();
        let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  "#;
        let tensors = [&(header.len() as u64).to_le_bytes()[..], header, b"abcd"].concat();
        sandbox.write("model/model.safetensors", &tensors);
        sandbox.write("model/config.json", b"{}\n");
        sandbox.write("jwks.json", issuer.jwks().to_string().as_bytes());
        sandbox.write("scan.json", json!({"result": "passed", "finishedOn": now()}).to_string().as_bytes());
        let shop = Self { server, issuer, mount, auth, sandbox };
        for key in ["scanner", "stranger"] {
            run(&mut shop.command(&["keys", "generate", &format!("{key}.pem")])).accepted();
        }
        shop.policy(|text| text);
        shop
    }

    /// A command in the sandbox, which knows no server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = modelseal();
        command.current_dir(self.sandbox.path()).args(arguments).args(["--format", "json"]);
        command
    }

    /// A token of the job; some claims are others.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let mut all = json!({"iss": GITHUB, "aud": self.server.address});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.issuer.token(&all)
    }

    /// `sign` in a job of GitHub Actions with this token.
    pub(crate) fn sign_command(&self, role: &str, token: &str, more: &[&str]) -> (Command, FaultServer) {
        let actions = Behaviour::json(200, &json!({"value": token}));
        let actions = FaultServer::builder().on("GET", "/idtoken", [actions]).start();
        let mut command = self.command(&["sign", "model", "--name", NAME, "--role", role]);
        command.args(["--auth-path", &self.auth, "--vault-addr", &self.server.address, "--identity", "github"]);
        if !more.contains(&"--key") {
            command.args(["--key", &format!("hashivault://{}/model", self.mount)]);
        }
        command.args(more).env_remove("MODELSEAL_PROVENANCE");
        command.env("GITHUB_ACTIONS", "true").env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "planted-request-token");
        command.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/idtoken?api-version=2.0", actions.address));
        (command, actions)
    }

    pub(crate) fn sign_with(&self, role: &str, token: &str, more: &[&str]) -> Run {
        let (mut command, actions) = self.sign_command(role, token, more);
        let run = run(&mut command);
        drop(actions);
        assert!(!run.text().contains(token) && !run.text().contains("planted-request-token"), "{}", run.text());
        run
    }

    /// Signs as the job that the policy is made for, and has it scanned.
    #[track_caller]
    pub(crate) fn signed(&self) {
        self.sign_with("strict", &self.token(&json!({})), &["--jwks", "jwks.json"]).accepted();
        self.scan();
    }

    #[track_caller]
    pub(crate) fn scan(&self) {
        let mut attest = self.command(&["attest", "model", "--type", SCAN, "--predicate", "scan.json"]);
        attest.args(["--key", "scanner.pem", "--verify-key", "keys/model.toml", "--expect-name", NAME]);
        run(&mut attest).accepted();
    }

    /// Writes the policy, with the keys of the server, after a change.
    #[track_caller]
    pub(crate) fn policy(&self, change: impl Fn(String) -> String) {
        if !self.sandbox.at("keys").exists() {
            self.export("model", "keys");
        }
        let key = fs::read_to_string(self.sandbox.at("keys/model.toml")).unwrap();
        let (_, tables) = key.split_once("[[key]]").unwrap();
        let tables = format!("[[key]]{}", tables.replace("public_key = \"", "public_key = \"keys/"));
        let text = format!(
            "version = 1\nname = \"shop\"\n\n{tables}\n\n[[key]]\nname = \"scanner\"\npublic_key = \"scanner.pub.pem\"\n{RULE}"
        );
        self.sandbox.write("policy.toml", change(text).as_bytes());
    }

    #[track_caller]
    fn export(&self, key: &str, directory: &str) {
        let mut export =
            self.command(&["keys", "export", &format!("hashivault://{}/{key}", self.mount), "--out", directory]);
        let token = self.sandbox.write("identity", self.token(&json!({})).as_bytes());
        crate::common::set_mode(&token, 0o600);
        export.args(["--auth-path", &self.auth, "--vault-addr", &self.server.address, "--role", "strict"]);
        run(export.args(["--identity-token-file", "identity"])).accepted();
        fs::remove_file(token).unwrap();
    }

    pub(crate) fn verify(&self, more: &[&str]) -> Run {
        let mut command = self.command(&["verify", "model", "--policy", "policy.toml", "--expect-name", NAME]);
        run(command.args(more))
    }

    /// Asserts that no rule matches, at this field.
    #[track_caller]
    pub(crate) fn refused_at(&self, field: &str) -> Value {
        let json = self.verify(&[]).refused(1, "policy/no-rule-matches");
        let rule = json["results"][0]["decision"]["rules"][0].clone();
        assert_eq!(rule["field"], field, "{json:#}");
        rule
    }
}

const RULE: &str = r#"
[[rule]]
name = "language models"
models = ["acme/llm-*"]
keys = ["model"]
[rule.github]
repository_id = ["123456789"]
job_workflow_ref = ["example-org/model/.github/workflows/release.yml@refs/heads/main"]
event_name = ["push"]
ref = ["refs/heads/main"]
environment = ["Release"]
runner_environment = ["github-hosted"]
[rule.files]
formats = ["safetensors", "json"]
[rule.freshness]
max_age = "30d"
[[rule.evidence]]
predicate_type = "https://acme.example/scan/v1"
keys = ["scanner"]
max_age = "30d"
fields = { "/result" = ["passed"] }
"#;

/// What the strict role is bound to.
fn bound() -> Value {
    json!({
        "repository_id": "123456789", "event_name": "push", "environment": "release",
        "job_workflow_ref": WORKFLOW, "runner_environment": "github-hosted", "ref": "refs/heads/main",
    })
}

fn hcl(mount: &str) -> String {
    ["model", "other"]
        .map(|key| {
            format!(
                r#"path "{mount}/keys/{key}" {{ capabilities = ["read"] }}
           path "{mount}/sign/{key}" {{ capabilities = ["update"] }}
           "#
            )
        })
        .concat()
        + r#"path "auth/token/revoke-self" { capabilities = ["update"] }
             path "auth/token/lookup-self" { capabilities = ["read"] }
             path "sys/capabilities-self" { capabilities = ["update"] }"#
}

fn now() -> String {
    modelseal::Timestamp::from_second(crate::support::issuer::now().cast_signed()).unwrap().to_string()
}

/// A place in the sandbox where the model is kept while it is broken.
fn broken(shop: &Pipeline<'_>, name: &str) -> PathBuf {
    shop.sandbox.model().join(name)
}

on_each_server! {
    fn a_policy_accepts_this_pipeline_and_no_other(server: &Server) {
        let shop = Pipeline::new(server);
        shop.signed();
        let json = shop.verify(&["--require-provenance"]).accepted();
        let decision = &json["results"][0]["decision"];
        assert_eq!((&decision["decision"], &decision["rule"]), (&json!("allow"), &json!("language models")), "{json:#}");
        assert_eq!(decision["signature"]["key_version"], 1, "{json:#}");
        assert_eq!(decision["identity"]["claims"]["repository_id"], "123456789", "{json:#}");
        for claims in [
            json!({"repository_id": "1"}), json!({"event_name": "pull_request"}),
            json!({"ref": "refs/heads/feature"}),
            json!({"job_workflow_ref": "example-org/model/.github/workflows/other.yml@refs/heads/main"}),
        ] {
            // The role is the first to refuse; the policy does when a role is too lenient.
            let run = shop.sign_with("strict", &shop.token(&claims), &["--jwks", "jwks.json"]);
            run.refused(4, "vault/login-refused");
        }
    }

    fn each_layer_refuses_alone(server: &Server) {
        let shop = Pipeline::new(server);
        // Claims, one at a time: role, token and signature are good.
        for (claims, field) in [
            (json!({"repository_id": "1"}), "github.repository_id"),
            (json!({"job_workflow_ref": "evil/x/.github/workflows/release.yml@refs/heads/main"}), "github.job_workflow_ref"),
            (json!({"event_name": "pull_request_target"}), "github.event_name"),
            (json!({"ref": "refs/heads/feature"}), "github.ref"),
            (json!({"environment": "staging"}), "github.environment"),
            (json!({"environment": null}), "github.environment"),
            (json!({"runner_environment": "self-hosted"}), "github.runner_environment"),
            (json!({"iss": format!("{GITHUB}/other-enterprise")}), "github.issuer"),
        ] {
            let more = ["--jwks", "jwks.json", "--identity-issuer", claims["iss"].as_str().unwrap_or(GITHUB)];
            shop.sign_with("lenient", &shop.token(&claims), &more).accepted();
            shop.scan();
            shop.refused_at(field);
        }
        // Another audience never gets as far as a signature.
        let elsewhere = shop.token(&json!({"aud": "https://github.com/example-org"}));
        shop.sign_with("strict", &elsewhere, &["--jwks", "jwks.json"]).refused(2, "identity/audience");

        // Evidence and provenance. What was scanned before is the same payload, so its evidence would count.
        fs::remove_file(broken(&shop, "model.attestations.jsonl")).unwrap();
        shop.sign_with("strict", &shop.token(&json!({})), &["--jwks", "jwks.json"]).accepted();
        shop.refused_at("evidence");
        shop.scan();
        shop.verify(&[]).accepted();
        let attestations = broken(&shop, "model.attestations.jsonl");
        let lines = fs::read_to_string(&attestations).unwrap();
        fs::remove_file(&attestations).unwrap();
        shop.verify(&[]).refused(1, "policy/attestation-missing");
        fs::write(&attestations, &lines).unwrap();
        shop.sign_with("strict", &shop.token(&json!({})), &["--provenance", "off"]).accepted();
        shop.scan();
        shop.refused_at("identity");
        shop.verify(&["--require-provenance"]).refused(1, "policy/no-rule-matches");

        // Signature and key.
        shop.signed();
        let bundle = fs::read(broken(&shop, "model.sig")).unwrap();
        let mut flipped: Value = serde_json::from_slice(&bundle).unwrap();
        let signature = flipped["dsseEnvelope"]["signatures"][0]["sig"].as_str().unwrap();
        let other = if signature.as_bytes()[20] == b'A' { "B" } else { "A" };
        let signature = format!("{}{other}{}", &signature[..20], &signature[21..]);
        flipped["dsseEnvelope"]["signatures"][0]["sig"] = json!(signature);
        fs::write(broken(&shop, "model.sig"), flipped.to_string()).unwrap();
        shop.verify(&[]).refused(1, "signature/invalid");
        fs::write(broken(&shop, "model.sig"), &bundle).unwrap();
        shop.policy(|text| text.replace("min_version = 1", "min_version = 2"));
        shop.verify(&[]).refused(1, "policy/key-version");
        shop.policy(|text| {
            let line = text.lines().find(|line| line.starts_with("not_before = ")).unwrap().to_owned();
            text.replacen(&line, "not_before = 2000-01-01T00:00:00Z\nnot_after = 2001-01-01T00:00:00Z", 1)
        });
        shop.verify(&[]).refused(1, "policy/key-window");

        // The policy's own conditions.
        let root = shop.verify(&[]).json()["results"][0]["decision"]["artifact"]["root_digest"].as_str().unwrap().to_owned();
        shop.policy(|text| format!("{text}\n[[revoked]]\nmodel = \"{root}\"\nreason = \"withdrawn\"\n"));
        let json = shop.verify(&[]).refused(1, "policy/revoked");
        assert!(json.to_string().contains("withdrawn"), "{json:#}");
        shop.policy(|text| text.replace("\"safetensors\", \"json\"", "\"safetensors\""));
        shop.refused_at("files.formats");
        shop.policy(|text| text.replace("acme/llm-*", "acme/exp-*"));
        shop.refused_at("models");
        shop.policy(|text| text.replace("[rule.freshness]\nmax_age = \"30d\"", "[rule.freshness]\nmax_age = \"1s\""));
        std::thread::sleep(std::time::Duration::from_millis(1100));
        shop.refused_at("freshness");

        // Rego and OPA can only take away.
        shop.sandbox.write("no.rego", b"package model\n\nimport rego.v1\n\nallow if input.artifact.name == \"another\"\n");
        shop.policy(|text| format!("{text}\n[rego]\nmodules = [\"no.rego\"]\n"));
        shop.verify(&[]).refused(1, "policy/rego-denied");
        shop.policy(|text| format!("{text}\n[opa]\nurl = \"http://127.0.0.1:1/v1/data/model/allow\"\n"));
        shop.verify(&[]).refused(5, "policy/opa-unavailable");

        // The files.
        shop.policy(|text| text);
        shop.verify(&[]).accepted();
        fs::write(broken(&shop, "config.json"), "{} \n").unwrap();
        shop.verify(&[]).refused(1, "artifact/modified");
        fs::write(broken(&shop, "config.json"), "{}\n").unwrap();
        fs::write(broken(&shop, "extra.json"), "{}").unwrap();
        shop.verify(&[]).refused(1, "artifact/unexpected");
        fs::remove_file(broken(&shop, "extra.json")).unwrap();
        shop.verify(&[]).accepted();

        // Another key of the same server, by the same job.
        let other = format!("hashivault://{}/other", shop.mount);
        let more = ["--jwks", "jwks.json", "--key", other.as_str()];
        shop.sign_with("strict", &shop.token(&json!({})), &more).accepted();
        shop.verify(&[]).refused(1, "signature/unknown-key");
    }

    fn the_issuer_is_asked_for_its_keys(server: &Server) {
        let shop = Pipeline::new(server);
        let issuer = shop.issuer.serve();
        let address = issuer.address.clone();
        let token = shop.token(&json!({"iss": address}));
        let more = ["--identity-issuer", address.as_str()];
        let json = shop.sign_with("strict", &token, &more).accepted();
        assert_eq!(json["provenance"]["claims_source"], "oidc-verified", "{json:#}");
        assert_eq!((issuer.count("/.well-known/"), issuer.count("/jwks")), (1, 1));
        shop.scan();
        shop.refused_at("github.issuer");
        shop.policy(|text| text.replace("[rule.github]", &format!("[rule.github]\nissuer = \"{address}\"")));
        shop.verify(&[]).accepted();
        // Nobody signs with claims that cannot be checked.
        drop(issuer);
        let gone = shop.sign_with("strict", &token, &more);
        gone.refused(5, "identity/keys-unavailable");
        assert!(shop.verify(&[]).accepted()["results"][0]["decision"]["rule"].is_string());
    }
}
