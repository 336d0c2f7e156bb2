//! What a role wants of a token, beside what the token says.

use modelseal_vault::RoleFacts;
use serde_json::{Map, Value};

use super::check::quoted;

/// One condition of a role, and whether the token meets it.
pub(super) struct Compared {
    /// The claim, as the role names it.
    pub(super) name: String,
    /// The field of the role that says so.
    pub(super) field: &'static str,
    pub(super) expected: String,
    pub(super) actual: String,
    pub(super) fits: bool,
    /// Where two texts part, when each is one.
    parts_at: Option<usize>,
}

impl Compared {
    /// `claim ref: expected …, the token has …`.
    pub(super) fn line(&self, first: bool) -> String {
        let Self { name, field, expected, actual, .. } = self;
        let mark = match (self.fits, first) {
            (true, _) => "same",
            (false, true) => "DIFFERS (first difference)",
            (false, false) => "DIFFERS",
        };
        let parts = match self.parts_at.filter(|at| !self.fits && *at > 0) {
            Some(at) => format!(", from character {} on", at + 1),
            None => String::new(),
        };
        format!("{name}: expected {expected} ({field}), token has {actual}: {mark}{parts}")
    }
}

/// Every condition of the role, in the order in which servers check them: audience, subject, claims by name.
pub(super) fn compare(role: &RoleFacts, claims: &Map<String, Value>) -> Vec<Compared> {
    let mut all = Vec::new();
    let audiences = strings(claims.get("aud"));
    let bound = role.bound_audiences.as_deref().unwrap_or_default();
    if !bound.is_empty() || !audiences.is_empty() {
        all.push(Compared {
            name: "aud".to_owned(),
            field: "bound_audiences",
            expected: if bound.is_empty() { "nothing".to_owned() } else { any_of(bound.iter().map(String::as_str)) },
            actual: shown(claims.get("aud")),
            fits: bound.iter().any(|one| audiences.contains(&one.as_str())),
            parts_at: one(bound).zip(claims.get("aud").and_then(Value::as_str)).map(|(a, b)| common(a, b)),
        });
    }
    if let Some(subject) = role.bound_subject.as_deref().filter(|subject| !subject.is_empty()) {
        let actual = claims.get("sub").and_then(Value::as_str);
        all.push(Compared {
            name: "sub".to_owned(),
            field: "bound_subject",
            expected: quoted(subject),
            actual: shown(claims.get("sub")),
            fits: actual == Some(subject),
            parts_at: actual.map(|actual| common(subject, actual)),
        });
    }
    let glob = role.bound_claims_type.as_deref() == Some("glob");
    for (name, expected) in role.bound_claims.iter().flatten() {
        // A name that begins with a slash is a pointer into the token.
        let actual = if name.starts_with('/') { pointed(claims, name) } else { claims.get(name) };
        let one_text =
            if let Value::Array(all) = expected { one(all).and_then(Value::as_str) } else { expected.as_str() };
        all.push(Compared {
            name: quoted(name).trim_matches('`').to_owned(),
            field: "bound_claims",
            expected: listed(expected),
            actual: shown(actual),
            fits: actual.is_some_and(|actual| meets(expected, actual, glob)),
            parts_at: one_text.zip(actual.and_then(Value::as_str)).map(|(a, b)| common(a, b)),
        });
    }
    all
}

/// The value at a pointer into the token.
fn pointed<'a>(claims: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let mut parts = pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(&parts.next()?)?;
    parts.try_fold(first, |value, part| match value {
        Value::Object(all) => all.get(&part),
        Value::Array(all) => all.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// As servers compare: any of the expected values with any of the actual ones, by type and value.
fn meets(expected: &Value, actual: &Value, glob: bool) -> bool {
    let all = |value: &Value| match value {
        Value::Array(all) => all.clone(),
        one => vec![one.clone()],
    };
    let fits = |pattern: &Value, value: &Value| match (pattern, value) {
        (Value::String(pattern), Value::String(value)) if glob => matches(pattern, value),
        (pattern, value) => pattern == value,
    };
    let actual = all(actual);
    all(expected).iter().any(|pattern| actual.iter().any(|value| fits(pattern, value)))
}

/// `*` stands for any characters, also `/`; nothing else is special.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

fn one<T>(all: &[T]) -> Option<&T> {
    if let [one] = all { Some(one) } else { None }
}

/// How many characters two texts have in common from the start.
fn common(one: &str, other: &str) -> usize {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count()
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn any_of<'a>(all: impl Iterator<Item = &'a str>) -> String {
    all.take(8).map(quoted).collect::<Vec<_>>().join(" or ")
}

fn listed(value: &Value) -> String {
    match value {
        Value::Array(all) if all.is_empty() => "an empty list, which nothing meets".to_owned(),
        Value::Array(all) => all.iter().take(8).map(|one| shown(Some(one))).collect::<Vec<_>>().join(" or "),
        one => shown(Some(one)),
    }
}

/// A value with its type visible: servers tell `74` from `"74"`.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "no such claim".to_owned(),
        Some(Value::String(text)) => quoted(text),
        Some(Value::Number(number)) => format!("the number {number}"),
        Some(Value::Bool(truth)) => format!("the truth value {truth}"),
        Some(other) => quoted(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn role(json: Value) -> RoleFacts {
        serde_json::from_value(json).unwrap()
    }

    fn claims(json: &Value) -> Map<String, Value> {
        json.as_object().unwrap().clone()
    }

    #[test]
    fn values_meet_by_type_and_any_of_a_list_suffices() {
        for (expected, actual, glob, fits) in [
            (json!("74"), json!("74"), false, true),
            (json!(74), json!("74"), false, false),
            (json!(["73", "74"]), json!("74"), false, true),
            (json!(["a"]), json!(["b", "a"]), false, true),
            (json!([]), json!("a"), false, false),
            (json!("o/*@refs/tags/v1"), json!("o/w/.github/s.yml@refs/tags/v1"), true, true),
            (json!("o/*"), json!("o/w"), false, false),
            (json!("a*b*c"), json!("axxbyyc"), true, true),
            (json!("a*c"), json!("ab"), true, false),
            (json!("a?"), json!("ab"), true, false),
        ] {
            assert_eq!(meets(&expected, &actual, glob), fits, "{expected} {actual}");
        }
    }

    #[test]
    fn a_claim_that_is_absent_never_fits_and_differences_are_placed() {
        let role = role(json!({
            "bound_audiences": ["https://v"], "bound_subject": "s",
            "bound_claims": {"ref": "refs/heads/main", "environment": ["prod"], "/a/b": "c"},
        }));
        let all = compare(&role, &claims(&json!({"aud": "https://v", "ref": "refs/heads/mine", "a": {"b": "c"}})));
        let lines: Vec<String> = all.iter().map(|one| one.line(false)).collect();
        assert_eq!(all.iter().map(|one| one.fits).collect::<Vec<_>>(), [true, false, true, false, false], "{lines:#?}");
        assert!(lines[3].contains("token has no such claim"), "{lines:#?}");
        assert!(
            lines[4].contains("`refs/heads/main`") && lines[4].ends_with("DIFFERS, from character 13 on"),
            "{lines:#?}"
        );
        assert!(all[1].line(true).contains("first difference"));
    }
}
