//! GitHub and Forgejo.

use modelseal_core::Code;
use modelseal_http::ExposeSecret as _;
use modelseal_identity::Provider;
use serde_json::json;

use super::*;

#[test]
fn github_is_asked_with_the_audience_encoded_and_its_own_query_kept() {
    let token = token(GITHUB);
    let server = server([value(&token)]);
    let found = find(&request(Provider::Auto), &github(&server)).unwrap();
    assert_eq!((found.provider(), server.requests().len()), (Provider::GitHub, 0));
    assert_eq!(found.token().unwrap().secret().expose_secret(), token);
    let seen = &server.requests()[0];
    let encoded = "https%3A%2F%2Fvault.example%3A8200%2Fa%20b%26c%3Dd%3Fe%23f%2Bg%2520%C3%BC";
    assert_eq!((seen.method.as_str(), seen.path.as_str()), ("GET", &*format!("{PATH}&audience={encoded}")));
    assert_eq!(seen.header("authorization"), Some(&*format!("bearer {REQUEST_TOKEN}")));
    assert_eq!(seen.header("accept"), Some("application/json"));
    found.token().unwrap();
    assert_eq!(server.requests().len(), 2, "a token was kept");
}

#[test]
fn d1_an_audience_that_was_dropped_on_the_way_is_noticed() {
    let dropped = mint(&json!({"iss": GITHUB, "aud": "https://github.com/octo"}));
    let (error, server) = refused([value(&dropped)], Code::IdentityAudience);
    assert!(error.message().contains("`https://github.com/octo`"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn d2_an_array_of_audiences_is_read() {
    let server = server([value(&mint(&json!({"iss": GITHUB, "aud": ["x", AUDIENCE]})))]);
    assert!(ask(&request(Provider::GitHub), &github(&server)).is_ok());
}

#[test]
fn c7_enterprises_tenants_and_servers_have_other_issuers() {
    for (url, issuer) in [
        ("https://github.com", "https://token.actions.githubusercontent.com/octo-inc"),
        ("https://octo.ghe.com", "https://token.actions.octo.ghe.com"),
        ("https://ghes.example", "https://ghes.example/_services/token"),
    ] {
        let server = server([value(&token(issuer))]);
        let address = format!("{}{PATH}", server.address);
        let job = |url: &str| {
            env(&[
                ("GITHUB_ACTIONS", "true"),
                ("GITHUB_SERVER_URL", url),
                ("ACTIONS_ID_TOKEN_REQUEST_URL", &address),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
            ])
        };
        assert_eq!(ask(&request(Provider::Auto), &job(url)).unwrap().issuer(), Some(issuer));
        let error = ask(&request(Provider::Auto), &job("https://other.example")).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMalformed);
        assert!(error.message().contains(issuer), "{error}");
        let mut exact = request(Provider::Auto);
        exact.issuer = Some(issuer.to_owned());
        assert!(ask(&exact, &job("https://other.example")).is_ok());
        exact.issuer = Some(format!("{issuer}/"));
        assert!(ask(&exact, &job(url)).is_err());
    }
}

#[test]
fn forgejo_is_told_from_github() {
    let server = server([value(&token("https://forge.example/api/actions"))]);
    let address = format!("{}{PATH}", server.address);
    let job = env(&[
        ("GITHUB_ACTIONS", "true"),
        ("FORGEJO_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://forge.example/"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &address),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
    ]);
    let found = find(&request(Provider::Auto), &job).unwrap();
    assert_eq!(found.provider(), Provider::Forgejo);
    assert!(found.passed_over().iter().any(|one| one.provider == Provider::GitHub && one.why.contains("Forgejo")));
    found.token().unwrap();
}

#[test]
fn c6_no_permission_and_forks_have_errors_of_their_own() {
    let job = env(&[("GITHUB_ACTIONS", "true")]);
    let error = find(&request(Provider::Auto), &job).unwrap_err();
    assert_eq!(error.code(), Code::IdentityMissing);
    assert!(error.hint().contains("id-token: write"), "{}", error.hint());

    let directory = tempfile::tempdir().unwrap();
    let event = directory.path().join("event.json");
    let repository = |name: &str| json!({"repo": {"full_name": name}});
    let pull_request = json!({"head": repository("mallory/llama"), "base": repository("acme/llama")});
    std::fs::write(&event, json!({"pull_request": pull_request}).to_string()).unwrap();
    let event = event.display().to_string();
    let fork = env(&[("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request"), ("GITHUB_EVENT_PATH", &event)]);
    let error = find(&request(Provider::Auto), &fork).unwrap_err();
    assert_eq!(error.code(), Code::IdentityFork);
    assert!(error.hint().contains("--skip-on-fork"));
    // Whoever gets the means to ask is no fork without them, whatever the event says.
    let server = server([value(&token(GITHUB))]);
    assert!(ask(&request(Provider::Auto), &github(&server)).is_ok());
}

#[test]
fn half_of_the_means_is_a_changed_environment() {
    for (name, value) in
        [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://a.example"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN)]
    {
        let error = find(&request(Provider::Auto), &env(&[("GITHUB_ACTIONS", "true"), (name, value)])).unwrap_err();
        assert_eq!(error.code(), Code::UsageEnvironment, "{name}");
    }
}

#[test]
fn the_request_goes_over_tls_or_stays_here() {
    for url in [
        "http://pipelines.example/x",
        "ftp://a.example",
        "unix:///run/x",
        "https://planted@a.example",
        "https://a.example/#x",
        "https://a.example/?a=b c",
        "planted",
        "",
    ] {
        let error = find(&request(Provider::GitHub), &github_at(url)).unwrap_err();
        assert_eq!(error.code(), Code::UsageEnvironment, "{url}");
        assert!(!error.message().contains("planted"), "{error}");
    }
    assert!(find(&request(Provider::GitHub), &github_at("https://a.example/x?y=z")).is_ok());
    assert!(find(&request(Provider::GitHub), &github_at("http://[::1]:1/x")).is_ok());
}
