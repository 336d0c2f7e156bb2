//! What an answer means: only one allows.

use std::collections::BTreeMap;

use modelseal_core::{Code, Error, parse_json};
use modelseal_http::{Address, ExposeSecret as _, Response};
use serde_json::Value;

/// Why an answer does not allow. Nothing that the server wrote is in it: a text of the server could hold the token.
#[derive(Debug)]
pub(super) struct Refusal {
    code: Code,
    why: String,
    hint: Option<String>,
}

impl Refusal {
    fn denied(why: impl Into<String>) -> Self {
        Self { code: Code::PolicyOpaDenied, why: why.into(), hint: None }
    }

    fn unusable(why: impl Into<String>) -> Self {
        Self { code: Code::PolicyOpaUnavailable, why: why.into(), hint: None }
    }

    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The error, about the server at this address.
    pub(super) fn at(self, address: &Address) -> Error {
        let error = Error::new(self.code, format!("the OPA server {address} {}", self.why));
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

/// Allows with `Ok`: status 200 and a `result` that is `true`.
pub(super) fn judge(answer: &Response) -> Result<(), Refusal> {
    if answer.status != 200 {
        return Err(of_status(answer));
    }
    let kind = answer.content_type.as_deref().and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refusal::unusable("answers with something else than JSON"));
    }
    let body: BTreeMap<String, Value> = parse_json(answer.body.expose_secret(), "the answer")
        .map_err(|_| Refusal::unusable("answers with a body that is no JSON object"))?;
    match body.get("result") {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::Bool(false)) => Err(Refusal::denied("does not allow the artifact: the result is false")),
        None => Err(Refusal::denied("does not allow the artifact: the result is undefined")
            .with_hint("no rule gave a value, or the url of [opa] names none; `modelseal policy input MODEL` prints what was asked")),
        Some(Value::Object(object)) if object.contains_key("allow") => {
            let why = "does not allow the artifact: the result is an object with `allow`, not `true` itself";
            Err(Refusal::denied(why)
                .with_hint("the url of [opa] is that of a package: let it end with the name of the rule, as in …/allow"))
        }
        Some(other) => {
            Err(Refusal::denied(format!("does not allow the artifact: the result is {}, not `true`", kind_of(other))))
        }
    }
}

fn of_status(answer: &Response) -> Refusal {
    let status = answer.status;
    match status {
        300..=399 => {
            let to = answer.location.as_deref().and_then(|to| Address::parse(to.split(['?', '#']).next()?).ok());
            let to = to.and_then(|to| to.origin()).map_or_else(String::new, |to| format!(" to {to}"));
            Refusal::unusable(format!("redirects{to}, which is not followed"))
        }
        401 | 403 => Refusal::unusable(format!("refuses the question: status {status}"))
            .with_hint("check token_file of [opa], and what the server lets its holder ask"),
        _ => Refusal::unusable(format!("gives no decision: status {status}")),
    }
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
