//! `modelseal policy explain` and `modelseal policy input`.

use modelseal::{
    Code, Decision, Error, Examination, LoadedPolicy, Policy, Result, RuleResult, Verdict, VerifiedArtifact,
    VerifyOptions, escape, examine_model, verify_model_artifact,
};

use super::load::{Source, load, now};
use crate::args::{ExplainArgs, ModelArgs};
use crate::commands::server;
use crate::commands::verify::wanted;
use crate::exit;
use crate::output::decision::{expected, policy_and_rule, shown as value};
use crate::output::text::line;
use crate::output::{Console, Paint, shown};
use crate::progress::{Progress, Stoppable};
use crate::signals::Signals;

/// Says what each rule expects and finds; the exit status is that of a verification, which is made as well.
pub(super) fn explain(args: &ExplainArgs, console: &mut Console) -> Result<u8> {
    let any_model = args.any_model;
    let args = &args.model;
    let wanted = wanted(args.expect_name.as_deref(), args.expect_digest.as_deref(), any_model)?;
    let signals = server::watch(true);
    let (loaded, options) = prepare(args, &signals, console)?;
    let examined = examine_model(&args.model, &loaded.policy, &options, now()?, &Stoppable(&signals))?;
    let trusted = loaded.policy.trusted_keys().ok_or_else(|| Error::new(Code::UsageArguments, "no policy"))?;
    let observer = Progress::new(&signals);
    let result = verify_model_artifact(&args.model, trusted, &loaded.policy, &wanted, &options, &observer);
    drop(observer);
    drop(signals);
    let decision = record(&examined, &result);
    let status = result.as_ref().map_or_else(exit::of, |_| 0);
    if console.is_text() {
        let text = text(args, &examined, &decision, &result, console.paint());
        console.text(&text);
    } else {
        console.json(&decision);
    }
    if let Err(error) = result {
        // Its own hint leads here.
        let error = match error.code() {
            Code::PolicyNoRuleMatches => {
                error.with_hint("each rule has its next step above; one rule that allows is enough")
            }
            _ => error,
        };
        console.error(&error);
    }
    Ok(status)
}

/// Prints what the narrowing stages are asked. Nothing is decided by this.
pub(super) fn input(args: &ModelArgs, console: &mut Console) -> Result<u8> {
    let signals = server::watch(true);
    let (loaded, options) = prepare(args, &signals, console)?;
    let examined = examine_model(&args.model, &loaded.policy, &options, now()?, &Stoppable(&signals))?;
    drop(signals);
    let files = examined.facts.artifact.resources.as_ref().map_or(0, Vec::len);
    if files > Policy::MAX_INPUT_FILES {
        console.warning(&format!(
            "the model has {files} files, and narrowing stages are told of at most {}: none is asked, and verify refuses \
             the model",
            Policy::MAX_INPUT_FILES
        ));
    }
    let text = crate::output::json::to_pretty(&examined.input);
    console.raw(&text);
    Ok(0)
}

fn prepare(args: &ModelArgs, signals: &Signals, console: &Console) -> Result<(LoadedPolicy, VerifyOptions)> {
    let source = Source {
        path: &args.policy,
        keys: &args.keys,
        server: &args.server,
        danger_allow_test_keys: args.danger_allow_test_keys,
    };
    let loaded = load(&source, signals, console)?;
    let mut options = VerifyOptions::default();
    options.bundle.clone_from(&args.bundle);
    options.attestations.clone_from(&args.attestation);
    loaded.prepare(&mut options);
    Ok((loaded, options))
}

/// The record of the verification; of one that came to no decision, the policy's own, as a denial.
fn record(examined: &Examination, result: &Result<VerifiedArtifact>) -> Decision {
    let mut decision = match result {
        Ok(artifact) => artifact.decision(),
        Err(error) => error.decision(),
    }
    .unwrap_or(&examined.decision)
    .clone();
    if let Err(error) = result {
        decision.decision = Verdict::Deny;
        decision.code = error.code().as_str();
        decision.valid_until = None;
        decision.rule = None;
    }
    if decision.rules.is_empty() {
        decision.rules.clone_from(&examined.rules);
    }
    decision
}

fn text(
    args: &ModelArgs,
    examined: &Examination,
    decision: &Decision,
    result: &Result<VerifiedArtifact>,
    paint: Paint,
) -> String {
    let word = match result {
        Ok(_) => paint.good("allowed"),
        Err(error) if exit::of(error) == 1 => paint.bad("denied"),
        Err(_) => paint.unsure("undecided"),
    };
    let mut text = format!("{word}  {}  [{}]\n", shown(&args.model), decision.code);
    line(&mut text, "policy", &policy_and_rule(decision));
    line(&mut text, "name", &escape(decision.artifact.name.as_deref().unwrap_or_default()));
    let signature = &decision.signature;
    let version = signature.key_version.map_or_else(String::new, |version| format!(", version {version}"));
    line(&mut text, "key", &format!("{}{version}", escape(signature.key.as_deref().unwrap_or("not known"))));
    line(&mut text, "identity", &escape(decision.identity.provider.as_deref().unwrap_or("none that was verified")));
    if examined.decision.rules.is_empty() && !examined.rules.is_empty() {
        line(&mut text, "rules", "none was asked: the refusal comes before every rule; they would have said");
    }
    for rule in &decision.rules {
        one_rule(&mut text, rule, paint);
    }
    text
}

fn one_rule(text: &mut String, rule: &RuleResult, paint: Paint) {
    let word = match rule.result {
        Verdict::Allow => paint.good("allows"),
        Verdict::Deny => paint.bad("denies"),
    };
    line(text, "rule", &format!("{} {word}", escape(&rule.name)));
    if rule.result == Verdict::Deny {
        line(text, "  -> first failure", &escape(rule.field.as_deref().unwrap_or("the rule")));
        line(text, "     expected", &expected(&rule.expected));
        line(text, "     actual", &value(&rule.actual));
        line(text, "     next step", next_step(rule.field.as_deref().unwrap_or_default()));
    }
}

/// What to do about a field that fails: nearly always there is something to sign, and something to write.
fn next_step(field: &str) -> &'static str {
    match field.split('.').next().unwrap_or_default() {
        "models" => "sign the model under a name that the rule names, or name it in the rule",
        "keys" => "sign with a key of the rule, or write a rule for this key",
        "identity" => "sign in a job with an identity token that logs in to sign, or use a rule for the key alone",
        "github" | "gitlab" | "kubernetes" | "oidc" => {
            "sign from the job that the rule names, or name this one; `modelseal identity show` prints a job's claims"
        }
        "evidence" => "add the attestation with `modelseal attest`, signed by a key that the rule names",
        "freshness" | "not_signed_before" => "have the model signed again, with provenance, which says when",
        "digests" => "fetch the version of the model that the rule names, or name this one",
        "files" => "leave such files out of the model, or name them in [rule.files]",
        _ => "have the model signed in the form that the rule names, or name this one",
    }
}
