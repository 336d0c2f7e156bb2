//! Ways to log in.

mod approle;
mod claims;
mod command;
mod desk;
mod detect;
mod jwt;
mod login;
mod sink;
mod source;
mod text;
mod variables;
mod watch;

use core::time::Duration;
use std::path::{Path, PathBuf};

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::Env;

use self::approle::{AppRole, Made, Secret};
use self::desk::Desk;
use self::detect::{Choice, Surroundings, detect};
use self::jwt::Identity;
use self::source::{Kind, Source};
use self::variables::Variables;
use crate::answer::Answer;
use crate::connection::Connection;
use crate::files::of_credentials;
use crate::token::{Limits, Token, TokenSummary};
use crate::{AuthMethod, Credentials, SecretSource, Settings};

pub use self::login::{ExchangedIdentity, Login};
pub(crate) use self::text::lasting;
pub(crate) use self::watch::Watch;

/// Longest life of a token without a warning, unless told otherwise.
const MOST: Duration = Duration::from_secs(15 * 60);

/// How this run logs in: all that can be known before the first request.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) method: AuthMethod,
    pub(crate) reason: String,
    pub(crate) limits: Limits,
    /// For messages.
    pub(crate) role: Option<String>,
    pub(crate) warnings: Vec<String>,
    /// Files of secrets, also of those that are not used.
    pub(crate) secret_files: Vec<PathBuf>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Identity(Identity),
    AppRole(AppRole),
    Sink(Source),
    /// The agent adds its own token to every request.
    Agent,
    Token(Source),
}

/// See [`Vault::role_without_credentials`](crate::Vault::role_without_credentials).
pub(crate) fn role_without_credentials(given: &Credentials, env: &dyn Env) -> Result<Option<String>> {
    let variables = Variables::read(env)?;
    let method = given.method.or(variables.credentials.method);
    let open = matches!(method, None | Some(AuthMethod::Jwt));
    let role = given.role.clone().or_else(|| variables.credentials.role.clone());
    let bare = !detect::has_credentials(given) && !detect::has_credentials(&variables.credentials);
    Ok(role.filter(|_| open && bare))
}

/// A token, and what its user should know about how it came.
pub(crate) struct Granted {
    pub(crate) token: Token,
    pub(crate) warnings: Vec<String>,
    /// Id of the request of the login.
    pub(crate) request_id: Option<String>,
    /// The identity token that was exchanged.
    pub(crate) identity: Option<ExchangedIdentity>,
    /// Why the token must not be used; it is to be revoked all the same.
    pub(crate) refused: Option<Error>,
}

impl Granted {
    fn new(token: Token, warnings: Vec<String>) -> Self {
        Self { token, warnings, request_id: None, identity: None, refused: None }
    }

    /// What a login was answered with. An answer without a usable token says that one may live.
    fn of_login<T>(answer: Answer<T>) -> Result<Self> {
        let Some(auth) = answer.auth else {
            return Err(desk::orphaned(&match answer.wrap_info {
                Some(wrapping) => {
                    let path: String = wrapping.creation_path.unwrap_or_default().chars().take(300).collect();
                    Error::new(Code::VaultNotSupported, format!("the server wraps the answer of the login: {path}"))
                }
                None => Error::new(Code::VaultAnswer, "the server's answer to the login holds no token"),
            }));
        };
        let second_factor = auth.mfa_requirement.is_some();
        let token = Token::obtained(auth).map_err(|error| match error.code() {
            // No token yet.
            Code::VaultNotSupported => error,
            _ => desk::orphaned(&error),
        })?;
        let mut warnings = answer.warnings.unwrap_or_default();
        if answer.lost > 0 {
            let life = token.summary.ttl.map_or_else(|| "without end".to_owned(), lasting);
            warnings.push(format!(
                "the login was sent again after an answer did not arrive: if the server had acted, one more token \
                 lives {life} and is not revoked"
            ));
        }
        let refused = second_factor.then(Token::second_factor);
        Ok(Self { request_id: answer.request_id, refused, ..Self::new(token, warnings) })
    }
}

impl Plan {
    /// Decides by settings, variables and what is there. `agent`: the address is that of an agent.
    ///
    /// # Errors
    /// `usage/arguments`, `usage/environment`, `vault/no-credentials`, `vault/credentials`, `identity/missing`,
    /// `identity/malformed`.
    pub(crate) fn new(settings: &Settings, env: &dyn Env, agent: bool) -> Result<Self> {
        let variables = Variables::read(env)?;
        let around = Surroundings { agent, projected: Path::new(detect::PROJECTED).exists() };
        let Choice { method, reason, credentials, mut warnings } = detect(&settings.credentials, &variables, around)?;
        let way = Way::new(method, &credentials, env, agent)?;
        let secret_files = of_credentials(&[&settings.credentials, &variables.credentials, &credentials]);
        warnings.extend(way.source().and_then(Source::warning).map(str::to_owned));
        let limits = Limits {
            most: settings.max_token_ttl.or(variables.max_token_ttl).unwrap_or(MOST),
            strict: settings.strict_token || variables.strict_token,
            danger_unlimited: settings.danger_unlimited_token,
        };
        let role = match method {
            AuthMethod::Jwt | AuthMethod::Kubernetes | AuthMethod::AppRole => credentials.role,
            AuthMethod::Agent | AuthMethod::Token => None,
        };
        Ok(Self { method, reason, limits, role, warnings, secret_files, way })
    }

