use std::time::{Duration, Instant};

use modelseal_core::{Code, Error, RegoStage, Result};
use serde_json::{Value, json};

use super::RegoNarrow;

fn stage(modules: &[&str], data: &[&str]) -> RegoStage {
    let named = |texts: &[&str], kind| {
        texts.iter().enumerate().map(|(at, text)| (format!("m{at}.{kind}"), (*text).to_owned())).collect()
    };
    RegoStage::new(named(modules, "rego"), named(data, "json"), Duration::from_millis(500))
}

/// A module of the package `model`.
fn load(rules: &str) -> Result<RegoNarrow> {
    RegoNarrow::new(&stage(&[&format!("package model\n{rules}\n")], &[]))
}

#[track_caller]
fn unloadable(rules: &str) -> Error {
    load(rules).expect_err(rules)
}

/// Loads, and is asked with `{"x": …}`.
#[track_caller]
fn judge(rules: &str, x: Value) -> Result<(), Code> {
    load(rules).unwrap_or_else(|error| panic!("{rules}: {error}")).judge(&json!({"x": x})).map_err(|error| error.code())
}

#[test]
fn only_true_itself_allows() {
    for (rules, x) in [
        ("allow if input.x == 1", json!(1)),
        ("default allow := false\nallow if input.x", json!(true)),
        ("allow := input.x == [1, {\"a\": null}]", json!([1, {"a": null}])),
        ("allow := x if { x := input.x }", json!(true)),
        ("allow := true if not input.y\n else := false\n x := input.x", json!(1)),
    ] {
        if rules.contains("not input.y") {
            assert_eq!(unloadable(rules).code(), Code::PolicyRegoFailOpen, "{rules}");
            continue;
        }
        assert_eq!(judge(rules, x), Ok(()), "{rules}");
    }
    for (rules, x) in [
        ("allow := input.x", json!("true")),
        ("allow := input.x", json!("<undefined>")),
        ("allow := input.x", json!(1)),
        ("allow := input.x", json!([true])),
        ("allow := input.x", json!({"allow": true})),
        ("allow := input.x", Value::Null),
        ("allow := input.x", json!(false)),
        ("allow := {input.x | input.x}", json!(true)),
        ("allow contains input.x", json!(true)),
        ("allow.rule := input.x\nallow.y := 1", json!(true)),
        ("allow if input.y", json!(true)),
        ("default allow := \"true\"\nallow if input.x == 1", json!(2)),
    ] {
        let found = load(rules)
            .map_or_else(|error| error.code(), |narrow| narrow.judge(&json!({"x": x})).expect_err(rules).code());
        assert!(matches!(found, Code::PolicyRegoDenied | Code::PolicyRegoFailOpen), "{rules}: {found}");
    }
}

