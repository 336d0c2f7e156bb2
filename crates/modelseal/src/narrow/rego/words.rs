//! What the evaluator says, in one line.

use modelseal_core::{Code, Error};
use regorus::Value;

/// Most messages of `deny` that are shown.
const MOST_REASONS: usize = 10;

/// Longest text that is quoted, in characters: a message of `deny`, or what the evaluator says.
const LONGEST: usize = 200;

/// What was found instead of `true`, and what `deny` says of it.
pub(super) fn denied(value: &Value, reasons: Option<&Value>) -> Error {
    let mut message = format!("the Rego modules do not allow the artifact: data.model.allow is {}", kind(value));
    let reasons: Vec<String> = reasons.map(texts).unwrap_or_default();
    if !reasons.is_empty() {
        message = format!("{message}: {}", reasons.join("; "));
    }
    Error::new(Code::PolicyRegoDenied, message)
}

/// `MODULE:LINE:COLUMN: what`, from the drawing that the evaluator makes of an error.
pub(super) fn said(error: &impl ToString) -> String {
    let text = error.to_string();
    let place = text.lines().find_map(|line| line.strip_prefix("--> "));
    let what = text.lines().find_map(|line| line.strip_prefix("error: "));
    let first = || text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match (place, what) {
        (Some(place), Some(what)) => format!("{}: {}", cut(place), cut(what)),
        _ => cut(first()),
    }
}

fn texts(reasons: &Value) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(cut(text)),
        _ => None,
    };
    match reasons {
        Value::Set(set) => set.iter().filter_map(text).take(MOST_REASONS).collect(),
        Value::Array(list) => list.iter().filter_map(text).take(MOST_REASONS).collect(),
        _ => Vec::new(),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Undefined => "undefined",
        Value::Bool(false) => "false",
        Value::Bool(true) => "true",
        Value::Null => "null",
        Value::Number(_) => "a number, not true",
        Value::String(_) => "a string, not true",
        Value::Array(_) => "an array, not true",
        Value::Set(_) => "a set, not true",
        Value::Object(_) => "an object, not true",
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
