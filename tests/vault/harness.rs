//! That the servers of the tests, and what surrounds them, are what the tests take them for.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::agent::{Agent, Login};
use crate::support::fault::Reply;
use crate::support::issuer::AUDIENCE;
use crate::support::kubernetes::{Cluster, TokenReviewStub};
use crate::support::process::eventually;
use crate::support::tls::TlsFront;
use crate::support::{Behaviour, Client, FaultServer, Issuer, Kind, Options, Server, on_each_server, unique, wire};

/// A transit mount with a key, and a policy that allows signing with it.
fn signing(server: &Server) -> (String, String) {
    let admin = server.admin();
    let mount = admin.transit();
    assert_eq!(admin.key(&mount, "model", "ecdsa-p256")["type"], "ecdsa-p256");
    let policy = admin.signing_policy(&mount, "model");
    (mount, policy)
}

/// Signs something with a token; returns the status.
fn sign(client: &Client, mount: &str) -> u16 {
    let (status, body) = client.post(&format!("{mount}/sign/model"), &json!({"input": "bW9kZWw="})).parts();
    assert_eq!(status == 200, body["data"]["signature"].as_str().is_some_and(|text| text.starts_with("vault:v1:")));
    status
}

fn token_of(login: &Value) -> &str {
    login["auth"]["client_token"].as_str().unwrap()
}

