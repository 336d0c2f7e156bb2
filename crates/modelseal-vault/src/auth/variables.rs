//! What the environment says about the login. A variable loses against a flag; no command and no danger comes from here.

use core::str::FromStr;
use core::time::Duration;
use std::path::PathBuf;

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::Env;

use super::text::check_name;
use crate::{AuthMethod, Credentials, SecretSource};

/// The variables that the `bao` and `vault` programs take a token from, in order.
pub(super) const TOKENS: [&str; 2] = ["BAO_TOKEN", "VAULT_TOKEN"];

/// The login's part of the environment.
#[derive(Debug, Default)]
pub(super) struct Variables {
    pub(super) credentials: Credentials,
    pub(super) max_token_ttl: Option<Duration>,
    pub(super) strict_token: bool,
    /// Those of [`TOKENS`] that are set.
    pub(super) tokens: Vec<&'static str>,
}

impl Variables {
    /// # Errors
    /// `usage/environment`, which names the variable.
    pub(super) fn read(env: &dyn Env) -> Result<Self> {
        let text = |name| text(env, name);
        let file = |name: &str| env.var(name).map(PathBuf::from);
        let source = |name: &str| file(name).map(SecretSource::File);
        let mut credentials = Credentials {
            method: parsed::<Method>(env, "MODELSEAL_AUTH")?.and_then(|Method(method)| method),
            auth_path: parsed::<VaultPath>(env, "MODELSEAL_AUTH_PATH")?,
            role: text("MODELSEAL_ROLE")?,
            audience: text("MODELSEAL_AUDIENCE")?,
            identity_token: source("MODELSEAL_IDENTITY_TOKEN_FILE"),
            service_account_token: file("MODELSEAL_SERVICE_ACCOUNT_TOKEN"),
            role_id: text("MODELSEAL_ROLE_ID")?,
            secret_id: source("MODELSEAL_SECRET_ID_FILE"),
            wrapped_secret_id: source("MODELSEAL_WRAPPED_SECRET_ID_FILE"),
            token_sink: file("MODELSEAL_TOKEN_SINK"),
            token: source("MODELSEAL_TOKEN_FILE"),
            ..Credentials::default()
        };
        if let Some(name) = text("MODELSEAL_IDENTITY_TOKEN_ENV")? {
            if credentials.identity_token.is_some() {
                let message = "MODELSEAL_IDENTITY_TOKEN_FILE and MODELSEAL_IDENTITY_TOKEN_ENV are both set";
                return Err(Error::new(Code::UsageEnvironment, message));
            }
            credentials.identity_token = Some(SecretSource::Env(name));
        }
        Ok(Self {
            credentials,
            max_token_ttl: parsed::<Span>(env, "MODELSEAL_MAX_TOKEN_TTL")?.map(|Span(span)| span),
            strict_token: parsed::<Switch>(env, "MODELSEAL_STRICT_TOKEN")?.is_some_and(|Switch(on)| on),
            tokens: TOKENS.into_iter().filter(|name| env.var(name).is_some()).collect(),
        })
    }
}

fn text(env: &dyn Env, name: &str) -> Result<Option<String>> {
    let Some(value) = env.var(name) else { return Ok(None) };
    let value = value.into_string().map_err(|_| unusable(name, "is not UTF-8"))?;
    check_name(&value).map_err(|why| unusable(name, why))?;
    Ok(Some(value))
}

fn parsed<T: FromStr<Err: ToString>>(env: &dyn Env, name: &str) -> Result<Option<T>> {
    let parse = |value: String| value.parse().map_err(|error: T::Err| unusable(name, &error.to_string()));
    text(env, name)?.map(parse).transpose()
}

fn unusable(name: &str, why: &str) -> Error {
    Error::new(Code::UsageEnvironment, format!("the variable {name} {why}"))
}

struct Method(Option<AuthMethod>);

impl FromStr for Method {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self(None));
        }
        let method = AuthMethod::ALL.into_iter().find(|method| method.as_str() == text);
        method.map(|method| Self(Some(method))).ok_or("is none of auto, jwt, kubernetes, approle, agent, token")
    }
}

/// The words that Vault's own variables take.
struct Switch(bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Self(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Self(false)),
            _ => Err("is neither true nor false"),
        }
    }
}

struct Span(Duration);

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "is not a time such as 90s, 15m or 1h";
        let (number, unit) = match text.as_bytes().last() {
            Some(b's') => (&text[..text.len() - 1], 1),
            Some(b'm') => (&text[..text.len() - 1], 60),
            Some(b'h') => (&text[..text.len() - 1], 3600),
            _ => (text, 1),
        };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WRONG);
        }
        let seconds = number.parse::<u32>().ok().map(u64::from).and_then(|number| number.checked_mul(unit));
        seconds.filter(|&seconds| seconds > 0).map(|seconds| Self(Duration::from_secs(seconds))).ok_or(WRONG)
    }
}

