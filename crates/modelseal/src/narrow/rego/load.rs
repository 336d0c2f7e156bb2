//! From texts to modules that are ready to be asked.

use core::num::NonZeroU32;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use modelseal_core::{Code, Error, RegoStage, Result, parse_json};
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, Value};

use super::functions::{self, Rules};
use super::words::said;
use super::{ALLOW, RegoNarrow, probe, syntax};

/// Largest modules, all together, in bytes.
const MAX_MODULES: usize = 1024 * 1024;

/// Largest data documents, all together, in bytes.
const MAX_DATA: usize = 16 * 1024 * 1024;

/// Most numbers that `numbers.range` makes: it takes memory for all of them before anything could stop it.
const MAX_RANGE: i64 = 100_000;

pub(super) fn load(stage: &RegoStage) -> Result<RegoNarrow> {
    check_size(&stage.modules, MAX_MODULES, "modules")?;
    check_size(&stage.data, MAX_DATA, "data documents")?;
    let mut engine = engine(stage.timeout)?;
    for (name, text) in &stage.modules {
        syntax::check(name, text)?;
        engine.add_policy(name.clone(), text.clone()).map_err(|error| uncompiled(&error))?;
    }
    for (name, text) in &stage.data {
        engine.add_data(data(name, text)?).map_err(|error| wrong(format!("the data `{name}`: {}", said(&error))))?;
    }
    let rules = functions::check(engine.get_modules().iter().map(AsRef::as_ref))?;
    check_allow(&rules, &engine)?;
    engine.compile_with_entrypoint(&Arc::from(ALLOW)).map_err(|error| uncompiled(&error))?;
    let narrow = RegoNarrow { engine, has_deny: rules.has_value("deny") };
    probe::check(|document| narrow.evaluate(document).is_ok())?;
    Ok(narrow)
}

fn engine(timeout: Duration) -> Result<Engine> {
    let mut engine = Engine::new();
    // An error of a function denies; as "undefined" it would make `not` true.
    engine.set_strict_builtin_errors(true);
    // What modules print would go to standard error as it is.
    engine.set_gather_prints(true);
    let check_interval = NonZeroU32::MIN.saturating_add(15);
    engine.set_execution_timer_config(ExecutionTimerConfig { limit: timeout, check_interval });
    let clashes = |error| wrong(format!("the evaluator cannot be set up: {}", said(&error)));
    engine.add_extension("numbers.range".to_owned(), 2, Box::new(|all| range(&all))).map_err(clashes)?;
    engine.add_extension("numbers.range_step".to_owned(), 3, Box::new(|all| range(&all))).map_err(clashes)?;
    Ok(engine)
}

/// `numbers.range` and `numbers.range_step`, with an end.
fn range<E: From<RangeError>>(arguments: &[Value]) -> Result<Value, E> {
    let number = |at: usize| arguments.get(at).and_then(|value| value.as_i64().ok());
    let (Some(first), Some(last)) = (number(0), number(1)) else { return Err(RangeError::NotIntegers.into()) };
    let step = if arguments.len() > 2 { number(2) } else { Some(1) };
    let Some(step) = step.filter(|step| *step > 0) else { return Err(RangeError::Step.into()) };
    let between = i128::from(last) - i128::from(first);
    let steps = between.unsigned_abs() / u128::from(step.unsigned_abs());
    let Some(steps) = i64::try_from(steps).ok().filter(|steps| *steps < MAX_RANGE) else {
        return Err(RangeError::Large.into());
    };
    let step = if between < 0 { -step } else { step };
    Ok(Value::from((0..=steps).map(|at| Value::from(first + at * step)).collect::<Vec<_>>()))
}

#[derive(Debug)]
enum RangeError {
    NotIntegers,
    Step,
    Large,
}

impl core::fmt::Display for RangeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotIntegers => f.write_str("the ends of a range are integers"),
            Self::Step => f.write_str("the step of a range is a positive integer"),
            Self::Large => write!(f, "a range of more than {MAX_RANGE} numbers"),
        }
    }
}

impl core::error::Error for RangeError {}

fn check_size(texts: &[(String, String)], most: usize, what: &str) -> Result<()> {
    if texts.iter().map(|(_, text)| text.len()).sum::<usize>() > most {
        return Err(wrong(format!("the Rego {what} are together larger than the limit of {most} bytes")));
    }
    Ok(())
}

fn data(name: &str, text: &str) -> Result<Value> {
    let document: BTreeMap<String, serde_json::Value> =
        parse_json(text.as_bytes(), &format!("the data `{name}`")).map_err(|error| wrong(error.message()))?;
    match Value::from(serde_json::Value::from_iter(document)) {
        Value::Undefined => Err(wrong(format!("the data `{name}` cannot be represented"))),
        value => Ok(value),
    }
}

fn check_allow(rules: &Rules, engine: &Engine) -> Result<()> {
    if !rules.has_value("allow") {
        let message = "the Rego modules have no rule data.model.allow: they could only deny";
        return Err(Error::new(Code::PolicyRegoFailOpen, message));
    }
    let shadowed = &engine.get_data()["model"]["allow"];
    if *shadowed != Value::Undefined {
        return Err(wrong("the data define model.allow, which is the rule's to say"));
    }
    Ok(())
}

fn uncompiled(error: &impl ToString) -> Error {
    wrong(format!("the Rego modules do not compile: {}", said(error)))
}

fn wrong(message: impl AsRef<str>) -> Error {
    Error::new(Code::PolicySyntax, message)
}
