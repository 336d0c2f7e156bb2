//! Flags about Vault and OpenBao: the server, and how to log in. Everything left out comes from the environment.

use core::time::Duration;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use modelseal::vault::{AuthMethod, Credentials, Hooks, SecretSource, Settings};
use modelseal::{IdentityOptions, Result};

use super::TokenArgs;
use super::value::require;

/// Flags of every command that may need a server.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Address of Vault or OpenBao: https://HOST:PORT or unix:///PATH [default: BAO_ADDR, VAULT_ADDR]
    #[arg(long, value_name = "URL", help_heading = "Server")]
    vault_addr: Option<String>,
    /// Namespace of the key's mount
    #[arg(long, value_name = "NS", help_heading = "Server")]
    namespace: Option<String>,
    /// Namespace of the login, when another
    #[arg(long, value_name = "NS", help_heading = "Server")]
    auth_namespace: Option<String>,
    /// Certificate authorities of the server, PEM; they replace those of the system
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    ca_cert: Option<PathBuf>,
    /// Longest time for one step with all its retries, such as 90s or 2m [default: 60s]
    #[arg(long, value_parser = duration, value_name = "TIME", help_heading = "Server")]
    timeout: Option<Duration>,

    /// How to log in [default: found from the flags and the environment]
    #[arg(long, value_enum, value_name = "METHOD", help_heading = "Login")]
    auth: Option<AuthName>,
    /// Mount of the login method [default: its name]
    #[arg(long, value_name = "MOUNT", help_heading = "Login")]
    auth_path: Option<String>,
    /// Role to log in to
    #[arg(long, value_name = "ROLE", help_heading = "Login")]
    role: Option<String>,
    #[command(flatten)]
    token: TokenArgs,
    /// kubernetes: file of the projected service-account token
    #[arg(long, value_name = "FILE", help_heading = "Login")]
    service_account_token: Option<PathBuf>,
    /// approle: the role id
    #[arg(long, value_name = "ID", help_heading = "Login")]
    role_id: Option<String>,
    /// approle: file that holds the secret id
    #[arg(long, value_name = "FILE", help_heading = "Login")]
    secret_id_file: Option<PathBuf>,
    /// approle: environment variable that holds the secret id
    #[arg(long, value_name = "NAME", conflicts_with = "secret_id_file", help_heading = "Login")]
    secret_id_env: Option<String>,
    /// approle: file that holds the wrapping token of the secret id
    #[arg(long, value_name = "FILE", conflicts_with_all = ["secret_id_file", "secret_id_env"], help_heading = "Login")]
    wrapped_secret_id_file: Option<PathBuf>,
    /// approle: where the wrapping token must have been made [default: auth/MOUNT/role/ROLE/secret-id]
    #[arg(long, value_name = "PATH", requires = "wrapped_secret_id_file", help_heading = "Login")]
    wrapping_path: Option<String>,
    /// agent: the file that the agent keeps the token in
    #[arg(long, value_name = "FILE", help_heading = "Login")]
    token_sink: Option<PathBuf>,
    /// token: file that holds a token [default: BAO_TOKEN, VAULT_TOKEN]
    #[arg(long, value_name = "FILE", help_heading = "Login")]
    token_file: Option<PathBuf>,
    /// Warn of tokens that live longer [default: 15m]
    #[arg(long, value_parser = duration, value_name = "TIME", help_heading = "Login")]
    max_token_ttl: Option<Duration>,
    /// Refuse tokens that live longer
    #[arg(long, help_heading = "Login")]
    strict_token: bool,

    /// Plain HTTP to other machines, which shows the token to everyone on the way
    #[arg(long, help_heading = "Weakening")]
    danger_plain_http: bool,
    /// Accept any certificate of the server
    #[arg(long, help_heading = "Weakening")]
    danger_skip_tls_verify: bool,
    /// Use a root token or one that never expires
    #[arg(long, help_heading = "Weakening")]
    danger_unlimited_token: bool,
}

