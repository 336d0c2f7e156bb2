//! Weaknesses of identity tables.

use super::{Lint, lint};
use crate::policy::glob::Glob;
use crate::policy::model::{ClaimRule, Condition, IdentityProvider, IdentityRule, Matcher, Rule};

/// What starts a run that somebody from outside can have a part in.
const OUTSIDE_EVENTS: &[&str] = &[
    "workflow_run",
    "issue_comment",
    "issues",
    "discussion",
    "discussion_comment",
    "fork",
    "watch",
    "merge_request_event",
    "external_pull_request_event",
];

pub(super) fn lints(rule: &Rule, lints: &mut Vec<Lint>) {
    let IdentityRule::Claims(claims) = &rule.identity else { return };
    events(claims, lints);
    workflows(claims, lints);
    if !matches!(claims.provider, IdentityProvider::Github | IdentityProvider::Gitlab) {
        return;
    }
    let named = |claim: &str| claims.conditions.iter().any(|condition| condition.claim_name == claim);
    if !named("environment") && !named("ref") {
        let message = format!("the rule `{}` binds neither an environment nor a ref", rule.name);
        let hint = "bind `environment`, which can ask for an approval, or `ref`: otherwise any branch can sign";
        lints.push(lint("no-environment-or-ref", rule.line, message, hint));
    }
    if !named("runner_environment") {
        let message = format!("the rule `{}` accepts jobs of every runner", rule.name);
        let word = if claims.provider == IdentityProvider::Github { "github-hosted" } else { "gitlab-hosted" };
        let hint = format!("bind runner_environment = [\"{word}\"], or [\"self-hosted\"] if that is meant");
        lints.push(lint("any-runner", rule.line, message, &hint));
    }
}

fn events(claims: &ClaimRule, lints: &mut Vec<Lint>) {
    let is_trigger = |condition: &&Condition| {
        !condition.implied && matches!(condition.claim_name.as_str(), "event_name" | "pipeline_source")
    };
    for condition in claims.conditions.iter().filter(is_trigger) {
        let Matcher::Exact(events) = &condition.matcher else { continue };
        for event in events {
            if event.starts_with("pull_request") || OUTSIDE_EVENTS.contains(&event.as_str()) {
                let message =
                    format!("`{}` allows `{event:.100}`, which people without rights can start", condition.field);
                let hint = "leave it out: such a run can have the project's identity and run somebody else's code";
                lints.push(lint("pull-request-event", condition.line, message, hint));
            }
        }
    }
}

fn workflows(claims: &ClaimRule, lints: &mut Vec<Lint>) {
    let fixed = |claim: &Condition| matches!(claim.claim_name.as_str(), "job_workflow_sha" | "ref_protected");
    let fixed = claims.conditions.iter().any(fixed);
    for condition in &claims.conditions {
        let owner_ends = match condition.claim_name.as_str() {
            "job_workflow_ref" | "workflow_ref" => "/.github/",
            "ci_config_ref_uri" => "//",
            _ => continue,
        };
        let Matcher::Globs(globs) = &condition.matcher else { continue };
        for glob in globs.iter().map(Glob::as_str) {
            let field = &condition.field;
            if glob.split_once(owner_ends).map_or(glob, |(owner, _)| owner).contains('*') {
                let message = format!("`{field}` has a `*` in the repository: `{glob:.100}`");
                let hint = "name owner and repository in full: anyone can have one that fits";
                lints.push(lint("workflow-of-any-repository", condition.line, message, hint));
            }
            let suffix = glob.rsplit_once('@').map_or("", |(_, suffix)| suffix);
            if !fixed && suffix.contains('*') && (suffix.starts_with("refs/tags/") || suffix.starts_with("refs/*")) {
                let message = format!("`{field}` accepts every tag that fits `{suffix:.100}`, and tags move");
                let hint = "bind job_workflow_sha, or ref_protected = [\"true\"] where tags are protected";
                lints.push(lint("movable-tag", condition.line, message, hint));
            }
        }
    }
}
