//! A model, a key on a server, and a job that may sign with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{Sandbox, modelseal, run};
use crate::support::fault::Request;
use crate::support::{FaultServer, Issuer, Server};

/// The name that every model is signed under.
pub(crate) const NAME: &str = "acme/model";

/// What the role of the job insists on: ids, as GitHub states them.
pub(crate) fn bound_claims() -> Value {
    json!({
        "repository_id": "123456789", "repository_owner_id": "987654", "ref": "refs/heads/main", "event_name": "push",
        "job_workflow_ref": "example-org/model/.github/workflows/release.yml@refs/heads/main",
        "runner_environment": "github-hosted",
    })
}

/// A transit mount with the key `model`, and a role `ci` that may read it, sign and verify with it.
pub(crate) struct Scene<'a> {
    pub(crate) server: &'a Server,
    /// The transit mount.
    pub(crate) mount: String,
    /// The jwt mount.
    pub(crate) auth: String,
    pub(crate) issuer: Issuer,
    /// What the role `ci` gives.
    pub(crate) policy: String,
    /// With a model in `model/` and the job's identity in `identity`.
    pub(crate) sandbox: Sandbox,
}

impl<'a> Scene<'a> {
    /// With a key on P-256.
    #[track_caller]
    pub(crate) fn new(server: &'a Server) -> Self {
        Self::with_key(server, "ecdsa-p256")
    }

    /// With a key of any type.
    #[track_caller]
    pub(crate) fn with_key(server: &'a Server, kind: &str) -> Self {
        let admin = server.admin();
        let mount = admin.transit();
        assert_eq!(admin.key(&mount, "model", kind)["type"], kind);
        let policy = admin.policy("job", &policy(&mount));
        let issuer = Issuer::new();
        let auth = admin.jwt_mount(&issuer);
        admin.jwt_role(&auth, "ci", &bound_claims(), &[&policy], &json!({"token_no_default_policy": true}));
        let scene = Self { server, mount, auth, issuer, policy, sandbox: Sandbox::unsigned() };
        scene.secret("identity", &scene.issuer.token(&json!({})));
        scene
    }

    /// The reference of the key.
    pub(crate) fn key(&self) -> String {
        format!("hashivault://{}/model", self.mount)
    }

    /// A file that only its owner may read.
    pub(crate) fn secret(&self, name: &str, text: &str) -> PathBuf {
        let path = self.sandbox.write(name, format!("{text}\n").as_bytes());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The flags by which the job logs in.
    pub(crate) fn login(&self) -> [String; 6] {
        let identity = self.sandbox.at("identity").display().to_string();
        ["--auth-path", &self.auth, "--role", "ci", "--identity-token-file", &identity].map(str::to_owned)
    }

    /// The command with some arguments, which finds the server in its environment and has nothing to log in with.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Command {
        let mut command = self.in_text(arguments);
        command.args(["--format", "json"]);
        command
    }

    fn in_text(&self, arguments: &[&str]) -> Command {
        let mut command = modelseal();
        command.current_dir(self.sandbox.path()).env("VAULT_ADDR", &self.server.address).args(arguments);
        command
    }

