//! Tokens of sources.

use modelseal_http::ExposeSecret as _;
use modelseal_identity::{Found, Provider, TokenRequest, find};

use super::mock::Mock;
use super::*;

fn now() -> i64 {
    Timestamp::now().as_second() - NOW
}

/// A job of GitLab at this server with this token.
fn gitlab(url: &str, token: &str) -> Found {
    let mut request = TokenRequest::default();
    request.provider = Provider::GitLab;
    request.audience = Some(AUDIENCE.to_owned());
    let env: FixedEnv =
        [("GITLAB_CI", "true"), ("CI_SERVER_URL", url), ("VAULT_ID_TOKEN", token)].into_iter().collect();
    find(&request, &env).unwrap()
}

/// A file with this token.
fn file(token: &str, audience: Option<&str>, issuer: Option<&str>) -> (Found, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut request = TokenRequest::default();
    request.provider = Provider::File;
    request.audience = audience.map(str::to_owned);
    request.issuer = issuer.map(str::to_owned);
    request.file = Some(directory.path().join("token"));
    std::fs::write(directory.path().join("token"), token).unwrap();
    (find(&request, &no_env()).unwrap(), directory)
}

#[test]
fn t5_the_very_token_that_was_received_is_verified() {
    let mock = Mock::new(&[&RSA]);
    let token = mock.token(&RSA, now());
    let found = gitlab(mock.url(), &token);
    let received = found.token().unwrap();
    let verified = found.verify(received.secret(), None, &no_env()).unwrap();
    assert_eq!((verified.provider.as_str(), verified.issuer.as_str()), ("gitlab", mock.url()));
    assert_eq!(verified.token_sha256, modelseal_core::Digest::sha256(received.secret().expose_secret().as_bytes()));
    assert_eq!(mock.fetches(), 1);
    // Another key set than the issuer's own: nothing is asked for.
    let jwks = key_set(&[&NEXT]).to_string();
    let error = found.verify(received.secret(), Some(jwks.as_bytes()), &no_env()).unwrap_err();
    assert_eq!(error.code(), Code::IdentityUnknownKey);
    assert_eq!(mock.fetches(), 1);
}

#[test]
fn a_source_vouches_for_its_issuers_only() {
    let mock = Mock::new(&[&RSA]);
    let found = gitlab("https://gitlab.example", "x");
    let error = found.verify(&SecretString::from(mock.token(&RSA, now())), None, &no_env()).unwrap_err();
    assert_eq!(error.code(), Code::IdentityIssuer, "{error}");
    assert_eq!(mock.server.connections(), 0);
    for (claims, code) in [
        (json!({"iss": null}), Code::IdentityIssuer),
        (json!({"iss": ["https://gitlab.example"]}), Code::IdentityIssuer),
    ] {
        let token = RSA.token(&changed(mock.claims(now()), claims));
        assert_eq!(found.verify(&SecretString::from(token), None, &no_env()).unwrap_err().code(), code);
    }
    let error = found.verify(&SecretString::from("planted"), None, &no_env()).unwrap_err();
    assert_eq!(error.code(), Code::IdentityMalformed);
}

#[test]
fn a_file_holds_a_token_of_any_issuer_that_is_named_by_what_it_is() {
    let jwks = key_set(&[&RSA]).to_string();
    for (issuer, provider) in [(GITHUB, "github"), ("https://gitlab.com", "gitlab"), ("https://i.example", "oidc")] {
        let token = RSA.token(&mock::of(issuer, now()));
        let (found, _directory) = file(&token, Some(AUDIENCE), None);
        let token = found.token().unwrap();
        let verified = found.verify(token.secret(), Some(jwks.as_bytes()), &no_env()).unwrap();
        assert_eq!((verified.provider.as_str(), verified.issuer.as_str()), (provider, issuer));
        let (found, _directory) = file("x", Some(AUDIENCE), Some("https://other.example"));
        let error = found.verify(token.secret(), Some(jwks.as_bytes()), &no_env()).unwrap_err();
        assert_eq!(error.code(), Code::IdentityIssuer);
    }
}

#[test]
fn without_an_audience_nothing_is_verified() {
    let token = RSA.token(&mock::of(ISSUER, now()));
    let (found, _directory) = file(&token, None, None);
    let error = found.verify(&SecretString::from(token), None, &no_env()).unwrap_err();
    assert_eq!(error.code(), Code::UsageArguments);
    assert!(error.hint().contains("--audience"), "{}", error.hint());
}

#[test]
fn one_of_several_audiences_is_enough_for_a_source_and_not_for_a_verifier() {
    let token = RSA.token(&changed(mock::of(ISSUER, now()), json!({"aud": [AUDIENCE, "x"]})));
    let (found, _directory) = file(&token, Some(AUDIENCE), None);
    let received = found.token().unwrap();
    let jwks = key_set(&[&RSA]).to_string();
    let error = found.verify(received.secret(), Some(jwks.as_bytes()), &no_env()).unwrap_err();
    assert_eq!(error.code(), Code::IdentityAudience);
}
