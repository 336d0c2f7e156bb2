//! Second opinions of a real Open Policy Agent, and that modules mean the same here and there.

use std::time::Duration;

use modelseal::http::FixedEnv;
use modelseal::{Code, Error, OpaNarrow, OpaStage, RegoNarrow, RegoStage};
use serde_json::{Value, json};

use crate::support::opa::Opa;

const PATIENCE: Duration = Duration::from_secs(30);

const MODULE: &str = "package model\ndefault allow := false\nallow if input.x == 1\nmaybe if input.x == 1\n";

fn stage(address: &str, path: &str) -> OpaStage {
    OpaStage::new(format!("{address}{path}"), PATIENCE)
}

fn ask(stage: &OpaStage, document: &Value) -> Result<(), Error> {
    OpaNarrow::new(stage, &modelseal::http::Hooks::default(), &FixedEnv::default())?.judge(document)
}

#[track_caller]
fn refusal(stage: &OpaStage, document: &Value) -> (Code, String) {
    let error = ask(stage, document).expect_err(&stage.url);
    (error.code(), format!("{} ({})", error.message(), error.hint()))
}

#[test]
fn a_server_decides() {
    let Some(opa) = Opa::start(&[("model.rego", MODULE)], &[]) else { return };
    let at = |path: &str| stage(&opa.address, path);
    for path in ["/v1/data/model/allow", "/v1/data/model/maybe"] {
        ask(&at(path), &json!({"x": 1})).unwrap();
    }
    for (path, words) in [
        ("/v1/data/model/allow", "false"),
        ("/v1/data/model/maybe", "undefined"),
        ("/v1/data/model/alow", "undefined"),
        ("/v1/data/nowhere", "undefined"),
        ("/v1/data/model", "package"),
    ] {
        let (code, message) = refusal(&at(path), &json!({"x": 2}));
        assert_eq!(code, Code::PolicyOpaDenied, "{path}: {message}");
        assert!(message.contains(words), "{path}: {message}");
    }
    // A package in which `allow` is true is no `true` either.
    assert_eq!(refusal(&at("/v1/data/model"), &json!({"x": 1})).0, Code::PolicyOpaDenied);
    // No input at all is undefined, too.
    assert_eq!(refusal(&at("/v1/data/model/maybe"), &Value::Null).0, Code::PolicyOpaDenied);
}

#[test]
fn a_server_that_fails_allows_nothing() {
    let conflict = "package model\nallow := true if input.x\nallow := false if input.x\n";
    let Some(opa) = Opa::start(&[("model.rego", conflict)], &[]) else { return };
    let (code, message) = refusal(&stage(&opa.address, "/v1/data/model/allow"), &json!({"x": 1}));
    assert_eq!(code, Code::PolicyOpaUnavailable, "{message}");
    assert!(message.contains("status 500"), "{message}");

    let address = opa.address.clone();
    drop(opa);
    assert_eq!(refusal(&stage(&address, "/v1/data/model/allow"), &json!({"x": 1})).0, Code::PolicyOpaUnavailable);
}

#[test]
fn redirects_and_other_answers_of_a_server_do_not_count() {
    let Some(opa) = Opa::start(&[("model.rego", "package model\nallow := true\n")], &[]) else { return };
    for path in ["/v1/data/model/allow/", "/v1/data/", "/v0/data/model/allow", "/v1/policies"] {
        assert_eq!(refusal(&stage(&opa.address, path), &json!({})).0, Code::PolicySyntax, "{path}");
    }
    let message = refusal(&stage(&opa.address, "/v1/data/../data/model/allow"), &json!({}));
    assert_eq!(message.0, Code::PolicySyntax, "{message:?}");
}

