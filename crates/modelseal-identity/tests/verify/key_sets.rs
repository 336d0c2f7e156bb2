//! Key sets that are given as text.

use super::*;

#[track_caller]
fn unusable(set: &Value) {
    assert_eq!(pinned("oidc", ISSUER, set).unwrap_err().code(), Code::IdentityKeysMalformed, "{set}");
}

#[test]
fn a_set_without_a_usable_key_is_an_error() {
    for set in
        [json!({}), json!([]), json!({"keys": {}}), json!({"keys": null}), json!({"keys": []}), json!({"keys": [1]})]
    {
        unusable(&set);
    }
    for text in ["", "<html>", r#"{"keys":[],"keys":[]}"#, "{\"keys\":[]} x"] {
        let mut issuer = Issuer::new("oidc", ISSUER, AUDIENCE);
        issuer.keys = KeySource::Pinned(text.as_bytes().to_vec());
        let error = TokenVerifier::new(issuer, &Hooks::default(), &no_env()).unwrap_err();
        assert_eq!(error.code(), Code::IdentityKeysMalformed, "{text}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_left_out() {
    let small = json!({"n": "w".repeat(171)});
    let off_the_curve = EC.jwk()["y"].clone();
    for bad in [
        RSA.jwk_with(small),
        RSA.jwk_with(json!({"n": ""})),
        RSA.jwk_with(json!({"n": "not base64url!"})),
        RSA.jwk_with(json!({"n": "w".repeat(2000)})),
        RSA.jwk_with(json!({"e": "AQ"})),
        RSA.jwk_with(json!({"e": "AA"})),
        RSA.jwk_with(json!({"e": "Ag"})),
        RSA.jwk_with(json!({"e": null})),
        RSA.jwk_with(json!({"use": "enc"})),
        RSA.jwk_with(json!({"use": 1})),
        RSA.jwk_with(json!({"key_ops": ["sign"]})),
        RSA.jwk_with(json!({"alg": "RS512"})),
        RSA.jwk_with(json!({"alg": "HS256"})),
        RSA.jwk_with(json!({"alg": "none"})),
        RSA.jwk_with(json!({"alg": "ES256"})),
        RSA.jwk_with(json!({"alg": 1})),
        RSA.jwk_with(json!({"kid": ""})),
        RSA.jwk_with(json!({"kid": 1})),
        RSA.jwk_with(json!({"kid": "k".repeat(513)})),
        RSA.jwk_with(json!({"kty": "oct", "k": "AAAA"})),
        RSA.jwk_with(json!({"kty": "EC"})),
        EC.jwk_with(json!({"crv": "P-521"})),
        EC.jwk_with(json!({"crv": "secp256k1"})),
        EC.jwk_with(json!({"crv": "P-384"})),
        EC.jwk_with(json!({"x": off_the_curve})),
        EC.jwk_with(json!({"x": "AAAA"})),
        json!({"kty": "OKP", "crv": "Ed448", "kid": "e", "x": "AAAA"}),
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "e", "x": "AAAA"}),
        json!({}),
    ] {
        unusable(&json!({"keys": [bad]}));
        let verifier = pinned("oidc", ISSUER, &json!({"keys": [bad, NEXT.jwk(), "text"]})).unwrap();
        check(&verifier, &NEXT.token(&good()), 0).unwrap();
        refused(&verifier, &RSA.token(&good()), Code::IdentityUnknownKey);
    }
}

#[test]
fn keys_of_other_algorithms_than_the_issuers_are_left_out() {
    assert!(pinned("github", GITHUB, &json!({"keys": [EC.jwk()]})).is_err());
    assert!(pinned("github", GITHUB, &json!({"keys": [RSA.jwk_with(json!({"alg": "RS384"}))]})).is_err());
}

#[test]
fn what_issuers_write_besides_does_no_harm() {
    let verbose =
        RSA.jwk_with(json!({"use": "sig", "alg": "RS256", "key_ops": ["verify"], "x5c": ["AAAA"], "x5t": "AA"}));
    let mut modulus = vec![0];
    modulus.extend(base64::Engine::decode(&keys::ENGINE, RSA.jwk()["n"].as_str().unwrap()).unwrap());
    let signed = RSA.jwk_with(json!({"n": keys::part(&modulus)}));
    for jwk in [verbose, signed] {
        let verifier = pinned("oidc", ISSUER, &json!({"keys": [jwk], "more": 1})).unwrap();
        check(&verifier, &RSA.token(&good()), 0).unwrap();
    }
}

#[test]
fn two_keys_of_one_name_are_both_left_out() {
    let other = Key::rsa("rsa-1");
    unusable(&json!({"keys": [RSA.jwk(), other.jwk()]}));
    let verifier = pinned("oidc", ISSUER, &json!({"keys": [RSA.jwk(), NEXT.jwk(), other.jwk(), RSA.jwk()]})).unwrap();
    check(&verifier, &NEXT.token(&good()), 0).unwrap();
    for key in [&*RSA, &other] {
        refused(&verifier, &key.token(&good()), Code::IdentityUnknownKey);
    }
    // One for encryption is no other key.
    let verifier =
        pinned("oidc", ISSUER, &json!({"keys": [other.jwk_with(json!({"use": "enc"})), RSA.jwk()]})).unwrap();
    check(&verifier, &RSA.token(&good()), 0).unwrap();
}

#[test]
fn a_set_is_read_from_a_file_that_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    let code = |path: &std::path::Path| modelseal_identity::read_jwks(path).unwrap_err().code();
    assert_eq!(code(&path), Code::InputNotFound);
    std::fs::write(&path, key_set(&[&RSA]).to_string()).unwrap();
    assert_eq!(modelseal_identity::read_jwks(&path).unwrap(), key_set(&[&RSA]).to_string().into_bytes());
    std::fs::write(&path, " ".repeat(256 * 1024 + 1)).unwrap();
    assert_eq!(code(&path), Code::IdentityKeysMalformed);
    assert!(matches!(code(directory.path()), Code::InputSpecialFile | Code::InputUnreadable));
}

#[test]
fn sets_are_bounded() {
    let keys =
        |count: usize| -> Vec<Value> { (0..count).map(|i| RSA.jwk_with(json!({"kid": i.to_string()}))).collect() };
    assert!(pinned("oidc", ISSUER, &json!({"keys": keys(64)})).is_ok());
    unusable(&json!({"keys": keys(65)}));
    unusable(&json!({"keys": keys(10_000)}));
    unusable(&json!({"keys": [RSA.jwk()], "x": " ".repeat(256 * 1024)}));
}

#[test]
fn given_keys_are_good_for_any_issuer_and_never_fetched() {
    let server = fault::FaultServer::builder().on("*", "/", [fault::Behaviour::json(200, &key_set(&[&NEXT]))]).start();
    for url in ["kubernetes/serviceaccount", "spiffe://acme.example", "http://far.example", &server.address] {
        let verifier = pinned("oidc", url, &key_set(&[&RSA])).unwrap();
        let claims = with(json!({"iss": url}));
        verifier.warm_up().unwrap();
        // However old they are.
        check(&verifier, &RSA.token(&claims), 0).unwrap();
        refused(&verifier, &NEXT.token(&claims), Code::IdentityUnknownKey);
        assert_eq!(verifier.cooldown_at(at(0)).as_secs(), 0);
        assert_eq!(verifier.keys_status(), modelseal_identity::KeysStatus::default());
    }
    assert_eq!(server.connections(), 0);
}
