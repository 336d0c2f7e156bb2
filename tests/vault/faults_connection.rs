//! Servers that cannot be reached, are not what they seem, or have a bad day.

use std::net::{TcpListener, UdpSocket};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use modelseal::Code;
use serde_json::{Value, json};

use crate::faults::{Ground, Job, Spy, planted};
use crate::support::fault::Reply;
use crate::support::process::eventually;
use crate::support::tls::TlsFront;
use crate::support::{Behaviour, FaultServer, Kind, Options, Server, on_each_server};

const LOOK_UP: &str = "/v1/auth/token/lookup-self";

/// A job with a token that nobody knows.
fn job(address: &str) -> Job {
    Job::sign(address, "hashivault://models").token(&planted())
}

/// A server that does the same to everybody.
fn always(behaviour: Behaviour) -> FaultServer {
    FaultServer::builder().on("*", "/", [behaviour]).start()
}

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn nobody_listens() {
    let address = nobody();
    job(&format!("http://{address}")).refused(Code::VaultUnreachable).says(&[&address, "refused the connection"]);
    job(&format!("https://{address}")).refused(Code::VaultUnreachable).says(&[&address]);
}

#[test]
fn no_such_host() {
    let done = job("https://host.invalid").refused(Code::VaultUnreachable);
    done.says(&["host.invalid"]).hints(&["host name"]);
}

#[test]
fn no_such_socket() {
    let job = job("unix:///nonexistent/agent.sock");
    job.refused(Code::VaultUnreachable).says(&["/nonexistent/agent.sock"]);
}

/// With TLS certificates of every kind.
fn secure() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::own(Kind::OpenBao, &Options { tls: true, ..Options::default() }))
}

#[test]
fn tls_must_be_trustworthy() {
    let server = secure();
    let file = |name: &str| server.certificates[name].to_str().unwrap().to_owned();
    let behind = always(Behaviour::json(200, &json!({"data": {}})));
    let front = |name: &str| {
        TlsFront::start(&server.certificates[name], &server.certificates[&format!("{name}_key")], &behind.address)
    };
    let (wrong_host, expired, good) = (front("wrong_host"), front("expired"), front("server"));
    for (front, ca, word) in [
        (&good, Some("other_ca"), "certificate"),
        (&good, None, "authority"),
        (&wrong_host, Some("ca"), "name"),
        (&expired, Some("ca"), "expired"),
    ] {
        let mut job = job(&front.address);
        if let Some(ca) = ca {
            job = job.with(["--ca-cert".to_owned(), file(ca)]);
        }
        let done = job.refused(Code::VaultTls);
        assert!(done.message().to_lowercase().contains(word), "no `{word}` in: {}", done.message());
        done.hints(&["--ca-cert"]);
    }
    assert!(behind.requests().is_empty(), "a request went over a connection that nobody trusts");

    job(&good.address).with(["--ca-cert".to_owned(), file("ca")]).refused(Code::VaultAnswer);
    assert_eq!(behind.requests().len(), 1);
    // Through the environment, too, and a flag wins.
    job(&good.address).env("VAULT_CACERT", &file("other_ca")).refused(Code::VaultTls);
    job(&good.address)
        .env("VAULT_CACERT", &file("other_ca"))
        .with(["--ca-cert".to_owned(), file("ca")])
        .refused(Code::VaultAnswer);
    assert_eq!(behind.requests().len(), 2);
}

#[test]
fn one_side_speaks_tls_and_the_other_does_not() {
    let plain = always(Behaviour::json(200, &json!({"data": {}})));
    let address = plain.address.replace("http://", "https://");
    let done = job(&address).refused(Code::VaultTls);
    done.says(&[&address]);
    let heard = format!("{:?}", plain.requests());
    assert!(!heard.contains("planted") && plain.count("/v1") == 0, "{heard}");

    let address = secure().tls_address.clone().unwrap().replace("https://", "http://");
    let done = job(&address).run();
    let json = done.json();
    assert_eq!(json["exit"], 4, "{}", done.text());
    assert!(["vault/answer", "vault/refused"].contains(&json["code"].as_str().unwrap()), "{}", done.text());
    assert!(json["hint"].as_str().unwrap().contains("address"), "{}", done.text());
}

