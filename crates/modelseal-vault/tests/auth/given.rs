use super::*;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use harness::agent::{Agent, Login};
use serde_json::json;
use support::{Server, both};

fn given(token: &str) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.token = value(token);
    credentials
}

fn sink(path: &Path) -> Credentials {
    let mut credentials = Credentials::default();
    credentials.token_sink = Some(path.to_owned());
    credentials
}

fn live(server: &Server, token: &str) -> bool {
    server.server.client().with_token(token).get("auth/token/lookup-self").status == 200
}

#[test]
fn a_token_of_the_caller_is_looked_at_and_never_revoked() {
    both(|server| {
        let token = server.token(&json!({"policies": ["default"], "ttl": "10m"}));
        for name in ["VAULT_TOKEN", "BAO_TOKEN"] {
            let env = FixedEnv::from_iter([(name, token.as_str())]);
            let vault = Vault::configure(&settings(&server.address, Credentials::default()), &env).unwrap();
            assert_eq!(vault.method().1, format!("because of {name}"));
            let session = vault.log_in().unwrap();
            let summary = session.token();
            assert!(summary.known && !summary.obtained && summary.kind == "service", "{summary:?}");
            assert!((595..=600).contains(&summary.ttl.unwrap().as_secs()), "{summary:?}");
            assert_eq!(summary.policies, ["default"]);
            assert!(session.warnings().is_empty() && session.end().is_empty());
        }
        assert!(live(server, &token));
        let batch = server.token(&json!({"policies": ["default"], "ttl": "60s", "type": "batch"}));
        let settings = settings(&server.address, given(&batch));
        assert_eq!(configured(&settings).log_in().unwrap().token().kind, "batch");
    });
}

#[test]
fn root_and_endless_tokens_are_refused() {
    both(|server| {
        let periodic = server.token(&json!({"policies": ["root"], "period": "60s"}));
        for token in [&server.server.root_token, &periodic] {
            let mut settings = settings(&server.address, given(token));
            assert_refused(&settings, Code::VaultTokenUnlimited, "--danger-unlimited-token");
            settings.danger_unlimited_token = true;
            let warnings = configured(&settings).log_in().unwrap().warnings();
            assert!(warnings.len() == 1 && warnings[0].contains("root token"), "{warnings:?}");
            assert!(live(server, token));
        }
        let long = server.token(&json!({"policies": ["default"], "ttl": "700h"}));
        let mut settings = settings(&server.address, given(&long));
        let warnings = configured(&settings).log_in().unwrap().warnings();
        assert!(warnings[0].contains("longer than the 15 minutes"), "{warnings:?}");
        settings.strict_token = true;
        assert_refused(&settings, Code::VaultTokenTtl, "lives");
        assert!(live(server, &long));
    });
}

#[test]
fn a_token_that_may_not_look_at_itself_is_refused() {
    both(|server| {
        let token = server.token(&json!({"policies": ["none"], "no_default_policy": true, "ttl": "60s"}));
        let mut settings = settings(&server.address, given(&token));
        assert_refused(&settings, Code::VaultPermission, "auth/token/lookup-self");
        settings.danger_unlimited_token = true;
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        assert!(!session.token().known);
        assert!(session.warnings()[0].contains("not known"), "{:?}", session.warnings());
        // One that nobody knows looks the same on OpenBao.
        let error = refused(&super::settings(&server.address, given("s.AAAAAAAAAAAAAAAAAAAAAAAA")));
        assert!(matches!(error.code(), Code::VaultPermission | Code::VaultTokenInvalid), "{error}");
    });
}

#[test]
fn the_uses_of_a_given_token_are_counted_with_the_lookup() {
    both(|server| {
        let limited = |uses: u32| server.token(&json!({"policies": ["default"], "ttl": "60s", "num_uses": uses}));
        for uses in [1, 2] {
            assert_refused(&settings(&server.address, given(&limited(uses))), Code::VaultTokenInvalid, "num_uses");
        }
        let settings = settings(&server.address, given(&limited(3)));
        let vault = configured(&settings);
        let session = vault.log_in().unwrap();
        assert_eq!(session.uses_left(), Some(2));
        session.capabilities(&["a/b".to_owned()]).unwrap();
        assert_eq!(session.uses_left(), Some(1));
    });
}

#[test]
fn an_agent_keeps_its_token_plain_or_wrapped_and_goes_on_using_it() {
    both(|server| {
        let role = server.operator.approle("ci", &["default"], &json!({"secret_id_num_uses": 0}));
        let secret_id = server.operator.secret_id(&role);
        let agent = Agent::start(server.server, &Login::AppRole { approle: &role, secret_id: &secret_id });
        let token = Agent::read(&agent.plain_sink());
        for path in [agent.plain_sink(), agent.wrapped_sink()] {
            let text = Agent::read(&path);
            let vault = configured(&settings(&server.address, sink(&path)));
            let session = vault.log_in().unwrap();
            let summary = session.token();
            assert!(summary.known && !summary.obtained && summary.ttl.is_some(), "{summary:?} {text}");
            assert!(session.end().is_empty());
            assert!(live(server, token.trim()));
        }
        // The wrapping token is used up, and nobody can say by whom.
        assert_refused(&settings(&server.address, sink(&agent.wrapped_sink())), Code::VaultWrappingToken, "audit log");

        let env = FixedEnv::from_iter([("VAULT_AGENT_ADDR", agent.address.as_str())]);
        let vault = Vault::configure(&Settings::default(), &env).unwrap();
        assert_eq!(vault.method().1, "because of the address of an agent");
        let session = vault.log_in().unwrap();
        assert!(!session.token().known && session.uses_left().is_none());
        assert_eq!(session.capabilities(&["a/b".to_owned()]).unwrap().len(), 1);
        assert!(session.end().is_empty());
        assert!(live(server, token.trim()));
    });
}

#[test]
fn sinks_that_cannot_be_used() {
    both(|server| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sink");
        let refuse = |content: &str, mode: u32, code, part: &str| {
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let settings = settings(&server.address, sink(&path));
            match Vault::configure(&settings, &FixedEnv::default()) {
                Ok(_) => assert_refused(&settings, code, part),
                Err(error) => assert_eq!(error.code(), code, "{error}"),
            }
        };
        let envelope = json!({"curve25519_public_key": "a", "nonce": "b", "encrypted_payload": "c"}).to_string();
        refuse(&envelope, 0o600, Code::VaultNotSupported, "dh_type");
        refuse("{\"planted\": 1}", 0o600, Code::VaultCredentials, "neither");
        refuse("s.planted", 0o666, Code::VaultCredentials, "chmod");
        // A wrapping of something else than a token.
        let role = server.operator.approle("ci", &[], &json!({}));
        let wrapped = server.operator.wrapped_secret_id(&role, "60s");
        refuse(&wrapped.to_string(), 0o600, Code::VaultWrappingPath, "not unwrapped");
        let mut moved = wrapped.clone();
        moved["creation_path"] = "sys/wrapping/wrap".into();
        refuse(&moved.to_string(), 0o600, Code::VaultWrappingPath, "not unwrapped");
        let token = json!({"token": wrapped["token"]});
        assert_eq!(server.server.client().post("sys/wrapping/lookup", &token).status, 200);
    });
}
