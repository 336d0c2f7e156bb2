//! Policies that are bad, and files around them: each refused with its own code and its line, before any decision.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::shop::{KEY, KEY_ONLY, RULE, Shop, after, rule, strict};
use crate::support::{Run, assert_tame, run};

/// Asserts the code, and that the first line of the message names a line of the policy.
#[track_caller]
fn refused(shop: &Shop, text: &str, code: &str) -> Run {
    let run = shop.check(text, &[]);
    let json = run.refused(2, code);
    let message = json["message"].as_str().unwrap_or_default();
    assert!(message.contains("line "), "no line: {message}\n{text}");
    assert!(message.len() < 600, "{} bytes: {message}", message.len());
    assert_tame(&run);
    // No other command decides anything with it.
    let verified = shop.verify(&[]);
    assert_eq!(verified.status, Some(2), "{text}\n{}", verified.text());
    run
}

/// A policy with these lines at its top.
fn top(lines: &str) -> String {
    format!("{lines}{}", after(""))
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    let shop = Shop::signed();
    let unknown = "policy/unknown-field";
    for text in [
        top("unknown = 1\n"),
        top("Version = 1\n"),
        top("rules = []\n"),
        after("").replace("name = \"k\"", "name = \"k\"\nnot_befor = 2026-01-01T00:00:00Z"),
        rule("identity = \"key-only\"\nmodel = [\"acme/*\"]\n"),
        rule("identity = \"key-only\"\n[rule.freshnes]\nmax_age = \"1d\"\n"),
        rule("identity = \"key-only\"\n[rule.freshness]\nmax_age = \"1d\"\nmin_age = \"1d\"\n"),
        rule("identity = \"key-only\"\n[rule.files]\nformat = [\"json\"]\n"),
        strict("evnt_name = [\"push\"]\n"),
        strict("[rule.githb]\n"),
        strict("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"k\"]\nfield = { \"/a\" = [1] }\n"),
        after("[[revoked]]\nfiles = \"x\"\nreason = \"x\"\n"),
        after("[rego]\nmodules = [\"a.rego\"]\nmodule = \"x\"\n"),
        after("[opa]\nurl = \"https://opa/v1/data/a\"\ninsecure = true\n"),
        after("[[certificate]]\nname = \"c\"\nroots = [\"r.pem\"]\nsan = [\"s\"]\nsans = [\"s\"]\n"),
        after("[[rules]]\n"),
        // In the wrong table.
        format!("{KEY}{KEY_ONLY}{RULE}"),
        after("[defaults]\nidentity = \"key-only\"\n"),
    ] {
        refused(&shop, &text, unknown);
    }
}

#[test]
fn empty_lists_are_refused_wherever_a_list_stands() {
    let shop = Shop::signed();
    shop.sandbox.write("a.rego", b"package model\n");
    for text in [
        top("revocation_files = []\n"),
        after("").replace("[\"acme/*\"]", "[]"),
        after("").replace("[\"k\"]", "[]"),
        rule("identity = \"key-only\"\ndigests = []\n"),
        rule("identity = \"key-only\"\nhash = []\n"),
        rule("identity = \"key-only\"\nmethod = []\n"),
        rule("identity = \"key-only\"\n[rule.files]\nformats = []\n"),
        rule("identity = \"key-only\"\n[rule.files]\nignored_paths = []\n"),
        rule("identity = \"key-only\"\n[rule.files]\ndanger_allow_unsigned = []\n"),
        rule("[rule.github]\nrepository_id = []\n"),
        strict("event_name = []\n"),
        strict("environment = []\n"),
        strict("repo_property = {}\n"),
        strict("repo_property = { team = [] }\n"),
        rule("[rule.gitlab]\nproject_id = []\n"),
        rule("[rule.oidc]\nissuer = \"https://i.example\"\nclaims = {}\n"),
        rule("[rule.oidc]\nissuer = \"https://i.example\"\nclaims = { a = [] }\n"),
        strict("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = []\n"),
        strict("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"k\"]\nfields = {}\n"),
        strict("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"k\"]\nfields = { \"/a\" = [] }\n"),
        after("[rego]\nmodules = []\n"),
        after("[rego]\nmodules = [\"a.rego\"]\ndata = []\n"),
        after("[[certificate]]\nname = \"c\"\nroots = []\nsan = [\"s\"]\n"),
        format!("revoked = []\n{}", after("")),
        format!("version = 1\nrule = []\n{}", KEY.replace("version = 1\n", "")),
        format!("version = 1\nkey = []\n{RULE}{KEY_ONLY}"),
    ] {
        refused(&shop, &text, "policy/empty-list");
    }
}