    /// The same with the job's login.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Command {
        let mut command = self.bare(arguments);
        command.args(self.login());
        command
    }

    /// The same as people see it.
    pub(crate) fn ask_in_text(&self, arguments: &[&str]) -> Command {
        let mut command = self.in_text(arguments);
        command.args(self.login());
        command
    }

    /// `sign`, with nothing to log in with.
    pub(crate) fn bare_sign(&self) -> Command {
        self.bare(&["sign", "model", "--key", &self.key(), "--name", NAME])
    }

    /// `sign`, as the job.
    pub(crate) fn sign(&self) -> Command {
        self.ask(&["sign", "model", "--key", &self.key(), "--name", NAME])
    }

    /// `verify` without a server: there is none in its environment.
    pub(crate) fn verify(&self, key: &Path) -> Command {
        let mut command = modelseal();
        command.current_dir(self.sandbox.path()).args(["verify", "model", "--expect-name", NAME, "--format", "json"]);
        command.arg("--key").arg(key);
        command
    }

    /// `verify` with the keys that the server shows.
    pub(crate) fn verify_by_reference(&self) -> Command {
        self.ask(&["verify", "model", "--expect-name", NAME, "--key", &self.key()])
    }

    /// `verify` with the keys that the server shows and its consent.
    pub(crate) fn verify_online(&self) -> Command {
        let mut command = self.verify_by_reference();
        command.arg("--online");
        command
    }

    /// Exports the keys into a directory of the sandbox; returns the table.
    #[track_caller]
    pub(crate) fn export(&self, directory: &str) -> PathBuf {
        run(&mut self.ask(&["keys", "export", &self.key(), "--out", directory])).accepted();
        self.sandbox.at(directory).join("model.toml")
    }

    /// The bundle.
    pub(crate) fn bundle(&self) -> PathBuf {
        self.sandbox.at("model/model.sig")
    }

    /// Does something to the key: `rotate`, `config`.
    #[track_caller]
    pub(crate) fn operate(&self, what: &str, body: &Value) {
        self.server.admin().post(&format!("{}/keys/model/{what}", self.mount), body).ok();
    }
}

/// Reads a key, signs and verifies with it, and looks after the own token.
pub(crate) fn policy(mount: &str) -> String {
    format!(
        r#"path "{mount}/keys/model" {{ capabilities = ["read"] }}
           path "{mount}/sign/model" {{ capabilities = ["update"] }}
           path "{mount}/verify/model" {{ capabilities = ["update"] }}
           path "auth/token/revoke-self" {{ capabilities = ["update"] }}
           path "auth/token/lookup-self" {{ capabilities = ["read"] }}
           path "sys/capabilities-self" {{ capabilities = ["update"] }}"#
    )
}

/// Method and path of every request that arrived.
pub(crate) fn conversation(faults: &FaultServer) -> Vec<String> {
    faults.requests().iter().map(|Request { method, path, .. }| format!("{method} {path}")).collect()
}

/// The live tokens that come and go, as accessors.
pub(crate) fn alive(server: &Server) -> BTreeSet<String> {
    server.admin().accessors().into_iter().collect()
}

/// Whose tokens an audit log shows, by the accessors that it shows.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Tokens that were handed out by a login, with what they did: path and whether it was granted.
    pub(crate) tokens: BTreeMap<String, Vec<(String, bool)>>,
}

impl Ledger {
    /// Reads the audit log from an entry on.
    pub(crate) fn since(server: &Server, entry: usize) -> Self {
        let mut ledger = Self::default();
        for line in server.audit_lines().iter().skip(entry).filter(|line| line["type"] == "response") {
            let path = line["request"]["path"].as_str().unwrap_or_default().to_owned();
            if let Some(accessor) = line["response"]["auth"]["accessor"].as_str().filter(|_| path.ends_with("/login")) {
                ledger.tokens.entry(accessor.to_owned()).or_default();
            } else if let Some(deeds) = line["auth"]["accessor"].as_str().and_then(|it| ledger.tokens.get_mut(it)) {
                deeds.push((path, line["error"].as_str().is_none_or(str::is_empty)));
            }
        }
        ledger
    }

    /// Asserts that the last deed of every token was its revocation.
    #[track_caller]
    pub(crate) fn assert_all_revoked(&self) {
        for (accessor, deeds) in &self.tokens {
            assert_eq!(deeds.last(), Some(&("auth/token/revoke-self".to_owned(), true)), "{accessor}: {deeds:?}");
            assert_eq!(deeds.iter().filter(|(path, _)| path == "auth/token/revoke-self").count(), 1, "{deeds:?}");
        }
    }

    /// How often something was granted, by the end of its path.
    pub(crate) fn granted(&self, end: &str) -> usize {
        self.tokens.values().flatten().filter(|(path, granted)| *granted && path.ends_with(end)).count()
    }
}
