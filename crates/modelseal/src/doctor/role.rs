//! What is weak or wrong in a role of the jwt method.

use modelseal_core::{ClaimLevel, ClaimTable};
use modelseal_vault::RoleFacts;

use super::check::{Check, word};

/// Longest life of a token without a finding, in seconds.
const LONGEST: u64 = 15 * 60;

/// A role, and where it is.
pub(super) struct Role<'a> {
    /// `auth/MOUNT/role/NAME`.
    pub(super) path: String,
    pub(super) facts: &'a RoleFacts,
    /// The word of the platform whose tokens it takes, when that is known.
    pub(super) platform: &'a str,
}

/// Every deviation from a role that lets in one workflow of one repository, for minutes.
pub(super) fn judge(role: &Role<'_>) -> Vec<Check> {
    let mut found = Vec::new();
    found.extend(kind(role));
    found.extend(audience(role));
    found.extend(bounds(role));
    found.extend(runner(role));
    found.extend(subject(role));
    found.extend(user(role));
    found.extend(life(role));
    found.extend(policies(role));
    found.extend(leeway(role));
    found
}

/// A role of the kubernetes method.
pub(super) fn judge_kubernetes(role: &Role<'_>) -> Vec<Check> {
    let mut found = Vec::new();
    if role.facts.audience.as_deref().unwrap_or_default().is_empty() {
        let what = format!("{} names no audience", role.path);
        let why = "tokens that were made for anybody else log in, too";
        found.push(Check::warning("role-audience", what).why(why).fix(role.write("audience=AUDIENCE")));
    }
    let wild = |all: &Option<Vec<String>>| all.iter().flatten().any(|one| one.contains('*'));
    if wild(&role.facts.bound_service_account_names) || wild(&role.facts.bound_service_account_namespaces) {
        let what = format!("{} takes service accounts by a pattern", role.path);
        let fix = role.write("bound_service_account_names=NAME bound_service_account_namespaces=NAMESPACE");
        found
            .push(Check::warning("role-glob", what).why("whoever makes an account of such a name may log in").fix(fix));
    }
    found.extend(life(role));
    found.extend(policies(role));
    found
}

impl Role<'_> {
    /// A write that changes these fields and leaves the others: servers merge.
    fn write(&self, fields: &str) -> String {
        format!("vault write {} {fields}", word(&self.path))
    }

    fn bound(&self, name: &str) -> bool {
        self.facts.bound_claims.as_ref().is_some_and(|claims| claims.contains_key(name))
    }

    fn level(&self, name: &str) -> Option<ClaimLevel> {
        ClaimTable::of(self.platform).get(name).map(|claim| claim.level)
    }
}

fn kind(role: &Role<'_>) -> Option<Check> {
    let kind = role.facts.role_type.as_deref().unwrap_or("oidc");
    (kind != "jwt").then(|| {
        Check::problem("role-type", format!("{} has role_type `{kind}`", role.path))
            .why("identity tokens log in with role_type `jwt` only; servers take `oidc` when nothing is said")
            .fix(role.write("role_type=jwt"))
    })
}

fn audience(role: &Role<'_>) -> Option<Check> {
    let audiences = role.facts.bound_audiences.as_deref().unwrap_or_default();
    let check = match audiences {
        [] => Check::problem("role-audience", format!("{} has no bound_audiences", role.path))
            .why("a token with an audience, which every CI system sets, is refused"),
        [_] => return None,
        many => Check::warning("role-audience", format!("{} takes {} audiences", role.path, many.len()))
            .why("a token that was made for another service logs in here, too"),
    };
    Some(check.fix(role.write("bound_audiences=AUDIENCE")))
}

/// How GitHub's claims are bound; written for other platforms by analogy.
const BOUND: &str = "bound_claims with repository_id, job_workflow_ref, event_name, and environment or ref (on another \
    platform: its id of the project), as a JSON object: `vault write ROLE - <<< '{\"bound_claims\": {…}}'`";

/// Claims that say whose job it is, and never change hands.
const IDS: [&str; 11] = [
    "repository_id",
    "repository_owner_id",
    "project_id",
    "namespace_id",
    "organization_id",
    "pipeline_id",
    "repositoryUuid",
    "workspaceUuid",
    "oidc.circleci.com/org-id",
    "oidc.circleci.com/project-id",
    "kubernetes.io",
];

