//! One pass over the names of a model: what all workers share.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::queue::Queue;
use super::scan::{Action, EntryKind, HashedFile, Scan, Seen};
use super::shards::MOST_SHARDS;
use super::stream::{ReadFailure, Surroundings};
use super::sys::Failure;
use crate::{Code, Error, Event, Finding, Result};

pub(super) struct Pass<'a> {
    pub(super) scan: &'a Scan<'a>,
    pub(super) queue: Queue,
    pub(super) progress: &'a Progress,
    /// Only names are looked at, to compare them with those of an earlier pass.
    pub(super) names_only: bool,
    /// Bytes of each worker's buffer: what is not larger is read at once.
    pub(super) buffer: usize,
    /// The same for both passes over a model.
    pub(super) names: &'a RandomState,
    findings: AtomicUsize,
    truncated: AtomicBool,
    shards: AtomicU64,
    collected: Mutex<Collected>,
}

/// What was seen.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) files: Vec<HashedFile>,
    pub(super) uncovered: Vec<Seen>,
    pub(super) findings: Vec<Finding>,
    pub(super) names: NameSum,
}

/// A set of names that were not passed over, in whatever order they came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NameSum {
    count: u64,
    sum: u64,
}

/// How far the work is.
#[derive(Default)]
pub(super) struct Progress {
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    files_done: AtomicU64,
    files_total: AtomicU64,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        scan: &'a Scan<'a>,
        queue: Queue,
        progress: &'a Progress,
        names: &'a RandomState,
        names_only: bool,
        buffer: usize,
    ) -> Self {
        Self {
            scan,
            queue,
            progress,
            names_only,
            buffer,
            names,
            findings: AtomicUsize::new(0),
            truncated: AtomicBool::new(false),
            shards: AtomicU64::new(0),
            collected: Mutex::default(),
        }
    }

    /// Counts a file that will be hashed, and checks the limits.
    pub(super) fn admit(&self, name: &str, size: u64) -> Result<()> {
        let shown = self.shown(name);
        let limits = &self.scan.limits;
        let limit = |message: String| Err(Error::new(Code::InputLimit, message));
        if size > limits.max_file_bytes {
            return limit(format!("`{shown}` is {size} bytes, more than the limit of {}", limits.max_file_bytes));
        }
        let before = self.progress.bytes_total.fetch_add(size, Ordering::Relaxed);
        if before.checked_add(size).is_none_or(|total| total > limits.max_total_bytes) {
            let most = limits.max_total_bytes;
            return limit(format!("the files up to `{shown}` are together more than the limit of {most} bytes"));
        }
        self.progress.files_total.fetch_add(1, Ordering::Relaxed);
        if let Some(shard) = self.scan.hashing.shard_size {
            let Some(shards) = size.checked_div(shard) else {
                return limit("a shard must have more than 0 bytes".to_owned());
            };
            let before = self.shards.fetch_add(shards, Ordering::Relaxed);
            if before.saturating_add(shards) > MOST_SHARDS {
                return limit(format!("`{shown}` makes more than {MOST_SHARDS} shards of {shard} bytes"));
            }
        }
        Ok(())
    }

    /// Counts a finding; false when there are enough, and the work has to stop.
    pub(super) fn admit_finding(&self) -> bool {
        if self.findings.fetch_add(1, Ordering::Relaxed) < self.scan.limits.max_findings {
            return true;
        }
        self.truncated.store(true, Ordering::Relaxed);
        self.queue.stop();
        false
    }

    pub(super) fn file_done(&self, files: u64) {
        self.progress.files_done.fetch_add(files, Ordering::Relaxed);
    }

    /// What a worker saw, sorted.
    pub(super) fn collect(&self, mut more: Collected) {
        // Not stable: needs no memory. No two files have the same name.
        more.files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut all = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        if all.files.len() < more.files.len() {
            std::mem::swap(&mut all.files, &mut more.files);
        }
        all.files.append(&mut more.files);
        all.uncovered.append(&mut more.uncovered);
        all.findings.append(&mut more.findings);
        all.names.merge(more.names);
    }

    /// All that was seen, and whether that is all there is.
    pub(super) fn into_collected(self) -> (Collected, bool) {
        let mut collected = self.collected.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Stable: what the workers have sorted is only merged.
        collected.files.sort_by(|a, b| a.name.cmp(&b.name));
        collected.sort_notes();
        (collected, !self.truncated.into_inner())
    }

    pub(super) fn failed(&self, failure: Failure, name: &str) -> Error {
        match failure {
            Failure::Gone => self.changed(name, "disappeared or was replaced"),
            Failure::Os(error) => {
                Error::new(Code::InputUnreadable, format!("`{}` cannot be read: {error}", self.shown(name)))
            }
        }
    }

    /// `None` when the work is stopping for another reason.
    pub(super) fn read_failed(&self, failure: ReadFailure, name: &str) -> Option<Error> {
        match failure {
            ReadFailure::Os(error) => Some(self.failed(Failure::Os(error), name)),
            ReadFailure::Short => Some(self.changed(name, "became shorter")),
            ReadFailure::Stopped => None,
        }
    }

    pub(super) fn changed(&self, name: &str, how: &str) -> Error {
        Error::new(Code::InputChanged, format!("`{}` {how} while the model was read", self.shown(name)))
    }

    /// A name for a message; the model itself is called by its path.
    fn shown(&self, name: &str) -> String {
        if matches!(name, "" | ".") { self.scan.root.path().display().to_string() } else { name.to_owned() }
    }
}

impl Surroundings for Pass<'_> {
    fn stopped(&self) -> bool {
        self.queue.stopped()
    }

    fn progress(&self, bytes: u64) {
        self.progress.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Collected {
    fn sort_notes(&mut self) {
        self.uncovered.sort_by(|a, b| a.name.cmp(&b.name));
        self.findings.sort_by(|a, b| a.name().cmp(b.name()).then_with(|| a.code().cmp(&b.code())));
    }
}

impl NameSum {
    pub(super) fn add(&mut self, state: &RandomState, name: &str, kind: EntryKind, action: Action) {
        let what = match action {
            // New directories without files do not matter.
            Action::Pass | Action::Descend => return,
            Action::Hash { .. } => 0,
            Action::Refuse(_) => 1,
            Action::Uncovered | Action::UncoveredIfEmpty { .. } => 2_u8,
        };
        self.count += 1;
        self.sum = self.sum.wrapping_add(state.hash_one((name, kind as u8, what)));
    }

    const fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

impl Progress {
    pub(super) fn event(&self, walked: bool) -> Event {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // What is done is read first, so that it is never more than what is known.
        let (bytes_done, files_done) = (get(&self.bytes_done), get(&self.files_done));
        Event::Hashing {
            bytes_done,
            bytes_total: get(&self.bytes_total),
            files_done,
            files_total: get(&self.files_total),
            walked,
        }
    }
}
