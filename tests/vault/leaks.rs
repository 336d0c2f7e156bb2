//! Nothing secret leaves the process but to the server that it is for: not in any output, file, list of processes or
//! environment of a child, whatever the server answers and however much is told.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use crate::common::{PATIENCE, as_nobody, modelseal};
use crate::scene::{NAME, Scene};
use crate::support::fault::{Reply, Request};
use crate::support::kubernetes::TokenReviewStub;
use crate::support::process::eventually;
use crate::support::setup::AppRole;
use crate::support::{Behaviour, FaultServer, Kind, Options, Server, on_each_server, unique};

/// The stand-in of a cluster needs some authority.
const ANY_CA: &str = include_str!("any-ca.pem");

/// A text that must not be seen, in the forms in which it might be.
struct Secret {
    name: String,
    forms: Vec<String>,
}

impl Secret {
    fn new(name: &str, value: &str) -> Self {
        let bytes = value.as_bytes();
        let mut forms = vec![value.to_owned(), value.to_lowercase(), value.escape_debug().to_string()];
        // Where other bytes stand before, a third of all base64 looks like each of these.
        for before in 0..3 {
            let padded = [&b"xx"[..before], bytes].concat();
            for encoded in [STANDARD.encode(&padded), URL_SAFE.encode(&padded)] {
                forms.push(encoded[(before * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned());
            }
        }
        let each = |form: fn(u8) -> String| bytes.iter().map(|&byte| form(byte)).collect::<String>();
        forms.push(each(|byte| format!("{byte:02x}")));
        forms.push(each(|byte| format!("{byte:02X}")));
        forms.push(each(|byte| format!("%{byte:02X}")));
        forms.push(each(|byte| format!("\\u{byte:04x}")));
        forms.push(each(|byte| format!("{byte}, ")));
        forms.push(each(
            |byte| if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") },
        ));
        Self { name: name.to_owned(), forms }
    }
}

/// Everything that must not be seen, and where it lies by intention.
#[derive(Default)]
struct Secrets {
    all: Vec<Secret>,
    values: BTreeSet<String>,
    files: BTreeSet<PathBuf>,
}

impl Secrets {
    /// Adds a secret; of a long one also the parts, which might be all that is left after something was cut off.
    fn add(&mut self, name: &str, value: &str) {
        assert!(value.len() >= 12, "{name} could stand anywhere by chance");
        if !self.values.insert(value.to_owned()) {
            return;
        }
        self.all.push(Secret::new(name, value));
        let ends = [value.get(..20), value.get(value.len().saturating_sub(20)..)];
        for part in value.split('.').chain(ends.into_iter().flatten()).filter(|part| part.len() >= 20) {
            if value.len() >= 40 && self.values.insert(part.to_owned()) {
                self.all.push(Secret::new(&format!("a part of {name}"), part));
            }
        }
    }

    /// Adds the lines of a private key but the first, which says what kind it is.
    fn add_pem(&mut self, name: &str, pem: &str) {
        for line in pem.lines().skip(2).filter(|line| line.len() >= 12 && !line.starts_with('-')) {
            self.add(name, line);
        }
    }

    #[track_caller]
    fn assert_unseen(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for secret in &self.all {
            if let Some(form) = secret.forms.iter().find(|form| text.contains(*form)) {
                panic!("{} in {place}, as {form}:\n{:.3000}", secret.name, text);
            }
        }
    }

    /// Looks into every file below a directory.
    #[track_caller]
    fn assert_unseen_below(&self, what: &str, directory: &Path) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap().file_type();
            self.assert_unseen("a file name", path.as_os_str().as_encoded_bytes());
            if kind.is_dir() {
                self.assert_unseen_below(what, &path);
            } else if kind.is_file() && !self.files.contains(&path) {
                self.assert_unseen(&format!("{} after {what}", path.display()), &fs::read(&path).unwrap());
            }
        }
    }
}

/// A scene with a secret in every place that can hold one.
struct Leaks<'a> {
    scene: Scene<'a>,
    secrets: Secrets,
    /// In the environment of every run.
    variables: Vec<(&'static str, String)>,
    approle: AppRole,
    kubernetes: String,
    _stub: TokenReviewStub,
}