fn bounds(role: &Role<'_>) -> Vec<Check> {
    let claims: Vec<&str> = role.facts.bound_claims.iter().flatten().map(|(name, _)| name.as_str()).collect();
    let fix = BOUND.replace("ROLE", &word(&role.path));
    if claims.is_empty() && role.facts.bound_subject.as_deref().unwrap_or_default().is_empty() {
        let what = format!("{} binds no claim: only an audience", role.path);
        let why = "every token of the issuer with that audience logs in, of any repository on earth";
        return vec![Check::problem("role-only-audience", what).why(why).fix(fix)];
    }
    let mut found = Vec::new();
    let github = matches!(role.platform, "github" | "forgejo");
    // Composed text on GitHub, an id elsewhere.
    let is_id = |name: &str| IDS.contains(&name) || (name == "sub" && !github) || name.starts_with("/kubernetes.io/");
    if !claims.iter().any(|name| is_id(name)) {
        let mutable = |name: &&str| matches!(role.level(name), Some(ClaimLevel::Narrow | ClaimLevel::Show));
        let names_only = !claims.is_empty() && claims.iter().all(mutable);
        let (id, what, why) = if names_only {
            let what = format!("{} binds mutable names alone: {}", role.path, claims.join(", "));
            ("role-mutable-names", what, "a name that is given up can be registered by somebody else, who then logs in")
        } else {
            let why = "nothing says whose workflow it is: anybody may call a public one, or use the same branch name";
            ("role-no-id", format!("{} binds no id of a repository or its owner", role.path), why)
        };
        found.push(Check::problem(id, what).why(why).fix(fix));
    }
    let glob = role.facts.bound_claims_type.as_deref() == Some("glob");
    if glob {
        let why = "`*` also stands for `/`: `o/*@refs/tags/v1` takes workflows in every directory";
        let fix = role.write("bound_claims_type=string") + ", with the values listed";
        found.push(Check::warning("role-glob", format!("{} compares claims as patterns", role.path)).why(why).fix(fix));
    }
    found
}

fn runner(role: &Role<'_>) -> Option<Check> {
    let github = matches!(role.platform, "github") || role.bound("job_workflow_ref") || role.bound("repository_id");
    (github && !role.bound("runner_environment")).then(|| {
        Check::warning("role-runner", format!("{} does not bind runner_environment", role.path))
            .why("a self-hosted runner that carries a hosted label may pick up the job")
            .fix("add \"runner_environment\": \"github-hosted\" to bound_claims")
    })
}

fn subject(role: &Role<'_>) -> Option<Check> {
    role.facts.bound_subject.as_deref().filter(|subject| !subject.is_empty()).map(|_| {
        let fix = format!("vault delete {}, then write it anew: writes merge, and leave old fields", word(&role.path));
        Check::warning("role-subject", format!("{} still has a bound_subject", role.path))
            .why("the composed text changes its form with settings of the repository, and may be left of an earlier write")
            .fix(fix)
    })
}

fn user(role: &Role<'_>) -> Option<Check> {
    let claim = role.facts.user_claim.as_deref().unwrap_or_default();
    let why = match claim {
        "repository" | "repository_owner" | "project_path" | "namespace_path" => "a name that can change hands",
        "sub" if matches!(role.platform, "github") || role.bound("repository_id") => "a text that settings can change",
        "run_id" | "run_attempt" | "jti" | "job_id" => "different for each run, which leaves an entity for each",
        "actor" | "actor_id" | "workflow" | "head_ref" | "base_ref" | "ref" => "chosen by whoever starts the job",
        _ => return None,
    };
    let what = format!("{} names its users by `{claim}`", role.path);
    let why = format!("it is {why}, and policies may be templated on it");
    Some(Check::warning("role-user-claim", what).why(why).fix(role.write("user_claim=repository_id")))
}

fn life(role: &Role<'_>) -> Vec<Check> {
    let facts = role.facts;
    let ceiling =
        [facts.token_explicit_max_ttl, facts.token_max_ttl].into_iter().flatten().filter(|&ttl| ttl > 0).min();
    let own = facts.token_ttl.filter(|&ttl| ttl > 0);
    let fix = role.write("token_ttl=2m token_max_ttl=5m token_explicit_max_ttl=5m");
    let mut found = Vec::new();
    match own.or(ceiling) {
        None => {
            let what = format!("{} sets no token_ttl", role.path);
            found.push(
                Check::problem("role-ttl", what).why("its tokens live as long as the server allows: 32 days").fix(&fix),
            );
        }
        Some(ttl) if ttl > LONGEST => {
            let what = format!("tokens of {} live {ttl} s", role.path);
            let why = "one signature takes seconds: whatever is left is for whoever finds the token";
            found.push(Check::warning("role-ttl", what).why(why).fix(&fix));
        }
        Some(_) => {}
    }
    if own.is_some() && ceiling.is_none_or(|ceiling| ceiling > 60 * 60) {
        let what = format!("tokens of {} can be renewed for more than an hour", role.path);
        found.push(Check::warning("role-max-ttl", what).why("only a maximum ends a token that is renewed").fix(&fix));
    }
    let kind = facts.token_type.as_deref().unwrap_or_default();
    if kind.contains("batch") {
        let what = format!("{} gives batch tokens", role.path);
        let why = "they cannot be revoked: each lives to its end, whatever happens to the job";
        found.push(Check::warning("role-token-type", what).why(why).fix(role.write("token_type=service")));
    }
    found
}

