//! Which entries on disk are hashed, accepted unsigned, or refused, when a manifest is verified.

use std::collections::{HashMap, HashSet};

use super::FileChecks;
use crate::manifest::{GIT_PATHS, covers};
use crate::tree::{Action, Entry, EntryKind, Selection};
use crate::{Code, Manifest, Method, Result};

/// Names that are left out as regular files only: a directory of that name could hide code.
const FILES_ONLY: [&str; 4] = [".gitattributes", ".gitignore", "model.attestations.jsonl", "model.sig"];

pub(super) struct VerifySelection<'a> {
    manifest: &'a Manifest,
    checks: &'a FileChecks,
    /// Signed size of every listed file.
    listed: HashMap<&'a str, Option<u64>>,
    only: Option<HashSet<&'a str>>,
    ignored: HashSet<&'a str>,
    sharded: bool,
}

impl<'a> VerifySelection<'a> {
    pub(super) fn new(manifest: &'a Manifest, checks: &'a FileChecks) -> Self {
        let signed = manifest.serialization().ignore_paths().iter().map(String::as_str);
        let ignored = signed
            .chain(GIT_PATHS)
            .filter(|path| checks.ignore_git_paths || !GIT_PATHS.contains(path))
            .chain(checks.danger_ignore_paths.iter().map(String::as_str));
        Self {
            listed: manifest.files().map(|file| (file.name().as_str(), file.size())).collect(),
            only: (!checks.only.is_empty()).then(|| checks.only.iter().map(String::as_str).collect()),
            ignored: ignored.collect(),
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
            return entry.kind != EntryKind::Directory || !as_file_only;
        }
        // Directories that are ignored but hold a listed file are walked: what else is in them stays ignored.
        let git_directories = [".git", ".github"].into_iter().filter(|_| self.checks.ignore_git_paths);
        covers(git_directories.chain(self.checks.danger_ignore_paths.iter().map(String::as_str)), entry.name)
    }

    fn file(&self, name: &str) -> Action {
        match self.listed.get(name) {
            Some(&size) if self.is_selected(name) => Action::Hash { size },
            Some(_) => Action::Pass,
            None => self.unsigned(Code::ArtifactUnexpected),
        }
    }

    fn link(&self, name: &str) -> Action {
        if !self.checks.danger_allow_symlinks {
            return Action::Refuse(Code::ArtifactSymlink);
        }
        match self.listed.get(name) {
            Some(_) => self.file(name),
            None => self.unsigned(Code::ArtifactSymlink),
        }
    }

    fn unsigned(&self, code: Code) -> Action {
        if self.checks.danger_ignore_unsigned_files { Action::Uncovered } else { Action::Refuse(code) }
    }
}

impl Selection for VerifySelection<'_> {
    fn select(&self, entry: Entry<'_>) -> Result<Action> {
        let listed = entry.utf8 && self.listed.contains_key(entry.name);
        let ignored = entry.utf8 && !listed && self.is_ignored(entry);
        Ok(match entry.kind {
            EntryKind::Directory if ignored && !self.manifest.has_files_under(entry.name) => Action::Uncovered,
            EntryKind::Directory => Action::Descend,
            EntryKind::File if self.is_ours(entry.name) && !listed => Action::Pass,
            EntryKind::Symlink if self.is_ours(entry.name) && self.checks.danger_allow_symlinks => Action::Pass,
            EntryKind::Symlink if self.is_ours(entry.name) => Action::Refuse(Code::ArtifactSymlink),
            _ if ignored => Action::Uncovered,
            EntryKind::File if self.sharded && !listed && !self.checks.danger_ignore_unsigned_files => {
                // The format cannot cover empty files of a sharded model.
                Action::UncoveredIfEmpty { otherwise: Code::ArtifactUnexpected }
            }
            EntryKind::File => self.file(entry.name),
            EntryKind::Symlink => self.link(entry.name),
            // Reported as missing when everything was seen.
            EntryKind::Special if listed => Action::Pass,
            EntryKind::Special => self.unsigned(Code::ArtifactUnexpected),
        })
    }
}
