//! Rego modules, evaluated in this process.

use modelseal_core::{Code, Error, Narrow, NarrowInput, NarrowStage, RegoStage, Result};

/// The `[rego]` stage of a policy.
#[derive(Debug)]
pub struct RegoNarrow {}

impl RegoNarrow {
    /// Compiles the modules and probes them: what allows an empty or an unknown input is refused.
    ///
    /// # Errors
    /// `policy/rego-fail-open`, `policy/syntax`.
    pub fn new(_stage: &RegoStage) -> Result<Self> {
        Err(Error::new(Code::PolicyNotSupported, "Rego is not evaluated yet"))
    }
}

impl Narrow for RegoNarrow {
    fn stage(&self) -> NarrowStage {
        NarrowStage::Rego
    }

    fn decide(&self, _input: &NarrowInput<'_>) -> Result<()> {
        Err(Error::new(Code::PolicyRegoError, "Rego is not evaluated yet"))
    }
}
