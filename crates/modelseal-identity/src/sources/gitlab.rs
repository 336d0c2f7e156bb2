//! GitLab CI: the job's `id_tokens:` block names variables, which are set when the job begins.

use modelseal_core::{Code, Error, Result};

use super::{Given, base};
use crate::find::{Look, Seen};
use crate::issuer::Issuers;
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider};

/// The names of the variable, unless the caller has another: our own, then the one of GitLab's guide for Vault.
const VARIABLES: [&str; 2] = ["MODELSEAL_ID_TOKEN", "VAULT_ID_TOKEN"];

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::GitLab,
    title: "GitLab",
    detection: "GITLAB_CI is true",
    renewable: false,
    audience: AudienceRule::Configured("the job's id_tokens: block"),
    named: Named::Variable,
    look,
};

fn look(look: &Look<'_>) -> Result<Seen> {
    if !look.is_true("GITLAB_CI") {
        return Seen::absent("GITLAB_CI is not true");
    }
    let named = look.request.variable.as_deref();
    let names: Vec<&str> = named.map_or_else(|| VARIABLES.to_vec(), |name| vec![name]);
    let server = look.text("CI_SERVER_URL")?.unwrap_or_else(|| "https://gitlab.com".to_owned());
    for name in &names {
        if let Some(value) = look.secret(name)? {
            let issuers = Issuers::exactly(base(&server));
            return Seen::present(Given { variable: (*name).to_owned(), value, issuers });
        }
    }
    let message = format!("no identity token: the job's environment has no {}", names.join(" and no "));
    Err(Error::new(Code::IdentityMissing, message)
        .with_hint("add `id_tokens: {VAULT_ID_TOKEN: {aud: AUDIENCE}}` to the job, or name its variable with --identity gitlab --identity-token-env NAME"))
}
