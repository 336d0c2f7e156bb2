//! Stop requests around logins.
//!
//! A login that is given up half-way can leave a token that nobody knows and nobody revokes. So a stop request is not
//! heard while the exchange of a login is under way, until it is answered or [`GRACE`] has passed; whoever made the
//! login asks afterwards, and revokes. Everything else stops at once, also the wait before a repetition.

use core::fmt;
use core::time::Duration;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use modelseal_core::{Code, Error, Result};
use modelseal_http::Hooks;

/// How long the answer of a login is waited for after a stop request.
const GRACE: Duration = Duration::from_secs(3);

/// The caller's hooks, with patience. `Clone` gives another handle.
#[derive(Clone)]
pub(crate) struct Watch(Arc<State>);

struct State {
    caller: Hooks,
    /// Logins under way.
    logins: AtomicUsize,
    /// When a login under way was first asked to stop.
    asked: Mutex<Option<Instant>>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl Watch {
    pub(crate) fn new(caller: Hooks) -> Self {
        Self(Arc::new(State { caller, logins: AtomicUsize::new(0), asked: Mutex::new(None) }))
    }

    /// The hooks for the client.
    pub(crate) fn hooks(&self) -> Hooks {
        let watch = self.clone();
        let mut hooks = self.0.caller.clone();
        hooks.stop = Arc::new(move || watch.0.must_stop_now());
        hooks
    }

    /// Whether the caller asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        (self.0.caller.stop)()
    }

    /// # Errors
    /// `usage/interrupted`.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_stopped() {
            return Err(Error::new(Code::UsageInterrupted, "the caller asked to stop"));
        }
        Ok(())
    }

    /// Does what must not be given up half-way.
    pub(crate) fn patiently<R>(&self, work: impl FnOnce() -> R) -> R {
        let _patience = Patience::new(&self.0);
        work()
    }
}

impl State {
    fn must_stop_now(&self) -> bool {
        if !(self.caller.stop)() {
            return false;
        }
        if self.logins.load(Ordering::Relaxed) == 0 {
            return true;
        }
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.get_or_insert_with(Instant::now).elapsed() >= GRACE
    }
}

/// A login under way, also when it panics.
struct Patience<'a>(&'a State);

impl<'a> Patience<'a> {
    fn new(state: &'a State) -> Self {
        if state.logins.fetch_add(1, Ordering::Relaxed) == 0 {
            *state.asked.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Self(state)
    }
}

impl Drop for Patience<'_> {
    fn drop(&mut self) {
        self.0.logins.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    #[test]
    fn t20_a_stop_waits_for_a_login_but_not_for_long() {
        let flag = Arc::new(AtomicBool::new(false));
        let mut caller = Hooks::default();
        let asked = Arc::clone(&flag);
        caller.stop = Arc::new(move || asked.load(Ordering::Relaxed));
        let watch = Watch::new(caller);
        let stop = watch.hooks().stop;
        assert!(!stop() && watch.check().is_ok());
        flag.store(true, Ordering::Relaxed);
        assert!(stop());
        watch.patiently(|| {
            assert!(!stop() && watch.is_stopped());
            *watch.0.asked.lock().unwrap() = Instant::now().checked_sub(GRACE);
            assert!(stop());
        });
        watch.patiently(|| assert!(!stop()));
        assert!(stop());
        assert_eq!(watch.check().unwrap_err().code(), Code::UsageInterrupted);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| watch.patiently(|| panic!())));
        assert!(panicked.is_err() && stop());
    }
}
