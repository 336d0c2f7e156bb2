//! `modelseal doctor`.

use modelseal::doctor::{Check, DoctorRequest, Report, Status, examine};
use modelseal::vault::ProcessEnv;
use modelseal::{Event, Observer, Result};
use serde::Serialize;

use super::server;
use crate::args::{DoctorArgs, key_ref};
use crate::output::text::count;
use crate::output::{Console, Paint};
use crate::signals::Signals;

/// Examines, and says what was found.
pub(crate) fn run(args: &DoctorArgs, console: &mut Console) -> Result<u8> {
    let mut request = DoctorRequest::default();
    request.key = args.key.as_deref().map(key_ref).transpose()?;
    let signals = server::watch(true);
    let with_server = args.all || args.repo.is_none();
    if with_server {
        request.server = Some(server::settings(&args.server, &signals, console)?);
    }
    request.identity = args.server.identity();
    request.policy.clone_from(&args.policy);
    request.policy_keys = args.policy_keys.policy_key.iter().map(|key| key_ref(key)).collect::<Result<_>>()?;
    request.min_policy_serial = args.policy_keys.min_policy_serial;
    request.model.clone_from(&args.model);
    request.bundle.clone_from(&args.bundle);
    request.repo = args.repo.clone().or_else(|| args.all.then(|| ".".into()));
    request.danger_allow_test_keys = args.danger_allow_test_keys;
    let report = examine(&request, &ProcessEnv, &Watching(&signals));
    // Only then is it known which signal there was.
    drop(signals);
    let report = report?;
    let object = DoctorObject::new(args, &report);
    console.result(|paint| text(&report, &object, paint), &object);
    Ok(object.exit)
}

/// Stops when a signal came.
struct Watching<'a>(&'a Signals);

impl Observer for Watching<'_> {
    fn event(&self, _: Event) -> core::ops::ControlFlow<()> {
        if self.0.stop() { core::ops::ControlFlow::Break(()) } else { core::ops::ControlFlow::Continue(()) }
    }
}

/// Width of the longest word.
const WIDTH: usize = "warning".len();

fn text(report: &Report, object: &DoctorObject<'_>, paint: Paint) -> String {
    let mut text = String::new();
    for check in &report.checks {
        let word = format!("{:WIDTH$}", check.status.as_str());
        let word = match check.status {
            Status::Ok => paint.good(&word),
            Status::Warning => paint.unsure(&word),
            Status::Problem => paint.bad(&word),
            _ => paint.dim(&word),
        };
        text.push_str(&format!("{word}  {}  {}{}\n", check.id, place(check), check.what));
        let compared = check.id == "role-claims";
        if check.status != Status::Ok || compared {
            for detail in &check.details {
                text.push_str(&format!("{:WIDTH$}    - {detail}\n", ""));
            }
        }
        for (label, said) in [("why", &check.why), ("fix", &check.fix)] {
            if let Some(said) = said {
                text.push_str(&format!("{:WIDTH$}    {label}: {said}\n", ""));
            }
        }
    }
    let Counts { ok, warning, problem, skipped } = object.counts;
    let (warnings, problems) = (count(warning as u64, "warning"), count(problem as u64, "problem"));
    let word = if object.exit == 0 { paint.good(object.code) } else { paint.bad(object.code) };
    text + &format!("{word}: {ok} ok, {warnings}, {problems}, {skipped} skipped\n")
}

/// `file:line: `.
fn place(check: &Check) -> String {
    match (&check.file, check.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        _ => String::new(),
    }
}

/// `modelseal.doctor`.
#[derive(Debug, Serialize)]
struct DoctorObject<'a> {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    strict: bool,
    counts: Counts,
    relaxed: Vec<&'static str>,
    checks: Vec<CheckObject<'a>>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Counts {
    ok: usize,
    warning: usize,
    problem: usize,
    skipped: usize,
}

#[derive(Debug, Serialize)]
struct CheckObject<'a> {
    id: &'static str,
    status: &'static str,
    what: &'a str,
    why: Option<&'a str>,
    fix: Option<&'a str>,
    details: &'a [String],
    code: Option<&'static str>,
    file: Option<&'a str>,
    line: Option<usize>,
}

impl<'a> DoctorObject<'a> {
    fn new(args: &DoctorArgs, report: &'a Report) -> Self {
        let counts = Counts {
            ok: report.count(Status::Ok),
            warning: report.count(Status::Warning),
            problem: report.count(Status::Problem),
            skipped: report.count(Status::Skipped),
        };
        let fails = counts.problem > 0 || (args.strict && counts.warning > 0);
        let test_keys = args.danger_allow_test_keys.then_some("danger-allow-test-keys");
        Self {
            kind: "modelseal.doctor",
            version: 1,
            code: if fails { "problems" } else { "healthy" },
            exit: u8::from(fails),
            strict: args.strict,
            counts,
            relaxed: args.server.relaxed().chain(test_keys).collect(),
            checks: report.checks.iter().map(CheckObject::new).collect(),
        }
    }
}

impl<'a> CheckObject<'a> {
    fn new(check: &'a Check) -> Self {
        Self {
            id: check.id,
            status: check.status.as_str(),
            what: &check.what,
            why: check.why.as_deref(),
            fix: check.fix.as_deref(),
            details: &check.details,
            code: check.code.map(modelseal::Code::as_str),
            file: check.file.as_deref(),
            line: check.line,
        }
    }
}