#[test]
fn a_server_is_believed_when_its_authority_is() {
    let Some(opa) = Opa::with_tls(&[("model.rego", MODULE)]) else { return };
    let [ca, other] = opa.authorities.as_ref().unwrap().clone().map(|path| std::fs::read_to_string(path).unwrap());
    let mut stage = stage(&opa.address, "/v1/data/model/allow");
    for wrong in [None, Some(other)] {
        stage.ca_pem = wrong;
        assert_eq!(refusal(&stage, &json!({"x": 1})).0, Code::PolicyOpaUnavailable);
    }
    stage.ca_pem = Some(ca);
    ask(&stage, &json!({"x": 1})).unwrap();
    // The same port without TLS.
    stage.url = stage.url.replace("https", "http");
    assert_eq!(refusal(&stage, &json!({"x": 1})).0, Code::PolicyOpaUnavailable);
}

#[test]
fn a_server_may_want_a_token() {
    let authorization = "package system.authz\ndefault allow := false\nallow if input.identity == \"pl4nted\"\n";
    let files = [("model.rego", MODULE), ("authz.rego", authorization)];
    let Some(opa) = Opa::start(&files, &["--authentication", "token", "--authorization", "basic"]) else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let mut stage = stage(&opa.address, "/v1/data/model/allow");
    assert_eq!(refusal(&stage, &json!({"x": 1})).0, Code::PolicyOpaUnavailable);
    stage.token_file = Some(file.clone());
    std::fs::write(&file, "other").unwrap();
    let (code, message) = refusal(&stage, &json!({"x": 1}));
    assert!(code == Code::PolicyOpaUnavailable && message.contains("token_file"), "{message}");
    std::fs::write(&file, "pl4nted\n").unwrap();
    ask(&stage, &json!({"x": 1})).unwrap();
    let (code, message) = refusal(&stage, &json!({"x": 2}));
    assert!(code == Code::PolicyOpaDenied && !message.contains("pl4nted"), "{message}");
}

/// What comes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Allow,
    Deny,
    /// Not decided: an error here, status 500 there.
    Fail,
}
use Verdict::{Allow, Deny, Fail};

fn verdict(answer: Result<(), Error>) -> Verdict {
    match answer.map_err(|error| error.code()) {
        Ok(()) => Allow,
        Err(Code::PolicyRegoDenied | Code::PolicyOpaDenied) => Deny,
        Err(Code::PolicyRegoError | Code::PolicyOpaUnavailable) => Fail,
        Err(other) => panic!("{other}"),
    }
}

