//! Ctrl-C, SIGTERM, SIGHUP and SIGQUIT stop the work; a second one ends the process at once, unless a token may live.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{SigId, flag};

#[cfg(unix)]
const STOPPING: [i32; 4] = [SIGINT, SIGTERM, signal_hook::consts::SIGHUP, signal_hook::consts::SIGQUIT];
#[cfg(not(unix))]
const STOPPING: [i32; 2] = [SIGINT, SIGTERM];

/// Watches for signals as long as it lives.
///
/// Installed only while files are hashed or a server is asked: nobody asks elsewhere, and there the signal shall do what
/// it always does.
#[derive(Debug)]
pub(crate) struct Signals {
    received: Arc<AtomicUsize>,
    hooks: Vec<SigId>,
}

impl Signals {
    /// Starts to watch.
    pub(crate) fn watch() -> Self {
        Self::install(true)
    }

    /// Starts to watch work that may hold a token: no signal ends the process before the token is revoked, which takes
    /// seconds at most. Signals often come twice, once to the group and once from a parent that passes it on.
    pub(crate) fn watch_patiently() -> Self {
        Self::install(false)
    }

    fn install(second_ends: bool) -> Self {
        let received = Arc::new(AtomicUsize::new(0));
        let armed = Arc::new(AtomicBool::new(false));
        let mut hooks = Vec::with_capacity(3 * STOPPING.len());
        for signal in STOPPING.into_iter().filter(|&signal| !is_ignored(signal)) {
            // In this order: the first signal arms what the second one then finds armed.
            let value = usize::try_from(signal).unwrap_or_default();
            if second_ends {
                hooks.extend(flag::register_conditional_default(signal, Arc::clone(&armed)));
                hooks.extend(flag::register(signal, Arc::clone(&armed)));
            }
            hooks.extend(flag::register_usize(signal, Arc::clone(&received), value));
        }
        Self { received, hooks }
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
        for hook in self.hooks.drain(..) {
            signal_hook::low_level::unregister(hook);
        }
        if let Ok(signal @ 1..) = u8::try_from(self.received.load(Ordering::Relaxed)) {
            crate::exit::stopped_by(signal);
        }
    }
}
