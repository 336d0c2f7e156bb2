//! What every refusal of the command must keep, whatever went wrong: its code and status, its message and hint, and
//! that no secret got out, nothing was written and nothing was left behind.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use modelseal::Code;
use serde_json::Value;

use crate::common::{Run, Sandbox, assert_tame, modelseal, run, set_mode, vector};
use crate::support::fault::Builder;
use crate::support::issuer::AUDIENCE;
use crate::support::{Behaviour, FaultServer, Issuer, Server, unique};

/// A model with a signature of somebody else beside it, and a command line that signs it again.
pub(crate) struct Job {
    pub(crate) sandbox: Sandbox,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// Texts that no output and no file may hold.
    secrets: Arc<Mutex<Vec<String>>>,
}

impl Job {
    /// `sign` with a key on the server at `address`; there is nothing yet to log in with.
    pub(crate) fn sign(address: &str, key: &str) -> Self {
        let job = Self::new("sign").with(["model", "--key", key, "--vault-addr", address]);
        fs::copy(vector("key-p256-files/model/model.sig"), job.sandbox.at("model/model.sig")).unwrap();
        job
    }

    /// Another command, in a sandbox with an unsigned model.
    pub(crate) fn new(command: &str) -> Self {
        let sandbox = Sandbox::unsigned();
        for name in ["tmp", "home", "secrets"] {
            fs::create_dir(sandbox.at(name)).unwrap();
        }
        let arguments = command.split(' ').map(str::to_owned).collect();
        Self { sandbox, arguments, environment: Vec::new(), secrets: Arc::default() }
    }

    pub(crate) fn with<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes something a secret; returns it.
    pub(crate) fn secret(&self, text: &str) -> String {
        let mut secrets = self.secrets.lock().unwrap();
        secrets.push(text.to_owned());
        // Of a JWT also each part alone.
        secrets.extend(text.split('.').filter(|part| part.len() > 24).map(str::to_owned));
        text.to_owned()
    }

    /// The secrets that a server tells the command are secrets of this job, too.
    pub(crate) fn spied(mut self, spy: &Spy) -> Self {
        let known = std::mem::take(&mut *self.secrets.lock().unwrap());
        self.secrets = Arc::clone(&spy.told);
        self.secrets.lock().unwrap().extend(known);
        self
    }

