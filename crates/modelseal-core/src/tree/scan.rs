//! One scan: walk, select, hash.

use core::num::NonZeroUsize;

use super::Root;
use crate::{Code, Digest, Error, Finding, HashAlgorithm, Observer, ResourceName, Result};

/// What kind of thing a directory entry is, by `lstat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    Directory,
    File,
    /// FIFO, socket, device, anything else.
    Special,
    Symlink,
}

impl EntryKind {
    /// The word for reports.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::File => "file",
            Self::Special => "special",
            Self::Symlink => "link",
        }
    }
}

/// An entry met by the walk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    /// Path from the root, `/` between components; lossy when `utf8` is false. `.` for a single-file model.
    pub(crate) name: &'a str,
    pub(crate) utf8: bool,
    pub(crate) kind: EntryKind,
}

/// What to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Walk into it; directories only.
    Descend,
    /// Hash it; files, and symlinks to files beneath the root (followed only with [`Scan::link_refusal`]'s rules).
    /// With a size, a file of another size becomes an `artifact/modified` finding before a byte of it is read.
    Hash { size: Option<u64> },
    /// Nothing.
    Pass,
    /// A finding with this code; not looked into.
    Refuse(Code),
    /// Reported in [`Scanned::uncovered`]; not looked into.
    Uncovered,
    /// A file: reported as uncovered when it is empty, else a finding with this code.
    UncoveredIfEmpty { otherwise: Code },
}

/// Decides about entries; called from many threads.
pub(crate) trait Selection: Sync {
    fn select(&self, entry: Entry<'_>) -> Result<Action>;
}

/// How file contents become digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashing {
    pub(crate) algorithm: HashAlgorithm,
    /// Bytes per shard; `None` hashes whole files.
    pub(crate) shard_size: Option<u64>,
}

/// Bounds of a scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Directories below the root; deeper is `input/limit`.
    pub(crate) max_depth: usize,
    /// Bytes of one file; more is `input/limit` before it is read.
    pub(crate) max_file_bytes: u64,
    /// Bytes of all files together; more is `input/limit`.
    pub(crate) max_total_bytes: u64,
    /// Findings after which the walk stops; [`Scanned::complete`] is then false.
    pub(crate) max_findings: usize,
}

/// A scan to be run.
pub(crate) struct Scan<'a> {
    pub(crate) root: &'a Root,
    pub(crate) selection: &'a dyn Selection,
    pub(crate) hashing: Hashing,
    pub(crate) limits: Limits,
    /// Threads that hash.
    pub(crate) jobs: NonZeroUsize,
    /// Code of the finding for a link chosen for hashing that is broken, loops, leaves the root, or leads to anything
    /// but a regular file.
    pub(crate) link_refusal: Code,
    /// Walk the names again at the end: another set of selected names is `input/changed`.
    pub(crate) recheck_names: bool,
}

/// What a scan saw.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// Sorted by name.
    pub(crate) files: Vec<HashedFile>,
    /// Sorted by name.
    pub(crate) uncovered: Vec<Seen>,
    /// Sorted by name.
    pub(crate) findings: Vec<Finding>,
    pub(crate) complete: bool,
}

/// A hashed file.
#[derive(Debug)]
pub(crate) struct HashedFile {
    pub(crate) name: ResourceName,
    pub(crate) size: u64,
    pub(crate) digests: FileDigests,
    /// Whether a symlink was followed.
    pub(crate) link: bool,
}

/// The digests of one file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FileDigests {
    /// One per shard, in order; none for an empty file.
    Shards(Vec<Digest>),
    Whole(Digest),
}

/// An entry that was seen and not looked into.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
}

impl Scan<'_> {
    /// Walks and hashes; progress goes to `observer` on the calling thread.
    ///
    /// # Errors
    /// `input/unreadable`, `input/changed`, `input/limit`, `usage/interrupted`, and what the selection returns.
    pub(crate) fn run(&self, _observer: &dyn Observer) -> Result<Scanned> {
        Err(Error::new(Code::InputUnreadable, format!("{} is not readable yet", self.root.path().display())))
    }
}
