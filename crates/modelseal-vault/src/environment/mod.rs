//! What settings and environment say about the server, as the `vault` and `bao` command lines understand it.
//!
//! For each setting the first of these wins: what the caller gave, `MODELSEAL_…`, `BAO_…`, `VAULT_…`, the default. An
//! empty variable is not set. A value that cannot be used is an error, never a reason to look further. Variables that
//! decide which server is trusted, the address and the namespace, must agree with each other instead.

mod file;
mod files;
mod proxy;
mod tls;
mod values;
mod variables;

#[cfg(test)]
mod tests;

use core::time::Duration;

use modelseal_core::{Code, Error, Result, VaultPath};
use modelseal_http::{Address, ClientConfig, Env};

use crate::Settings;
use crate::files::Files;
use variables::{Found, Variables};

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
    /// Whether nobody named an address.
    pub(crate) default_address: bool,
    /// What the audit log shall show of this run: `[A-Za-z0-9._:/-]`, at most 128.
    pub(crate) correlation_id: Option<String>,
    /// Whom to believe, and what the client shows, as files.
    pub(crate) files: Files,
    /// What was decided and which source won, one line each, without secrets.
    pub(crate) notices: Vec<String>,
}

/// Within a family the agent stands in front of the server.
const ADDRESS: [&[&str]; 3] =
    [&["MODELSEAL_VAULT_ADDR"], &["BAO_AGENT_ADDR", "BAO_ADDR"], &["VAULT_AGENT_ADDR", "VAULT_ADDR"]];
const NAMESPACE: [&[&str]; 3] = [&["MODELSEAL_NAMESPACE"], &["BAO_NAMESPACE"], &["VAULT_NAMESPACE"]];
const AUTH_NAMESPACE: [&[&str]; 1] = [&["MODELSEAL_AUTH_NAMESPACE"]];
const TIMEOUT: [&str; 3] = ["MODELSEAL_TIMEOUT", "BAO_CLIENT_TIMEOUT", "VAULT_CLIENT_TIMEOUT"];
const RETRIES: [&str; 2] = ["BAO_MAX_RETRIES", "VAULT_MAX_RETRIES"];
/// The name that cosign and other tools of sigstore know.
const TRANSIT_MOUNT: [&str; 1] = ["TRANSIT_SECRET_ENGINE_PATH"];
/// They would change what the server answers, or where requests go, in ways that signing cannot allow.
const NOT_HONOURED: [&str; 10] = [
    "BAO_WRAP_TTL",
    "BAO_MFA",
    "BAO_SRV_LOOKUP",
    "BAO_RATE_LIMIT",
    "BAO_FORMAT",
    "VAULT_WRAP_TTL",
    "VAULT_MFA",
    "VAULT_SRV_LOOKUP",
    "VAULT_RATE_LIMIT",
    "VAULT_FORMAT",
];

const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// A job that waits longer for one step is stuck.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(15 * 60);
const DEFAULT_RETRIES: usize = 2;
const MOST_RETRIES: usize = 20;

const PATH_FORM: &str = "parts of letters, digits, `.`, `_`, `-`, with single `/` between them";

impl Resolved {
    /// # Errors
    /// `usage/environment`, `vault/address`, `vault/plain-http`, `usage/arguments`, `input/*` for files.
    pub(crate) fn new(settings: &Settings, env: &dyn Env) -> Result<Self> {
        let variables = Variables::new(env);
        let mut notices = Vec::new();
        let server = server(settings, &variables, &mut notices)?;
        let remedy = "give --namespace";
        let namespace = namespace(settings.namespace.as_ref(), &variables, &NAMESPACE, remedy, &mut notices)?;
        let own = namespace_of_login(settings, &variables, &mut notices)?;
        let mut client = ClientConfig::new(server.address);
        client.tls = tls::tls(settings, &variables, &mut notices)?;
        // After the values were judged: a file in the place of a directory has a better error there.
        let mut files = files::files(settings, &variables)?;
        files.trust.extend(client.address.socket().filter(|path| path.exists()).map(Into::into));
        client.proxy = proxy::proxy(&client.address, &variables, &mut notices)?;
        tls::refuse_steered_roots(&client, &variables)?;
        client.danger_plain_http = settings.danger_plain_http;
        client.hooks = settings.hooks.clone();
        let timeout = timeout(settings, &variables, &mut notices)?;
        let retries = retries(&variables, &mut notices)?;
        let transit_mount = transit_mount(&variables, &mut notices)?;
        let ignored = NOT_HONOURED.into_iter().filter(|name| variables.is_set(name));
        notices.extend(ignored.map(|name| format!("{name} is set, and not honoured")));
        Ok(Self {
            client,
            auth_namespace: own.or_else(|| namespace.clone()),
            namespace,
            transit_mount,
            timeout,
            retries,
            agent: server.agent,
            default_address: server.default,
            files,
            correlation_id: settings.correlation_id.as_deref().and_then(correlation_id),
            notices,
        })
    }
}

