//! Whose tokens are accepted, and how they are checked.

use core::time::Duration;

use modelseal_core::{Code, Error, Result};

use super::algorithm::Algorithm;
use crate::issuer::Issuers;

/// Whose tokens are accepted, and how they are checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Issuer {
    /// The platform's word, for servers that cannot be told by their address; `oidc` for issuers that are none of the
    /// known ones. See [`Issuer::platform`].
    pub provider: String,
    /// The issuer, compared byte for byte.
    pub url: String,
    /// The one audience.
    pub audience: String,
    /// Where its keys come from.
    pub keys: KeySource,
    /// Longest life of a token; `None`: 10 minutes for GitHub, else an hour.
    pub max_life: Option<Duration>,
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The issuer's discovery document, at its address; the key set that it names is at the same host.
    Discovery,
    /// A key set at this address: `https`, or `http` on this machine.
    Address(String),
    /// The text of a key set that was fetched earlier. Nothing is fetched.
    Pinned(Vec<u8>),
}

impl Issuer {
    /// An issuer whose keys are discovered at its address, by its platform's word: one of `--identity`, or `oidc`.
    #[must_use]
    pub fn new(provider: impl Into<String>, url: impl Into<String>, audience: impl Into<String>) -> Self {
        let url = url.into();
        let keys = match url == GOOGLE {
            true => KeySource::Address(GOOGLE_KEYS.to_owned()),
            false => KeySource::Discovery,
        };
        Self { provider: provider.into(), url, audience: audience.into(), keys, max_life: None }
    }

    /// What [`VerifiedClaims::provider`](modelseal_core::VerifiedClaims::provider) will say: the platform that the
    /// issuer is known to belong to, else the one of [`provider`](Self::provider); `oidc` when that is no platform but
    /// a way to hand over a token.
    #[must_use]
    pub fn platform(&self) -> &str {
        match (provider_of_issuer(&self.url), self.provider.as_str()) {
            ("oidc", "" | "auto" | "command" | "env" | "file") => "oidc",
            ("oidc", word) => word,
            (known, _) => known,
        }
    }

    /// What a token may be signed with.
    pub(super) fn algorithms(&self) -> &'static [Algorithm] {
        match self.platform() {
            "azure" | "bitbucket" | "buildkite" | "circleci" | "forgejo" | "github" | "gitlab" | "google" => {
                &[Algorithm::Rs256]
            }
            _ => Algorithm::ALL,
        }
    }

    /// Longest life of a token, in seconds.
    pub(super) fn max_life(&self) -> i64 {
        let usual = if self.platform() == "github" { 10 * 60 } else { 60 * 60 };
        self.max_life.map_or(usual, |life| i64::try_from(life.as_secs()).unwrap_or(i64::MAX))
    }

    /// What contradicts itself.
    ///
    /// # Errors
    /// `identity/issuer`, `identity/audience`.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |text: &str| text.is_empty() || text.len() > MOST || text.chars().any(char::is_control);
        if wrong(&self.url) {
            return Err(Error::new(Code::IdentityIssuer, "the issuer must be some text on one line"));
        }
        if wrong(&self.audience) {
            return Err(Error::new(Code::IdentityAudience, "the audience must be some text on one line"));
        }
        Ok(())
    }
}

/// The word of the platform that an issuer surely belongs to, `oidc` for any other. Servers of one's own are not
/// known by their address.
#[must_use]
pub fn provider_of_issuer(url: &str) -> &'static str {
    let is = |base: &str| Issuers::exactly(base).accept(Some(url));
    let below = |base: &str| Issuers::default().or_below(base).accept(Some(url));
    if is(GITHUB) || below(GITHUB) || is_tenant_of_github(url) {
        "github"
    } else if is("https://gitlab.com") {
        "gitlab"
    } else if is("https://agent.buildkite.com") {
        "buildkite"
    } else if is("https://oidc.circleci.com") || below("https://oidc.circleci.com/org") {
        "circleci"
    } else if below("https://api.bitbucket.org/2.0/workspaces") {
        "bitbucket"
    } else if below("https://vstoken.dev.azure.com") {
        "azure"
    } else if is(GOOGLE) {
        "google"
    } else {
        "oidc"
    }
}

