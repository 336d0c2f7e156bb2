//! The keys of one issuer, as far as they are known.
//!
//! Answers are merged, since during a roll-over some of an issuer's servers still have the old set: a key that is
//! missing from a new answer stays for an hour. A key that comes back under its name with another value replaces the
//! one before at once: the issuer says that the old one is no longer meant. Answers without a usable key and failures
//! change nothing.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use modelseal_core::{Code, Error, Result};
use modelseal_http::{Env, Hooks};

use super::algorithm::Algorithm;
use super::download::Download;
use super::key_set::{Key, KeySet};
use super::{Issuer, KeySource, cut};

/// Older answers are refreshed behind the callers' backs.
const SOFT: i64 = 10 * 60;

/// Older answers are not used, even if there is no newer one.
const HARD: i64 = 24 * 60 * 60;

/// How long a key stays that is missing from a newer answer.
const VANISHED: i64 = 60 * 60;

/// Time between two requests for the keys, whatever tokens ask for.
const COOLDOWN: i64 = 60;

/// How often somebody who waits for another's request asks whether to stop.
const POLL: Duration = Duration::from_millis(40);

/// The keys of an issuer, shared between threads.
pub(super) struct Keys(Arc<Shared>);

/// What is known of the keys of an issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeysStatus {
    /// When they were last fetched; `None`: never, or they are pinned.
    pub fetched_at: Option<Timestamp>,
    /// How often they were fetched.
    pub refreshes: u64,
    /// How often that failed.
    pub failures: u64,
}

struct Shared {
    /// What messages call the issuer.
    issuer: String,
    /// `None`: the keys are pinned.
    download: Option<Download>,
    algorithms: &'static [Algorithm],
    hooks: Hooks,
    state: Mutex<State>,
    landed: Condvar,
    /// Whether nobody wants the keys any more.
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    held: Vec<Held>,
    /// When the last request began, well or badly ended.
    tried: Option<Timestamp>,
    /// What the last request ended with, when it failed.
    failure: Option<Error>,
    /// Whether a request is under way.
    busy: bool,
    status: KeysStatus,
}

struct Held {
    kid: String,
    key: Arc<Key>,
    seen: Timestamp,
}

/// A request under way. There is one at a time; its end is told to those who wait, however it comes.
struct Flight(Arc<Shared>);

impl Keys {
    /// Reads pinned keys; fetches nothing.
    ///
    /// # Errors
    /// `identity/keys-malformed`, `identity/issuer`, `usage/environment`.
    pub(super) fn new(issuer: &Issuer, hooks: &Hooks, env: &dyn Env) -> Result<Self> {
        let algorithms = issuer.algorithms();
        let mut state = State::default();
        if let KeySource::Pinned(text) = &issuer.keys {
            let set = KeySet::read(text, "the given key set", algorithms)?;
            state.merge(set, Timestamp::UNIX_EPOCH);
            state.status = KeysStatus::default();
        }
        Ok(Self(Arc::new(Shared {
            issuer: issuer.url.clone(),
            download: Download::of(issuer, env)?,
            algorithms,
            hooks: hooks.clone(),
            state: Mutex::new(state),
            landed: Condvar::new(),
            closed: AtomicBool::new(false),
        })))
    }

    /// The key of this name. Keys that are known are there at once, however long a request takes.
    ///
    /// # Errors
    /// `identity/unknown-key`; `identity/keys-unavailable` and `identity/keys-malformed` when the key is not known and
    /// the last request failed; `usage/interrupted`.
    pub(super) fn find(&self, kid: &str, now: Timestamp) -> Result<Arc<Key>> {
        let unknown = || {
            let message =
                format!("the identity token names the key `{}`, which `{}` does not have", cut(kid), self.0.issuer);
            Error::new(Code::IdentityUnknownKey, message)
        };
        if self.0.download.is_none() {
            return self.0.lock().held(kid).map(|held| Arc::clone(&held.key)).ok_or_else(unknown);
        }
        self.0.known(now, |state| state.usable(kid, now), unknown)
    }

