//! The platforms besides GitHub.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use modelseal_core::Code;
use modelseal_http::ExposeSecret as _;
use modelseal_identity::Provider;
use serde_json::json;

use super::*;

/// A program in a directory of its own: `PATH`.
fn program(directory: &Path, name: &str, script: &str) -> String {
    let file = directory.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    directory.display().to_string()
}

#[test]
fn gitlab_reads_the_variable_of_the_job() {
    let token = token("https://gitlab.example");
    let job = [("GITLAB_CI", "true"), ("CI_SERVER_URL", "https://gitlab.example"), ("VAULT_ID_TOKEN", &*token)];
    assert_eq!(ask(&request(Provider::Auto), &env(&job)).unwrap().secret().expose_secret(), token);
    let mut other = request(Provider::GitLab);
    other.variable = Some("OTHER".to_owned());
    let error = ask(&other, &env(&job)).unwrap_err();
    assert!(error.code() == Code::IdentityMissing && error.message().contains("OTHER"), "{error}");
    let own = [("GITLAB_CI", "true"), ("CI_SERVER_URL", "https://gitlab.example"), ("OTHER", &*token)];
    assert!(ask(&other, &env(&own)).is_ok());
    let error = find(&request(Provider::Auto), &env(&own)).unwrap_err();
    assert!(error.code() == Code::IdentityMissing && error.hint().contains("id_tokens"), "{error}");
    // The audience is fixed there: the error says where.
    let mut wrong = request(Provider::Auto);
    wrong.audience = Some("x".to_owned());
    let error = ask(&wrong, &env(&job)).unwrap_err();
    assert!(error.code() == Code::IdentityAudience && error.hint().contains("id_tokens"), "{}", error.hint());
}

#[test]
fn buildkite_asks_its_agent() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().display();
    let token = token("https://agent.buildkite.com");
    let script = format!("printf '%s\\n' \"$@\" > {at}/seen; echo {token}; echo planted >&2");
    let path = program(directory.path(), "buildkite-agent", &script);
    let job = env(&[("BUILDKITE", "true"), ("PATH", &path)]);
    assert_eq!(ask(&request(Provider::Auto), &job).unwrap().secret().expose_secret(), token);
    let seen = std::fs::read_to_string(directory.path().join("seen")).unwrap();
    let expected = format!("oidc\nrequest-token\n--audience\n{AUDIENCE}\n--claim\norganization_id,pipeline_id\n");
    assert_eq!(seen, expected);
}

#[test]
fn d6_an_agent_that_fails_shows_nothing_of_what_it_printed() {
    let directory = tempfile::tempdir().unwrap();
    let path = program(directory.path(), "buildkite-agent", "echo planted; echo planted >&2; exit 7");
    let error = ask(&request(Provider::Auto), &env(&[("BUILDKITE", "true"), ("PATH", &path)])).unwrap_err();
    assert_eq!(error.code(), Code::IdentityUnavailable);
    assert!(error.message().contains('7') && !error.message().contains("planted"), "{error}");
    let error = find(&request(Provider::Auto), &env(&[("BUILDKITE", "true"), ("PATH", "/no/where")])).unwrap_err();
    assert_eq!(error.code(), Code::IdentityMissing);
    for output in ["", "two words", "a.b"] {
        let path = program(directory.path(), "buildkite-agent", &format!("echo {output}"));
        let error = ask(&request(Provider::Auto), &env(&[("BUILDKITE", "true"), ("PATH", &path)])).unwrap_err();
        assert!(matches!(error.code(), Code::IdentityMissing | Code::IdentityMalformed), "{error}");
    }
}

