//! What a token whose signature fits must say.

use core::time::Duration;

use super::*;

#[track_caller]
fn wrong(changes: Value, code: Code) -> Error {
    refused(&usual(), &RSA.token(&with(changes)), code)
}

#[track_caller]
fn right(changes: Value) {
    check(&usual(), &RSA.token(&with(changes)), 0).unwrap();
}

#[test]
fn the_issuer_is_text_and_equal_byte_for_byte() {
    for issuer in [
        json!("https://i.example/"),
        json!("https://i.example.evil.example"),
        json!("https://i.example/tenant"),
        json!("https://I.example"),
        json!("http://i.example"),
        json!("https://i.example\n"),
        json!(""),
        json!(1),
        json!([ISSUER]),
        json!([ISSUER, "x"]),
        json!({}),
        json!(null),
    ] {
        let error = wrong(json!({"iss": issuer}), Code::IdentityIssuer);
        assert!(error.message().contains(ISSUER), "{error}");
    }
    // A customer of the same platform.
    let token = RSA.token(&with(json!({"iss": format!("{GITHUB}/evil-inc")})));
    refused(&pinned("github", GITHUB, &key_set(&[&RSA])).unwrap(), &token, Code::IdentityIssuer);
}

#[test]
fn the_audience_is_ours_alone() {
    right(json!({"aud": [AUDIENCE]}));
    for audience in [
        json!("https://other.example"),
        json!("https://vault.example/"),
        json!("https://VAULT.example"),
        json!(""),
        json!([]),
        json!([AUDIENCE, "https://other.example"]),
        json!(["https://other.example", AUDIENCE]),
        json!([AUDIENCE, AUDIENCE]),
        json!(null),
    ] {
        wrong(json!({"aud": audience}), Code::IdentityAudience);
    }
    for audience in [json!(1), json!({}), json!([AUDIENCE, 1]), json!([[AUDIENCE]]), json!(true)] {
        wrong(json!({"aud": audience}), Code::IdentityClaims);
    }
    let error = wrong(json!({"aud": "x".repeat(3000)}), Code::IdentityAudience);
    assert!(error.message().len() < 300, "{error}");
}

#[test]
fn clocks_may_differ_by_thirty_seconds() {
    for (changes, good) in [
        (json!({"iat": NOW + 30, "nbf": null}), true),
        (json!({"iat": NOW + 31, "nbf": null}), false),
        (json!({"nbf": NOW + 30}), true),
        (json!({"nbf": NOW + 31}), false),
        (json!({"nbf": NOW - 600}), true),
        (json!({"iat": NOW - 300, "nbf": null, "exp": NOW - 29}), true),
        (json!({"iat": NOW - 300, "nbf": null, "exp": NOW - 30}), false),
        (json!({"iat": NOW - 300, "nbf": null, "exp": NOW - 50}), false),
    ] {
        if good {
            right(changes);
        } else {
            wrong(changes, Code::IdentityExpired);
        }
    }
}

#[test]
fn a_refusal_about_time_says_by_how_much_and_the_local_clock() {
    let error = wrong(json!({"iat": NOW + 41, "nbf": null}), Code::IdentityExpired);
    let message = "the identity token is not valid for another 41 s; local clock 08:00:00Z, token issued 08:00:41Z";
    assert_eq!(error.message(), message);
    let error = wrong(json!({"nbf": NOW + 90, "exp": NOW + 200}), Code::IdentityExpired);
    assert!(error.message().ends_with("another 90 s; local clock 08:00:00Z, token valid from 08:01:30Z"), "{error}");
    let error = wrong(json!({"iat": NOW - 300, "nbf": null, "exp": NOW - 50}), Code::IdentityExpired);
    assert!(error.message().ends_with("expired 50 s ago; local clock 08:00:00Z, token expired 07:59:10Z"), "{error}");
    let error = wrong(json!({"iat": NOW - 90_000, "nbf": null, "exp": NOW - 86_400}), Code::IdentityExpired);
    let message = "local clock 2027-01-15T08:00:00Z, token expired 2027-01-14T08:00:00Z";
    assert!(error.message().ends_with(message), "{error}");
}

