use core::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::super::model::{IdentityRule, Matcher, RevokedThing};
use super::*;

// Throw-away test keys, published on purpose: never trust them.
const P256: &str = include_str!("../../../../../tests/vectors/keys/p256.pub.pem");
const OTHER: &str = include_str!("../../../../../tests/vectors/keys/p256-other.pub.pem");
const P384: &str = include_str!("../../../../../tests/vectors/keys/p384.pub.pem");
const P521: &str = include_str!("../../../../../tests/vectors/keys/p521.pub.pem");
const ED25519: &str = include_str!("../../../../../tests/vectors/keys/ed25519.pub.pem");
const ROOT: &str = include_str!("../../../../../tests/vectors/keys/cert-root.pem");
const P256_ID: &str = "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4";

/// Files in memory.
pub(in crate::policy) struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
    test_keys: bool,
    seen: RefCell<Vec<PathBuf>>,
}

impl Memory {
    pub(in crate::policy) fn new() -> Self {
        let files = [
            ("keys/team-a.pem", P256),
            ("keys/models-v3.pem", P256),
            ("keys/models-v4.pem", OTHER),
            ("keys/experiments.pem", P384),
            ("keys/scanner.pem", P521),
            ("a.pem", P256),
            ("b.pem", OTHER),
            ("c.pem", P384),
            ("d.pem", P521),
            ("ed25519.pem", ED25519),
            ("root.pem", ROOT),
            ("extra.rego", "package model\n"),
            ("data.json", "{\"a\": 1}"),
            ("twice.json", "{\"a\": 1, \"a\": 2}"),
            ("revoked.toml", "version = 1\nserial = 4\nvalid_until = 2026-06-01T00:00:00Z\n"),
        ];
        let files = files.into_iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect();
        Self { files, test_keys: true, seen: RefCell::new(Vec::new()) }
    }

    fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.into(), text.as_bytes().to_vec());
        self
    }
}

impl PolicyFiles for Memory {
    fn read(&mut self, path: &Path, most: usize) -> Result<(Vec<u8>, PathBuf)> {
        self.seen.borrow_mut().push(path.to_owned());
        let content = self.files.get(path).filter(|content| content.len() <= most);
        let missing = || Error::new(Code::InputNotFound, format!("`{}` does not exist", path.display()));
        Ok((content.ok_or_else(missing)?.clone(), Path::new("/policy").join(path)))
    }

    fn locate(&mut self, path: &Path) -> Result<PathBuf> {
        Ok(Path::new("/policy").join(path))
    }

    fn danger_allow_test_keys(&self) -> bool {
        self.test_keys
    }
}

pub(in crate::policy) fn read(text: &str) -> Result<PolicyFile> {
    parse(text.as_bytes(), "policy.toml", &mut Memory::new())
}

const KEY: &str = "version = 1\n[[key]]\nname = \"a\"\npublic_key = \"a.pem\"\n";
const RULE: &str = "[[rule]]\nname = \"r\"\nmodels = [\"m/*\"]\nkeys = [\"a\"]\n";
const KEY_ONLY: &str = "identity = \"key-only\"\n";

/// A policy with one key, and one rule with these lines, which begin at line 9.
fn rule(lines: &str) -> String {
    format!("{KEY}{RULE}{lines}")
}

fn github(lines: &str) -> String {
    rule(&format!("[rule.github]\n{lines}"))
}

/// A policy with these lines at its top, from line 1 on.
fn top(lines: &str) -> String {
    format!("{lines}{KEY}{RULE}{KEY_ONLY}")
}

/// A whole policy, then these lines, from line 10 on.
fn after(lines: &str) -> String {
    format!("{KEY}{RULE}{KEY_ONLY}{lines}")
}

fn refused(text: &str, line: usize, code: Code, message: &str) -> Error {
    let error = read(text).unwrap_err();
    assert_eq!(error.code(), code, "{text}\n{error}");
    assert!(error.message().starts_with(&format!("line {line}: ")), "{text}\n{error}");
    assert!(error.message().contains(message), "{text}\n{error}");
    assert!(!error.hint().is_empty());
    error
}

pub(in crate::policy) const TEAM: &str = r#"version = 1
[[key]]
name = "team-a"
public_key = "keys/team-a.pem"
[[rule]]
name = "models of team a"
models = ["team-a/*"]
keys = ["team-a"]
identity = "key-only"
"#;

pub(in crate::policy) const PRODUCTION: &str = r#"version = 1
name = "production"
[[key]]
name = "models"
min_version = 3
[[key.version]]                       # both are accepted from 1 November to 31 January
version = 3
public_key = "keys/models-v3.pem"
not_after = 2027-01-31T00:00:00Z
[[key.version]]
version = 4
public_key = "keys/models-v4.pem"
not_before = 2026-11-01T00:00:00Z
[[key]]
name = "experiments"               # a weaker rule has a key of its own
public_key = "keys/experiments.pem"
[[key]]
name = "scanner"
public_key = "keys/scanner.pem"
[[rule]]
name = "production language models"
models = ["acme/llm-*"]
keys = ["models"]
[rule.github]
repository_id = ["456789"]
job_workflow_ref = ["acme/ml-ci/.github/workflows/sign.yml@refs/tags/v*"]
event_name = ["push", "release"]
ref = ["refs/heads/main", "refs/tags/*"]
environment = ["production"]
runner_environment = ["github-hosted"]
[rule.files]
formats = ["safetensors", "json", "text"]
[rule.freshness]
max_age = "180d"
[[rule.evidence]]
predicate_type = "https://acme.example/scan/v1"
keys = ["scanner"]
max_age = "30d"
fields = { "/result" = ["passed"] }
[[rule]]
name = "experiments"
models = ["acme/exp-*"]
keys = ["experiments"]
[rule.github]
repository_owner_id = ["65"]
job_workflow_ref = ["acme/ml-ci/.github/workflows/sign.yml@refs/tags/v*"]
[[revoked]]                           # no server needed
file = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
reason = "weights trained on withdrawn data"
"#;