#[test]
fn c11_circleci_asks_its_program_else_reads_a_variable() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().display();
    let issuer = "https://oidc.circleci.com/org/3b9c";
    let script = format!("printf '%s\\n' \"$@\" > {at}/seen; echo {}", token(issuer));
    let path = program(directory.path(), "circleci", &script);
    let job = env(&[("CIRCLECI", "true"), ("PATH", &path), ("CIRCLE_OIDC_TOKEN", "unused")]);
    ask(&request(Provider::Auto), &job).unwrap();
    let seen = std::fs::read_to_string(directory.path().join("seen")).unwrap();
    let claims: Value = serde_json::from_str(seen.lines().last().unwrap()).unwrap();
    assert_eq!(claims, json!({"aud": AUDIENCE}));
    assert!(seen.starts_with("run\noidc\nget\n--claims\n"));

    let organisation = mint(&json!({"iss": issuer, "aud": "3b9c"}));
    let job = env(&[("CIRCLECI", "true"), ("CIRCLE_OIDC_TOKEN_V2", &organisation), ("CIRCLE_OIDC_TOKEN", "unused")]);
    let mut request = request(Provider::Auto);
    assert_eq!(ask(&request, &job).unwrap_err().code(), Code::IdentityAudience);
    request.audience = Some("3b9c".to_owned());
    ask(&request, &job).unwrap();
    let error = find(&request, &env(&[("CIRCLECI", "true")])).unwrap_err();
    assert_eq!(error.code(), Code::IdentityMissing);
}

#[test]
fn c11_bitbucket_reads_the_variable_of_the_step() {
    let issuer = "https://api.bitbucket.org/2.0/workspaces/octo/pipelines-config/identity/oidc";
    let job = |token: &str| env(&[("BITBUCKET_STEP_OIDC_TOKEN", token)]);
    ask(&request(Provider::Auto), &job(&token(issuer))).unwrap();
    let other = mint(&json!({"iss": issuer, "aud": "ari:cloud:bitbucket::workspace/x"}));
    let error = ask(&request(Provider::Auto), &job(&other)).unwrap_err();
    assert!(error.code() == Code::IdentityAudience && error.hint().contains("150"), "{}", error.hint());
    assert!(ask(&request(Provider::Auto), &job(&token("https://api.bitbucket.org.evil.example"))).is_err());
}

#[test]
fn azure_is_asked_for_its_own_audience() {
    let token = mint(&json!({"iss": "https://vstoken.dev.azure.com/9a1c", "aud": "api://AzureADTokenExchange"}));
    let server = server([Behaviour::json(200, &json!({"oidcToken": token}))]);
    let uri = format!("{}/org/proj/_apis/distributedtask/hubs/build/plans/1/jobs/2/oidctoken", server.address);
    let job = env(&[
        ("SYSTEM_OIDCREQUESTURI", &uri),
        ("SYSTEM_ACCESSTOKEN", REQUEST_TOKEN),
        ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "c0 1"),
    ]);
    let mut request = request(Provider::Auto);
    let error = find(&request, &job).unwrap_err();
    assert!(error.code() == Code::UsageArguments && error.message().contains("AzureADTokenExchange"), "{error}");
    request.audience = None;
    request.default_audience = Some("https://vault.example".to_owned());
    let found = find(&request, &job).unwrap();
    assert_eq!(found.audience(), Some("api://AzureADTokenExchange"));
    found.token().unwrap();
    let seen = &server.requests()[0];
    assert_eq!(seen.method, "POST");
    assert!(seen.path.ends_with("/oidctoken?api-version=7.1&serviceConnectionId=c0%201"), "{}", seen.path);
    assert_eq!(seen.header("authorization"), Some(&*format!("Bearer {REQUEST_TOKEN}")));
    assert_eq!(seen.header("x-tfs-fedauthredirect"), Some("Suppress"));
    let unmapped = env(&[("SYSTEM_OIDCREQUESTURI", &uri)]);
    let error = find(&request, &unmapped).unwrap_err();
    assert!(error.code() == Code::IdentityMissing && error.hint().contains("SYSTEM_ACCESSTOKEN"), "{error}");
    let unnamed = env(&[("SYSTEM_OIDCREQUESTURI", &uri), ("SYSTEM_ACCESSTOKEN", REQUEST_TOKEN)]);
    assert_eq!(find(&request, &unnamed).unwrap_err().code(), Code::IdentityMissing);
}

/// A machine whose firmware and metadata server are Google's.
fn on_google(directory: &Path, server: &FaultServer) -> TokenRequest {
    let mut request = request(Provider::Auto);
    request.places.product_name = directory.join("product");
    request.places.google_metadata.clone_from(&server.address);
    std::fs::write(&request.places.product_name, "Google Compute Engine\n").unwrap();
    request
}

