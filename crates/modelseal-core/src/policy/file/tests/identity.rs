use super::*;

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
