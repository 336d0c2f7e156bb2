//! Real servers for these tests, and a server that misbehaves.

#![allow(dead_code, unreachable_pub, reason = "each test target uses its own part")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A server that lives as long as this process.
pub struct Server {
    pub kind: &'static str,
    pub address: String,
    pub root: String,
    pub binary: String,
    _child: Child,
}

/// Does the same with OpenBao and with Vault.
pub fn both(work: impl Fn(&Server)) {
    for server in [openbao(), vault()] {
        work(server);
    }
}

pub fn openbao() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("openbao"))
}

pub fn vault() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("vault"))
}

impl Server {
    /// One for this test alone.
    pub fn own(kind: &'static str) -> Self {
        Self::start(kind)
    }

    fn start(kind: &'static str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vault/serve.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(kind).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).expect("the server starts; its complaint is above");
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        // Its end of the pipe closes with this process, and that ends it.
        Self { kind, address: text("address"), root: text("root_token"), binary: text("binary"), _child: child }
    }

    /// As root.
    pub fn admin(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, Some(&self.root), &body, &[]);
        assert!(matches!(status, 200 | 204), "{method} {path}: {status} {answer}");
        answer
    }

    pub fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> (u16, Value) {
        let host = self.address.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut head = format!("{method} /v1/{path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in token.iter().map(|token| ("X-Vault-Token", *token)).chain(headers.iter().copied()) {
            head += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Mounts a login method at a path of its own.
    pub fn mount(&self, kind: &str) -> String {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let path = format!("{kind}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.admin("POST", &format!("sys/auth/{path}"), json!({"type": kind}));
        path
    }

    pub fn jwt(&self) -> Jwt<'_> {
        let mount = self.mount("jwt");
        let issuer = Issuer::new();
        let config = json!({"jwt_validation_pubkeys": [issuer.pem()], "bound_issuer": "https://issuer.example"});
        self.admin("POST", &format!("auth/{mount}/config"), config);
        let jwt = Jwt { server: self, mount, issuer };
        jwt.role("ci", json!({}));
        jwt
    }

    pub fn approle(&self, role: &str, settings: Value) -> (String, String) {
        let mount = self.mount("approle");
        self.admin("POST", &format!("auth/{mount}/role/{role}"), settings);
        let answer = self.admin("GET", &format!("auth/{mount}/role/{role}/role-id"), Value::Null);
        (mount, answer["data"]["role_id"].as_str().unwrap().to_owned())
    }

    pub fn secret_id(&self, mount: &str, role: &str) -> String {
        let answer = self.admin("POST", &format!("auth/{mount}/role/{role}/secret-id"), json!({}));
        answer["data"]["secret_id"].as_str().unwrap().to_owned()
    }

    /// A wrapping token of a new secret id.
    pub fn wrapped(&self, path: &str, body: &Value, ttl: &str) -> String {
        let (status, answer) = self.ask("POST", path, Some(&self.root), body, &[("X-Vault-Wrap-TTL", ttl)]);
        assert_eq!(status, 200, "{answer}");
        answer["wrap_info"]["token"].as_str().unwrap().to_owned()
    }

    pub fn token(&self, settings: Value) -> String {
        let answer = self.admin("POST", "auth/token/create", settings);
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    pub fn knows_accessor(&self, accessor: &str) -> bool {
        let body = json!({"accessor": accessor});
        self.ask("POST", "auth/token/lookup-accessor", Some(&self.root), &body, &[]).0 == 200
    }

    pub fn policy(&self, name: &str, text: &str) {
        self.admin("POST", &format!("sys/policies/acl/{name}"), json!({"policy": text}));
    }
}

/// A mount of the jwt method with an issuer of its own.
pub struct Jwt<'a> {
    server: &'a Server,
    pub mount: String,
    pub issuer: Issuer,
}

impl Jwt<'_> {
    pub fn role(&self, name: &str, more: Value) {
        let mut role = json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["https://vault.example"],
            "bound_claims": {"ref": "main"}, "token_ttl": "300s", "clock_skew_leeway": -1, "expiration_leeway": -1});
        role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.server.admin("POST", &format!("auth/{}/role/{name}", self.mount), role);
    }
}

/// Whoever signs identity tokens.
pub struct Issuer(EcdsaKeyPair);

impl Issuer {
    pub fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn pem(&self) -> String {
        let mut der = STANDARD.decode("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE").unwrap();
        der.extend(&self.0.public_key().as_ref()[1..]);
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    /// A token for role `ci`, but for what `more` says.
    pub fn token(&self, more: Value) -> String {
        let mut claims = json!({"iss": "https://issuer.example", "aud": "https://vault.example", "sub": "job",
            "ref": "main", "iat": now(), "nbf": now() - 5, "exp": now() + 300});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.sign(&claims)
    }

    pub fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&json!({"alg": "ES256", "typ": "JWT"})), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// One request that a [`Fake`] got.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub head: String,
    pub body: String,
}

/// What a [`Fake`] does with a request.
pub enum Reply {
    Json(u16, Value),
    /// Answers after this time.
    Late(Duration, u16, Value),
    /// Closes the connection.
    Close,
}

/// A loopback server that answers as it is told, once per connection.
pub struct Fake {
    pub address: String,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

impl Fake {
    pub fn new(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(request) = receive(&stream) else { return };
                    log.lock().unwrap().push(request.clone());
                    let (status, value) = match answer(&request) {
                        Reply::Json(status, value) => (status, value),
                        Reply::Late(time, status, value) => {
                            thread::sleep(time);
                            (status, value)
                        }
                        Reply::Close => return,
                    };
                    let body = if value.is_null() { String::new() } else { value.to_string() };
                    let _ = write!(
                        stream,
                        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                });
            }
        });
        Self { address, seen }
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.line.clone()).collect()
    }
}

fn receive(stream: &TcpStream) -> Option<Seen> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        head += &line;
    }
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Seen { line, head, body: String::from_utf8(body).ok()? })
}
