//! An OPA server that is asked.

use modelseal_core::{Code, Error, Narrow, NarrowInput, NarrowStage, OpaStage, Result};
use modelseal_http::{Env, Hooks};

/// The `[opa]` stage of a policy.
#[derive(Debug)]
pub struct OpaNarrow {}

impl OpaNarrow {
    /// Checks the address; sends nothing.
    ///
    /// # Errors
    /// `policy/syntax`, `usage/environment`.
    pub fn new(_stage: &OpaStage, _hooks: &Hooks, _env: &dyn Env) -> Result<Self> {
        Err(Error::new(Code::PolicyNotSupported, "no OPA server is asked yet"))
    }
}

impl Narrow for OpaNarrow {
    fn stage(&self) -> NarrowStage {
        NarrowStage::Opa
    }

    fn decide(&self, _input: &NarrowInput<'_>) -> Result<()> {
        Err(Error::new(Code::PolicyOpaUnavailable, "no OPA server is asked yet"))
    }
}
