use modelseal_http::{FixedEnv, SecretString};

use super::*;

const PLANTED: &str = "planted-secret";

fn planted() -> SecretSource {
    SecretSource::Value(SecretString::from(PLANTED))
}

fn plan(credentials: Credentials) -> Result<Plan> {
    let settings = Settings { credentials, ..Settings::default() };
    Plan::new(&settings, &FixedEnv::default(), false)
}

#[test]
fn each_method_demands_what_it_needs() {
    let role = || Some("ci".to_owned());
    let none = Credentials::default;
    for (credentials, code, part) in [
        (
            Credentials { method: Some(AuthMethod::Jwt), role: role(), ..none() },
            Code::VaultNoCredentials,
            "--identity-token-file",
        ),
        (Credentials { identity_token: Some(planted()), ..none() }, Code::UsageArguments, "--role"),
        (Credentials { service_account_token: Some("/dev/null".into()), ..none() }, Code::UsageArguments, "--role"),
        (
            Credentials { role: role(), service_account_token: Some("/no/such".into()), ..none() },
            Code::IdentityMissing,
            "/no/such",
        ),
        (Credentials { method: Some(AuthMethod::AppRole), ..none() }, Code::VaultNoCredentials, "--role-id"),
        (Credentials { role_id: Some("r".into()), ..none() }, Code::VaultNoCredentials, "--secret-id-file"),
        (Credentials { secret_id: Some(planted()), ..none() }, Code::VaultNoCredentials, "--role-id"),
        (
            Credentials {
                role_id: Some("r".into()),
                secret_id: Some(planted()),
                wrapped_secret_id: Some(planted()),
                ..none()
            },
            Code::UsageArguments,
            "both",
        ),
        (
            Credentials { role_id: Some("r".into()), wrapped_secret_id: Some(planted()), ..none() },
            Code::UsageArguments,
            "--role",
        ),
        (
            Credentials {
                role_id: Some("r".into()),
                secret_id: Some(planted()),
                wrapping_path: Some("p".into()),
                ..none()
            },
            Code::UsageArguments,
            "--wrapping-path",
        ),
        (Credentials { method: Some(AuthMethod::Agent), ..none() }, Code::VaultNoCredentials, "--token-sink"),
        (Credentials { method: Some(AuthMethod::Token), ..none() }, Code::VaultNoCredentials, "--token-file"),
        (Credentials { token: Some(SecretSource::Env("NONE".into())), ..none() }, Code::VaultNoCredentials, "NONE"),
        (
            Credentials { role: Some("a\nb".into()), identity_token: Some(planted()), ..none() },
            Code::UsageArguments,
            "--role",
        ),
        (
            Credentials { role: role(), audience: Some(String::new()), identity_token: Some(planted()), ..none() },
            Code::UsageArguments,
            "--audience",
        ),
    ] {
        let error = plan(credentials.clone()).unwrap_err();
        assert_eq!(error.code(), code, "{credentials:?}: {error}");
        assert!(error.message().contains(part), "{error}");
        assert!(!error.message().contains(PLANTED), "{error}");
    }
}

#[test]
fn limits_come_from_settings_then_variables() {
    let env =
        FixedEnv::from_iter([("MODELSEAL_MAX_TOKEN_TTL", "1h"), ("MODELSEAL_STRICT_TOKEN", "1"), ("BAO_TOKEN", "s.a")]);
    let plan = Plan::new(&Settings::default(), &env, false).unwrap();
    assert_eq!((plan.limits.most, plan.limits.strict), (Duration::from_secs(3600), true));
    let settings = Settings { max_token_ttl: Some(Duration::from_secs(60)), ..Settings::default() };
    let plan = Plan::new(&settings, &env, false).unwrap();
    assert_eq!((plan.limits.most, plan.limits.strict), (Duration::from_secs(60), true), "a variable only strengthens");
    let env = FixedEnv::from_iter([("MODELSEAL_STRICT_TOKEN", "0"), ("BAO_TOKEN", "s.a")]);
    let settings = Settings { strict_token: true, ..Settings::default() };
    let plan = Plan::new(&settings, &env, false).unwrap();
    assert_eq!((plan.limits.most, plan.limits.strict), (MOST, true));
}

#[test]
fn t23_nothing_shows_a_secret() {
    let role_id = || Some("r".to_owned());
    let command = SecretSource::Command(vec!["echo".into(), PLANTED.into()]);
    let env = FixedEnv::from_iter([("ID_TOKEN", PLANTED), ("VAULT_TOKEN", PLANTED), ("MODELSEAL_ROLE", "ci")]);
    for credentials in [
        Credentials { identity_token: Some(command), ..Credentials::default() },
        Credentials { identity_token: Some(SecretSource::Env("ID_TOKEN".into())), ..Credentials::default() },
        Credentials { role_id: role_id(), secret_id: Some(planted()), ..Credentials::default() },
        Credentials { role_id: role_id(), wrapped_secret_id: Some(planted()), ..Credentials::default() },
        Credentials { token: Some(planted()), ..Credentials::default() },
        Credentials::default(),
    ] {
        let settings = Settings { credentials, ..Settings::default() };
        let vault = crate::Vault::configure(&settings, &env).unwrap();
        let all = format!("{settings:?} {vault:?} {:?} {:?}", vault.method(), vault.notices());
        assert!(!all.contains("planted"), "{all}");
    }
    let token = Token { secret: Some(SecretString::from(PLANTED)), summary: TokenSummary::unknown() };
    assert!(!format!("{token:?} {:?}", token.summary).contains("planted"));
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_told() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "secret").unwrap();
    let file = || Some(SecretSource::File(path.clone()));
    for (mode, warned) in [(0o644, true), (0o600, false)] {
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        let role = || Some("ci".to_owned());
        for credentials in [
            Credentials { token: file(), ..Credentials::default() },
            Credentials { token_sink: Some(path.clone()), ..Credentials::default() },
            Credentials { role_id: role(), secret_id: file(), ..Credentials::default() },
            Credentials { role_id: role(), role: role(), wrapped_secret_id: file(), ..Credentials::default() },
            Credentials { role: role(), identity_token: file(), ..Credentials::default() },
        ] {
            let warnings = plan(credentials).unwrap().warnings;
            assert_eq!(warnings.iter().any(|warning| warning.contains("others may read")), warned, "{warnings:?}");
        }
    }
}
