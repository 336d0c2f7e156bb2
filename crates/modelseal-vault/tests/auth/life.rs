use super::*;
use harness::{Kind, Options};
use serde_json::json;
use std::sync::Mutex;
use support::{Server, both};

fn session_settings(server: &Server, role: serde_json::Value) -> Settings {
    let mounted = server.jwt();
    mounted.role("ci", role);
    settings(&server.address, jwt(&mounted.mount, "ci", &mounted.issuer.token(&json!({}))))
}

#[test]
fn a_token_of_32_days_is_warned_of_and_refused_when_strict() {
    both(|server| {
        // A role that says nothing about life.
        let mut settings = session_settings(server, json!({"token_ttl": 0, "token_max_ttl": 0}));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        let accessor = session.token().accessor.unwrap();
        let warnings = session.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains("32 days") && warnings[0].contains("`ci`"), "{warnings:?}");
        drop(session);
        assert!(!server.knows_accessor(&accessor));
        settings.strict_token = true;
        assert_refused(&settings, Code::VaultTokenTtl, "token_ttl");
        settings.strict_token = false;
        settings.max_token_ttl = Some(core::time::Duration::from_secs(33 * 86400));
        assert!(configured(&settings).log_in().unwrap().warnings().is_empty());
    });
}

#[test]
fn a_token_that_is_refused_was_revoked_first() {
    let own = Box::leak(Box::new(harness::Server::own(Kind::OpenBao, &Options::default())));
    let server = Server { address: own.address.clone(), operator: own.admin(), server: own };
    let mut settings = session_settings(&server, json!({"token_ttl": 0, "token_max_ttl": 0}));
    settings.strict_token = true;
    let before = server.operator.accessors();
    assert_refused(&settings, Code::VaultTokenTtl, "32 days");
    let settings = session_settings(&server, json!({"token_num_uses": 2}));
    assert_refused(&settings, Code::VaultTokenInvalid, "token_num_uses");
    assert_eq!(server.operator.accessors(), before);
}

#[test]
fn batch_tokens_are_not_revoked() {
    both(|server| {
        let settings = session_settings(server, json!({"token_type": "batch"}));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        let token = session.token();
        assert!(token.kind == "batch" && token.obtained && token.accessor.is_none(), "{token:?}");
        assert!(session.warnings().is_empty() && session.end().is_empty());
        let settings =
            session_settings(server, json!({"token_type": "batch", "token_ttl": "1h", "token_max_ttl": "1h"}));
        let warnings = configured(&settings).log_in().unwrap().warnings();
        assert!(warnings[0].contains("cannot be revoked"), "{warnings:?}");
    });
}

#[test]
fn limited_tokens_are_counted() {
    both(|server| {
        let settings = session_settings(server, json!({"token_num_uses": 3}));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        let accessor = session.token().accessor.unwrap();
        assert_eq!(session.uses_left(), Some(3));
        session.capabilities(&["transit/sign/k".to_owned()]).unwrap();
        session.capabilities(&["transit/sign/k".to_owned()]).unwrap();
        assert_eq!(session.token().uses, Some(1));
        assert!(session.end().is_empty());
        assert!(!server.knows_accessor(&accessor));

        let session = vault.log_in().unwrap();
        for _ in 0..2 {
            session.capabilities(&["transit/sign/k".to_owned()]).unwrap();
        }
        // The last use is counted before the question is answered, and then the token is unknown.
        assert!(session.capabilities(&["transit/sign/k".to_owned()]).is_err());
        let error = session.capabilities(&["transit/sign/k".to_owned()]).unwrap_err();
        assert_eq!(error.code(), Code::VaultTokenInvalid);
        assert!(session.end().is_empty(), "a used-up token is gone");
    });
}

#[test]
fn a_token_that_cannot_be_revoked_is_named_with_its_life() {
    both(|server| {
        let settings = session_settings(server, json!({"token_no_default_policy": true, "token_policies": ["none"]}));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        let accessor = session.token().accessor.unwrap();
        let warnings = session.end();
        assert_eq!(warnings.len(), 1);
        for part in ["could not be revoked", "lives", "seconds more", &format!("-accessor {accessor}`")] {
            assert!(warnings[0].contains(part), "{part}: {warnings:?}");
        }
        assert!(session.end().is_empty());
        assert!(server.knows_accessor(&accessor));
        server.operator.post("auth/token/revoke-accessor", &json!({"accessor": accessor})).ok();
    });
}

#[test]
fn t20_a_session_that_is_dropped_or_panics_revokes() {
    both(|server| {
        let settings = session_settings(server, json!({}));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        let dropped = session.token().accessor.unwrap();
        drop(session);
        let panicked = Mutex::new(String::new());
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let session = vault.log_in().unwrap();
            *panicked.lock().unwrap() = session.token().accessor.unwrap();
            panic!("on purpose");
        }));
        assert!(unwound.is_err());
        // In another thread, which panics.
        let other = std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                let session = vault.log_in().unwrap();
                let accessor = session.token().accessor.unwrap();
                std::panic::panic_any((accessor, session.end().len()));
            });
            thread.join().unwrap_err().downcast::<(String, usize)>().unwrap().0
        });
        for accessor in [dropped, panicked.into_inner().unwrap(), other] {
            assert!(!accessor.is_empty() && !server.knows_accessor(&accessor));
        }
    });
}

#[test]
fn capabilities_are_those_of_the_policy_in_the_order_asked() {
    both(|server| {
        let policy = server.operator.policy("signer", r#"path "transit/sign/k" { capabilities = ["update"] }"#);
        let settings = session_settings(server, json!({"token_policies": [policy]}));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        let paths = ["transit/sign/other", "transit/sign/k"].map(str::to_owned);
        let found = session.capabilities(&paths).unwrap();
        let expected = [(paths[0].clone(), vec!["deny".to_owned()]), (paths[1].clone(), vec!["update".to_owned()])];
        assert_eq!(found, expected);
        assert!(session.capabilities(&[]).unwrap().is_empty());
    });
}
