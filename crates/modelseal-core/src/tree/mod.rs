//! Models on disk: opened once, walked without following links, hashed on all cores.

mod root;
mod scan;
mod sys;

pub use root::Root;
pub(crate) use scan::{
    Action, Entry, EntryKind, FileDigests, HashedFile, Hashing, Limits, Scan, Scanned, Seen, Selection,
};
