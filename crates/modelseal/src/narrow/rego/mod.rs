//! Rego modules, evaluated in this process.

mod functions;
mod load;
mod probe;
mod syntax;
mod words;

use core::fmt;
use std::thread;

use modelseal_core::{Code, Error, Narrow, NarrowInput, NarrowStage, RegoStage, Result};
use regorus::{Engine, Value};

use self::words::{denied, said};

/// The rule that decides.
const ALLOW: &str = "data.model.allow";

/// The rule whose messages are shown when the other does not allow.
const DENY: &str = "data.model.deny";

/// Stack for loading and evaluating, in bytes. Only what is used takes memory; what [`syntax`] and [`functions`] let pass
/// needs a part of it, and the stack of the caller may be anything.
const STACK: usize = 256 * 1024 * 1024;

/// The `[rego]` stage of a policy. Any thread may ask it; every decision is made by a copy of its own.
pub struct RegoNarrow {
    engine: Engine,
    has_deny: bool,
}

impl RegoNarrow {
    /// Compiles the modules and probes them: what allows an empty or an unknown input is refused.
    ///
    /// # Errors
    /// `policy/rego-fail-open`, `policy/syntax`.
    pub fn new(stage: &RegoStage) -> Result<Self> {
        let unable = |why| Error::new(Code::PolicySyntax, format!("the Rego modules cannot be loaded: {why}"));
        aside(|| load::load(stage)).map_err(unable)?
    }

    /// Judges a document of facts, as [`Policy::input`](modelseal_core::Policy::input) makes it: allows with `Ok`.
    ///
    /// # Errors
    /// `policy/rego-denied`; `policy/rego-error` when the modules fail or need more time than they have.
    pub fn judge(&self, document: &serde_json::Value) -> Result<()> {
        let unable = |why| Error::new(Code::PolicyRegoError, format!("the Rego modules cannot be evaluated: {why}"));
        aside(|| self.evaluate(document)).map_err(unable)?
    }

    fn evaluate(&self, document: &serde_json::Value) -> Result<()> {
        let failed = |why: String| Error::new(Code::PolicyRegoError, format!("the Rego modules fail: {why}"));
        let input = Value::from(document.clone());
        if input == Value::Undefined {
            return Err(failed("the input cannot be represented".to_owned()));
        }
        let mut engine = self.engine.clone();
        engine.set_input(input);
        match engine.eval_rule(ALLOW.to_owned()) {
            Ok(Value::Bool(true)) => Ok(()),
            Ok(value) => {
                let reasons = self.has_deny.then(|| engine.eval_rule(DENY.to_owned()).ok()).flatten();
                Err(denied(&value, reasons.as_ref()))
            }
            Err(error) => Err(failed(said(&error))),
        }
    }
}

impl Narrow for RegoNarrow {
    fn stage(&self) -> NarrowStage {
        NarrowStage::Rego
    }

    fn decide(&self, input: &NarrowInput<'_>) -> Result<()> {
        self.judge(input.document)
    }
}

impl fmt::Debug for RegoNarrow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RegoNarrow")
    }
}

/// Does it on a thread with [`STACK`]. A panic in the evaluator is an error like another.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, &'static str> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("modelseal-rego".to_owned()).stack_size(STACK);
        let worker = thread.spawn_scoped(scope, work).map_err(|_| "there is no thread for them")?;
        worker.join().map_err(|_| "the evaluator failed")
    })
}

#[cfg(test)]
mod tests;
