use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::compact::MOST;

fn mint(claims: &Value) -> String {
    part(br#"{"alg":"RS256"}"#) + "." + &part(claims.to_string().as_bytes()) + ".cGxhbnRlZA"
}

fn part(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_as(token: &str, audience: Option<&str>, issuers: &Issuers) -> Result<IdentityToken> {
    let expected = Expected { name: "the token", audience, issuers, audience_hint: None };
    IdentityToken::read(SecretString::from(token), &expected)
}

fn read(token: &str) -> Result<IdentityToken> {
    read_as(token, Some("a"), &Issuers::any())
}

fn good() -> Value {
    json!({"iss": "https://i.example", "aud": "a", "exp": now() + 300, "sub": "s"})
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = good();
    claims[name] = value;
    claims
}

#[test]
fn a_good_token_is_read_and_not_shown() {
    let token = mint(&good());
    let read = read(&token).unwrap();
    assert_eq!((read.issuer(), read.audiences()), (Some("https://i.example"), &["a".to_owned()][..]));
    assert_eq!(read.claims()["sub"], "s");
    assert!((now() + 299..=now() + 300).contains(&read.expires().as_second()));
    let shown = format!("{read:?} {read:#?}");
    assert!(shown.contains("https://i.example") && !shown.contains("cGxhbnRlZA") && !shown.contains("sub"), "{shown}");
    assert_eq!(read.secret().expose_secret(), token);
    assert_eq!(read.into_secret().expose_secret(), token);
}

#[test]
fn d1_the_audience_is_checked_after_receipt() {
    for audience in [json!("b"), json!(""), json!(["b", "c"]), json!([]), json!("A"), json!("a/")] {
        let error = read(&mint(&with("aud", audience.clone()))).unwrap_err();
        assert_eq!(error.code(), Code::IdentityAudience, "{audience}");
        assert!(error.message().contains("`a`"), "{error}");
    }
    let mut without = good();
    without.as_object_mut().unwrap().remove("aud");
    assert_eq!(read(&mint(&without)).unwrap_err().code(), Code::IdentityAudience);
    for audience in [json!(1), json!(null), json!({}), json!(["a", 1])] {
        assert_eq!(read(&mint(&with("aud", audience))).unwrap_err().code(), Code::IdentityMalformed);
    }
}

#[test]
fn d2_an_array_of_audiences_holds_ours() {
    assert_eq!(read(&mint(&with("aud", json!(["b", "a"])))).unwrap().audiences(), ["b", "a"]);
    assert!(read(&mint(&with("aud", json!(["a"])))).is_ok());
}

#[test]
fn the_issuer_is_compared() {
    let issuers = Issuers::exactly("https://i.example");
    assert!(read_as(&mint(&good()), Some("a"), &issuers).is_ok());
    for issuer in [json!("https://i.example/"), json!("https://other.example"), json!(1), json!(["https://i.example"])]
    {
        let error = read_as(&mint(&with("iss", issuer.clone())), Some("a"), &issuers).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMalformed, "{issuer}");
    }
    let error = read_as(&mint(&with("iss", json!("https://other.example"))), None, &issuers).unwrap_err();
    assert!(error.message().contains("`https://other.example`, not by `https://i.example`"), "{error}");
}

#[test]
fn what_has_expired_or_soon_will_is_refused() {
    for (left, good) in [(300, true), (30, true), (8, false), (0, false), (-1, false), (-100_000, false)] {
        let end = read(&mint(&with("exp", json!(now() + left))));
        match good {
            true => assert!(end.is_ok(), "{left}"),
            false => assert_eq!(end.unwrap_err().code(), Code::IdentityExpired, "{left}"),
        }
    }
    for wrong in [json!("1"), json!(null), json!(1e300), json!([])] {
        assert_eq!(read(&mint(&with("exp", wrong))).unwrap_err().code(), Code::IdentityMalformed);
    }
    let mut without = good();
    without.as_object_mut().unwrap().remove("exp");
    assert_eq!(read(&mint(&without)).unwrap_err().code(), Code::IdentityMalformed);
}

#[test]
fn what_is_no_token_is_refused_and_never_quoted() {
    let (header, body) = (part(b"{}"), part(good().to_string().as_bytes()));
    let twice = part(br#"{"aud":"a","aud":"b","exp":9999999999}"#);
    for bad in [
        String::new(),
        "planted".to_owned(),
        format!("{header}.{body}"),
        format!("{header}.{body}."),
        format!("{header}..AAAA"),
        format!("{header}.{body}.AAAA.AAAA"),
        format!("{header}.{body}=.AAAA"),
        format!("{header}.{body}.AA+A"),
        format!("{header}.{}.AAAA", part(b"[]")),
        format!("{header}.{}.AAAA", part(b"planted")),
        format!("{header}.{}.AAAA", part(b"\xff")),
        format!("{}.{body}.AAAA", part(b"1")),
        format!("{header}.{twice}.AAAA"),
        format!("{header}.{body}.{}", "A".repeat(MOST)),
        mint(&json!({"a": "x".repeat(MOST)})),
    ] {
        let error = read(&bad).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMalformed, "{bad}");
        assert!(!error.message().contains("planted") && !error.message().contains(&header), "{error}");
    }
}

#[test]
fn t11_hostile_claims_are_escaped() {
    let hostile = "a\n::error::\u{1b}[2J\u{202e}\u{200b}";
    for name in ["aud", "iss"] {
        let token = mint(&with(name, json!(hostile)));
        let error = read_as(&token, Some("x"), &Issuers::exactly("i")).unwrap_err();
        assert!(!error.message().contains(['\n', '\u{1b}', '\u{202e}', '\u{200b}']), "{error:?}");
        let shown = format!("{:?}", read_as(&token, None, &Issuers::any()).unwrap());
        assert!(!shown.contains(['\n', '\u{1b}', '\u{202e}', '\u{200b}']), "{shown}");
    }
}