impl<'a> Leaks<'a> {
    fn new(server: &'a Server) -> Self {
        let (scene, admin, stub) = (Scene::new(server), server.admin(), TokenReviewStub::start());
        let more = json!({"secret_id_num_uses": 0, "token_no_default_policy": true});
        let approle = admin.approle("ci", &[&scene.policy], &more);
        let kubernetes = admin.kubernetes_mount_at(&stub.server.address, ANY_CA, "reviewer-of-the-tests");
        admin.kubernetes_role(&kubernetes, "ci", ("mlops", "signer"), &[&scene.policy], &json!({}));
        let account = scene.issuer.token(&json!({
            "sub": "system:serviceaccount:mlops:signer", "aud": ["https://vault.example"],
            "kubernetes.io": {"namespace": "mlops", "serviceaccount": {"name": "signer", "uid": "42"}},
        }));
        stub.know(&account, "mlops", "signer", "42");

        let mut leaks =
            Self { scene, secrets: Secrets::default(), variables: vec![], approle, kubernetes, _stub: stub };
        let (policy, token) = (leaks.scene.policy.clone(), |policy: &str| admin.token(&[policy], "10m", "service", 0));
        leaks.secrets.add("the root token", &server.root_token);
        let identity = leaks.scene.issuer.token(&json!({}));
        leaks.plant_file("identity", &identity);
        leaks.plant_file("account", &account);
        leaks.plant_file("token", &token(&policy));
        leaks.plant_file("sink", &token(&policy));
        let secret_id = admin.secret_id(&leaks.approle);
        leaks.plant_file("secret-id", &secret_id);
        leaks.plant_file("passphrase", &unique("passphrase-in-a-file"));
        leaks.plant_file("home/.vault-token", &token(&policy));

        leaks.plant_variable("VAULT_TOKEN", token(&policy));
        leaks.plant_variable("BAO_TOKEN", token(&policy));
        leaks.plant_variable("SIGNING_TOKEN", leaks.scene.issuer.token(&json!({"run_id": "1"})));
        leaks.plant_variable("SECRET_ID", secret_id);
        leaks.plant_variable("KEY_PASSPHRASE", unique("passphrase-in-a-variable"));
        leaks.plant_variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", unique("request-token"));
        let password = unique("proxy-password");
        leaks.secrets.add("the password of the proxy", &password);
        for name in ["VAULT_PROXY_ADDR", "BAO_PROXY_ADDR", "HTTPS_PROXY", "https_proxy"] {
            leaks.variables.push((name, format!("http://proxy-user:{password}@127.0.0.1:9")));
        }
        leaks
    }

    /// A file that holds a secret, which may be there and nowhere else.
    fn plant_file(&mut self, name: &str, value: &str) {
        self.secrets.add(&format!("the content of `{name}`"), value);
        let path = self.scene.secret(name, value);
        self.secrets.files.insert(path);
    }

    fn plant_variable(&mut self, name: &'static str, value: String) {
        self.secrets.add(name, &value);
        self.variables.push((name, value));
    }

    /// The secret id in a new wrapping.
    fn wrap(&mut self) {
        let wrapping = self.scene.server.admin().wrapped_secret_id(&self.approle, "60s");
        self.plant_file("wrapping", wrapping["token"].as_str().unwrap());
    }

    /// A new token in a new wrapping, as an agent keeps it.
    fn wrap_sink(&mut self) {
        let admin = self.scene.server.admin();
        let token = admin.token(&[&self.scene.policy], "10m", "service", 0);
        self.secrets.add("the token in the wrapped sink", &token);
        let info = admin.wrapping("60s").post("sys/wrapping/wrap", &json!({"token": token})).ok()["wrap_info"].take();
        self.secrets.add("the wrapping token of the sink", info["token"].as_str().unwrap());
        let path = self.scene.secret("wrapped-sink", &info.to_string());
        self.secrets.files.insert(path);
    }

