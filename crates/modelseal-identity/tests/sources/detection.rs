//! Which source is chosen, and what is said of the others.

use core::time::Duration;

use modelseal_core::Code;
use modelseal_identity::{Platform, Provider};
use serde_json::json;

use super::*;

#[test]
fn nothing_found_says_what_was_looked_at() {
    let error = find(&request(Provider::Auto), &env(&[])).unwrap_err();
    assert_eq!(error.code(), Code::IdentityMissing);
    for platform in Platform::ALL {
        assert!(error.message().contains(&format!("{}: ", platform.provider)), "{}: {error}", platform.provider);
    }
    for platform in Platform::ALL {
        let error = find(&request(platform.provider), &env(&[])).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMissing, "{}", platform.provider);
        assert!(error.message().contains(platform.title), "{error}");
    }
}

#[test]
fn the_first_that_is_there_is_taken_and_the_others_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, token("https://i.example")).unwrap();
    let path = file.display().to_string();
    let all = [
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://a.example/x"),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "t"),
        ("GITLAB_CI", "true"),
        ("VAULT_ID_TOKEN", "t"),
        ("BITBUCKET_STEP_OIDC_TOKEN", "t"),
        ("MODELSEAL_JWT_SVID_FILE", &*path),
        ("MODELSEAL_SERVICE_ACCOUNT_TOKEN", &*path),
    ];
    let order = [Provider::GitHub, Provider::GitLab, Provider::Bitbucket, Provider::Spiffe, Provider::Kubernetes];
    for (skipped, expected) in [0, 3, 5, 6, 7].into_iter().zip(order) {
        let found = find(&request(Provider::Auto), &env(&all[skipped..])).unwrap();
        assert_eq!(found.provider(), expected);
        let named: Vec<Provider> = found.passed_over().iter().map(|one| one.provider).collect();
        let before: Vec<Provider> =
            Platform::ALL.iter().map(|one| one.provider).take_while(|one| *one != expected).collect();
        assert_eq!(named, before);
        assert!(found.passed_over().iter().all(|one| !one.why.is_empty()));
    }
    // What the caller names comes before all.
    let mut named = request(Provider::Auto);
    named.file = Some(file);
    assert_eq!(find(&named, &env(&all)).unwrap().provider(), Provider::File);
}

#[test]
fn d4_one_that_is_there_and_broken_is_not_passed_over() {
    let later = ("BITBUCKET_STEP_OIDC_TOKEN", &*token("https://api.bitbucket.org/2.0/workspaces/o"));
    for job in ["GITHUB_ACTIONS", "FORGEJO_ACTIONS", "GITLAB_CI", "BUILDKITE", "CIRCLECI"] {
        let error = find(&request(Provider::Auto), &env(&[(job, "true"), later])).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMissing, "{job}");
        assert!(find(&request(Provider::Auto), &env(&[(job, "false"), later])).is_ok(), "{job}");
    }
    assert!(find(&request(Provider::Auto), &env(&[("SYSTEM_OIDCREQUESTURI", "https://a.example")])).is_err());
    let unreadable = find(&request(Provider::Auto), &env(&[("MODELSEAL_JWT_SVID_FILE", "/no/svid")]));
    assert_eq!(unreadable.unwrap().token().unwrap_err().code(), Code::IdentityMissing);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let wrong = |change: fn(&mut TokenRequest)| {
        let mut request = request(Provider::GitHub);
        change(&mut request);
        find(&request, &github_at("https://a.example")).unwrap_err().code()
    };
    assert_eq!(wrong(|request| request.file = Some("f".into())), Code::UsageArguments);
    assert_eq!(wrong(|request| request.variable = Some("V".into())), Code::UsageArguments);
    assert_eq!(wrong(|request| request.command = vec!["c".into()]), Code::UsageArguments);
    assert_eq!(wrong(|request| request.audience = Some(String::new())), Code::UsageArguments);
    assert_eq!(wrong(|request| request.audience = Some("a\nb".into())), Code::UsageArguments);
    assert_eq!(wrong(|request| request.timeout = Some(Duration::ZERO)), Code::UsageArguments);
    assert_eq!(wrong(|request| request.timeout = Some(Duration::from_secs(901))), Code::UsageArguments);
    let mut without = request(Provider::GitHub);
    without.audience = None;
    let error = ask(&without, &github_at("https://a.example")).unwrap_err();
    assert!(error.code() == Code::UsageArguments && error.hint().contains("--audience"), "{error}");
}

#[test]
fn generic_sources() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let token = mint(&json!({"aud": AUDIENCE}));
    std::fs::write(&path, format!(" \n{token}\r\n\n")).unwrap();
    let mut file = request(Provider::File);
    file.file = Some(path.clone());
    ask(&file, &env(&[])).unwrap();

    let mut variable = request(Provider::Env);
    variable.variable = Some("TOKEN".to_owned());
    ask(&variable, &env(&[("TOKEN", &format!("{token}\n"))])).unwrap();
    assert_eq!(ask(&variable, &env(&[])).unwrap_err().code(), Code::IdentityMissing);
    variable.variable = Some("eyJ.planted.x".to_owned());
    let error = ask(&variable, &env(&[])).unwrap_err();
    assert!(error.code() == Code::UsageArguments && !error.message().contains("planted"), "{error}");

    let mut command = request(Provider::Command);
    command.command = vec!["cat".into(), path.clone().into_os_string()];
    ask(&command, &env(&[])).unwrap();
    command.command = vec!["".into()];
    assert_eq!(ask(&command, &env(&[])).unwrap_err().code(), Code::UsageArguments);

    for (content, code) in [
        ("", Code::IdentityMissing),
        (" \n", Code::IdentityMissing),
        ("a b", Code::IdentityMalformed),
        ("planted\u{e9}", Code::IdentityMalformed),
        (&*"a".repeat(20_000), Code::IdentityMalformed),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = ask(&file, &env(&[])).unwrap_err();
        assert_eq!(error.code(), code, "{content}");
        assert!(!error.message().contains("planted"), "{error}");
    }
    file.file = Some(directory.path().to_owned());
    assert_eq!(ask(&file, &env(&[])).unwrap_err().code(), Code::IdentityMalformed);
}
