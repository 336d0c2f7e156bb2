//! Errors: a stable code, a message that names the thing, a hint with the next step.

use core::fmt;

use crate::escape::escape;
use crate::{Code, Decision};

/// One thing that is wrong with an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    code: Code,
    name: String,
    detail: String,
}

impl Finding {
    /// A finding about the path `name`, relative to the model and not escaped.
    pub fn new(code: Code, name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, name: name.into(), detail: detail.into() }
    }

    /// What kind of finding it is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The path that it is about, relative to the model, raw: escape before printing.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was seen, lower case, safe to print; may be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// Why something was refused or could not be done.
///
/// The message is lower case, one line, safe to print (hostile names in it are escaped) and holds no secret.
#[derive(Clone, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    code: Code,
    message: String,
    hint: Option<String>,
    findings: Vec<Finding>,
    findings_complete: bool,
    decision: Option<Box<Decision>>,
}

impl Error {
    /// An error with the hint of its code. Control and format characters in `message` are escaped.
    pub fn new(code: Code, message: impl AsRef<str>) -> Self {
        Self(Box::new(Inner {
            code,
            message: shorten(&escape(message.as_ref())),
            hint: None,
            findings: Vec::new(),
            findings_complete: true,
            decision: None,
        }))
    }

    /// The same error with a better hint than that of its code.
    #[must_use]
    pub fn with_hint(mut self, hint: impl AsRef<str>) -> Self {
        self.0.hint = Some(shorten(&escape(hint.as_ref())));
        self
    }

    /// The same error with all that was found. `complete` is false when the search stopped early.
    #[must_use]
    pub fn with_findings(mut self, findings: Vec<Finding>, complete: bool) -> Self {
        self.0.findings = findings;
        self.0.findings_complete = complete;
        self
    }

    /// The same error with the record of the decision that it comes from.
    #[must_use]
    pub fn with_decision(mut self, decision: Decision) -> Self {
        self.0.decision = Some(Box::new(decision));
        self
    }

    /// The record of the policy's decision, when one was made.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        self.0.decision.as_deref()
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.0.code
    }

    /// What happened, without code and hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The next step.
    #[must_use]
    pub fn hint(&self) -> &str {
        self.0.hint.as_deref().unwrap_or(self.0.code.hint())
    }

    /// Everything wrong with the artifact, sorted; empty for other errors.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.0.findings
    }

    /// Whether [`findings`](Self::findings) is all there is.
    #[must_use]
    pub const fn findings_complete(&self) -> bool {
        self.0.findings_complete
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code().as_str())
            .field("message", &self.message())
            .field("findings", &self.findings().len())
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message(), self.code())
    }
}

impl core::error::Error for Error {}

/// Messages quote untrusted text: bounded, so that a bundle cannot flood a terminal or a log.
fn shorten(text: &str) -> String {
    const MOST: usize = 8192;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Shorthand of this crate.
pub type Result<T, E = Error> = core::result::Result<T, E>;
