//! Forgejo Actions: GitHub's protocol, and an issuer for each instance.

use modelseal_core::Result;

use super::{actions, base};
use crate::find::{Look, Seen};
use crate::issuer::Issuers;
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::Forgejo,
    title: "Forgejo",
    detection: "FORGEJO_ACTIONS or GITEA_ACTIONS is true",
    renewable: true,
    audience: AudienceRule::Asked,
    named: Named::Nothing,
    look,
};

/// Whether the runner is one of Forgejo, which calls itself GitHub's as well.
pub(super) fn is_here(look: &Look<'_>) -> bool {
    look.is_true("FORGEJO_ACTIONS") || look.is_true("GITEA_ACTIONS")
}

fn look(look: &Look<'_>) -> Result<Seen> {
    if !is_here(look) {
        return Seen::absent("FORGEJO_ACTIONS is not true");
    }
    let server = look.text("GITHUB_SERVER_URL")?;
    let issuers = server.map_or_else(Issuers::any, |server| Issuers::exactly(format!("{}/api/actions", base(&server))));
    actions::look("Forgejo", issuers, look)
}