    /// Has the keys fetched, unless they are known.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub(super) fn warm_up(&self, now: Timestamp) -> Result<()> {
        if self.0.download.is_none() {
            return Ok(());
        }
        let any = |state: &State| state.held.iter().any(|held| state.usable(&held.kid, now).is_some()).then_some(());
        self.0.known(now, any, || Error::new(Code::IdentityKeysUnavailable, "no key of the issuer is known"))
    }

    /// How long no request for keys will be sent.
    pub(super) fn cooldown(&self, now: Timestamp) -> Duration {
        let left = |tried: Timestamp| COOLDOWN - distance(now, tried);
        let left = self.0.lock().tried.map_or(0, left);
        Duration::from_secs(u64::try_from(left).unwrap_or_default())
    }

    pub(super) fn status(&self) -> KeysStatus {
        self.0.lock().status
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.0.closed.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `pick` finds, now or after a request, of which there is one for all who wait.
    fn known<T>(
        self: &Arc<Self>,
        now: Timestamp,
        pick: impl Fn(&State) -> Option<T>,
        missing: impl Fn() -> Error,
    ) -> Result<T> {
        let mut state = self.lock();
        loop {
            if let Some(found) = pick(&state) {
                if state.is_stale(now) && !state.is_cooling(now) && !state.busy {
                    state.busy = true;
                    drop(state);
                    Flight(Arc::clone(self)).behind(now);
                }
                return Ok(found);
            }
            if state.busy {
                state = self.landed.wait_timeout(state, POLL).map_or_else(|error| error.into_inner().0, |end| end.0);
                if (self.hooks.stop)() {
                    return Err(Error::new(Code::UsageInterrupted, "the caller asked to stop"));
                }
                continue;
            }
            if state.is_cooling(now) {
                return Err(state.failure.clone().unwrap_or_else(missing));
            }
            state.busy = true;
            drop(state);
            Flight(Arc::clone(self)).run(now, &self.hooks)?;
            state = self.lock();
        }
    }
}

impl Flight {
    /// Sends the request, and keeps what came of it.
    ///
    /// # Errors
    /// `usage/interrupted`, which says nothing of the issuer and leaves all as it was.
    fn run(self, now: Timestamp, hooks: &Hooks) -> Result<()> {
        let Some(download) = &self.0.download else { return Ok(()) };
        let name = format!("the key set of `{}`", self.0.issuer);
        let set = download.key_set(hooks).and_then(|text| KeySet::read(&text, &name, self.0.algorithms));
        let mut state = self.0.lock();
        match set {
            Err(error) if error.code() == Code::UsageInterrupted => return Err(error),
            Ok(set) => state.merge(set, now),
            Err(error) => {
                state.failure = Some(error);
                state.status.failures += 1;
            }
        }
        state.tried = Some(now);
        Ok(())
    }

    /// The same while nobody waits for it.
    fn behind(self, now: Timestamp) {
        let mut hooks = self.0.hooks.clone();
        let shared = Arc::clone(&self.0);
        // The caller's wish to stop is asked for on the caller's threads only.
        hooks.stop = Arc::new(move || shared.closed.load(Ordering::Relaxed));
        let thread = std::thread::Builder::new().name("modelseal-keys".to_owned());
        // Without a thread the next caller tries.
        let _ = thread.spawn(move || self.run(now, &hooks));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.lock().busy = false;
        self.0.landed.notify_all();
    }
}

impl State {
    fn held(&self, kid: &str) -> Option<&Held> {
        self.held.iter().find(|held| held.kid == kid)
    }

    fn usable(&self, kid: &str, now: Timestamp) -> Option<Arc<Key>> {
        let held = self.held(kid)?;
        let good = self.status.fetched_at?;
        let lives = distance(now, good) < HARD && (held.seen == good || distance(now, held.seen) < VANISHED);
        lives.then(|| Arc::clone(&held.key))
    }

    fn is_stale(&self, now: Timestamp) -> bool {
        self.status.fetched_at.is_none_or(|good| distance(now, good) >= SOFT)
    }

    fn is_cooling(&self, now: Timestamp) -> bool {
        self.tried.is_some_and(|tried| distance(now, tried) < COOLDOWN)
    }

    fn merge(&mut self, set: KeySet, now: Timestamp) {
        self.held.retain(|held| distance(now, held.seen) < VANISHED);
        for (kid, key) in set.0 {
            self.held.retain(|held| held.kid != kid);
            self.held.push(Held { kid, key: Arc::new(key), seen: now });
        }
        self.failure = None;
        self.status.fetched_at = Some(now);
        self.status.refreshes += 1;
    }
}

/// Seconds between two instants, whichever is the later: callers read the clock before they wait for one another, and
/// clocks are set back.
fn distance(one: Timestamp, other: Timestamp) -> i64 {
    one.as_second().saturating_sub(other.as_second()).saturating_abs()
}
