//! What the caller names: a file, a variable, a program.

use modelseal_core::{Code, Error, Result};
use modelseal_http::SecretString;

use super::Given;
use super::kubernetes::File;
use crate::find::{Ask, Look, Seen, Source};
use crate::issuer::Issuers;
use crate::program::Program;
use crate::provider::Named;
use crate::{AudienceRule, Platform, Provider, read};

pub(crate) const FILE: Platform = Platform {
    provider: Provider::File,
    title: "the file",
    detection: "--identity-token-file",
    renewable: true,
    audience: AudienceRule::Configured("the request for the token"),
    named: Named::File,
    look: file,
};

pub(crate) const ENV: Platform = Platform {
    provider: Provider::Env,
    title: "the variable",
    detection: "--identity-token-env",
    renewable: false,
    named: Named::Variable,
    look: variable,
    ..FILE
};

pub(crate) const COMMAND: Platform = Platform {
    provider: Provider::Command,
    title: "the command",
    detection: "--identity-token-command",
    named: Named::Command,
    look: command,
    ..FILE
};

fn file(look: &Look<'_>) -> Result<Seen> {
    match &look.request.file {
        Some(path) => Seen::present(File(path.clone())),
        None => Seen::absent("--identity-token-file is not given"),
    }
}

fn variable(look: &Look<'_>) -> Result<Seen> {
    let Some(name) = look.request.variable.as_deref().filter(|_| look.request.provider != Provider::GitLab) else {
        return Seen::absent("--identity-token-env is not given");
    };
    // The name may itself be a secret that was put in the wrong place: only names are quoted.
    if name.is_empty() || !name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
        return Err(Error::new(Code::UsageArguments, "what names the variable of the identity token is not a name"));
    }
    match look.secret(name)? {
        Some(value) => Seen::present(Given { variable: name.to_owned(), value, issuers: Issuers::any() }),
        None => {
            Err(Error::new(Code::IdentityMissing, format!("the variable {name}, for the identity token, is not set")))
        }
    }
}

fn command(look: &Look<'_>) -> Result<Seen> {
    let words = &look.request.command;
    match words.first() {
        Some(program) if !program.is_empty() => {
            let name = "the command of the identity token".to_owned();
            Seen::present(Output(Program { name, words: words.clone() }))
        }
        Some(_) => Err(Error::new(Code::UsageArguments, "the command of the identity token names no program")),
        None => Seen::absent("--identity-token-command is not given"),
    }
}

struct Output(Program);

impl Source for Output {
    fn fetch(&self, ask: &Ask<'_>) -> Result<SecretString> {
        read::trimmed(&self.0.run(ask)?, "the output of the command")
    }
}