    /// The flags of every way to log in, with what must be made anew for each run.
    fn login(&mut self, way: &str) -> Vec<String> {
        let (jwt, role) = (self.scene.auth.clone(), self.approle.clone());
        let id = role.role_id.as_str();
        let flags: &[&str] = match way {
            "jwt" => &["--auth-path", &jwt, "--role", "ci", "--identity-token-file", "identity"],
            "jwt-variable" => &["--auth-path", &jwt, "--role", "ci", "--identity-token-env", "SIGNING_TOKEN"],
            "jwt-command" => &[
                "--auth-path",
                &jwt,
                "--role",
                "ci",
                "--identity-token-command",
                "sh",
                "--identity-token-command",
                "-c",
                "--identity-token-command",
                "cat identity; cat identity >&2",
            ],
            "kubernetes" => &["--auth-path", &self.kubernetes, "--role", "ci", "--service-account-token", "account"],
            "approle" => &["--auth-path", &role.mount, "--role-id", id, "--secret-id-file", "secret-id"],
            "approle-variable" => &["--auth-path", &role.mount, "--role-id", id, "--secret-id-env", "SECRET_ID"],
            "approle-wrapped" => {
                self.wrap();
                let wrapped = ["--role", "ci", "--wrapped-secret-id-file", "wrapping"];
                &[&["--auth-path", &role.mount, "--role-id", id][..], &wrapped].concat()
            }
            "sink" => &["--token-sink", "sink"],
            "sink-wrapped" => {
                self.wrap_sink();
                &["--token-sink", "wrapped-sink"]
            }
            "token" => &["--token-file", "token"],
            "token-variable" => &["--auth", "token"],
            other => panic!("{other}"),
        };
        flags.iter().map(ToString::to_string).collect()
    }

    /// Runs a command twice, as text and as JSON, with everything told; returns both statuses.
    #[track_caller]
    fn run(&mut self, address: &str, way: &str, arguments: &[&str]) -> [Option<i32>; 2] {
        ["text", "json"].map(|format| self.run_as(format, address, way, arguments))
    }

    #[track_caller]
    fn run_as(&mut self, format: &str, address: &str, way: &str, arguments: &[&str]) -> Option<i32> {
        let login = if way.is_empty() { Vec::new() } else { self.login(way) };
        self.run_once(self.command(address).args(arguments).args(login).args(["-vvv", "--format", format]))
    }

    fn command(&self, address: &str) -> Command {
        let directory = self.scene.sandbox.path();
        fs::create_dir_all(directory.join("tmp")).unwrap();
        let mut command = modelseal();
        command.current_dir(directory).env("HOME", directory.join("home")).env("TMPDIR", directory.join("tmp"));
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full").env("VAULT_ADDR", address);
        command.env("VAULT_MAX_RETRIES", "0").envs(self.variables.clone());
        command
    }

    /// Runs a command and looks at everything that others can see of it.
    #[track_caller]
    fn run_once(&self, command: &mut Command) -> Option<i32> {
        let what = format!("{:?}", command.get_args().collect::<Vec<_>>());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let line = PathBuf::from(format!("/proc/{}/cmdline", child.id()));
        let watch = thread::spawn(move || {
            let deadline = Instant::now() + PATIENCE;
            let mut lines = BTreeSet::new();
            while let Ok(line) = fs::read(&line) {
                // Nothing is left of it when the process has ended, until somebody has taken note of that.
                if (line.is_empty() && !lines.is_empty()) || Instant::now() > deadline {
                    break;
                }
                lines.insert(line);
                thread::sleep(Duration::from_millis(1));
            }
            lines
        });
        let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut stderr, &mut bytes).unwrap();
            bytes
        });
        let mut output = Vec::new();
        std::io::Read::read_to_end(&mut stdout, &mut output).unwrap();
        let errors = errors.join().unwrap();
        let status = child.wait().unwrap().code();
        for line in watch.join().unwrap() {
            self.secrets.assert_unseen(&format!("the command line of {what}"), &line);
        }
        assert_ne!(status, Some(70), "{what}: {}", String::from_utf8_lossy(&errors));
        self.secrets.assert_unseen(&format!("the output of {what}"), &output);
        self.secrets.assert_unseen(&format!("the error output of {what}"), &errors);
        self.secrets.assert_unseen_below(&what, self.scene.sandbox.path());
        status
    }
}

/// Every string of an answer that gives power to whoever has it.
fn powers(body: &Value, found: &mut Vec<String>) {
    match body {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(text) if ["client_token", "token", "id", "secret_id"].contains(&name.as_str()) => {
                        found.push(text.to_owned());
                    }
                    _ => powers(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| powers(item, found)),
        _ => {}
    }
}

/// Passes everything on, and keeps what the server hands out.
fn recorder(server: &Server) -> (FaultServer, Arc<Mutex<Vec<String>>>) {
    let handed_out = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&handed_out);
    let record = Behaviour::alter(move |reply| {
        let body = serde_json::from_slice(&reply.body).unwrap_or_default();
        powers(&body, &mut kept.lock().unwrap());
        reply
    });
    (FaultServer::builder().on("*", "/", [record]).proxy_to(&server.address).start(), handed_out)
}