#[test]
fn t21_plain_http_goes_to_this_machine_only() {
    // An address of this machine that is not loopback, so that somebody listens who must hear nothing.
    let probe = UdpSocket::bind("0.0.0.0:0").unwrap();
    let outside = probe.connect("192.0.2.1:9").and_then(|()| probe.local_addr()).ok();
    let outside = outside.map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified());
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let host = outside.map_or_else(|| "192.0.2.1".to_owned(), |ip| ip.to_string());
    let address = format!("http://{host}:{port}");

    let done = job(&address).refused(Code::VaultPlainHttp);
    done.says(&[&address]).hints(&["https://", "--danger-plain-http"]);
    let key = "hashivault://models";
    for name in ["VAULT_ADDR", "BAO_ADDR", "VAULT_AGENT_ADDR", "MODELSEAL_VAULT_ADDR"] {
        let job = Job::new("sign").with(["model", "--key", key]).token(&planted()).env(name, &address);
        // What an earlier step of a job may set: no variable permits it.
        let job = job.env("MODELSEAL_DANGER_PLAIN_HTTP", "1");
        job.refused(Code::VaultPlainHttp).says(&[&address, name]);
    }
    for command in ["vault login --dry-run", "keys show hashivault://models", "verify model --key hashivault://models"]
    {
        let job = Job::new(command).with(["--vault-addr", &address]).token(&planted());
        job.refused(Code::VaultPlainHttp);
    }
    assert!(listener.accept().is_err(), "somebody connected");
}