#[test]
fn the_smallest_policy() {
    let file = read(TEAM).unwrap();
    assert_eq!(file.name, "policy.toml");
    assert_eq!(file.digest, Digest::sha256(TEAM.as_bytes()));
    assert_eq!(file.decision_ttl, SignedDuration::from_mins(15));
    assert_eq!((file.serial, file.valid_until), (None, None));
    let rule = &file.rules[0];
    assert_eq!((rule.name.as_str(), rule.line), ("models of team a", 6));
    assert!(matches!(rule.identity, IdentityRule::KeyOnly));
    assert_eq!(rule.hash, [crate::HashAlgorithm::Sha256]);
    assert_eq!(rule.methods, ["files"]);
    assert!(rule.digests.is_none() && rule.files.formats.is_none() && rule.evidence.is_empty());
    assert_eq!(file.trusted.keys()[0].name(), Some("team-a"));
    assert_eq!(file.trusted.sources().collect::<Vec<_>>(), [Path::new("/policy/keys/team-a.pem")]);
}

#[test]
fn a_reusable_workflow_a_rotation_and_a_revocation() {
    let file = read(PRODUCTION).unwrap();
    assert_eq!(file.name, "production");
    let keys: Vec<_> =
        file.trusted.keys().iter().map(|key| (key.name().unwrap(), key.version().map(u32::from))).collect();
    assert_eq!(keys, [("models", Some(3)), ("models", Some(4)), ("experiments", None), ("scanner", None)]);
    let IdentityRule::Claims(claims) = &file.rules[0].identity else { panic!() };
    assert_eq!(claims.issuer, "https://token.actions.githubusercontent.com");
    let fields: Vec<_> = claims.conditions.iter().map(|condition| condition.field.as_str()).collect();
    let expected = ["repository_id", "job_workflow_ref", "event_name", "ref", "environment", "runner_environment"];
    assert_eq!(fields, expected.map(|name| format!("github.{name}")));
    assert!(claims.conditions.iter().all(|condition| !condition.implied));
    assert!(matches!(&claims.conditions[4].matcher, Matcher::ExactIgnoringCase(names) if *names == ["production"]));
    let rule = &file.rules[0];
    assert_eq!(rule.max_age, Some(SignedDuration::from_hours(180 * 24)));
    assert_eq!(rule.evidence[0].fields["/result"], ["passed"]);
    let IdentityRule::Claims(claims) = &file.rules[1].identity else { panic!() };
    let event = claims.conditions.iter().find(|condition| condition.claim_name == "event_name").unwrap();
    assert!(event.implied);
    assert!(
        matches!(&event.matcher, Matcher::Exact(events) if *events == ["push", "release", "workflow_dispatch", "schedule"])
    );
    assert!(matches!(&file.revoked[0].what, RevokedThing::File(digest) if digest.to_hex().ends_with("aa")));
}

#[test]
fn every_table_can_be_written() {
    let issuer = "issuer = \"https://cluster.example\"\n";
    for lines in [
        "[rule.gitlab]\nproject_id = [\"1\"]\nenvironment = [\"production\"]\nref_protected = [\"true\"]\n",
        "[rule.gitlab]\nnamespace_id = [\"1\"]\nci_config_ref_uri = [\"gitlab.com/a/b//.gitlab-ci.yml@refs/heads/main\"]\n",
        "[rule.gitlab]\nissuer = \"https://git.example\"\nproject_id = [\"1\"]\nproject_path = [\"a/*\"]\n",
        &format!(
            "[rule.kubernetes]\n{issuer}namespace = [\"ml\"]\nservice_account = [\"sign\"]\nservice_account_uid = [\"u\"]\n"
        ),
        "[rule.oidc]\nissuer = \"https://agent.buildkite.com\"\nclaims = { pipeline_id = [\"p\"], build_branch = [\"main\"] }\n",
        "[rule.oidc]\nissuer = \"https://spire.example\"\n[rule.oidc.claims]\nsub = [\"spiffe://example/sign\"]\n",
        "[rule.oidc]\nissuer = \"https://oidc.circleci.com/org/1\"\nclaims = { \"oidc.circleci.com/project-id\" = [\"p\"] }\n",
        "[rule.github]\nissuer = \"https://git.example/_services/token\"\nrepository_id = [\"1\"]\nrepository = [\"Acme/*\"]\n\
         repo_property = { team = [\"ml\", \"ai\"] }\n",
    ] {
        read(&rule(lines)).unwrap_or_else(|error| panic!("{lines}\n{error}"));
    }
    let file =
        read(&github("repository_id = [\"1\"]\nrepository = [\"Acme/*\"]\nrepo_property = { team = [\"ml\"] }\n"));
    let IdentityRule::Claims(claims) = &file.unwrap().rules[0].identity else { panic!() };
    let property = claims.conditions.last().unwrap();
    assert_eq!(
        (property.field.as_str(), property.claim_name.as_str()),
        ("github.repo_property.team", "repo_property_team")
    );
    assert_eq!((property.claim.name(), property.line), ("repo_property_*", 12));
    let name = claims.conditions.iter().find(|condition| condition.claim_name == "repository").unwrap();
    assert!(matches!(&name.matcher, Matcher::GlobsIgnoringCase(globs) if globs[0].as_str() == "Acme/*"));
    let file = read(&rule(&format!("[rule.kubernetes]\n{issuer}namespace = [\"ml\"]\nservice_account = [\"s\"]\n")));
    let IdentityRule::Claims(claims) = &file.unwrap().rules[0].identity else { panic!() };
    let names: Vec<_> = claims.conditions.iter().map(|condition| condition.claim_name.as_str()).collect();
    assert_eq!(
        (names, claims.conditions[0].field.as_str()),
        (vec!["namespace", "service_account"], "kubernetes.namespace")
    );
}

