//! Ctrl-C, SIGTERM, SIGHUP and SIGQUIT stop the work; a second one ends the process at once, unless a token may live.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag};

#[cfg(unix)]
const STOPPING: [i32; 4] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGQUIT];
#[cfg(not(unix))]
const STOPPING: [i32; 2] = [SIGINT, SIGTERM];

/// Whether nobody watches: then a signal does what it always does.
///
/// The system's own action is gone for good once a handler is installed, so that the handler has to stand in for it.
static IDLE: AtomicBool = AtomicBool::new(true);

static WATCHERS: Mutex<Watchers> = Mutex::new(Watchers { living: 0, handled: [false; STOPPING.len()] });

/// Who watches, in the whole process: it may run the command several times.
struct Watchers {
    living: usize,
    /// Which of [`STOPPING`] have their default from [`IDLE`].
    handled: [bool; STOPPING.len()],
}

/// Watches for signals as long as it lives.
///
/// Lives only while files are hashed or a server is asked: nobody asks elsewhere, and there the signal shall do what
/// it always does.
#[derive(Debug)]
pub(crate) struct Signals {
    received: Arc<AtomicUsize>,
    hooks: Vec<SigId>,
}

impl Signals {
    /// Starts to watch.
    pub(crate) fn watch() -> Self {
        Self::watch_patiently().without_patience()
    }

    /// Starts to watch work that may hold a token: no signal ends the process before the token is revoked, which takes
    /// seconds at most. Signals often come twice, once to the group and once from a parent that passes it on.
    pub(crate) fn watch_patiently() -> Self {
        let mut watchers = WATCHERS.lock().unwrap_or_else(PoisonError::into_inner);
        let received = Arc::new(AtomicUsize::new(0));
        let mut hooks = Vec::with_capacity(3 * STOPPING.len());
        for (&signal, handled) in STOPPING.iter().zip(&mut watchers.handled) {
            if !*handled {
                if is_ignored(signal) {
                    continue;
                }
                *handled = flag::register_conditional_default(signal, &IDLE).is_ok();
            }
            let value = usize::try_from(signal).unwrap_or_default();
            hooks.extend(flag::register_usize(signal, Arc::clone(&received), value));
        }
        watchers.living += 1;
        IDLE.store(false, Ordering::SeqCst);
        Self { received, hooks }
    }

    /// From now on a second signal ends the process at once: there is no token.
    pub(crate) fn without_patience(mut self) -> Self {
        let armed = Arc::new(AtomicBool::new(self.stop()));
        let handled = WATCHERS.lock().unwrap_or_else(PoisonError::into_inner).handled;
        for (&signal, _) in STOPPING.iter().zip(handled).filter(|(_, handled)| *handled) {
            // In this order: the first signal arms what the second one then finds armed.
            self.hooks.extend(flag::register_conditional_default(signal, Arc::clone(&armed)));
            self.hooks.extend(flag::register(signal, Arc::clone(&armed)));
        }
        self
    }

    /// Whether to stop.
    pub(crate) fn stop(&self) -> bool {
        self.received.load(Ordering::Relaxed) != 0
    }

    /// [`stop`](Self::stop) for those who outlive the borrow.
    pub(crate) fn stopper(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let received = Arc::clone(&self.received);
        move || received.load(Ordering::Relaxed) != 0
    }
}

/// Whether whoever started us had this signal ignored, as `nohup` does: then it stays ignored.
#[cfg(target_os = "linux")]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
    u64::from_str_radix(mask.trim(), 16).unwrap_or(0) & (1 << (signal - 1)) != 0
}

#[cfg(not(target_os = "linux"))]
const fn is_ignored(_: i32) -> bool {
    false
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut watchers = WATCHERS.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.living -= 1;
        // First: what comes from here on is nobody's to report.
        IDLE.store(watchers.living == 0, Ordering::SeqCst);
        drop(watchers);
        for hook in self.hooks.drain(..) {
            signal_hook::low_level::unregister(hook);
        }
        if let Ok(signal @ 1..) = u8::try_from(self.received.load(Ordering::Relaxed)) {
            crate::exit::stopped_by(signal);
        }
    }
}