#[test]
fn patterns_that_mean_more_than_a_name_are_refused() {
    let shop = Shop::signed();
    for glob in ["**", "acme/**", "a**b", "acme/?", "[a-z]/x", "{a,b}/x", "acme\\\\*"] {
        refused(&shop, &after("").replace("acme/*", glob), "policy/bad-glob");
        refused(&shop, &strict(&format!("ref = [\"{glob}\"]\n")), "policy/bad-glob");
        refused(&shop, &rule(&format!("{KEY_ONLY}[rule.files]\nignored_paths = [\"{glob}\"]\n")), "policy/bad-glob");
    }
}

#[test]
fn rules_without_an_id_that_stays_are_refused() {
    let shop = Shop::signed();
    for table in [
        "[rule.github]\n",
        "[rule.github]\nrepository = [\"acme/llm\"]\n",
        "[rule.github]\nrepository_owner = [\"acme\"]\nevent_name = [\"push\"]\n",
        "[rule.github]\nrepository_owner_id = [\"65\"]\n",
        "[rule.github]\nenterprise_id = [\"65\"]\n",
        "[rule.github]\njob_workflow_ref = [\"acme/ci/.github/workflows/sign.yml@refs/tags/v1\"]\n",
        "[rule.github]\nsha = [\"0123456789abcdef0123456789abcdef01234567\"]\n",
        "[rule.gitlab]\nnamespace_id = [\"1\"]\n",
        "[rule.gitlab]\nproject_path = [\"acme/llm\"]\n",
        "[rule.gitlab]\nci_config_ref_uri = [\"gitlab.com/a/b//c@refs/heads/main\"]\n",
        "[rule.kubernetes]\nnamespace = [\"ml\"]\nservice_account = [\"sign\"]\n",
        "[rule.kubernetes]\nissuer = \"https://c.example\"\nservice_account = [\"sign\"]\n",
        "[rule.kubernetes]\nissuer = \"https://c.example\"\nnamespace = [\"ml\"]\n",
    ] {
        refused(&shop, &rule(table), "policy/no-immutable-id");
    }
}

#[test]
fn claims_that_a_job_chooses_are_refused() {
    let shop = Shop::signed();
    for claim in ["sub", "actor", "workflow", "head_ref", "base_ref", "run_id", "jti", "actor_id", "triggering_actor"] {
        let run = shop.check(&strict(&format!("{claim} = [\"x\"]\n")), &[]);
        let code = run.json()["code"].as_str().unwrap().to_owned();
        // A name that nobody gives to a claim is merely unknown.
        assert!(["policy/claim-not-enforceable", "policy/unknown-field"].contains(&&*code), "{claim}: {}", run.text());
        assert_eq!(run.status, Some(2));
        if claim == "sub" || claim == "actor" {
            assert_eq!(code, "policy/claim-not-enforceable");
        }
    }
}

