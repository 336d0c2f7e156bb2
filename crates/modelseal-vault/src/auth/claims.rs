//! What can be seen of a JSON web token without the keys of its issuer. The server verifies it; this only finds early
//! what it would refuse, and keeps tokens for somebody else from being sent.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use modelseal_core::{Code, Error, Result, parse_json};
use modelseal_http::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::source::Source;

/// Longest token.
const MOST: usize = 16 * 1024;
/// How far clocks may differ, in seconds.
const LEEWAY: i64 = 60;

/// What a token says of itself. Not verified.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    pub(super) issuer: Option<String>,
    pub(super) audiences: Vec<String>,
}

/// Checks form, audience (when one is expected) and times.
///
/// # Errors
/// `identity/malformed`, `identity/audience`, `identity/expired`; none quotes the token.
pub(super) fn check(token: &SecretString, source: &Source, audience: Option<&str>) -> Result<Claimed> {
    let name = source.name();
    let claims = claims(token.expose_secret()).map_err(|why| source.kind().unusable(format!("{name} {why}")))?;
    let malformed = |what: &str| source.kind().unusable(format!("{name} has a claim `{what}` of the wrong type"));
    let found = match claims.get("aud") {
        None => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.as_str()]),
        Some(Value::Array(all)) => all.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
        Some(_) => None,
    };
    if let Some(audience) = audience {
        let found = found.as_ref().ok_or_else(|| malformed("aud"))?;
        if !found.contains(&audience) {
            let found = if found.is_empty() { "no audience".to_owned() } else { format!("`{}`", found.join("`, `")) };
            let message = format!("{name} is for {found}, not for `{audience}`; it was not sent");
            return Err(Error::new(Code::IdentityAudience, message));
        }
    }
    // Seconds that have passed since the time of a claim.
    let since = |claim: &str| -> Result<Option<i64>> {
        let Some(value) = claims.get(claim) else { return Ok(None) };
        let time = value.as_f64().filter(|time| time.is_finite()).ok_or_else(|| malformed(claim))?;
        // Rounded towards zero, and held to what the type can hold.
        #[expect(clippy::cast_possible_truncation, reason = "saturates")]
        let seconds = time as i64;
        Ok(Some(now().saturating_sub(seconds)))
    };
    let untimely = |what: String| {
        let clock = Timestamp::from_second(now()).map(|time| time.to_string()).unwrap_or_default();
        let message = format!("{name} {what}, by this machine's clock ({clock})");
        Err(Error::new(Code::IdentityExpired, message))
    };
    match (since("exp")?, since("nbf")?) {
        (Some(late), _) if late > LEEWAY => untimely(format!("expired {late} s ago")),
        (_, Some(since)) if since < -LEEWAY => {
            untimely(format!("is not valid for another {} s", since.saturating_neg()))
        }
        _ => Ok(Claimed {
            issuer: claims.get("iss").and_then(Value::as_str).map(str::to_owned),
            audiences: found.unwrap_or_default().into_iter().map(str::to_owned).collect(),
        }),
    }
}

fn claims(token: &str) -> Result<Map<String, Value>, &'static str> {
    if token.len() > MOST {
        return Err("is longer than 16 KiB");
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("is not a JSON web token: there are not three parts between dots");
    };
    let decode = |part: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty());
        bytes.map(Zeroizing::new).ok_or("is not a JSON web token: a part is not base64url")
    };
    decode(signature)?;
    let object = |part: &str| {
        // A claim that is there twice would be read otherwise by the server.
        parse_json(&decode(part)?, "").map_err(|_| "is not a JSON web token: a part is not a JSON object")
    };
    object(header)?;
    object(payload)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs().cast_signed())
}

#[cfg(test)]
mod tests {
    use modelseal_http::FixedEnv;

    use super::super::source::Kind;
    use super::*;
    use crate::SecretSource;

    fn token(payload: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#), URL_SAFE_NO_PAD.encode(payload))
    }

