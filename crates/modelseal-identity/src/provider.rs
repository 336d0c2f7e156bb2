//! The platforms, and what is known of each.

use core::fmt;
use core::str::FromStr;

use modelseal_core::{Code, Error, Result};

use crate::find::{Look, Seen};
use crate::sources::{
    azure, bitbucket, buildkite, circleci, forgejo, generic, github, gitlab, google, kubernetes, spiffe,
};

/// A source of identity tokens, by the word of `--identity`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Provider {
    /// The first that is there.
    #[default]
    Auto,
    /// GitHub Actions, on github.com, a subdomain of ghe.com, or an enterprise server.
    GitHub,
    /// Forgejo Actions.
    Forgejo,
    /// GitLab CI.
    GitLab,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    CircleCi,
    /// Bitbucket Pipelines.
    Bitbucket,
    /// Azure Pipelines.
    Azure,
    /// A JWT-SVID in a file.
    Spiffe,
    /// The projected token of a Kubernetes service account.
    Kubernetes,
    /// A virtual machine of Google Cloud.
    Google,
    /// A file.
    File,
    /// A variable of the environment.
    Env,
    /// The output of a program.
    Command,
}

impl Provider {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::GitHub => "github",
            Self::Forgejo => "forgejo",
            Self::GitLab => "gitlab",
            Self::Buildkite => "buildkite",
            Self::CircleCi => "circleci",
            Self::Bitbucket => "bitbucket",
            Self::Azure => "azure",
            Self::Spiffe => "spiffe",
            Self::Kubernetes => "kubernetes",
            Self::Google => "google",
            Self::File => "file",
            Self::Env => "env",
            Self::Command => "command",
        }
    }

    /// What is known of it; `None` for [`Auto`](Self::Auto).
    #[must_use]
    pub fn platform(self) -> Option<&'static Platform> {
        Platform::ALL.iter().find(|platform| platform.provider == self)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let all = [Self::Auto].into_iter().chain(Platform::ALL.iter().map(|platform| platform.provider));
        all.clone().find(|provider| provider.as_str() == text).ok_or_else(|| {
            let words: Vec<&str> = all.map(Self::as_str).collect();
            Error::new(Code::UsageArguments, format!("`{text}` is no source of identity tokens"))
                .with_hint(format!("one of {}", words.join(", ")))
        })
    }
}

/// Who decides for whom a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AudienceRule {
    /// Whoever asks.
    Asked,
    /// The platform: always this one.
    Fixed(&'static str),
    /// Whoever configured the job, at the place that this names.
    Configured(&'static str),
}

/// One row of the table of platforms. Adding a platform adds a module and a row.
#[derive(Debug)]
#[non_exhaustive]
pub struct Platform {
    /// Which.
    pub provider: Provider,
    /// Its own name.
    pub title: &'static str,
    /// By what it is recognised.
    pub detection: &'static str,
    /// Whether a token that has expired can be replaced within the job.
    pub renewable: bool,
    /// Who decides for whom the token is.
    pub audience: AudienceRule,
    /// Whether it reads a file, or a variable, that the caller names.
    pub(crate) named: Named,
    pub(crate) look: fn(&Look<'_>) -> Result<Seen>,
}

/// What else a caller may say of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Nothing,
    File,
    Variable,
    Command,
}

impl Platform {
    /// The platforms, in the order in which they are looked for: what was named; CI systems, GitHub first, since a
    /// runner of one's own may stand on any cloud; workload identities; at last the machine.
    pub const ALL: &'static [Self] = &[
        generic::FILE,
        generic::ENV,
        generic::COMMAND,
        github::PLATFORM,
        forgejo::PLATFORM,
        gitlab::PLATFORM,
        buildkite::PLATFORM,
        circleci::PLATFORM,
        bitbucket::PLATFORM,
        azure::PLATFORM,
        spiffe::PLATFORM,
        kubernetes::PLATFORM,
        google::PLATFORM,
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back_and_every_platform_has_one_row() {
        assert_eq!("auto".parse::<Provider>().unwrap(), Provider::Auto);
        assert!(Provider::Auto.platform().is_none());
        for platform in Platform::ALL {
            assert_eq!(platform.provider.as_str().parse::<Provider>().unwrap(), platform.provider);
            assert_eq!(Platform::ALL.iter().filter(|other| other.provider == platform.provider).count(), 1);
            assert_eq!(platform.provider.platform().unwrap().title, platform.title);
        }
        let error = "jenkins\n".parse::<Provider>().unwrap_err();
        assert_eq!(error.code(), Code::UsageArguments);
        assert!(error.message().contains("jenkins\\n") && error.hint().contains("github"), "{error}");
    }
}
