//! A program whose output is a secret.

use core::fmt;
use core::time::Duration;
use std::ffi::{OsStr, OsString};
use std::io::Read as _;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use modelseal_core::{Code, Error, Result};
use zeroize::Zeroizing;

use super::source::{Kind, MOST};

/// Longest time that a program may take.
const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// What a program must not inherit: tokens, and the means to ask for some.
const WITHHELD: [&str; 4] = ["VAULT_", "BAO_", "MODELSEAL_", "ACTIONS_ID_TOKEN_"];

/// An argument list. Its `Debug` shows nothing: arguments can hold secrets.
pub(super) struct Program(Vec<OsString>);

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Program")
    }
}

impl Program {
    /// # Errors
    /// `usage/arguments` when there is no program.
    pub(super) fn new(words: &[OsString]) -> Result<Self> {
        match words.first() {
            Some(program) if !program.is_empty() => Ok(Self(words.to_vec())),
            _ => Err(Error::new(Code::UsageArguments, "the command of the identity token names no program")),
        }
    }

    /// Runs the program, without shell, input and error output, and takes what it prints. It is the head of a process
    /// group, which ends with it: what it started and left behind in the background does not go on.
    ///
    /// # Errors
    /// The missing code of `kind` when the program fails or takes too long, its unusable code for too much output,
    /// `usage/interrupted`.
    pub(super) fn run(&self, kind: Kind, stop: &dyn Fn() -> bool) -> Result<Zeroizing<Vec<u8>>> {
        self.run_within(kind, stop, PATIENCE)
    }

    fn run_within(&self, kind: Kind, stop: &dyn Fn() -> bool, patience: Duration) -> Result<Zeroizing<Vec<u8>>> {
        let failed = |why: String| kind.missing(format!("the command for the {} {why}", kind.name()));
        let mut child = self.start().map_err(|error| failed(format!("does not start: {}", error.kind())))?;
        let output = child.stdout.take().map(read_aside);
        let mut group = Group(Some(child));
        match group.wait(stop, Instant::now() + patience) {
            Wait::Ended => {}
            Wait::Stopped => return Err(Error::new(Code::UsageInterrupted, "the caller asked to stop")),
            Wait::TooLong => return Err(failed(format!("did not end within {} s", patience.as_secs()))),
        }
        // Whoever inherited the output may keep it open: that is not waited for.
        let bytes = output.and_then(|output| output.recv_timeout(Duration::from_secs(1)).ok());
        let status = group.end().ok_or_else(|| failed("ended unseen".to_owned()))?;
        if !status.success() {
            return Err(failed(format!("failed: {status}")));
        }
        let bytes = bytes.ok_or_else(|| failed("left its output open".to_owned()))?;
        if bytes.len() > MOST {
            return Err(kind.unusable(format!("the command for the {} printed more than 64 KiB", kind.name())));
        }
        Ok(bytes)
    }

    fn start(&self) -> std::io::Result<Child> {
        let (program, arguments) = self.0.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
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

/// A program and all that it started, which ends when this is dropped.
struct Group(Option<Child>);

enum Wait {
    Ended,
    /// The caller asked for it.
    Stopped,
    TooLong,
}

impl Group {
    fn wait(&mut self, stop: &dyn Fn() -> bool, deadline: Instant) -> Wait {
        while !self.0.as_mut().is_none_or(has_ended) {
            if stop() {
                return Wait::Stopped;
            }
            if Instant::now() >= deadline {
                return Wait::TooLong;
            }
            thread::sleep(POLL);
        }
        Wait::Ended
    }

    /// Ends whatever still runs, and says how the program itself ended.
    fn end(&mut self) -> Option<ExitStatus> {
        let mut child = self.0.take()?;
        kill(&mut child);
        child.wait().ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// Leaves the program to be waited for: until then no other process and no other group can have its number.
#[cfg(unix)]
fn has_ended(child: &mut Child) -> bool {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let pid = rustix::process::Pid::from_child(child);
    matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_)))
}

#[cfg(not(unix))]
fn has_ended(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(Some(_)))
}

