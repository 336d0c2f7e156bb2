//! Weaknesses of a policy that are allowed.

use jiff::Timestamp;

use super::model::PolicyFile;

/// One weakness.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lint {
    /// A stable name, such as `pull-request-event`.
    pub name: &'static str,
    /// The line of the file.
    pub line: usize,
    /// What is weak.
    pub message: String,
    /// What to write instead.
    pub hint: String,
}

pub(super) fn lints(_file: &PolicyFile, _now: Timestamp) -> Vec<Lint> {
    Vec::new()
}
