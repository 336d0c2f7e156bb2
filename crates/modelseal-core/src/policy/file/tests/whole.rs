use super::*;

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
fn numbers_are_limited() {
    let rules = |number| {
        let rule = |index| RULE.replace("\"r\"", &format!("\"{index}\"")) + KEY_ONLY;
        format!("{KEY}{}", (0..number).map(rule).collect::<String>())
    };
    read(&rules(1000)).unwrap();
    refused(&rules(1001), 5, Code::PolicySyntax, "more than 1000 [[rule]]");
    let files: Vec<_> = (0..33).map(|number| format!("\"{number}.toml\"")).collect();
    let text = top(&format!("revocation_files = [{}]\n", files.join(",")));
    refused(&text, 1, Code::PolicySyntax, "more than 32 files");
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
    const DOCUMENT: &str = include_str!("../../../../../../docs/policy.md");
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