/// Errors mean that nothing is left to be ended.
fn kill(child: &mut Child) {
    #[cfg(unix)]
    let _ = rustix::process::kill_process_group(rustix::process::Pid::from_child(child), rustix::process::Signal::KILL);
    let _ = child.kill();
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(&["sh", "-c", script].map(OsString::from)).unwrap()
    }

    #[test]
    fn the_output_is_the_secret() {
        let program = Program::new(&["printf", "%s", "$HOME `id`"].map(OsString::from)).unwrap();
        assert_eq!(**program.run(Kind::IdentityToken, &|| false).unwrap(), *b"$HOME `id`");
        assert_eq!(**shell("cat; echo a.b.c").run(Kind::IdentityToken, &|| false).unwrap(), *b"a.b.c\n");
    }

    #[test]
    fn failures_name_the_status_and_quote_nothing() {
        let error = shell("echo planted; echo planted >&2; exit 3").run(Kind::IdentityToken, &|| false).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMissing);
        assert!(error.message().contains('3') && !error.message().contains("planted"), "{error}");
        let error = shell("kill -9 $$").run(Kind::IdentityToken, &|| false).unwrap_err();
        assert!(error.message().contains("signal: 9"), "{error}");
        let program = Program::new(&["/no/planted/program".into()]).unwrap();
        let error = program.run(Kind::IdentityToken, &|| false).unwrap_err();
        assert_eq!(error.code(), Code::IdentityMissing);
        assert!(!error.message().contains("planted"), "{error}");
        assert_eq!(Program::new(&[]).unwrap_err().code(), Code::UsageArguments);
        assert_eq!(Program::new(&["".into()]).unwrap_err().code(), Code::UsageArguments);
        let error = shell("head -c 100000 /dev/zero").run(Kind::IdentityToken, &|| false).unwrap_err();
        assert!(matches!(error.code(), Code::IdentityMalformed | Code::IdentityMissing), "{error}");
    }

    #[test]
    fn it_ends_in_time_and_when_the_caller_stops() {
        let started = Instant::now();
        let (slow, short) = (shell("exec sleep 60"), Duration::from_millis(100));
        assert_eq!(slow.run_within(Kind::IdentityToken, &|| false, short).unwrap_err().code(), Code::IdentityMissing);
        assert_eq!(slow.run(Kind::IdentityToken, &|| true).unwrap_err().code(), Code::UsageInterrupted);
        let left = shell("sleep 3 & echo a").run(Kind::IdentityToken, &|| false).unwrap_err();
        assert!(left.message().contains("open"), "{left}");
        assert!(started.elapsed().as_secs() < 10);
    }

    #[test]
    fn nothing_that_the_program_started_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let name = file.to_str().unwrap();
        let alive = |deadline: Instant| {
            let pid = std::fs::read_to_string(&file).unwrap();
            let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
            // Whoever inherits an orphan may take a moment to notice its end.
            while rustix::process::test_kill_process(pid).is_ok() && Instant::now() < deadline {
                thread::sleep(POLL);
            }
            rustix::process::test_kill_process(pid).is_ok() && !is_zombie(pid)
        };
        let short = Duration::from_millis(500);
        for (script, stops) in [
            (format!("sleep 60 & echo $! > {name}; wait"), false),
            (format!("sleep 60 & echo $! > {name}; wait"), true),
            (format!("sleep 60 & echo $! > {name}; echo a"), false),
            (format!("sleep 60 > /dev/null & echo $! > {name}; exit 3"), false),
        ] {
            let _ = std::fs::remove_file(&file);
            let written = || std::fs::read(&file).is_ok_and(|pid| pid.ends_with(b"\n"));
            let stop = || stops && written();
            shell(&script).run_within(Kind::IdentityToken, &stop, short).unwrap_err();
            assert!(!alive(Instant::now() + Duration::from_secs(5)), "{script}");
        }
    }

    fn is_zombie(pid: rustix::process::Pid) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'))
    }

    #[test]
    fn t21_tokens_are_not_inherited() {
        for name in ["VAULT_TOKEN", "BAO_TOKEN", "MODELSEAL_ROLE", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "vault_token"] {
            assert!(is_withheld(OsStr::new(name)), "{name}");
        }
        assert!(!is_withheld(OsStr::new("PATH")) && !is_withheld(OsStr::new("MY_VAULT_TOKEN")));
    }

    #[test]
    fn t21_a_program_sees_no_token_of_ours() {
        const NAME: &str = "auth::command::tests::t21_a_program_sees_no_token_of_ours";
        if std::env::var_os("MODELSEAL_TEST_INNER").is_some() {
            let seen = shell("env").run(Kind::IdentityToken, &|| false).unwrap();
            let seen = str::from_utf8(&seen).unwrap();
            assert!(seen.contains("PATH=") && !seen.contains("planted"), "{seen}");
            return;
        }
        let mut again = Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", NAME]).stdout(Stdio::null()).env("MODELSEAL_TEST_INNER", "planted");
        for name in ["VAULT_TOKEN", "BAO_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"] {
            again.env(name, "planted");
        }
        assert!(again.status().unwrap().success());
    }
}