#[test]
fn values_of_another_kind_are_refused() {
    let shop = Shop::signed();
    shop.sandbox.write("a.rego", b"package model\n");
    let syntax = "policy/syntax";
    for text in [
        after("").replace("version = 1", "version = 2"),
        after("").replace("version = 1", "version = \"1\""),
        after("").replace("version = 1", "version = 1.0"),
        after("").replace("version = 1\n", ""),
        "version = 1\n".to_owned(),
        KEY.to_owned(),
        format!("version = 1\n{RULE}{KEY_ONLY}"),
        rule(""),
        rule("identity = \"any\"\n"),
        rule("identity = true\n"),
        rule("identity = \"key-only\"\n[rule.github]\nrepository_id = [\"1\"]\n"),
        after("").replace("models = [\"acme/*\"]", "models = \"acme/*\""),
        after("").replace("keys = [\"k\"]", "keys = \"k\""),
        after("").replace("[\"acme/*\"]", "[[\"acme/*\"]]"),
        after("").replace("[\"acme/*\"]", "[\"\"]"),
        after("").replace("[\"acme/*\"]", "[7]"),
        after("").replace("name = \"r\"\n", ""),
        after("").replace("name = \"r\"", "name = \"\""),
        after("").replace("name = \"r\"", "name = \"a\\u202eb\""),
        after("").replace("name = \"r\"", "name = \"a\\nb\""),
        after("").replace("name = \"k\"", "name = \"\\u001b[2J\""),
        rule("[rule.github]\nrepository_id = [1]\n"),
        rule("[rule.github]\nrepository_id = [\"acme\"]\n"),
        rule("[rule.github]\nrepository_id = [\" 1\"]\n"),
        rule("[rule.github]\nrepository_id = [\"\u{661}\"]\n"),
        strict("job_workflow_sha = [\"main\"]\n"),
        strict("ref_protected = [true]\n"),
        strict("environment = [\"\"]\n"),
        strict("issuer = \"token.actions.githubusercontent.com\"\n"),
        strict("issuer = [\"https://token.actions.githubusercontent.com\"]\n"),
        top("decision_ttl = \"25h\"\n"),
        top("decision_ttl = \"0s\"\n"),
        top("decision_ttl = 15\n"),
        top("decision_ttl = \"-15m\"\n"),
        top("decision_ttl = \"99999999999999999999w\"\n"),
        top("serial = 0\n"),
        top("serial = -1\n"),
        top("serial = 1.5\n"),
        top("valid_until = \"2027-01-01T00:00:00Z\"\n"),
        top("valid_until = 2027-01-01\n"),
        top("valid_until = 2027-01-01T00:00:00\n"),
        top("valid_until = 2027-02-30T00:00:00Z\n"),
        rule("identity = \"key-only\"\nnot_signed_before = 2027-01-01T00:00:00\n"),
        rule("identity = \"key-only\"\n[rule.freshness]\n"),
        rule("identity = \"key-only\"\n[rule.freshness]\nmax_age = \"forever\"\n"),
        rule("identity = \"key-only\"\n[rule.freshness]\nmax_age = \"1d12h\"\n"),
        rule("identity = \"key-only\"\ndigests = [\"md5:00\"]\n"),
        rule("identity = \"key-only\"\nhash = [\"sha1\"]\n"),
        rule("identity = \"key-only\"\nmethod = [\"any\"]\n"),
        rule("identity = \"key-only\"\n[rule.files]\nformats = [\"*\"]\n"),
        strict("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"k\"]\nfields = { \"/a\" = \"passed\" }\n"),
        strict("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"k\"]\nfields = { \"a\" = [\"passed\"] }\n"),
        strict("[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"k\"]\nfields = { \"/a\" = [1.5] }\n"),
        after(RULE) + KEY_ONLY,
        after("[[revoked]]\nreason = \"x\"\n"),
        after("[[revoked]]\nfile = \"sha256:00\"\nreason = \"x\"\n"),
        after("[opa]\nurl = \"http://opa.internal/v1/data/a\"\n"),
        after("[opa]\nurl = \"https://opa/v0/data/a\"\n"),
        after("[opa]\nurl = \"https://opa/v1/data/a/\"\n"),
        after("[opa]\nurl = \"https://user:secret@opa/v1/data/a\"\n"),
        after("[opa]\nurl = \"https://opa/v1/data/a?x\"\n"),
        after("[opa]\nurl = \"file:///v1/data/a\"\n"),
        after("[rego]\nmodules = [\"a.rego\"]\ntimeout = \"1h\"\n"),
    ] {
        refused(&shop, &text, syntax);
    }
    refused(&shop, &rule("identity = \"key-only\"\nthreshold = 2\n"), "policy/not-supported");
    refused(&shop, &after("").replace("[\"k\"]", "[\"nobody\"]"), "policy/unknown-key-name");
}

