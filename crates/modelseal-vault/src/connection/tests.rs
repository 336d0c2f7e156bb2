//! Faults that a healthy server does not have.

use core::time::Duration;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use modelseal_core::{Exit, VaultPath};
use modelseal_http::{FixedEnv, SecretString};
use serde_json::{Value, json};

use super::faults::{Fault, Faults};
use super::*;
use crate::Settings;

const OK: &str = r#"{"request_id":"0b2f-1","data":{"x":1},"warnings":null}"#;
const SEALED: &str = r#"{"errors":["Vault is sealed"]}"#;
const TOKEN: &str = "s.pl4nted";

fn ok() -> Fault {
    Fault::json(200, OK)
}

fn errors(status: u16) -> Fault {
    Fault::json(status, r#"{"errors":["words"]}"#)
}

fn ask(connection: &Connection, repeat: Repeat) -> Result<Answer<Value>, Refusal> {
    let token = SecretString::from(TOKEN);
    connection.ask(Call::post("transit/sign/k", repeat).with_token(Some(&token)))
}

/// What a request comes to, and how many were sent.
fn outcome(faults: &[Fault], repeat: Repeat) -> (Result<Answer<Value>, Refusal>, usize) {
    let server = Faults::new(faults.iter().cloned());
    let outcome = ask(&server.connect(&[("VAULT_CLIENT_TIMEOUT", "20s")]), repeat);
    if let Err(refusal) = &outcome {
        let text = format!("{refusal:?} {}", refusal.error.hint());
        assert!(!text.contains("pl4nted"), "{text}");
        assert!(refusal.error.message().contains(&server.address()), "{text}");
        assert!(refusal.error.message().contains("POST v1/transit/sign/k"), "{text}");
    }
    (outcome, server.seen().len())
}

fn refusal(faults: &[Fault], repeat: Repeat) -> (Refusal, usize) {
    let (outcome, sent) = outcome(faults, repeat);
    (outcome.unwrap_err(), sent)
}

#[test]
fn what_is_sent() {
    let server = Faults::new([ok()]);
    let settings = Settings { correlation_id: Some("run 42".to_owned()), ..Settings::default() };
    let connection = server.connect_as(&settings, &[]);
    let namespace: VaultPath = "team/a".parse().unwrap();
    let token = SecretString::from(TOKEN);
    let call = Call::post("transit/sign/k", Repeat::Never).within(Some(&namespace)).with_token(Some(&token));
    let answer: Answer<Value> = connection.ask(call.with_body(&json!({"input": "aGk="})).unwrap()).unwrap();
    assert_eq!(answer.data, Some(json!({"x": 1})));
    assert_eq!(answer.request_id.as_deref(), Some("0b2f-1"));
    let request = server.seen().remove(0).to_ascii_lowercase();
    assert!(request.starts_with("post /v1/team/a/transit/sign/k http/1.1\r\n"), "{request}");
    for header in [
        "x-vault-request: true",
        "x-vault-token: s.pl4nted",
        "x-correlation-id: run-42",
        "user-agent: modelseal/",
        "content-type: application/json",
    ] {
        assert!(request.contains(header), "{header} in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{\"input\":\"agk=\"}"), "{request}");
    for absent in ["x-vault-namespace", "x-vault-wrap-ttl", "cookie"] {
        assert!(!request.contains(absent), "{request}");
    }
}

#[test]
fn the_root_namespace_and_a_prefix() {
    let server = Faults::new([ok()]);
    let settings = Settings { address: Some(format!("{}/vault/", server.address())), ..Settings::default() };
    let connection = Connection::new(Resolved::new(&settings, &FixedEnv::default()).unwrap()).unwrap();
    let root: VaultPath = "root".parse().unwrap();
    connection.tell(Call::get("transit/keys/k").within(Some(&root))).unwrap();
    let request = server.seen().remove(0);
    assert!(request.starts_with("GET /vault/v1/transit/keys/k HTTP/1.1\r\n"), "{request}");
    assert!(!request.to_ascii_lowercase().contains("x-vault-token"));
}

#[test]
fn every_status_has_its_code() {
    let page = |status| Fault::html(status);
    let cases = [
        (errors(400), Code::VaultRefused, 4),
        (errors(403), Code::VaultPermission, 4),
        (Fault::json(403, r#"{"errors":["2 errors\n\t* invalid token\n\n"]}"#), Code::VaultTokenInvalid, 4),
        (Fault::json(404, r#"{"errors":[]}"#), Code::VaultRefused, 4),
        (Fault::json(404, r#"{"errors":["no handler for route \"x\""]}"#), Code::VaultMountNotFound, 4),
        (Fault::json(404, r#"{"errors":["namespace not found"]}"#), Code::VaultNamespace, 4),
        (errors(404), Code::VaultRefused, 4),
        (page(404), Code::VaultNotVault, 4),
        (Fault::json(404, r#"{"message":"pl4nted"}"#), Code::VaultNotVault, 4),
        (errors(405), Code::VaultRefused, 4),
        (page(400), Code::VaultRefused, 4),
        (page(401), Code::VaultRefused, 4),
        (page(403), Code::VaultPermission, 4),
        (page(413), Code::VaultRefused, 4),
        (errors(472), Code::VaultUnavailable, 5),
        (errors(500), Code::VaultServerError, 4),
        (page(500), Code::VaultServerError, 4),
        (errors(501), Code::VaultUnavailable, 5),
        (errors(505), Code::VaultServerError, 4),
        (page(307), Code::VaultRedirect, 5),
        (page(301), Code::VaultRedirect, 5),
        (Fault::json(201, OK), Code::VaultAnswer, 4),
        (Fault::json(202, OK), Code::VaultAnswer, 4),
    ];
    for (fault, code, exit) in cases {
        let (refusal, sent) = refusal(core::slice::from_ref(&fault), Repeat::Safe);
        assert_eq!(refusal.error.code(), code, "{fault:?}: {refusal:?}");
        assert_eq!(code.exit() as u8, exit, "{fault:?}");
        // None of these gets better by asking again: no storm of retries.
        assert_eq!(sent, 1, "{fault:?}");
        assert_eq!(refusal.sent, Sent::Maybe);
        let Fault::Answer(status, ..) = fault else { unreachable!() };
        assert_eq!(refusal.status, Some(status));
    }
}

#[test]
fn what_may_pass_is_tried_again_and_counted() {
    let cases = [
        (Fault::html(502), Code::VaultUnavailable),
        (Fault::html(503), Code::VaultUnavailable),
        (Fault::html(504), Code::VaultUnavailable),
        (errors(473), Code::VaultUnavailable),
        (Fault::json(503, SEALED), Code::VaultSealed),
        (Fault::Lost, Code::VaultUnreachable),
        (Fault::Truncated, Code::VaultUnreachable),
    ];
    // Side by side: each waits most of its time.
    thread::scope(|scope| {
        for (fault, code) in cases {
            scope.spawn(move || passes(&fault, code));
        }
    });
}

fn passes(fault: &Fault, code: Code) {
    let (refused, sent) = refusal(core::slice::from_ref(fault), Repeat::Safe);
    assert_eq!((refused.error.code(), sent), (code, 3), "{fault:?}: {refused:?}");
    assert_eq!(code.exit(), Exit::Unavailable);
    let (outcome, sent) = outcome(&[fault.clone(), fault.clone(), ok()], Repeat::Safe);
    let acted = !matches!(fault, Fault::Answer(473, ..)) && code != Code::VaultSealed;
    assert_eq!((outcome.unwrap().lost, sent), (if acted { 2 } else { 0 }, 3), "{fault:?}");
    assert_eq!(refusal(core::slice::from_ref(fault), Repeat::Never).1, 1, "{fault:?}");
    // What may have been acted upon is not repeated.
    let (refused, sent) = refusal(core::slice::from_ref(fault), Repeat::IfNotSent);
    assert_eq!(sent, if code == Code::VaultSealed { 3 } else { 1 }, "{fault:?}");
    assert_eq!(refused.sent == Sent::No, code == Code::VaultSealed, "{fault:?}");
}

#[test]
fn quotas_are_waited_for_beyond_the_count() {
    for status in [412, 429] {
        let mut faults = vec![errors(status); 4];
        faults.push(ok());
        let (outcome, sent) = outcome(&faults, Repeat::Safe);
        assert_eq!((outcome.unwrap().lost, sent), (0, 5), "{status}");
    }
    let (outcome, sent) = outcome(&[errors(429), errors(429), errors(429), ok()], Repeat::IfNotSent);
    assert!(outcome.is_ok() && sent == 4);
    assert_eq!(refusal(&[errors(412)], Repeat::IfNotSent).1, 1);
    assert_eq!(refusal(&[errors(429)], Repeat::Never).1, 1);
    let server = Faults::new([errors(429)]);
    let refused = ask(&server.connect(&[("VAULT_MAX_RETRIES", "0")]), Repeat::Safe).unwrap_err();
    assert_eq!((refused.error.code(), server.seen().len()), (Code::VaultRateLimited, 1));
    assert_eq!(refused.sent, Sent::No);
}

#[test]
fn the_servers_wish_is_honoured() {
    let server = Faults::new([errors(429).with_header("retry-after", "1"), ok()]);
    let started = Instant::now();
    ask(&server.connect(&[]), Repeat::Safe).unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
    // More than there is time for: no use in waiting.
    let server = Faults::new([errors(429).with_header("retry-after", "20")]);
    let started = Instant::now();
    let refused = ask(&server.connect(&[("VAULT_CLIENT_TIMEOUT", "5s")]), Repeat::Safe).unwrap_err();
    assert_eq!(refused.error.code(), Code::VaultRateLimited);
    assert!(started.elapsed() < Duration::from_secs(3) && server.seen().len() == 1);
}

#[test]
fn the_deadline_holds_over_all_attempts() {
    for (fault, code) in [
        (Fault::Silence, Code::VaultTimeout),
        (errors(429), Code::VaultRateLimited),
        (errors(412), Code::VaultUnavailable),
    ] {
        let server = Faults::new([fault.clone()]);
        let started = Instant::now();
        let refused = ask(&server.connect(&[("VAULT_CLIENT_TIMEOUT", "700ms")]), Repeat::Safe).unwrap_err();
        let took = started.elapsed();
        assert_eq!(refused.error.code(), code, "{fault:?}");
        assert_eq!(code.exit(), Exit::Unavailable);
        assert!(took < Duration::from_millis(1500), "{fault:?} {took:?}");
    }
    // The step's own limit wins; what came before the silence is what is told.
    let server = Faults::new([errors(429), Fault::Silence]);
    let mut call = Call::get("transit/keys/k");
    call.timeout = Some(Duration::from_millis(600));
    let started = Instant::now();
    let refused = server.connect(&[]).ask::<Value>(call).unwrap_err();
    assert!(started.elapsed() < Duration::from_millis(1500));
    assert_eq!((refused.error.code(), refused.sent), (Code::VaultRateLimited, Sent::Maybe));
}

#[test]
fn answers_that_no_server_would_give() {
    let nested = format!("{{\"data\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    let bodies = [
        "",
        "null",
        "[]",
        "7",
        "\"s.pl4nted\"",
        "{\"data\":{\"x\":\"s.pl4nted\"",
        "{\"data\":[]}",
        "{\"data\":\"s.pl4nted\"}",
        "{\"data\":{}} s.pl4nted",
        "{\"data\":{\"a\":1},\"data\":{\"a\":2}}",
        "{\"data\":{\"a\":{\"b\":1,\"\\u0062\":\"s.pl4nted\"}}}",
        "{\"auth\":[\"s.pl4nted\"]}",
        "{\"auth\":{\"lease_duration\":1}}",
        "{\"auth\":{\"client_token\":\"s.pl4nted\",\"lease_duration\":-1}}",
        "{\"auth\":{\"client_token\":null,\"lease_duration\":1}}",
        "{\"wrap_info\":[]}",
        "{\"warnings\":\"s.pl4nted\"}",
        "\u{feff}{}",
        nested.as_str(),
    ];
    for body in bodies {
        let (refused, sent) = refusal(&[Fault::json(200, body)], Repeat::Safe);
        assert_eq!((refused.error.code(), sent), (Code::VaultAnswer, 1), "{body}");
        assert_eq!((refused.status, refused.words.len()), (Some(200), 0), "{body}");
    }
    for fault in [Fault::html(200), Fault::json(204, ""), Fault::Endless, Fault::Answer(200, vec![], b"\xff{}".into())]
    {
        let (refused, sent) = refusal(core::slice::from_ref(&fault), Repeat::Safe);
        assert_eq!((refused.error.code(), sent), (Code::VaultAnswer, 1), "{fault:?}: {refused:?}");
        assert_eq!(refused.error.code().exit(), Exit::Refused);
    }
    let (refused, sent) = refusal(&[Fault::Garbage], Repeat::Safe);
    assert_eq!((refused.error.code(), sent), (Code::VaultAnswer, 1), "{refused:?}");
}

#[test]
fn answers_are_capped_by_the_call() {
    let large = format!("{{\"data\":{{\"x\":\"{}\"}}}}", "x".repeat(2 * 1024 * 1024));
    let server = Faults::new([Fault::json(200, &large)]);
    let connection = server.connect(&[]);
    let refused = connection.ask::<Value>(Call::get("transit/keys/k")).unwrap_err();
    assert_eq!(refused.error.code(), Code::VaultAnswer);
    assert!(connection.ask::<Value>(Call::get("transit/keys/k").with_max_answer(usize::MAX)).is_ok());
    assert!(connection.ask::<Value>(Call::get("transit/keys/k").with_max_answer(1000)).is_err());
    assert_eq!(Call::get("x").with_max_answer(usize::MAX).max_answer, 4 * 1024 * 1024);
}

#[test]
fn redirects_are_not_followed() {
    let other = Faults::new([ok()]);
    for status in [301, 302, 303, 307, 308] {
        let target = format!("{}/v1/x?token=pl4nted", other.address().replace("http://", "http://u:pl4nted@"));
        let (refused, sent) = refusal(&[Fault::html(status).with_header("location", target)], Repeat::Safe);
        assert_eq!((refused.error.code(), sent), (Code::VaultRedirect, 1));
        assert!(refused.error.message().contains(&format!("{}/v1/x", other.address())), "{refused:?}");
    }
    assert!(other.seen().is_empty(), "the token travelled along");
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, sent) in [
        (format!("http://{address}"), Sent::No),
        ("unix:///nonexistent/agent.sock".to_owned(), Sent::No),
        ("https://vault.invalid".to_owned(), Sent::No),
    ] {
        let settings = Settings { address: Some(address.clone()), ..Settings::default() };
        let resolved = Resolved::new(&settings, &FixedEnv::from_iter([("VAULT_CLIENT_TIMEOUT", "20s")])).unwrap();
        let connection = Connection::new(resolved).unwrap();
        for repeat in [Repeat::Safe, Repeat::IfNotSent] {
            let refused = ask(&connection, repeat).unwrap_err();
            assert_eq!(refused.error.code(), Code::VaultUnreachable, "{address}: {refused:?}");
            assert_eq!((refused.status, refused.sent), (None, sent), "{address}");
            assert!(refused.error.message().contains(&address), "{refused:?}");
        }
    }
}

#[test]
fn tls_where_there_is_none() {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
    });
    let settings = Settings { address: Some(address), ..Settings::default() };
    let resolved = Resolved::new(&settings, &FixedEnv::from_iter([("VAULT_CLIENT_TIMEOUT", "10s")])).unwrap();
    // One connection is all there is: it is not tried again.
    let refused = ask(&Connection::new(resolved).unwrap(), Repeat::Safe).unwrap_err();
    assert_eq!((refused.error.code(), refused.sent), (Code::VaultTls, Sent::No), "{refused:?}");
    assert_eq!(refused.error.code().exit(), Exit::Refused);
}

#[test]
fn a_server_nobody_named() {
    let resolved = Resolved::new(&Settings::default(), &FixedEnv::default()).unwrap();
    assert!(resolved.default_address);
    // The same with a port that surely refuses.
    let mut resolved = resolved;
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    resolved.client.address = modelseal_http::Address::parse(&format!("http://{address}")).unwrap();
    let refused = ask(&Connection::new(resolved).unwrap(), Repeat::Never).unwrap_err();
    assert!(refused.error.hint().contains("VAULT_ADDR"), "{}", refused.error.hint());
}

#[test]
fn the_caller_can_stop_what_may_be_stopped() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let mut settings = Settings::default();
    settings.hooks.stop = Arc::new(move || counter.fetch_add(1, Ordering::SeqCst) > 3);
    for fault in [Fault::Silence, errors(429).with_header("retry-after", "10")] {
        asked.store(0, Ordering::SeqCst);
        let server = Faults::new([fault.clone()]);
        let connection = server.connect_as(&settings, &[("VAULT_CLIENT_TIMEOUT", "20s")]);
        let started = Instant::now();
        let refused = ask(&connection, Repeat::Safe).unwrap_err();
        assert_eq!(refused.error.code(), Code::UsageInterrupted, "{fault:?}");
        assert!(started.elapsed() < Duration::from_secs(3));
    }
    // A revocation goes on.
    asked.store(100, Ordering::SeqCst);
    let server = Faults::new([errors(429), Fault::json(204, "")]);
    let mut call = Call::post("auth/token/revoke-self", Repeat::Safe);
    call.stoppable = false;
    server.connect_as(&settings, &[]).tell(call).unwrap();
    assert_eq!(server.seen().len(), 2);
}

#[test]
fn every_exchange_is_recorded_without_secrets() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let list = Arc::clone(&lines);
    let mut settings = Settings::default();
    settings.hooks.record = Arc::new(move |record: &RequestRecord| list.lock().unwrap().push(record.clone()));
    let refused = Fault::json(403, r#"{"request_id":"4f-2","errors":["pl4nted"]}"#);
    let server = Faults::new([Fault::Lost, Fault::html(502), ok(), refused]);
    let connection = server.connect_as(&settings, &[]);
    ask(&connection, Repeat::Safe).unwrap();
    ask(&connection, Repeat::Safe).unwrap_err();
    let records = lines.lock().unwrap().clone();
    let seen: Vec<_> = records.iter().map(|record| (record.status, record.request_id.as_deref())).collect();
    assert_eq!(seen, [(None, None), (Some(502), None), (Some(200), Some("0b2f-1")), (Some(403), Some("4f-2"))]);
    assert!(records.iter().all(|record| record.method == "POST" && record.path == "v1/transit/sign/k"));
    assert!(!format!("{records:?}").contains("pl4nted"));
}

#[test]
fn settings_that_do_not_fit_together() {
    let settings = Settings { address: Some("https://vault.example.com".to_owned()), ..Settings::default() };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "-----BEGIN CERTIFICATE-----\nbm90IERFUg==\n-----END CERTIFICATE-----\n").unwrap();
    let broken = file.path().to_str().unwrap();
    for variables in [
        vec![("VAULT_CACERT", broken)],
        vec![("VAULT_TLS_SERVER_NAME", "other"), ("VAULT_PROXY_ADDR", "http://u:pl4nted@proxy:3128")],
    ] {
        let resolved = Resolved::new(&settings, &FixedEnv::from_iter(variables)).unwrap();
        let error = Connection::new(resolved).unwrap_err();
        assert_eq!(error.code(), Code::UsageEnvironment);
        assert!(!error.to_string().contains("pl4nted"), "{error}");
    }
}

#[test]
fn every_state_of_the_server_is_an_answer() {
    for (status, sealed, standby) in [
        (200, false, false),
        (429, false, true),
        (472, false, true),
        (473, false, true),
        (501, true, true),
        (503, true, true),
    ] {
        let initialized = status != 501;
        let body = json!({"initialized": initialized, "sealed": sealed, "standby": standby, "version": "1.21.0+ent"});
        let server = Faults::new([Fault::json(status, &body.to_string())]);
        let health = server.connect(&[("VAULT_NAMESPACE", "team")]).health().unwrap();
        assert_eq!((health.sealed, health.standby, health.initialized), (sealed, standby, initialized));
        assert_eq!(health.version, "1.21.0+ent");
        let seen = server.seen();
        assert!(seen.len() == 1 && seen[0].starts_with("GET /v1/sys/health HTTP/1.1\r\n"), "{seen:?}");
        assert!(!seen[0].to_ascii_lowercase().contains("x-vault-token"));
    }
}

#[test]
fn health_of_something_else() {
    let cases = [
        (Fault::html(200), Code::VaultAnswer),
        (Fault::html(503), Code::VaultUnavailable),
        (Fault::html(404), Code::VaultNotVault),
        (errors(429), Code::VaultRateLimited),
        (Fault::json(200, "{}"), Code::VaultAnswer),
        (Fault::json(200, "[true,false,true,\"1\"]"), Code::VaultAnswer),
        (
            Fault::json(200, r#"{"initialized":true,"sealed":false,"standby":false,"version":"1\u001b[2J"}"#),
            Code::VaultAnswer,
        ),
        (errors(500), Code::VaultServerError),
    ];
    for (fault, code) in cases {
        let server = Faults::new([fault.clone()]);
        let error = server.connect(&[]).health().unwrap_err();
        assert_eq!(error.code(), code, "{fault:?}: {error}");
        assert!(!error.to_string().contains("pl4nted"));
        assert_eq!(server.seen().len(), 1);
    }
}