/// Runs whose outputs are kept until all is known that the server handed out.
struct Kept<'l, 'a> {
    leaks: &'l mut Leaks<'a>,
    seen: Vec<(String, Vec<u8>)>,
}

impl Kept<'_, '_> {
    /// Runs a command in both formats, keeps its outputs, and asserts the status.
    #[track_caller]
    fn run(&mut self, address: &str, way: &str, arguments: &[&str], status: i32) {
        for format in ["text", "json"] {
            let login = if way.is_empty() { Vec::new() } else { self.leaks.login(way) };
            let mut command = self.leaks.command(address);
            command.args(arguments).args(login).args(["-vvv", "--format", format]);
            let done = crate::common::run(&mut command);
            assert_eq!(done.status, Some(status), "{arguments:?} by {way}: {}", done.text());
            self.seen.push((format!("{arguments:?} by {way}"), [done.stdout, done.stderr].concat()));
            self.leaks.secrets.assert_unseen_below(way, self.leaks.scene.sandbox.path());
        }
    }
}

const WAYS: [&str; 11] = [
    "jwt",
    "jwt-variable",
    "jwt-command",
    "kubernetes",
    "approle",
    "approle-variable",
    "approle-wrapped",
    "sink",
    "sink-wrapped",
    "token",
    "token-variable",
];

on_each_server! {
    fn nothing_leaks_when_all_goes_well(server: &Server) {
        let mut leaks = Leaks::new(server);
        let key = leaks.scene.key();
        let (between, handed_out) = recorder(server);
        let address = between.address.clone();
        let mut kept = Kept { leaks: &mut leaks, seen: Vec::new() };
        for way in WAYS {
            kept.run(&address, way, &["sign", "model", "--key", &key, "--name", NAME], 0);
            kept.run(&address, way, &["vault", "login", "--dry-run", "--key", &key], 0);
        }
        let reports = ["--report", "r.json", "--report", "r.sarif", "--report", "r.xml"];
        let commands: [&[&str]; 5] = [
            &["keys", "show", &key],
            &["keys", "export", &key],
            &["keys", "export", &key, "--out", "keys", "--replace"],
            &[&["verify", "model", "--key", &key, "--expect-name", NAME], &reports[..]].concat(),
            &[&["verify", "model", "--key", &key, "--expect-name", NAME, "--online"], &reports[..]].concat(),
        ];
        for arguments in commands {
            kept.run(&address, "jwt", arguments, 0);
        }
        let commands: [&[&str]; 4] = [
            &["verify", "model", "--key", "keys/model.toml", "--expect-name", NAME],
            &["digest", "model"],
            &["inspect", "model"],
            &["generate", "man", "--out", "man"],
        ];
        for arguments in &commands[..3] {
            kept.run(&address, "", arguments, 0);
        }
        let seen = kept.seen;
        leaks.run_once(leaks.command(&address).args(commands[3]));

        // What the server handed out is known now, and in nothing that was seen before.
        let handed_out = handed_out.lock().unwrap().clone();
        assert!(handed_out.len() > WAYS.len(), "{}", handed_out.len());
        for token in handed_out {
            leaks.secrets.add("what the server handed out", &token);
        }
        for (what, output) in seen {
            leaks.secrets.assert_unseen(&format!("the output of {what}"), &output);
        }
        leaks.secrets.assert_unseen_below("all", leaks.scene.sandbox.path());
    }

    fn t21_a_child_inherits_no_secret(server: &Server) {
        let mut leaks = Leaks::new(server);
        for name in ["VAULT_ANY", "BAO_ANY", "MODELSEAL_ANY", "ACTIONS_ID_TOKEN_REQUEST_URL", "vault_lower"] {
            leaks.variables.push((name, unique("inherited")));
        }
        leaks.variables.push(("OTHER", "inherited".to_owned()));
        let key = leaks.scene.key();
        leaks.run_once(leaks.command(&server.address).args(["digest", "model"]));
        let word = "--identity-token-command";
        let mut login = leaks.login("jwt");
        login.truncate(4);
        login.extend([word, "sh", word, "-c", word, "env >children-environment; cat identity"].map(str::to_owned));
        let mut command = leaks.command(&server.address);
        let done = command.args(["sign", "model", "--key", &key]).args(login).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        let seen = fs::read_to_string(leaks.scene.sandbox.at("children-environment")).unwrap();
        let names: Vec<_> = seen.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        assert!(names.contains(&"PATH") && names.contains(&"OTHER"), "{names:?}");
        for prefix in ["VAULT_", "BAO_", "MODELSEAL_", "ACTIONS_ID_TOKEN_"] {
            assert!(!names.iter().any(|name| name.to_uppercase().starts_with(prefix)), "{names:?}");
        }
    }
}