#[test]
fn google_is_asked_with_its_header() {
    let directory = tempfile::tempdir().unwrap();
    let server = server([Behaviour::answer(200, &[], format!("{}\n", token("https://accounts.google.com")))]);
    ask(&on_google(directory.path(), &server), &env(&[])).unwrap();
    let seen = &server.requests()[0];
    assert!(seen.path.starts_with("/computeMetadata/v1/instance/service-accounts/default/identity?audience=https%3A"));
    assert!(seen.path.ends_with("&format=full"));
    assert_eq!(seen.header("metadata-flavor"), Some("Google"));
}

#[test]
fn a_machine_of_google_without_an_account_has_no_identity() {
    let directory = tempfile::tempdir().unwrap();
    let server = server([Behaviour::answer(404, &[], "Not Found")]);
    let error = ask(&on_google(directory.path(), &server), &env(&[])).unwrap_err();
    assert_eq!(error.code(), Code::IdentityMissing);
    assert!(error.hint().contains("service account"), "{}", error.hint());
}

#[test]
fn d5_a_job_on_a_machine_of_google_keeps_its_own_identity() {
    let directory = tempfile::tempdir().unwrap();
    let (metadata, actions) = (server([value("x")]), server([value(&token(GITHUB))]));
    let request = on_google(directory.path(), &metadata);
    assert_eq!(ask(&request, &github(&actions)).unwrap().issuer(), Some(GITHUB));
    // Also when it has none: another one would be a surprise.
    let error = find(&request, &env(&[("GITHUB_ACTIONS", "true")])).unwrap_err();
    assert_eq!(error.code(), Code::IdentityMissing);
    assert_eq!(metadata.requests().len(), 0);
}

#[test]
fn the_metadata_address_is_not_asked_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let server = server([value("x")]);
    let request = on_google(directory.path(), &server);
    for product in ["VMware7,1", "", "Google Compute Engine Clone", "google"] {
        std::fs::write(&request.places.product_name, product).unwrap();
        assert_eq!(find(&request, &env(&[])).unwrap_err().code(), Code::IdentityMissing, "{product}");
    }
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_projected_token_is_read_at_every_use() {
    let directory = tempfile::tempdir().unwrap();
    let mut request = request(Provider::Auto);
    request.places.service_account_token = directory.path().join("token");
    let write = |claims: &Value| std::fs::write(directory.path().join("token"), mint(claims) + "\n").unwrap();
    write(&json!({"iss": "https://cluster", "aud": [AUDIENCE], "jti": "1"}));
    let found = find(&request, &env(&[])).unwrap();
    assert_eq!((found.provider(), &found.token().unwrap().claims()["jti"]), (Provider::Kubernetes, &json!("1")));
    write(&json!({"iss": "https://cluster", "aud": [AUDIENCE], "jti": "2"}));
    assert_eq!(found.token().unwrap().claims()["jti"], "2");
    // The token of every pod is for the API server.
    write(&json!({"iss": "https://cluster", "aud": ["https://kubernetes.default.svc"]}));
    assert_eq!(found.token().unwrap_err().code(), Code::IdentityAudience);
    request.provider = Provider::Kubernetes;
    request.file = Some("/no/other".into());
    assert_eq!(ask(&request, &env(&[])).unwrap_err().code(), Code::IdentityMissing);
}

#[test]
fn spiffe_reads_a_file_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("svid");
    // Such a token may have no issuer.
    std::fs::write(&path, mint(&json!({"sub": "spiffe://example/ci", "aud": [AUDIENCE]}))).unwrap();
    let path = path.display().to_string();
    let found = find(&request(Provider::Auto), &env(&[("MODELSEAL_JWT_SVID_FILE", &path)])).unwrap();
    assert_eq!(found.token().unwrap().claims()["sub"], "spiffe://example/ci");
    let socket = env(&[("SPIFFE_ENDPOINT_SOCKET", "unix:///run/spire/agent.sock")]);
    let error = find(&request(Provider::Spiffe), &socket).unwrap_err();
    assert!(error.code() == Code::IdentityMissing && error.message().contains("only files"), "{error}");
}
