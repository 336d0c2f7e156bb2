//! Finding the source, and asking it.

use core::fmt;
use std::ffi::OsString;
use std::path::PathBuf;

use modelseal_core::{Code, Error, Result};
use modelseal_http::{Env, Hooks, SecretString};

use crate::issuer::Issuers;
use crate::provider::Named;
use crate::token::{Expected, IdentityToken};
use crate::{AudienceRule, Platform, Provider};

/// Which token is wanted, and from where.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TokenRequest {
    /// The source.
    pub provider: Provider,
    /// For whom the token shall be, as the caller says.
    pub audience: Option<String>,
    /// For whom, when the caller does not say, and the platform does not know better.
    pub default_audience: Option<String>,
    /// The issuer that the token must have, byte for byte, instead of those that the platform usually has.
    pub issuer: Option<String>,
    /// The file, for `file`, `kubernetes` and `spiffe`.
    pub file: Option<PathBuf>,
    /// The name of the variable, for `env` and `gitlab`.
    pub variable: Option<String>,
    /// The argument list, for `command`.
    pub command: Vec<OsString>,
    /// Stop requests and the log of requests.
    pub hooks: Hooks,
    /// Where the machine says what it is.
    pub places: Places,
}

/// Where the machine says what it is. Tests have other places.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Places {
    /// The product's name, as the firmware has it.
    pub product_name: PathBuf,
    /// The metadata server of Google's machines.
    pub google_metadata: String,
    /// The projected token of a pod.
    pub service_account_token: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            product_name: "/sys/class/dmi/id/product_name".into(),
            google_metadata: "http://metadata.google.internal".to_owned(),
            service_account_token: "/var/run/secrets/kubernetes.io/serviceaccount/token".into(),
        }
    }
}

/// A source that was looked at, and is not the one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PassedOver {
    /// Which.
    pub provider: Provider,
    /// Why, in lower case and without its name.
    pub why: String,
}

/// A source that is there. Nothing was asked yet. Its `Debug` shows no secret.
pub struct Found {
    platform: &'static Platform,
    source: Box<dyn Source>,
    audience: Option<String>,
    issuers: Issuers,
    hooks: Hooks,
    passed_over: Vec<PassedOver>,
}

/// A way to get a token.
pub(crate) trait Source: Send + Sync {
    /// Gets one, anew at each call where the platform allows that.
    fn fetch(&self, ask: &Ask<'_>) -> Result<SecretString>;

    /// Who may have issued it.
    fn issuers(&self) -> Issuers {
        Issuers::any()
    }
}

/// What a source is asked for.
pub(crate) struct Ask<'a> {
    /// For whom; only sources that do not choose it themselves get by without.
    pub(crate) audience: Option<&'a str>,
    pub(crate) hooks: &'a Hooks,
}

impl<'a> Ask<'a> {
    /// # Errors
    /// `usage/arguments`.
    pub(crate) fn audience(&self) -> Result<&'a str> {
        self.audience.ok_or_else(|| {
            Error::new(Code::UsageArguments, "for whom the identity token shall be is not said")
                .with_hint("give --audience, the one that the role is bound to")
        })
    }
}

/// What a source looks at to know whether it is there.
pub(crate) struct Look<'a> {
    pub(crate) request: &'a TokenRequest,
    pub(crate) env: &'a dyn Env,
}

impl Look<'_> {
    /// A variable as text.
    ///
    /// # Errors
    /// `usage/environment`.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        let Some(value) = self.env.var(name) else { return Ok(None) };
        let wrong = |_| Error::new(Code::UsageEnvironment, format!("the variable {name} is not text"));
        value.into_string().map(Some).map_err(wrong)
    }

    /// A variable that is a secret.
    ///
    /// # Errors
    /// `usage/environment`.
    pub(crate) fn secret(&self, name: &str) -> Result<Option<SecretString>> {
        Ok(self.text(name)?.map(SecretString::from))
    }

    /// Whether a variable is `true`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.env.var(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// Whether a source is there. One that is there and cannot be used is an error.
pub(crate) enum Seen {
    /// No, and why.
    Absent(String),
    Present(Box<dyn Source>),
}

impl Seen {
    pub(crate) fn absent(why: impl Into<String>) -> Result<Self> {
        Ok(Self::Absent(why.into()))
    }

    pub(crate) fn present(source: impl Source + 'static) -> Result<Self> {
        Ok(Self::Present(Box::new(source)))
    }
}

/// Finds the source: the one that is named, or with [`Provider::Auto`] the first that is there. One that is there and
/// cannot be used ends the search: another identity than the job's own would be a surprise. Reads no token, runs no
/// program, sends nothing.
///
/// # Errors
/// `identity/missing`, with what was looked at; `identity/fork`; `usage/*`.
pub fn find(request: &TokenRequest, env: &dyn Env) -> Result<Found> {
    look_for(request, env)?.map_err(|passed_over| nothing(request.provider, &passed_over))
}