#[test]
fn texts_that_are_no_toml_are_refused() {
    let shop = Shop::signed();
    let long = format!("name = \"{}\"\n{}", "x".repeat(300), after(""));
    let deep = format!("a = {}1{}\n", "[".repeat(50_000), "]".repeat(50_000));
    let tables = format!("[{}]\n", vec!["a"; 20_000].join("."));
    for text in [
        "version = 1\nversion = 1\n".to_owned(),
        "{\"version\": 1}".to_owned(),
        "\u{feff}\u{feff}version = 1\n".to_owned(),
        "version = 1\0\n".to_owned(),
        "version = 1\n[[key]\n".to_owned(),
        "version: 1\n".to_owned(),
        "= 1\n".to_owned(),
        "version = 1\nname = \"\u{1b}[2J\"\n".to_owned(),
        after("").replace("name = \"k\"", "name = \"k\"\nname = \"l\""),
        after("[[rule]]\nname = \"x\"\n[rule]\n"),
        after("key = 1\n[key]\n"),
        long,
        deep,
        tables,
    ] {
        let run = shop.check(&text, &[]);
        let json = run.json();
        let code = json["code"].as_str().unwrap();
        assert_eq!(run.status, Some(2), "{:.200}\n{}", text, run.text());
        assert!(["policy/syntax", "policy/unknown-field"].contains(&code), "{:.200}\n{}", text, run.text());
        assert!(run.text().len() < 4000, "{} bytes of output", run.text().len());
        assert_tame(&run);
    }
    for bytes in [&b""[..], b"\xff\xfeversion = 1\n", b"version = 1\nname = \"\xc3\x28\"\n"] {
        shop.sandbox.write("policy.toml", bytes);
        let run = shop.run(&["policy", "check", "policy.toml"]);
        run.refused(2, "policy/syntax");
        assert_tame(&run);
    }
    let padding = format!("{}#{}\n", after(""), "x".repeat(1024 * 1024));
    shop.check(&padding, &[]).refused(2, "policy/syntax");
    shop.check(&padding[..1024 * 1024], &[]).accepted();
}

#[test]
fn many_rules_and_keys_take_no_time() {
    let shop = Shop::signed();
    for (text, count) in [(RULE, 1001), (RULE, 50_000), ("[[key]]\nname = \"a\"\npublic_key = \"k\"\n", 20_000)] {
        let many: String = (0..count)
            .map(|number| {
                text.replace("\"r\"", &format!("\"r{number}\"")).replace("\"a\"", &format!("\"a{number}\"")) + KEY_ONLY
            })
            .collect();
        let run = shop.check(&(KEY.to_owned() + &many), &[]);
        assert_eq!(run.status, Some(2), "{:.400}", run.text());
        assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    }
    let rules: String = (0..1000).map(|number| RULE.replace("\"r\"", &format!("\"r{number}\"")) + KEY_ONLY).collect();
    let run = shop.check(&(KEY.to_owned() + &rules), &[]);
    run.accepted();
    assert!(run.took < Duration::from_secs(20), "{:?}", run.took);
    // What makes matchers slow that try everything.
    let stars = format!("acme/{}b", "*a".repeat(2000));
    shop.policy(&after("").replace("acme/*", &stars));
    shop.sign_by_hand(&format!("acme/{}", "a".repeat(250)), &[]);
    let run = run_verify(&shop, "policy.toml");
    run.refused(1, "policy/no-rule-matches");
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
}

#[test]
fn windows_that_contradict_themselves_and_keys_that_have_expired() {
    let shop = Shop::signed();
    let window = |lines: &str| after("").replace("name = \"k\"\n", &format!("name = \"k\"\n{lines}"));
    let over = "not_before = 2001-01-01T00:00:00Z\nnot_after = 2002-01-01T00:00:00Z\n";
    refused(&shop, &window("not_before = 2002-01-01T00:00:00Z\nnot_after = 2001-01-01T00:00:00Z\n"), "policy/syntax");
    refused(&shop, &window("not_before = 2002-01-01T00:00:00Z\nnot_after = 2002-01-01T00:00:00Z\n"), "policy/syntax");
    assert!(shop.warnings(&window(over)).contains(&"key-window-over".to_owned()));
    shop.verify(&[]).refused(1, "policy/key-window");
    assert!(shop.warnings(&window("not_before = 2999-01-01T00:00:00Z\n")).contains(&"key-window-not-open".to_owned()));
    shop.verify(&[]).refused(1, "policy/key-window");
    // Half open: the end does not count. In any offset.
    shop.policy(&window("not_after = 2999-01-01T00:00:00+14:00\n"));
    shop.verify(&[]).accepted();
    // Windows of a key and of its version that do not meet.
    let versions = after("").replace(
        "public_key = \"keys/k.pub.pem\"\n",
        "not_after = 2998-01-01T00:00:00Z\n[[key.version]]\nversion = 1\npublic_key = \"keys/k.pub.pem\"\n\
         not_before = 2999-01-01T00:00:00Z\n",
    );
    refused(&shop, &versions, "policy/syntax");
}