/// What a hostile server does with the secrets that it was told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Malice {
    Words(u16),
    Html(u16),
    Redirect,
    Garbage,
    /// An answer of the right form, with secrets in every text.
    Everywhere,
    /// The true answer, and secrets beside it.
    Beside,
}

const MALICES: [Malice; 9] = [
    Malice::Words(400),
    Malice::Words(403),
    Malice::Words(500),
    Malice::Html(200),
    Malice::Html(500),
    Malice::Redirect,
    Malice::Garbage,
    Malice::Everywhere,
    Malice::Beside,
];

/// Every text of a request that could be a secret.
fn told(request: &Request, known: &mut Vec<String>) {
    let texts = |value: Value| value.as_object().cloned().unwrap_or_default().into_iter().map(|(_, value)| value);
    let body = texts(request.json()).filter_map(|value| value.as_str().map(str::to_owned));
    for text in request.header("x-vault-token").map(str::to_owned).into_iter().chain(body) {
        if text.len() >= 20 && !known.contains(&text) {
            known.insert(0, text);
        }
    }
}

impl Malice {
    fn answer(self, known: &[String]) -> Reply {
        let all = known.join(" ");
        let words = json!(known.iter().flat_map(|text| [format!("no {text}!"), text.clone()]).collect::<Vec<_>>());
        let first = known.first().cloned().unwrap_or_default();
        match self {
            Self::Words(status) => Reply::json(status, &json!({"errors": words, "request_id": first})),
            Self::Html(status) => Reply::new(status, &[("Content-Type", &first)], format!("<p>{all}</p>")),
            Self::Redirect => {
                let place =
                    format!("https://{first}@elsewhere.example/{first}/{}?token={first}", all.replace(' ', "/"));
                Reply::new(307, &[("Location", &place)], "")
            }
            Self::Garbage => Reply::new(200, &[("X-Any", &first)], format!("{{\"data\": {{\"{first}\": {all}")),
            Self::Everywhere | Self::Beside => {
                let key = json!({"creation_time": first, "public_key": first});
                let data = json!({
                    "name": first, "type": first, "creation_path": first, "keys": {"1": key}, "latest_version": 1,
                    "min_decryption_version": 1, "min_encryption_version": 1, "supports_signing": true,
                    "policies": [first], "ttl": 300, "expire_time": first, "num_uses": 0, "accessor": first,
                    "token": first, "secret_id": first, "valid": false, "version": first,
                    "batch_results": [{"reference": "0", "error": all, "signature": first}],
                });
                let auth = json!({
                    "client_token": first, "accessor": first, "policies": [first], "token_type": first,
                    "lease_duration": 300,
                });
                let wrap = json!({"token": first, "creation_path": first});
                let body = json!({
                    "data": data, "auth": auth, "wrap_info": wrap, "warnings": words, "request_id": first,
                });
                Reply::json(200, &body)
            }
        }
    }
}

/// Answers one step with malice, and passes the others on.
fn hostile(server: &Server, step: &str, malice: Malice) -> FaultServer {
    let known = Arc::new(Mutex::new(Vec::new()));
    let (listening, answering) = (Arc::clone(&known), known);
    let address = server.address.clone();
    let step = step.to_owned();
    let behaviour = Behaviour::compute(move |request| {
        told(request, &mut listening.lock().unwrap());
        let known = answering.lock().unwrap().clone();
        let aimed = request.path.contains(&step);
        if aimed && malice != Malice::Beside {
            return malice.answer(&known);
        }
        let mut reply = pass_on(&address, request);
        if let (true, Ok(mut body @ Value::Object(_))) = (aimed, serde_json::from_slice::<Value>(&reply.body)) {
            let mut handed_out = Vec::new();
            powers(&body, &mut handed_out);
            let words: Vec<_> = known.iter().chain(&handed_out).map(|text| format!("beware of {text}")).collect();
            body["request_id"] = json!(known.first());
            body["warnings"] = json!(words);
            if body["auth"].is_object() {
                let token = body["auth"]["client_token"].clone();
                body["auth"]["policies"] = json!([json!(known.join(" ")), token.clone()]);
                body["auth"]["accessor"] = token;
            }
            if body["data"]["keys"].is_object() {
                body["data"]["type"] = json!(known.join(" "));
            }
            if body["data"]["accessor"].is_string() {
                body["data"]["accessor"] = json!(known.join(" "));
                body["data"]["policies"] = json!(known);
            }
            reply = Reply::json(reply.status, &body);
        }
        reply
    });
    FaultServer::builder().on("*", "/", [behaviour]).start()
}