#[test]
fn everything_else_can_be_written() {
    let rego = "[rego]\nmodules = [\"extra.rego\"]\ndata = [\"data.json\"]\ntimeout = \"1s\"\n";
    let opa = "[opa]\nurl = \"https://opa.internal/v1/data/model/allow\"\nca = \"root.pem\"\ntoken_file = \"token\"\n";
    let revoked = format!(
        "[[revoked]]\nmodel = \"sha256:{0}\"\nreason = \"x\"\n[[revoked]]\nkey_id = \"{0}\"\nreason = \"x\"\n\
         except_timestamped_before = 2026-01-01T00:00:00Z\n",
        "ab".repeat(32)
    );
    let certificate = "[[certificate]]\nname = \"pki\"\nroots = [\"root.pem\"]\nsan = [\"sign@acme.example\"]\n";
    let text = top(
        "decision_ttl = \"24h\"\nserial = 7\nvalid_until = 2027-01-01T00:00:00Z\nrevocation_files = [\"revoked.toml\"]\n",
    );
    let file = read(&format!("{text}{rego}{opa}{revoked}{certificate}")).unwrap();
    assert_eq!((file.decision_ttl, file.serial), (SignedDuration::from_hours(24), Some(7)));
    assert_eq!(file.valid_until.unwrap().to_string(), "2026-06-01T00:00:00Z", "the earliest counts");
    assert_eq!(file.certificates[0].anchors.len(), 1);
    let sources: Vec<_> = file.sources.iter().map(|path| path.to_str().unwrap()).collect();
    assert_eq!(
        sources,
        ["revoked.toml", "extra.rego", "data.json", "root.pem", "token"].map(|name| format!("/policy/{name}"))
    );
    assert!(file.trusted.sources().any(|path| path == Path::new("/policy/root.pem")));
    let rego = file.rego.unwrap();
    assert_eq!((rego.modules[0].0.as_str(), rego.timeout.as_millis()), ("extra.rego", 1000));
    let opa = file.opa.unwrap();
    assert_eq!((opa.timeout.as_secs(), opa.token_file.unwrap().to_str()), (2, Some("/policy/token")));
    assert!(opa.ca_pem.unwrap().contains("BEGIN CERTIFICATE"));
    let text = rule(&format!(
        "{KEY_ONLY}threshold = 1\ndigests = [\"sha256:{}\"]\nnot_signed_before = 2026-01-01T00:00:00Z\n\
         hash = [\"sha256\", \"blake3\"]\nmethod = [\"files\", \"shards\"]\ndanger_root_only = true\n[rule.files]\n\
         ignored_paths = [\"cache/*\"]\ndanger_allow_unsigned = [\"*.md\"]\n[[rule.evidence]]\npredicate_type = \"t\"\n\
         keys = [\"a\"]\nfields = {{ \"/a/b\" = [1, true, \"x\"] }}\n",
        "ab".repeat(32)
    ));
    let rule = read(&text).unwrap().rules.remove(0);
    assert!(rule.danger_root_only && rule.digests.is_some() && rule.not_signed_before.is_some());
    assert_eq!((rule.hash.len(), rule.methods), (2, vec!["files", "shards"]));
    assert_eq!(rule.evidence[0].fields["/a/b"], [Value::from(1), true.into(), "x".into()]);
}

#[test]
fn unknown_keys_are_refused_at_every_level() {
    let unknown = |text: &str, line| refused(text, line, Code::PolicyUnknownField, "");
    unknown(&top("rules = 1\n"), 1);
    unknown(&format!("{KEY}x = 1\n{RULE}{KEY_ONLY}"), 5);
    unknown(&rule("identity = \"key-only\"\nkey = [\"a\"]\n"), 10);
    unknown(&rule("identity = \"key-only\"\n[rule.freshness]\nmax_age = \"1d\"\nx = 1\n"), 12);
    unknown(&rule("identity = \"key-only\"\n[rule.files]\nx = 1\n"), 11);
    let evidence = "identity = \"key-only\"\n[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"a\"]\n";
    unknown(&rule(&format!("{evidence}x = 1\n")), 13);
    unknown(&github("repository_id = [\"1\"]\nrepositoryid = [\"1\"]\n"), 11);
    unknown(&github("repository_id = [\"1\"]\nrepo_property_team = [\"1\"]\n"), 11);
    unknown(&github("repository_id = [\"1\"]\niss = [\"1\"]\n"), 11);
    unknown(&rule("[rule.gitlab]\nproject_id = [\"1\"]\ndeployment_tier = [\"production\"]\n"), 11);
    unknown(&rule("[rule.kubernetes]\nissuer = \"https://c\"\npod = [\"1\"]\n"), 11);
    unknown(&rule("[rule.oidc]\nissuer = \"https://i\"\nx = 1\n"), 11);
    unknown(&rule("[rule.oidc]\nissuer = \"https://i\"\nclaims = { invented = [\"1\"] }\n"), 11);
    unknown(&rule("[rule.oidc]\nissuer = \"https://agent.buildkite.com\"\nclaims = { org_id = [\"1\"] }\n"), 11);
    unknown(&after("[[revoked]]\nreason = \"x\"\nx = 1\n"), 12);
    unknown(&after("[rego]\nmodules = [\"extra.rego\"]\nx = 1\n"), 12);
    unknown(&after("[opa]\nurl = \"https://o/v1/data/a\"\nx = 1\n"), 12);
    unknown(&after("[[certificate]]\nname = \"c\"\nroots = [\"root.pem\"]\nsan = [\"s\"]\nx = 1\n"), 14);
    let long = format!("{} = 1\n", "x".repeat(100_000));
    assert!(unknown(&top(&long), 1).message().len() < 600);
}

