//! One scan: walk, select, hash.

use core::num::NonZeroUsize;
use core::time::Duration;
use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::Instant;

use super::Root;
use super::pass::{Collected, Pass, Progress};
use super::queue::{Directory, Queue, Supervision, Task};
use super::worker::Worker;
use crate::policy::FileFormat;
use crate::{Code, Digest, Error, Finding, HashAlgorithm, Observer, ResourceName, Result};

/// How often the observer is told.
const TICK: Duration = Duration::from_millis(50);
/// Bytes of all buffers that go round between readers and hashers.
const READER_BUFFERS: usize = 16 << 20;
/// Bytes of the buffers of all workers together, as far as their least size permits.
const WORKER_BUFFERS: usize = 8 << 20;
const LEAST_BUFFER: usize = 32 << 10;
/// Files up to this size are read at once.
const MOST_BUFFER: usize = 256 << 10;

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
    /// Tell the format of every file from its bytes.
    pub(crate) recognise: bool,
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
    /// Its format by its bytes, if the scan tells formats.
    pub(crate) format: Option<FileFormat>,
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
    /// The selection is asked a second time about every name when [`Self::recheck_names`] is set.
    pub(crate) fn run(&self, observer: &dyn Observer) -> Result<Scanned> {
        let progress = Progress::default();
        let names = RandomState::new();
        let (seen, complete) = self.pass(observer, &progress, &names, false)?;
        if let Some(twice) = seen.files.windows(2).find(|pair| pair[0].name == pair[1].name) {
            // A directory that is written to may list a name twice.
            return Err(changed(&format!("the directory of `{}`", twice[0].name.as_str())));
        }
        if self.recheck_names && complete {
            let (again, _) = self.pass(observer, &progress, &names, true)?;
            if again.names != seen.names {
                return Err(changed(&format!("the set of names in `{}`", self.root.path().display())));
            }
        }
        if observer.event(progress.event(complete)).is_break() {
            return Err(interrupted());
        }
        Ok(Scanned { files: seen.files, uncovered: seen.uncovered, findings: seen.findings, complete })
    }

    fn pass(
        &self,
        observer: &dyn Observer,
        progress: &Progress,
        names: &RandomState,
        names_only: bool,
    ) -> Result<(Collected, bool)> {
        let jobs = self.jobs.get();
        let first = if self.root.is_file() { Task::SingleFile } else { Task::Directory(Directory::Root) };
        let queue = Queue::new(jobs, first, READER_BUFFERS);
        let buffer = (WORKER_BUFFERS / jobs).clamp(LEAST_BUFFER, MOST_BUFFER);
        let pass = Pass::new(self, queue, progress, names, names_only, buffer);
        supervise(&pass, observer);
        pass.queue.outcome()?;
        Ok(pass.into_collected())
    }
}

/// Starts workers as they are needed and tells the observer, until all is done.
fn supervise(pass: &Pass<'_>, observer: &dyn Observer) {
    let work = || {
        // A panic must reach the caller, and the other workers must not wait for this one.
        let result = catch_unwind(AssertUnwindSafe(|| Worker::run(pass)));
        pass.queue.ended(result.err());
    };
    thread::scope(|scope| {
        // Also when the observer panics.
        let _stop = StopOnDrop(pass);
        let mut tick = Instant::now() + TICK;
        loop {
            match pass.queue.supervise(tick) {
                Supervision::Done => return,
                Supervision::Grow => {
                    let builder = thread::Builder::new().name("modelseal-hash".to_owned());
                    if builder.spawn_scoped(scope, work).is_err() && !pass.queue.go_on_without() {
                        // Not even one thread: without progress is better than not at all.
                        work();
                    }
                }
                Supervision::Tick { walked } => {
                    tick = Instant::now() + TICK;
                    if observer.event(pass.progress.event(walked)).is_break() {
                        pass.queue.fail(interrupted());
                    }
                }
            }
        }
    });
}

struct StopOnDrop<'a>(&'a Pass<'a>);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.queue.stop();
    }
}

fn changed(what: &str) -> Error {
    Error::new(Code::InputChanged, format!("{what} changed while the model was read"))
}

fn interrupted() -> Error {
    Error::new(Code::UsageInterrupted, "the caller stopped the work")
}
