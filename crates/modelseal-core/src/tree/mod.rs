//! Models on disk: opened once, walked without following links, hashed on all cores.

mod root;
mod scan;

pub use root::Root;
pub(crate) use scan::{
    Action, Entry, EntryKind, FileDigests, HashedFile, Hashing, Limits, Scan, Scanned, Seen, Selection,
};

/// As many threads as the process may use.
pub(crate) fn available_jobs() -> core::num::NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(core::num::NonZeroUsize::MIN)
}