#[test]
fn claims_that_decide_nothing_are_refused_and_say_why() {
    for claim in ["sub", "actor", "workflow", "head_ref", "run_id", "jti", "aud"] {
        let text = github(&format!("repository_id = [\"1\"]\n{claim} = [\"x\"]\n"));
        let error = refused(&text, 11, Code::PolicyClaimNotEnforceable, &format!("`{claim}`"));
        assert!(error.message().contains(": "), "{error}");
    }
    let text = rule("[rule.gitlab]\nproject_id = [\"1\"]\nuser_login = [\"x\"]\n");
    refused(&text, 11, Code::PolicyClaimNotEnforceable, "who started the pipeline");
    for (issuer, claim) in
        [("https://agent.buildkite.com", "sub"), ("https://api.bitbucket.org/2.0/x", "sub"), ("https://i", "exp")]
    {
        let text = rule(&format!("[rule.oidc]\nissuer = \"{issuer}\"\nclaims = {{ {claim} = [\"x\"] }}\n"));
        refused(&text, 11, Code::PolicyClaimNotEnforceable, claim);
    }
}

#[test]
fn lists_are_lists_and_never_empty() {
    for (text, line) in [
        (top("revocation_files = []\n"), 1),
        (format!("version = 1\nkey = []\n{RULE}{KEY_ONLY}"), 2),
        ("version = 1\nrule = []\n[[key]]\nname = \"a\"\npublic_key = \"a.pem\"\n".to_owned(), 2),
        (top("revoked = []\n"), 1),
        (top("certificate = []\n"), 1),
        (rule("identity = \"key-only\"\ndigests = []\n"), 10),
        (rule("identity = \"key-only\"\nhash = []\n"), 10),
        (rule("identity = \"key-only\"\nevidence = []\n"), 10),
        (rule("identity = \"key-only\"\n[rule.files]\nformats = []\n"), 11),
        (github("repository_id = []\n"), 10),
        (github("repository_id = [\"1\"]\nrepo_property = {}\n"), 11),
        (github("repository_id = [\"1\"]\nrepo_property = { team = [] }\n"), 11),
        (rule("[rule.oidc]\nissuer = \"https://i\"\nclaims = {}\n"), 11),
        (after("[rego]\nmodules = []\n"), 11),
    ] {
        refused(&text, line, Code::PolicyEmptyList, "is empty");
    }
    for (text, line) in [
        (top("revocation_files = \"revoked.toml\"\n"), 1),
        (rule("identity = \"key-only\"\ndigests = \"sha256:00\"\n"), 10),
        (github("repository_id = \"1\"\n"), 10),
        (github("repository_id = [\"1\"]\nrepo_property = { team = \"x\" }\n"), 11),
        (rule("[rule.oidc]\nissuer = \"https://i\"\nclaims = { sub = \"x\" }\n"), 11),
        (after("[rego]\nmodules = \"extra.rego\"\n"), 11),
    ] {
        let error = refused(&text, line, Code::PolicySyntax, "list");
        assert!(error.hint().contains("brackets"), "{text}\n{error}\n{}", error.hint());
    }
}

#[test]
fn the_whole_file_is_checked() {
    refused(&top("").replace("version = 1", "version = 2"), 1, Code::PolicySyntax, "only 1 is known");
    refused(&top("").replace("version = 1\n", ""), 1, Code::PolicySyntax, "missing field `version`");
    refused(&format!("version = 1\n{RULE}{KEY_ONLY}"), 1, Code::PolicySyntax, "neither a [[key]]");
    refused(KEY, 1, Code::PolicySyntax, "no [[rule]]");
    refused(&format!("#{}", " ".repeat(Policy::MAX_BYTES)), 1, Code::PolicySyntax, "more than 1048576");
    refused("version = 1\n[[key]\n", 2, Code::PolicySyntax, "");
    for name in ["\"\"", "\"a\\nb\"", "\"a\\u202eb\""] {
        refused(&top(&format!("name = {name}\n")), 1, Code::PolicySyntax, "not a name");
    }
    for ttl in ["0m", "25h", "15", "15 m", "-1m", "1.5h"] {
        refused(&top(&format!("decision_ttl = \"{ttl}\"\n")), 1, Code::PolicySyntax, "decision_ttl");
    }
    refused(&top("serial = 0\n"), 1, Code::PolicySyntax, "serial");
    refused(&top("serial = -4\n"), 1, Code::PolicySyntax, "serial");
    refused(&top("valid_until = 2027-01-01T00:00:00\n"), 1, Code::PolicySyntax, "local time");
    for path in ["/etc/x", "../x", "a/../../x", "", "a\\u0000b"] {
        refused(&top(&format!("revocation_files = [\"{path}\"]\n")), 1, Code::PolicySyntax, "not a path below");
    }
    refused(&top("revocation_files = [\"gone.toml\"]\n"), 1, Code::InputNotFound, "gone.toml");
    refused(&top("revocation_files = [\"revoked.toml\", \"revoked.toml\"]\n"), 1, Code::PolicySyntax, "twice");
}

