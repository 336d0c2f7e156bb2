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

    /// Runs the program, without shell, input and error output, and takes what it prints.
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
        let (status, stopped) = wait(&mut child, stop, Instant::now() + patience);
        let status = match status {
            Some(status) => status,
            None if stopped => return Err(Error::new(Code::UsageInterrupted, "the caller asked to stop")),
            None => return Err(failed(format!("did not end within {} s", patience.as_secs()))),
        };
        if !status.success() {
            return Err(failed(format!("failed: {status}")));
        }
        // Whoever inherited the output may keep it open: that is not waited for.
        let bytes = output.and_then(|output| output.recv_timeout(Duration::from_secs(1)).ok());
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
