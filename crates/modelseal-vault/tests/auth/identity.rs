use super::*;
use harness::issuer::{AUDIENCE, now};
use harness::{Behaviour, FaultServer, Issuer, Kind};
use serde_json::json;
use std::sync::{Arc, Mutex};
use support::both;

#[test]
fn an_identity_token_becomes_a_token_that_is_revoked_in_two_requests() {
    both(|server| {
        let jwt_mount = server.jwt();
        let sent = jwt_mount.issuer.token(&json!({}));
        let mut settings = settings(&server.address, jwt(&jwt_mount.mount, "ci", &sent));
        let log = Arc::new(Mutex::new(Vec::new()));
        let write = Arc::clone(&log);
        settings.hooks.record = Arc::new(move |exchange| write.lock().unwrap().push(exchange.path.clone()));
        let vault = configured(&settings);
        assert_eq!(vault.method().1, "because of --role and --identity-token");
        let session = vault.log_in().unwrap();
        let token = session.token();
        assert!(token.known && token.obtained && token.kind == "service", "{token:?}");
        assert!((290..=300).contains(&token.ttl.unwrap().as_secs()), "{token:?}");
        assert_eq!((token.policies.as_slice(), token.uses), (&["default".to_owned()][..], None));
        assert!(session.warnings().is_empty(), "{:?}", session.warnings());
        let login = session.login();
        assert_eq!((login.mount.as_deref(), login.role.as_deref()), (Some(jwt_mount.mount.as_str()), Some("ci")));
        assert!(login.request_id.as_ref().is_some_and(|id| id.len() == 36), "{login:?}");
        let identity = login.identity.as_ref().unwrap();
        assert_eq!(identity.token.expose_secret(), sent);
        assert_eq!(
            (identity.claimed_audiences.as_slice(), identity.claimed_issuer.is_some()),
            (&[AUDIENCE.to_owned()][..], true)
        );
        assert!(!format!("{login:?} {session:?}").contains(&sent));
        let accessor = token.accessor.unwrap();
        assert!(server.knows_accessor(&accessor));
        assert!(session.end().is_empty() && session.end().is_empty());
        assert!(!server.knows_accessor(&accessor));
        assert_eq!(session.capabilities(&["a".to_owned()]).unwrap_err().code(), Code::VaultTokenInvalid);
        drop(session);
        let login = format!("v1/auth/{}/login", jwt_mount.mount);
        assert_eq!(*log.lock().unwrap(), [login.as_str(), "v1/auth/token/revoke-self"]);
    });
}

#[test]
fn the_same_identity_token_logs_in_again_from_a_file_that_is_read_anew() {
    both(|server| {
        let jwt_mount = server.jwt();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, jwt_mount.issuer.token(&json!({})) + "\n").unwrap();
        let mut credentials = jwt(&jwt_mount.mount, "ci", "");
        credentials.identity_token = Some(SecretSource::File(path.clone()));
        credentials.audience = Some(AUDIENCE.to_owned());
        let settings = settings(&server.address, credentials);
        let vault = configured(&settings);
        drop(vault.log_in().unwrap());
        drop(vault.log_in().unwrap());
        std::fs::write(&path, jwt_mount.issuer.token(&json!({"ref": "refs/heads/other"}))).unwrap();
        assert_eq!(vault.log_in().map(|_| ()).unwrap_err().code(), Code::VaultLoginRefused);
    });
}

#[test]
fn what_the_server_refuses_comes_with_its_words_and_a_hint() {
    both(|server| {
        let mounted = server.jwt();
        mounted.role("elsewhere", json!({"token_bound_cidrs": ["192.0.2.0/24"]}));
        let good = mounted.issuer.token(&json!({}));
        let with = |more| mounted.issuer.token(&more);
        for (mount, role, token, part) in [
            (mounted.mount.as_str(), "nope", good.clone(), "--role"),
            (&mounted.mount, "ci", with(json!({"aud": "https://other.example"})), "bound_audiences"),
            (&mounted.mount, "ci", with(json!({"iss": "https://other.example"})), "bound_issuer"),
            (&mounted.mount, "ci", with(json!({"exp": now() - 20, "iat": now() - 60, "nbf": now() - 60})), "clocks"),
            (&mounted.mount, "ci", with(json!({"nbf": null, "iat": now() + 600, "exp": now() + 900})), "clocks"),
            (&mounted.mount, "ci", with(json!({"ref": "refs/heads/other"})), "bound_claims"),
            (&mounted.mount, "ci", Issuer::new().token(&json!({})), "config"),
            (&mounted.mount, "elsewhere", good.clone(), "token_bound_cidrs"),
            ("not-mounted", "ci", good.clone(), "auth/not-mounted"),
        ] {
            let settings = settings(&server.address, jwt(mount, role, &token));
            assert_refused(&settings, Code::VaultLoginRefused, part);
            assert!(!format!("{:?}", refused(&settings)).contains(&token));
        }
    });
}

#[test]
fn what_can_be_seen_beforehand_is_not_sent() {
    let server = FaultServer::builder().on("POST", "/", [Behaviour::html_502()]).start();
    let issuer = Issuer::new();
    let mut credentials = jwt("jwt", "ci", &issuer.token(&json!({})));
    credentials.audience = Some("https://other.example".to_owned());
    assert_refused(&settings(&server.address, credentials), Code::IdentityAudience, AUDIENCE);
    let late = issuer.token(&json!({"exp": now() - 120}));
    assert_refused(&settings(&server.address, jwt("jwt", "ci", &late)), Code::IdentityExpired, "clock");
    assert_refused(&settings(&server.address, jwt("jwt", "ci", "hvs.abc")), Code::IdentityMalformed, "three parts");
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_login_in_a_namespace_is_revoked_there() {
    let server = support::server(Kind::OpenBao);
    let name = harness::unique("team");
    server.operator.post(&format!("sys/namespaces/{name}"), &json!({})).ok();
    let (issuer, operator) = (Issuer::new(), server.operator.in_namespace(&name));
    let mount = operator.jwt_mount(&issuer);
    operator.jwt_role(&mount, "ci", &json!({}), &[], &json!({}));
    let mut settings = settings(&server.address, jwt(&mount, "ci", &issuer.token(&json!({}))));
    settings.auth_namespace = Some(name.parse().unwrap());
    let vault = configured(&settings);
    let session = vault.log_in().unwrap();
    let accessor = session.token().accessor.unwrap();
    let body = json!({"accessor": accessor});
    let known = || operator.post("auth/token/lookup-accessor", &body).status == 200;
    assert!(known());
    assert!(session.end().is_empty());
    assert!(!known());
}
