//! Every small change to a JSON text: each member removed, doubled, and given another value and another type.

use core::fmt;

use serde_json::{Map, Value, json};

/// One changed text.
#[derive(Debug)]
pub(crate) struct Mutation {
    /// JSON pointer (RFC 6901) to what was changed.
    pub(crate) path: String,
    /// What was done to it.
    pub(crate) what: &'static str,
    /// The changed text.
    pub(crate) text: String,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.what)
    }
}

/// All changes to a JSON text, one at a time.
///
/// None has the value of the original, except for doubled members of equal value.
pub(crate) fn mutations(text: &str) -> impl Iterator<Item = Mutation> {
    let original: Value = serde_json::from_str(text).expect("the text to change is JSON");
    let mut found = Vec::new();
    for path in paths(&original) {
        replace(&original, &path, &mut found);
        remove(&original, &path, &mut found);
        double(&original, &path, &mut found);
    }
    unknown(&original, &mut found);
    found.into_iter()
}

/// Pointers to every value below the root.
fn paths(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, child)| (escape(name), child)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, child)| (at.to_string(), child)).collect(),
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(name, child)| {
            let below = paths(child).into_iter().map(|path| format!("/{name}{path}")).collect::<Vec<_>>();
            core::iter::once(format!("/{name}")).chain(below)
        })
        .collect()
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Another value, and each other type.
fn replace(original: &Value, path: &str, found: &mut Vec<Mutation>) {
    let old = original.pointer(path).expect("a path of this value");
    for (what, new) in replacements(old) {
        if &new != old {
            let mut changed = original.clone();
            *changed.pointer_mut(path).expect("the same path") = new;
            found.push(Mutation { path: path.to_owned(), what, text: changed.to_string() });
        }
    }
}

fn replacements(old: &Value) -> Vec<(&'static str, Value)> {
    let mut new = vec![
        ("null", Value::Null),
        ("a boolean", json!(true)),
        ("a number", json!(7)),
        ("a negative number", json!(-1)),
        ("a huge number", json!(1e300)),
        ("an array", json!(["x"])),
        ("an object", json!({"x": 1})),
    ];
    match old {
        Value::String(text) => {
            new.push(("empty text", json!("")));
            new.push(("longer text", json!(format!("{text}x"))));
            new.push(("other text", json!(flip(text))));
        }
        Value::Number(_) => {
            let other = old.as_u64().map_or(json!(1), |number| json!(number + 1));
            new.extend([("other number", other), ("a fraction", json!(0.5)), ("a text", json!(old.to_string()))]);
        }
        Value::Bool(value) => {
            // Told apart from the change of type, which `true` would be elsewhere.
            new.retain(|(what, _)| *what != "a boolean");
            new.extend([("other boolean", json!(!value)), ("a text", json!(value.to_string()))]);
        }
        Value::Array(list) => {
            new.push(("empty array", json!([])));
            new.push(("a text", json!("x")));
            let mut reversed = list.clone();
            reversed.reverse();
            new.push(("reversed", Value::Array(reversed)));
        }
        Value::Object(_) => new.extend([("empty object", json!({})), ("a text", json!("x"))]),
        Value::Null => new.push(("a text", json!("x"))),
    }
    new
}

/// The text with its first letter or digit replaced by another of its kind.
fn flip(text: &str) -> String {
    let mut done = false;
    let other = |c: char| match c {
        'a' | 'A' | '0' => char::from(c as u8 + 1),
        'b'..='z' | 'B'..='Z' | '1'..='9' => char::from(c as u8 - 1),
        c => c,
    };
    text.chars()
        .map(|c| {
            if done || other(c) == c {
                c
            } else {
                done = true;
                other(c)
            }
        })
        .collect()
}

fn split(path: &str) -> (&str, String) {
    let (parent, name) = path.rsplit_once('/').expect("a path below the root");
    (parent, name.replace("~1", "/").replace("~0", "~"))
}

fn remove(original: &Value, path: &str, found: &mut Vec<Mutation>) {
    let (parent, name) = split(path);
    let mut changed = original.clone();
    match changed.pointer_mut(parent).expect("the parent of a path") {
        Value::Object(map) => drop(map.remove(&name)),
        Value::Array(list) => drop(list.remove(name.parse().expect("an index"))),
        _ => return,
    }
    found.push(Mutation { path: path.to_owned(), what: "removed", text: changed.to_string() });
}

