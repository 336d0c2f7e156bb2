use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const GITHUB: &str = include_str!("../../../../tests/goldens/provenance/github.json");
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const COMMIT: &str = "7a6ad1f5a05ee1c2a1d2d3fba7ad9c07ec4e0f3b";

fn verified(provider: &str, issuer: &str, claims: Value) -> VerifiedClaims {
    let Value::Object(claims) = claims else { panic!("{claims}") };
    let at = |text: &str| text.parse().unwrap();
    let (issued, expires) = (at("2026-11-20T12:00:00Z"), at("2026-11-20T12:05:00Z"));
    let sha256 = Digest::sha256(b"the token");
    VerifiedClaims::assert_verified(
        provider,
        issuer,
        "https://vault.example",
        Some("one".into()),
        issued,
        expires,
        sha256,
        claims,
    )
}

fn github() -> VerifiedClaims {
    verified(
        "github",
        ISSUER,
        json!({
            "iss": ISSUER, "aud": "https://vault.example", "jti": "one", "iat": 1, "nbf": 1, "exp": 2,
            "sub": "repo:acme/llm:ref:refs/heads/main", "actor": "mallory", "actor_id": "1", "workflow": "Sign",
            "head_ref": "x", "base_ref": "y", "environment_node_id": "EN_1", "issuer_scope": "global", "invented": "z",
            "repository": "acme/llm", "repository_id": "456789", "repository_owner": "acme",
            "repository_owner_id": "65", "repository_visibility": "private", "repo_property_team": "ml",
            "job_workflow_ref": "acme/ci/.github/workflows/sign.yml@refs/tags/v2.1", "job_workflow_sha": COMMIT,
            "workflow_ref": "acme/llm/.github/workflows/release.yml@refs/heads/main", "workflow_sha": COMMIT,
            "event_name": "push", "ref": "refs/heads/main", "ref_type": "branch", "ref_protected": "true",
            "sha": COMMIT, "environment": "production", "runner_environment": "github-hosted",
            "run_id": "17", "run_number": "4", "run_attempt": "2", "check_run_id": "99", "enterprise": ""
        }),
    )
}

fn complete() -> Provenance {
    let mut provenance = Provenance::of(&github(), ClaimsSource::OidcVerified).unwrap();
    provenance.started_on = Some("2026-11-20T12:00:01Z".parse().unwrap());
    provenance.finished_on = Some("2026-11-20T12:00:03Z".parse().unwrap());
    provenance.vault = Some(VaultFacts {
        mount: "transit".to_owned(),
        key: "models".to_owned(),
        key_version: 4,
        auth_role: Some("release".to_owned()),
        login_request_id: Some("0b6f8a8e-2d0f-4d6e-8ad5-4dd0f2b5a7a1".to_owned()),
    });
    let digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let named = |name: &str| format!("{name}={digest}").parse().unwrap();
    provenance.dependencies = vec![named("pkg:huggingface/acme/base@1?a=b"), named("tokens")];
    provenance.byproducts = vec![named("sbom.json"), "https://acme.example/report".parse().unwrap()];
    provenance
}

fn text(provenance: &Provenance) -> String {
    provenance.to_predicate().unwrap()
}

#[test]
fn the_predicate_of_github_is_as_published() {
    let golden: Value = serde_json::from_str(GITHUB).unwrap();
    let written: Value = serde_json::from_str(&text(&complete())).unwrap();
    assert_eq!(written, golden, "{}", serde_json::to_string_pretty(&written).unwrap());
    assert_eq!(Provenance::parse(GITHUB).unwrap().unwrap(), complete());
}

#[test]
fn what_the_author_of_a_job_chooses_is_never_written() {
    let written = text(&complete());
    for never in
        ["actor", "mallory", "\"sub\"", "repo:acme", "head_ref", "base_ref", "invented", "EN_1", "Sign", "enterprise"]
    {
        assert!(!written.contains(never), "{never}: {written}");
    }
    let claims = complete().claims;
    assert_eq!(claims.len(), 21, "{claims:?}");
}