#[test]
fn times_are_numbers() {
    for name in ["exp", "iat", "nbf"] {
        for time in [
            json!((NOW + 100).to_string()),
            json!(""),
            json!("2027-01-15T08:00:00Z"),
            json!([NOW]),
            json!({}),
            json!(true),
            json!(-1),
            json!(-NOW),
            json!(1e300),
            json!(u64::MAX),
        ] {
            wrong(json!({name: time}), Code::IdentityClaims);
        }
        let text = with(json!({name: null})).to_string().replace('}', &format!(r#","{name}":null}}"#));
        refused(&usual(), &RSA.token_of(&RSA.header().to_string(), &text), Code::IdentityClaims);
    }
    right(json!({"exp": NOW as f64 + 100.5, "iat": NOW as f64 - 0.5, "nbf": NOW as f64 - 0.5}));
}

#[test]
fn a_token_without_beginning_or_end_is_refused() {
    for name in ["exp", "iat"] {
        let error = wrong(json!({name: null}), Code::IdentityClaims);
        assert!(error.message().contains(name), "{error}");
    }
    right(json!({"nbf": null}));
    right(json!({"jti": null}));
    right(json!({"sub": null}));
}

#[test]
fn a_token_does_not_live_longer_than_its_issuer_gives() {
    let life = |seconds: i64| json!({"iat": NOW, "nbf": null, "exp": NOW + seconds});
    right(life(3600));
    let error = wrong(life(3601), Code::IdentityClaims);
    assert!(error.message().contains("3601 s") && error.message().contains("3600 s"), "{error}");
    wrong(life(0), Code::IdentityClaims);
    wrong(life(-10), Code::IdentityClaims);
    wrong(json!({"exp": 253_402_300_799_i64}), Code::IdentityClaims);

    let github = |seconds| RSA.token(&changed(with(life(seconds)), json!({"iss": GITHUB})));
    let verifier = pinned("file", GITHUB, &key_set(&[&RSA])).unwrap();
    check(&verifier, &github(600), 0).unwrap();
    refused(&verifier, &github(601), Code::IdentityClaims);

    let mut issuer = Issuer::new("oidc", ISSUER, AUDIENCE);
    issuer.keys = KeySource::Pinned(key_set(&[&RSA]).to_string().into_bytes());
    issuer.max_life = Some(Duration::from_secs(86_400));
    let verifier = TokenVerifier::new(issuer, &Hooks::default(), &no_env()).unwrap();
    check(&verifier, &RSA.token(&with(life(86_400))), 0).unwrap();
    refused(&verifier, &RSA.token(&with(life(86_401))), Code::IdentityClaims);
}

#[test]
fn github_names_its_tokens_and_writes_texts() {
    let verifier = pinned("oidc", GITHUB, &key_set(&[&RSA])).unwrap();
    let github = |changes: Value| RSA.token(&changed(with(json!({"iss": GITHUB})), changes));
    let all = json!({"repository_id": "74", "repository_owner_id": "9", "ref_protected": "true", "environment": "",
        "sub": "repo:o/r", "actor_id": 5, "invented": {"a": [1]}});
    assert_eq!(check(&verifier, &github(all), 0).unwrap().provider, "github");
    refused(&verifier, &github(json!({"jti": null})), Code::IdentityClaims);
    for (name, value) in [
        ("repository_id", json!(74)),
        ("repository_owner_id", json!(9)),
        ("repository", json!(["a/b", "c/d"])),
        ("ref_protected", json!(true)),
        ("event_name", json!({})),
        ("run_id", json!(1)),
        ("repo_property_team", json!(["a"])),
        ("sha", json!(0)),
    ] {
        let error = refused(&verifier, &github(json!({name: value})), Code::IdentityClaims);
        assert!(error.message().contains(name), "{error}");
    }
}

#[test]
fn ids_of_tokens_are_short_texts() {
    for jti in [json!(1), json!(""), json!([]), json!("j".repeat(1025))] {
        wrong(json!({"jti": jti}), Code::IdentityClaims);
    }
}

#[test]
fn a_pod_of_kubernetes_has_nested_claims() {
    let nested = json!({"namespace": "ml", "serviceaccount": {"name": "signer", "uid": "7f1c"}, "pod": {"name": "p"}});
    let claims = with(json!({"aud": [AUDIENCE], "kubernetes.io": nested, "sub": "system:serviceaccount:ml:signer"}));
    let verifier = pinned("kubernetes", ISSUER, &key_set(&[&RSA])).unwrap();
    let verified = check(&verifier, &RSA.token(&claims), 0).unwrap();
    assert_eq!(verified.provider, "kubernetes");
    assert_eq!(verified.claims["kubernetes.io"]["serviceaccount"]["name"], "signer");
    assert_eq!(Value::Object(verified.claims), claims);
}
