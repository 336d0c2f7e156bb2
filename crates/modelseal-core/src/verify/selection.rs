//! Which entries on disk are hashed, accepted unsigned, or refused, when a manifest is verified.

use std::collections::{HashMap, HashSet};

use super::FileChecks;
use crate::manifest::{GIT_PATHS, covers};
use crate::policy::Glob;
use crate::tree::{Action, Entry, EntryKind, Selection};
use crate::{Code, Manifest, Method, ResourceName, Result};

/// Names that are left out as regular files only: a directory of that name could hide code.
const FILES_ONLY: [&str; 4] = [".gitattributes", ".gitignore", "model.attestations.jsonl", "model.sig"];

pub(super) struct VerifySelection<'a> {
    manifest: &'a Manifest,
    checks: &'a FileChecks,
    /// Signed size of every listed file.
    listed: HashMap<&'a str, Option<u64>>,
    only: Option<HashSet<&'a str>>,
    ignored: HashSet<&'a str>,
    /// Unsigned files that the policy may tolerate.
    tolerated: &'a [Glob],
    sharded: bool,
}

impl<'a> VerifySelection<'a> {
    pub(super) fn new(manifest: &'a Manifest, checks: &'a FileChecks, tolerated: &'a [Glob]) -> Self {
        let signed = manifest.serialization().ignore_paths().iter().map(String::as_str);
        let ignored = signed
            .chain(GIT_PATHS)
            .filter(|path| checks.ignore_git_paths || !covers(GIT_PATHS, path))
            .chain(checks.danger_ignore_paths.iter().map(String::as_str));
        Self {
            listed: manifest.files().map(|file| (file.name().as_str(), file.size())).collect(),
            only: (!checks.only.is_empty()).then(|| checks.only.iter().map(String::as_str).collect()),
            ignored: ignored.collect(),
            tolerated,
            sharded: matches!(manifest.serialization().method(), Method::Shards { .. }),
            manifest,
            checks,
        }
    }

    pub(super) fn is_selected(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(name))
    }

    /// The bundle in use and its attestations: the only unsigned files that are expected.
    fn is_ours(&self, name: &str) -> bool {
        self.checks.bundle.as_deref() == Some(name) || self.checks.attestations.as_deref() == Some(name)
    }

    fn is_ignored(&self, entry: Entry<'_>) -> bool {
        let as_file_only = FILES_ONLY.contains(&entry.name) || self.is_ours(entry.name);
        if self.ignored.contains(entry.name) {
            return entry.kind == EntryKind::File || !as_file_only;
        }
        // Directories that are ignored but hold a listed file are walked: what else is in them stays ignored.
        let git_directories = [".git", ".github"].into_iter().filter(|_| self.checks.ignore_git_paths);
        covers(git_directories.chain(self.checks.danger_ignore_paths.iter().map(String::as_str)), entry.name)
    }

    fn file(&self, entry: Entry<'_>) -> Action {
        match self.signed_size(entry) {
            Some(size) if self.is_selected(entry.name) => Action::Hash { size },
            Some(_) => Action::Pass,
            None if self.is_tolerated(entry.name) && entry.utf8 => Action::Uncovered,
            // The format cannot cover empty files of a sharded model.
            None if self.sharded && !self.checks.danger_ignore_unsigned_files => {
                Action::UncoveredIfEmpty { otherwise: Code::ArtifactUnexpected }
            }
            None => self.unsigned(Code::ArtifactUnexpected),
        }
    }

    /// Whether the policy may tolerate an unsigned file of this name.
    fn is_tolerated(&self, name: &str) -> bool {
        self.tolerated.iter().any(|glob| glob.matches(name))
    }

    /// Whether a file that the signature does not cover was accepted for no other reason than that the policy may
    /// tolerate it.
    pub(super) fn was_tolerated(&self, name: &str) -> bool {
        let entry = Entry { name, utf8: true, kind: EntryKind::File };
        self.is_tolerated(name) && !self.checks.danger_ignore_unsigned_files && !self.is_ignored(entry)
    }

    /// A link to a listed file is hashed also when the file was not selected: only so is it known where it leads.
    fn link(&self, entry: Entry<'_>) -> Action {
        if !self.checks.danger_allow_symlinks || self.is_ours(entry.name) {
            return Action::Refuse(Code::ArtifactSymlink);
        }
        match self.signed_size(entry) {
            Some(size) => Action::Hash { size },
            None => self.unsigned(Code::ArtifactSymlink),
        }
    }

    /// One that was to be verified is reported as missing when everything was seen.
    fn special(&self, entry: Entry<'_>) -> Action {
        match self.signed_size(entry) {
            Some(_) if self.is_selected(entry.name) => Action::Pass,
            _ => self.unsigned(Code::ArtifactUnexpected),
        }
    }

    /// The signed size, if known, of a listed file. A name that is not UTF-8 is shown as another, and never listed.
    fn signed_size(&self, entry: Entry<'_>) -> Option<Option<u64>> {
        self.listed.get(entry.name).copied().filter(|_| entry.utf8)
    }

    fn unsigned(&self, code: Code) -> Action {
        if self.checks.danger_ignore_unsigned_files { Action::Uncovered } else { Action::Refuse(code) }
    }
}

impl Selection for VerifySelection<'_> {
    fn select(&self, entry: Entry<'_>) -> Result<Action> {
        // Nothing that long or deep can be listed, and to look into it would only cost.
        if entry.name.len() > ResourceName::MAX_BYTES || entry.name.split('/').count() > FileChecks::MAX_DEPTH {
            return Ok(self.unsigned(Code::ArtifactUnexpected));
        }
        let listed = self.signed_size(entry).is_some();
        let ignored = entry.utf8 && !listed && self.is_ignored(entry);
        Ok(match entry.kind {
            EntryKind::Directory if ignored && !self.manifest.has_files_under(entry.name) => Action::Uncovered,
            EntryKind::Directory => Action::Descend,
            EntryKind::File if entry.utf8 && !listed && self.is_ours(entry.name) => Action::Pass,
            _ if ignored => Action::Uncovered,
            EntryKind::File => self.file(entry),
            EntryKind::Symlink => self.link(entry),
            EntryKind::Special => self.special(entry),
        })
    }
}