/// `https://token.actions.SUB.ghe.com`, or one below it.
fn is_tenant_of_github(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://token.actions.") else { return false };
    let Some((tenant, _)) = rest.split_once(".ghe.com") else { return false };
    let base = format!("https://token.actions.{tenant}.ghe.com");
    let plain = !tenant.is_empty() && tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    plain && Issuers::exactly(base.clone()).or_below(base).accept(Some(url))
}

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const GOOGLE: &str = "https://accounts.google.com";
/// Its discovery document names a key set at another host.
const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

/// Longest issuer and audience, in bytes.
const MOST: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_known_by_its_whole_address() {
        for (url, word) in [
            ("https://token.actions.githubusercontent.com", "github"),
            ("https://token.actions.githubusercontent.com/octo-inc", "github"),
            ("https://token.actions.octo.ghe.com", "github"),
            ("https://token.actions.octo.ghe.com/slug", "github"),
            ("https://gitlab.com", "gitlab"),
            ("https://agent.buildkite.com", "buildkite"),
            ("https://oidc.circleci.com/org/7f1c", "circleci"),
            ("https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc", "bitbucket"),
            ("https://vstoken.dev.azure.com/7f1c", "azure"),
            ("https://accounts.google.com", "google"),
            ("https://token.actions.githubusercontent.com.evil.example", "oidc"),
            ("https://token.actions.githubusercontent.com/", "oidc"),
            ("https://token.actions.githubusercontent.com/a?b", "oidc"),
            ("http://token.actions.githubusercontent.com", "oidc"),
            ("https://token.actions.octo.ghe.com.evil.example", "oidc"),
            ("https://token.actions.evil.example/.ghe.com", "oidc"),
            ("https://token.actions..ghe.com", "oidc"),
            ("https://token.actions.a.b.ghe.com", "oidc"),
            ("https://gitlab.com/", "oidc"),
            ("https://gitlab.example", "oidc"),
            ("https://login.microsoftonline.com/7f1c/v2.0", "oidc"),
            ("", "oidc"),
        ] {
            assert_eq!(provider_of_issuer(url), word, "{url}");
        }
    }

    #[test]
    fn the_platform_is_that_of_a_known_issuer_whatever_the_caller_says() {
        let platform = |word: &str, url: &str| Issuer::new(word, url, "a").platform().to_owned();
        assert_eq!(platform("file", GITHUB), "github");
        assert_eq!(platform("gitlab", GITHUB), "github");
        assert_eq!(platform("github", "https://gitlab.com"), "gitlab");
        assert_eq!(platform("github", "https://ghes.example/_services/token"), "github");
        assert_eq!(platform("kubernetes", "https://cluster.example"), "kubernetes");
        for word in ["", "auto", "command", "env", "file", "oidc"] {
            assert_eq!(platform(word, "https://i.example"), "oidc", "{word}");
        }
    }

    #[test]
    fn algorithms_and_lives_follow_the_platform() {
        for word in ["azure", "bitbucket", "buildkite", "circleci", "forgejo", "github", "gitlab", "google"] {
            assert_eq!(Issuer::new(word, "https://i.example", "a").algorithms(), [Algorithm::Rs256], "{word}");
        }
        for word in ["kubernetes", "spiffe", "oidc", "file"] {
            assert_eq!(Issuer::new(word, "https://i.example", "a").algorithms(), Algorithm::ALL, "{word}");
        }
        assert_eq!(Issuer::new("oidc", GITHUB, "a").algorithms(), [Algorithm::Rs256]);
        assert_eq!(Issuer::new("file", GITHUB, "a").max_life(), 600);
        let mut issuer = Issuer::new("gitlab", "https://gitlab.example", "a");
        assert_eq!(issuer.max_life(), 3600);
        issuer.max_life = Some(Duration::from_secs(7200));
        assert_eq!(issuer.max_life(), 7200);
        assert_eq!(Issuer::new("google", GOOGLE, "a").keys, KeySource::Address(GOOGLE_KEYS.to_owned()));
    }

    #[test]
    fn an_issuer_and_an_audience_must_be_given() {
        for (url, audience, code) in [
            ("", "a", Code::IdentityIssuer),
            ("https://i.example\n", "a", Code::IdentityIssuer),
            ("https://i.example", "", Code::IdentityAudience),
            ("https://i.example", "a\0", Code::IdentityAudience),
        ] {
            assert_eq!(Issuer::new("oidc", url, audience).check().unwrap_err().code(), code, "{url:?} {audience:?}");
        }
    }
}