#[test]
fn keys_are_those_of_tables_of_keys() {
    let key = |lines: &str| format!("version = 1\n[[key]]\nname = \"a\"\n{lines}{RULE}{KEY_ONLY}");
    read(&key("public_key = \"ed25519.pem\"\nscheme = \"ed25519\"\n")).unwrap();
    read(&key(&format!("public_key = \"a.pem\"\nkey_id = \"{P256_ID}\"\n"))).unwrap();
    refused(&key("public_key = \"ed25519.pem\"\n"), 3, Code::PolicySyntax, "does not fit");
    refused(
        &key(&format!("public_key = \"b.pem\"\nkey_id = \"{P256_ID}\"\n")),
        3,
        Code::PolicySyntax,
        "the policy says",
    );
    refused(&key("public_key = \"../a.pem\"\n"), 4, Code::PolicySyntax, "directory of the policy");
    refused(&key("public_key = \"gone.pem\"\n"), 3, Code::InputNotFound, "gone.pem");
    refused(&key("public_key = \"data.json\"\n"), 3, Code::KeyWrongForm, "JSON");
    refused(&key("public_key = \"a.pem\"\nshared_key = \"yes\"\n"), 5, Code::PolicySyntax, "shared_key");
    let second = "[[key]]\nname = \"b\"\npublic_key = \"a.pem\"\n";
    refused(&key(&format!("public_key = \"a.pem\"\n{second}")), 6, Code::PolicySyntax, "there twice");
    refused(
        &key(&format!("public_key = \"a.pem\"\n{}", second.replace("\"b\"", "\"a\""))),
        6,
        Code::PolicySyntax,
        "there twice",
    );
    let mut files = Memory { test_keys: false, ..Memory::new() };
    let error = parse(TEAM.as_bytes(), "p", &mut files).unwrap_err();
    assert_eq!(error.code(), Code::KeyTestKey);
    assert!(error.message().starts_with("line 3: "), "{error}");
}

#[test]
fn certificates_need_roots_and_names() {
    let certificate = |name: &str, san: &str| {
        format!("[[certificate]]\nname = \"{name}\"\nroots = [\"root.pem\"]\nsan = [\"{san}\"]\n")
    };
    read(&after(&format!("{}{}", certificate("c", "one"), certificate("d", "two")))).unwrap();
    refused(&after(&certificate("a", "one")), 11, Code::PolicySyntax, "there twice");
    refused(
        &after(&format!("{}{}", certificate("c", "one"), certificate("c", "two"))),
        15,
        Code::PolicySyntax,
        "twice",
    );
    refused(&after(&format!("{}{}", certificate("c", "one"), certificate("d", "one"))), 15, Code::PolicySyntax, "same");
    refused(
        &after("[[certificate]]\nname = \"c\"\nroots = [\"root.pem\"]\n"),
        10,
        Code::PolicySyntax,
        "missing field `san`",
    );
    refused(&after(&certificate("c", "")), 13, Code::PolicySyntax, "empty text");
    refused(&after(&certificate("c", "s").replace("root.pem", "a.pem")), 12, Code::KeyWrongForm, "public key");
    let window = "not_before = 2026-02-01T00:00:00Z\nnot_after = 2026-01-01T00:00:00Z\n";
    refused(&after(&format!("{}{window}", certificate("c", "s"))), 15, Code::PolicySyntax, "no time lies between");
    let only = format!("version = 1\n{}{}{KEY_ONLY}", certificate("a", "s"), RULE);
    assert!(read(&only).unwrap().trusted.keys().is_empty());
    let mut files = Memory { test_keys: false, ..Memory::new() };
    assert_eq!(parse(only.as_bytes(), "p", &mut files).unwrap_err().code(), Code::KeyTestKey);
}

#[test]
fn rules_are_checked() {
    let syntax = |text: &str, line, message: &str| refused(text, line, Code::PolicySyntax, message);
    syntax(&rule(""), 6, "says nothing about who may sign");
    syntax(&rule("identity = \"any\"\n"), 9, "`identity` is `any`");
    syntax(&rule("identity = \"key-only\"\n[rule.github]\nrepository_id = [\"1\"]\n"), 6, "more than one thing");
    syntax(
        &rule("[rule.gitlab]\nproject_id = [\"1\"]\n[rule.github]\nrepository_id = [\"1\"]\n"),
        6,
        "more than one thing",
    );
    syntax(&after(&format!("{RULE}{KEY_ONLY}")), 11, "the rule `r` is there twice");
    refused(&rule("identity = \"key-only\"\nthreshold = 2\n"), 10, Code::PolicyNotSupported, "only 1");
    refused(&rule("identity = \"key-only\"\nthreshold = 0\n"), 10, Code::PolicyNotSupported, "only 1");
    refused(&after("").replace("keys = [\"a\"]", "keys = [\"b\"]"), 8, Code::PolicyUnknownKeyName, "`b`");
    for glob in ["**", "a?", "[a]", "{a}", "a\\\\*"] {
        let text = after("").replace("m/*", glob);
        refused(&text, 7, Code::PolicyBadGlob, "pattern");
    }
    syntax(&after("").replace("m/*", ""), 7, "empty text");
    for digest in ["sha256:00", "md5:00", &"0".repeat(64), &format!("blake3:{}", "0".repeat(64))] {
        syntax(&rule(&format!("identity = \"key-only\"\ndigests = [\"{digest}\"]\n")), 10, "no SHA-256 digest");
    }
    syntax(&rule("identity = \"key-only\"\nhash = [\"md5\"]\n"), 10, "`md5`");
    syntax(&rule("identity = \"key-only\"\nmethod = [\"tree\"]\n"), 10, "`tree`");
    syntax(&rule("identity = \"key-only\"\n[rule.files]\nformats = [\"exe\"]\n"), 11, "`exe`");
    syntax(&rule("identity = \"key-only\"\n[rule.freshness]\nmax_age = \"0d\"\n"), 11, "no span of time");
    syntax(&rule("identity = \"key-only\"\nnot_signed_before = 2026-01-01\n"), 10, "local time");
    syntax(&rule("identity = \"key-only\"\ndanger_root_only = \"yes\"\n"), 10, "invalid type");
}

