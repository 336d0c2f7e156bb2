//! `modelseal vault`.

use core::time::Duration;

use modelseal::vault::{Session, TokenSummary};
use modelseal::{Code, Error, KeyRef, Result, VaultKeyRef};
use serde::Serialize;

use super::server;
use crate::args::{LoginArgs, VaultCommand, key_ref};
use crate::exit;
use crate::output::text::{duration, line};
use crate::output::{Console, Paint};

/// Runs one of the server commands.
pub(crate) fn run(command: &VaultCommand, console: &mut Console) -> Result<u8> {
    match command {
        VaultCommand::Login(args) => login(args, console),
    }
}

fn login(args: &LoginArgs, console: &mut Console) -> Result<u8> {
    let reference = args.key.as_deref().map(server_key).transpose()?;
    let signals = server::watch(true);
    let vault = server::configure(&args.server, &signals, console)?;
    let health = vault.health()?;
    let session = vault.log_in()?;
    let token = session.token();
    let key = reference.as_ref().map(|reference| KeyObject::ask(&session, reference)).transpose();
    let mut warnings = session.warnings();
    let ended = session.end();
    let revoked = token.obtained && token.kind == "service" && ended.is_empty();
    warnings.extend(ended);
    for warning in &warnings {
        console.warning(&modelseal::escape(warning));
    }
    drop(session);
    // Only then is it known which signal there was.
    drop(signals);
    let key = key?;
    let refused = key.as_ref().and_then(KeyObject::refusal);
    let (method, why) = vault.method();
    let object = LoginObject {
        kind: "modelseal.vault.login",
        version: 1,
        code: refused.as_ref().map_or("allowed", |error| error.code().as_str()),
        exit: refused.as_ref().map_or(0, exit::of),
        address: vault.address(),
        server_version: health.version,
        method: method.as_str(),
        reason: why.to_owned(),
        token: TokenObject::new(&token),
        revoked,
        key,
        relaxed: args.server.relaxed().collect(),
        warnings,
    };
    console.result(|paint| text(&object, &token, paint), &object);
    if let Some(error) = &refused {
        console.error(error);
    }
    Ok(object.exit)
}

/// A reference that must lead to a server.
pub(super) fn server_key(text: &std::ffi::OsStr) -> Result<VaultKeyRef> {
    match key_ref(text)? {
        KeyRef::Vault(reference) => Ok(reference),
        other => Err(Error::new(Code::UsageArguments, format!("`{other}` is not a key on a server"))
            .with_hint("the form is hashivault://MOUNT/KEY")),
    }
}

fn text(object: &LoginObject, token: &TokenSummary, paint: Paint) -> String {
    let word = if object.exit == 0 { paint.good("logged in") } else { paint.unsure("logged in") };
    let mut text = format!("{word}  {}  (version {})\n", object.address, modelseal::escape(&object.server_version));
    line(&mut text, "method", &format!("{} {}", object.method, modelseal::escape(&object.reason)));
    line(&mut text, "token", &life(token));
    line(&mut text, "policies", &modelseal::escape(&token.policies.join(", ")));
    if let Some(accessor) = &token.accessor {
        line(&mut text, "accessor", &modelseal::escape(accessor));
    }
    if let Some(key) = &object.key {
        line(&mut text, "key", &key.reference);
        if let Some(kind) = &key.key_type {
            let versions = key.versions.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            line(&mut text, "type", &format!("{}, versions {versions}", modelseal::escape(kind)));
        }
        let may = |allowed| if allowed { "yes" } else { "no" };
        line(&mut text, "may read", may(key.may_read));
        line(&mut text, "may sign", may(key.may_sign));
        line(&mut text, "may verify", may(key.may_verify));
    }
    let revoked = match (object.revoked, token.obtained) {
        (true, _) => "yes",
        (false, true) => "no",
        (false, false) => "no: it was given, and is left alone",
    };
    line(&mut text, "revoked", revoked);
    text
}

fn life(token: &TokenSummary) -> String {
    let ttl = token.ttl.map_or_else(|| "without end".to_owned(), |ttl| format!("lives {}", duration(ttl)));
    let uses = token.uses.map_or_else(|| "any number of uses".to_owned(), |uses| format!("{uses} uses"));
    format!("{}, {ttl}, {uses}", modelseal::escape(&token.kind))
}

/// `modelseal.vault.login`.
#[derive(Debug, Serialize)]
struct LoginObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    address: String,
    server_version: String,
    method: &'static str,
    reason: String,
    token: TokenObject,
    revoked: bool,
    key: Option<KeyObject>,
    relaxed: Vec<&'static str>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TokenObject {
    #[serde(rename = "type")]
    kind: String,
    ttl_seconds: Option<u64>,
    policies: Vec<String>,
    uses: Option<u64>,
    accessor: Option<String>,
    obtained: bool,
}

impl TokenObject {
    fn new(token: &TokenSummary) -> Self {
        Self {
            kind: token.kind.clone(),
            ttl_seconds: token.ttl.as_ref().map(Duration::as_secs),
            policies: token.policies.clone(),
            uses: token.uses,
            accessor: token.accessor.clone(),
            obtained: token.obtained,
        }
    }
}

/// A key, and what the token may do with it.
#[derive(Debug, Serialize)]
struct KeyObject {
    reference: String,
    #[serde(rename = "type")]
    key_type: Option<String>,
    versions: Vec<u32>,
    may_read: bool,
    may_sign: bool,
    may_verify: bool,
    #[serde(skip)]
    unread: Option<Error>,
}

impl KeyObject {
    fn ask(session: &Session<'_>, reference: &VaultKeyRef) -> Result<Self> {
        let paths = session.paths(reference);
        let all = [paths.read.clone(), paths.sign.clone(), paths.verify.clone()];
        let capabilities = session.capabilities(&all)?;
        let may = |path: &String, wanted: &str| {
            capabilities.iter().any(|(of, words)| {
                of == path
                    && words.iter().any(|word| word == wanted || word == "root")
                    && !words.contains(&"deny".into())
            })
        };
        let (may_read, may_sign) = (may(&paths.read, "read"), may(&paths.sign, "update"));
        let read = may_read.then(|| session.read_key(reference));
        let (key, unread) = match read {
            Some(Ok(key)) => (Some(key), None),
            Some(Err(error)) if error.code() == Code::UsageInterrupted => return Err(error),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        Ok(Self {
            reference: reference.to_string(),
            key_type: key.as_ref().map(|key| key.key_type.clone()),
            versions: key.map(|key| key.versions.into_keys().collect()).unwrap_or_default(),
            may_read,
            may_sign,
            may_verify: may(&paths.verify, "update"),
            unread,
        })
    }

    /// Why the token cannot sign with the key.
    fn refusal(&self) -> Option<Error> {
        let denied =
            |what: &str| Error::new(Code::VaultPermission, format!("the token may not {what} {}", self.reference));
        if !self.may_read {
            Some(denied("read"))
        } else if let Some(error) = &self.unread {
            Some(error.clone())
        } else if !self.may_sign {
            Some(denied("sign with"))
        } else {
            None
        }
    }
}
