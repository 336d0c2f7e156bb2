//! `modelseal policy check`.

use modelseal::{Code, Lint, Result, escape};
use serde::Serialize;

use super::load::{Source, load, now};
use crate::args::PolicyCheckArgs;
use crate::commands::server;
use crate::output::text::{count, line};
use crate::output::{Console, Paint, shown};

/// Loads a policy as `verify` would, and lists its weaknesses.
pub(super) fn run(args: &PolicyCheckArgs, console: &mut Console) -> Result<u8> {
    let signals = server::watch(!args.keys.policy_key.is_empty());
    let source = Source {
        path: &args.policy,
        keys: &args.keys,
        server: &args.server,
        danger_allow_test_keys: args.danger_allow_test_keys,
    };
    let loaded = load(&source, &signals, console)?;
    drop(signals);
    let lints = loaded.policy.lints(now()?);
    let refused = args.deny_warnings && !lints.is_empty();
    let code = Code::PolicyWarnings;
    let object = CheckObject {
        kind: "modelseal.policy.check",
        version: 1,
        code: if refused { code.as_str() } else { "checked" },
        exit: if refused { 2 } else { 0 },
        policy: args.policy.to_string_lossy().into_owned(),
        name: loaded.policy.name().map(str::to_owned),
        serial: loaded.policy.serial(),
        valid_until: loaded.policy.valid_until().map(|until| until.to_string()),
        signed: !args.keys.policy_key.is_empty(),
        warnings: lints.iter().map(WarningObject::from).collect(),
    };
    console.result(|paint| text(args, &object, paint), &object);
    if refused {
        let message = format!("`{}` has {}", shown(&args.policy), count(lints.len() as u64, "warning"));
        console.problem(None, &message, code.as_str(), code.hint());
    }
    Ok(object.exit)
}

fn text(args: &PolicyCheckArgs, object: &CheckObject, paint: Paint) -> String {
    let word = if object.warnings.is_empty() { paint.good("checked") } else { paint.unsure("checked") };
    let mut text = format!("{word}  {}\n", shown(&args.policy));
    line(&mut text, "name", &escape(object.name.as_deref().unwrap_or_default()));
    if let Some(serial) = object.serial {
        line(&mut text, "serial", &serial.to_string());
    }
    if let Some(until) = &object.valid_until {
        line(&mut text, "valid until", until);
    }
    if object.signed {
        line(&mut text, "signed", "by a policy key");
    }
    for warning in &object.warnings {
        let (name, at) = (warning.name, warning.line);
        line(&mut text, &format!("warning: line {at}"), &format!("{} [{name}]", escape(&warning.message)));
        line(&mut text, "  hint", &escape(&warning.hint));
    }
    text
}

/// `modelseal.policy.check`.
#[derive(Debug, Serialize)]
struct CheckObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    policy: String,
    name: Option<String>,
    serial: Option<u64>,
    valid_until: Option<String>,
    signed: bool,
    warnings: Vec<WarningObject>,
}

/// One weakness.
#[derive(Debug, Serialize)]
struct WarningObject {
    name: &'static str,
    line: usize,
    message: String,
    hint: String,
}

impl From<&Lint> for WarningObject {
    fn from(lint: &Lint) -> Self {
        Self { name: lint.name, line: lint.line, message: lint.message.clone(), hint: lint.hint.clone() }
    }
}
