//! Real servers, shared by all tests of this program.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use modelseal_http::{Address, Client, ClientConfig, ExposeSecret as _, Header, Method, Request, SecretSlice};
use serde_json::{Value, json};

/// A server, and a mount of its own for each test.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) kind: &'static str,
    pub(crate) address: String,
    pub(crate) root_token: String,
    /// Its standard input is a pipe that closes with this program, however that ends; then the server stops.
    _process: Child,
}

impl Server {
    #[track_caller]
    pub(crate) fn shared(kind: &'static str) -> &'static Self {
        static OPENBAO: OnceLock<Server> = OnceLock::new();
        static VAULT: OnceLock<Server> = OnceLock::new();
        if kind == "vault" { &VAULT } else { &OPENBAO }.get_or_init(|| Self::start(kind))
    }

    fn start(kind: &'static str) -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let found = Command::new("sh").arg(workspace.join("scripts/find-python.sh")).output().unwrap().stdout;
        let python = String::from_utf8(found).unwrap();
        let mut process = Command::new(python.trim())
            .arg(workspace.join("tests/vault/serve.py"))
            .arg(kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value =
            serde_json::from_str(&line).expect("tests/vault/serve.py says on standard error what is wrong");
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self { kind, address: text("address"), root_token: text("root_token"), _process: process }
    }

    pub(crate) fn is_openbao(&self) -> bool {
        self.kind == "openbao"
    }

    /// A new transit mount.
    #[track_caller]
    pub(crate) fn mount(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mount = format!("transit-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.root(&format!("sys/mounts/{mount}"), &json!({"type": "transit"}));
        mount
    }

    /// Asks with the root token; the server must agree.
    #[track_caller]
    pub(crate) fn root(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.post(&self.root_token, path, body);
        assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
        answer
    }

    /// A token with one policy and nothing else.
    #[track_caller]
    pub(crate) fn token(&self, policy: &str) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("policy-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.root(&format!("sys/policies/acl/{name}"), &json!({"policy": policy}));
        let body = json!({"policies": [name], "no_default_policy": true, "ttl": "5m"});
        self.root("auth/token/create", &body)["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    /// Reads with the root token.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send(Method::Get, &self.root_token, path, &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Deletes with the root token.
    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        let (status, answer) = self.send(Method::Delete, &self.root_token, path, &json!({}));
        assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
    }

    /// Status and body.
    #[track_caller]
    pub(crate) fn post(&self, token: &str, path: &str, body: &Value) -> (u16, Value) {
        self.send(Method::Post, token, path, body)
    }

    #[track_caller]
    fn send(&self, method: Method, token: &str, path: &str, body: &Value) -> (u16, Value) {
        let client = Client::new(ClientConfig::new(Address::parse(&self.address).unwrap())).unwrap();
        let path = format!("v1/{path}");
        let mut request = Request::new(method, &path);
        if !token.is_empty() {
            request.headers.push(Header::secret("x-vault-token", token.into()));
        }
        request.body = (!body.is_null()).then(|| SecretSlice::from(body.to_string().into_bytes()));
        let answer = client.send(request).unwrap();
        let value = serde_json::from_slice(answer.body.expose_secret()).unwrap_or_default();
        (answer.status, value)
    }
}

/// Makes one test per kind of server: `NAME::openbao` and `NAME::vault`.
macro_rules! on_each_server {
    ($(fn $name:ident($server:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            fn check($server: &$crate::server::Server) $body

            #[test]
            fn openbao() {
                check($crate::server::Server::shared("openbao"));
            }

            #[test]
            fn vault() {
                check($crate::server::Server::shared("vault"));
            }
        }
    )+};
}
pub(crate) use on_each_server;