    /// A file that only its owner can read, for a secret.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.sandbox.at("secrets").join(name);
        fs::write(&path, content.as_ref()).unwrap();
        set_mode(&path, 0o600);
        if let Ok(text) = str::from_utf8(content.as_ref())
            && (12..0x10000).contains(&text.trim().len())
        {
            self.secret(text.trim());
        }
        format!("secrets/{name}")
    }

    /// With a token in the environment.
    pub(crate) fn token(self, token: &str) -> Self {
        let token = self.secret(token);
        self.env("VAULT_TOKEN", &token)
    }

    /// With an identity token in a file.
    pub(crate) fn jwt(self, ground: &Ground<'_>, token: &str) -> Self {
        let file = self.file("jwt", token);
        self.with(["--auth", "jwt", "--auth-path", &ground.auth, "--role", "ci", "--identity-token-file", &file])
    }

    /// With an AppRole.
    pub(crate) fn approle(self, mount: &str, role_id: &str) -> Self {
        self.with(["--auth", "approle", "--auth-path", mount, "--role-id", role_id])
    }

    /// Runs it as it is.
    #[track_caller]
    pub(crate) fn run(&self) -> Run {
        let mut command = modelseal();
        command.args(&self.arguments).args(["-vvv", "--format", "json"]).current_dir(self.sandbox.path());
        command.env("TMPDIR", self.sandbox.at("tmp")).env("HOME", self.sandbox.at("home"));
        // One try more than none, so that what may be repeated is, and nothing waits long.
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let done = run(&mut command);
        self.assert_quiet(&done);
        done
    }

    /// Runs it; it must succeed. Returns what it printed.
    #[track_caller]
    pub(crate) fn done(&self) -> Done {
        let run = self.run();
        let json = run.accepted();
        Done { json, said: String::from_utf8_lossy(&run.stderr).into_owned() }
    }

    /// Runs it; it must be refused with this code and leave everything as it was.
    #[track_caller]
    pub(crate) fn refused(&self, code: Code) -> Done {
        let done = self.refused_with_exit(code.exit().status());
        assert_eq!(done.json["code"], code.as_str(), "{}", done.said);
        done
    }

    /// The same, where more than one code tells the same.
    #[track_caller]
    pub(crate) fn refused_with_exit(&self, exit: u8) -> Done {
        let before = self.files();
        let run = self.run();
        let json = run.json();
        let code: Code = json["code"].as_str().unwrap().parse().unwrap_or_else(|_| panic!("no code: {}", run.text()));
        assert_eq!((run.status, code.exit().status()), (Some(exit.into()), exit), "{}", run.text());
        assert_eq!(self.files(), before, "something was written or left behind");
        let said = String::from_utf8_lossy(&run.stderr).into_owned();
        let done = Done { json, said };
        let (message, hint) = (done.message(), done.hint());
        assert!(message.len() > 8 && hint.len() > 8, "{message} / {hint}");
        for part in [message, hint, &format!("[{code}]")] {
            let escaped = part.replace('\n', "\\n");
            assert!(done.said.contains(part) || done.said.contains(&escaped), "not said: {part}\n{}", done.said);
        }
        done
    }

    /// Nothing that steers a terminal, no panic and no secret in the output, nor in a file that was written.
    #[track_caller]
    fn assert_quiet(&self, run: &Run) {
        let text = run.text();
        assert_tame(run);
        assert!(!text.contains("panicked") && run.status != Some(70), "{text}");
        let secrets = self.secrets.lock().unwrap();
        for secret in secrets.iter() {
            assert!(!text.contains(secret.as_str()), "a secret in the output: {secret}\n{text}");
        }
        for (path, content) in self.files().into_iter().filter(|(path, _)| !path.starts_with("secrets")) {
            let content = String::from_utf8_lossy(&content);
            for secret in secrets.iter() {
                assert!(!content.contains(secret.as_str()), "a secret in {}: {secret}", path.display());
            }
        }
    }

    /// Every file of the sandbox. A FIFO has no content.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(self.sandbox.path(), Path::new(""), &mut files);
        files
    }
}

fn collect(root: &Path, below: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let entry = entry.unwrap();
        let (path, kind) = (below.join(entry.file_name()), entry.file_type().unwrap());
        if kind.is_dir() {
            files.insert(path.clone(), Vec::new());
            collect(root, &path, files);
        } else {
            let readable = kind.is_file() && entry.metadata().unwrap().permissions().mode() & 0o400 != 0;
            files.insert(path, if readable { fs::read(entry.path()).unwrap() } else { Vec::new() });
        }
    }
}

/// What a run said.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) json: Value,
    /// Standard error.
    pub(crate) said: String,
}

impl Done {
    pub(crate) fn message(&self) -> &str {
        self.text("message")
    }

    pub(crate) fn hint(&self) -> &str {
        self.text("hint")
    }

    /// Asserts that the message has all parts.
    #[track_caller]
    pub(crate) fn says(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.message().contains(part), "no `{part}` in: {}", self.message());
        }
        self
    }

    /// Asserts that the hint has all parts.
    #[track_caller]
    pub(crate) fn hints(&self, parts: &[&str]) -> &Self {
        for part in parts {
            assert!(self.hint().contains(part), "no `{part}` in: {}", self.hint());
        }
        self
    }

    /// Of a verification the first result's.
    fn text(&self, field: &str) -> &str {
        let result = self.json["results"].get(0).unwrap_or(&self.json);
        result[field].as_str().unwrap_or_default()
    }
}

/// A key that a role may sign with, on a real server.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    pub(crate) server: &'a Server,
    pub(crate) mount: String,
    pub(crate) policy: String,
    pub(crate) issuer: Issuer,
    /// A JWT mount with the role `ci`.
    pub(crate) auth: String,
}

