//! What the caller says about server and credentials. Everything left open comes from the environment, then defaults.

use core::fmt;
use core::time::Duration;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use modelseal_core::{Result, VaultPath};
use modelseal_http::{Hooks, SecretString};

/// Server, credentials and limits.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Settings {
    /// `https://HOST:PORT[/PREFIX]` or `unix:///PATH`.
    pub address: Option<String>,
    /// Namespace of mounts.
    pub namespace: Option<VaultPath>,
    /// Namespace of the login, when another.
    pub auth_namespace: Option<VaultPath>,
    /// PEM file of the certificate authorities that replace those of the system.
    pub ca_cert: Option<PathBuf>,
    /// Longest time for one step with all its retries; at most 15 minutes.
    pub timeout: Option<Duration>,
    /// How to log in.
    pub credentials: Credentials,
    /// Tokens that live longer are warned of; `None`: `MODELSEAL_MAX_TOKEN_TTL`, else 15 minutes.
    pub max_token_ttl: Option<Duration>,
    /// Refuse tokens that live longer instead; `MODELSEAL_STRICT_TOKEN` asks for it too.
    pub strict_token: bool,
    /// What the audit log shall show of this run: sent as `X-Correlation-Id`.
    pub correlation_id: Option<String>,
    /// Plain HTTP to other machines.
    pub danger_plain_http: bool,
    /// No check of the server's certificate.
    pub danger_skip_tls_verify: bool,
    /// Tokens without end.
    pub danger_unlimited_token: bool,
    /// Stop requests and the log of requests.
    pub hooks: Hooks,
}

/// A way to log in. `Display` gives the word of `--auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthMethod {
    /// An identity token (OIDC) for a role of the jwt method.
    Jwt,
    /// A service-account token for a role of the kubernetes method.
    Kubernetes,
    /// A role id and a secret id, plain or response-wrapped.
    AppRole,
    /// A token that an agent keeps in a file, or an agent that adds its own.
    Agent,
    /// A token of the caller.
    Token,
}

impl AuthMethod {
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Jwt, Self::Kubernetes, Self::AppRole, Self::Agent, Self::Token];

    /// The word of `--auth`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Kubernetes => "kubernetes",
            Self::AppRole => "approle",
            Self::Agent => "agent",
            Self::Token => "token",
        }
    }
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a secret is. Files and programs are read as late as possible, and again at each login; variables when the
/// server is configured.
#[derive(Clone)]
#[non_exhaustive]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// A variable of the environment.
    Env(String),
    /// The output of a program, given as its argument list; never a shell line.
    Command(Vec<OsString>),
    /// The secret itself.
    Value(SecretString),
    /// Something that can get the secret, asked again at each login.
    Provider(SecretProvider),
}

/// Something that can get a secret. Its `Debug` shows the name only.
#[derive(Clone)]
pub struct SecretProvider {
    name: String,
    get: Arc<dyn Fn() -> Result<SecretString> + Send + Sync>,
}

impl SecretProvider {
    /// `name` says in messages whose secret it is: `GitHub`.
    pub fn new(name: impl Into<String>, get: impl Fn() -> Result<SecretString> + Send + Sync + 'static) -> Self {
        Self { name: name.into(), get: Arc::new(get) }
    }

    /// Whose secret it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gets it.
    ///
    /// # Errors
    /// Those of whoever has it.
    pub fn get(&self) -> Result<SecretString> {
        (self.get)()
    }
}

impl fmt::Debug for SecretProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretProvider({})", self.name)
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Env(name) => write!(f, "Env({name})"),
            // Arguments can hold secrets.
            Self::Command(_) => f.write_str("Command"),
            Self::Value(_) => f.write_str("Value"),
            Self::Provider(provider) => write!(f, "Provider({})", provider.name),
        }
    }
}

/// What to log in with. Methods have flags of their own; which method is meant follows from them, unless it is said.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Credentials {
    /// The method; `None`: found by the rules of `docs/vault.md`.
    pub method: Option<AuthMethod>,
    /// Mount of the login method; default `jwt`, `kubernetes`, `approle`.
    pub auth_path: Option<VaultPath>,
    /// Role of the jwt or kubernetes method, or of AppRole for the check of a wrapped secret id.
    pub role: Option<String>,
    /// jwt: the identity token.
    pub identity_token: Option<SecretSource>,
    /// jwt, kubernetes: the audience that the token must have; checked before it is sent.
    pub audience: Option<String>,
    /// kubernetes: the projected token.
    pub service_account_token: Option<PathBuf>,
    /// approle: the role id.
    pub role_id: Option<String>,
    /// approle: the secret id.
    pub secret_id: Option<SecretSource>,
    /// approle: the wrapping token of the secret id.
    pub wrapped_secret_id: Option<SecretSource>,
    /// approle: the path where the wrapping token must have been made, when it is not
    /// `auth/MOUNT/role/ROLE/secret-id`.
    pub wrapping_path: Option<String>,
    /// agent: the file that it keeps the token in.
    pub token_sink: Option<PathBuf>,
    /// token: the token.
    pub token: Option<SecretSource>,
}
