//! Weaknesses of a policy that are allowed.

mod claims;
mod keys;
mod rules;

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

pub(super) fn lints(file: &PolicyFile, now: Timestamp) -> Vec<Lint> {
    let mut lints = Vec::new();
    keys::lints(file, now, &mut lints);
    for rule in &file.rules {
        rules::lints(rule, &mut lints);
        claims::lints(rule, &mut lints);
    }
    lints.sort_by(|one, other| (one.line, one.name).cmp(&(other.line, other.name)));
    lints
}

fn lint(name: &'static str, line: usize, message: String, hint: &str) -> Lint {
    // Names of keys and rules are visible text; patterns and claims may hold what a terminal must not see.
    Lint { name, line, message: crate::escape(&message).into_owned(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests;
