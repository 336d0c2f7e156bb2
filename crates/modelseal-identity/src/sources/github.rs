//! GitHub Actions.

use modelseal_core::Result;

use super::{actions, base};
use crate::find::{Look, Seen};
use crate::issuer::Issuers;
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::GitHub,
    title: "GitHub",
    detection: "GITHUB_ACTIONS is true",
    renewable: true,
    audience: AudienceRule::Asked,
    named: Named::Nothing,
    look,
};

fn look(look: &Look<'_>) -> Result<Seen> {
    if !look.is_true("GITHUB_ACTIONS") {
        return Seen::absent("GITHUB_ACTIONS is not true");
    }
    if super::forgejo::is_here(look) {
        return Seen::absent("the runner is one of Forgejo");
    }
    let server = look.text("GITHUB_SERVER_URL")?.unwrap_or_else(|| "https://github.com".to_owned());
    actions::look("GitHub", issuers(&server), look)
}

/// github.com, a data-residency tenant, or an enterprise server. An enterprise may have an issuer of its own, which is
/// the usual one with its name at the end.
fn issuers(server: &str) -> Issuers {
    let server = base(server);
    let issuer = match server.strip_prefix("https://") {
        Some("github.com") => "https://token.actions.githubusercontent.com".to_owned(),
        Some(host) if host.ends_with(".ghe.com") => format!("https://token.actions.{host}"),
        _ => return Issuers::exactly(format!("{server}/_services/token")),
    };
    Issuers::exactly(issuer.clone()).or_below(issuer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c7_issuers_follow_the_server() {
        for (server, good, bad) in [
            (
                "https://github.com",
                "https://token.actions.githubusercontent.com/octo",
                "https://github.com/_services/token",
            ),
            (
                "https://octo.ghe.com/",
                "https://token.actions.octo.ghe.com",
                "https://token.actions.githubusercontent.com",
            ),
            (
                "https://ghes.example",
                "https://ghes.example/_services/token",
                "https://token.actions.githubusercontent.com",
            ),
        ] {
            let issuers = issuers(server);
            assert!(issuers.accept(Some(good)) && !issuers.accept(Some(bad)), "{server}");
        }
    }
}
