//! One module per platform.

mod actions;
pub(crate) mod azure;
pub(crate) mod bitbucket;
pub(crate) mod buildkite;
pub(crate) mod circleci;
pub(crate) mod forgejo;
pub(crate) mod generic;
pub(crate) mod github;
pub(crate) mod gitlab;
pub(crate) mod google;
pub(crate) mod kubernetes;
pub(crate) mod spiffe;

use modelseal_core::Result;
use modelseal_http::{ExposeSecret as _, SecretString};

use crate::find::{Ask, Source};
use crate::issuer::Issuers;
use crate::read;

/// A token that the platform put into a variable when the job began.
struct Given {
    variable: String,
    value: SecretString,
    issuers: Issuers,
}

impl Source for Given {
    fn fetch(&self, _: &Ask<'_>) -> Result<SecretString> {
        read::trimmed(self.value.expose_secret().as_bytes(), &format!("the identity token in {}", self.variable))
    }

    fn issuers(&self) -> Issuers {
        self.issuers.clone()
    }
}

/// Scheme and host of a URL, and its path without the slash at its end: what issuers are made from.
fn base(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}