struct Server {
    address: Address,
    agent: bool,
    default: bool,
}

fn server(settings: &Settings, variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<Server> {
    // The text itself stays out of messages: a user name and password may stand in it.
    let given = |text: &str| Address::parse(text).map_err(|error| Error::new(Code::VaultAddress, error.message()));
    let set = |found: &Found| {
        Address::parse(&found.value)
            .map_err(|error| found.wrong(format!("{}; the form is https://HOST:PORT or unix:///PATH", error.message())))
    };
    let (address, source) = match &settings.address {
        Some(text) => (given(text)?, "given by the caller"),
        None => match variables.agreed(&ADDRESS, "servers", "say which one with --vault-addr", set)? {
            Some(found) => found,
            None => (given(DEFAULT_ADDRESS)?, "the default"),
        },
    };
    if !address.is_tls() && !address.is_local() && !settings.danger_plain_http {
        return Err(Error::new(Code::VaultPlainHttp, format!("the address {address} ({source}) has no TLS")));
    }
    notices.push(format!("address {address}: {source}"));
    if !address.is_tls() && !address.is_local() {
        notices.push("plain HTTP to another machine: asked for by the caller".to_owned());
    }
    Ok(Server { address, agent: source.ends_with("_AGENT_ADDR"), default: source == "the default" })
}

fn namespace(
    given: Option<&VaultPath>,
    variables: &Variables<'_>,
    names: &[&[&'static str]],
    remedy: &str,
    notices: &mut Vec<String>,
) -> Result<Option<VaultPath>> {
    if let Some(given) = given {
        notices.push(format!("namespace {given}: given by the caller"));
        return Ok(Some(given.clone()));
    }
    let read = |found: &Found| path(found, "a namespace");
    let Some((namespace, name)) = variables.agreed(names, "namespaces", remedy, read)? else { return Ok(None) };
    notices.push(format!("namespace {namespace}: {name}"));
    Ok(Some(namespace))
}

fn namespace_of_login(
    settings: &Settings,
    variables: &Variables<'_>,
    notices: &mut Vec<String>,
) -> Result<Option<VaultPath>> {
    let mut own = Vec::new();
    let given = settings.auth_namespace.as_ref();
    let namespace = namespace(given, variables, &AUTH_NAMESPACE, "give --auth-namespace", &mut own)?;
    notices.extend(own.into_iter().map(|line| format!("login: {line}")));
    Ok(namespace)
}

fn transit_mount(variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<VaultPath> {
    let Some(found) = variables.first(&TRANSIT_MOUNT)? else { return "transit".parse() };
    let mount = path(&found, "a mount")?;
    notices.push(format!("transit mount {mount}: {}", found.name));
    Ok(mount)
}

/// A path, also with the `/` at its ends that other tools accept.
fn path(found: &Found, what: &str) -> Result<VaultPath> {
    let text = found.value.strip_prefix('/').unwrap_or(&found.value);
    let text = text.strip_suffix('/').unwrap_or(text);
    text.parse().map_err(|_| found.wrong(format!("it is not {what}: {PATH_FORM}")))
}

fn timeout(settings: &Settings, variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<Duration> {
    let allowed = |time: &Duration| !time.is_zero() && *time <= LONGEST_TIMEOUT;
    if let Some(time) = settings.timeout {
        return Some(time)
            .filter(allowed)
            .ok_or_else(|| Error::new(Code::UsageArguments, "the timeout must be above 0 and at most 15 minutes"));
    }
    let Some(found) = variables.first(&TIMEOUT)? else { return Ok(DEFAULT_TIMEOUT) };
    let time = values::duration(&found.value)
        .filter(allowed)
        .ok_or_else(|| found.wrong("it must be a time such as 60, 90s, 1m30s or 500ms, above 0 and at most 15m"))?;
    notices.push(format!("timeout {time:?}: {}", found.name));
    Ok(time)
}

fn retries(variables: &Variables<'_>, notices: &mut Vec<String>) -> Result<usize> {
    let Some(found) = variables.first(&RETRIES)? else { return Ok(DEFAULT_RETRIES) };
    let retries = values::number(&found.value)
        .filter(|retries| *retries <= MOST_RETRIES)
        .ok_or_else(|| found.wrong("it must be a whole number from 0 to 20"))?;
    notices.push(format!("at most {retries} retries: {}", found.name));
    Ok(retries)
}

/// What may stand in the header: anything else becomes `-`.
fn correlation_id(text: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '/' | '-');
    let id: String = text.chars().take(128).map(|c| if allowed(c) { c } else { '-' }).collect();
    Some(id).filter(|id| !id.is_empty())
}
