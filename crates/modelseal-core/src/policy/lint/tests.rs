use super::super::file::tests::{PRODUCTION, TEAM, read};
use super::*;

fn names(text: &str) -> Vec<(usize, &'static str)> {
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let lints = lints(&read(text).unwrap(), now);
    assert!(lints.iter().all(|lint| !lint.message.is_empty() && !lint.hint.is_empty()));
    lints.into_iter().map(|lint| (lint.line, lint.name)).collect()
}

/// A policy whose rule has these lines, which begin at line 11. Without any of the weaknesses if they have none.
fn rule(lines: &str) -> String {
    format!(
        "version = 1\n[[key]]\nname = \"a\"\npublic_key = \"a.pem\"\n[[rule]]\nname = \"r\"\nmodels = [\"m\"]\n\
         keys = [\"a\"]\nfreshness = {{ max_age = \"1d\" }}\n{lines}"
    )
}

/// A rule with a table that has these lines, which begin at line 14.
fn github(lines: &str) -> String {
    let bound = "repository_id = [\"1\"]\nref = [\"refs/heads/main\"]\nrunner_environment = [\"github-hosted\"]\n";
    rule(&format!("[rule.github]\n{bound}{lines}"))
}

const KEY_ONLY: &str = "identity = \"key-only\"\n";

#[test]
fn what_is_not_weak_is_not_named() {
    assert_eq!(names(&rule(KEY_ONLY)), []);
    assert_eq!(names(&github("")), []);
    assert_eq!(names(&github("event_name = [\"push\"]\n")), []);
}

#[test]
fn events_that_outsiders_start() {
    for event in ["pull_request", "pull_request_target", "workflow_run", "issue_comment"] {
        assert_eq!(names(&github(&format!("event_name = [\"push\", \"{event}\"]\n"))), [(14, "pull-request-event")]);
    }
    let gitlab = "[rule.gitlab]\nproject_id = [\"1\"]\nref = [\"main\"]\nrunner_environment = [\"gitlab-hosted\"]\n";
    assert_eq!(names(&rule(gitlab)), []);
    let text = rule(&format!("{gitlab}pipeline_source = [\"merge_request_event\"]\n"));
    assert_eq!(names(&text), [(14, "pull-request-event")]);
}

#[test]
fn rules_without_environment_and_ref() {
    let text = github("").replace("ref = [\"refs/heads/main\"]\n", "");
    assert_eq!(names(&text), [(6, "no-environment-or-ref")]);
    assert_eq!(names(&text.replace("runner_environment", "environment = [\"p\"]\nrunner_environment")), []);
}

#[test]
fn t26_rules_without_a_kind_of_runner() {
    let text = github("").replace("runner_environment = [\"github-hosted\"]\n", "");
    assert_eq!(names(&text), [(6, "any-runner")]);
}

#[test]
fn workflows_of_any_repository() {
    for workflow in ["acme/*/.github/workflows/s.yml@refs/heads/main", "*/x/.github/workflows/s.yml@refs/heads/main"] {
        let text = github(&format!("job_workflow_ref = [\"{workflow}\"]\n"));
        assert_eq!(names(&text), [(14, "workflow-of-any-repository")]);
    }
    assert_eq!(names(&github("job_workflow_ref = [\"a/b/.github/workflows/*@refs/heads/main\"]\n")), []);
}

#[test]
fn t27_tags_that_move() {
    let text = github("job_workflow_ref = [\"a/b/.github/workflows/s.yml@refs/tags/v*\"]\n");
    assert_eq!(names(&text), [(14, "movable-tag")]);
    assert_eq!(names(&format!("{text}ref_protected = [\"true\"]\n")), []);
    assert_eq!(names(&format!("{text}job_workflow_sha = [\"{}\"]\n", "a".repeat(40))), []);
    assert_eq!(names(&text.replace("v*", "v1")), []);
}

#[test]
fn keys_that_nobody_names() {
    let second = "[[key]]\nname = \"b\"\npublic_key = \"b.pem\"\n";
    assert_eq!(names(&format!("{}{second}", rule(KEY_ONLY))), [(12, "unused-key")]);
    let certificate = "[[certificate]]\nname = \"c\"\nroots = [\"root.pem\"]\nsan = [\"s\"]\n";
    assert_eq!(names(&format!("{}{certificate}", rule(KEY_ONLY))), [(12, "unused-key")]);
}

