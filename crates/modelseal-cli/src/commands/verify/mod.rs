//! `modelseal verify`.

mod plan;
mod schedule;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use modelseal::{Code, DecisionLog, Error, Policy, Result, Unchecked};

use super::report::{self, Reports};
use super::{policy, server};
use crate::args::VerifyArgs;
use crate::exit;
use crate::output::Console;
use crate::output::json::ServerObject;
use crate::output::text::{self, Detail};
use crate::output::verification::{ModelObject, Verification};
use crate::signals::Signals;

pub(crate) use plan::{Target, Terms, sha256, wanted};

/// Verifies every model that is named or found.
pub(crate) fn run(args: &VerifyArgs, console: &mut Console) -> Result<u8> {
    let mut reports = Reports::new(&args.report)?;
    match reports.claim(args).and_then(|()| verify(args, console)) {
        Ok(run) => Ok(finish(args, run, &reports, console)),
        Err(error) => {
            // A report of an earlier run must not stand for this one.
            if let Err(unwritten) = reports.write(&Verification::failed(&error)) {
                console.error(&unwritten);
            }
            Err(error)
        }
    }
}

/// What a run found.
struct Run {
    servers: Vec<ServerObject>,
    results: Vec<ModelObject>,
    /// Whether there may be several results: then each was shown when it came.
    several: bool,
    took_ms: u128,
}

fn verify(args: &VerifyArgs, console: &mut Console) -> Result<Run> {
    // All that can be known to be wrong is refused before there is a token.
    args.require_policy()?;
    let (expected, mut options) = (plan::expected(args)?, plan::options(args)?);
    // Before anything else: from the login on a signal must not leave a token behind.
    let mut patient = args.policy.is_some().then(|| server::watch(true));
    let loaded = match (&args.policy, &patient) {
        (Some(path), Some(signals)) => Some(policy::load(&source(args, path), signals, console)?),
        _ => None,
    };
    let request = plan::trust_request(args, loaded.as_ref())?;
    let files = request.read_files()?;
    let mut plan = plan::Plan::new(args)?;
    let mut sources: Vec<_> = files.sources().map(Path::to_owned).collect();
    if let Some(loaded) = &loaded {
        sources.extend(loaded.sources.iter().cloned());
        loaded.prepare(&mut options);
    }
    plan.refuse_inside(sources.iter().map(PathBuf::as_path))?;
    options.decision_log = decision_log(args, &sources)?;
    if request.needs_server() {
        patient = patient.or_else(|| Some(server::watch(true)));
    }
    let vault = patient
        .as_ref()
        .filter(|_| request.needs_server())
        .map(|signals| server::configure(&args.server, signals, console))
        .transpose()?;
    let of_server =
        vault.as_ref().map(|vault| [vault.trust_files(), vault.secret_files()].concat()).unwrap_or_default();
    plan.refuse_inside(of_server.iter().map(PathBuf::as_path))?;
    let trust = files.load(vault.as_ref())?;
    for note in &trust.notes {
        console.warning(&modelseal::escape(note));
    }
    let policy = loaded.map_or_else(Policy::any_trusted_key, |loaded| loaded.policy);
    let terms = Terms { trust, policy, expected, options, danger_ignore: args.danger_ignore.clone() };
    for warning in &plan.warnings {
        console.warning(warning);
    }
    let several = args.recursive || plan.targets.len() > 1;
    // While a token lives nothing waits for whoever reads the results.
    let holds_token = terms.trust.opinion().is_some();
    let mut show = |result: &ModelObject| {
        if several && !holds_token {
            present(result, several, console);
        }
    };
    let started = Instant::now();
    let signals = match patient {
        Some(signals) if holds_token => signals,
        Some(signals) => signals.without_patience(),
        None => Signals::watch(),
    };
    let mut results = schedule::run(&plan.targets, &terms, args.jobs, &signals, &mut show);
    let notes = terms.trust.end();
    if vault.is_some() {
        results.iter_mut().for_each(|result| result.relax(args.server.relaxed()));
    }
    let stopped = signals.stop();
    drop(signals);
    if several && holds_token {
        results.iter().for_each(|result| present(result, several, console));
    }
    if !stopped {
        plan.count_mismatch(args);
        for (refused, error) in plan.refused {
            if let Err(unwritten) = terms.record(&error) {
                console.warning(&modelseal::escape(unwritten.message()));
            }
            if several {
                present(&refused, several, console);
            }
            results.push(refused);
        }
    } else if !results.iter().any(ModelObject::is_interrupted) {
        // Stopped between two models.
        let error = Error::new(Code::UsageInterrupted, "stopped before every model was looked at");
        results.push(ModelObject::refused(None, &error));
    }
    for note in notes {
        console.warning(&modelseal::escape(&note));
    }
    let servers = terms.trust.places.iter().map(ServerObject::from).collect();
    Ok(Run { servers, results, several, took_ms: started.elapsed().as_millis() })
}

fn source<'a>(args: &'a VerifyArgs, path: &'a Path) -> policy::Source<'a> {
    policy::Source {
        path,
        keys: &args.policy_keys,
        server: &args.server,
        danger_allow_test_keys: args.danger_allow_test_keys,
    }
}

/// The log of decisions, which is opened before anything is verified.
fn decision_log(args: &VerifyArgs, read: &[PathBuf]) -> Result<Option<Arc<DecisionLog>>> {
    let Some(path) = &args.decision_log else { return Ok(None) };
    report::check_place(args, read, path)?;
    DecisionLog::open(path).map(Arc::new).map(Some)
}

/// Shows one result.
fn present(result: &ModelObject, several: bool, console: &mut Console) {
    let detail = match (console.is_verbose(), several) {
        (true, _) => Detail::Full,
        (false, true) => Detail::Brief,
        (false, false) => Detail::Normal,
    };
    if console.is_text() {
        console.text(&text::model(result, detail, console.paint()));
    }
    if let (Some(message), Some(hint)) = (&result.message, &result.hint) {
        console.problem(result.model.as_deref().filter(|_| several), message, result.code, hint);
    }
}

/// Writes the reports, then says what came of the run.
fn finish(args: &VerifyArgs, run: Run, reports: &Reports, console: &mut Console) -> u8 {
    let mut verification = Verification::new(run.servers, run.results);
    let unwritten = reports.write(&verification).err();
    if let Some(error) = unwritten.as_ref().filter(|_| verification.exit == 0) {
        // A report that somebody waits for is part of the result; a no stays a no.
        verification.exit = exit::of(error);
        verification.code = error.code().as_str();
        // Those that were written must say the same. What cannot be written was said.
        let _ = reports.write(&verification);
    }
    let results = &verification.results;
    if !run.several {
        results.iter().for_each(|result| present(result, run.several, console));
    }
    let bytes = results.iter().filter_map(|result| result.bytes).sum();
    console.detail(&format!("verified {} in {} ms", text::size(bytes), run.took_ms));
    if run.several && console.is_text() {
        console.text(&text::summary(results, console.paint()));
    }
    if console.is_text() {
        let mut text = String::new();
        verification.servers.iter().for_each(|server| text::server(&mut text, server));
        console.text(&text);
    }
    if let Some(error) = &unwritten {
        console.error(error);
    }
    if !console.is_text() {
        console.json(&verification);
    }
    if !args.any_model && results.iter().any(|result| result.unchecked.contains(&Unchecked::ExpectedModel.as_str())) {
        console.warning(
            "any model of this signer was acceptable: say which one you want with --expect-name or \
             --expect-digest, or that any will do with --any-model",
        );
    }
    verification.exit
}
