//! What a token whose signature fits must say.

use jiff::Timestamp;
use modelseal_core::{ClaimLevel, ClaimTable, Code, Error, Result};
use serde_json::{Map, Value};

use super::{Issuer, cut};

/// How far clocks may differ, in seconds.
pub(super) const LEEWAY: i64 = 30;

/// Longest id of a token, in bytes.
const MOST_JTI: usize = 1024;

/// What was checked, and is needed later.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) jti: Option<String>,
    pub(super) issued_at: Timestamp,
    pub(super) expires_at: Timestamp,
}

/// Whether the issuer is the one, byte for byte. Looked at before any key is, so that no other issuer costs a request.
///
/// # Errors
/// `identity/issuer`.
pub(super) fn check_issuer(claims: &Map<String, Value>, issuer: &Issuer) -> Result<()> {
    let found = match claims.get("iss") {
        Some(Value::String(found)) if *found == issuer.url => return Ok(()),
        Some(Value::String(found)) => format!("issued by `{}`", cut(found)),
        Some(_) => "issued by something that is not text".to_owned(),
        None => "issued by nobody".to_owned(),
    };
    Err(Error::new(Code::IdentityIssuer, format!("the identity token is {found}, not by `{}`", issuer.url)))
}

/// Audience, times, and the claims that the platform promises.
///
/// # Errors
/// `identity/audience`, `identity/claims`, `identity/expired`.
pub(super) fn check(claims: &Map<String, Value>, issuer: &Issuer, needs_jti: bool, now: Timestamp) -> Result<Checked> {
    check_audience(claims, &issuer.audience)?;
    let issued_at = time(claims, "iat")?.ok_or_else(|| lacks("iat"))?;
    let expires_at = time(claims, "exp")?.ok_or_else(|| lacks("exp"))?;
    let begins_at = time(claims, "nbf")?;
    check_life(issued_at, expires_at, issuer.max_life())?;
    check_times(now, issued_at, begins_at, expires_at)?;
    let github = issuer.platform() == "github";
    let jti = match claims.get("jti") {
        Some(Value::String(jti)) if !jti.is_empty() && jti.len() <= MOST_JTI => Some(jti.clone()),
        Some(_) => return Err(wrong("jti", "a short text")),
        None if needs_jti || github => return Err(lacks("jti")),
        None => None,
    };
    if github {
        check_texts(claims)?;
    }
    Ok(Checked { jti, issued_at, expires_at })
}

fn check_audience(claims: &Map<String, Value>, ours: &str) -> Result<()> {
    let found = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(all)) => all
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()
            .ok_or_else(|| wrong("aud", "text or a list of texts"))?,
        None => Vec::new(),
        Some(_) => return Err(wrong("aud", "text or a list of texts")),
    };
    if found == [ours] {
        return Ok(());
    }
    let shown = match found.as_slice() {
        [] => "nobody".to_owned(),
        [one] => format!("`{}`", cut(one)),
        // Another that accepts it could show it to us.
        all => format!("{} audiences", all.len()),
    };
    Err(Error::new(Code::IdentityAudience, format!("the identity token is for {shown}, not for `{}` alone", cut(ours))))
}

fn check_life(issued_at: Timestamp, expires_at: Timestamp, longest: i64) -> Result<()> {
    let life = expires_at.as_second() - issued_at.as_second();
    let why = if life <= 0 {
        "ends before it begins".to_owned()
    } else if life > longest {
        format!("lives {life} s, longer than the {longest} s that its issuer gives")
    } else {
        return Ok(());
    };
    Err(Error::new(Code::IdentityClaims, format!("the identity token {why}")))
}

fn check_times(now: Timestamp, issued: Timestamp, begins: Option<Timestamp>, expires: Timestamp) -> Result<()> {
    let clock = now.as_second();
    let refused = |what: String, word: &str, at: Timestamp| {
        let message =
            format!("the identity token {what}; local clock {}, token {word} {}", shown(now, at), shown(at, now));
        Err(Error::new(Code::IdentityExpired, message))
    };
    let begins = begins.filter(|begins| *begins > issued).map_or((issued, "issued"), |begins| (begins, "valid from"));
    let (begins, word) = begins;
    let ahead = begins.as_second() - clock;
    if ahead > LEEWAY {
        return refused(format!("is not valid for another {ahead} s"), word, begins);
    }
    let ago = clock - expires.as_second();
    if ago >= LEEWAY {
        return refused(format!("expired {ago} s ago"), "expired", expires);
    }
    Ok(())
}

/// GitHub writes every claim as text; one that is not would be compared by another rule than the author's.
fn check_texts(claims: &Map<String, Value>) -> Result<()> {
    let table = ClaimTable::of("github");
    let text = |name: &str| {
        let level = table.get(name).map(|claim| claim.level);
        matches!(level, Some(ClaimLevel::Enforce | ClaimLevel::Narrow | ClaimLevel::Record)) && name != "aud"
    };
    match claims.iter().find(|(name, value)| !value.is_string() && text(name)) {
        Some((name, _)) => Err(wrong(&cut(name), "text")),
        None => Ok(()),
    }
}

/// A time in seconds: a number, never a text.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0);
    #[expect(clippy::cast_possible_truncation, reason = "saturates, and is refused then")]
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
    time.map(Some).ok_or_else(|| wrong(name, "a time in seconds"))
}

fn lacks(name: &str) -> Error {
    Error::new(Code::IdentityClaims, format!("the identity token has no claim `{name}`"))
}

fn wrong(name: &str, needed: &str) -> Error {
    Error::new(Code::IdentityClaims, format!("the identity token has a claim `{name}` that is not {needed}"))
}

/// The time of day, with its date where the other time is of another day.
fn shown(time: Timestamp, other: Timestamp) -> String {
    let whole = Timestamp::from_second(time.as_second()).map(|time| time.to_string()).unwrap_or_default();
    let day = |text: &str| text.split_once('T').map(|(day, _)| day.to_owned());
    match whole.split_once('T') {
        Some((date, clock)) if day(&other.to_string()).as_deref() == Some(date) => clock.to_owned(),
        _ => whole,
    }
}
