//! Filling provenance: which identity token, who issued it, whether it is the one that logged in.

use core::fmt;
use core::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use modelseal_core::{
    ClaimsSource, Code, Error, NamedDigest, Provenance, Result, Timestamp, VaultFacts, VerifiedClaims,
};
use modelseal_http::{Env, Hooks, ProcessEnv, SecretString};
use modelseal_identity::{Found, Issuer, KeySource, Platform, Provider, TokenVerifier};
use modelseal_vault::{AuthMethod, Login};

use crate::io::{Cap, read_capped};
use crate::sign::SignOptions;

/// Largest key set that is read from a file.
const MOST_KEY_SET: usize = 256 * 1024;

/// Whether provenance is signed along with a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProvenanceMode {
    /// When there is an identity token. One that is there and cannot be verified is an error.
    #[default]
    Auto,
    /// Always: without an identity token nothing is signed.
    Required,
    /// Never.
    Off,
}

impl ProvenanceMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Required, Self::Off];

    /// The word of `--provenance`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Required => "required",
            Self::Off => "off",
        }
    }
}

impl fmt::Display for ProvenanceMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProvenanceMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            Error::new(Code::UsageArguments, format!("`{text:.100}` does not say when provenance is signed"))
                .with_hint("one of auto, required, off")
        })
    }
}

/// Provenance that was signed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SignedProvenance {
    /// Whether the token is the one that logged in.
    pub claims_source: ClaimsSource,
    /// The platform's word.
    pub provider: String,
    /// The issuer of the token.
    pub issuer: String,
    /// All that it says.
    pub record: Provenance,
}

/// Somebody who verifies identity tokens.
pub trait VerifyIdentity: fmt::Debug + Send + Sync {
    /// Verifies a token of this issuer.
    ///
    /// # Errors
    /// `identity/*`; none quotes the token.
    fn verify(&self, issuer: Issuer, token: &SecretString) -> Result<VerifiedClaims>;
}

/// Verifies with the keys of the issuer, fetched from it unless they are pinned.
#[derive(Clone)]
pub struct IssuerKeys {
    hooks: Hooks,
    env: Arc<dyn Env + Send + Sync>,
}

impl IssuerKeys {
    /// `hooks` stop requests and are told of them; `env` names proxies and certificate authorities.
    #[must_use]
    pub fn new(hooks: Hooks, env: Arc<dyn Env + Send + Sync>) -> Self {
        Self { hooks, env }
    }
}

impl Default for IssuerKeys {
    fn default() -> Self {
        Self::new(Hooks::default(), Arc::new(ProcessEnv))
    }
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuerKeys")
    }
}

impl VerifyIdentity for IssuerKeys {
    fn verify(&self, issuer: Issuer, token: &SecretString) -> Result<VerifiedClaims> {
        TokenVerifier::new(issuer, &self.hooks, &*self.env)?.verify(token)
    }
}

/// The identity of the job, next to a key that something else opens. Its token is fetched after the model was hashed.
#[derive(Clone, Debug)]
pub struct JobIdentity(Arc<Found>);

impl From<Found> for JobIdentity {
    fn from(found: Found) -> Self {
        Self(Arc::new(found))
    }
}

/// A token, and what is said of it. Nothing of it is verified.
struct Presented {
    token: SecretString,
    provider: Option<Provider>,
    audience: Option<String>,
    claimed_issuer: Option<String>,
    claimed_audiences: Vec<String>,
    claims_source: ClaimsSource,
}

/// Refuses before any work what cannot end well.
///
/// # Errors
/// `usage/arguments`, `identity/missing`.
pub(crate) fn check(options: &SignOptions, logs_in: bool) -> Result<()> {
    let recorded = !options.dependencies.is_empty() || !options.byproducts.is_empty();
    if options.provenance == ProvenanceMode::Off && recorded {
        let message = "dependencies and byproducts are recorded in provenance, which is off";
        return Err(Error::new(Code::UsageArguments, message));
    }
    if options.dependencies.len().max(options.byproducts.len()) > Provenance::MAX_RESOURCES {
        let message = format!("more than {} dependencies or byproducts", Provenance::MAX_RESOURCES);
        return Err(Error::new(Code::UsageArguments, message));
    }
    if is_required(options) && !logs_in && options.identity.is_none() {
        return Err(missing(recorded, "the key is at hand, so no identity logs in, and none is named"));
    }
    Ok(())
}

/// What was made along with the model is recorded in provenance or not at all.
fn is_required(options: &SignOptions) -> bool {
    options.provenance == ProvenanceMode::Required || !options.dependencies.is_empty() || !options.byproducts.is_empty()
}