/// The same, for those who have other means: when no source is there it says why each is not.
///
/// # Errors
/// As [`find`], but for sources that are there and cannot be used only.
pub fn look_for(request: &TokenRequest, env: &dyn Env) -> Result<Result<Found, Vec<PassedOver>>> {
    check(request)?;
    let look = Look { request, env };
    let mut passed_over = Vec::new();
    for platform in Platform::ALL {
        if request.provider != Provider::Auto && request.provider != platform.provider {
            continue;
        }
        match (platform.look)(&look)? {
            Seen::Present(source) => {
                let audience = audience(platform, request)?;
                let issuers = request.issuer.as_ref().map_or_else(|| source.issuers(), Issuers::exactly);
                let hooks = request.hooks.clone();
                return Ok(Ok(Found { platform, source, audience, issuers, hooks, passed_over }));
            }
            Seen::Absent(why) => passed_over.push(PassedOver { provider: platform.provider, why }),
        }
    }
    Ok(Err(passed_over))
}

impl Found {
    /// Gets a token and looks at it. One that has expired meanwhile is asked for once more, where that is possible.
    ///
    /// # Errors
    /// `identity/*`, `usage/*`.
    pub fn token(&self) -> Result<IdentityToken> {
        match self.fresh() {
            Err(error) if error.code() == Code::IdentityExpired && self.platform.renewable => self.fresh(),
            Err(error) if error.code() == Code::IdentityExpired => Err(error.with_hint(
                "it cannot be renewed within the job: give the job a longer timeout, or sign in a job of its own",
            )),
            end => end,
        }
    }

    /// Where it comes from.
    #[must_use]
    pub const fn provider(&self) -> Provider {
        self.platform.provider
    }

    /// What is known of it.
    #[must_use]
    pub const fn platform(&self) -> &'static Platform {
        self.platform
    }

    /// For whom the token will be, when that is known.
    #[must_use]
    pub fn audience(&self) -> Option<&str> {
        self.audience.as_deref()
    }

    /// The sources that were looked at before, and why each is not the one.
    #[must_use]
    pub fn passed_over(&self) -> &[PassedOver] {
        &self.passed_over
    }

    /// Who may have issued the token.
    pub(crate) const fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    pub(crate) const fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    fn fresh(&self) -> Result<IdentityToken> {
        let ask = Ask { audience: self.audience(), hooks: &self.hooks };
        let secret = self.source.fetch(&ask)?;
        let audience_hint = match self.platform.audience {
            AudienceRule::Configured(place) => {
                Some(format!("it is written in {place}: give the same one with --audience, and bind the role to it"))
            }
            _ => None,
        };
        let name = format!("the identity token of {}", self.platform.title);
        let expected = Expected { name: &name, audience: ask.audience, issuers: &self.issuers, audience_hint };
        IdentityToken::read(secret, &expected)
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found")
            .field("provider", &self.platform.provider)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// Longest audience, in bytes.
const MOST_AUDIENCE: usize = 4096;

/// What contradicts itself.
fn check(request: &TokenRequest) -> Result<()> {
    let wrong = |message: String| Err(Error::new(Code::UsageArguments, message));
    if let Some(audience) = &request.audience
        && (audience.is_empty() || audience.len() > MOST_AUDIENCE || audience.chars().any(char::is_control))
    {
        return wrong("the audience must be some text on one line".to_owned());
    }
    let Some(platform) = request.provider.platform() else { return Ok(()) };
    for (given, needed, name) in [
        (request.file.is_some(), Named::File, "--identity-token-file"),
        (request.variable.is_some(), Named::Variable, "--identity-token-env"),
        (!request.command.is_empty(), Named::Command, "--identity-token-command"),
    ] {
        if given && platform.named != needed {
            return wrong(format!("{name} has no meaning for the identity of {}", platform.provider));
        }
    }
    Ok(())
}

fn audience(platform: &Platform, request: &TokenRequest) -> Result<Option<String>> {
    match (platform.audience, &request.audience) {
        (AudienceRule::Fixed(fixed), Some(given)) if given != fixed => {
            let message = format!("{} gives tokens for `{fixed}` only, not for `{given}`", platform.title);
            Err(Error::new(Code::UsageArguments, message).with_hint("bind the role to that audience"))
        }
        (AudienceRule::Fixed(fixed), _) => Ok(Some(fixed.to_owned())),
        (_, given) => Ok(given.clone().or_else(|| request.default_audience.clone())),
    }
}

fn nothing(provider: Provider, passed_over: &[PassedOver]) -> Error {
    let whys: Vec<String> = passed_over
        .iter()
        .map(|PassedOver { provider: one, why }| if provider == *one { why.clone() } else { format!("{one}: {why}") })
        .collect();
    let of = provider.platform().map_or_else(String::new, |platform| format!(" of {}", platform.title));
    Error::new(Code::IdentityMissing, format!("there is no identity token{of}: {}", whys.join("; ")))
}
