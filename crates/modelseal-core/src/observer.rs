//! Progress and cancellation.

use core::ops::ControlFlow;

/// What is going on. Bytes and files only ever grow within one phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The signature is being read and checked.
    Checking,
    /// Files are being found and hashed.
    Hashing {
        /// Bytes hashed so far.
        bytes_done: u64,
        /// Bytes known to be there; grows while the tree is walked.
        bytes_total: u64,
        /// Files hashed so far.
        files_done: u64,
        /// Files known to be there; grows while the tree is walked.
        files_total: u64,
        /// Whether the totals are final.
        walked: bool,
    },
}

/// Receives progress and may stop the work.
///
/// Called on the thread that called the library: between the steps of checking a signature, about 20 times a second while
/// files are hashed, and once at the end. `Break` stops all work within a few milliseconds; the call then fails with `usage/interrupted`.
pub trait Observer {
    /// Takes notice of an event.
    fn event(&self, event: Event) -> ControlFlow<()>;
}

/// An observer that does nothing.
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