#[test]
fn the_server_comes_from_the_issuer() {
    let builder = |issuer: &str| {
        let mut token = github();
        token.issuer = issuer.to_owned();
        let provenance = Provenance::of(&token, ClaimsSource::OidcUnbound).unwrap();
        assert_eq!(provenance.claims_source, ClaimsSource::OidcUnbound);
        provenance.builder.strip_suffix("/acme/ci/.github/workflows/sign.yml@refs/tags/v2.1").unwrap().to_owned()
    };
    for (issuer, server) in [
        (ISSUER, "https://github.com"),
        ("https://token.actions.githubusercontent.com/acme-inc", "https://github.com"),
        ("https://token.actions.acme.ghe.com", "https://acme.ghe.com"),
        ("https://ghes.acme.example/_services/token", "https://ghes.acme.example"),
        ("https://forge.example/api/actions", "https://forge.example"),
        (
            "https://token.actions.githubusercontent.com.evil.example",
            "https://token.actions.githubusercontent.com.evil.example",
        ),
        ("https://token.actions.evil.example/.ghe.com", "https://token.actions.evil.example/.ghe.com"),
        ("https://evil.example/_services/tokens", "https://evil.example/_services/tokens"),
    ] {
        assert_eq!(builder(issuer), server);
    }
}

#[test]
fn file_names_and_refs_may_hold_an_at_sign() {
    let path = |workflow_ref: &str| {
        let mut token = github();
        token.claims.insert("workflow_ref".to_owned(), json!(workflow_ref));
        Provenance::of(&token, ClaimsSource::OidcVerified).unwrap().workflow.path
    };
    for (text, expected) in [
        ("a/b/.github/workflows/x.yml@refs/heads/main", Some(".github/workflows/x.yml")),
        ("a/b/.github/workflows/x.yaml@refs/tags/v@1", Some(".github/workflows/x.yaml")),
        ("a/b/.github/workflows/x.yml@y.yml@refs/heads/m", Some(".github/workflows/x.yml@y.yml")),
        ("a/b/.github/workflows/x.yml@0123", Some(".github/workflows/x.yml")),
        ("nothing", None),
    ] {
        assert_eq!(path(text).as_deref(), expected, "{text}");
    }
}

#[test]
fn every_platform_has_a_builder_and_is_read_back() {
    for (provider, issuer, claims, builder) in [
        (
            "gitlab",
            "https://gitlab.example",
            json!({"project_id": "7", "namespace_id": "3", "project_path": "g/p", "ref": "main", "ref_path": "refs/heads/main",
                "sha": COMMIT, "ci_config_ref_uri": "gitlab.example/g/p//.gitlab-ci.yml@refs/heads/main", "job_id": "5",
                "user_login": "mallory", "groups_direct": ["g", "h"], "sub": "project_path:g/p"}),
            "https://gitlab.example/g/p//.gitlab-ci.yml@refs/heads/main",
        ),
        (
            "buildkite",
            "https://agent.buildkite.com",
            json!({"organization_id": "o", "pipeline_id": "p", "organization_slug": "acme", "pipeline_slug": "llm",
                "build_number": 4, "build_branch": "main", "sub": "x"}),
            "https://buildkite.com/acme/llm",
        ),
        (
            "circleci",
            "https://oidc.circleci.com/org/1",
            json!({"oidc.circleci.com/project-id": "2", "oidc.circleci.com/vcs-origin": "github.com/acme/llm",
                "oidc.circleci.com/vcs-ref": "refs/heads/main", "oidc.circleci.com/ssh-rerun": false}),
            "https://oidc.circleci.com/org/1/project/2",
        ),
        (
            "bitbucket",
            "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc",
            json!({"repositoryUuid": "{r}", "pipelineUuid": "{p}", "branchName": "main"}),
            "https://api.bitbucket.org/2.0/workspaces/acme/pipelines-config/identity/oidc/{r}",
        ),
        (
            "azure",
            "https://vstoken.dev.azure.com/1",
            json!({"prj_id": "2", "def_id": "3", "run_id": "4", "rpo_uri": "https://dev.azure.com/a/_git/b",
                "rpo_ref": "refs/heads/main", "rpo_ver": COMMIT}),
            "https://vstoken.dev.azure.com/1/2/3",
        ),
        (
            "google",
            "https://accounts.google.com",
            json!({"sub": "1234", "email": "a@b.example", "email_verified": true, "google": {"compute_engine": {}}}),
            "https://accounts.google.com/1234",
        ),
        ("spiffe", "https://spire.example", json!({"sub": "spiffe://acme.example/ci"}), "spiffe://acme.example/ci"),
        ("oidc", "https://ci.example/", json!({"sub": "job"}), "https://ci.example"),
    ] {
        let provenance = Provenance::of(&verified(provider, issuer, claims), ClaimsSource::OidcVerified).unwrap();
        assert_eq!(provenance.builder, builder);
        assert_eq!(Provenance::parse(&text(&provenance)).unwrap().unwrap(), provenance, "{provider}");
        assert!(!text(&provenance).contains("mallory") && !text(&provenance).contains("compute_engine"));
        let subject = provenance.claims.contains_key("sub");
        assert_eq!(subject, matches!(provider, "google" | "spiffe" | "oidc"), "{provider}");
    }
}

