//! What the environment says about the server, as the `vault` and `bao` command lines understand it.

use core::time::Duration;

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::{Address, ClientConfig, Env};

use crate::Settings;

/// Everything that is known before the first request.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    /// The client to make.
    pub(crate) client: ClientConfig,
    /// Namespace of mounts.
    pub(crate) namespace: Option<VaultPath>,
    /// Namespace of the login.
    pub(crate) auth_namespace: Option<VaultPath>,
    /// Mount of transit keys whose reference names none.
    pub(crate) transit_mount: VaultPath,
    /// Longest time for one step with all its retries.
    pub(crate) timeout: Duration,
    /// Repetitions of a step that may be repeated.
    pub(crate) retries: usize,
    /// Whether the address is that of an agent that adds its own token.
    pub(crate) agent: bool,
    /// What was decided and which source won, one line each, without secrets.
    pub(crate) notices: Vec<String>,
}

impl Resolved {
    /// # Errors
    /// `usage/environment`, `vault/address`, `vault/plain-http`, `usage/arguments`, `input/*` for files.
    pub(crate) fn new(settings: &Settings, env: &dyn Env) -> Result<Self> {
        // Minimal: the connection helper completes this.
        let variable = env.var("VAULT_ADDR").and_then(|value| value.into_string().ok());
        let text = settings.address.clone().or(variable).unwrap_or_else(|| "https://127.0.0.1:8200".to_owned());
        let address = Address::parse(&text).map_err(|error| Error::new(Code::VaultAddress, error.message()))?;
        let mut client = ClientConfig::new(address);
        client.hooks = settings.hooks.clone();
        Ok(Self {
            client,
            namespace: settings.namespace.clone(),
            auth_namespace: settings.auth_namespace.clone().or_else(|| settings.namespace.clone()),
            transit_mount: "transit".parse()?,
            timeout: settings.timeout.unwrap_or(Duration::from_secs(60)),
            retries: 2,
            agent: false,
            notices: Vec::new(),
        })
    }
}
