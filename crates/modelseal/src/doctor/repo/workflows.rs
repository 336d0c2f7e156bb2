//! Advice of the wrong kind that circulates, in workflows and scripts.

use super::Check;
use super::secrets::ALLOW;

/// What one line does wrong.
struct Wrong {
    id: &'static str,
    is_problem: bool,
    what: &'static str,
    why: &'static str,
    fix: &'static str,
}

/// Everything of the kind in one file.
pub(super) fn find(name: &str, lines: &[&str]) -> Vec<Check> {
    let file = name.rsplit('/').next().unwrap_or(name);
    let yaml = file.ends_with(".yml") || file.ends_with(".yaml");
    let places = [".github/workflows/", ".forgejo/workflows/", ".gitea/workflows/"];
    let workflow =
        yaml && (places.iter().any(|place| name.contains(place)) || matches!(file, "action.yml" | "action.yaml"));
    let script = workflow || file.ends_with(".sh") || file == ".gitlab-ci.yml";
    if !script {
        return Vec::new();
    }
    let code: Vec<(usize, &str)> =
        lines.iter().enumerate().map(|(at, line)| (at + 1, *line)).filter(|(_, line)| is_code(line)).collect();
    let has_identity = code.iter().any(|(_, line)| line.contains("id-token: write"));
    let is_called = code.iter().any(|(_, line)| line.contains("workflow_call"));
    let mut checks = Vec::new();
    for (number, line) in &code {
        let following = lines.get(*number..).unwrap_or_default();
        let mut wrong = Vec::new();
        if workflow {
            wrong.extend(in_workflow(line, has_identity, is_called));
        }
        wrong.extend(in_script(line, following));
        for Wrong { id, is_problem, what, why, fix } in wrong {
            let check = if is_problem { Check::problem(id, what) } else { Check::warning(id, what) };
            checks.push(check.why(why).fix(fix).at(name, Some(*number)));
        }
    }
    checks
}

fn is_code(line: &str) -> bool {
    !line.trim_start().starts_with('#') && !line.contains(ALLOW)
}

fn in_workflow(line: &str, has_identity: bool, is_called: bool) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if has_identity && line.contains("pull_request_target") {
        wrong.push(Wrong {
            id: "workflow-pull-request-target",
            is_problem: true,
            what: "a workflow that may ask for an identity token runs on pull_request_target",
            why: "it has the identity of this repository, and may run the code of a fork",
            fix: "start it on pushed tags, releases or by hand; never on pull_request_target",
        });
    }
    let Some(used) = line.trim_start().trim_start_matches("- ").strip_prefix("uses:") else { return wrong };
    let used = used.split('#').next().unwrap_or_default().trim().trim_matches(['"', '\'']);
    if used.starts_with("./") {
        if is_called && has_identity {
            wrong.push(Wrong {
                id: "workflow-local-action",
                is_problem: false,
                what: "a reusable workflow uses an action of its caller",
                why: "`./` is the caller's checkout: the caller's code runs under this workflow's identity",
                fix: "write the steps here, or name the action by repository and commit",
            });
        }
    } else if has_identity && !is_pinned(used) {
        wrong.push(Wrong {
            id: "workflow-unpinned-action",
            is_problem: false,
            what: "an action that is not pinned runs beside an identity token",
            why: "tags and branches move: whoever moves them runs code with this identity",
            fix: "name the full commit, with the version in a comment: uses: OWNER/REPO@40-HEX-DIGITS # v1.2.3",
        });
    }
    wrong
}

/// A full commit, or the digest of an image.
fn is_pinned(used: &str) -> bool {
    if let Some(image) = used.strip_prefix("docker://") {
        return image.contains("@sha256:");
    }
    let commit = used.rsplit_once('@').map_or("", |(_, at)| at);
    commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn in_script(line: &str, following: &[&str]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if line.contains("::add-mask::") {
        wrong.push(Wrong {
            id: "workflow-add-mask",
            is_problem: false,
            what: "a mask command prints a secret",
            why: "the command itself writes it out: into files and the logs of other runners",
            fix: "never print the value; one that is never printed needs no mask",
        });
    }
    let exports = ["GITHUB_ENV", "GITHUB_OUTPUT", "::set-output", "::set-env"].iter().any(|word| line.contains(word));
    if exports && writes_token(line) {
        wrong.push(Wrong {
            id: "workflow-token-exported",
            is_problem: true,
            what: "a token is handed to later steps",
            why: "every later step can read it, and it cannot be taken back",
            fix: "log in, sign and revoke in one process: modelseal sign MODEL --key KEY --role ROLE",
        });
    }
    wrong.extend(in_server_command(&joined(line, following)));
    wrong
}

/// What is written is named like a token.
fn writes_token(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let words = ["token", "jwt", "secret", "password", "credential"];
    let assigned = lower.split("github_").next().unwrap_or_default();
    let text = if lower.contains("::set-") { lower.as_str() } else { assigned };
    words.iter().any(|word| text.contains(word))
}

/// A command with the lines that continue it.
fn joined(line: &str, following: &[&str]) -> String {
    let mut whole = line.to_owned();
    for next in following.iter().take(20) {
        let Some(start) = whole.trim_end().strip_suffix('\\') else { break };
        whole = format!("{} {}", start, next.trim());
    }
    whole
}

fn in_server_command(command: &str) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let words: Vec<&str> = command.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let writes = words.windows(2).any(|pair| matches!(pair[0], "vault" | "bao") && pair[1] == "write");
    if !writes {
        return wrong;
    }
    let names_key = words.iter().any(|word| {
        let rest = word.split_once("transit/keys/").map(|(_, rest)| rest);
        rest.is_some_and(|rest| !rest.contains('/'))
    });
    if names_key && !words.iter().any(|word| word.starts_with("type=") || *word == "-" || word.starts_with('@')) {
        wrong.push(Wrong {
            id: "script-key-type",
            is_problem: false,
            what: "a key is made without a type",
            why: "the default, aes256-gcm96, encrypts and cannot sign",
            fix: "add type=ecdsa-p256",
        });
    }
    if words.iter().any(|word| matches!(*word, "exportable=true" | "allow_plaintext_backup=true")) {
        wrong.push(Wrong {
            id: "script-key-exportable",
            is_problem: false,
            what: "a key is made that can leave the server",
            why: "whoever may export it has the private key; that cannot be taken back",
            fix: "leave out exportable and allow_plaintext_backup",
        });
    }
    let mutable = ["user_claim=repository", "user_claim=sub", "user_claim=actor", "user_claim=run_id"];
    if words.iter().any(|word| mutable.contains(word)) {
        wrong.push(Wrong {
            id: "script-user-claim",
            is_problem: false,
            what: "a role names its users by a claim that changes",
            why: "names can change hands, and policies may be templated on them",
            fix: "write user_claim=repository_id",
        });
    }
    wrong
}