#[test]
fn evidence_is_checked() {
    let evidence = |lines: &str| {
        rule(&format!("identity = \"key-only\"\n[[rule.evidence]]\npredicate_type = \"t\"\nkeys = [\"a\"]\n{lines}"))
    };
    read(&evidence("")).unwrap();
    for (fields, code) in [
        ("{}", Code::PolicyEmptyList),
        ("{ \"/a\" = [] }", Code::PolicyEmptyList),
        ("{ \"/a\" = \"x\" }", Code::PolicySyntax),
        ("{ \"a\" = [\"x\"] }", Code::PolicySyntax),
        ("{ \"\" = [\"x\"] }", Code::PolicySyntax),
        ("{ \"/a~2\" = [\"x\"] }", Code::PolicySyntax),
        ("{ \"/a\" = [1.5] }", Code::PolicySyntax),
        ("{ \"/a\" = [\"\"] }", Code::PolicySyntax),
        ("{ \"/a\" = [[\"x\"]] }", Code::PolicySyntax),
        ("{ \"/a\" = [2026-01-01T00:00:00Z] }", Code::PolicySyntax),
    ] {
        refused(&evidence(&format!("fields = {fields}\n")), 13, code, "");
    }
    refused(&evidence("").replace("keys = [\"a\"]\n", "keys = [\"b\"]\n"), 8, Code::PolicyUnknownKeyName, "`b`");
    refused(&evidence("max_age = \"soon\"\n"), 13, Code::PolicySyntax, "no span of time");
}

#[test]
fn a_rule_binds_an_id_that_stays_the_same() {
    let no_id = |text: &str, line| refused(text, line, Code::PolicyNoImmutableId, "");
    no_id(&github("repository = [\"acme/x\"]\n"), 9);
    no_id(&github("repository_owner_id = [\"1\"]\n"), 9);
    no_id(&github("job_workflow_ref = [\"a/b/.github/workflows/c.yml@refs/heads/main\"]\n"), 9);
    no_id(&rule("[rule.gitlab]\nnamespace_id = [\"1\"]\n"), 9);
    no_id(&rule("[rule.gitlab]\nproject_path = [\"a/b\"]\n"), 9);
    for missing in ["issuer", "namespace", "service_account"] {
        let lines: String = [("issuer", "\"https://c\""), ("namespace", "[\"n\"]"), ("service_account", "[\"s\"]")]
            .iter()
            .filter(|(name, _)| *name != missing)
            .map(|(name, value)| format!("{name} = {value}\n"))
            .collect();
        assert!(no_id(&rule(&format!("[rule.kubernetes]\n{lines}")), 9).message().contains(missing));
    }
    refused(&rule("[rule.oidc]\nissuer = \"https://i\"\n"), 9, Code::PolicySyntax, "missing field `claims`");
    refused(&rule("[rule.oidc]\nclaims = { sub = [\"x\"] }\n"), 9, Code::PolicySyntax, "missing field `issuer`");
    for id in ["\"acme\"", "\"-1\"", "\"1.0\"", "\"\"", "1", "\"123456789012345678901\""] {
        refused(&github(&format!("repository_id = [{id}]\n")), 10, Code::PolicySyntax, "");
    }
    for sha in ["main", &"a".repeat(39), &"A".repeat(40)] {
        let text = github(&format!("repository_id = [\"1\"]\njob_workflow_sha = [\"{sha}\"]\n"));
        refused(&text, 11, Code::PolicySyntax, "not a commit");
    }
}

#[test]
fn an_issuer_is_one_exact_text_and_has_one_table() {
    for issuer in [
        "https://token.actions.githubusercontent.com",
        "https://token.actions.githubusercontent.com/",
        "https://TOKEN.actions.githubusercontent.com/acme",
        "https://token.actions.acme.ghe.com",
        "https://git.acme.example/_services/token",
        "https://gitlab.com",
        "https://gitlab.com/",
    ] {
        let text = rule(&format!("[rule.oidc]\nissuer = \"{issuer}\"\nclaims = {{ sub = [\"x\"] }}\n"));
        let error = refused(&text, 10, Code::PolicySyntax, "a table of its own");
        assert!(error.hint().contains("[rule.git"));
    }
    for issuer in [
        "\"gitlab.com\"",
        "\"http://gitlab.example\"",
        "\"https://*.example\"",
        "\"\"",
        "[\"https://a\"]",
        "\"https://\"",
    ] {
        let text = github(&format!("issuer = {issuer}\nrepository_id = [\"1\"]\n"));
        refused(&text, 10, Code::PolicySyntax, "issuer");
    }
}

