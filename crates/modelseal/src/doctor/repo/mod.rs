//! Long-lived secrets, bad advice and unsigned models in a directory. Nothing of a secret is ever shown.

mod beneath;
mod manifests;
mod models;
mod secrets;
mod walk;
mod workflows;

use std::ffi::OsString;
use std::path::Path;

use modelseal_core::{Code, Error, Observer, Result};

use self::secrets::{ALLOW, Kind};
use self::walk::{Limits, Passed};
use super::Check;

/// Most findings that are listed.
const MOST: usize = 1000;

/// One thing that was found in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hit {
    /// From 1.
    line: usize,
    kind: Kind,
}

/// Searches a directory.
pub(super) fn examine(directory: &Path, observer: &dyn Observer, checks: &mut Vec<Check>) -> Result<()> {
    examine_within(directory, Limits::default(), observer, checks)
}

fn examine_within(directory: &Path, limits: Limits, observer: &dyn Observer, checks: &mut Vec<Check>) -> Result<()> {
    let mut found = Found::default();
    let passed = match walk::walk(directory, limits, observer, &mut found) {
        Ok(passed) => passed,
        Err(error) => {
            checks.push(super::finding("repo", &error)?.why("nothing was searched"));
            return Ok(());
        }
    };
    let summary = if found.has_secret { "" } else { "no stored secret: " };
    checks.push(Check::ok("repo", format!("{summary}{}", searched(&found, &passed))));
    checks.append(&mut found.checks);
    if found.more > 0 {
        let fix = "look at what is listed first, then run doctor again";
        checks.push(
            Check::problem("repo-more", format!("{} more are not listed", count(found.more, "finding"))).fix(fix),
        );
    }
    checks.extend(passed.limits.iter().map(|limit| {
        let error = Error::new(Code::InputLimit, format!("the search ended early: {limit}"))
            .with_hint("name the directory of one project with --repo, and its parts one by one");
        Check::refused("repo-limit", &error).why("what is in the rest is not known")
    }));
    if passed.unreadable > 0 {
        let noun = if passed.unreadable == 1 { "file or directory" } else { "files and directories" };
        let what = format!("{} {noun} could not be read", passed.unreadable);
        checks.push(
            Check::warning("repo-unreadable", what)
                .why("what is in them is not known")
                .fix("run doctor as a user who may read them")
                .details(passed.first_unreadable),
        );
    }
    Ok(())
}

/// How much was searched, and what was not.
fn searched(found: &Found, passed: &Passed) -> String {
    let (read, large, binary) =
        (count(found.read, "file"), count(passed.large, "file"), count(passed.binary, "binary file"));
    let what = format!("{read} searched; {large} over 5 MiB and {binary} passed over");
    if passed.directories.is_empty() {
        return what;
    }
    let names: Vec<String> = passed.directories.iter().map(|(name, number)| format!("{name} ({number})")).collect();
    format!("{what}; directories not entered: {}", names.join(", "))
}

/// What the search found so far.
#[derive(Debug, Default)]
struct Found {
    /// The first [`MOST`].
    checks: Vec<Check>,
    /// Findings that are not listed.
    more: usize,
    has_secret: bool,
    /// Files that were searched.
    read: usize,
}

impl Found {
    /// How a path is shown: a name that holds a secret itself is a finding, and is not repeated.
    fn name(&mut self, place: &str, name: &str) -> String {
        match secrets::find("", &[name]).first() {
            Some(hit) => {
                let shown = format!("{place}[{}]", hit.kind.what());
                let what = format!("{} in the name of a file", hit.kind.what());
                self.push(Check::problem("repo-secret", what).why(hit.kind.why()).fix(hit.kind.fix()).at(&shown, None));
                shown
            }
            None => format!("{place}{name}"),
        }
    }

    fn text(&mut self, name: &str, text: &str) {
        self.read += 1;
        search(name, text).into_iter().for_each(|check| self.push(check));
    }

    fn models(&mut self, place: &str, files: &[&OsString]) {
        models::unsigned(place, files).into_iter().for_each(|check| self.push(check));
    }

    fn push(&mut self, check: Check) {
        self.has_secret |= check.id == "repo-secret";
        if self.checks.len() < MOST { self.checks.push(check) } else { self.more += 1 }
    }
}

/// What is wrong with one file.
fn search(name: &str, text: &str) -> Vec<Check> {
    let lines: Vec<&str> = text.lines().collect();
    let mut hits = secrets::find(name, &lines);
    hits.extend(manifests::find(name, &lines));
    hits.sort_by_key(|hit| hit.line);
    // A line says its secret once: by the form of the value, else by the name beside it.
    hits.dedup_by(|later, earlier| later.line == earlier.line);
    let mut checks: Vec<Check> = hits.iter().map(|hit| of_secret(name, *hit, &lines)).collect();
    checks.extend(workflows::find(name, &lines));
    checks
}

fn of_secret(name: &str, Hit { line, kind }: Hit, lines: &[&str]) -> Check {
    let says = |at: Option<usize>| at.and_then(|at| lines.get(at)).is_some_and(|line| line.contains(ALLOW));
    // Nothing else may stand on the first line of a key.
    let allowed = says(line.checked_sub(1)) || (kind == Kind::PrivateKey && says(line.checked_sub(2)));
    let check = if allowed {
        Check::ok("repo-secret-allowed", format!("{}, which a comment allows", kind.what()))
    } else {
        Check::problem("repo-secret", kind.what()).why(kind.why()).fix(kind.fix())
    };
    check.at(name, Some(line))
}

/// `1 file`, `2 files`.
pub(super) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests;