/// The provenance of a model that is about to be signed; `None` when there is no token.
///
/// # Errors
/// `identity/*`, `input/*`, `usage/arguments`.
pub(crate) fn provenance(
    login: Option<&Login>,
    vault: Option<VaultFacts>,
    options: &SignOptions,
    started_on: Timestamp,
) -> Result<Option<Provenance>> {
    if options.provenance == ProvenanceMode::Off {
        return Ok(None);
    }
    let Some(presented) = presented(login, options)? else {
        if is_required(options) {
            let recorded = options.provenance != ProvenanceMode::Required;
            return Err(match login.map(|login| login.method) {
                Some(AuthMethod::Kubernetes) => {
                    missing(recorded, "the token of a service account is not verified without its keys").with_hint(
                        "give the cluster's key set with --jwks FILE: `kubectl get --raw /openid/v1/jwks` prints it",
                    )
                }
                Some(method) => {
                    missing(recorded, &format!("the login method {method} uses none, and no other is named"))
                }
                None => missing(recorded, "no identity logged in, and none is named"),
            });
        }
        return Ok(None);
    };
    let claims = verified(&presented, options).map_err(|error| {
        let message = format!("the identity token of this job cannot be verified: {}", error.message());
        Error::new(error.code(), message).with_hint(error.hint())
    })?;
    let mut provenance = Provenance::of(&claims, presented.claims_source)?;
    provenance.vault = vault;
    provenance.dependencies.clone_from(&options.dependencies);
    provenance.byproducts.clone_from(&options.byproducts);
    (provenance.started_on, provenance.finished_on) = (Some(started_on), Some(now()?));
    Ok(Some(provenance))
}

/// Now, in whole seconds.
///
/// # Errors
/// `input/unreadable`.
pub(crate) fn now() -> Result<Timestamp> {
    let unreadable = |_| Error::new(Code::InputUnreadable, "the clock of this machine cannot be read");
    let now: Timestamp = SystemTime::now().try_into().map_err(unreadable)?;
    Timestamp::from_second(now.as_second()).map_err(unreadable)
}

fn missing(recorded: bool, why: &str) -> Error {
    let needs = if recorded { "dependencies and byproducts need provenance" } else { "provenance is required" };
    Error::new(Code::IdentityMissing, format!("{needs}, and there is no identity token: {why}"))
}

/// The token that logged in; else one that stands beside the login and proves less.
fn presented(login: Option<&Login>, options: &SignOptions) -> Result<Option<Presented>> {
    if let Some((method, identity)) = login.and_then(|login| Some((login.method, login.identity.as_ref()?))) {
        // The issuer of a cluster seldom answers from outside, and its server verified the token in another way.
        if method == AuthMethod::Kubernetes && options.jwks.is_none() {
            return Ok(None);
        }
        let of_source = identity.source.as_deref().and_then(|title| {
            Platform::ALL.iter().find(|platform| platform.title == title).map(|platform| platform.provider)
        });
        let of_method = (method == AuthMethod::Kubernetes).then_some(Provider::Kubernetes);
        return Ok(Some(Presented {
            token: identity.token.clone(),
            provider: of_source.or(of_method),
            audience: identity.audience.clone(),
            claimed_issuer: identity.claimed_issuer.clone(),
            claimed_audiences: identity.claimed_audiences.clone(),
            claims_source: ClaimsSource::OidcVerified,
        }));
    }
    let Some(JobIdentity(found)) = &options.identity else { return Ok(None) };
    let token = found.token()?;
    Ok(Some(Presented {
        provider: Some(found.provider()),
        audience: found.audience().map(str::to_owned),
        claimed_issuer: token.issuer().map(str::to_owned),
        claimed_audiences: token.audiences().to_vec(),
        token: token.into_secret(),
        claims_source: ClaimsSource::OidcUnbound,
    }))
}

fn verified(presented: &Presented, options: &SignOptions) -> Result<VerifiedClaims> {
    let keys = match &options.jwks {
        Some(path) => {
            let cap = Cap { bytes: MOST_KEY_SET, code: Code::IdentityKeysMalformed };
            KeySource::Pinned(read_capped(path, &cap)?)
        }
        None => KeySource::Discovery,
    };
    // The token names its issuer; that issuer's keys decide whether it did issue it.
    let url = options.identity_issuer.as_ref().or(presented.claimed_issuer.as_ref());
    let url = url.ok_or_else(|| Error::new(Code::IdentityClaims, "it does not name its issuer"))?;
    if keys == KeySource::Discovery {
        check_address(url)?;
    }
    let audience = match (&presented.audience, &presented.claimed_audiences[..]) {
        (Some(audience), _) => audience,
        (None, [one]) => one,
        (None, _) => return Err(Error::new(Code::IdentityAudience, "it does not have exactly one audience")),
    };
    let provider = [options.identity_provider, presented.provider].into_iter().flatten().find_map(word);
    let mut issuer = Issuer::new(provider.unwrap_or_else(|| provider_of(url)), url, audience);
    issuer.keys = keys;
    options.verifier.verify(issuer, &presented.token)
}