/// Rules of the package `model`, an `input.x`, what both say of it.
const SAME: &[(&str, &str, Verdict)] = &[
    ("allow if input.x == 1", "1", Allow),
    ("allow if input.x == 1", "2", Deny),
    ("allow if input.x", "null", Allow),
    ("allow if input.x == true", "null", Deny),
    ("allow if input.x == 1", "1.0", Allow),
    ("allow if input.x == 1", "\"1\"", Deny),
    ("allow if input.x == 9007199254740993", "9007199254740993", Allow),
    ("allow if input.x == 9007199254740993", "9007199254740992", Deny),
    ("allow := input.x", "true", Allow),
    ("allow := input.x", "\"true\"", Deny),
    ("allow := input.x", "[true]", Deny),
    ("allow contains input.x", "true", Deny),
    ("allow.rule := input.x", "true", Deny),
    ("default allow := false\nallow if input.misspelt", "1", Deny),
    ("allow := true if input.x\nallow := false if input.x", "1", Fail),
    ("allow if f(input.x) == 1\nf(x) := 1 if x > 0\nf(x) := 2 if x > 1", "1", Allow),
    ("allow if f(input.x) == 1\nf(x) := 1 if x > 0\nf(x) := 2 if x > 1", "2", Fail),
    ("allow if input.x in {\"a\", \"b\"}", "\"b\"", Allow),
    ("allow if input.x in {\"a\", \"b\"}", "\"c\"", Deny),
    ("allow if { count(input.x) > 0; every r in input.x { r.ok } }", "[{\"ok\": true}, {\"ok\": 1}]", Allow),
    ("allow if { count(input.x) > 0; every r in input.x { r.ok } }", "[{\"ok\": true}, {\"ok\": false}]", Deny),
    ("allow if { count(input.x) > 0; every r in input.x { r.ok } }", "[{\"ok\": true}, {}]", Deny),
    ("allow if { some r in input.x; r.kind == \"scan\"; not r.failed }", "[{\"kind\": \"scan\"}]", Allow),
    (
        "allow if { some r in input.x; r.kind == \"scan\"; not r.failed }",
        "[{\"kind\": \"scan\", \"failed\": true}]",
        Deny,
    ),
    ("allow if glob.match(\"v*\", [], input.x)", "\"v1.2.3\"", Deny),
    ("allow if glob.match(\"v*\", [\"/\"], input.x)", "\"v1.2.3\"", Allow),
    ("allow if glob.match(\"acme/*\", [], input.x)", "\"acme/x/y\"", Allow),
    ("allow if glob.match(\"acme/*\", [\"/\"], input.x)", "\"acme/x/y\"", Deny),
    ("allow if glob.match(\"acme/*\", [\"/\"], input.x)", "\"acme/x\"", Allow),
    ("allow if glob.match(\"acme/**\", [\"/\"], input.x)", "\"acme/x/y\"", Allow),
    ("allow if regex.match(\"acme/x\", input.x)", "\"evil/acme/x-fork\"", Allow),
    ("allow if regex.match(\"^acme/x$\", input.x)", "\"evil/acme/x-fork\"", Deny),
    ("allow if regex.match(\"^acme/x$\", input.x)", "\"acme/x\\n\"", Deny),
    ("allow if startswith(input.x, \"acme/\")", "\"acme/x\"", Allow),
    ("allow if lower(input.x) == \"production\"", "\"Production\"", Allow),
    ("allow if split(input.x, \"/\")[0] == \"acme\"", "\"acme/x\"", Allow),
    ("allow if { x := input.x; x.a[0].b == \"c\" }", "{\"a\": [{\"b\": \"c\"}]}", Allow),
    ("allow if object.get(input.x, \"a\", 0) == 0", "{\"a\": null}", Deny),
    ("allow if object.get(input.x, \"a\", 0) == 0", "{\"b\": null}", Allow),
    ("allow if { is_number(input.x); input.x < \"a\" }", "1", Allow),
    ("allow if { input.x; null < input.x }", "true", Allow),
    (
        "allow if time.parse_rfc3339_ns(input.x) < time.parse_rfc3339_ns(\"2027-01-01T00:00:00Z\")",
        "\"2026-11-21T00:00:00Z\"",
        Allow,
    ),
    (
        "allow if time.parse_rfc3339_ns(input.x) < time.parse_rfc3339_ns(\"2027-01-01T00:00:00Z\")",
        "\"2027-11-21T00:00:00+01:00\"",
        Deny,
    ),
    ("allow if { [1, y] = input.x; y == 2 }", "[1, 2]", Allow),
    ("allow if sum([y | some y in input.x]) == 6", "[1, 2, 3]", Allow),
    ("allow if { y := {z | some z in input.x}; y == {1, 2} }", "[2, 1, 2]", Allow),
    ("allow if input.x == 1 with input.x as 1\n", "2", Allow),
    ("allow if { input.x == 2; helper with input.x as 1 }\nhelper if input.x == 1", "2", Allow),
    ("allow if input.x == 2\n else := false if input.x == 1\n else := true if input.x == 0", "0", Allow),
    ("allow if input.x == 2\n else := false if input.x == 1\n else := true if input.x == 0", "1", Deny),
    ("allow if numbers.range(1, input.x) == [1, 2, 3]", "3", Allow),
    ("allow if input.x in data.trusted.names", "\"a\"", Allow),
    ("allow if input.x in data.trusted.names", "\"b\"", Deny),
    ("allow if input.x % 2 == 0", "4", Allow),
];

