//! `modelseal policy init`.

use std::path::Path;

use modelseal::vault::Vault;
use modelseal::{Code, Error, POLICY_TEMPLATE, Result, TrustRequest, draft_policy, escape, write_new};
use serde::Serialize;

use super::load::now;
use crate::args::{PolicyInitArgs, key_ref};
use crate::commands::server;
use crate::output::text::line;
use crate::output::{Console, Paint, shown};

/// Writes a first policy.
pub(super) fn run(args: &PolicyInitArgs, console: &mut Console) -> Result<u8> {
    if let Some(out) = args.out.as_deref().filter(|out| out.symlink_metadata().is_ok()) {
        return Err(Error::new(
            Code::OutputExists,
            format!("`{}` exists, and policies are never overwritten", shown(out)),
        ));
    }
    let policy = match (&args.from, &args.key) {
        (Some(from), Some(key)) => from_signature(args, from, key, console)?,
        _ => POLICY_TEMPLATE.to_owned(),
    };
    if let Some(out) = &args.out {
        write_new(out, policy.as_bytes(), false)?;
    }
    let object = InitObject {
        kind: "modelseal.policy.init",
        version: 1,
        code: "drafted",
        exit: 0,
        from: args.from.as_ref().map(|path| path.to_string_lossy().into_owned()),
        out: args.out.as_ref().map(|path| path.to_string_lossy().into_owned()),
        relaxed: args.server.relaxed().collect(),
        policy,
    };
    let text = |paint: Paint| match &args.out {
        None => object.policy.clone(),
        Some(out) => {
            let mut text = format!("{}  {}\n", paint.good("drafted"), shown(out));
            let from = args.from.as_ref().map_or_else(|| "nothing: fill it in".to_owned(), |from| shown(from));
            line(&mut text, "from", &from);
            text
        }
    };
    console.result(text, &object);
    Ok(0)
}

fn from_signature(args: &PolicyInitArgs, from: &Path, key: &std::ffi::OsStr, console: &Console) -> Result<String> {
    let mut request = TrustRequest::default();
    request.keys = vec![key_ref(key)?];
    let files = request.read_files()?;
    let signals = server::watch(request.needs_server());
    let vault: Option<Vault> =
        request.needs_server().then(|| server::configure(&args.server, &signals, console)).transpose()?;
    let trust = files.load(vault.as_ref())?;
    let notes = [trust.notes.clone(), trust.end()].concat();
    let draft = draft_policy(from, &trust.keys, now()?);
    drop(signals);
    for note in notes {
        console.warning(&escape(&note));
    }
    let draft = draft?;
    for warning in &draft.warnings {
        console.warning(&escape(warning));
    }
    Ok(draft.text)
}

/// `modelseal.policy.init`.
#[derive(Debug, Serialize)]
struct InitObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    from: Option<String>,
    out: Option<String>,
    relaxed: Vec<&'static str>,
    policy: String,
}
