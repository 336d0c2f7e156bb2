//! Models on disk: opened once, walked without following links, hashed on all cores.

mod large;
mod pass;
mod queue;
mod recognise;
mod root;
mod scan;
mod shards;
mod small;
mod stream;
mod sys;
mod worker;

#[cfg(test)]
mod tests;

use core::num::NonZeroUsize;
use std::path::Path;

pub use root::Root;
pub(crate) use scan::{
    Action, Entry, EntryKind, FileDigests, HashedFile, Hashing, Limits, Scan, Scanned, Seen, Selection,
};

use crate::{Code, HashAlgorithm, Result, Silent};

/// As many threads as the process may use.
pub(crate) fn available_jobs() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Hashes every file below `path` and returns the number of bytes. For benchmarks; not part of the API.
#[doc(hidden)]
pub fn hash_tree_for_benches(path: &Path, algorithm: HashAlgorithm, jobs: NonZeroUsize) -> Result<u64> {
    struct Everything;
    impl Selection for Everything {
        fn select(&self, entry: Entry<'_>) -> Result<Action> {
            Ok(match entry.kind {
                EntryKind::Directory => Action::Descend,
                EntryKind::File => Action::Hash { size: None },
                EntryKind::Special | EntryKind::Symlink => Action::Pass,
            })
        }
    }
    let scanned = Scan {
        root: &Root::open(path)?,
        selection: &Everything,
        hashing: Hashing { algorithm, shard_size: None },
        limits: Limits {
            max_depth: usize::MAX,
            max_file_bytes: u64::MAX,
            max_total_bytes: u64::MAX,
            max_findings: usize::MAX,
        },
        jobs,
        link_refusal: Code::InputSymlink,
        recheck_names: false,
        recognise: false,
    }
    .run(&Silent)?;
    Ok(scanned.files.iter().map(|file| file.size).sum())
}