#[test]
fn files_that_a_policy_names_stay_below_it() {
    let shop = Shop::signed();
    let key = |path: &str| after("").replace("keys/k.pub.pem", path);
    let absolute = shop.sandbox.at("keys/k.pub.pem").display().to_string();
    for path in [&*absolute, "../keys/k.pub.pem", "keys/../../x/k.pub.pem", "keys/../keys/k.pub.pem", "", "."] {
        let run = shop.check(&key(path), &[]);
        assert_eq!(run.status, Some(2), "{path}: {}", run.text());
        assert!(run.json()["code"].as_str().unwrap().starts_with("policy/"), "{path}: {}", run.text());
    }
    // A link that leaves the directory, one that stays, as in a mounted ConfigMap, and one to itself.
    let elsewhere = Shop::signed();
    shop.sandbox.symlink(elsewhere.sandbox.at("keys/k.pub.pem"), "keys/away.pem");
    shop.check(&key("keys/away.pem"), &[]).refused(2, "policy/syntax");
    shop.sandbox.symlink(elsewhere.sandbox.at("keys"), "linked");
    shop.check(&key("linked/k.pub.pem"), &[]).refused(2, "policy/syntax");
    shop.sandbox.symlink("k.pub.pem", "keys/here.pem");
    shop.check(&key("keys/here.pem"), &[]).accepted();
    shop.sandbox.symlink("circle.pem", "keys/circle.pem");
    shop.sandbox.fifo("keys/fifo.pem");
    shop.sandbox.symlink("/dev/zero", "keys/zero.pem");
    for path in ["keys/circle.pem", "keys/fifo.pem", "keys/zero.pem", "keys", "keys/absent.pem"] {
        let run = shop.check(&key(path), &[]);
        assert!([Some(2), Some(3)].contains(&run.status), "{path}: {}", run.text());
        assert!(run.took < Duration::from_secs(5), "{path}: {:?}", run.took);
    }
    for name in ["fifo.toml", "zero.toml"] {
        if name == "fifo.toml" {
            drop(shop.sandbox.fifo(name))
        } else {
            shop.sandbox.symlink("/dev/zero", name)
        }
        shop.run(&["policy", "check", name]).refused(3, "input/special-file");
        shop.run(&["verify", "model", "--policy", name, "--any-model"]).refused(3, "input/special-file");
        shop.run(&["policy", "test", "policy.toml", name]).json();
    }
}

