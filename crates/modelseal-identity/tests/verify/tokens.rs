//! Form, header and signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::keys::part;
use super::*;

#[test]
fn a_good_token_is_verified() {
    let verifier = usual();
    let token = RSA.token(&good());
    let verified = check(&verifier, &token, 0).unwrap();
    assert_eq!((verified.provider.as_str(), verified.issuer.as_str()), ("oidc", ISSUER));
    assert_eq!((verified.audience.as_str(), verified.jti.as_deref()), (AUDIENCE, Some("j")));
    assert_eq!((verified.issued_at, verified.expires_at), (at(-5), at(295)));
    assert_eq!(verified.token_sha256, modelseal_core::Digest::sha256(token.as_bytes()));
    assert_eq!(verified.text("sub"), Some(PLANTED));
    let shown = format!("{verifier:?}");
    assert!(shown.contains(ISSUER) && shown.contains(AUDIENCE), "{shown}");
}

#[test]
fn each_algorithm_has_its_key() {
    let (p384, ed) = (Key::p384("ec-2"), Key::ed25519("ed-1"));
    let verifier = pinned("oidc", ISSUER, &key_set(&[&RSA, &EC, &p384, &ed])).unwrap();
    for key in [&*RSA, &*EC, &p384, &ed] {
        check(&verifier, &key.token(&good()), 0).unwrap();
    }
    // A key that does not name its algorithm serves all that fit its type.
    let verifier = pinned("oidc", ISSUER, &json!({"keys": [RSA.jwk()]})).unwrap();
    for alg in ["RS256", "RS384"] {
        check(&verifier, &RSA.token_with(&json!({"alg": alg, "kid": "rsa-1"}), &good()), 0).unwrap();
    }
}