#[test]
fn what_was_found_is_told_with_the_messages_of_deny() {
    let narrow = load(
        "allow if { input.x == 1; count(deny) == 0 }
         deny contains msg if { input.x != 1; msg := sprintf(\"x is %v\", [input.x]) }
         deny contains {\"no\": \"text\"} if input.x != 1",
    )
    .unwrap();
    assert!(narrow.judge(&json!({"x": 1})).is_ok());
    let error = narrow.judge(&json!({"x": "\u{1b}[2J\n\u{202e}"})).unwrap_err();
    assert_eq!(error.code(), Code::PolicyRegoDenied);
    assert!(error.message().contains("data.model.allow is undefined: x is \\u{1b}[2J\\n\\u{202e}"), "{error}");
    assert!(!error.message().contains("text"), "{error}");

    let many = load(
        "allow if input.x == 1\ndeny contains concat(\"\", [\"m\" | some i in numbers.range(0, n)]) if some n in numbers.range(100, 900)",
    );
    let error = many.unwrap().judge(&json!({})).unwrap_err();
    assert_eq!(error.message().matches("; ").count(), 9, "{error}");
    assert!(error.message().len() < 2500);
    let said =
        load("default allow := false\nallow if input.x == 1\ndeny := \"no\"").unwrap().judge(&json!({})).unwrap_err();
    assert_eq!(said.message(), "the Rego modules do not allow the artifact: data.model.allow is false");
}

#[test]
fn what_allows_without_facts_is_not_loaded() {
    for rules in [
        "allow := true",
        "default allow := true",
        "allow if not input.identity",
        "allow if count(deny) == 0\ndeny contains \"fork\" if input.identity.github.event_name == \"pull_request\"",
        "allow if input == {}",
        "allow if input.identity.provider == null",
        "allow if not input.artifact.name",
        "allow if input.artifact.name != \"bad\"",
        "allow if every r in input.evidence { r.bound }",
        "allow if not startswith(data.x, \"y\")",
    ] {
        let error = unloadable(rules);
        assert_eq!(error.code(), Code::PolicyRegoFailOpen, "{rules}: {error}");
    }
}

#[test]
fn modules_that_can_only_deny_are_not_loaded() {
    for rules in [
        "deny contains \"x\" if input.x",
        "allow(x) := true",
        "default allow(x) := true",
        "allowed if input.x",
        "allow[\"x\"] if input.x",
    ] {
        assert_eq!(unloadable(rules).code(), Code::PolicyRegoFailOpen, "{rules}");
    }
    let other = RegoNarrow::new(&stage(&["package other\nallow if input.x"], &[])).unwrap_err();
    assert_eq!(other.code(), Code::PolicyRegoFailOpen);
    let below = RegoNarrow::new(&stage(&["package model.allow\nrule if input.x"], &[])).unwrap_err();
    assert_eq!(below.code(), Code::PolicyRegoFailOpen);
    assert_eq!(RegoNarrow::new(&stage(&[], &[])).unwrap_err().code(), Code::PolicyRegoFailOpen);
}

#[test]
fn what_does_not_compile_is_named_with_its_place() {
    for (rules, place) in [
        ("allow if { input.x = ", "m0.rego:2:"),
        ("allow if foo == 1", "m0.rego:2:10"),
        ("allow if input.x\nallow if nosuch.function(1)", "`m0.rego`:3:10: there is no function nosuch.function"),
        ("allow if input.x\nallow if nosuch(1)", "`m0.rego`:3:10: there is no function nosuch"),
        ("allow() := input.x", "`m0.rego`:2:"),
        ("allow if $\"{input.x}\" == \"x\"", "m0.rego:2:10"),
        ("allow { input.x }", "m0.rego:2:"),
    ] {
        let error = unloadable(rules);
        assert_eq!(error.code(), Code::PolicySyntax, "{rules}: {error}");
        assert!(error.message().contains(place), "{rules}: {error}");
        assert!(!error.message().contains('\n') && error.message().len() < 500);
    }
    for text in ["", "allow := true", "package", "package model\nallow if input.x\u{0}\nallow := false", "{}"] {
        let error = RegoNarrow::new(&stage(&[text], &[])).unwrap_err();
        assert_eq!(error.code(), Code::PolicySyntax, "{text:?}: {error}");
    }
    let long = format!("package model\nallow if input.x == \"{}\"\n", "x".repeat(2000));
    assert_eq!(RegoNarrow::new(&stage(&[&long], &[])).unwrap_err().code(), Code::PolicySyntax);
}

#[test]
fn a_decision_rests_on_nothing_but_the_facts() {
    for call in [
        "time.now_ns() > 0",
        "time[\"now_ns\"]() > 0",
        "time[\"now\\u005fns\"]() > 0",
        "rand.intn(\"x\", 2) == 1",
        "http.send({\"url\": \"https://x.example\", \"method\": \"get\"})",
        "opa.runtime().env.HOME",
        "uuid.rfc4122(\"x\")",
        "[1 | y := {\"a\": [time.now_ns()]}; y.a]",
        "every x in [1] { rand.intn(\"x\", x) == 0 }",
        "input.x with time.now_ns as 1",
        "count(input.x) == 1 with count as time.now_ns",
        "input.x with input.y as opa.runtime()",
    ] {
        for rules in [
            format!("allow if {{ input.x; {call} }}"),
            format!("allow if input.x\nf(x) := 1 if {{ x; {call} }}"),
            format!("allow if input.x\n else := true if {call}"),
            format!("allow if input.x\nother contains 1 if {call}"),
        ] {
            let error = unloadable(&rules);
            assert_eq!(error.code(), Code::PolicySyntax, "{rules}: {error}");
            assert!(error.message().contains("not to be used"), "{rules}: {error}");
        }
    }
    let named = unloadable("allow if time.date([1, \"Local\"])[0] == 2026");
    assert_eq!((named.code(), named.message().contains("time zone")), (Code::PolicySyntax, true), "{named}");
    let unused = "# time.now_ns()\nallow if input.x == \"time.now_ns()\"\ny := time.date([0, \"UTC\"])[0]";
    assert_eq!(judge(unused, json!("time.now_ns()")), Ok(()));
}

#[test]
fn the_time_is_that_of_the_decision() {
    let rules = "allow if time.parse_rfc3339_ns(input.x) < time.parse_rfc3339_ns(\"2027-01-01T00:00:00Z\")";
    assert_eq!(judge(rules, json!("2026-11-21T00:00:00Z")), Ok(()));
    assert_eq!(judge(rules, json!("2027-11-21T00:00:00Z")), Err(Code::PolicyRegoDenied));
}

#[test]
fn functions_that_call_themselves_are_not_loaded() {
    for rules in [
        "f(x) := f(x + 1)",
        "f(x) := g(x)\ng(x) := f(x)",
        "f(x) := data.model.f(x)",
        "f(x) := data[\"model\"].f(x)",
        "f(x) := count([y | y := f(x)])",
        "f(x) := y if { every z in [x] { f(z) }; y := 1 }",
        "f(x) := 1 if not f(x)",
        "f(x) := 1 if { some i in [f(x)]; i }",
        "f(x) := y if { y := h(x) with h as f }\nh(x) := x",
        "f(x) := 1 if x == 0\n else := f(x - 1)",
        "f(0) := 1\nf(x) := f(x - 1)",
        "default f(x) := 1\nf(x) := f(x - 1)",
    ] {
        let error = unloadable(&format!("allow if f(input.x) == 1\n{rules}"));
        assert_eq!(error.code(), Code::PolicySyntax, "{rules}: {error}");
        assert!(error.message().contains("calls itself"), "{rules}: {error}");
    }
    let imported = [
        "package model\nimport data.lib.up as u\nallow if u(input.x)\ndown(x) := u(x)",
        "package lib\nimport data.model\nup(x) := model.down(x)",
    ];
    let error = RegoNarrow::new(&stage(&imported, &[])).unwrap_err();
    assert!(error.message().contains("calls itself"), "{error}");
    // A name of another package, or of a variable, is no circle.
    let other =
        ["package model\nallow if f(input.x)\nf(x) := data.lib.f(x)", "package lib\nf(f) := g if { g := f == 1 }"];
    assert!(RegoNarrow::new(&stage(&other, &[])).unwrap().judge(&json!({"x": 1})).is_ok());
}

#[test]
fn rules_in_a_circle_deny() {
    for rules in ["a := b\nb := a\nallow if { input.x; a }", "allow if { input.x; f(1) }\nf(x) := allow"] {
        assert_eq!(judge(rules, json!(1)), Err(Code::PolicyRegoError), "{rules}");
    }
}

#[test]
fn failures_deny() {
    for (rules, x) in [
        ("allow if 1 / input.x == 1", json!(0)),
        ("allow if { is_number(input.x); not 1 / input.x == 1 }", json!(0)),
        ("allow if { is_number(input.x); not count(input.x) == 1 }", json!(0)),
        ("allow := true if input.x\nallow := false if input.x", json!(1)),
        ("allow if input.x == f(input.x)\nf(x) := 1\nf(x) := 2", json!(1)),
        ("allow if bits.lsh(1, 99999999999999999999) == input.x", json!(1)),
        ("allow if regex.match(input.x, \"a\")", json!("(a{1000}){1000}")),
    ] {
        let found = judge(rules, x);
        assert!(matches!(found, Err(Code::PolicyRegoError | Code::PolicyRegoDenied)), "{rules}: {found:?}");
    }
}

#[test]
fn a_decision_ends() {
    for rules in [
        "allow if { some i in numbers.range(0, 9999); some j in numbers.range(0, 9999); i * j == input.x }",
        "allow if { y := [[i, j] | some i in numbers.range(0, 9999); some j in numbers.range(0, 9999)]; count(y) == input.x }",
        "a contains i if { some i in numbers.range(0, 99999); some j in numbers.range(0, 9999); j < 0 }\nallow if count(a) == input.x",
        "f(x) := y if { some y in numbers.range(0, 99999); some z in numbers.range(0, 99999); y + z == x }\nallow if f(input.x) == 1",
    ] {
        let mut stage = stage(&[&format!("package model\n{rules}\n")], &[]);
        stage.timeout = Duration::from_millis(50);
        let started = Instant::now();
        let error = RegoNarrow::new(&stage).unwrap().judge(&json!({"x": -1})).unwrap_err();
        assert_eq!(error.code(), Code::PolicyRegoError, "{rules}: {error}");
        assert!(error.message().contains("time limit"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10), "{rules}");
    }
}

#[test]
fn ranges_have_an_end() {
    for range in [
        "numbers.range(0, 9223372036854775806)",
        "numbers.range(-9223372036854775807, 9223372036854775807)",
        "numbers.range(0, 1000000000000)",
        "numbers.range_step(0, 1000000000000, 1)",
        "numbers.range_step(0, 10, 0)",
        "numbers.range_step(0, 10, -1)",
        "numbers.range(0, 1.5)",
        "numbers.range(0, \"1\")",
    ] {
        let rules = format!("allow if count({range}) > input.x");
        assert_eq!(judge(&rules, json!(0)), Err(Code::PolicyRegoError), "{range}");
    }
    let rules = "allow if [numbers.range(1, 3), numbers.range(1, -1), numbers.range_step(0, 7, 3), numbers.range_step(7, 0, 3)] == input.x";
    assert_eq!(judge(rules, json!([[1, 2, 3], [1, 0, -1], [0, 3, 6], [7, 4, 1]])), Ok(()));
}

#[test]
fn no_module_ends_the_process() {
    let nested = |open: &str, close: &str, times: usize| {
        format!("allow if input.x\ny := {}1{}", format!("{open}\n").repeat(times), format!("{close}\n").repeat(times))
    };
    let chained =
        |link: &str, times: usize| format!("allow if input.x == 1\ny := 1{}", format!("\n{link}").repeat(times));
    let stacked = |rule: &dyn Fn(usize) -> String, times: usize| (0..times).map(rule).collect::<String>();
    for rules in [
        nested("[", "]", 17),
        nested("{", "}", 17),
        nested("(", ")", 5000),
        nested("{1:", "}", 5000),
        nested("f(", ")", 5000),
        nested("input[", "]", 5000),
        nested("[y | y := ", "]", 5000),
        chained("+ 1", 15000),
        chained("+ count([1])", 15000),
        chained("| {1}", 15000),
        chained("- -1", 15000),
        format!("allow if input{}", ".a".repeat(500).as_str()).replace(".a.a.a.a", ".a.a.a.a\n"),
        format!("allow if {{\n{}true{}\n}}", "every x in [1] {\n".repeat(5000), "}".repeat(5000)),
        format!("allow if input.x\n{}", stacked(&|at| format!("r{at} := r{}\n", at + 1), 1500)),
        format!("allow if input.x\n{}", stacked(&|at| format!("f{at}(x) := f{}(x)\n", at + 1), 1500)),
        format!("allow if input.x\n{}", stacked(&|at| format!("# {at}\n"), 30_000)),
    ] {
        let shown: String = rules.chars().take(60).collect();
        let error = unloadable(&rules);
        assert_eq!(error.code(), Code::PolicySyntax, "{shown}: {error}");
    }
    // As much as is let pass.
    let links = "\n+ 1".repeat(999);
    for rules in [
        format!("{}r998 := input.x\nallow if r0 == 1", stacked(&|at| format!("r{at} := r{}\n", at + 1), 998)),
        format!(
            "{}f998(x) := x\nallow if f0(input.x) == 1",
            stacked(&|at| format!("f{at}(x) := f{}(x)\n", at + 1), 998)
        ),
        format!("allow if input.x == 1\ny := 1{links}"),
        format!(
            "allow if input.x == 1{links}{}",
            links.replace('+', "-").replacen("- 1", "- 0", 1).replacen("- 0", "- 1", 1)
        ),
        format!("allow if input.x == 1\n{}", " else := false if input.x == 2\n".repeat(5000)),
        format!("allow if input.x == 1 {}", "with input.z as 1\n".repeat(2000)),
    ] {
        let shown: String = rules.chars().take(60).collect();
        match load(&rules) {
            Ok(narrow) => assert!(
                narrow.judge(&json!({"x": 1})).map_err(|error| error.code()) != Err(Code::PolicySyntax),
                "{shown}"
            ),
            Err(error) => assert_eq!(error.code(), Code::PolicySyntax, "{shown}: {error}"),
        }
    }
    let deep = "allow if json.unmarshal(concat(\"\", [\"[\" | some i in numbers.range(1, 99999)])) == input.x";
    assert_eq!(judge(deep, json!(1)), Err(Code::PolicyRegoError));
}

#[test]
fn data_are_strict() {
    let allow = "package model\nallow if input.x in data.names";
    let narrow = RegoNarrow::new(&stage(&[allow], &[r#"{"names": ["a"]}"#, r#"{"other": {"b": 1.5}}"#])).unwrap();
    assert!(narrow.judge(&json!({"x": "a"})).is_ok());
    assert_eq!(narrow.judge(&json!({"x": "b"})).unwrap_err().code(), Code::PolicyRegoDenied);
    for data in [
        r#"{"names": ["a"], "names": ["b"]}"#,
        r#"["a"]"#,
        "null",
        "",
        "{",
        r#"{"model": {"allow": true}}"#,
        r#"{"model": {"allow": false}}"#,
        &format!("{{\"a\": {}1{}}}", "[".repeat(200), "]".repeat(200)),
    ] {
        let error = RegoNarrow::new(&stage(&[allow], &[data])).unwrap_err();
        assert_eq!(error.code(), Code::PolicySyntax, "{data}: {error}");
    }
    let twice = RegoNarrow::new(&stage(&[allow], &[r#"{"names": ["a"]}"#, r#"{"names": ["b"]}"#])).unwrap_err();
    assert_eq!(twice.code(), Code::PolicySyntax, "{twice}");
}

#[test]
fn modules_have_a_largest_size() {
    let padding = format!("# {}\n", "x".repeat(900)).repeat(1200);
    let module = format!("package model\nallow if input.x\n{padding}");
    for modules in [vec![module.as_str()], vec![&module[..module.len() / 2]; 3]] {
        let error = RegoNarrow::new(&stage(&modules, &[])).unwrap_err();
        assert_eq!(error.code(), Code::PolicySyntax);
        assert!(error.message().contains("1048576"), "{error}");
    }
}

#[test]
fn any_thread_may_ask() {
    let narrow = load("allow if input.x % 2 == 0").unwrap();
    std::thread::scope(|scope| {
        for x in 0..8 {
            let narrow = &narrow;
            scope.spawn(move || {
                for _ in 0..10 {
                    assert_eq!(narrow.judge(&json!({"x": x})).is_ok(), x % 2 == 0);
                }
            });
        }
    });
}