fn policies(role: &Role<'_>) -> Vec<Check> {
    let named = role.facts.token_policies.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    if named.is_empty() {
        let fix = role.write("token_policies=POLICY");
        let what = format!("{} gives no policy", role.path);
        found.push(Check::warning("role-policies", what).why("its tokens can do nothing").fix(fix));
    }
    if role.facts.token_no_default_policy != Some(true) || named.iter().any(|policy| policy == "default") {
        let why = "the job may do what everybody may; what it needs belongs into its own policy";
        let fix = role.write("token_no_default_policy=true")
            + "; the policy must then grant auth/token/revoke-self and auth/token/lookup-self";
        let what = format!("{} adds the policy `default`", role.path);
        found.push(Check::warning("role-default-policy", what).why(why).fix(fix));
    }
    found
}

fn leeway(role: &Role<'_>) -> Option<Check> {
    role.facts.clock_skew_leeway.filter(|&leeway| leeway > 60).map(|leeway| {
        let what = format!("{} takes tokens {leeway} s after their end", role.path);
        Check::warning("role-leeway", what).why("more leeway than clocks need").fix(role.write("clock_skew_leeway=30"))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::doctor::Status;

    /// The ids of what is found in the suggested role with these changes; null removes a field.
    fn found(changes: &Value) -> Vec<&'static str> {
        let mut role = json!({
            "role_type": "jwt", "user_claim": "repository_id", "bound_audiences": ["https://vault.example"],
            "bound_claims": {"repository_id": "74", "job_workflow_ref": "w", "event_name": "push", "environment": "e",
                "runner_environment": "github-hosted"},
            "bound_claims_type": "string", "bound_subject": "", "token_policies": ["signer"], "token_ttl": 120,
            "token_max_ttl": 300, "token_explicit_max_ttl": 300, "token_no_default_policy": true,
            "token_type": "service", "clock_skew_leeway": 30,
        });
        for (name, value) in changes.as_object().unwrap() {
            role[name] = value.clone();
        }
        let facts: RoleFacts = serde_json::from_value(role).unwrap();
        let checks = judge(&Role { path: "auth/jwt/role/ci".to_owned(), facts: &facts, platform: "github" });
        assert!(checks.iter().all(|check| check.status != Status::Ok && check.why.is_some() && check.fix.is_some()));
        checks.iter().map(|check| check.id).collect()
    }

    #[test]
    fn the_suggested_role_has_no_finding_and_each_deviation_has_one() {
        assert_eq!(found(&json!({})), [""; 0]);
        for (changes, expected) in [
            (json!({"role_type": "oidc"}), "role-type"),
            (json!({"bound_audiences": null}), "role-audience"),
            (json!({"bound_audiences": ["a", "b"]}), "role-audience"),
            (json!({"bound_claims_type": "glob"}), "role-glob"),
            (json!({"bound_subject": "repo:o/r:ref:refs/heads/main"}), "role-subject"),
            (json!({"user_claim": "repository"}), "role-user-claim"),
            (json!({"user_claim": "sub"}), "role-user-claim"),
            (json!({"user_claim": "run_id"}), "role-user-claim"),
            (json!({"token_ttl": 901}), "role-ttl"),
            (json!({"token_ttl": 0, "token_max_ttl": 0, "token_explicit_max_ttl": 0}), "role-ttl"),
            (json!({"token_max_ttl": 0, "token_explicit_max_ttl": 0}), "role-max-ttl"),
            (json!({"token_type": "batch"}), "role-token-type"),
            (json!({"token_no_default_policy": false}), "role-default-policy"),
            (json!({"token_policies": []}), "role-policies"),
            (json!({"clock_skew_leeway": 600}), "role-leeway"),
        ] {
            assert_eq!(found(&changes), [expected], "{changes}");
        }
    }

    #[test]
    fn t26_a_role_without_a_kind_of_runner_is_found() {
        let bound = json!({"repository_id": "74", "job_workflow_ref": "w", "event_name": "push"});
        assert_eq!(found(&json!({"bound_claims": bound})), ["role-runner"]);
    }

    #[test]
    fn roles_for_everybody_are_found() {
        let with = |claims: Value| found(&json!({"bound_claims": claims}));
        assert_eq!(with(Value::Null), ["role-only-audience", "role-runner"]);
        let runner = "github-hosted";
        assert_eq!(with(json!({"repository": "o/r", "runner_environment": runner})), ["role-no-id"]);
        assert_eq!(with(json!({"repository": "o/r", "repository_owner": "o"})), ["role-mutable-names", "role-runner"]);
        assert_eq!(with(json!({"sub": "x"})), ["role-mutable-names", "role-runner"]);
    }
}
