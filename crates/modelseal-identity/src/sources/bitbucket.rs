//! Bitbucket Pipelines: steps with `oidc: true` have the token in a variable.

use modelseal_core::Result;

use super::Given;
use crate::find::{Look, Seen};
use crate::issuer::Issuers;
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::Bitbucket,
    title: "Bitbucket",
    detection: "BITBUCKET_STEP_OIDC_TOKEN is set",
    renewable: false,
    audience: AudienceRule::Configured(
        "the step's oidc: block (at most ten, of at most 150 characters), else by the workspace",
    ),
    named: Named::Nothing,
    look,
};

const VARIABLE: &str = "BITBUCKET_STEP_OIDC_TOKEN";

fn look(look: &Look<'_>) -> Result<Seen> {
    match look.secret(VARIABLE)? {
        Some(value) => {
            let issuers = Issuers::default().or_below("https://api.bitbucket.org/2.0/workspaces");
            Seen::present(Given { variable: VARIABLE.to_owned(), value, issuers })
        }
        None => Seen::absent("BITBUCKET_STEP_OIDC_TOKEN is not set"),
    }
}