on_each_server! {
    fn jwt_logs_in(server: &Server) {
        let (mount, policy) = signing(server);
        let (issuer, admin) = (Issuer::new(), server.admin());
        let auth = admin.jwt_mount(&issuer);
        admin.jwt_role(&auth, "ci", &json!({"ref": "refs/heads/main"}), &[&policy], &json!({}));
        let login = |jwt: &str| server.client().post(&format!("auth/{auth}/login"), &json!({"role": "ci", "jwt": jwt}));

        for token in [issuer.token(&json!({})), issuer.token_es256(&json!({}))] {
            let answer = login(&token).ok();
            assert_eq!(answer["auth"]["metadata"]["repository"], "example-org/model");
            assert_eq!(sign(&server.client().with_token(token_of(&answer)), &mount), 200);
        }
        let bad = [
            issuer.token(&json!({"ref": "refs/heads/other"})),
            issuer.token(&json!({"aud": null})),
            issuer.token_alg_none(&json!({})),
            issuer.token_hs256_public_key(&json!({})),
            issuer.token_expired(),
            issuer.token_of_the_future(),
            Issuer::new().token(&json!({})),
        ];
        for token in bad {
            assert_eq!(login(&token).status, 400);
        }
    }

    fn wrapped_secret_id_is_good_once(server: &Server) {
        let (mount, policy) = signing(server);
        let (admin, client) = (server.admin(), server.client());
        let approle = admin.approle("ci", &[&policy], &json!({}));
        let wrapping = admin.wrapped_secret_id(&approle, "60s");
        assert_eq!(wrapping["creation_path"], format!("auth/{}/role/ci/secret-id", approle.mount));

        let unwrapping = client.with_token(wrapping["token"].as_str().unwrap());
        let secret = unwrapping.post("sys/wrapping/unwrap", &json!({})).ok();
        assert_eq!(unwrapping.post("sys/wrapping/unwrap", &json!({})).status, 400);

        let body = json!({"role_id": approle.role_id, "secret_id": secret["data"]["secret_id"]});
        let path = format!("auth/{}/login", approle.mount);
        let login = client.post(&path, &body).ok();
        assert_eq!(sign(&client.with_token(token_of(&login)), &mount), 200);
        assert_eq!(client.post(&path, &body).status, 400);
    }

    fn tokens_can_be_limited(server: &Server) {
        let (mount, policy) = signing(server);
        let admin = server.admin();
        let limited = server.client().with_token(&admin.token(&[&policy], "5m", "service", 1));
        assert_eq!([sign(&limited, &mount), sign(&limited, &mount)], [200, 403]);

        let lasting = server.client().with_token(&admin.token(&[&policy], "5m", "service", 0));
        let accessor = lasting.get("auth/token/lookup-self").ok()["data"]["accessor"].as_str().unwrap().to_owned();
        assert!(admin.accessors().contains(&accessor));
        assert_eq!(lasting.post("auth/token/revoke-self", &json!({})).status, 204);
        assert!(!admin.accessors().contains(&accessor));

        let batch = server.client().with_token(&admin.token(&[&policy], "5m", "batch", 0));
        assert_eq!(sign(&batch, &mount), 200);
    }

    fn kubernetes_logs_in(server: &Server) {
        let Some(cluster) = Cluster::shared() else { return };
        let (mount, policy) = signing(server);
        let admin = server.admin();
        let (namespace, auth) = (unique("mlops"), admin.kubernetes_mount(cluster));
        cluster.account(&namespace, "signer");
        cluster.account(&namespace, "other");
        admin.kubernetes_role(&auth, "ci", (&namespace, "signer"), &[&policy], &json!({}));
        let login = |jwt: &str| server.client().post(&format!("auth/{auth}/login"), &json!({"role": "ci", "jwt": jwt}));

        let token = cluster.token(&namespace, "signer", &[AUDIENCE]);
        let answer = login(&token).ok();
        assert_eq!(answer["auth"]["metadata"]["service_account_namespace"], namespace.as_str());
        assert_eq!(sign(&server.client().with_token(token_of(&answer)), &mount), 200);

        assert_eq!(login(&cluster.token(&namespace, "signer", &["https://elsewhere.example"])).status, 403);
        assert_eq!(login(&cluster.token(&namespace, "other", &[AUDIENCE])).status, 403);
        // The cluster remembers for ten seconds that a token was good: this one it has not yet seen.
        let unseen = cluster.token(&namespace, "signer", &[AUDIENCE]);
        cluster.delete_account(&namespace, "signer");
        eventually("the account is gone", || (login(&unseen).status == 403).then_some(()));
    }

    fn token_review_stub_answers(server: &Server) {
        let (issuer, stub, admin) = (Issuer::new(), TokenReviewStub::start(), server.admin());
        let auth = admin.kubernetes_mount_at(&stub.server.address, ANY_CA, "reviewer");
        admin.kubernetes_role(&auth, "ci", ("mlops", "signer"), &["default"], &json!({}));
        let account = json!({"name": "signer", "uid": "42"});
        let claims = json!({
            "sub": "system:serviceaccount:mlops:signer", "aud": [AUDIENCE],
            "kubernetes.io": {"namespace": "mlops", "serviceaccount": account},
        });
        let login = |jwt: &str| server.client().post(&format!("auth/{auth}/login"), &json!({"role": "ci", "jwt": jwt}));

        let known = issuer.token(&claims);
        stub.know(&known, "mlops", "signer", "42");
        login(&known).ok();
        assert_eq!(login(&issuer.token(&claims)).status, 403);
        assert_eq!(stub.server.requests()[0].header("authorization"), Some("Bearer reviewer"));
    }

    fn agent_fills_sinks_and_passes_requests_on(server: &Server) {
        let (mount, policy) = signing(server);
        let (admin, client) = (server.admin(), server.client());
        let approle = admin.approle("agent", &[&policy], &json!({"secret_id_num_uses": 0}));
        let secret_id = admin.secret_id(&approle);
        let agent = Agent::start(server, &Login::AppRole { approle: &approle, secret_id: &secret_id });

        let token = Agent::read(&agent.plain_sink());
        assert_eq!(sign(&client.with_token(&token), &mount), 200);
        let wrapping: Value = serde_json::from_str(&Agent::read(&agent.wrapped_sink())).unwrap();
        let unwrapped = client.with_token(wrapping["token"].as_str().unwrap()).post("sys/wrapping/unwrap", &json!({}));
        assert_eq!(unwrapped.ok()["data"]["token"].as_str(), Some(token.as_str()));
        passes_on(&agent, &mount);
    }

    fn proxy_logs_in_with_jwt(server: &Server) {
        let (mount, policy) = signing(server);
        let (admin, issuer) = (server.admin(), Issuer::new());
        let auth = admin.jwt_mount(&issuer);
        admin.jwt_role(&auth, "ci", &json!({}), &[&policy], &json!({}));
        let token = issuer.token(&json!({}));
        let proxy = Agent::start_proxy(server, &Login::Jwt { mount: &auth, role: "ci", token: &token });

        assert_eq!(sign(&server.client().with_token(&Agent::read(&proxy.plain_sink())), &mount), 200);
        passes_on(&proxy, &mount);
    }

    fn own_server_can_be_sealed(kind: Kind) {
        let server = Server::own(kind, &Options::default());
        let (mount, _) = signing(&server);
        server.seal();
        assert_eq!(server.client().get("sys/health").status, 503);
        assert_eq!(sign(&server.admin(), &mount), 503);
        server.unseal();
        eventually("it is unsealed", || (sign(&server.admin(), &mount) == 200).then_some(()));
    }

    fn own_server_can_be_limited(kind: Kind) {
        let server = Server::own(kind, &Options::default());
        let (mount, _) = signing(&server);
        let headers = json!({"enable_rate_limit_response_headers": true});
        server.admin().post("sys/quotas/config", &headers).ok();
        let quota = json!({"rate": 1, "interval": "60s", "path": format!("{mount}/")});
        server.admin().post("sys/quotas/rate-limit/slow", &quota).ok();
        assert_eq!([sign(&server.admin(), &mount), sign(&server.admin(), &mount)], [200, 429]);
    }

    fn own_server_has_an_audit_log(kind: Kind) {
        let server = Server::own(kind, &Options { audit: true, ..Options::default() });
        let (mount, _) = signing(&server);
        assert_eq!(sign(&server.admin().with_header("X-Correlation-Id", "run-42"), &mount), 200);
        let lines = server.audit_lines();
        let path = format!("{mount}/sign/model");
        let signed: Vec<_> = lines.iter().filter(|line| line["request"]["path"] == path.as_str()).collect();
        assert_eq!(signed.iter().map(|line| line["type"].as_str().unwrap()).collect::<Vec<_>>(), ["request", "response"]);
        assert_eq!(signed[1]["response"]["data"]["key_version"], 1);
    }

    fn own_server_has_tls(kind: Kind) {
        let server = Server::own(kind, &Options { tls: true, ..Options::default() });
        let address = server.tls_address.as_deref().unwrap();
        let file = |name: &str| server.certificates[name].as_path();
        assert!(trusts(address, file("ca")));
        assert!(trusts(&address.replace("127.0.0.1", "localhost"), file("ca")));
        assert!(!trusts(address, file("other_ca")));

        let front = |name: &str| TlsFront::start(file(name), file(&format!("{name}_key")), &server.address);
        assert!(trusts(&front("server").address, file("ca")));
        assert!(!trusts(&front("wrong_host").address, file("ca")));
        assert!(!trusts(&front("expired").address, file("ca")));
    }

    fn one_step_of_a_conversation_can_be_broken(server: &Server) {
        let (mount, _) = signing(server);
        let path = format!("/v1/{mount}/sign/");
        let other_version = Behaviour::alter(|reply| {
            let text = String::from_utf8(reply.body).unwrap().replace("vault:v1:", "vault:v2:");
            Reply { body: text.into_bytes(), ..reply }
        });
        let broken = [Behaviour::html_502(), Behaviour::Forward, other_version];
        let faults = FaultServer::builder().on("POST", &path, broken).proxy_to(&server.address).start();
        let client = Client::new(&faults.address).with_token(&server.root_token);

        assert_eq!(client.get(&format!("{mount}/keys/model")).ok()["data"]["latest_version"], 1);
        let sign = || client.post(&format!("{mount}/sign/model"), &json!({"input": "bW9kZWw="}));
        assert_eq!(sign().status, 502);
        for prefix in ["vault:v1:", "vault:v2:"] {
            assert!(sign().ok()["data"]["signature"].as_str().unwrap().starts_with(prefix));
        }
        assert_eq!((faults.count(&path), faults.connections()), (3, 1));
        assert_eq!(faults.requests()[1].json()["input"], "bW9kZWw=");
    }
}