#[cfg(test)]
mod tests {
    use modelseal_http::FixedEnv;

    use super::*;

    #[test]
    fn every_variable_is_read() {
        let env: FixedEnv = [
            ("MODELSEAL_AUTH", "approle"),
            ("MODELSEAL_AUTH_PATH", "team/approle"),
            ("MODELSEAL_ROLE", "ci"),
            ("MODELSEAL_AUDIENCE", "https://vault.example"),
            ("MODELSEAL_IDENTITY_TOKEN_ENV", "ID_TOKEN"),
            ("MODELSEAL_SERVICE_ACCOUNT_TOKEN", "/a"),
            ("MODELSEAL_ROLE_ID", "1234"),
            ("MODELSEAL_SECRET_ID_FILE", "/b"),
            ("MODELSEAL_WRAPPED_SECRET_ID_FILE", "/c"),
            ("MODELSEAL_TOKEN_SINK", "/d"),
            ("MODELSEAL_TOKEN_FILE", "/e"),
            ("MODELSEAL_MAX_TOKEN_TTL", "10m"),
            ("MODELSEAL_STRICT_TOKEN", "true"),
            ("VAULT_TOKEN", "hvs.x"),
        ]
        .into_iter()
        .collect();
        let Variables { credentials, max_token_ttl, strict_token, tokens } = Variables::read(&env).unwrap();
        assert_eq!(credentials.method, Some(AuthMethod::AppRole));
        assert_eq!(credentials.auth_path.unwrap().as_str(), "team/approle");
        assert_eq!(credentials.role.as_deref(), Some("ci"));
        assert_eq!(credentials.audience.as_deref(), Some("https://vault.example"));
        assert!(matches!(credentials.identity_token, Some(SecretSource::Env(name)) if name == "ID_TOKEN"));
        assert_eq!(credentials.service_account_token, Some("/a".into()));
        assert_eq!(credentials.role_id.as_deref(), Some("1234"));
        assert!(matches!(credentials.secret_id, Some(SecretSource::File(path)) if path.ends_with("b")));
        assert!(matches!(credentials.wrapped_secret_id, Some(SecretSource::File(path)) if path.ends_with("c")));
        assert_eq!(credentials.token_sink, Some("/d".into()));
        assert!(matches!(credentials.token, Some(SecretSource::File(path)) if path.ends_with("e")));
        assert_eq!(max_token_ttl, Some(Duration::from_secs(600)));
        assert!(strict_token);
        assert_eq!(tokens, ["VAULT_TOKEN"]);
    }

    #[test]
    fn t21_a_value_that_cannot_be_used_is_refused_and_no_command_or_danger_is_taken() {
        for (name, value) in [
            ("MODELSEAL_AUTH", "oidc"),
            ("MODELSEAL_AUTH_PATH", "a//b"),
            ("MODELSEAL_ROLE", "a\nb"),
            ("MODELSEAL_MAX_TOKEN_TTL", "0"),
            ("MODELSEAL_MAX_TOKEN_TTL", "-1s"),
            ("MODELSEAL_MAX_TOKEN_TTL", "m"),
            ("MODELSEAL_MAX_TOKEN_TTL", "1 h"),
            ("MODELSEAL_MAX_TOKEN_TTL", "99999999999h"),
            ("MODELSEAL_STRICT_TOKEN", "no"),
        ] {
            let error = Variables::read(&FixedEnv::from_iter([(name, value)])).unwrap_err();
            assert_eq!(error.code(), Code::UsageEnvironment, "{name}");
            assert!(error.message().contains(name), "{error}");
        }
        let env: FixedEnv = [
            ("MODELSEAL_IDENTITY_TOKEN_COMMAND", "sh"),
            ("MODELSEAL_DANGER_UNLIMITED_TOKEN", "1"),
            ("MODELSEAL_WRAPPING_PATH", "sys/wrapping/wrap"),
        ]
        .into_iter()
        .collect();
        let variables = Variables::read(&env).unwrap();
        assert!(variables.credentials.identity_token.is_none() && variables.credentials.wrapping_path.is_none());
        let both = FixedEnv::from_iter([("MODELSEAL_IDENTITY_TOKEN_FILE", "a"), ("MODELSEAL_IDENTITY_TOKEN_ENV", "b")]);
        assert_eq!(Variables::read(&both).unwrap_err().code(), Code::UsageEnvironment);
        assert!(
            Variables::read(&FixedEnv::from_iter([("MODELSEAL_AUTH", "auto")])).unwrap().credentials.method.is_none()
        );
    }
}
