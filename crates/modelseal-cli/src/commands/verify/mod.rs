//! `modelseal verify`.

mod plan;
mod schedule;

use std::time::Instant;

use modelseal::{Code, Error, Result, Unchecked};

use super::report::Reports;
use crate::args::VerifyArgs;
use crate::exit;
use crate::output::Console;
use crate::output::text::{self, Detail};
use crate::output::verification::{Outcome, Verification};
use crate::signals::Signals;

pub(crate) use plan::{Target, Terms, sha256};

/// Verifies every model that is named or found.
pub(crate) fn run(args: &VerifyArgs, console: &mut Console) -> Result<u8> {
    let reports = Reports::new(&args.report)?;
    match verify(args, console) {
        Ok(outcomes) => Ok(finish(args, &outcomes, &reports, console)),
        Err(error) => {
            // A report of an earlier run must not stand for this one.
            if let Err(unwritten) = reports.write(&Verification::failed(&error)) {
                console.error(None, &unwritten);
            }
            Err(error)
        }
    }
}

fn verify(args: &VerifyArgs, console: &mut Console) -> Result<Vec<Outcome>> {
    let terms = Terms::new(args)?;
    let mut plan = plan::Plan::new(args)?;
    let several = args.recursive || plan.targets.len() > 1;
    let detail = match (console.is_verbose(), several) {
        (true, _) => Detail::Full,
        (false, true) => Detail::Brief,
        (false, false) => Detail::Normal,
    };
    let mut show = |outcome: &Outcome| {
        if console.is_text() {
            console.text(&text::outcome(outcome, detail, console.paint()));
        }
        if let Err(error) = &outcome.result {
            console.error(outcome.model.as_deref().filter(|_| several), error);
        }
    };
    let started = Instant::now();
    let signals = Signals::watch();
    let mut outcomes = schedule::run(&plan.targets, &terms, args.jobs, &signals, &mut show);
    let stopped = signals.stop();
    drop(signals);
    if !stopped {
        plan.count_mismatch(args);
        for refused in plan.refused {
            show(&refused);
            outcomes.push(refused);
        }
    } else if !outcomes.iter().any(interrupted) {
        // Stopped between two models.
        let error = Error::new(Code::UsageInterrupted, "stopped before every model was looked at");
        outcomes.push(Outcome { model: None, result: Err(error) });
    }
    let bytes =
        outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok()).map(|artifact| artifact.bytes()).sum();
    console.detail(&format!("verified {} in {} ms", text::size(bytes), started.elapsed().as_millis()));
    if several && console.is_text() {
        console.text(&text::summary(&outcomes, console.paint()));
    }
    Ok(outcomes)
}

fn interrupted(outcome: &Outcome) -> bool {
    outcome.result.as_ref().is_err_and(|error| error.code() == Code::UsageInterrupted)
}

fn finish(args: &VerifyArgs, outcomes: &[Outcome], reports: &Reports, console: &mut Console) -> u8 {
    let mut verification = Verification::new(outcomes);
    if let Err(error) = reports.write(&verification) {
        // A report that somebody waits for is part of the result; a no stays a no.
        if verification.exit == 0 {
            verification.exit = exit::of(&error);
            verification.code = error.code().as_str();
        }
        console.error(None, &error);
    }
    if !console.is_text() {
        console.json(&verification);
    }
    let any_model = outcomes.iter().any(|outcome| {
        outcome.result.as_ref().is_ok_and(|artifact| artifact.unchecked().contains(&Unchecked::ExpectedModel))
    });
    if any_model && !args.any_model {
        console.warning(
            "any model of this signer was acceptable: say which one you want with --expect-name or \
             --expect-digest, or that any will do with --any-model",
        );
    }
    verification.exit
}
