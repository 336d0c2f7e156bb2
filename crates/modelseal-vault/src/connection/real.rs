//! What real servers answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use modelseal_core::VaultPath;
use modelseal_http::{FixedEnv, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::Settings;

/// A server that ends when its standard input does, so with the test program, however that ends.
struct Server {
    child: Child,
    address: String,
    root: SecretString,
    version: String,
}

impl Server {
    /// Starts a server of a kind. `None`: there is no Go to build Vault with. Anything else is a failure, since a test
    /// that checked nothing must not pass.
    fn start(kind: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Announced {
            address: String,
            root_token: SecretString,
            version: String,
        }
        let runs = |program: &str| Command::new(program).arg("version").stdout(Stdio::null()).status().is_ok();
        if kind == "vault" && !runs("vault") && !runs("go") {
            writeln!(std::io::stderr(), "NOT TESTED against HashiCorp Vault: there is no Go to build it with").unwrap();
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vault/serve.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(kind).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("python3 cannot be started: {error}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Announced { address, root_token, version } = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("no {kind} server ({error}); standard error says why"));
        Some(Self { child, address, root: root_token, version })
    }

    fn connect(&self, address: &str) -> Connection {
        let settings = Settings { address: Some(address.to_owned()), ..Settings::default() };
        Connection::new(Resolved::new(&settings, &FixedEnv::default()).unwrap()).unwrap()
    }

    /// Sets something up.
    fn operate(&self, connection: &Connection, path: &str, body: &Value) {
        let call = Call::post(path, Repeat::Never).with_token(Some(&self.root)).with_body(body).unwrap();
        connection.tell(call).unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The codes where the two products differ.
struct Differs {
    unknown_token: Code,
    other_base_path: Code,
}

fn check(kind: &str, differs: &Differs) {
    let Some(server) = Server::start(kind) else { return };
    let connection = server.connect(&server.address);
    healthy(&server, &connection);
    server.operate(&connection, "sys/mounts/transit", &json!({"type": "transit"}));
    server.operate(&connection, "transit/keys/k", &json!({"type": "ecdsa-p256"}));
    answers(&server, &connection);
    refusals(&server, &connection, differs);
    #[cfg(unix)]
    sockets(&server);
    quotas(&server, &connection);
    sealed(&server, &connection);
}

#[test]
fn openbao() {
    // It answers 404 without words below any path.
    check("openbao", &Differs { unknown_token: Code::VaultPermission, other_base_path: Code::VaultRefused });
}

#[test]
fn vault() {
    check("vault", &Differs { unknown_token: Code::VaultTokenInvalid, other_base_path: Code::VaultNotVault });
}

fn healthy(server: &Server, connection: &Connection) {
    let health = connection.health().unwrap();
    assert_eq!((health.sealed, health.initialized, health.standby), (false, true, false));
    assert_eq!(health.version, server.version);
}

fn answers(server: &Server, connection: &Connection) {
    let key: Answer<Value> = connection.ask(Call::get("transit/keys/k").with_token(Some(&server.root))).unwrap();
    assert_eq!(key.data.unwrap()["type"], "ecdsa-p256");
    assert!(key.request_id.is_some() && key.auth.is_none() && key.wrap_info.is_none() && key.lost == 0);
    let body = json!({"ttl": "60s"});
    let call = Call::post("auth/token/create", Repeat::Never).with_token(Some(&server.root)).with_body(&body).unwrap();
    let auth = connection.ask::<Value>(call).unwrap().auth.unwrap();
    assert_eq!((auth.lease_duration, auth.token_type.as_deref()), (60, Some("service")));
    let revoke = Call::post("auth/token/revoke-self", Repeat::Safe).with_token(Some(&auth.client_token));
    connection.tell(revoke).unwrap();
    let empty = Call::post("auth/token/revoke-self", Repeat::Never).with_token(Some(&auth.client_token));
    assert!(connection.ask::<Value>(empty).is_err());
}

fn refusals(server: &Server, connection: &Connection, differs: &Differs) {
    let unknown = SecretString::from("s.unknown");
    let nowhere: VaultPath = "nowhere".parse().unwrap();
    let root = Some(&server.root);
    let cases = [
        (Call::get("transit/keys/k"), 403, Code::VaultPermission),
        (Call::get("transit/keys/k").with_token(Some(&unknown)), 403, differs.unknown_token),
        (Call::get("transit/keys/none").with_token(root), 404, Code::VaultRefused),
        (Call::get("nowhere/keys/k").with_token(root), 404, Code::VaultMountNotFound),
        (Call::get("transit/keys/k").within(Some(&nowhere)).with_token(root), 404, Code::VaultMountNotFound),
        (Call::get("transit/sign/k").with_token(root), 405, Code::VaultRefused),
        (Call::post("transit/sign/k", Repeat::Safe).with_token(root), 400, Code::VaultRefused),
    ];
    for (call, status, code) in cases {
        let path = call.full_path();
        let body = json!({"input": "!", "hash_algorithm": "none"});
        let call = if status == 400 { call.with_body(&body).unwrap() } else { call };
        let refusal = connection.ask::<Value>(call).unwrap_err();
        assert_eq!((refusal.status, refusal.error.code()), (Some(status), code), "{path}: {refusal:?}");
        assert_eq!(refusal.words.is_empty(), path.ends_with("none"), "{path}: {refusal:?}");
    }
    // Another path than those of the API.
    let call = Call::get("transit/keys/k").with_token(root);
    let refusal = server.connect(&format!("{}/prefix", server.address)).ask::<Value>(call).unwrap_err();
    assert_eq!(refusal.error.code(), differs.other_base_path, "{refusal:?}");
}

/// Through a socket, as an agent listens on one.
#[cfg(unix)]
fn sockets(server: &Server) {
    use std::net::{Shutdown, TcpStream};
    use std::os::unix::net::UnixListener;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let target = server.address.strip_prefix("http://").unwrap().to_owned();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut here, _) = listener.accept().unwrap();
            let mut there = TcpStream::connect(target).unwrap();
            let (mut here_too, mut there_too) = (here.try_clone().unwrap(), there.try_clone().unwrap());
            scope.spawn(move || {
                let _ = std::io::copy(&mut there_too, &mut here_too);
            });
            let _ = std::io::copy(&mut here, &mut there);
            let _ = there.shutdown(Shutdown::Both);
        });
        let connection = server.connect(&format!("unix://{}", path.display()));
        connection.ask::<Value>(Call::get("transit/keys/k").with_token(Some(&server.root))).unwrap();
    });
}

/// Many at once under a quota: every one succeeds in the end.
fn quotas(server: &Server, connection: &Connection) {
    let quota = json!({"rate": 10, "interval": "1s", "path": "transit/"});
    server.operate(connection, "sys/quotas/rate-limit/few", &quota);
    server.operate(connection, "sys/quotas/config", &json!({"enable_rate_limit_response_headers": true}));
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let connection = server.connect(&server.address);
                let mut call = Call::get("transit/keys/k").with_token(Some(&server.root));
                call.repeat = Repeat::IfNotSent;
                connection.ask::<Value>(call).unwrap();
            });
        }
    });
}

fn sealed(server: &Server, connection: &Connection) {
    server.operate(connection, "sys/seal", &json!({}));
    let call = Call::get("sys/mounts").with_token(Some(&server.root));
    let refusal = connection.ask::<Value>(call).unwrap_err();
    assert_eq!((refusal.error.code(), refusal.sent), (Code::VaultSealed, Sent::No), "{refusal:?}");
    let health = connection.health().unwrap();
    assert!(health.sealed && health.initialized);
}
