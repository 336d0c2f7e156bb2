use super::*;
use harness::issuer::now;
use harness::setup;
use serde_json::json;
use std::thread;
use std::time::Duration;
use support::{Server, both};

const ROLE: &str = "ci";

fn approle(mount: &str, role_id: &str) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.auth_path = Some(mount.parse().unwrap());
    credentials.role_id = Some(role_id.to_owned());
    credentials
}

fn plain(mount: &str, role_id: &str, secret_id: &str) -> Credentials {
    let mut credentials = approle(mount, role_id);
    credentials.secret_id = value(secret_id);
    credentials
}

fn wrapped(mount: &str, role_id: &str, role: &str, wrapping: &str) -> Credentials {
    let mut credentials = approle(mount, role_id);
    (credentials.wrapped_secret_id, credentials.role) = (value(wrapping), Some(role.to_owned()));
    credentials
}

fn made(server: &Server) -> (String, String) {
    let setup::AppRole { mount, role_id, .. } = server.operator.approle(ROLE, &[], &json!({}));
    (mount, role_id)
}

fn secret_id(server: &Server, mount: &str) -> String {
    let answer = server.operator.post(&format!("auth/{mount}/role/{ROLE}/secret-id"), &json!({})).ok();
    answer["data"]["secret_id"].as_str().unwrap().to_owned()
}

/// Whether a wrapping token is still there.
fn is_there(server: &Server, wrapping: &str) -> bool {
    server.server.client().post("sys/wrapping/lookup", &json!({"token": wrapping})).status == 200
}

#[test]
fn a_plain_secret_id_works_once() {
    both(|server| {
        let (mount, role_id) = made(server);
        let settings = settings(&server.address, plain(&mount, &role_id, &secret_id(server, &mount)));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        let accessor = session.token().accessor.unwrap();
        assert!(server.knows_accessor(&accessor));
        drop(session);
        assert!(!server.knows_accessor(&accessor));
        assert_refused(&settings, Code::VaultLoginRefused, "used up");
        let settings = super::settings(&server.address, plain(&mount, "nobody", "nothing"));
        assert_refused(&settings, Code::VaultLoginRefused, "role id is wrong");
        let settings = super::settings(&server.address, plain("not-mounted", &role_id, "nothing"));
        assert_refused(&settings, Code::VaultLoginRefused, "auth/not-mounted");
    });
}

#[test]
fn a_wrapped_secret_id_is_unwrapped_and_used() {
    both(|server| {
        let (mount, role_id) = made(server);
        let path = format!("auth/{mount}/role/{ROLE}/secret-id");
        // Role names have no case.
        for role in [ROLE, "CI"] {
            let wrapping = server.wrapped(&path, &json!({}), "60s");
            let settings = settings(&server.address, wrapped(&mount, &role_id, role, &wrapping));
            let vault = configured(&settings);
            let session = vault.log_in().unwrap();
            assert!(session.token().obtained && session.end().is_empty());
            // Somebody who comes second hears about it.
            let error = refused(&settings);
            assert_eq!(error.code(), Code::VaultWrappingToken, "{error}");
            assert_eq!(error.code().exit().status(), 6);
            assert!(!format!("{error:?} {error}").contains(&wrapping));
        }
    });
}

#[test]
fn a_wrapping_token_that_expired_or_never_was_one_is_an_alarm() {
    both(|server| {
        let (mount, role_id) = made(server);
        let wrapping = server.wrapped(&format!("auth/{mount}/role/{ROLE}/secret-id"), &json!({}), "1s");
        thread::sleep(Duration::from_millis(2100));
        for token in [wrapping.as_str(), "s.AAAAAAAAAAAAAAAAAAAAAAAA", &server.token(&json!({"ttl": "60s"}))] {
            let settings = settings(&server.address, wrapped(&mount, &role_id, ROLE, token));
            assert_refused(&settings, Code::VaultWrappingToken, "tell security");
        }
    });
}

#[test]
fn a_secret_id_that_somebody_read_and_wrapped_again_is_an_alarm_and_is_left_alone() {
    both(|server| {
        let (mount, role_id) = made(server);
        server.operator.post(&format!("auth/{mount}/role/other"), &json!({})).ok();
        let again = server.wrapped("sys/wrapping/wrap", &json!({"secret_id": secret_id(server, &mount)}), "60s");
        let other = server.wrapped(&format!("auth/{mount}/role/other/secret-id"), &json!({}), "60s");
        for wrapping in [again, other] {
            let settings = settings(&server.address, wrapped(&mount, &role_id, ROLE, &wrapping));
            assert_refused(&settings, Code::VaultWrappingPath, "not unwrapped");
            assert_eq!(refused(&settings).code().exit().status(), 6);
            assert!(is_there(server, &wrapping));
        }
    });
}

#[test]
fn t17_a_wrapping_of_another_namespace_at_the_same_path_is_an_alarm() {
    // The path of a wrapping token has no namespace in it.
    let server = support::server(harness::Kind::OpenBao);
    let (mount, role_id) = made(&server);
    let namespace = harness::unique("other");
    server.operator.post(&format!("sys/namespaces/{namespace}"), &json!({})).ok();
    let elsewhere = server.operator.in_namespace(&namespace);
    elsewhere.post(&format!("sys/auth/{mount}"), &json!({"type": "approle"})).ok();
    elsewhere.post(&format!("auth/{mount}/role/{ROLE}"), &json!({})).ok();
    let path = format!("auth/{mount}/role/{ROLE}/secret-id");
    let answer = elsewhere.wrapping("60s").post(&path, &json!({})).ok();
    let wrapping = answer["wrap_info"]["token"].as_str().unwrap();
    let settings = settings(&server.address, wrapped(&mount, &role_id, ROLE, wrapping));
    let error = refused(&settings);
    assert_eq!((error.code(), error.code().exit().status()), (Code::VaultWrappingToken, 6), "{error}");
    assert!(error.hint().contains("tell security"), "{}", error.hint());
}

#[test]
fn a_fresh_secret_id_that_is_refused_is_an_alarm() {
    both(|server| {
        let (mount, _) = made(server);
        let wrapping = server.wrapped(&format!("auth/{mount}/role/{ROLE}/secret-id"), &json!({}), "60s");
        let settings = settings(&server.address, wrapped(&mount, "of-another-role", ROLE, &wrapping));
        assert_refused(&settings, Code::VaultWrappingToken, "--role-id");
    });
}

#[test]
fn another_path_is_accepted_when_it_is_said_exactly() {
    both(|server| {
        let (mount, role_id) = made(server);
        let path = format!("auth/{mount}/role/{ROLE}/custom-secret-id");
        let wrapping = server.wrapped(&path, &json!({"secret_id": now().to_string()}), "60s");
        let with = |path: &str| {
            let mut credentials = wrapped(&mount, &role_id, ROLE, &wrapping);
            credentials.wrapping_path = Some(path.to_owned());
            settings(&server.address, credentials)
        };
        assert_refused(&with(&path.to_uppercase()), Code::VaultWrappingPath, "not unwrapped");
        assert!(configured(&with(&path)).log_in().is_ok());
    });
}