#[test]
fn t25_a_key_has_one_identity() {
    let rule = |name: &str, key: &str, identity: &str| {
        format!("[[rule]]\nname = \"{name}\"\nmodels = [\"{name}/*\"]\nkeys = [\"{key}\"]\n{identity}")
    };
    let hub = |id: &str| format!("[rule.github]\nrepository_id = [{id}]\n");
    let policy = |one: &str, other: &str| format!("{KEY}{}{}", rule("one", "a", one), rule("two", "a", other));
    for (one, other) in [
        (hub("\"1\""), hub("\"2\"")),
        (hub("\"1\""), hub("\"1\", \"2\"")),
        (hub("\"1\""), KEY_ONLY.to_owned()),
        (hub("\"1\""), format!("{}issuer = \"https://git.example/_services/token\"\n", hub("\"1\""))),
        (hub("\"1\""), format!("{}ref = [\"refs/heads/main\"]\n", hub("\"1\""))),
        (format!("{}event_name = [\"push\"]\n", hub("\"1\"")), hub("\"1\"")),
        (hub("\"1\""), "[rule.gitlab]\nproject_id = [\"1\"]\n".to_owned()),
    ] {
        for text in [policy(&one, &other), policy(&other, &one)] {
            let error = read(&text).unwrap_err();
            assert_eq!(error.code(), Code::PolicyKeyShared, "{text}");
            assert!(error.message().starts_with("line ") && error.message().contains("`a`"), "{error}");
            read(&text.replacen("public_key", "shared_key = \"danger\"\npublic_key", 1)).unwrap();
        }
    }
    read(&policy(&hub("\"1\", \"2\""), &hub("\"2\", \"1\""))).unwrap();
    read(&policy(KEY_ONLY, KEY_ONLY)).unwrap();
    let second = "[[key]]\nname = \"b\"\npublic_key = \"b.pem\"\n";
    read(&format!("{KEY}{second}{}{}", rule("one", "a", &hub("\"1\"")), rule("two", "b", KEY_ONLY))).unwrap();
}

#[test]
fn t27_an_environment_needs_its_repository() {
    let workflow = "job_workflow_ref = [\"a/b/.github/workflows/c.yml@refs/heads/main\"]\n";
    let owner = format!("repository_owner_id = [\"1\"]\n{workflow}environment = [\"production\"]\n");
    let error = refused(&github(&owner), 12, Code::PolicyNoImmutableId, "`environment`");
    assert!(error.hint().contains("repository_id"));
    read(&github(&format!("{owner}repository_id = [\"1\"]\n"))).unwrap();
    let group =
        "[rule.gitlab]\nnamespace_id = [\"1\"]\nci_config_ref_uri = [\"g//c@x\"]\nenvironment = [\"production\"]\n";
    refused(&rule(group), 12, Code::PolicyNoImmutableId, "`environment`");
}

#[test]
fn revocations_name_one_thing() {
    let revoked = |lines: &str| after(&format!("[[revoked]]\nreason = \"x\"\n{lines}"));
    let digest = format!("\"sha256:{}\"", "0".repeat(64));
    refused(&revoked(""), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked(&format!("model = {digest}\nfile = {digest}\n")), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked("key = \"a\"\n"), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked("versions = [1]\n"), 11, Code::PolicySyntax, "exactly one thing");
    refused(&revoked("model = \"sha256:0\"\n"), 12, Code::PolicySyntax, "no SHA-256 digest");
    refused(&revoked("key_id = \"x\"\n"), 12, Code::PolicySyntax, "");
    refused(&revoked("key = \"b\"\nversions = [1]\n"), 12, Code::PolicyUnknownKeyName, "`b`");
    refused(&revoked("key = \"a\"\nversions = [1]\n"), 12, Code::PolicySyntax, "no versions");
    let time = "except_timestamped_before = 2026-01-01T00:00:00Z\n";
    refused(&revoked(&format!("file = {digest}\n{time}")), 13, Code::PolicySyntax, "belongs to keys");
    refused(&after(&format!("[[revoked]]\nfile = {digest}\n")), 10, Code::PolicySyntax, "missing field `reason`");
    refused(&after(&format!("[[revoked]]\nfile = {digest}\nreason = \"\"\n")), 12, Code::PolicySyntax, "empty text");
    let versions = format!("{PRODUCTION}[[revoked]]\nkey = \"models\"\nreason = \"x\"\nversions = ");
    let file = read(&format!("{versions}[3, 4]\n")).unwrap();
    assert!(
        matches!(&file.revoked[1].what, RevokedThing::KeyVersions(name, numbers) if name == "models" && numbers.len() == 2)
    );
    let line = PRODUCTION.lines().count() + 4;
    refused(&format!("{versions}[]\n"), line, Code::PolicyEmptyList, "versions");
    refused(&format!("{versions}[0]\n"), line, Code::PolicySyntax, "not a version");
    refused(&format!("{versions}3\n"), line, Code::PolicySyntax, "list");
}

