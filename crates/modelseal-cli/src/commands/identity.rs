//! `modelseal identity`.

use std::path::Path;

use modelseal::identity::{Found, IdentityToken, Provider, TokenRequest, find, provider_of_issuer, read_jwks};
use modelseal::vault::ProcessEnv;
use modelseal::{ClaimTable, Code, Error, Result, VerifiedClaims, escape};
use serde::Serialize;
use serde_json::Value;

use super::server;
use crate::args::{IdentityCommand, TokenArgs};
use crate::output::text::line;
use crate::output::{Console, Paint};

/// Runs one of the identity commands.
pub(crate) fn run(command: &IdentityCommand, console: &mut Console) -> Result<u8> {
    match command {
        IdentityCommand::Show { token, verify, jwks } => show(token, *verify, jwks.as_deref(), console),
    }
}

fn show(args: &TokenArgs, verify: bool, jwks: Option<&Path>, console: &mut Console) -> Result<u8> {
    let signals = server::watch(false);
    let mut request = TokenRequest::default();
    request.provider = args.identity.unwrap_or_default();
    request.issuer.clone_from(&args.identity_issuer);
    request.audience = args.audience.clone().or_else(|| std::env::var("MODELSEAL_AUDIENCE").ok());
    request.audience = request.audience.filter(|audience| !audience.is_empty());
    request.file.clone_from(&args.identity_token_file);
    request.variable.clone_from(&args.identity_token_env);
    request.command.clone_from(&args.identity_token_command);
    request.hooks = server::hooks(&signals, console);
    let found = find(&request, &ProcessEnv)?;
    let jwks = jwks.map(read_jwks).transpose()?;
    let token = found.token()?;
    if verify && jwks.is_none() {
        require_issuer(&found, &token, args)?;
    }
    let verified = match verify {
        true => Some(found.verify(token.secret(), jwks.as_deref(), &ProcessEnv)?),
        false => None,
    };
    let object = ShowObject::new(&found, &token, verified.as_ref());
    console.result(|paint| text(&found, &token, &object, paint), &object);
    Ok(0)
}

/// A token that anybody can have written must not choose who vouches for it.
///
/// # Errors
/// `usage/arguments` for a token of no platform, whose issuer neither the caller names nor is known to be a platform's.
fn require_issuer(found: &Found, token: &IdentityToken, args: &TokenArgs) -> Result<()> {
    let handed_over = matches!(found.provider(), Provider::File | Provider::Env | Provider::Command);
    let issuer = token.issuer().unwrap_or_default();
    if !handed_over || args.identity_issuer.is_some() || provider_of_issuer(issuer) != "oidc" {
        return Ok(());
    }
    let message = format!("the token says that `{issuer:.100}` issued it, which is no known platform");
    Err(Error::new(Code::UsageArguments, message).with_hint(
        "name the issuer that you expect with --identity-issuer URL, or give its key set with --jwks FILE: anybody can \
         be an issuer of one's own",
    ))
}

fn text(found: &Found, token: &IdentityToken, object: &ShowObject, paint: Paint) -> String {
    let state = if object.verified { paint.good("verified") } else { paint.unsure("not verified") };
    let mut text = format!("{state}  identity token of {}\n", found.platform().title);
    line(&mut text, "issuer", &token.issuer().map_or("none".into(), escape));
    line(&mut text, "audience", &escape(&token.audiences().join(", ")));
    line(&mut text, "expires", &token.expires().to_string());
    for claim in &object.claims {
        let value = match &claim.value {
            Value::String(value) => value.clone(),
            other => other.to_string(),
        };
        let label = format!("{:<8}  {}", claim.level, escape(&claim.name));
        line(&mut text, &label, &escape(&value));
    }
    for one in &object.looked_at {
        line(&mut text, "not", &format!("{} ({})", one.name, escape(&one.reason)));
    }
    text
}

/// `modelseal.identity.show`.
#[derive(Debug, Serialize)]
struct ShowObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    source: &'static str,
    looked_at: Vec<LookedAt>,
    issuer: Option<String>,
    audience: Vec<String>,
    expires: String,
    verified: bool,
    claims: Vec<ClaimObject>,
}

/// A source that was passed over.
#[derive(Debug, Serialize)]
struct LookedAt {
    name: &'static str,
    reason: String,
}

/// A claim, and what it is worth once the token is verified.
#[derive(Debug, Serialize)]
struct ClaimObject {
    name: String,
    value: Value,
    level: &'static str,
    meaning: Option<&'static str>,
}

impl ShowObject {
    fn new(found: &Found, token: &IdentityToken, verified: Option<&VerifiedClaims>) -> Self {
        // A verified issuer says which platform it is, whatever the token came by.
        let table = ClaimTable::of(verified.map_or(found.provider().as_str(), |verified| &verified.provider));
        let mut claims: Vec<(usize, ClaimObject)> = token
            .claims()
            .iter()
            .map(|(name, value)| {
                let known = table.get(name);
                let rank = known.map_or(usize::MAX, |claim| claim.level as usize);
                let level = known.map_or("unknown", |claim| claim.level.as_str());
                let meaning = known.map(|claim| claim.meaning);
                (rank, ClaimObject { name: name.clone(), value: value.clone(), level, meaning })
            })
            .collect();
        claims.sort_by(|(a, one), (b, other)| a.cmp(b).then_with(|| one.name.cmp(&other.name)));
        let looked_at = found.passed_over().iter();
        Self {
            kind: "modelseal.identity.show",
            version: 1,
            code: "shown",
            exit: 0,
            source: found.provider().as_str(),
            looked_at: looked_at.map(|one| LookedAt { name: one.provider.as_str(), reason: one.why.clone() }).collect(),
            issuer: token.issuer().map(str::to_owned),
            audience: token.audiences().to_vec(),
            expires: token.expires().to_string(),
            verified: verified.is_some(),
            claims: claims.into_iter().map(|(_, claim)| claim).collect(),
        }
    }
}