/// Both listeners of an agent sign with the agent's own token, for requests that carry the header.
fn passes_on(agent: &Agent, mount: &str) {
    let client = Client::new(&agent.address);
    assert_eq!(sign(&client.with_header("X-Vault-Request", "true"), mount), 200);
    assert_eq!(sign(&client, mount), 412);

    let (path, body) = (format!("/v1/{mount}/sign/model"), br#"{"input":"bW9kZWw="}"#);
    let send = |headers: &[(&str, &str)]| {
        let socket = UnixStream::connect(agent.socket()).unwrap();
        wire::exchange(socket, "POST", &path, headers, body).unwrap().status()
    };
    assert_eq!(send(&[("X-Vault-Request", "true")]), 200);
    assert_eq!(send(&[]), 412);
}

/// Whether another client than ours gets an answer from an address, trusting one certificate only.
fn trusts(address: &str, ca: &Path) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--noproxy", "*", "--cacert"]).arg(ca).arg(format!("{address}/v1/sys/health"));
    let done = curl.output().expect("curl is installed");
    let refused = [51, 60].map(Some).contains(&done.status.code());
    assert!(done.status.success() || refused, "curl: {done:?}");
    done.status.success()
}

/// Sends one request to a server that misbehaves, and returns what is read until the connection ends.
fn talk(behaviour: Behaviour, patience: Duration) -> (Vec<u8>, FaultServer, Option<ErrorKind>) {
    use std::io::{Read as _, Write as _};

    let faults = FaultServer::builder().on("*", "/v1/", [behaviour]).start();
    let mut stream = std::net::TcpStream::connect(faults.address.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.write_all(b"POST /v1/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}").unwrap();
    let mut read = Vec::new();
    let error = loop {
        let mut buffer = [0; 65536];
        match stream.read(&mut buffer) {
            Ok(0) => break None,
            Ok(size) => read.extend(&buffer[..size]),
            Err(error) => break Some(error.kind()),
        }
        if read.len() > 10 << 20 {
            break None;
        }
    };
    (read, faults, error)
}

#[test]
fn faults_are_what_they_say() {
    let long = Duration::from_secs(10);
    let reply = Reply::new(200, &[], "0123456789");

    let (read, _, _) = talk(Behaviour::Answer(reply.clone()), long);
    assert!(read.ends_with(b"Content-Length: 10\r\n\r\n0123456789"));
    let (read, _, _) = talk(Behaviour::Truncated(reply.clone(), 4), long);
    assert!(read.ends_with(b"Content-Length: 10\r\n\r\n0123"));
    let (read, _, _) = talk(Behaviour::Endless, long);
    assert!(read.len() > 10 << 20);
    let (read, _, _) = talk(Behaviour::redirect("https://elsewhere.example/"), long);
    assert!(read.starts_with(b"HTTP/1.1 307 Scripted\r\nLocation: https://elsewhere.example/\r\n"));

    let started = Instant::now();
    let (read, _, _) = talk(Behaviour::Drip(reply, Duration::from_millis(10)), long);
    assert!(read.ends_with(b"0123456789") && started.elapsed() >= Duration::from_millis(100));

    let (read, faults, error) = talk(Behaviour::Silence, Duration::from_millis(100));
    assert!(read.is_empty() && error.is_some(), "{error:?}");
    assert_eq!(faults.requests()[0].body, b"{}");
    let (read, faults, error) = talk(Behaviour::CloseAfterRequest, long);
    assert!(read.is_empty() && error.is_none(), "{error:?}");
    assert_eq!(faults.requests()[0].body, b"{}");
    let (read, faults, error) = talk(Behaviour::CloseUnread, long);
    assert!(read.is_empty() && error == Some(ErrorKind::ConnectionReset), "{error:?}");
    assert!(faults.requests()[0].headers.is_empty());
}

/// The servers want a certificate even where they ask a stub without TLS.
const ANY_CA: &str = include_str!("any-ca.pem");