#[test]
fn what_is_not_three_parts_of_base64url_is_no_token() {
    let verifier = usual();
    let token = RSA.token(&good());
    let (header, claims) = (part(RSA.header().to_string().as_bytes()), part(good().to_string().as_bytes()));
    let signature = token.rsplit('.').next().unwrap();
    let padded = STANDARD.encode(RSA.header().to_string());
    for bad in [
        String::new(),
        "planted".to_owned(),
        "..".to_owned(),
        format!("{header}.{claims}"),
        format!("{header}.{claims}."),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{header}.{claims}.{signature}="),
        format!("{header}.{claims}.{}", signature.replace(['-', '_'], "+")) + "+",
        format!("{padded}.{claims}.{signature}="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{header}\n.{claims}.{signature}"),
        format!("{header}.{claims}.{signature}\0"),
        RSA.token_of("[]", &good().to_string()),
        RSA.token_of("planted", &good().to_string()),
        RSA.token_of(&RSA.header().to_string(), "[]"),
        RSA.token_of(&RSA.header().to_string(), "planted"),
        RSA.token_of(&RSA.header().to_string(), ""),
    ] {
        refused(&verifier, &bad, Code::IdentityMalformed);
    }
}

#[test]
fn a_token_of_a_megabyte_is_refused_at_once() {
    let started = std::time::Instant::now();
    for token in [
        RSA.token(&with(json!({"x": "y".repeat(1 << 20)}))),
        "a".repeat(1 << 20),
        ".".repeat(1 << 20),
        format!("{}.a.a", "[".repeat(1 << 20)),
    ] {
        refused(&usual(), &token, Code::IdentityMalformed);
    }
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn what_stands_twice_has_two_readings() {
    let (header, claims) = (RSA.header().to_string(), good().to_string());
    let twice = |text: &str, more: &str| format!("{},{more}}}", text.trim_end_matches('}'));
    let verifier = usual();
    check(&verifier, &RSA.token_of(&header, &claims), 0).unwrap();
    for (header, claims) in [
        (twice(&header, r#""alg":"RS256""#), claims.clone()),
        (twice(&header, r#""k\u0069d":"rsa-1""#), claims.clone()),
        (header.clone(), twice(&claims, &format!(r#""aud":"{AUDIENCE}""#))),
        (header.clone(), twice(&claims, r#""exp":9999999999"#)),
        (header.clone(), twice(&claims, r#""a":{"b":1,"b":2}"#)),
    ] {
        refused(&verifier, &RSA.token_of(&header, &claims), Code::IdentityMalformed);
    }
}

#[test]
fn no_signature_and_shared_secrets_are_no_algorithms() {
    let verifier = usual();
    let claims = part(good().to_string().as_bytes());
    for alg in ["none", "None", "NONE", "nOnE"] {
        let header = part(json!({"alg": alg, "kid": "rsa-1"}).to_string().as_bytes());
        refused(&verifier, &format!("{header}.{claims}.AAAA"), Code::IdentityAlgorithm);
        refused(&verifier, &format!("{header}.{claims}."), Code::IdentityMalformed);
    }
    // The public key as the secret of an HMAC.
    for alg in ["HS256", "HS384", "HS512"] {
        let header = part(json!({"alg": alg, "kid": "rsa-1"}).to_string().as_bytes());
        let signed = format!("{header}.{claims}");
        for secret in [RSA.jwk().to_string(), RSA.jwk()["n"].as_str().unwrap().to_owned()] {
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
            let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
            let error = refused(&verifier, &format!("{signed}.{}", part(tag.as_ref())), Code::IdentityAlgorithm);
            assert!(error.message().contains(alg) && error.message().contains("RS256"), "{error}");
        }
    }
    for alg in ["PS256", "RS512", "ES512", "ES256K", "rs256", "RS256 ", "EdDSA\n", "dir", "A128KW"] {
        let header = json!({"alg": alg, "kid": "rsa-1"});
        refused(&verifier, &RSA.token_with(&header, &good()), Code::IdentityAlgorithm);
    }
    for header in
        [json!({"kid": "rsa-1"}), json!({"alg": 1, "kid": "rsa-1"}), json!({"alg": ["RS256"], "kid": "rsa-1"})]
    {
        refused(&verifier, &RSA.token_with(&header, &good()), Code::IdentityMalformed);
    }
}

#[test]
fn the_algorithm_is_the_issuers_and_the_keys_own() {
    // GitHub uses RS256 and nothing else, whatever keys its set has.
    let github = changed(good(), json!({"iss": GITHUB}));
    let verifier = pinned("oidc", GITHUB, &json!({"keys": [RSA.jwk(), EC.jwk()]})).unwrap();
    check(&verifier, &RSA.token(&github), 0).unwrap();
    refused(&verifier, &EC.token(&github), Code::IdentityAlgorithm);
    let header = json!({"alg": "RS384", "kid": "rsa-1"});
    refused(&verifier, &RSA.token_with(&header, &github), Code::IdentityAlgorithm);
    // A key of another type, and a key for another algorithm.
    let verifier = usual();
    for header in [json!({"alg": "ES256", "kid": "rsa-1"}), json!({"alg": "RS384", "kid": "rsa-1"})] {
        let error = refused(&verifier, &RSA.token_with(&header, &good()), Code::IdentityAlgorithm);
        assert!(error.message().contains("`rsa-1`"), "{error}");
    }
    refused(&verifier, &EC.token_with(&json!({"alg": "RS256", "kid": "ec-1"}), &good()), Code::IdentityAlgorithm);
}

#[test]
fn a_key_must_be_named_and_known() {
    let verifier = usual();
    for header in [
        json!({"alg": "RS256"}),
        json!({"alg": "RS256", "kid": ""}),
        json!({"alg": "RS256", "kid": 1}),
        json!({"alg": "RS256", "kid": null}),
        json!({"alg": "RS256", "kid": "k".repeat(513)}),
    ] {
        let error = refused(&verifier, &RSA.token_with(&header, &good()), Code::IdentityMalformed);
        assert!(error.message().contains("kid"), "{error}");
    }
    for kid in ["other", "RSA-1", "rsa-1 ", "../rsa-1", "x\n::error::\u{1b}[2J\u{202e}", &"k".repeat(512)] {
        let error = refused(
            &verifier,
            &RSA.token_with(&json!({"alg": "RS256", "kid": kid}), &good()),
            Code::IdentityUnknownKey,
        );
        assert!(!error.message().contains(['\n', '\u{1b}', '\u{202e}']) && error.message().len() < 300, "{error}");
    }
}

#[test]
fn extensions_that_must_be_understood_are_refused() {
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!(null)] {
        let mut header = RSA.header();
        header["crit"] = crit;
        refused(&usual(), &RSA.token_with(&header, &good()), Code::IdentityMalformed);
    }
}

#[test]
fn keys_and_addresses_in_the_header_are_the_senders_own() {
    let elsewhere =
        fault::FaultServer::builder().on("*", "/", [fault::Behaviour::json(200, &key_set(&[&NEXT]))]).start();
    let mut header = NEXT.header();
    header["kid"] = json!("rsa-1");
    header["jku"] = json!(format!("{}/keys", elsewhere.address));
    header["x5u"] = json!(format!("{}/certificates", elsewhere.address));
    header["jwk"] = NEXT.jwk();
    header["x5c"] = json!(["AAAA"]);
    header["x5t"] = json!("AAAA");
    refused(&usual(), &NEXT.token_with(&header, &good()), Code::IdentitySignature);
    header["kid"] = json!("rsa-2");
    refused(&usual(), &NEXT.token_with(&header, &good()), Code::IdentityUnknownKey);
    assert_eq!(elsewhere.connections(), 0);
    // They harm nothing when the issuer itself writes them; neither does any type.
    let mut header = RSA.header();
    header["jku"] = json!(format!("{}/keys", elsewhere.address));
    header["jwk"] = NEXT.jwk();
    for typ in ["JWT", "at+jwt", "x"] {
        header["typ"] = json!(typ);
        check(&usual(), &RSA.token_with(&header, &good()), 0).unwrap();
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_bad_signature_says_nothing_of_clocks() {
    let verifier = usual();
    let expired = with(json!({"exp": NOW - 5000, "iat": NOW - 5100, "nbf": null}));
    let token = RSA.token(&expired);
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let spliced = RSA.token(&changed(expired.clone(), json!({"sub": "somebody else"})));
    let (other, _) = spliced.rsplit_once('.').unwrap();
    for bad in [
        Key::rsa("rsa-1").token(&expired),
        format!("{other}.{signature}"),
        format!("{signed}.AAAA"),
        format!("{signed}.{}", part(&[0; 255])),
        format!("{signed}.{}", part(&[0; 256])),
        format!("{signed}.{}", part(&[0xff; 257])),
        format!("{}.{}", EC.token(&expired).rsplit_once('.').unwrap().0, part(&[0; 64])),
    ] {
        let error = refused(&verifier, &bad, Code::IdentitySignature);
        let message = error.message();
        assert!(!message.contains("clock") && !message.contains("expired") && !message.contains("valid"), "{error}");
    }
    // Of a signature that fits, the clock is what is wrong.
    refused(&verifier, &token, Code::IdentityExpired);
}