#[test]
fn rego_that_only_denies_loops_or_reads_the_time() {
    let shop = Shop::signed();
    let with = |module: &str| {
        shop.sandbox.write("a.rego", module.as_bytes());
        shop.check(&after("[rego]\nmodules = [\"a.rego\"]\ntimeout = \"100ms\"\n"), &[])
    };
    let head = "package model\n\nimport rego.v1\n\n";
    let fail_open = [
        "deny contains \"x\" if input.artifact.name == \"y\"\n",
        "allow := true\n",
        "default allow := true\n",
        "allow if count(deny) == 0\ndeny contains \"x\" if input.signature.key == \"x\"\n",
        "allow if not input.identity.github.repository_id\n",
        "allow if input.artifact.name != \"evil\"\n",
        "allow if not blocked\nblocked if input.artifact.name == \"evil\"\n",
        "allow if count(input.evidence) >= 0\n",
        "",
    ];
    for rules in fail_open {
        let run = with(&format!("{head}{rules}"));
        run.refused(2, "policy/rego-fail-open");
        shop.verify(&[]).refused(2, "policy/rego-fail-open");
    }
    for rules in [
        "allow if time.now_ns() > 0\n",
        "allow if rand.intn(\"x\", 2) == 1\n",
        "allow if http.send({\"url\": \"http://127.0.0.1\", \"method\": \"get\"}).status_code == 200\n",
        "allow if opa.runtime().env.HOME\n",
        "allow if {",
        "allow if no_such_function(1)\n",
        "allow if input.artifact.name == data.no.such\n",
    ] {
        let run = with(&format!("{head}{rules}"));
        assert_eq!(run.status, Some(2), "{rules}\n{}", run.text());
        assert_tame(&run);
        assert_eq!(shop.verify(&[]).status, Some(2), "{rules}");
    }
    // For ever, once something is known; and as a set of reasons.
    let steps = "some a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\ta + b == -1\n";
    for rules in [
        format!("allow if {{\n\tinput.signature.verified == true\n\t{steps}}}\n"),
        format!("allow if {{\n\tinput.signature.verified == \"no\"\n}}\n\ndeny contains \"x\" if {{\n\t{steps}}}\n"),
    ] {
        with(&format!("{head}{rules}")).accepted();
        let run = shop.verify(&[]);
        assert_eq!(run.status, Some(1), "{}", run.text());
        let code = run.json()["code"].as_str().unwrap().to_owned();
        assert!(["policy/rego-error", "policy/rego-denied"].contains(&&*code), "{code}");
        assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
    }
    // Values that are nearly true.
    for value in ["\"true\"", "1", "[true]", "{true}", "{\"allow\": true}", "null", "false"] {
        with(&format!("{head}allow := {value} if input.signature.verified == true\n")).accepted();
        shop.verify(&[]).refused(1, "policy/rego-denied");
    }
    with(&format!("{head}allow if input.signature.verified == true\n")).accepted();
    shop.verify(&[]).accepted();
}

/// Numbers that look random, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

/// A policy that uses every table.
const WHOLE: &str = r#"version = 1
name = "production"
serial = 3
valid_until = 2999-01-01T00:00:00Z
decision_ttl = "1h"
revocation_files = ["revoked.toml"]
[[key]]
name = "k"
min_version = 1
[[key.version]]
version = 1
public_key = "keys/k.pub.pem"
not_after = 2999-01-01T00:00:00Z
[[key]]
name = "scanner"
public_key = "keys/scanner.pub.pem"
scheme = "ecdsa"
[[rule]]
name = "r"
models = ["acme/*"]
keys = ["k"]
digests = ["sha256:00000000000000000000000000000000000000000000000000000000000000aa"]
not_signed_before = 2026-01-01T00:00:00Z
hash = ["sha256", "blake3"]
method = ["files", "shards"]
[rule.github]
repository_id = ["456789"]
job_workflow_ref = ["acme/ci/.github/workflows/sign.yml@refs/tags/v*"]
event_name = ["push"]
ref = ["refs/heads/main", "refs/tags/*"]
environment = ["production"]
runner_environment = ["github-hosted"]
repo_property = { team = ["ml"] }
[rule.files]
formats = ["safetensors", "json"]
ignored_paths = ["notes/*"]
[rule.freshness]
max_age = "30d"
[[rule.evidence]]
predicate_type = "https://acme.example/scan/v1"
keys = ["scanner"]
max_age = "30d"
fields = { "/result" = ["passed", 1, true] }
[[revoked]]
key = "k"
versions = [1]
reason = "leaked"
[rego]
modules = ["a.rego"]
data = ["a.json"]
timeout = "100ms"
[opa]
url = "https://opa.internal/v1/data/model/allow"
timeout = "2s"
"#;

