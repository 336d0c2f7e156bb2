//! Sources that fail.

use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use fault::Reply;
use modelseal_core::Code;
use modelseal_identity::Provider;
use serde_json::json;

use super::*;

#[test]
fn c8_passing_failures_are_tried_again() {
    let busy = |status| Behaviour::answer(status, &[("Retry-After", "0")], "busy");
    let server = server([busy(503), busy(429), Behaviour::CloseAfterRequest, busy(500), value(&token(GITHUB))]);
    ask(&request(Provider::GitHub), &github(&server)).unwrap();
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn c8_the_last_cause_is_shown() {
    // Longer than there is time: not waited for.
    let (error, server) =
        refused([Behaviour::answer(503, &[("Retry-After", "3600")], "the back end rests")], Code::IdentityUnavailable);
    assert!(error.message().contains("status 503: the back end rests"), "{error}");
    assert_eq!(server.requests().len(), 1);
    assert_eq!(error.code().exit().status(), 5);
}

#[test]
fn d4_a_refusal_is_final_and_its_body_scrubbed() {
    let body = format!("no\u{1b}[2J {} for {REQUEST_TOKEN}: {}", token(GITHUB), "word ".repeat(200));
    let (error, server) = refused([Behaviour::answer(403, &[], body)], Code::IdentityMissing);
    assert_eq!(server.requests().len(), 1);
    assert!(error.message().contains("status 403: no") && error.message().contains("[token]"), "{error}");
    assert!(error.message().len() < 450 && !error.message().contains('\u{1b}'), "{error}");
    for status in [400, 401, 404] {
        refused([Behaviour::json(status, &json!({"value": token(GITHUB)}))], Code::IdentityMissing);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = server([value(&token(GITHUB))]);
    for status in [301, 302, 303, 307, 308] {
        let to = format!("{}/x?code=planted", elsewhere.address);
        let redirect = Behaviour::answer(status, &[("Location", &to)], "");
        let (error, _) = refused([redirect], Code::IdentityUnavailable);
        assert!(error.message().contains(&elsewhere.address) && !error.message().contains("planted"), "{error}");
    }
    assert_eq!(elsewhere.requests().len(), 0, "the request token travelled");
}

#[test]
fn answers_without_a_token() {
    for body in ["", "{}", "[]", r#"{"value":""}"#, r#"{"value":null}"#, r#"{"value":["a"]}"#, "<html>", "\"a.b.c\""] {
        refused([Behaviour::answer(200, &[], body)], Code::IdentityMalformed);
    }
    refused([value("not a token")], Code::IdentityMalformed);
    refused([value(&mint(&json!({"iss": "https://other.example", "aud": AUDIENCE})))], Code::IdentityMalformed);
    refused([value(&mint(&json!({"iss": GITHUB, "aud": AUDIENCE, "x": "y".repeat(17_000)})))], Code::IdentityMalformed);
}

#[test]
fn answers_are_capped() {
    refused([Behaviour::answer(200, &[], " ".repeat(70_000))], Code::IdentityUnavailable);
    refused([Behaviour::Endless], Code::IdentityUnavailable);
}

#[test]
fn c5_one_that_has_expired_is_asked_for_once_more() {
    let old = mint(&json!({"iss": GITHUB, "aud": AUDIENCE, "exp": now() - 100}));
    let server = server([value(&old), value(&token(GITHUB))]);
    ask(&request(Provider::GitHub), &github(&server)).unwrap();
    let (error, server) = refused([value(&old)], Code::IdentityExpired);
    assert_eq!(server.requests().len(), 2);
    assert!(error.message().contains("clock"), "{error}");
    let job = env(&[("GITLAB_CI", "true"), ("VAULT_ID_TOKEN", &old)]);
    let mut gitlab = request(Provider::GitLab);
    gitlab.issuer = Some(GITHUB.to_owned());
    let error = ask(&gitlab, &job).unwrap_err();
    assert_eq!(error.code(), Code::IdentityExpired);
    assert!(error.hint().contains("cannot be renewed within the job"), "{}", error.hint());
}

#[test]
fn it_ends_in_the_time_that_the_caller_has() {
    let server = server([Behaviour::Silence, Behaviour::Silence]);
    let mut request = request(Provider::GitHub);
    request.timeout = Some(Duration::from_millis(200));
    let started = Instant::now();
    assert_eq!(ask(&request, &github(&server)).unwrap_err().code(), Code::IdentityUnavailable);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn the_caller_can_stop_it() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let answer = Behaviour::compute(move |_| {
        seen.store(true, Ordering::SeqCst);
        Reply::new(503, &[("Retry-After", "20")], "")
    });
    let server = server([answer]);
    let mut request = request(Provider::GitHub);
    request.hooks.stop = Arc::new(move || stop.load(Ordering::SeqCst));
    assert_eq!(ask(&request, &github(&server)).unwrap_err().code(), Code::UsageInterrupted);
}

#[test]
fn nobody_there() {
    // The port was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut request = request(Provider::Google);
    request.places.google_metadata = format!("http://127.0.0.1:{port}");
    let directory = tempfile::tempdir().unwrap();
    request.places.product_name = directory.path().join("product");
    std::fs::write(&request.places.product_name, "Google\n").unwrap();
    assert_eq!(ask(&request, &env(&[])).unwrap_err().code(), Code::IdentityUnavailable);
}