/// What the real server answers.
pub(crate) fn pass_on(address: &str, request: &Request) -> Reply {
    let stream = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let headers: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.to_lowercase().starts_with("x-"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = crate::support::wire::exchange(stream, &request.method, &request.path, &headers, &request.body);
    let answer = answer.unwrap();
    Reply { status: answer.status(), headers: vec![], body: answer.body }
}

/// One kind of server is enough: the words are not its own.
#[test]
fn nothing_leaks_to_those_who_read_what_a_hostile_server_says() {
    assert!(Kind::OpenBao.available());
    let server = Server::shared(Kind::OpenBao);
    thread::scope(|scope| {
        // Halves that take about as long.
        scope.spawn(|| hostile_steps(server, &["jwt", "token", "approle"]));
        scope.spawn(|| hostile_steps(server, &["approle-wrapped", "sink-wrapped", "kubernetes", "commands"]));
    });
}

fn hostile_steps(server: &Server, ways: &[&str]) {
    let mut leaks = Leaks::new(server);
    let key = leaks.scene.key();
    let sign = ["sign", "model", "--key", &key, "--name", NAME];
    leaks.run(&server.address, "jwt", &sign);
    let login = ["vault", "login", "--dry-run", "--key", &key];
    let show = ["keys", "show", &key];
    let online = ["verify", "model", "--key", &key, "--online", "--any-model"];
    let mut failed = 0;
    for malice in MALICES {
        let mut on = |step: &str, way: &str, arguments: &[&str]| {
            for format in ["text", "json"] {
                let between = hostile(server, step, malice);
                let status = leaks.run_as(format, &between.address, way, arguments);
                assert!(between.count("/") > 0, "{step} {way}");
                failed += usize::from(status != Some(0));
            }
        };
        for way in ways {
            match *way {
                "jwt" => {
                    ["/login", "/keys/", "/sign/", "/revoke-self"].into_iter().for_each(|step| on(step, way, &sign));
                    ["/login", "/capabilities-self"].into_iter().for_each(|step| on(step, way, &login));
                }
                "token" => on("/lookup-self", way, &login),
                "approle" => on("/login", way, &sign),
                "approle-wrapped" => {
                    ["/wrapping/lookup", "/wrapping/unwrap", "/login"]
                        .into_iter()
                        .for_each(|step| on(step, way, &login));
                }
                "sink-wrapped" => {
                    ["/wrapping/lookup", "/wrapping/unwrap", "/lookup-self"]
                        .into_iter()
                        .for_each(|step| on(step, way, &login));
                }
                "kubernetes" => on("/login", way, &login),
                _ => {
                    on("/keys/", "jwt", &show);
                    on("/verify/", "jwt", &online);
                }
            }
        }
    }
    assert!(failed > 0, "no malice had an effect");
}

#[test]
fn nothing_leaks_when_secrets_are_in_the_wrong_form() {
    assert!(Kind::OpenBao.available());
    let server = Server::shared(Kind::OpenBao);
    let mut leaks = Leaks::new(server);
    let key = leaks.scene.key();
    let sign = ["sign", "model", "--key", &key];
    let (jwt, role) = (leaks.scene.auth.clone(), leaks.approle.clone());

    // Nobody there; somebody else's role; tokens that nobody accepts.
    for way in WAYS {
        for status in leaks.run("http://127.0.0.1:9", way, &sign) {
            assert_eq!(status, Some(5), "{way}");
        }
    }
    let expired = leaks.scene.issuer.token_expired();
    let broken = format!("{}.{}", unique("planted-no-jwt"), unique("and-more"));
    let lines = format!("{}\n{}", unique("planted-line"), unique("another"));
    let unknown = unique("hvs.CAESIplanted-unknown-token");
    for (name, value) in [("expired", &expired), ("broken", &broken), ("lines", &lines), ("unknown", &unknown)] {
        for line in value.lines() {
            leaks.secrets.add(name, line);
        }
        leaks.plant_file(name, value);
        let flags: [&[&str]; 5] = [
            &["--auth-path", &jwt, "--role", "ci", "--identity-token-file", name],
            &["--auth-path", &jwt, "--role", "ci", "--service-account-token", name],
            &["--auth-path", &role.mount, "--role-id", &role.role_id, "--secret-id-file", name],
            &["--auth-path", &role.mount, "--role-id", &role.role_id, "--role", "ci", "--wrapped-secret-id-file", name],
            &["--token-file", name],
        ];
        for flags in flags {
            for status in leaks.run(&server.address, "", &[&sign[..], flags].concat()) {
                assert!(status.is_some_and(|status| status > 1), "{flags:?} {status:?}");
            }
        }
        leaks.run(&server.address, "", &[&sign[..], &["--token-sink", name]].concat());
        // As other files than those they are for.
        for flag in ["--ca-cert", "--certificate", "--key-passphrase-file"] {
            leaks.run(&server.address, "jwt", &[&sign[..], &[flag, name]].concat());
        }
        for command in
            [&["keys", "show", name][..], &["sign", "model", "--key", name], &["verify", "model", "--key", name]]
        {
            leaks.run(&server.address, "", command);
        }
    }

    // Addresses and proxies with passwords in them.
    let password = unique("address-password");
    leaks.secrets.add("the password in the address", &password);
    for address in ["https://u:PW@127.0.0.1:9", "ftp://u:PW@h", "https://h/?token=PW", "PW", "unix://u:PW@h"] {
        for status in leaks.run(&address.replace("PW", &password), "jwt", &sign) {
            assert_ne!(status, Some(0), "{address}");
        }
    }
    for proxy in
        ["socks5://u:PW@127.0.0.1:9", "http://u:PW@127.0.0.1:9/path", "http://u:PW@127.0.0.1:99999", "http://u:PW@ x"]
    {
        let mut variables = leaks.variables.clone();
        variables.push(("VAULT_PROXY_ADDR", proxy.replace("PW", &password)));
        variables.retain(|(name, _)| !name.starts_with("BAO_PROXY"));
        let login = leaks.login("jwt");
        let mut command = leaks.command("https://vault.example.invalid:8200");
        command.env_remove("BAO_PROXY_ADDR").envs(variables).args(sign).args(login).arg("-vvv");
        assert_ne!(leaks.run_once(&mut command), Some(0), "{proxy}");
    }
}

#[test]
fn nothing_leaks_through_a_proxy_with_a_password() {
    assert!(Kind::OpenBao.available());
    let mut leaks = Leaks::new(Server::shared(Kind::OpenBao));
    let key = leaks.scene.key();
    let password = unique("proxy-password");
    leaks.secrets.add("the password of the proxy", &password);
    for status in [200, 302, 403, 407, 502] {
        let echo = Behaviour::compute(move |request: &Request| {
            let said = request.header("proxy-authorization").unwrap_or("nothing").to_owned();
            Reply::new(status, &[("Location", &said), ("Proxy-Authenticate", &said)], said.clone())
        });
        let proxy = FaultServer::builder().on("*", "", [echo]).start();
        let address = proxy.address.replace("http://", &format!("http://proxy-user:{password}@"));
        leaks.variables.retain(|(name, _)| !name.to_lowercase().contains("proxy"));
        leaks.variables.push(("VAULT_PROXY_ADDR", address));
        let statuses = leaks.run("https://vault.example.invalid:8200", "jwt", &["sign", "model", "--key", &key]);
        assert!(statuses.iter().all(|status| *status != Some(0)), "{statuses:?}");
        assert!(proxy.requests()[0].header("proxy-authorization").is_some());
    }
}

#[test]
fn nothing_leaks_of_private_keys() {
    assert!(Kind::OpenBao.available());
    let server = Server::own(Kind::OpenBao, &Options { tls: true, ..Options::default() });
    let mut leaks = Leaks::new(&server);
    let address = server.tls_address.clone().unwrap();
    let file = |name: &str| server.certificates[name].display().to_string();
    let pem = fs::read_to_string(&server.certificates["server_key"]).unwrap();
    leaks.secrets.add_pem("the client key", &pem);
    let key = leaks.scene.key();
    leaks.variables.push(("VAULT_CACERT", file("ca")));
    let sign = ["sign", "model", "--key", &key];
    // As a file, as bytes, with a certificate that is another's, and in the place of one.
    let pairs: [(&'static str, String, &'static str, String); 4] = [
        ("VAULT_CLIENT_CERT", file("server"), "VAULT_CLIENT_KEY", file("server_key")),
        ("VAULT_CLIENT_CERT", file("wrong_host"), "VAULT_CLIENT_KEY", file("server_key")),
        ("VAULT_CLIENT_CERT", file("server_key"), "VAULT_CLIENT_KEY", file("server")),
        ("VAULT_CLIENT_CERT", pem.clone(), "VAULT_CLIENT_KEY", pem.clone()),
    ];
    for (certificate_name, certificate, key_name, value) in pairs {
        let before = leaks.variables.len();
        leaks.variables.extend([(certificate_name, certificate), (key_name, value)]);
        leaks.run(&address, "jwt", &sign);
        leaks.variables.truncate(before);
    }
    leaks.variables.push(("VAULT_CACERT_BYTES", pem));
    leaks.run(&address, "jwt", &sign);
    leaks.variables.clear();

    // A key with a passphrase, the right one and wrong ones.
    leaks.plant_variable("KEY_PASSPHRASE", unique("passphrase-in-a-variable"));
    for (name, flags) in
        [("a.pem", ["--key-passphrase-file", "passphrase"]), ("b.pem", ["--key-passphrase-env", "KEY_PASSPHRASE"])]
    {
        let path = leaks.scene.sandbox.at(name);
        let made = leaks.command("").args(["keys", "generate", name]).args(flags).arg("-vvv").output().unwrap();
        assert!(made.status.success(), "{made:?}");
        leaks.secrets.assert_unseen("the output of keys generate", &[made.stdout, made.stderr].concat());
        let pem = fs::read_to_string(&path).unwrap();
        leaks.secrets.assert_unseen("the key file", pem.as_bytes());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        leaks.secrets.files.insert(path);
        leaks.secrets.add_pem("the private key", &pem);
        let wrong = ["--key-passphrase-file", "identity"];
        for (flags, good) in [(flags, true), (wrong, false), (["--key-passphrase-env", "ABSENT"], false)] {
            for command in [&["sign", "model", "--key", name][..], &["keys", "show", name], &["keys", "export", name]] {
                for status in leaks.run("", "", &[command, &flags].concat()) {
                    assert_eq!(status == Some(0), good, "{command:?} {flags:?}");
                }
            }
        }
    }
}

/// What the memory of a process could be read from: a core file, a debugger of the same user.
#[test]
fn t23_a_process_that_holds_secrets_keeps_no_core_and_is_not_traced() {
    let silent = FaultServer::builder().on("*", "/", [Behaviour::Silence]).start();
    let sandbox = crate::common::Sandbox::unsigned();
    let issuer = crate::support::Issuer::new();
    let identity = sandbox.write("identity", issuer.token(&json!({})).as_bytes());
    let mut command = modelseal();
    command.arg("vault").args(["login", "--dry-run", "--vault-addr", &silent.address, "--role", "ci"]);
    command.arg("--identity-token-file").arg(&identity);
    // Of root's own processes nobody can tell.
    let mut child = as_nobody(&sandbox, &command).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    eventually("it asks", || (silent.count("/") > 0).then_some(()));
    let process = PathBuf::from(format!("/proc/{}", child.id()));
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let owners = ["mem", "environ", "maps"].map(|name| fs::metadata(process.join(name)).unwrap().uid());
    let user = fs::metadata(&process).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    // What cannot be dumped belongs to root, whoever runs it.
    assert_eq!(owners, [0; 3], "{user:?}");
}

/// The detector detects: a test that sees nothing proves nothing.
#[test]
fn every_form_of_a_secret_is_found() {
    let mut secrets = Secrets::default();
    secrets.add("it", "s.planted/token+of the test");
    let forms = [
        "x s.planted/token+of the test x".to_owned(),
        STANDARD.encode("s.planted/token+of the test"),
        STANDARD.encode("user:s.planted/token+of the test"),
        URL_SAFE.encode("{\"token\":\"s.planted/token+of the test\"}"),
        "s%2Eplanted%2Ftoken%2Bof%20the%20test".to_owned(),
        "s.planted/token+of the test".bytes().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        }),
    ];
    for form in forms {
        let found = std::panic::catch_unwind(|| secrets.assert_unseen("a test", form.as_bytes()));
        assert!(found.is_err(), "{form}");
    }
    secrets.assert_unseen("a test", b"s.planted/token+of the tes");
}
