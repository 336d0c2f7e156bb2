//! Who may sign what, and which artifact the verifier wants.

mod case;
mod decision;
mod evaluate;
mod expected;
mod facts;
mod file;
mod format;
mod glob;
mod lint;
mod model;
mod model_name;
mod narrow;
#[cfg(test)]
pub(crate) mod samples;
mod statement;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

pub use case::{PolicyCase, PolicyCases};
pub use decision::{
    DecidedArtifact, DecidedIdentity, DecidedSignature, Decision, PolicyRef, RuleResult, StageResult, Verdict,
};
pub(crate) use evaluate::{certificate_of, format_names, revocation};
pub use expected::Expected;
pub use facts::{ArtifactFacts, EvidenceFacts, Facts, IdentityFacts, ResourceFacts, SignatureFacts};
pub use file::PolicyFiles;
pub(crate) use format::{Content, FileFormat};
pub(crate) use glob::Glob;
pub use lint::Lint;
#[cfg(test)]
pub(crate) use model::IdentityRule;
pub use model::{OpaStage, RegoStage};
pub(crate) use model::{PolicyFile, Revoked, RevokedThing, Rule};
pub use model_name::ModelName;
pub use narrow::{Narrow, NarrowInput, NarrowStage};
pub use statement::PolicyStatement;

use crate::{Error, Result, TrustedKeys};

/// The format that policies judge a file of this name to have.
#[must_use]
pub fn file_format_of_name(name: &str) -> &'static str {
    FileFormat::of_name(name).as_str()
}

/// Who may sign which artifact.
#[derive(Clone, Debug)]
pub struct Policy(Rules);

#[derive(Clone, Debug)]
enum Rules {
    AnyTrustedKey,
    File(Arc<PolicyFile>),
}

impl Policy {
    /// Largest policy file, in bytes.
    pub const MAX_BYTES: usize = 1024 * 1024;
    /// Most files of a model that narrowing stages are told of. With more, [`input`](Self::input) says null in their
    /// place, and no stage is asked: one that looks for a bad file would find none.
    pub const MAX_INPUT_FILES: usize = 10_000;

    /// Whoever holds a trusted key may sign anything: what `--key` means.
    #[must_use]
    pub const fn any_trusted_key() -> Self {
        Self(Rules::AnyTrustedKey)
    }

    /// Parses the text of a policy file; `name` is its file name. `files` reads what it refers to.
    ///
    /// # Errors
    /// `policy/syntax` and the other configuration codes of the family, with the line; `key/*`; what `files` returns.
    pub fn parse(text: &[u8], name: &str, files: &mut dyn PolicyFiles) -> Result<Self> {
        file::parse(text, name, files).map(|file| Self(Rules::File(Arc::new(file))))
    }

    /// The keys that the file trusts; `None` without a file.
    #[must_use]
    pub fn trusted_keys(&self) -> Option<&TrustedKeys> {
        self.file().map(|file| &file.trusted)
    }

    /// Decides: revocations, key version, window, then every rule. Neither Rego nor OPA is asked. Without a file the
    /// answer is `None`: there is nothing to decide.
    #[must_use]
    pub fn evaluate(&self, facts: &Facts, now: Timestamp) -> Option<Decision> {
        self.file().map(|file| evaluate::evaluate(file, facts, now))
    }

    /// What every rule says, in file order, also where the decision came before all rules: for those who ask why.
    #[must_use]
    pub fn explain(&self, facts: &Facts, now: Timestamp) -> Vec<RuleResult> {
        self.file().map(|file| evaluate::explain(file, facts, now)).unwrap_or_default()
    }

    /// The record of a refusal that came before the policy could decide, such as that of a bad signature: nothing is
    /// known but its code. Without a file there is none.
    #[must_use]
    pub fn undecided(&self, error: &Error, now: Timestamp) -> Option<Decision> {
        let mut decision = evaluate::undecided(self.file()?, &Facts::default(), now);
        decision.refuse(error.clone());
        Some(decision)
    }

    pub(crate) fn decide(file: &PolicyFile, facts: &Facts, now: Timestamp) -> Decision {
        evaluate::evaluate(file, facts, now)
    }

    /// The total input of narrowing stages: facts and native decision, with null for whatever is unknown.
    #[must_use]
    pub fn input(facts: &Facts, native: Option<&Decision>, now: Timestamp) -> Value {
        evaluate::input(facts, native, now)
    }

    /// Weaknesses that are allowed and worth a warning, in the order of the file.
    #[must_use]
    pub fn lints(&self, now: Timestamp) -> Vec<Lint> {
        self.file().map(|file| lint::lints(file, now)).unwrap_or_default()
    }

    /// The policy's name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.file().map(|file| file.name.as_str())
    }

    /// The number of a signed policy, which only grows.
    #[must_use]
    pub fn serial(&self) -> Option<u64> {
        self.file().and_then(|file| file.serial)
    }

    /// Until when the policy may be used.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        self.file().and_then(|file| file.valid_until)
    }

    /// The Rego stage.
    #[must_use]
    pub fn rego(&self) -> Option<&RegoStage> {
        self.file().and_then(|file| file.rego.as_ref())
    }

    /// The OPA stage.
    #[must_use]
    pub fn opa(&self) -> Option<&OpaStage> {
        self.file().and_then(|file| file.opa.as_ref())
    }

    /// Every file that was read: refused inside a model.
    pub fn sources(&self) -> impl Iterator<Item = &Path> {
        self.file()
            .into_iter()
            .flat_map(|file| file.sources.iter().map(std::path::PathBuf::as_path).chain(file.trusted.sources()))
    }

    pub(crate) fn file(&self) -> Option<&Arc<PolicyFile>> {
        match &self.0 {
            Rules::AnyTrustedKey => None,
            Rules::File(file) => Some(file),
        }
    }

    #[cfg(test)]
    pub(crate) fn of(file: PolicyFile) -> Self {
        Self(Rules::File(Arc::new(file)))
    }
}