#[test]
fn kubernetes_claims_are_flattened() {
    let claims = json!({
        "sub": "system:serviceaccount:ml:signer", "namespace": "forged",
        "kubernetes.io": {"namespace": "ml", "serviceaccount": {"name": "signer", "uid": "u-1"}, "pod": {"name": "p"}}
    });
    let provenance = Provenance::of(&verified("kubernetes", "https://k8s.example", claims), ClaimsSource::OidcVerified);
    let provenance = provenance.unwrap();
    let expected = json!({"namespace": "ml", "service_account": "signer", "service_account_uid": "u-1",
        "sub": "system:serviceaccount:ml:signer"});
    assert_eq!(json!(provenance.claims), expected);
    assert_eq!(provenance.builder, "https://k8s.example/namespaces/ml/serviceaccounts/signer");
}

#[test]
fn of_an_unknown_issuer_plain_texts_are_kept_up_to_a_limit() {
    let mut claims = Map::new();
    for number in 0..100 {
        claims.insert(format!("a{number:02}"), json!("x"));
    }
    claims.insert("sub".to_owned(), json!("job"));
    let selected = |claims: Value| {
        let token = verified("oidc", "https://ci.example", claims);
        Provenance::of(&token, ClaimsSource::OidcVerified).unwrap().claims
    };
    let kept = selected(Value::Object(claims));
    assert!(kept.len() == 32 && kept.contains_key("sub"), "{kept:?}");
    let kept = selected(json!({
        "fine": "x", "https://acme.example/x": "colon", "number": 1, "list": ["x"], "long": "x".repeat(1025),
        "empty": "", "token": "eyJhbGciOi", "nonce": "n", "jti": "j", "iss": "i"
    }));
    assert_eq!(json!(kept), json!({"fine": "x", "nonce": "n"}));
    let token = verified("No Platform", "https://ci.example", json!({}));
    assert_eq!(Provenance::of(&token, ClaimsSource::OidcVerified).unwrap_err().code(), Code::IdentityClaims);
}

#[test]
fn provenance_of_others_is_not_ours() {
    for other in [
        "null",
        "{}",
        r#"{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1"}}"#,
        r#"{"buildDefinition":{"buildType":"https://modelseal/signed-by-job/v2"},"x":1}"#,
        r#"{"buildType":"https://modelseal/signed-by-job/v1"}"#,
        "[]",
    ] {
        assert_eq!(Provenance::parse(other).unwrap(), None, "{other}");
    }
}

#[test]
fn what_breaks_the_rules_is_refused() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(GITHUB).unwrap();
        change(&mut value);
        let code = Provenance::parse(&value.to_string()).map_err(|error| error.code());
        assert_eq!(code, Err(Code::FormatMalformed), "{value}");
    };
    let internal = "/buildDefinition/internalParameters";
    let set = |path: &str, key: &str, value: Value| {
        refused(&|whole| {
            let at = whole.pointer_mut(path).unwrap();
            at.as_object_mut().unwrap().insert(key.to_owned(), value.clone());
        });
    };
    set("/buildDefinition/externalParameters", "inputs", json!({}));
    set("/buildDefinition/externalParameters/workflow", "inputs", json!("x"));
    set("/buildDefinition/externalParameters/workflow", "ref", json!(null));
    set("/buildDefinition/externalParameters/workflow", "repository", json!("https://github.com/evil/llm"));
    set("/buildDefinition", "extra", json!(1));
    set("", "extra", json!(1));
    set("/runDetails", "extra", json!(1));
    set("/runDetails/builder", "version", json!({}));
    set("/runDetails/builder", "id", json!(""));
    set("/runDetails/metadata", "finishedOn", json!("yesterday"));
    set(internal, "gitlab", json!({}));
    set(internal, "bound_token", json!("eyJ"));
    set(&format!("{internal}/token"), "raw", json!("eyJ"));
    set(&format!("{internal}/token"), "sha256", json!("00"));
    set(&format!("{internal}/token"), "claims_source", json!("trust-me"));
    set(&format!("{internal}/token"), "iat", json!(i64::MAX));
    set(&format!("{internal}/vault"), "token", json!("hvs."));
    set(&format!("{internal}/github"), "repository_id", json!({"x": 1}));
    set(&format!("{internal}/github"), "repository_id", json!(""));
    set("/buildDefinition", "resolvedDependencies", json!([]));
    set("/buildDefinition/resolvedDependencies/0/digest", "sha1", json!(COMMIT));
    set("/buildDefinition/resolvedDependencies/1", "name", json!("second name"));
    set("/buildDefinition/resolvedDependencies/2", "digest", json!({}));
    set("/runDetails", "byproducts", json!(vec![json!({"uri": "https://x.example"}); 257]));
    refused(&|whole| {
        let parameters = whole.pointer_mut(internal).unwrap().as_object_mut().unwrap();
        parameters.remove("github");
    });
    let twice = GITHUB.replacen("\"run_id\"", "\"run_id\": \"1\", \"run_id\"", 1);
    assert_eq!(Provenance::parse(&twice).unwrap_err().code(), Code::FormatMalformed);
    let long = format!("{GITHUB}{}", " ".repeat(Provenance::MAX_BYTES));
    assert_eq!(Provenance::parse(&long).unwrap_err().code(), Code::FormatMalformed);
}