    /// What is known of a login before it is made.
    pub(crate) fn record(&self) -> Login {
        let mount = match &self.way {
            Way::Identity(Identity { mount, .. }) | Way::AppRole(AppRole { mount, .. }) => Some(mount.to_string()),
            _ => None,
        };
        let mut login = Login::new(self.method);
        login.mount = mount;
        login.role.clone_from(&self.role);
        login
    }

    /// Gets a token. It is not judged yet.
    ///
    /// # Errors
    /// `vault/*`, `identity/*`, `usage/interrupted`.
    pub(crate) fn log_in(&self, connection: &Connection, watch: &Watch) -> Result<Granted> {
        let desk = Desk { connection, watch };
        match &self.way {
            Way::Identity(identity) => identity.log_in(desk),
            Way::AppRole(approle) => approle.log_in(desk),
            Way::Sink(source) => sink::token(desk, source, self.limits.danger_unlimited),
            Way::Token(source) => desk.look_up(desk.read(source)?, &source.name(), self.limits.danger_unlimited),
            Way::Agent => {
                let token = Token { secret: None, summary: TokenSummary::unknown() };
                Ok(Granted::new(token, Vec::new()))
            }
        }
    }
}

impl Way {
    /// Where its secret is.
    fn source(&self) -> Option<&Source> {
        match self {
            Self::Identity(identity) => Some(&identity.token),
            Self::AppRole(AppRole { secret: Secret::Plain(source) | Secret::Wrapped(source, _), .. })
            | Self::Sink(source)
            | Self::Token(source) => Some(source),
            Self::Agent => None,
        }
    }

    fn new(method: AuthMethod, given: &Credentials, env: &dyn Env, agent: bool) -> Result<Self> {
        let needs = |what: &str| {
            Error::new(Code::VaultNoCredentials, format!("the login method {method} needs {what}"))
                .with_hint("docs/vault.md shows what each method needs")
        };
        let mount = || given.auth_path.clone().map_or_else(|| method.as_str().parse(), Ok);
        for (name, value) in [("role", &given.role), ("audience", &given.audience), ("role-id", &given.role_id)] {
            let wrong = |why| Error::new(Code::UsageArguments, format!("the value of --{name} {why}"));
            value.as_deref().map(text::check_name).transpose().map_err(wrong)?;
        }
        let identity = |kind, source: &SecretSource| {
            let role = given.role.clone().ok_or_else(|| {
                Error::new(Code::UsageArguments, format!("the login method {method} needs --role"))
                    .with_hint("name the server's role that this identity logs in as")
            })?;
            let token = Source::find(kind, source, env)?;
            Ok(Self::Identity(Identity { mount: mount()?, role, token, audience: given.audience.clone() }))
        };
        match method {
            AuthMethod::Jwt => match &given.identity_token {
                Some(source) => identity(Kind::IdentityToken, source),
                None => Err(needs("--identity-token-file, --identity-token-env or --identity-token-command")),
            },
            AuthMethod::Kubernetes => match &given.service_account_token {
                Some(path) => identity(Kind::ServiceAccountToken, &SecretSource::File(path.clone())),
                None => Err(needs(&format!("--service-account-token, since there is no {}", detect::PROJECTED))),
            },
            AuthMethod::AppRole => {
                let role_id = given.role_id.clone().ok_or_else(|| needs("--role-id"))?;
                let secret = secret_id(given, env, &mount()?, needs)?;
                Ok(Self::AppRole(AppRole { mount: mount()?, role_id, secret }))
            }
            AuthMethod::Agent => match &given.token_sink {
                Some(path) => Ok(Self::Sink(Source::find(Kind::Sink, &SecretSource::File(path.clone()), env)?)),
                None if agent => Ok(Self::Agent),
                None => Err(needs("--token-sink, or the address of an agent in VAULT_AGENT_ADDR")),
            },
            AuthMethod::Token => match &given.token {
                Some(source) => Ok(Self::Token(Source::find(Kind::Token, source, env)?)),
                None => Err(needs("--token-file, BAO_TOKEN or VAULT_TOKEN")),
            },
        }
    }
}

fn secret_id(given: &Credentials, env: &dyn Env, mount: &VaultPath, needs: impl Fn(&str) -> Error) -> Result<Secret> {
    match (&given.secret_id, &given.wrapped_secret_id) {
        (Some(_), Some(_)) => {
            Err(Error::new(Code::UsageArguments, "a secret id is given both plain and wrapped: give one"))
        }
        (Some(_), None) if given.wrapping_path.is_some() => {
            Err(Error::new(Code::UsageArguments, "--wrapping-path is only for --wrapped-secret-id-file"))
        }
        (Some(source), None) => Ok(Secret::Plain(Source::find(Kind::SecretId, source, env)?)),
        (None, Some(source)) => {
            let made = match (&given.wrapping_path, &given.role) {
                (Some(path), _) => Made::At(path.clone()),
                (None, Some(role)) => Made::For(role.clone()),
                (None, None) => {
                    let message = "a wrapped secret id needs --role";
                    let hint = format!(
                        "with it the wrapping token is checked to come from auth/{mount}/role/ROLE/secret-id: one that \
                         somebody unwrapped and wrapped again comes from elsewhere"
                    );
                    return Err(Error::new(Code::UsageArguments, message).with_hint(hint));
                }
            };
            Ok(Secret::Wrapped(Source::find(Kind::WrappingToken, source, env)?, made))
        }
        (None, None) => Err(needs("--secret-id-file, --secret-id-env or --wrapped-secret-id-file")),
    }
}

#[cfg(test)]
mod tests;
