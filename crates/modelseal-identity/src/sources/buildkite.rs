//! Buildkite: the agent asks for the token.

use std::ffi::OsString;
use std::path::PathBuf;

use modelseal_core::{Code, Error, Result};
use modelseal_http::SecretString;

use crate::find::{Ask, Look, Seen, Source};
use crate::issuer::Issuers;
use crate::program::{self, Program};
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider, read};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::Buildkite,
    title: "Buildkite",
    detection: "BUILDKITE is true",
    renewable: true,
    audience: AudienceRule::Asked,
    named: Named::Nothing,
    look,
};

const AGENT: &str = "buildkite-agent";

struct Buildkite {
    agent: PathBuf,
}

fn look(look: &Look<'_>) -> Result<Seen> {
    if !look.is_true("BUILDKITE") {
        return Seen::absent("BUILDKITE is not true");
    }
    let Some(agent) = program::on_path(AGENT, look.env) else {
        return Err(Error::new(Code::IdentityMissing, format!("no identity token: there is no {AGENT} on the PATH"))
            .with_hint("mount the agent into the container, together with its variables"));
    };
    Seen::present(Buildkite { agent })
}

impl Source for Buildkite {
    fn fetch(&self, ask: &Ask<'_>) -> Result<SecretString> {
        // One issuer serves every customer: a role must bind the ids, which are left out unless asked for.
        let arguments =
            ["oidc", "request-token", "--audience", ask.audience()?, "--claim", "organization_id,pipeline_id"];
        let words = [self.agent.clone().into_os_string()].into_iter().chain(arguments.map(OsString::from)).collect();
        let program = Program { name: format!("`{AGENT} oidc request-token`"), words };
        let output = program.run(ask)?;
        read::trimmed(&output, &format!("the output of {}", program.name))
    }

    fn issuers(&self) -> Issuers {
        Issuers::exactly("https://agent.buildkite.com")
    }
}
