//! Whether a JSON output fits its published schema, key by key.

use serde_json::Value;

use super::workspace;

/// Asserts that an output is what the schema of its kind and version says.
#[track_caller]
pub(crate) fn fits_its_schema(value: &Value) {
    let kind = value["kind"].as_str().unwrap_or_else(|| panic!("no kind: {value}"));
    let path = workspace().join(format!("crates/modelseal-cli/schemas/{kind}.v{}.json", value["version"]));
    let schema = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    check(value, &serde_json::from_str(&schema).unwrap(), kind);
}

/// The part of JSON Schema that the schemas use; anything else in them fails.
fn check(value: &Value, schema: &Value, at: &str) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "title" | "description" => {}
            "oneOf" => {
                let fits = |one: &&Value| {
                    let code = &one["properties"]["code"];
                    code["const"] == value["code"]
                        || code["enum"].as_array().is_some_and(|all| all.contains(&value["code"]))
                };
                let mut fitting = wanted.as_array().unwrap().iter().filter(fits);
                check(value, fitting.next().unwrap_or_else(|| panic!("{at}: no form has the code")), at);
                assert!(fitting.next().is_none(), "{at}: two forms have the code");
            }
            "const" => assert_eq!(value, wanted, "{at}"),
            "enum" => assert!(wanted.as_array().unwrap().contains(value), "{at}: {value}"),
            "type" => {
                let name = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let fits = wanted == name || wanted.as_array().is_some_and(|names| names.contains(&name.into()));
                assert!(fits, "{at}: {value} is no {wanted}");
            }
            "minimum" => assert!(value.is_null() || value.as_u64() >= wanted.as_u64(), "{at}: {value}"),
            "pattern" => {
                assert!(value.as_str().is_none_or(|text| fits(text, wanted.as_str().unwrap())), "{at}: {value}")
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(item, wanted, &format!("{at}[{index}]"));
                }
            }
            "properties" => {
                for (key, item) in value.as_object().into_iter().flatten() {
                    let property = wanted.get(key).unwrap_or_else(|| panic!("{at}.{key} is not in the schema"));
                    check(item, property, &format!("{at}.{key}"));
                }
            }
            "required" => {
                for key in wanted.as_array().unwrap().iter().filter(|_| value.is_object()) {
                    assert!(value.get(key.as_str().unwrap()).is_some(), "{at} lacks {key}");
                }
            }
            "additionalProperties" => assert_eq!(wanted, &Value::Bool(false), "{at}"),
            other => panic!("{at}: the keyword `{other}` is not known here"),
        }
    }
}

/// The three patterns that the schemas use.
fn fits(text: &str, pattern: &str) -> bool {
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    match pattern {
        "^[0-9a-f]{64}$" => text.len() == 64 && hex(text),
        "^(sha256|blake2b|blake3):[0-9a-f]+$" => text
            .split_once(':')
            .is_some_and(|(algorithm, digits)| matches!(algorithm, "sha256" | "blake2b" | "blake3") && hex(digits)),
        "^[a-z]+/[a-z-]+$" => text.split_once('/').is_some_and(|(family, reason)| word(family) && word(reason)),
        other => panic!("the pattern {other} is not known here"),
    }
}