    fn checked(token: String, audience: Option<&str>) -> Result<()> {
        let source = SecretSource::Value("unused".into());
        let source = Source::find(Kind::IdentityToken, &source, &FixedEnv::default()).unwrap();
        check(&SecretString::from(token), &source, audience).map(|_| ())
    }

    #[test]
    fn only_three_parts_with_two_objects_are_a_token() {
        assert!(checked(token("{}"), None).is_ok());
        let good = token("{}");
        for bad in [
            String::new(),
            "planted".to_owned(),
            "a.b".to_owned(),
            format!("{good}.a"),
            format!("{good}="),
            format!("{good} "),
            good.rsplit_once('.').unwrap().0.to_owned() + ".",
            token("[]"),
            token("{\"a\":"),
            token("\"planted\""),
            token(r#"{"aud":"planted","aud":"a"}"#),
            token(&format!("{{\"a\":\"{}\"}}", "a".repeat(MOST))),
        ] {
            let error = checked(bad.clone(), None).unwrap_err();
            assert_eq!(error.code(), Code::IdentityMalformed, "{bad:.80}");
            assert!(!error.message().contains("planted"), "{error}");
        }
    }

    #[test]
    fn the_audience_must_be_among_those_of_the_token() {
        for (payload, fits) in [
            (r#"{"aud":"a"}"#, true),
            (r#"{"aud":["b","a"]}"#, true),
            (r#"{"aud":"A"}"#, false),
            (r#"{"aud":["ab"]}"#, false),
            (r#"{"aud":[]}"#, false),
            ("{}", false),
        ] {
            assert!(checked(token(payload), None).is_ok());
            let answer = checked(token(payload), Some("a"));
            assert_eq!(answer.is_ok(), fits, "{payload}");
            assert!(answer.is_ok() || answer.unwrap_err().code() == Code::IdentityAudience);
        }
        for payload in [r#"{"aud":1}"#, r#"{"aud":["a",1]}"#, r#"{"aud":null}"#] {
            assert_eq!(checked(token(payload), Some("a")).unwrap_err().code(), Code::IdentityMalformed, "{payload}");
        }
    }

    #[test]
    fn a_token_that_expired_is_not_sent() {
        let at = |seconds: i64| token(&format!(r#"{{"exp":{}}}"#, now() + seconds));
        assert!(checked(at(300), None).is_ok());
        assert!(checked(at(-30), None).is_ok());
        let error = checked(at(-3600), None).unwrap_err();
        assert_eq!(error.code(), Code::IdentityExpired);
        assert!(error.message().contains("360") && error.message().contains("clock"), "{error}");
        assert!(checked(token(r#"{"exp":1e300}"#), None).is_ok());
        assert_eq!(checked(token(r#"{"exp":-1.5}"#), None).unwrap_err().code(), Code::IdentityExpired);
        assert_eq!(checked(token(r#"{"exp":"never"}"#), None).unwrap_err().code(), Code::IdentityMalformed);
        assert_eq!(checked(token(r#"{"exp":null}"#), None).unwrap_err().code(), Code::IdentityMalformed);
    }

    #[test]
    fn a_token_of_the_future_is_not_sent() {
        let from = |seconds: i64| token(&format!(r#"{{"nbf":{},"exp":{}}}"#, now() + seconds, now() + 7200));
        assert!(checked(from(-300), None).is_ok());
        assert!(checked(from(30), None).is_ok());
        let error = checked(from(3600), None).unwrap_err();
        assert_eq!(error.code(), Code::IdentityExpired);
        assert!(error.message().contains("not valid for another 3") && error.message().contains("clock"), "{error}");
        assert_eq!(checked(token(r#"{"nbf":1e300}"#), None).unwrap_err().code(), Code::IdentityExpired);
        assert!(checked(token(r#"{"nbf":-1e300}"#), None).is_ok());
        assert_eq!(checked(token(r#"{"nbf":"soon"}"#), None).unwrap_err().code(), Code::IdentityMalformed);
    }
}
