//! Files that were accepted although nobody signed them, for a second look.

use std::collections::HashSet;

use super::FileChecks;
use crate::Result;
use crate::manifest::covers;
use crate::tree::{Action, Entry, EntryKind, Seen, Selection};

/// Git's own directory holds what it stores compressed, so that no digest of a file is found in it.
const GIT: &str = ".git";

/// Selects every regular file that the signature does not cover, also in directories. Left out are git's own
/// directory, links, and what the caller said not to look at.
pub(super) struct UnsignedSelection<'a> {
    accepted: HashSet<&'a str>,
    /// Directories that lead to them.
    above: HashSet<&'a str>,
    checks: &'a FileChecks,
}

impl<'a> UnsignedSelection<'a> {
    pub(super) fn new(uncovered: &'a [Seen], checks: &'a FileChecks) -> Self {
        let mut selection = Self { accepted: HashSet::new(), above: HashSet::new(), checks };
        for seen in uncovered {
            let (name, is_directory) = (seen.name.as_str(), seen.kind == EntryKind::Directory);
            if matches!(seen.kind, EntryKind::Directory | EntryKind::File) && !selection.is_left_out(name, is_directory)
            {
                selection.accepted.insert(name);
                selection.above.extend(directories_above(name));
            }
        }
        selection
    }

    pub(super) fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }

    fn is_left_out(&self, name: &str, is_directory: bool) -> bool {
        let of_git = covers([GIT], name) && (is_directory || name != GIT);
        of_git || covers(self.checks.danger_ignore_paths.iter().map(String::as_str), name)
    }
}

impl Selection for UnsignedSelection<'_> {
    fn select(&self, entry: Entry<'_>) -> Result<Action> {
        let name = entry.name;
        let is_accepted =
            self.accepted.contains(name) || directories_above(name).any(|above| self.accepted.contains(above));
        Ok(match entry.kind {
            kind if self.is_left_out(name, kind == EntryKind::Directory) => Action::Pass,
            EntryKind::Directory if is_accepted || self.above.contains(name) => Action::Descend,
            EntryKind::File if is_accepted => Action::Hash { size: None },
            _ => Action::Pass,
        })
    }
}

fn directories_above(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').map(|(at, _)| &name[..at])
}