/// The same with what is said here, then there.
const DIFFERENT: &[(&str, &str, Verdict, Verdict)] = &[
    // An argument of the wrong kind and a division by zero are errors here, undefined there.
    ("allow if 1 / input.x == 1", "0", Fail, Deny),
    ("allow if 1 % input.x == 0", "0", Fail, Deny),
    ("allow if { is_number(input.x); not 1 / input.x == 1 }", "0", Fail, Deny),
    ("allow if startswith(input.x, \"a\")", "1", Fail, Deny),
    ("allow if count(input.x) == 1", "1", Fail, Deny),
    ("allow if input.x + 1 == 2", "\"1\"", Fail, Deny),
    ("allow if { is_number(input.x); not startswith(input.x, \"a\") }", "0", Fail, Allow),
    // Fractions are binary here, decimal there.
    ("allow if input.x * 3 == 0.3", "0.1", Deny, Allow),
    // The one where less is refused here: OPA looks the argument up before the `not`.
    ("allow if { input.x; not startswith(input.y, \"a\") }", "1", Allow, Deny),
];

#[test]
fn modules_mean_the_same_here_and_there() {
    let Some(opa) = Opa::start(&[], &[]) else { return };
    let names = json!({"names": ["a"]});
    assert_eq!(opa.put("/v1/data/trusted", &names.to_string()), 204);
    let same = SAME.iter().map(|&(rules, x, verdict)| (rules, x, verdict, verdict));
    let mut wrong = Vec::new();
    for (rules, x, here, there) in same.chain(DIFFERENT.iter().copied()) {
        let module = format!("package model\n{rules}\n");
        let input = json!({"x": serde_json::from_str::<Value>(x).unwrap()});
        let data = json!({"trusted": names}).to_string();
        let named = |name: &str, text: String| vec![(name.to_owned(), text)];
        let stage_here = RegoStage::new(named("m.rego", module.clone()), named("d.json", data), PATIENCE);
        let found_here = match RegoNarrow::new(&stage_here) {
            Ok(narrow) => verdict(narrow.judge(&input)),
            // Both would allow without any fact; OPA says so when it is asked.
            Err(error) if error.code() == Code::PolicyRegoFailOpen => here,
            Err(error) => panic!("{rules}: {error}"),
        };
        assert_eq!(opa.put("/v1/policies/m", &module), 200, "{rules}");
        let found_there = verdict(ask(&stage(&opa.address, "/v1/data/model/allow"), &input));
        opa.delete("/v1/policies/m");
        if (found_here, found_there) != (here, there) {
            wrong.push(format!("{rules} with {x}: {found_here:?} here, {found_there:?} there"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_not_loaded_here_is_not_loaded_there() {
    let Some(opa) = Opa::start(&[], &[]) else { return };
    for rules in [
        "allow if { input.x = ",
        "allow if foo == 1",
        "allow if nosuch(input.x)",
        "allow { input.x }",
        "allow if f(input.x)\nf(x) := f(x + 1)",
        "allow if f(input.x)\nf(x) := g(x)\ng(x) := f(x)",
        "allow if rand.intn(input.x)",
    ] {
        let module = format!("package model\n{rules}\n");
        assert_eq!(opa.put("/v1/policies/m", &module), 400, "{rules}");
        let stage = RegoStage::new(vec![("m.rego".to_owned(), module)], Vec::new(), PATIENCE);
        assert_eq!(RegoNarrow::new(&stage).unwrap_err().code(), Code::PolicySyntax, "{rules}");
    }
}

#[test]
fn a_module_that_allows_without_facts_does_so_in_opa() {
    let rules =
        "allow if count(deny) == 0\ndeny contains \"no\" if input.identity.github.event_name == \"pull_request\"";
    let module = format!("package model\n{rules}\n");
    let Some(opa) = Opa::start(&[("model.rego", &module)], &[]) else { return };
    ask(&stage(&opa.address, "/v1/data/model/allow"), &json!({})).unwrap();
    let stage = RegoStage::new(vec![("m.rego".to_owned(), module)], Vec::new(), PATIENCE);
    assert_eq!(RegoNarrow::new(&stage).unwrap_err().code(), Code::PolicyRegoFailOpen);
}