#[test]
fn claims_that_no_policy_may_match_are_not_read() {
    let mut value: Value = serde_json::from_str(GITHUB).unwrap();
    let claims = value.pointer_mut("/buildDefinition/internalParameters/github").unwrap().as_object_mut().unwrap();
    claims.insert("actor".to_owned(), json!("mallory"));
    claims.insert("sub".to_owned(), json!({}));
    claims.insert("invented".to_owned(), json!(1));
    assert_eq!(Provenance::parse(&value.to_string()).unwrap().unwrap().claims, complete().claims);
}

#[test]
fn what_would_not_be_read_back_is_not_written() {
    let mut provenance = complete();
    provenance.dependencies = vec![NamedDigest::new("x", Digest::sha256(b"")); 257];
    assert_eq!(provenance.to_predicate().unwrap_err().code(), Code::UsageArguments);
}

#[test]
fn named_digests_have_a_name_and_hold_no_password() {
    let digest = Digest::sha256(b"");
    for (text, name, has_digest) in [
        (format!("base={digest}"), "base", true),
        (format!("https://x.example/?a=b={digest}"), "https://x.example/?a=b", true),
        ("https://x.example/?a=b".to_owned(), "https://x.example/?a=b", false),
        ("pkg:huggingface/a/b@1".to_owned(), "pkg:huggingface/a/b@1", false),
    ] {
        let named: NamedDigest = text.parse().unwrap();
        assert_eq!((named.name.as_str(), named.digest.is_some()), (name, has_digest), "{text}");
    }
    for bad in [
        String::new(),
        "base".to_owned(),
        "base=sha256:00".to_owned(),
        format!("={digest}"),
        format!("a\nb={digest}"),
        format!("https://user:planted@x.example={digest}"),
        format!("{}={digest}", "x".repeat(2049)),
    ] {
        let error = bad.parse::<NamedDigest>().unwrap_err();
        assert!(error.code() == Code::UsageArguments && !error.to_string().contains("planted"), "{bad:.60}: {error}");
    }
}

fn claim() -> impl Strategy<Value = (String, Value)> {
    let names: Vec<&'static str> = ["github", "gitlab", "kubernetes", "azure", "circleci"]
        .iter()
        .flat_map(|word| crate::ClaimTable::of(word).claims().map(|claim| claim.name))
        .collect();
    let value = prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        proptest::collection::vec(any::<String>(), 0..3).prop_map(Value::from),
        Just(Value::Null),
        Just(json!({"namespace": "n", "serviceaccount": {"name": "s"}})),
    ];
    (prop_oneof![proptest::sample::select(names).prop_map(str::to_owned), "[a-z./]{1,9}"], value)
}

proptest! {
    #[test]
    fn whatever_a_token_says_is_read_back_as_it_was_written(
        provider in proptest::sample::select(vec![
            "github", "forgejo", "gitlab", "buildkite", "circleci", "bitbucket", "azure", "google", "kubernetes", "spiffe", "oidc",
        ]),
        issuer in "https://[a-z.]{1,20}(/[a-z]{1,5})?",
        claims in proptest::collection::btree_map("x", claim(), 0..1),
        more in proptest::collection::vec(claim(), 0..40),
    ) {
        let claims: Map<String, Value> = claims.into_values().chain(more).collect();
        let token = verified(provider, &issuer, Value::Object(claims));
        let provenance = Provenance::of(&token, ClaimsSource::OidcVerified).unwrap();
        let written = provenance.to_predicate().unwrap();
        prop_assert_eq!(Provenance::parse(&written).unwrap().unwrap(), provenance);
    }

    #[test]
    fn hostile_predicates_never_panic(text in ".{0,200}", at in 0..4000_usize) {
        let _ = Provenance::parse(&text);
        let mut bytes = GITHUB.as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = b'#';
        if let Ok(text) = core::str::from_utf8(&bytes) {
            let _ = Provenance::parse(text);
        }
    }
}
