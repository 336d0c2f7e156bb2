//! Keeps the memory of this process, which may come to hold a token, out of core files and debuggers.

/// No core file, and on Linux no debugger of the same user. Best effort: a system that refuses has its reasons.
#[cfg(unix)]
pub(crate) fn keep_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(not(unix))]
pub(crate) const fn keep_private() {}