#[test]
fn answers_that_no_server_gives() {
    let page = "<html><body>Welcome to the captive portal</body></html>";
    let html = [("Content-Type", "text/html")];
    let json = [("Content-Type", "application/json")];
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (name, status, headers, body, code) in [
        ("a page", 200, &html, page.to_owned(), Code::VaultAnswer),
        ("a page instead of nothing", 404, &html, page.to_owned(), Code::VaultNotVault),
        ("a firewall's page", 418, &html, page.to_owned(), Code::VaultRefused),
        ("cut JSON", 200, &json, r#"{"data":{"policies":["a"#.to_owned(), Code::VaultAnswer),
        ("nothing", 200, &json, String::new(), Code::VaultAnswer),
        ("no content", 204, &json, String::new(), Code::VaultAnswer),
        ("null", 200, &json, "null".to_owned(), Code::VaultAnswer),
        ("null data", 200, &json, r#"{"data":null}"#.to_owned(), Code::VaultAnswer),
        ("a list", 200, &json, "[]".to_owned(), Code::VaultAnswer),
        ("deep nesting", 200, &json, deep, Code::VaultAnswer),
        ("no UTF-8", 200, &json, "{\"data\":\u{fffd}}".to_owned(), Code::VaultAnswer),
        ("not an answer", 299, &json, "{}".to_owned(), Code::VaultAnswer),
    ] {
        let server = always(Behaviour::answer(status, headers, body));
        let done = job(&server.address).refused(code);
        assert!(!done.said.contains("captive portal"), "{name}: {}", done.said);
        assert_eq!(server.requests().len(), 1, "{name}: not to be repeated");
    }
}

#[test]
fn too_much_too_slow_and_never() {
    let token = Reply::json(200, &json!({"data": {"padding": "x".repeat(4096)}}));
    for (name, behaviour, code) in [
        ("100 MB and more", Behaviour::Endless, Code::VaultAnswer),
        ("100 MB as announced", Behaviour::Truncated(large(), 1 << 20), Code::VaultAnswer),
        ("drop by drop", Behaviour::Drip(token, Duration::from_millis(100)), Code::VaultTimeout),
        ("silence", Behaviour::Silence, Code::VaultTimeout),
    ] {
        let server = always(behaviour);
        let started = Instant::now();
        job(&server.address).with(["--timeout", "1s"]).refused(code).says(&[LOOK_UP.trim_start_matches('/')]);
        assert!(started.elapsed() < Duration::from_secs(20), "{name}");
    }
}

fn large() -> Reply {
    Reply::new(200, &[("Content-Type", "application/json"), ("Content-Length", "104857600")], "x".repeat(2 << 20))
}

#[test]
fn lost_answers_are_asked_for_again_but_not_for_ever() {
    let reply = Reply::json(200, &json!({"data": {}}));
    for behaviour in [Behaviour::CloseAfterRequest, Behaviour::CloseUnread, Behaviour::Truncated(reply, 4)] {
        let name = format!("{behaviour:?}");
        let server = always(behaviour.clone());
        job(&server.address).refused(Code::VaultUnreachable);
        assert_eq!(server.requests().len(), 3, "{name}");
        let server = always(behaviour);
        job(&server.address).env("VAULT_MAX_RETRIES", "0").refused(Code::VaultUnreachable);
        assert_eq!(server.requests().len(), 1, "{name}");
    }
}

#[test]
fn t22_redirects_are_never_followed() {
    let elsewhere = always(Behaviour::json(200, &json!({"data": {}})));
    for status in [301, 302, 303, 307, 308] {
        for target in [format!("{}{LOOK_UP}", elsewhere.address), "/v1/elsewhere".to_owned()] {
            let server = always(Behaviour::answer(status, &[("Location", &target)], ""));
            let done = job(&server.address).refused(Code::VaultRedirect);
            done.says(&[&status.to_string(), &target]).hints(&["--vault-addr"]);
            assert_eq!(server.requests().len(), 1, "{status} {target}");
        }
    }
    // What stands in a redirect is no more to be believed than the rest.
    for target in [None, Some("http://user:password@h/?token=x"), Some("javascript:alert(1)")] {
        let header: Vec<_> = target.map(|target| ("Location", target)).into_iter().collect();
        let done = job(&always(Behaviour::answer(307, &header, "")).address).refused(Code::VaultRedirect);
        assert!(!done.said.contains("password") && !done.said.contains("token=x"), "{}", done.said);
    }
    assert!(elsewhere.requests().is_empty() && elsewhere.connections() == 0, "the token went elsewhere");
}

#[test]
fn t22_identity_tokens_do_not_follow_redirects() {
    let elsewhere = always(Behaviour::json(200, &json!({"auth": {}})));
    let server = always(Behaviour::redirect(&format!("{}/v1/auth/jwt/login", elsewhere.address)));
    let job = Job::sign(&server.address, "hashivault://models");
    let file = job.file("jwt", crate::support::Issuer::new().token(&json!({})));
    let job = job.with(["--role", "ci", "--identity-token-file", &file]);
    job.refused(Code::VaultRedirect).says(&[&elsewhere.address]);
    assert_eq!((server.requests().len(), elsewhere.connections()), (1, 0));
}

on_each_server! {
    fn sealed_servers_say_so(kind: Kind) {
        let server = Server::own(kind, &Options::default());
        let ground = Ground::new(&server);
        let job = ground.job(&server.address);
        server.seal();
        let done = job.refused(Code::VaultSealed);
        done.says(&["sealed"]).hints(&["unseal"]);
        let look = Job::new("vault login --dry-run").with(["--vault-addr", &server.address]).jwt(&ground, &ground.identity());
        look.refused(Code::VaultSealed);
        server.unseal();
        eventually("it is unsealed", || (server.client().get("sys/health").status == 200).then_some(()));
        eventually("it signs", || (job.run().status == Some(0)).then_some(()));
    }

    fn passing_troubles_are_waited_out(server: &Server) {
        let ground = Ground::new(server);
        let wait = Behaviour::answer(429, &[("Retry-After", "1")], r#"{"errors":["request path: rate limit quota exceeded"]}"#);
        let soon = Behaviour::answer(429, &[], r#"{"errors":["request path: rate limit quota exceeded"]}"#);
        let sealed = Behaviour::json(503, &json!({"errors": ["Vault is sealed"]}));
        let behind = Behaviour::answer(412, &[], r#"{"errors":["required index state not present"]}"#);
        let sign = format!("/v1/{}/sign/", ground.mount);
        let login = format!("/v1/auth/{}/login", ground.auth);
        for (path, trouble, requests) in [
            (&sign, vec![behind.clone(), Behaviour::Forward], 2),
            (&sign, vec![wait.clone(), Behaviour::Forward], 2),
            (&sign, vec![soon.clone(), soon.clone(), soon.clone(), Behaviour::Forward], 4),
            (&sign, vec![sealed.clone(), Behaviour::Forward], 2),
            (&sign, vec![Behaviour::html_502(), Behaviour::Forward], 2),
            (&sign, vec![Behaviour::CloseAfterRequest, Behaviour::Forward], 2),
            (&sign, vec![Behaviour::CloseUnread, Behaviour::Forward], 2),
            (&login, vec![soon, Behaviour::Forward], 2),
            (&login, vec![sealed, Behaviour::Forward], 2),
        ] {
            let rules = FaultServer::builder().on("POST", path, trouble.clone());
            let spy = Spy::start(rules, &server.address);
            let job = ground.job(&spy.faults.address);
            job.done();
            assert_eq!(spy.faults.count(path), requests, "{trouble:?}");
        }
    }

    fn retry_after_is_kept(server: &Server) {
        let ground = Ground::new(server);
        let wait = Behaviour::answer(429, &[("Retry-After", "1")], r#"{"errors":["slow down"]}"#);
        let rules = FaultServer::builder().on("POST", &format!("/v1/{}/sign/", ground.mount), [wait, Behaviour::Forward]);
        let spy = Spy::start(rules, &server.address);
        let started = Instant::now();
        ground.job(&spy.faults.address).done();
        assert!(started.elapsed() >= Duration::from_secs(1));
    }

    fn lasting_troubles_end(server: &Server) {
        let ground = Ground::new(server);
        let quota = json!({"errors": ["request path: rate limit quota exceeded"]});
        let later = |seconds: &str| Behaviour::answer(429, &[("Retry-After", seconds)], quota.to_string());
        for (behaviour, code, least, most) in [
            (Behaviour::json(429, &quota), Code::VaultRateLimited, 2, 40),
            (later("1"), Code::VaultRateLimited, 1, 2),
            (later("86400"), Code::VaultRateLimited, 1, 1),
            (later("Fri, 31 Dec 2100 23:59:59 GMT"), Code::VaultRateLimited, 1, 40),
            (Behaviour::html_502(), Code::VaultUnavailable, 3, 3),
            (Behaviour::answer(504, &[], "upstream request timeout"), Code::VaultUnavailable, 3, 3),
            (Behaviour::answer(503, &[], "no healthy upstream"), Code::VaultUnavailable, 3, 3),
            (Behaviour::json(503, &json!({"errors": ["Vault is sealed"]})), Code::VaultSealed, 3, 3),
            (Behaviour::json(412, &json!({"errors": ["required index state not present"]})), Code::VaultUnavailable, 2, 40),
            (Behaviour::json(500, &json!({"errors": ["internal error"]})), Code::VaultServerError, 1, 1),
            (Behaviour::json(400, &json!({"errors": ["no"]})), Code::VaultRefused, 1, 1),
            (Behaviour::json(473, &json!({"errors": []})), Code::VaultUnavailable, 3, 3),
        ] {
            let sign = format!("/v1/{}/sign/", ground.mount);
            let (job, spy) = ground.spied(FaultServer::builder().on("POST", &sign, [behaviour.clone()]));
            let started = Instant::now();
            job.with(["--timeout", "1s"]).refused(code);
            assert!(started.elapsed() < Duration::from_secs(20));
            let requests = spy.faults.count(&sign);
            assert!((least..=most).contains(&requests), "{behaviour:?} {code}: {requests} requests");
            ground.assert_revoked(&spy, 1);
        }
    }

    /// A version that the server says it has, and has not: it is asked once.
    fn errors_of_the_user_are_not_repeated(server: &Server) {
        let ground = Ground::new(server);
        let two = Behaviour::alter(|reply| {
            let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
            body["data"]["keys"]["2"] = body["data"]["keys"]["1"].clone();
            body["data"]["latest_version"] = 2.into();
            Reply { body: body.to_string().into_bytes(), ..reply }
        });
        let (job, spy) = ground.spied(FaultServer::builder().on("GET", &format!("/v1/{}/keys/", ground.mount), [two]));
        job.refused(Code::VaultKeyVersion).says(&["version"]);
        assert_eq!(spy.count("/sign/model"), 1);
        ground.assert_revoked(&spy, 1);
    }

    fn standbys_are_told_apart(server: &Server) {
        let ground = Ground::new(server);
        let health = |status: u16, sealed: bool, initialized: bool| {
            let body = json!({"initialized": initialized, "sealed": sealed, "standby": true, "version": server.version});
            FaultServer::builder().on("GET", "/v1/sys/health", [Behaviour::json(status, &body)])
        };
        let look = |address: &str| {
            Job::new("vault login --dry-run").with(["--vault-addr", address]).jwt(&ground, &ground.identity())
        };
        // They pass requests on: 429 of the health question is no rate limit.
        for status in [429, 472, 473] {
            let spy = Spy::start(health(status, false, true), &server.address);
            look(&spy.faults.address).spied(&spy).done();
            assert_eq!(spy.faults.count("/v1/sys/health"), 1, "{status}");
            ground.assert_revoked(&spy, 1);
        }
        // One that does not sends elsewhere.
        let target = format!("https://active.example:8200/v1/auth/{}/login", ground.auth);
        let rules = FaultServer::builder().on("POST", "/v1/auth/", [Behaviour::redirect(&target)]);
        let (job, spy) = ground.spied(rules);
        job.refused(Code::VaultRedirect).says(&["active.example:8200"]);
        assert_eq!(spy.faults.requests().len(), 1);
    }

    fn a_refused_run_makes_no_bundle_where_there_was_none(server: &Server) {
        let ground = Ground::new(server);
        let sign = format!("/v1/{}/sign/", ground.mount);
        let (job, spy) = ground.spied(FaultServer::builder().on("POST", &sign, [Behaviour::html_502()]));
        std::fs::remove_file(job.sandbox.at("model/model.sig")).unwrap();
        job.refused(Code::VaultUnavailable);
        assert!(!job.sandbox.at("model/model.sig").exists());
        ground.assert_revoked(&spy, 1);
    }

    /// An answer that quotes what it was asked must not be quoted in turn.
    fn t23_what_a_server_echoes_is_not_said(server: &Server) {
        let ground = Ground::new(server);
        let echo = Behaviour::compute(|request| {
            let headers: Vec<_> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            let body = String::from_utf8_lossy(&request.body);
            Reply::json(400, &json!({"errors": [format!("bad request: {} {body}", headers.join(" "))]}))
        });
        for path in [format!("/v1/{}/sign/", ground.mount), format!("/v1/auth/{}/login", ground.auth)] {
            let (job, _spy) = ground.spied(FaultServer::builder().on("POST", &path, [echo.clone()]));
            let run = job.run();
            assert_eq!(run.status, Some(4), "{}", run.text());
        }
    }
}
