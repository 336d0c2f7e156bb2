//! Which claims are stored: those that policies may match and those that find the run. What the author of a job chooses
//! is not, nor what nobody knows the meaning of.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{ClaimLevel, ClaimTable};

/// Most claims.
pub(super) const MOST: usize = 128;
/// Most claims of an issuer that is none of the known platforms.
const MOST_GENERIC: usize = 32;
/// Longest name, in bytes.
const LONGEST_NAME: usize = 128;
/// Longest name and longest text of an issuer that is none of the known platforms.
const LONGEST_GENERIC_NAME: usize = 64;
const LONGEST_GENERIC_TEXT: usize = 1024;
/// Longest text, and longest list.
const LONGEST_TEXT: usize = 4096;
const LONGEST_LIST: usize = 64;

/// Claims that have a place of their own in the statement, or none.
const OF_THE_TOKEN: [&str; 6] = ["iss", "aud", "exp", "nbf", "iat", "jti"];

/// What stands for the nested claim `kubernetes.io`.
const OF_KUBERNETES: [(&str, &[&str]); 3] = [
    ("namespace", &["namespace"]),
    ("service_account", &["serviceaccount", "name"]),
    ("service_account_uid", &["serviceaccount", "uid"]),
];

/// Whether this can be the word of a platform.
pub(super) fn is_provider(word: &str) -> bool {
    let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    plain && word.len() <= 32 && word.starts_with(|first: char| first.is_ascii_lowercase())
}

/// The claims of a token that are stored.
pub(super) fn selected(provider: &str, claims: &Map<String, Value>) -> BTreeMap<String, Value> {
    let mut kept: BTreeMap<String, Value> = BTreeMap::new();
    if provider == "kubernetes"
        && let Some(nested) = claims.get("kubernetes.io")
    {
        for (name, path) in OF_KUBERNETES {
            let found = path.iter().try_fold(nested, |value, step| value.get(step));
            kept.extend(
                found.filter(|value| is_storable(provider, value)).map(|value| (name.to_owned(), value.clone())),
            );
        }
    }
    let most = if is_generic(provider) { MOST_GENERIC } else { MOST };
    // The subject first: of an unknown issuer it may be all that there is to match.
    let (subject, others): (Vec<_>, Vec<_>) = claims.iter().partition(|(name, _)| *name == "sub");
    for (name, value) in subject.into_iter().chain(others) {
        let flattened = provider == "kubernetes" && OF_KUBERNETES.iter().any(|(own, _)| own == name);
        if kept.len() < most && !flattened && is_stored(provider, name) && is_storable(provider, value) {
            kept.insert(name.clone(), value.clone());
        }
    }
    kept
}

/// Whether a claim of this name is stored.
pub(super) fn is_stored(provider: &str, name: &str) -> bool {
    let longest = if is_generic(provider) { LONGEST_GENERIC_NAME } else { LONGEST_NAME };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    if OF_THE_TOKEN.contains(&name) || name.is_empty() || name.len() > longest || !name.bytes().all(plain) {
        return false;
    }
    if is_generic(provider) || (provider == "kubernetes" && OF_KUBERNETES.iter().any(|(own, _)| *own == name)) {
        return true;
    }
    let level = ClaimTable::of(provider).get(name).map(|claim| claim.level);
    matches!(level, Some(ClaimLevel::Enforce | ClaimLevel::Narrow | ClaimLevel::Record))
}

/// Whether a value is stored: text that is not empty, a truth value, a whole number, a list of texts. Of an unknown
/// issuer text only, and nothing that looks like another token.
pub(super) fn is_storable(provider: &str, value: &Value) -> bool {
    let text = |text: &str| !text.is_empty() && text.len() <= LONGEST_TEXT;
    match value {
        Value::String(found) if is_generic(provider) => {
            text(found) && found.len() <= LONGEST_GENERIC_TEXT && !found.starts_with("eyJ")
        }
        Value::String(found) => text(found),
        _ if is_generic(provider) => false,
        Value::Bool(_) => true,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::Array(all) => {
            !all.is_empty() && all.len() <= LONGEST_LIST && all.iter().all(|one| one.as_str().is_some_and(text))
        }
        Value::Null | Value::Object(_) => false,
    }
}

/// Whether nothing is known of the platform's own claims.
fn is_generic(provider: &str) -> bool {
    ClaimTable::of(provider).claims().count() == ClaimTable::of("oidc").claims().count()
}