#[test]
fn t29_files_of_revocations_hold_only_revocations_and_end() {
    let digest = "0".repeat(64);
    let text = top("valid_until = 2026-09-01T00:00:00Z\nrevocation_files = [\"r.toml\"]\n");
    let with = |content: &str| parse(text.as_bytes(), "p", &mut Memory::new().with("r.toml", content));
    let good = format!(
        "version = 1\nserial = 2\nvalid_until = 2026-10-01T00:00:00Z\n[[revoked]]\nfile = \"sha256:{digest}\"\nreason = \"x\"\n"
    );
    let file = with(&good).unwrap();
    assert_eq!(file.revoked.len(), 1);
    assert_eq!(file.valid_until.unwrap().to_string(), "2026-09-01T00:00:00Z");
    assert_eq!(
        with(&good.replace("2026-10", "2026-08")).unwrap().valid_until.unwrap().to_string(),
        "2026-08-01T00:00:00Z"
    );
    for (content, code, message) in [
        (good.replace("version = 1", "version = 2"), Code::PolicySyntax, "line 2: `r.toml`: line 1: "),
        (format!("name = \"x\"\n{good}"), Code::PolicyUnknownField, "line 2: `r.toml`: line 1: "),
        (format!("{good}{RULE}"), Code::PolicyUnknownField, "line 2: `r.toml`: line 7: "),
        (good.replace("serial = 2", "serial = 0"), Code::PolicySyntax, "line 2: `r.toml`: line 2: "),
        (good.replace("reason = \"x\"\n", ""), Code::PolicySyntax, "line 2: `r.toml`: line 4: "),
        ("version = 1\nrevoked = []".to_owned(), Code::PolicyEmptyList, "line 2: `r.toml`: line 2: "),
        (String::new(), Code::PolicySyntax, "line 2: `r.toml`: line 1: "),
    ] {
        let error = with(&content).unwrap_err();
        assert_eq!(error.code(), code, "{content}\n{error}");
        assert!(error.message().starts_with(message), "{content}\n{error}");
    }
}

#[test]
fn stages_are_checked() {
    let rego = |lines: &str| after(&format!("[rego]\n{lines}"));
    refused(&rego("data = [\"data.json\"]\n"), 10, Code::PolicySyntax, "missing field `modules`");
    refused(&rego("modules = [\"gone.rego\"]\n"), 11, Code::InputNotFound, "gone.rego");
    refused(&rego("modules = [\"extra.rego\", \"extra.rego\"]\n"), 11, Code::PolicySyntax, "twice");
    refused(&rego("modules = [\"extra.rego\"]\ndata = [\"twice.json\"]\n"), 12, Code::PolicySyntax, "twice.json");
    refused(&rego("modules = [\"extra.rego\"]\ndata = [\"a.pem\"]\n"), 12, Code::PolicySyntax, "a.pem");
    let many: Vec<_> = (0..33).map(|number| format!("\"{number}.rego\"")).collect();
    refused(&rego(&format!("modules = [{}]\n", many.join(","))), 10, Code::PolicySyntax, "more than 32 files");
    for time in ["0ms", "11s", "1m", "100"] {
        refused(
            &rego(&format!("modules = [\"extra.rego\"]\ntimeout = \"{time}\"\n")),
            12,
            Code::PolicySyntax,
            "timeout",
        );
    }
    let opa = |lines: &str| after(&format!("[opa]\n{lines}"));
    refused(&opa("url = \"http://opa.internal/v1/data/a\"\n"), 11, Code::PolicySyntax, "plain http");
    refused(&opa("timeout = \"1s\"\n"), 10, Code::PolicySyntax, "missing field `url`");
    let url = "url = \"https://opa/v1/data/a\"\n";
    refused(&opa(&format!("{url}timeout = \"31s\"\n")), 12, Code::PolicySyntax, "timeout");
    refused(&opa(&format!("{url}token_file = \"/run/token\"\n")), 12, Code::PolicySyntax, "not a path below");
    refused(&opa(&format!("{url}ca = \"gone.pem\"\n")), 12, Code::InputNotFound, "gone.pem");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(512))]
    #[test]
    fn no_text_panics(
        text in "(?s).{0,100}",
        which in 0..3_usize,
        changes in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 0..=255_u8), 0..4),
        cut in proptest::option::of(proptest::prelude::any::<proptest::sample::Index>()),
    ) {
        let _ = read(&text);
        let everything = after(
            "[rego]\nmodules = [\"extra.rego\"]\n[opa]\nurl = \"https://o:1/v1/data/a\"\n[[revoked]]\nkey_id = \"00\"\nreason = \"x\"\n",
        );
        let mut bytes = [TEAM, PRODUCTION, &everything][which].as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Err(error) = parse(&bytes, "p", &mut Memory::new()) {
            proptest::prop_assert!(error.message().starts_with("line "), "{}", error);
        }
    }
}

/// The documents of `docs/policy.md`: every block of TOML that says which version it is, or holds cases.
#[test]
fn the_examples_of_the_documents_are_read() {
    const DOCUMENT: &str = include_str!("../../../../../docs/policy.md");
    let mut seen = [0; 3];
    for block in DOCUMENT.split("```toml\n").skip(1) {
        let block = block.split("```").next().unwrap();
        let files = || Memory::new().with("pki/root.pem", ROOT).with("revoked.toml", "version = 1\n");
        if block.contains("[[case]]") {
            crate::PolicyCases::parse(block.as_bytes()).unwrap();
            seen[2] += 1;
        } else if block.contains("version = 1") && block.contains("[[rule]]") {
            parse(block.as_bytes(), "p", &mut files()).unwrap_or_else(|error| panic!("{block}\n{error}"));
            seen[0] += 1;
        } else if block.contains("version = 1") {
            parse(top("revocation_files = [\"r\"]\n").as_bytes(), "p", &mut files().with("r", block)).unwrap();
            seen[1] += 1;
        } else {
            read(&rule(block)).unwrap_or_else(|error| panic!("{block}\n{error}"));
        }
    }
    assert_eq!(seen, [3, 1, 1]);
    for claim in ["repository_id", "job_workflow_sha", "project_path", "service_account_uid"] {
        assert!(DOCUMENT.contains(&format!("`{claim}`")), "{claim}");
    }
}
