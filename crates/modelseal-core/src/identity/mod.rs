//! What the claims of identity tokens are worth, per platform.

mod github;
mod platforms;
mod verified;

use core::fmt;

pub use verified::{PolicyClaim, VerifiedClaims};

/// How far a claim of a *verified* token may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ClaimLevel {
    /// May be used to allow.
    Enforce,
    /// May only narrow, next to an enforced id: names can change hands, and some values are chosen by many.
    Narrow,
    /// Freshness: checked, never matched.
    Validate,
    /// Recorded: says which run it was.
    Record,
    /// Shown only: whoever starts the job may choose it.
    Show,
}

impl ClaimLevel {
    /// Every level, the strongest first.
    pub const ALL: [Self; 5] = [Self::Enforce, Self::Narrow, Self::Validate, Self::Record, Self::Show];

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Narrow => "narrow",
            Self::Validate => "validate",
            Self::Record => "record",
            Self::Show => "show",
        }
    }
}

impl fmt::Display for ClaimLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A claim that a platform is known to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// Its name; a `*` at the end stands for any ending.
    pub name: &'static str,
    /// What it is worth.
    pub level: ClaimLevel,
    /// What it says.
    pub meaning: &'static str,
}

/// The claims of one platform.
#[derive(Clone, Copy, Debug)]
pub struct ClaimTable {
    own: &'static [Claim],
}

impl ClaimTable {
    /// The table of a platform by its word (`github`, `gitlab`, …); for any other word that of tokens in general.
    #[must_use]
    pub fn of(platform: &str) -> Self {
        let own = match platform {
            "github" => github::CLAIMS,
            // It issues the claims of GitHub that it knows.
            "forgejo" => github::CLAIMS,
            "gitlab" => platforms::GITLAB,
            "buildkite" => platforms::BUILDKITE,
            "circleci" => platforms::CIRCLECI,
            "bitbucket" => platforms::BITBUCKET,
            "azure" => platforms::AZURE,
            "google" => platforms::GOOGLE,
            "kubernetes" => platforms::KUBERNETES,
            "spiffe" => platforms::SPIFFE,
            _ => &[],
        };
        Self { own }
    }

    /// What is known of a claim; `None` for one that is not: it must not be matched, and is not to be stored.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'static Claim> {
        self.claims().find(|claim| match claim.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => claim.name == name,
        })
    }

    /// The claims, the platform's own first.
    pub fn claims(&self) -> impl Iterator<Item = &'static Claim> + use<> {
        self.own.iter().chain(platforms::COMMON)
    }
}

const fn claim(name: &'static str, level: ClaimLevel, meaning: &'static str) -> Claim {
    Claim { name, level, meaning }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLATFORMS: [&str; 11] = [
        "github",
        "forgejo",
        "gitlab",
        "buildkite",
        "circleci",
        "bitbucket",
        "azure",
        "google",
        "kubernetes",
        "spiffe",
        "file",
    ];

    #[test]
    fn mutable_names_and_chosen_texts_are_never_enforced() {
        let level = |platform: &str, name: &str| ClaimTable::of(platform).get(name).map(|claim| claim.level);
        for name in ["repository_id", "repository_owner_id", "job_workflow_ref", "event_name", "environment"] {
            assert_eq!(level("github", name), Some(ClaimLevel::Enforce), "{name}");
        }
        for name in ["repository", "repository_owner", "repo_property_team", "ref_protected", "repository_visibility"] {
            assert_eq!(level("github", name), Some(ClaimLevel::Narrow), "{name}");
        }
        for name in ["sub", "workflow", "head_ref", "base_ref", "actor", "actor_id"] {
            assert_eq!(level("github", name), Some(ClaimLevel::Show), "{name}");
        }
        assert_eq!(level("github", "invented"), None);
        assert_eq!(level("bitbucket", "sub"), Some(ClaimLevel::Show));
        assert_eq!(level("google", "email"), Some(ClaimLevel::Narrow));
        for platform in PLATFORMS {
            for name in ["iss", "aud"] {
                assert_eq!(level(platform, name), Some(ClaimLevel::Enforce), "{platform} {name}");
            }
            for name in ["exp", "iat", "nbf", "jti"] {
                assert_eq!(level(platform, name), Some(ClaimLevel::Validate), "{platform} {name}");
            }
        }
    }

    #[test]
    fn no_table_says_two_things_of_one_claim() {
        for platform in PLATFORMS {
            let own = ClaimTable::of(platform).own;
            for (index, claim) in own.iter().enumerate() {
                assert!(own[..index].iter().all(|other| other.name != claim.name), "{platform} {}", claim.name);
                assert!(!claim.meaning.is_empty());
            }
        }
    }
}
