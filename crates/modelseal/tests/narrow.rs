//! That the module which the documentation shows does what is said of it.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

use std::time::Duration;

use modelseal::{Code, RegoNarrow, RegoStage};
use serde_json::{Value, json};

/// The only module of the page.
fn documented() -> RegoNarrow {
    let page = include_str!("../../../docs/policy-rego.md");
    let mut blocks = page.split("```rego\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let (module, None) = (blocks.next().unwrap(), blocks.next()) else { panic!("one module") };
    let named = |name: &str, text: &str| vec![(name.to_owned(), text.to_owned())];
    let data = named("teams.json", r#"{"teams": ["acme"]}"#);
    RegoNarrow::new(&RegoStage::new(named("extra.rego", module), data, Duration::from_secs(10))).unwrap()
}

fn facts() -> Value {
    json!({
        "artifact": {"name": "acme/llm-7b", "resources": [{"name": "model.safetensors"}]},
        "signature": {"verified": true},
        "identity": {"provider": "github", "github": {"event_name": "push"}},
    })
}

#[test]
fn the_documented_module_allows_what_it_names() {
    documented().judge(&facts()).unwrap();
}

#[test]
fn the_documented_module_denies_everything_else() {
    for (pointer, value) in [
        ("/artifact/name", json!("other/llm-7b")),
        ("/artifact/name", Value::Null),
        ("/signature/verified", Value::Null),
        ("/identity/provider", json!("gitlab")),
        ("/identity/github/event_name", json!("pull_request")),
        ("/identity/github", Value::Null),
    ] {
        let mut facts = facts();
        *facts.pointer_mut(pointer).unwrap() = value;
        let code = documented().judge(&facts).expect_err(pointer).code();
        assert!(matches!(code, Code::PolicyRegoDenied | Code::PolicyRegoError), "{pointer}: {code}");
    }
    let mut facts = facts();
    facts["artifact"]["resources"] = json!([{"name": "model.pkl"}]);
    let error = documented().judge(&facts).unwrap_err();
    assert_eq!(error.code(), Code::PolicyRegoDenied);
    assert!(error.message().ends_with("false: pickled weights"), "{error}");
}
