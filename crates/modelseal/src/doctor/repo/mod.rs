//! Long-lived secrets, bad advice and unsigned models in a directory. Nothing of a secret is ever shown.

mod files;
mod manifests;
mod models;
mod secrets;
mod workflows;

use std::path::Path;

use modelseal_core::{Code, Error, Event, Observer, Result};
use modelseal_vault::Env;

use self::files::Content;
use self::secrets::{ALLOW, Kind};
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
pub(super) fn examine(directory: &Path, env: &dyn Env, observer: &dyn Observer, checks: &mut Vec<Check>) -> Result<()> {
    let listing = match files::list(directory, env) {
        Ok(listing) => listing,
        Err(error) => {
            checks.push(super::finding("repo", &error)?.why("nothing was searched"));
            return Ok(());
        }
    };
    let (mut read, mut large, mut binary, mut unreadable) = (0, 0, 0, Vec::new());
    let mut found = Vec::new();
    for name in &listing.files {
        if observer.event(Event::Checking).is_break() {
            return Err(Error::new(Code::UsageInterrupted, "stopped while a directory was searched"));
        }
        match files::read(directory, name) {
            Ok(Content::Text(text)) => {
                read += 1;
                found.extend(search(name, &text));
            }
            Ok(Content::Large) => large += 1,
            Ok(Content::Binary) => binary += 1,
            Ok(Content::Nothing) => {}
            Err(error) => unreadable.push(format!("{name}: {}", error.message())),
        }
    }
    found.extend(models::unsigned(&listing.files));
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    let clean = found.iter().all(|check| check.id != "repo-secret");
    let what = format!(
        "{} searched ({}); {} over 5 MiB and {} passed over",
        count(read, "file"),
        listing.how,
        count(large, "file"),
        count(binary, "binary file"),
    );
    let summary = if clean { "no stored secret: " } else { "" };
    checks.push(Check::ok("repo", format!("{summary}{what}")).details(&listing.notes));
    checks.append(&mut found);
    if more > 0 {
        let fix = "look at what is listed first, then run doctor again";
        checks.push(Check::problem("repo-more", format!("{} more are not listed", count(more, "finding"))).fix(fix));
    }
    if !unreadable.is_empty() {
        let what = format!("{} could not be read", count(unreadable.len(), "file"));
        unreadable.truncate(20);
        checks.push(
            Check::warning("repo-unreadable", what)
                .why("what is in them is not known")
                .fix("run doctor as a user who may read them")
                .details(unreadable),
        );
    }
    Ok(())
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
