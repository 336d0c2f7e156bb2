//! A large file in shards, which many workers hash at once.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::queue::Large;
use super::sys::Handle;
use crate::Digest;

/// Shards of one file that may be hashed, so that an absurd shard size does not fill the memory.
pub(super) const MOST_SHARDS: u64 = 1_000_000;

pub(super) struct Sharded {
    pub(super) file: Arc<Handle>,
    pub(super) about: Large,
    shard: u64,
    /// Shards hashed by one task.
    step: u64,
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    done: u64,
    digests: Vec<(u64, Vec<Digest>)>,
}

impl Sharded {
    /// `shard` is not 0, `together` is how many bytes one worker may read at once.
    pub(super) fn new(file: Arc<Handle>, about: Large, shard: u64, together: u64) -> Self {
        Self { file, about, shard, step: (together / shard).max(1), parts: Mutex::default() }
    }

    /// How many shards there are.
    pub(super) fn count(&self) -> u64 {
        self.about.stamp.size().div_ceil(self.shard)
    }

    /// The shards from `next` that one task takes.
    pub(super) fn portion(&self, next: u64) -> Range<u64> {
        next..next.saturating_add(self.step).min(self.count())
    }

    /// How many tasks are left from `next` on.
    pub(super) fn portions_from(&self, next: u64) -> usize {
        usize::try_from(self.count().saturating_sub(next).div_ceil(self.step)).unwrap_or(usize::MAX)
    }

    /// The bytes of these shards.
    pub(super) fn bytes(&self, shards: &Range<u64>) -> Range<u64> {
        let size = self.about.stamp.size();
        let offset = |shard: u64| shard.saturating_mul(self.shard).min(size);
        offset(shards.start)..offset(shards.end)
    }

    /// Takes the digests of the shards from `first` on; returns those of the whole file when no other is missing.
    pub(super) fn add(&self, first: u64, digests: Vec<Digest>) -> Option<Vec<Digest>> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.done += digests.len() as u64;
        parts.digests.push((first, digests));
        if parts.done < self.count() {
            return None;
        }
        let mut all = std::mem::take(&mut parts.digests);
        all.sort_unstable_by_key(|(first, _)| *first);
        Some(all.into_iter().flat_map(|(_, digests)| digests).collect())
    }
}