impl<'a> Ground<'a> {
    #[track_caller]
    pub(crate) fn new(server: &'a Server) -> Self {
        Self::of_type(server, "ecdsa-p256")
    }

    /// With a key of another type.
    #[track_caller]
    pub(crate) fn of_type(server: &'a Server, kind: &str) -> Self {
        let (admin, issuer) = (server.admin(), Issuer::new());
        let mount = admin.transit();
        admin.key(&mount, "model", kind);
        let policy = admin.signing_policy(&mount, "model");
        let auth = admin.jwt_mount(&issuer);
        admin.jwt_role(&auth, "ci", &serde_json::json!({"ref": "refs/heads/main"}), &[&policy], &serde_json::json!({}));
        Self { server, mount, policy, issuer, auth }
    }

    /// The reference of the key.
    pub(crate) fn key(&self) -> String {
        format!("hashivault://{}/model", self.mount)
    }

    /// A token that may sign.
    #[track_caller]
    pub(crate) fn token(&self) -> String {
        self.server.admin().token(&[&self.policy], "5m", "service", 0)
    }

    /// A good identity token.
    pub(crate) fn identity(&self) -> String {
        self.issuer.token(&serde_json::json!({}))
    }

    /// A job that signs at `address` after a login with a good identity token.
    pub(crate) fn job(&self, address: &str) -> Job {
        Job::sign(address, &self.key()).jwt(self, &self.identity()).with(["--audience", AUDIENCE])
    }

    /// A job that signs through a server that misbehaves as `rules` say, and knows what it was told.
    pub(crate) fn spied(&self, rules: Builder) -> (Job, Spy) {
        let spy = Spy::start(rules, &self.server.address);
        (self.job(&spy.faults.address).spied(&spy), spy)
    }

    /// Asserts that no token lives that the role gave out, and how many it gave out.
    #[track_caller]
    pub(crate) fn assert_revoked(&self, spy: &Spy, logins: usize) {
        let tokens = spy.tokens();
        assert_eq!(tokens.len(), logins, "other logins than expected");
        for token in tokens {
            let found = self.server.client().with_token(&token).get("auth/token/lookup-self").status;
            assert_eq!(found, 403, "a token was left behind");
        }
    }
}

/// A server between the command and a real one. It learns the secrets that the real one gives out.
#[derive(Debug)]
pub(crate) struct Spy {
    pub(crate) faults: FaultServer,
    told: Arc<Mutex<Vec<String>>>,
    tokens: Arc<Mutex<Vec<String>>>,
}

impl Spy {
    /// `rules` come before those that listen.
    pub(crate) fn start(rules: Builder, upstream: &str) -> Self {
        let (told, tokens) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (secrets, logins) = (Arc::clone(&told), Arc::clone(&tokens));
        let listen = Behaviour::alter(move |reply| {
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            if let Some(token) = body["auth"]["client_token"].as_str() {
                logins.lock().unwrap().push(token.to_owned());
            }
            for secret in [&body["auth"]["client_token"], &body["data"]["secret_id"], &body["data"]["token"]] {
                secrets.lock().unwrap().extend(secret.as_str().filter(|text| text.len() > 8).map(str::to_owned));
            }
            reply
        });
        let faults = rules
            .on("POST", "/v1/auth/", [listen.clone()])
            .on("PUT", "/v1/auth/", [listen.clone()])
            .on("POST", "/v1/sys/wrapping/unwrap", [listen])
            .proxy_to(upstream)
            .start();
        Self { faults, told, tokens }
    }

    /// The tokens of all logins.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// How many requests went to a path that ends so.
    pub(crate) fn count(&self, end: &str) -> usize {
        self.faults.requests().iter().filter(|request| request.path.ends_with(end)).count()
    }
}

/// Something recognisable in the place of a token.
pub(crate) fn planted() -> String {
    unique("hvs.CAESIplanted")
}
