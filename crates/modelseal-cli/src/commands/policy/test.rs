//! `modelseal policy test`.

use std::path::{Path, PathBuf};

use modelseal::{Code, Error, PolicyCase, Result, Verdict, escape, load_policy_cases};
use serde::Serialize;

use super::load::{Source, load};
use crate::args::PolicyTestArgs;
use crate::commands::report::write_cases;
use crate::commands::server;
use crate::output::text::count;
use crate::output::{Console, Paint, junit, shown};

/// Tries a policy on cases.
pub(super) fn run(args: &PolicyTestArgs, console: &mut Console) -> Result<u8> {
    if let Some(path) = args.report.as_deref().filter(|path| path.extension().is_none_or(|ending| ending != "xml")) {
        let message = format!("the file name `{}` does not say that the report is JUnit", shown(path));
        return Err(Error::new(Code::UsageArguments, message).with_hint("the name ends with .xml"));
    }
    let files = if args.cases.is_empty() { vec![beside(&args.policy)] } else { args.cases.clone() };
    let signals = server::watch(!args.keys.policy_key.is_empty());
    let source = Source {
        path: &args.policy,
        keys: &args.keys,
        server: &args.server,
        danger_allow_test_keys: args.danger_allow_test_keys,
    };
    let loaded = load(&source, &signals, console)?;
    drop(signals);
    let mut cases = Vec::new();
    for path in &files {
        for case in load_policy_cases(path)?.cases() {
            let decision = loaded.policy.evaluate(&case.facts, case.now);
            let decision =
                decision.ok_or_else(|| Error::new(Code::UsageArguments, "without a policy nothing is decided"))?;
            cases.push(CaseObject::new(path, case, case.check(&decision).err(), decision.decision, decision.code));
        }
    }
    let failed = cases.iter().filter(|case| !case.passed).count();
    let object = TestObject {
        kind: "modelseal.policy.test",
        version: 1,
        code: if failed == 0 { "passed" } else { "failed" },
        exit: u8::from(failed > 0),
        policy: args.policy.to_string_lossy().into_owned(),
        passed: cases.len() - failed,
        failed,
        cases,
    };
    if let Some(path) = &args.report {
        let report = junit::cases(object.cases.iter().map(CaseObject::as_case));
        let report = report.map_err(|error| Error::new(Code::OutputUnwritable, format!("no report: {error}")))?;
        write_cases(path, &report)?;
    }
    console.result(|paint| text(&object, paint), &object);
    Ok(object.exit)
}

/// `policy.toml` → `policy.cases.toml`.
fn beside(policy: &Path) -> PathBuf {
    policy.with_extension("cases.toml")
}

fn text(object: &TestObject, paint: Paint) -> String {
    let mut text = String::new();
    for case in &object.cases {
        let word = if case.passed { paint.good("passed") } else { paint.bad("failed") };
        text.push_str(&format!("{word}  {}\n", escape(&case.name)));
        if let Some(message) = &case.message {
            text.push_str(&format!("  {}\n", escape(message)));
        }
    }
    let (passed, failed) = (object.passed, object.failed);
    text.push_str(&format!("{}: {passed} passed, {failed} failed\n", count(object.cases.len() as u64, "case")));
    text
}

/// `modelseal.policy.test`.
#[derive(Debug, Serialize)]
struct TestObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    policy: String,
    passed: usize,
    failed: usize,
    cases: Vec<CaseObject>,
}

/// What became of one case.
#[derive(Debug, Serialize)]
struct CaseObject {
    file: String,
    name: String,
    passed: bool,
    /// What differs.
    message: Option<String>,
    decision: Verdict,
    code: &'static str,
}

impl CaseObject {
    fn new(path: &Path, case: &PolicyCase, message: Option<String>, decision: Verdict, code: &'static str) -> Self {
        let file = path.to_string_lossy().into_owned();
        Self { file, name: case.name.clone(), passed: message.is_none(), message, decision, code }
    }

    fn as_case(&self) -> junit::Case<'_> {
        junit::Case { class: &self.file, name: &self.name, failure: self.message.as_deref() }
    }
}