/// A token may name any address: keys are fetched over TLS only, or from this machine, and never with a password.
fn check_address(issuer: &str) -> Result<()> {
    let (scheme, rest) = issuer.split_once("://").unwrap_or(("", issuer));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let plain = !host.is_empty() && !authority.contains('@') && !issuer.contains(['?', '#', '\\', ' ']);
    if plain && (scheme == "https" || (scheme == "http" && is_here)) {
        return Ok(());
    }
    let message = format!("keys are not fetched from its issuer `{issuer:.100}`: that is no https address");
    Err(Error::new(Code::IdentityIssuer, message).with_hint("give the issuer's key set with --jwks FILE"))
}

/// The word of a platform that says what claims mean; `None` for a mere place.
fn word(provider: Provider) -> Option<&'static str> {
    match provider {
        Provider::Auto | Provider::File | Provider::Env | Provider::Command => None,
        platform => Some(platform.as_str()),
    }
}

/// The platform whose issuer this is.
fn provider_of(issuer: &str) -> &'static str {
    let at = |base: &str| issuer.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let residency = issuer.strip_prefix("https://token.actions.").and_then(|rest| rest.split('/').next());
    let issuer = issuer.trim_end_matches('/');
    if at("https://token.actions.githubusercontent.com")
        || residency.is_some_and(|host| host.ends_with(".ghe.com"))
        || issuer.ends_with("/_services/token")
    {
        return "github";
    }
    for (base, word) in [
        ("https://gitlab.com", "gitlab"),
        ("https://agent.buildkite.com", "buildkite"),
        ("https://oidc.circleci.com", "circleci"),
        ("https://api.bitbucket.org/2.0/workspaces", "bitbucket"),
        ("https://vstoken.dev.azure.com", "azure"),
        ("https://accounts.google.com", "google"),
    ] {
        if at(base) {
            return word;
        }
    }
    if issuer.ends_with("/api/actions") { "forgejo" } else { "oidc" }
}

/// What is shown of a provenance.
impl From<&Provenance> for SignedProvenance {
    fn from(provenance: &Provenance) -> Self {
        Self {
            claims_source: provenance.claims_source,
            provider: provenance.provider.clone(),
            issuer: provenance.issuer.clone(),
            record: provenance.clone(),
        }
    }
}

/// Makes the core's record of a key on a server.
pub(crate) fn vault_facts(mount: String, key: String, key_version: u32, login: &Login) -> VaultFacts {
    let mut facts = VaultFacts::default();
    (facts.mount, facts.key, facts.key_version) = (mount, key, key_version);
    facts.auth_role.clone_from(&login.role);
    facts.login_request_id.clone_from(&login.request_id);
    facts
}

/// Reads `NAME=DIGEST` arguments.
///
/// # Errors
/// `usage/arguments`.
pub fn named_digests(texts: &[String]) -> Result<Vec<NamedDigest>> {
    texts.iter().map(|text| text.parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_known_as_a_whole() {
        for (issuer, word) in [
            ("https://token.actions.githubusercontent.com", "github"),
            ("https://token.actions.githubusercontent.com/acme", "github"),
            ("https://token.actions.githubusercontent.com.evil.example", "oidc"),
            ("https://token.actions.acme.ghe.com", "github"),
            ("https://ghes.example/_services/token", "github"),
            ("https://forge.example/api/actions", "forgejo"),
            ("https://gitlab.com", "gitlab"),
            ("https://gitlab.com.evil.example", "oidc"),
            ("https://oidc.circleci.com/org/1", "circleci"),
            ("https://kubernetes.default.svc", "oidc"),
        ] {
            assert_eq!(provider_of(issuer), word, "{issuer}");
        }
    }

    #[test]
    fn keys_are_fetched_over_tls_or_from_this_machine() {
        for good in [
            "https://ci.example",
            "https://ci.example:8443/a",
            "http://127.0.0.1:1234",
            "http://localhost",
            "http://[::1]:8",
        ] {
            check_address(good).unwrap();
        }
        for bad in [
            "",
            "ci.example",
            "http://ci.example",
            "http://169.254.169.254/latest",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "https://user:planted@ci.example",
            "https://",
            "https://ci.example?x",
            "file:///etc/passwd",
        ] {
            assert_eq!(check_address(bad).unwrap_err().code(), Code::IdentityIssuer, "{bad}");
        }
    }

    #[test]
    fn modes_are_words() {
        for mode in ProvenanceMode::ALL {
            assert_eq!(mode.to_string().parse::<ProvenanceMode>().unwrap(), mode);
        }
        assert_eq!("on".parse::<ProvenanceMode>().unwrap_err().code(), Code::UsageArguments);
    }
}
