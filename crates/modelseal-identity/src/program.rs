//! Programs that print a token.

use core::time::Duration;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use modelseal_core::{Code, Error, Result};
use modelseal_http::Env;
use zeroize::Zeroizing;

use crate::find::Ask;

/// Most bytes that a program may print.
const MOST: usize = 64 * 1024;
const POLL: Duration = Duration::from_millis(10);

/// What a program must not inherit: tokens of others, and the means to ask for some.
const WITHHELD: [&str; 4] = ["VAULT_", "BAO_", "MODELSEAL_", "ACTIONS_ID_TOKEN_"];

/// An argument list; never a shell line. It has no `Debug`: arguments can hold secrets.
pub(crate) struct Program {
    /// What it is called in messages.
    pub(crate) name: String,
    pub(crate) words: Vec<OsString>,
}

/// The file that a name stands for, in the absolute directories of `PATH`.
pub(crate) fn on_path(name: &str, env: &dyn Env) -> Option<PathBuf> {
    let path = env.var("PATH")?;
    let candidates = std::env::split_paths(&path).filter(|directory| directory.is_absolute());
    candidates.map(|directory| directory.join(name)).find(|file| is_program(file))
}

#[cfg(unix)]
fn is_program(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(file: &std::path::Path) -> bool {
    file.is_file()
}

impl Program {
    /// Runs it, without shell and input, and takes what it prints. What it says besides is not shown: it may hold the
    /// token.
    ///
    /// # Errors
    /// `identity/unavailable` when it fails or takes too long, `identity/malformed` for too much output,
    /// `usage/interrupted`.
    pub(crate) fn run(&self, ask: &Ask<'_>) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |why: String| {
            Error::new(Code::IdentityUnavailable, format!("{} {why}", self.name))
                .with_hint("run it by hand: what it says is not shown here, since it may hold secrets")
        };
        let mut child = self.start().map_err(|error| failed(format!("does not start: {}", error.kind())))?;
        let output = child.stdout.take().map(read_aside);
        let (status, stopped) = wait(&mut child, &*ask.hooks.stop, ask.deadline);
        let status = match status {
            Some(status) => status,
            None if stopped => return Err(Error::new(Code::UsageInterrupted, "the caller asked to stop")),
            None => return Err(failed(format!("did not end within {} s", ask.timeout.as_secs_f64()))),
        };
        if !status.success() {
            return Err(failed(format!("failed: {status}")));
        }
        // Whoever inherited the output may keep it open: that is not waited for.
        let bytes = output.and_then(|output| output.recv_timeout(Duration::from_secs(1)).ok());
        let bytes = bytes.ok_or_else(|| failed("left its output open".to_owned()))?;
        if bytes.len() > MOST {
            return Err(Error::new(Code::IdentityMalformed, format!("{} printed more than 64 KiB", self.name)));
        }
        Ok(bytes)
    }

    fn start(&self) -> std::io::Result<Child> {
        let (program, arguments) = self.words.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        for (name, _) in std::env::vars_os().filter(|(name, _)| is_withheld(name)) {
            command.env_remove(name);
        }
        command.spawn()
    }
}

fn is_withheld(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    WITHHELD.iter().any(|prefix| name.starts_with(prefix))
}

fn read_aside(output: ChildStdout) -> Receiver<Zeroizing<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MOST + 1));
        if output.take(MOST as u64 + 1).read_to_end(&mut bytes).is_ok() {
            let _ = sender.send(bytes);
        }
    });
    receiver
}

/// Waits for the end, and makes one when it is time. Also says whether the caller asked for it.
fn wait(child: &mut Child, stop: &dyn Fn() -> bool, deadline: Instant) -> (Option<ExitStatus>, bool) {
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return (Some(status), false);
        }
        let stopped = stop();
        if stopped || Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return (None, stopped);
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use std::sync::Arc;

    use modelseal_http::{FixedEnv, Hooks};

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn shell(script: &str) -> Program {
        Program { name: "the program".to_owned(), words: ["/bin/sh", "-c", script].map(OsString::from).to_vec() }
    }

    fn run(program: &Program, timeout: Duration, stop: bool) -> Result<Zeroizing<Vec<u8>>> {
        let mut hooks = Hooks::default();
        hooks.stop = Arc::new(move || stop);
        program.run(&Ask { audience: None, hooks: &hooks, deadline: Instant::now() + timeout, timeout })
    }

    #[test]
    fn failures_quote_neither_output() {
        let error = run(&shell("echo planted; echo planted >&2; exit 3"), LONG, false).unwrap_err();
        assert_eq!(error.code(), Code::IdentityUnavailable);
        assert!(error.message().contains('3') && !error.message().contains("planted"), "{error}");
        let absent = Program { name: "it".into(), words: vec!["/no/planted".into()] };
        let error = run(&absent, LONG, false).unwrap_err();
        assert!(!error.message().contains("planted"), "{error}");
        assert!(run(&shell("head -c 100000 /dev/zero"), LONG, false).is_err());
        assert!(run(&Program { name: "it".into(), words: Vec::new() }, LONG, false).is_err());
    }

    #[test]
    fn it_ends_in_time_and_when_the_caller_stops() {
        let slow = shell("exec sleep 60");
        let error = run(&slow, Duration::from_millis(50), false).unwrap_err();
        assert_eq!(error.code(), Code::IdentityUnavailable);
        assert_eq!(error.message(), "the program did not end within 0.05 s");
        assert_eq!(run(&slow, LONG, true).unwrap_err().code(), Code::UsageInterrupted);
    }

    #[test]
    fn t21_tokens_are_not_inherited() {
        for name in ["VAULT_TOKEN", "BAO_TOKEN", "MODELSEAL_ROLE", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "vault_token"] {
            assert!(is_withheld(OsStr::new(name)), "{name}");
        }
        assert!(!is_withheld(OsStr::new("PATH")) && !is_withheld(OsStr::new("BUILDKITE_JOB_ID")));
    }

    #[test]
    fn t39_only_absolute_directories_of_the_path_count() {
        let directory = tempfile::tempdir().unwrap();
        let tool = directory.path().join("tool");
        std::fs::write(&tool, "").unwrap();
        let look = |path: &str| on_path("tool", &FixedEnv::from_iter([("PATH", path)]));
        let path = format!("relative:.::{}", directory.path().display());
        assert_eq!(look(&path), None, "it may not be run");
        std::fs::set_permissions(&tool, PermissionsExt::from_mode(0o755)).unwrap();
        assert_eq!(look(&path), Some(tool));
        assert_eq!(look("relative:."), None);
        assert_eq!(on_path("tool", &FixedEnv::default()), None);
    }
}
