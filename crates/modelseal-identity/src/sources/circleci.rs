//! CircleCI: its program makes a token for any audience; variables hold one for the organisation.

use std::ffi::OsString;
use std::path::PathBuf;

use modelseal_core::{Code, Error, Result};
use modelseal_http::SecretString;
use serde_json::json;

use super::Given;
use crate::find::{Ask, Look, Seen, Source};
use crate::issuer::Issuers;
use crate::program::{self, Program};
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider, read};

pub(crate) const PLATFORM: Platform = Platform {
    provider: Provider::CircleCi,
    title: "CircleCI",
    detection: "CIRCLECI is true",
    renewable: true,
    audience: AudienceRule::Asked,
    named: Named::Nothing,
    look,
};

const PROGRAM: &str = "circleci";
const VARIABLES: [&str; 2] = ["CIRCLE_OIDC_TOKEN_V2", "CIRCLE_OIDC_TOKEN"];

struct CircleCi {
    program: PathBuf,
}

fn look(look: &Look<'_>) -> Result<Seen> {
    if !look.is_true("CIRCLECI") {
        return Seen::absent("CIRCLECI is not true");
    }
    if let Some(program) = program::on_path(PROGRAM, look.env) {
        return Seen::present(CircleCi { program });
    }
    for name in VARIABLES {
        if let Some(value) = look.secret(name)? {
            return Seen::present(Given { variable: name.to_owned(), value, issuers: issuers() });
        }
    }
    let message = format!("no identity token: there is no {PROGRAM} on the PATH, and no {}", VARIABLES.join(" or "));
    Err(Error::new(Code::IdentityMissing, message)
        .with_hint("builds of forks get no token; other jobs of CircleCI have one when a context is used"))
}

/// One for each organisation, or one for all.
fn issuers() -> Issuers {
    Issuers::exactly("https://oidc.circleci.com").or_below("https://oidc.circleci.com/org")
}

impl Source for CircleCi {
    fn fetch(&self, ask: &Ask<'_>) -> Result<SecretString> {
        let claims = json!({"aud": ask.audience()?}).to_string();
        let arguments = ["run", "oidc", "get", "--claims", claims.as_str()];
        let words = [self.program.clone().into_os_string()].into_iter().chain(arguments.map(OsString::from)).collect();
        let program = Program { name: "`circleci run oidc get`".to_owned(), words };
        let output = program.run(ask)?;
        read::trimmed(&output, &format!("the output of {}", program.name))
    }

    fn issuers(&self) -> Issuers {
        issuers()
    }
}
