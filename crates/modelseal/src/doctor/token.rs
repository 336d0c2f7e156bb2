//! The token that the login gave.

use core::time::Duration;

use modelseal_core::Result;
use modelseal_vault::Session;

use super::check::Check;

/// Longest life without a finding.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// Life, policies and kind.
pub(super) fn examine(session: &Session<'_>, checks: &mut Vec<Check>) -> Result<()> {
    let token = session.token();
    for warning in session.warnings() {
        // How long it lives is judged below.
        if !warning.contains(", longer than the ") {
            checks.push(Check::warning("login-warning", warning));
        }
    }
    if !token.known {
        checks.push(
            Check::warning("token", "nothing is known of the token")
                .why("an agent adds its own, or the token may not look at itself")
                .fix("let the agent keep its token in a file and name that with --token-sink"),
        );
        return Ok(());
    }
    let before = checks.len();
    match token.ttl {
        None => checks.push(
            Check::problem("token-ttl", "the token never expires")
                .why("whoever finds it may use it for ever")
                .fix("set token_ttl and token_explicit_max_ttl of the role, or use another token"),
        ),
        Some(ttl) if ttl > LONGEST => checks.push(
            Check::warning("token-ttl", format!("the token lives {} s", ttl.as_secs()))
                .why("one signature takes seconds; a role without token_ttl gives tokens for 32 days")
                .fix("set token_ttl=2m token_explicit_max_ttl=5m of the role"),
        ),
        Some(_) => {}
    }
    if token.kind == "batch" {
        checks.push(
            Check::warning("token-type", "the token is a batch token")
                .why("it cannot be revoked, and lives to its end")
                .fix("set token_type=service of the role"),
        );
    }
    for policy in token.policies.iter().filter(|policy| matches!(policy.as_str(), "root" | "default")) {
        checks.push(match policy.as_str() {
            "root" => Check::problem("token-policies", "the token has the policy `root`")
                .why("it may do everything, for ever")
                .fix("use a token of a role"),
            _ => Check::warning("token-policies", "the token has the policy `default`")
                .why("it may do what everybody may, besides signing")
                .fix("set token_no_default_policy=true of the role"),
        });
    }
    if !token.obtained {
        checks.push(
            Check::warning("token-given", "the token was given, not obtained by a login")
                .why("it existed before this run and lives on after it, for whoever can read it")
                .fix("log in with the identity of the job: --role ROLE"),
        );
    }
    if checks.len() == before {
        let ttl = token.ttl.unwrap_or_default().as_secs();
        let uses = token.uses.map_or_else(String::new, |uses| format!(", {uses} uses"));
        let policies = token.policies.join(", ");
        checks.push(Check::ok("token", format!("{}, lives {ttl} s{uses}, policies {policies}", token.kind)));
    }
    Ok(())
}
