//! Programs that end with the test program, however that ends.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::workspace;

/// Longest time that a server may take to start, or to stop.
const PATIENCE: Duration = Duration::from_secs(180);

/// A script of `tests/vault` that ends when its standard input does.
///
/// The system closes that pipe even when the test program is killed, so nothing is left running.
#[derive(Debug)]
pub(crate) struct Tethered(Child);

impl Tethered {
    /// Starts a script, and returns the JSON object that it prints when it is ready.
    #[track_caller]
    pub(crate) fn announced<S: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = S>) -> (Self, Value) {
        let mut child = script(name).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let status = child.wait().unwrap();
            panic!("tests/vault/{name} failed ({status}, {error}); standard error says why")
        });
        (Self(child), value)
    }

    /// Starts any command; its output is that of the test program.
    pub(crate) fn command(command: &Command) -> Self {
        let mut tether = script("tether.py");
        tether.arg(command.get_program()).args(command.get_args()).stdin(Stdio::piped());
        for (name, value) in command.get_envs() {
            tether.env(name, value.unwrap_or_default());
        }
        if let Some(directory) = command.get_current_dir() {
            tether.current_dir(directory);
        }
        Self(tether.stdout(Stdio::null()).spawn().unwrap())
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Tethered {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while self.0.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                self.0.kill().unwrap();
                self.0.wait().unwrap();
                break;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A script of `tests/vault`, to be run with Python.
pub(crate) fn script(name: &str) -> Command {
    let mut command = Command::new(python());
    command.arg(workspace().join("tests/vault").join(name));
    command
}

/// Tells the person who runs the tests, who would not see what a passing test prints.
pub(crate) fn announce(message: &str) {
    std::io::stderr().write_all(format!("{message}\n").as_bytes()).unwrap();
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        thread::sleep(Duration::from_millis(5));
    }
}

fn python() -> &'static PathBuf {
    static PYTHON: OnceLock<PathBuf> = OnceLock::new();
    PYTHON.get_or_init(|| {
        let found = Command::new("sh").arg(workspace().join("scripts/find-python.sh")).output().unwrap().stdout;
        let name = String::from_utf8(found).unwrap();
        assert!(!name.trim().is_empty(), "Python 3.9 or newer is needed to start the servers of the tests");
        // What is on the PATH may be a slow launcher: ask it once for the program behind it.
        let asked = Command::new(name.trim()).args(["-c", "import sys; print(sys.executable)"]).output().unwrap();
        PathBuf::from(String::from_utf8(asked.stdout).unwrap().trim())
    })
}
