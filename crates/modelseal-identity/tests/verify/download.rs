//! Fetching the keys.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::fault::{Behaviour, FaultServer, Reply};
use super::mock::{DISCOVERY, Mock, discovery, of, verifier_of, verifier_with};
use super::*;

/// An issuer with this discovery document and these answers for the keys.
fn server(document: Behaviour, keys: impl IntoIterator<Item = Behaviour>) -> FaultServer {
    FaultServer::builder().on("GET", DISCOVERY, [document]).on("GET", "/", keys).start()
}

fn usual_document() -> Behaviour {
    discovery(|_| ())
}

/// What a verifier says of a token when its issuer behaves so.
#[track_caller]
fn unusable(server: &FaultServer, code: Code) -> Error {
    let verifier = verifier_of(&server.address, KeySource::Discovery).unwrap();
    refused(&verifier, &RSA.token(&of(&server.address, 0)), code)
}

#[test]
fn keys_are_discovered() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    assert_eq!(mock.server.connections(), 0);
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    let paths: Vec<String> = mock.server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, [DISCOVERY, "/keys"]);
}

#[test]
fn an_address_of_keys_can_be_given() {
    let server = server(usual_document(), [Behaviour::json(200, &key_set(&[&RSA]))]);
    let address = format!("{}/jwks?v=1", server.address);
    let verifier = verifier_of("https://i.example", KeySource::Address(address)).unwrap();
    check(&verifier, &RSA.token(&good()), 0).unwrap();
    assert_eq!(server.requests()[0].path, "/jwks?v=1");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn an_issuer_below_a_path_is_asked_there() {
    let keys = Behaviour::json(200, &key_set(&[&RSA]));
    let document = discovery(|document| {
        let issuer = document["issuer"].as_str().unwrap().to_owned() + "/api/actions/";
        document["issuer"] = json!(issuer);
    });
    let server = FaultServer::builder()
        .on("GET", &format!("/api/actions{DISCOVERY}"), [document])
        .on("GET", "/keys", [keys])
        .start();
    let url = format!("{}/api/actions/", server.address);
    check(&verifier_of(&url, KeySource::Discovery).unwrap(), &RSA.token(&of(&url, 0)), 0).unwrap();
}

#[test]
fn addresses_are_https_or_on_this_machine() {
    for url in [
        "http://i.example",
        "ftp://i.example",
        "i.example",
        "https://u:p@i.example",
        "unix:///run/x",
        "https://i.example/../x",
    ] {
        let error = verifier_of(url, KeySource::Discovery).unwrap_err();
        assert_eq!(error.code(), Code::IdentityIssuer, "{url}: {error}");
        let error = verifier_of(ISSUER, KeySource::Address(url.to_owned())).unwrap_err();
        assert_eq!(error.code(), Code::IdentityIssuer, "{url}: {error}");
    }
}

#[test]
fn the_discovery_document_is_that_of_the_issuer_and_keeps_to_its_host() {
    let elsewhere = server(usual_document(), [Behaviour::json(200, &key_set(&[&RSA]))]);
    let there = elsewhere.address.clone();
    let set = |name: &'static str, value: Value| discovery(move |document| document[name] = value.clone());
    for document in [
        set("issuer", json!("https://i.example")),
        set("issuer", json!(null)),
        discovery(|document| document["issuer"] = json!(document["issuer"].as_str().unwrap().to_owned() + "/")),
        set("jwks_uri", json!(null)),
        set("jwks_uri", json!("keys")),
        set("jwks_uri", json!("http://i.example/keys")),
        set("jwks_uri", json!("https://i.example/keys")),
        set("jwks_uri", json!(format!("{there}/keys"))),
        set("jwks_uri", json!("file:///etc/passwd")),
        Behaviour::json(200, &json!([])),
        Behaviour::answer(200, &[("Content-Type", "text/html")], "<html>"),
        Behaviour::answer(200, &[], r#"{"issuer":"a","issuer":"b"}"#),
        Behaviour::answer(200, &[], " ".repeat(300 * 1024)),
    ] {
        let server = server(document, [Behaviour::json(200, &key_set(&[&RSA]))]);
        unusable(&server, Code::IdentityKeysMalformed);
        assert_eq!(server.requests().len(), 1, "keys were asked for");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn answers_that_are_no_key_set_are_malformed() {
    let many: Vec<Value> = (0..10_000).map(|i| json!({"kty": "RSA", "kid": i.to_string()})).collect();
    for keys in [
        Behaviour::answer(200, &[("Content-Type", "text/html")], "<html><body>log in</body></html>"),
        Behaviour::answer(200, &[], ""),
        Behaviour::json(200, &json!({"keys": []})),
        Behaviour::json(200, &json!({"keys": many[..65]})),
        Behaviour::json(200, &json!({"keys": many})),
        Behaviour::json(200, &json!({"keys": [RSA.jwk()], "x": " ".repeat(256 * 1024)})),
        Behaviour::Endless,
    ] {
        unusable(&server(usual_document(), [keys]), Code::IdentityKeysMalformed);
    }
}

#[test]
fn refusals_are_final_and_redirects_not_followed() {
    let elsewhere = server(usual_document(), [Behaviour::json(200, &key_set(&[&RSA]))]);
    let redirect = Behaviour::redirect(&format!("{}/keys", elsewhere.address));
    for keys in [
        redirect.clone(),
        Behaviour::answer(404, &[], "planted"),
        Behaviour::answer(403, &[], ""),
        Behaviour::answer(204, &[], ""),
    ] {
        let server = server(usual_document(), [keys]);
        let error = unusable(&server, Code::IdentityKeysUnavailable);
        assert!(!error.message().contains("planted"), "{error}");
        assert_eq!(server.requests().len(), 2);
    }
    let server = server(redirect, [Behaviour::json(200, &key_set(&[&RSA]))]);
    let error = unusable(&server, Code::IdentityKeysUnavailable);
    assert!(error.message().contains("redirects"), "{error}");
    assert_eq!(error.code().exit().status(), 5);
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn passing_failures_are_tried_again_for_a_moment() {
    let keys = Behaviour::json(200, &key_set(&[&RSA]));
    let failing = [Behaviour::html_502(), Behaviour::CloseAfterRequest, keys];
    let server = server(usual_document(), failing);
    let verifier = verifier_of(&server.address, KeySource::Discovery).unwrap();
    check(&verifier, &RSA.token(&of(&server.address, 0)), 0).unwrap();
    for status in [500, 503, 429] {
        let behaviour = Behaviour::answer(status, &[("Retry-After", "0")], "");
        let server =
            FaultServer::builder().on("GET", DISCOVERY, [usual_document()]).on("GET", "/", [behaviour]).start();
        let error = unusable(&server, Code::IdentityKeysUnavailable);
        assert!(error.message().ends_with(&format!("status {status}")), "{error}");
        assert_eq!(server.count("/keys"), 3);
    }
    // Longer than there is time for: not waited for.
    let behaviour = Behaviour::answer(503, &[("Retry-After", "3600")], "");
    let server = FaultServer::builder().on("GET", DISCOVERY, [usual_document()]).on("GET", "/", [behaviour]).start();
    unusable(&server, Code::IdentityKeysUnavailable);
    assert_eq!(server.count("/keys"), 1);
}

#[test]
fn an_issuer_that_hangs_is_given_up_after_five_seconds() {
    let server = server(usual_document(), [Behaviour::Silence]);
    let started = Instant::now();
    unusable(&server, Code::IdentityKeysUnavailable);
    let took = started.elapsed();
    assert!((Duration::from_secs(4)..Duration::from_secs(9)).contains(&took), "{took:?}");
}

#[test]
fn the_caller_can_stop_it_and_that_is_no_failure_of_the_issuer() {
    let keys = Behaviour::json(200, &key_set(&[&RSA]));
    let server = server(usual_document(), [Behaviour::Silence, keys]);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let mut hooks = Hooks::default();
    hooks.stop = Arc::new(move || (5..8).contains(&count.fetch_add(1, Ordering::SeqCst)));
    let verifier = verifier_with(&server.address, KeySource::Discovery, &hooks, &no_env()).unwrap();
    let token = RSA.token(&of(&server.address, 0));
    let started = Instant::now();
    let error = check(&verifier, &token, 0).unwrap_err();
    assert_eq!(error.code(), Code::UsageInterrupted, "{error}");
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(verifier.keys_status().failures, 0);
    asked.store(100, Ordering::SeqCst);
    check(&verifier, &token, 0).unwrap();
}

#[test]
fn strangers_cost_no_request() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    for issuer in ["https://evil.example", &format!("{}/", mock.url()), "", &mock.url().to_uppercase()] {
        refused(&verifier, &RSA.token(&changed(mock.claims(0), json!({"iss": issuer}))), Code::IdentityIssuer);
    }
    refused(&verifier, "a.b.c", Code::IdentityMalformed);
    let header = json!({"alg": "HS256", "kid": "rsa-1"});
    refused(&verifier, &RSA.token_with(&header, &mock.claims(0)), Code::IdentityAlgorithm);
    assert_eq!(mock.server.connections(), 0);
}

#[test]
fn proxies_are_those_of_the_environment_and_requests_are_told_of() {
    let env = |variables: &[(&str, &str)]| variables.iter().copied().collect::<FixedEnv>();
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&log);
    let mut hooks = Hooks::default();
    hooks.record = Arc::new(move |record| lines.lock().unwrap().push(record.to_string()));
    let proxy = FaultServer::builder().on("*", "", [Behaviour::answer(403, &[], "no way through")]).start();
    let through = env(&[("HTTPS_PROXY", &proxy.address)]);
    let verifier = verifier_with("https://i.example", KeySource::Discovery, &hooks, &through).unwrap();
    let error = refused(&verifier, &RSA.token(&good()), Code::IdentityKeysUnavailable);
    assert!(error.message().contains("i.example"), "{error}");
    assert!(proxy.connections() > 0);
    assert!(log.lock().unwrap()[0].starts_with("GET i.example/.well-known/openid-configuration no answer"));
    let broken = env(&[("HTTPS_PROXY", "nonsense://u:planted@x")]);
    let error = verifier_with("https://i.example", KeySource::Discovery, &hooks, &broken).unwrap_err();
    assert_eq!(error.code(), Code::UsageEnvironment);
    assert!(!format!("{error}").contains("planted"), "{error}");
    // What is on this machine is reached without.
    let mock = Mock::new(&[&RSA]);
    let verifier = verifier_with(mock.url(), KeySource::Discovery, &hooks, &through).unwrap();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
}

#[test]
fn nobody_there() {
    // The port was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let verifier = verifier_of(&url, KeySource::Discovery).unwrap();
    let error = refused(&verifier, &RSA.token(&of(&url, 0)), Code::IdentityKeysUnavailable);
    assert!(error.hint().contains("--jwks"), "{}", error.hint());
    assert_eq!(verifier.warm_up().unwrap_err().code(), Code::IdentityKeysUnavailable);
}

#[test]
fn an_oversized_answer_changes_nothing() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    mock.says(Reply::new(200, &[], " ".repeat(300 * 1024)));
    let error = check(&verifier, &mock.token(&NEXT, 61), 61).unwrap_err();
    assert_eq!(error.code(), Code::IdentityKeysMalformed);
    check(&verifier, &mock.token(&RSA, 62), 62).unwrap();
}