/// Lines, words and bytes of a policy: taken out, doubled, exchanged, replaced.
fn mutated(random: &mut Random) -> Vec<u8> {
    const VALUES: [&str; 14] = [
        "\"\"",
        "[]",
        "{}",
        "0",
        "-1",
        "9223372036854775807",
        "1e400",
        "nan",
        "true",
        "\"**\"",
        "[[\"x\"]]",
        "2026-02-30T00:00:00Z",
        "'\u{202e}'",
        "\"\\uD800\"",
    ];
    let mut lines: Vec<Vec<u8>> = WHOLE.lines().map(|line| line.as_bytes().to_vec()).collect();
    for _ in 0..=random.below(3) {
        let at = random.below(lines.len());
        match random.below(8) {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, lines[at].clone()),
            2 => {
                let other = random.below(lines.len());
                lines.swap(at, other);
            }
            3 | 4 => {
                let line = String::from_utf8_lossy(&lines[at]).into_owned();
                let key = line.split(" = ").next().unwrap_or_default();
                lines[at] = format!("{key} = {}", VALUES[random.below(VALUES.len())]).into_bytes();
            }
            5 if !lines[at].is_empty() => {
                let place = random.below(lines[at].len());
                lines[at][place] ^= 1 << random.below(8);
            }
            6 if !lines[at].is_empty() => {
                let place = random.below(lines[at].len());
                lines[at].truncate(place);
            }
            _ => {
                let place = random.below(lines[at].len() + 1);
                let bytes = b"\"'[]{}=.,#\\\n\r\0\x1b\xff 1";
                lines[at].insert(place, bytes[random.below(bytes.len())]);
            }
        }
        if lines.is_empty() {
            break;
        }
    }
    lines.join(&b'\n')
}

#[test]
fn changed_policies_are_accepted_or_refused_and_never_more() {
    let shop = Shop::signed();
    let digest = "0".repeat(64);
    let revoked = format!("version = 1\n[[revoked]]\nkey_id = \"{digest}\"\nreason = \"x\"\n");
    shop.sandbox.write("revoked.toml", revoked.as_bytes());
    shop.sandbox.write("a.rego", b"package model\n\nimport rego.v1\n\nallow if input.signature.verified == true\n");
    shop.sandbox.write("a.json", b"{}");
    shop.check(WHOLE, &[]).accepted();
    let next = AtomicUsize::new(0);
    let counts = [const { AtomicUsize::new(0) }; 2];
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= 300 {
                        break;
                    }
                    let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1));
                    for _ in 0..8 {
                        random.below(2);
                    }
                    let text = mutated(&mut random);
                    let name = format!("p{number}.toml");
                    shop.sandbox.write(&name, &text);
                    let run = run(&mut shop.command(&["policy", "check", &name]));
                    // A file that is not there is trouble with an input.
                    let absent = run.status == Some(3) && run.json()["code"] == "input/not-found";
                    let fine = run.status == Some(0) || run.status == Some(2) || absent;
                    assert!(fine, "change {number}\n{}\n{}", text.escape_ascii(), run.text());
                    assert_tame(&run);
                    counts[usize::from(run.status == Some(0))].fetch_add(1, Ordering::Relaxed);
                    if run.status != Some(0) {
                        let verified = run_verify(&shop, &name);
                        assert_eq!(verified.status, run.status, "change {number}\n{}", verified.text());
                    }
                }
            });
        }
    });
    let [refused, accepted] = counts.map(AtomicUsize::into_inner);
    assert!(refused > 150 && accepted > 5, "{refused} refused, {accepted} accepted");
}

fn run_verify(shop: &Shop, policy: &str) -> Run {
    run(&mut shop.command(&["verify", "model", "--policy", policy, "--any-model"]))
}

#[test]
fn cases_that_are_bad_are_refused() {
    let shop = Shop::signed();
    let good = "now = 2026-11-21T00:00:00Z\n[[case]]\nname = \"c\"\nexpect = \"deny\"\n";
    let with = |text: &str| {
        shop.sandbox.write("cases.toml", text.as_bytes());
        shop.run(&["policy", "test", "policy.toml", "cases.toml"])
    };
    with(good).accepted();
    for text in [
        String::new(),
        good.replace("now = 2026-11-21T00:00:00Z\n", ""),
        good.replace("\"deny\"", "\"maybe\""),
        good.replace("name = \"c\"\n", ""),
        format!("{good}unknown = 1\n"),
        format!("{good}facts = {{ artifact.nam = \"x\" }}\n"),
        format!("{good}facts = {{ signature.verified = \"yes\" }}\n"),
        format!("{good}{}", good.split_once('\n').unwrap().1),
        "case = []\n".to_owned(),
        format!("{good}facts = {}", "[".repeat(10_000)),
    ] {
        let run = with(&text);
        assert_eq!(run.status, Some(2), "{text:.200}\n{}", run.text());
        assert_tame(&run);
    }
    // A case that expects too much fails, and the status says so.
    assert_eq!(with(&good.replace("\"deny\"", "\"allow\"")).status, Some(1));
}
