//! `modelseal verify`.

mod plan;
mod schedule;

use modelseal::{Code, Error, Result, Unchecked};

use super::report::Reports;
use crate::args::VerifyArgs;
use crate::output::Console;
use crate::output::text::{self, Detail};
use crate::output::verification::{Outcome, Verification};
use crate::signals::Signals;

pub(crate) use plan::{Terms, sha256};

/// Verifies every model that is named or found.
pub(crate) fn run(args: &VerifyArgs, console: &mut Console) -> Result<u8> {
    let reports = Reports::new(&args.report)?;
    match verify(args, console) {
        Ok(outcomes) => finish(args, &outcomes, &reports, console),
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
    if several && console.is_text() {
        console.text(&text::summary(&outcomes, console.paint()));
    }
    Ok(outcomes)
}

fn interrupted(outcome: &Outcome) -> bool {
    outcome.result.as_ref().is_err_and(|error| error.code() == Code::UsageInterrupted)
}

fn finish(args: &VerifyArgs, outcomes: &[Outcome], reports: &Reports, console: &mut Console) -> Result<u8> {
    let verification = Verification::new(outcomes);
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
    match reports.write(&verification) {
        Err(error) if verification.exit == 0 => Err(error),
        Err(error) => {
            console.error(None, &error);
            Ok(verification.exit)
        }
        Ok(()) => Ok(verification.exit),
    }
}