/// An element twice, or a member twice: with an equal value, with another, and with an escape in its name.
fn double(original: &Value, path: &str, found: &mut Vec<Mutation>) {
    const MARK: &str = "\u{e000}";
    let (parent, name) = split(path);
    let value = original.pointer(path).expect("a path of this value").clone();
    let mut changed = original.clone();
    match changed.pointer_mut(parent).expect("the parent of a path") {
        Value::Array(list) => {
            list.insert(name.parse().expect("an index"), value);
            found.push(Mutation { path: path.to_owned(), what: "doubled", text: changed.to_string() });
        }
        Value::Object(map) => {
            // No `Value` holds a name twice: a mark is set beside the member and replaced in the text.
            map.insert(MARK.to_owned(), Value::Null);
            let text = changed.to_string();
            let marked = format!("{}:null", json!(MARK));
            let escaped = name.chars().next().map(|c| format!("\"\\u{:04x}{}\"", u32::from(c), &name[c.len_utf8()..]));
            let plain = json!(name).to_string();
            let mut push = |what, key: &str, value: &Value| {
                let text = text.replace(&marked, &format!("{key}:{value}"));
                found.push(Mutation { path: path.to_owned(), what, text });
            };
            push("doubled", &plain, &value);
            push("doubled, other value", &plain, &if value.is_null() { json!(true) } else { Value::Null });
            if let Some(escaped) = escaped {
                push("doubled, escaped", &escaped, &value);
            }
        }
        _ => {}
    }
}

/// A member that nobody knows, twice in one object: in an unknown part of the text, duplicates count too.
fn unknown(original: &Value, found: &mut Vec<Mutation>) {
    let Value::Object(map) = original else { return };
    let mut map: Map<String, Value> = map.clone();
    map.insert("\u{e000}".to_owned(), Value::Null);
    let text = Value::Object(map).to_string().replace("\"\u{e000}\":null", r#""extra":{"a":{"b":1,"b":1}}"#);
    found.push(Mutation { path: "/extra/a/b".to_owned(), what: "doubled", text });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const TEXT: &str = r#"{"a":{"b/c":[1,"x"],"d~":false},"e":null}"#;

    #[test]
    fn every_value_is_reached() {
        let original: Value = serde_json::from_str(TEXT).unwrap();
        assert_eq!(paths(&original), ["/a", "/a/b~1c", "/a/b~1c/0", "/a/b~1c/1", "/a/d~0", "/e"]);
        let reached: BTreeSet<_> = mutations(TEXT).map(|mutation| mutation.path).collect();
        assert!(paths(&original).iter().all(|path| reached.contains(path)));
    }

    #[test]
    fn every_change_has_a_name_and_none_is_the_original() {
        let original: Value = serde_json::from_str(TEXT).unwrap();
        let mut seen = BTreeSet::new();
        for mutation in mutations(TEXT) {
            let value: Value =
                serde_json::from_str(&mutation.text).unwrap_or_else(|error| panic!("{mutation}: {error}"));
            assert!(mutation.what.starts_with("doubled") || value != original, "{mutation}");
            assert_ne!(mutation.text, original.to_string(), "{mutation}");
            assert!(seen.insert(mutation.to_string()), "twice: {mutation}");
        }
    }

    #[test]
    fn members_are_removed_doubled_and_retyped() {
        let of = |path: &str| {
            let all = mutations(TEXT).filter(|mutation| mutation.path == path);
            all.map(|mutation| (mutation.what, mutation.text)).collect::<Vec<_>>()
        };
        let has = |path: &str, what: &str, text: &str| {
            assert!(of(path).contains(&(what, text.to_owned())), "{path} {what}: {:?}", of(path));
        };
        has("/e", "removed", r#"{"a":{"b/c":[1,"x"],"d~":false}}"#);
        has("/a/b~1c/0", "removed", r#"{"a":{"b/c":["x"],"d~":false},"e":null}"#);
        has("/a/b~1c/0", "other number", r#"{"a":{"b/c":[2,"x"],"d~":false},"e":null}"#);
        has("/a/b~1c/1", "doubled", r#"{"a":{"b/c":[1,"x","x"],"d~":false},"e":null}"#);
        has("/a/b~1c/1", "other text", r#"{"a":{"b/c":[1,"w"],"d~":false},"e":null}"#);
        has("/a/d~0", "other boolean", r#"{"a":{"b/c":[1,"x"],"d~":true},"e":null}"#);
        has("/a/d~0", "doubled", r#"{"a":{"b/c":[1,"x"],"d~":false,"d~":false},"e":null}"#);
        has("/a/d~0", "doubled, escaped", r#"{"a":{"b/c":[1,"x"],"d~":false,"\u0064~":false},"e":null}"#);
    }

    #[test]
    fn flipped_texts_keep_their_alphabet() {
        assert_eq!(flip("a0"), "b0");
        assert_eq!(flip("/0A="), "/1A=");
        assert_eq!(flip("z"), "y");
        assert_eq!(flip("--"), "--");
    }
}
