//! Whether the job is a pull request from a fork. For messages, and for those who want to skip then; nothing is
//! allowed because of it.

use std::path::Path;

use modelseal_core::{Code, Error};
use modelseal_http::Env;
use serde_json::Value;

use crate::read;

/// Largest event that is read, in bytes.
const MOST: usize = 8 * 1024 * 1024;

/// Why a job of Actions has no means to ask for a token.
pub(crate) fn reason(platform: &str, env: &dyn Env) -> Error {
    if is_fork(env) {
        let message = format!("no identity token: this is a pull request from a fork, which {platform} gives none");
        return Error::new(Code::IdentityFork, message);
    }
    let message = format!("no identity token: {platform} gave this job no means to ask for one");
    Error::new(Code::IdentityMissing, message).with_hint(
        "give the job `permissions: id-token: write`; a workflow that is called gets no more than its caller has",
    )
}

/// By the event that started the run: the pull request's source is another repository than its target. A source that
/// is gone was another one. Whether the source is *some* fork does not count: its own pull requests do get tokens.
fn is_fork(env: &dyn Env) -> bool {
    let pull_request =
        env.var("GITHUB_EVENT_NAME").is_some_and(|name| name.to_string_lossy().starts_with("pull_request"));
    let event = env.var("GITHUB_EVENT_PATH").filter(|_| pull_request).and_then(|path| {
        let bytes = read::capped(Path::new(&path), MOST).ok()??;
        serde_json::from_slice::<Value>(&bytes).ok()
    });
    let Some(event) = event else { return false };
    let name = |repository: &Value| repository["full_name"].as_str().map(str::to_ascii_lowercase);
    let request = &event["pull_request"];
    let target = name(&request["base"]["repo"]).or_else(|| name(&event["repository"]));
    match (request.is_object(), target) {
        (true, Some(target)) => name(&request["head"]["repo"]) != Some(target),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use modelseal_http::FixedEnv;
    use serde_json::json;

    use super::*;

    fn judged(name: &str, event: &str) -> Code {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("event.json");
        std::fs::write(&path, event).unwrap();
        let path = path.display().to_string();
        reason("GitHub", &FixedEnv::from_iter([("GITHUB_EVENT_NAME", name), ("GITHUB_EVENT_PATH", &path)])).code()
    }

    fn event(head: &Value) -> String {
        let base = json!({"repo": {"full_name": "Acme/Llama"}});
        json!({"pull_request": {"head": {"repo": head}, "base": base}, "repository": {"full_name": "Acme/Llama"}})
            .to_string()
    }

    #[test]
    fn c6_a_fork_is_told_from_a_missing_permission() {
        let fork = event(&json!({"full_name": "mallory/llama", "fork": true}));
        let own = event(&json!({"full_name": "acme/llama", "fork": true}));
        assert_eq!(judged("pull_request", &fork), Code::IdentityFork);
        assert_eq!(judged("pull_request", &event(&Value::Null)), Code::IdentityFork);
        assert_eq!(judged("pull_request", &own), Code::IdentityMissing);
        assert_eq!(judged("push", &fork), Code::IdentityMissing);
        for broken in ["", "[]", "{", r#"{"pull_request":1}"#, r#"{"pull_request":{}}"#] {
            assert_eq!(judged("pull_request", broken), Code::IdentityMissing, "{broken}");
        }
        assert_eq!(reason("GitHub", &FixedEnv::default()).code(), Code::IdentityMissing);
    }

    #[test]
    fn c6_a_fork_learns_nothing_else() {
        let fork = event(&json!({"full_name": "mallory/llama"}));
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("event.json");
        std::fs::write(&path, fork).unwrap();
        let path = path.display().to_string();
        let env = FixedEnv::from_iter([("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", &path)]);
        let error = reason("GitHub", &env);
        let expected = "no identity token: this is a pull request from a fork, which GitHub gives none [identity/fork]";
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.hint(), "sign after the merge, or pass `--skip-on-fork`");
    }
}