#[test]
fn windows_that_are_over_or_not_open() {
    let window = |line: &str| rule(KEY_ONLY).replace("[[rule]]", &format!("{line}\n[[rule]]"));
    assert_eq!(names(&window("not_after = 2026-12-01T00:00:00Z")), [(3, "key-window-over")]);
    assert_eq!(names(&window("not_after = 2026-12-01T00:00:01Z")), []);
    assert_eq!(names(&window("not_before = 2026-12-01T00:00:01Z")), [(3, "key-window-not-open")]);
    let weak: Vec<_> = names(PRODUCTION).into_iter().filter(|(_, name)| name.starts_with("key-window")).collect();
    assert_eq!(weak, [], "one version of a rotation is open");
}

#[test]
fn t25_keys_that_are_shared() {
    let shared = |text: String| text.replacen("public_key", "shared_key = \"danger\"\npublic_key", 1);
    assert_eq!(names(&shared(rule(KEY_ONLY))), [(3, "shared-key")]);
    let second = "[[rule]]\nname = \"weak\"\nmodels = [\"x\"]\nkeys = [\"a\"]\nidentity = \"key-only\"\nfreshness = { max_age = \"1d\" }\n";
    let text = shared(format!("{}{second}", github("")));
    assert_eq!(names(&text), [(3, "shared-key"), (16, "key-only-beside-claims")]);
}

#[test]
fn t30_rules_that_allow_every_older_model() {
    assert_eq!(names(TEAM), [(6, "rollback")]);
    let text = rule(KEY_ONLY).replace("freshness = { max_age = \"1d\" }\n", "");
    assert_eq!(names(&text), [(6, "rollback")]);
    for line in ["not_signed_before = 2026-01-01T00:00:00Z\n", &format!("digests = [\"sha256:{}\"]\n", "0".repeat(64))]
    {
        assert_eq!(names(&format!("{text}{line}")), []);
    }
}

#[test]
fn what_is_dangerous_by_its_name() {
    assert_eq!(names(&rule(&format!("{KEY_ONLY}danger_root_only = true\n"))), [(6, "danger-root-only")]);
    let files = |lines: &str| rule(&format!("{KEY_ONLY}[rule.files]\n{lines}"));
    assert_eq!(names(&files("danger_allow_unsigned = [\"*.md\"]\n")), [(6, "danger-allow-unsigned")]);
    assert_eq!(names(&files("formats = [\"pickle\", \"json\"]\n")), [(6, "dangerous-format")]);
    assert_eq!(names(&files("formats = [\"code\"]\n")), [(6, "dangerous-format")]);
}

#[test]
fn evidence_that_says_little() {
    let second = "[[key]]\nname = \"b\"\npublic_key = \"b.pem\"\n";
    let evidence = |key: &str, fields: &str| {
        let lines = format!("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"{key}\"]\n{fields}");
        format!("{}{second}", rule(&format!("{KEY_ONLY}{lines}")))
    };
    assert_eq!(names(&evidence("b", "fields = { \"/a\" = [1] }\n")), []);
    assert_eq!(names(&evidence("b", "")), [(6, "evidence-without-fields")]);
    let by_signer = evidence("a", "fields = { \"/a\" = [1] }\n");
    assert_eq!(names(&by_signer), [(6, "evidence-by-signer"), (16, "unused-key")]);
}

#[test]
fn every_warning_is_documented() {
    const DOCUMENT: &str = include_str!("../../../../../docs/policy.md");
    for source in [include_str!("keys.rs"), include_str!("rules.rs"), include_str!("claims.rs")] {
        for name in source.split('"').skip(1).step_by(2).filter(|text| text.contains('-') && !text.contains(' ')) {
            let is_value = matches!(name, "github-hosted" | "gitlab-hosted");
            assert!(is_value || DOCUMENT.contains(&format!("| `{name}` |")), "{name}");
        }
    }
}
