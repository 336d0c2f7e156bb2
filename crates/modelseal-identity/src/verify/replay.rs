//! Tokens that were used.

use core::fmt;
use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use modelseal_core::{Code, Digest, Error, Result};

/// Where tokens that were used are remembered. A service of several processes needs one that they share.
pub trait ReplayStore: Send + Sync {
    /// Remembers the token `jti` of this issuer until `until`, unless it is remembered already. The two must be one
    /// step: of two callers at the same time with the same token only one may succeed.
    ///
    /// # Errors
    /// `identity/replayed` for one that is remembered; `identity/replay-full` when no more can be, or the store is down.
    fn remember(&self, issuer: &str, jti: &str, until: Timestamp, now: Timestamp) -> Result<()>;
}

/// The memory of one process. It forgets what has expired, and nothing else: when it is full, tokens are refused.
pub struct ReplayMemory {
    capacity: usize,
    used: Mutex<Used>,
}

/// Fixed in size, however long the ids are.
type Key = [u8; 32];

#[derive(Default)]
struct Used {
    keys: HashSet<Key>,
    ends: BTreeSet<(i64, Key)>,
}

impl ReplayMemory {
    /// Room for 100 000 tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(100_000)
    }

    /// Room for as many tokens.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity, used: Mutex::default() }
    }
}

impl Default for ReplayMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayStore for ReplayMemory {
    fn remember(&self, issuer: &str, jti: &str, until: Timestamp, now: Timestamp) -> Result<()> {
        let key = key(issuer, jti);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget(now);
        if used.keys.contains(&key) {
            return Err(Error::new(Code::IdentityReplayed, "the identity token was used before"));
        }
        if used.keys.len() >= self.capacity {
            let message = format!("{} identity tokens are remembered, and none has expired", self.capacity);
            return Err(Error::new(Code::IdentityReplayFull, message));
        }
        used.keys.insert(key);
        used.ends.insert((until.as_second(), key));
        Ok(())
    }
}

impl Used {
    fn forget(&mut self, now: Timestamp) {
        while let Some((end, key)) = self.ends.first().copied().filter(|(end, _)| *end <= now.as_second()) {
            self.ends.remove(&(end, key));
            self.keys.remove(&key);
        }
    }
}

impl fmt::Debug for ReplayMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayMemory").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

/// The issuer's length first: no two pairs are one text.
fn key(issuer: &str, jti: &str) -> Key {
    let digest = Digest::sha256(format!("{} {issuer}{jti}", issuer.len()).as_bytes());
    let mut key = Key::default();
    for (to, from) in key.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_used_once_for_each_issuer_until_it_is_forgotten() {
        let memory = ReplayMemory::new();
        memory.remember("i", "1", at(100), at(0)).unwrap();
        for now in [0, 50, 99] {
            let error = memory.remember("i", "1", at(100), at(now)).unwrap_err();
            assert_eq!(error.code(), Code::IdentityReplayed, "{now}");
        }
        memory.remember("j", "1", at(100), at(0)).unwrap();
        memory.remember("i", "2", at(100), at(0)).unwrap();
        memory.remember("i", "1", at(200), at(100)).unwrap();
        assert!(memory.remember("i", "1", at(200), at(150)).is_err());
    }

    #[test]
    fn two_pairs_are_never_one() {
        let memory = ReplayMemory::new();
        for (issuer, jti) in [("a", "bc"), ("ab", "c"), ("", "abc"), ("1 a", "b"), ("1", " ab")] {
            memory.remember(issuer, jti, at(100), at(0)).unwrap();
        }
    }

    #[test]
    fn a_full_memory_refuses_and_forgets_nobody() {
        let memory = ReplayMemory::with_capacity(2);
        memory.remember("i", "1", at(100), at(0)).unwrap();
        memory.remember("i", "2", at(200), at(0)).unwrap();
        assert_eq!(memory.remember("i", "3", at(300), at(0)).unwrap_err().code(), Code::IdentityReplayFull);
        assert_eq!(memory.remember("i", "1", at(300), at(0)).unwrap_err().code(), Code::IdentityReplayed);
        memory.remember("i", "3", at(300), at(100)).unwrap();
        assert!(memory.remember("i", "2", at(300), at(100)).is_err());
        assert_eq!(format!("{memory:?}"), "ReplayMemory { capacity: 2, .. }");
    }

    #[test]
    fn it_is_bounded_at_a_hundred_thousand() {
        let memory = ReplayMemory::default();
        for jti in 0..100_000 {
            memory.remember("i", &jti.to_string(), at(100), at(0)).unwrap();
        }
        assert_eq!(memory.remember("i", "one more", at(100), at(0)).unwrap_err().code(), Code::IdentityReplayFull);
    }

    #[test]
    fn of_many_at_once_one_succeeds() {
        let memory = ReplayMemory::new();
        let good = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..16).map(|_| scope.spawn(|| memory.remember("i", "1", at(100), at(0)).is_ok())).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|good| *good).count()
        });
        assert_eq!(good, 1);
    }
}
