//! What the engine needs from the operating system: files opened below a directory, no link followed.

#[cfg(unix)]
mod link;
#[cfg(any(not(unix), test))]
mod portable;
#[cfg(unix)]
mod unix;

use std::ffi::OsString;
use std::io;

use super::EntryKind;

#[cfg(not(unix))]
pub(super) use portable::{Handle, Stamp};
#[cfg(unix)]
pub(super) use unix::{Handle, Stamp};

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: OsString,
    /// `None` when the file system does not say.
    pub(super) kind: Option<EntryKind>,
}

/// Why something that was listed could not be opened or read.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is not there any more, or is another kind of thing.
    Gone,
    Os(io::Error),
}

/// Where a link leads.
#[derive(Debug)]
pub(super) enum Followed<H = Handle> {
    /// A regular file beneath the root.
    File(H),
    /// Anything else, in words.
    Refused(&'static str),
}

/// What a refused link is called in a finding.
mod refused {
    pub(super) const ABSOLUTE: &str = "a symbolic link to an absolute path";
    pub(super) const BROKEN: &str = "a symbolic link to nothing";
    pub(super) const DIRECTORY: &str = "a symbolic link to a directory";
    pub(super) const LOOP: &str = "a symbolic link in a loop";
    pub(super) const OUTSIDE: &str = "a symbolic link out of the model";
    pub(super) const SPECIAL: &str = "a symbolic link to a FIFO, socket or device";
}