/// A login method by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AuthName {
    Auto,
    Jwt,
    Kubernetes,
    #[value(name = "approle")]
    AppRole,
    Agent,
    Token,
}

impl AuthName {
    const fn method(self) -> Option<AuthMethod> {
        Some(match self {
            Self::Auto => return None,
            Self::Jwt => AuthMethod::Jwt,
            Self::Kubernetes => AuthMethod::Kubernetes,
            Self::AppRole => AuthMethod::AppRole,
            Self::Agent => AuthMethod::Agent,
            Self::Token => AuthMethod::Token,
        })
    }
}

impl ServerArgs {
    /// What the flags say.
    ///
    /// # Errors
    /// `usage/arguments`.
    pub(crate) fn settings(&self, hooks: Hooks) -> Result<Settings> {
        let mut settings = Settings::default();
        settings.address.clone_from(&self.vault_addr);
        settings.namespace = self.namespace.as_deref().map(str::parse).transpose()?;
        settings.auth_namespace = self.auth_namespace.as_deref().map(str::parse).transpose()?;
        settings.ca_cert.clone_from(&self.ca_cert);
        settings.timeout = self.timeout;
        settings.credentials = self.credentials()?;
        settings.max_token_ttl = self.max_token_ttl;
        settings.strict_token = self.strict_token;
        settings.danger_plain_http = self.danger_plain_http;
        settings.danger_skip_tls_verify = self.danger_skip_tls_verify;
        settings.danger_unlimited_token = self.danger_unlimited_token;
        settings.hooks = hooks;
        Ok(settings)
    }

    /// Whose identity logs in.
    pub(crate) fn identity(&self) -> IdentityOptions {
        let mut options = IdentityOptions::default();
        options.provider = self.token.identity;
        options.issuer.clone_from(&self.token.identity_issuer);
        options
    }

    /// The checks that the caller weakened, by their names in results.
    pub(crate) fn relaxed(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.danger_plain_http, "danger-plain-http"),
            (self.danger_skip_tls_verify, "danger-skip-tls-verify"),
            (self.danger_unlimited_token, "danger-unlimited-token"),
        ]
        .into_iter()
        .filter_map(|(given, name)| given.then_some(name))
    }

    fn credentials(&self) -> Result<Credentials> {
        let file = |path: &Option<PathBuf>| path.clone().map(SecretSource::File);
        let variable = |name: &Option<String>| name.clone().map(SecretSource::Env);
        let mut credentials = Credentials::default();
        credentials.method = self.auth.and_then(AuthName::method);
        credentials.auth_path = self.auth_path.as_deref().map(str::parse).transpose()?;
        credentials.role.clone_from(&self.role);
        credentials.audience.clone_from(&self.token.audience);
        let command = Some(self.token.identity_token_command.clone()).filter(|words| !words.is_empty());
        credentials.identity_token = file(&self.token.identity_token_file)
            .or_else(|| variable(&self.token.identity_token_env))
            .or_else(|| command.map(SecretSource::Command));
        credentials.service_account_token.clone_from(&self.service_account_token);
        credentials.role_id.clone_from(&self.role_id);
        credentials.secret_id = file(&self.secret_id_file).or_else(|| variable(&self.secret_id_env));
        credentials.wrapped_secret_id = file(&self.wrapped_secret_id_file);
        let (path, wrapped) = (self.wrapping_path.is_some(), self.wrapped_secret_id_file.is_some());
        require("--wrapping-path", path, "--wrapped-secret-id-file FILE", wrapped)?;
        credentials.wrapping_path.clone_from(&self.wrapping_path);
        credentials.token_sink.clone_from(&self.token_sink);
        credentials.token = file(&self.token_file);
        Ok(credentials)
    }
}

/// A time: a whole number and a unit.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a whole number with s, m or h, such as 90s".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).filter(|&seconds| seconds > 0).map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("15m", 900), ("2h", 7200)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in
            ["", "0s", "s", "1", "1d", "-1s", "1.5m", "1 m", "1ms", "99999999999999999999s", "9999999999999999999h"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
