//! What the test programs share that start the command.

#![allow(dead_code, reason = "each test program uses a part")]

pub(crate) mod schemas;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Longest time that any command may take: what runs longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The switch without which every key of the repository is refused.
pub(crate) const TEST_KEYS: &str = "--danger-allow-test-keys";

/// The root of the repository.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file below `tests/vectors`.
pub(crate) fn vector(path: &str) -> PathBuf {
    workspace().join("tests/vectors").join(path)
}

/// A file below `tests/vectors/keys`.
pub(crate) fn key(name: &str) -> PathBuf {
    vector("keys").join(name)
}

/// The command, with an environment that holds `PATH`, and leaves provenance out.
pub(crate) fn modelseal() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelseal"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    // The issuers of the tests publish no keys, unless a test says so.
    command.env("MODELSEAL_PROVENANCE", "off");
    command
}

/// The script of the reference tool: `MODELSEAL_TEST_MODEL_SIGNING` names it, else it is installed.
pub(crate) fn model_signing() -> PathBuf {
    if let Some(script) = std::env::var_os("MODELSEAL_TEST_MODEL_SIGNING") {
        return PathBuf::from(script);
    }
    let script = workspace().join(".cache/venv/bin/model_signing");
    if !script.exists() {
        let made = Command::new("make").arg("-C").arg(workspace()).arg("interop-venv").status();
        assert!(
            made.is_ok_and(|status| status.success()) && script.exists(),
            "model_signing 1.1.1 is needed: `make interop-venv` failed, and MODELSEAL_TEST_MODEL_SIGNING is not set"
        );
    }
    script
}

/// What a finished process left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) took: Duration,
}

impl Run {
    /// Standard output and standard error as one text, for messages.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", String::from_utf8_lossy(&self.stdout), String::from_utf8_lossy(&self.stderr))
    }

    /// The object that `--format json` printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("no JSON object ({error}), status {:?}:\n{}", self.status, self.text()))
    }

    /// Asserts success and returns the JSON object.
    #[track_caller]
    pub(crate) fn accepted(&self) -> Value {
        assert_eq!(self.status, Some(0), "{}", self.text());
        self.json()
    }

    /// Asserts exit status and code, and returns the JSON object.
    #[track_caller]
    pub(crate) fn refused(&self, status: i32, code: &str) -> Value {
        let json = self.json();
        assert_eq!((self.status, json["code"].as_str()), (Some(status), Some(code)), "{}", self.text());
        json
    }
}

/// Runs a command to its end; panics when it hangs.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Run {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let stdout = drain(child.stdout.take().unwrap());
    let stderr = drain(child.stderr.take().unwrap());
    let status = wait(&mut child, command);
    Run { status, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), took: started.elapsed() }
}

fn drain(mut pipe: impl std::io::Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

#[track_caller]
fn wait(child: &mut Child, command: &Command) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("hangs: {command:?}");
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// `sign` with a private key of `keys/`, as JSON.
pub(crate) fn sign(model: impl AsRef<Path>, private: &str) -> Command {
    let mut command = modelseal();
    command.arg("sign").arg(model.as_ref()).arg("--key").arg(key(private)).args([TEST_KEYS, "--format", "json"]);
    command
}

/// `verify` with a public key of `keys/`, as JSON.
pub(crate) fn verify(model: impl AsRef<Path>, public: &str) -> Command {
    verify_trusting(model, "--key", key(public))
}

/// `verify` with the trust that `option` names, as JSON.
pub(crate) fn verify_trusting(model: impl AsRef<Path>, option: &str, value: impl AsRef<OsStr>) -> Command {
    let mut command = modelseal();
    command.arg("verify").arg(model.as_ref()).arg(option).arg(value).args([TEST_KEYS, "--format", "json"]);
    command
}

/// A directory that other users may enter, with a small model in `model/`.
pub(crate) struct Sandbox(TempDir);

impl Sandbox {
    /// An empty directory.
    pub(crate) fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        set_mode(directory.path(), 0o755);
        Self(directory)
    }

    /// `model/config.json` and `model/w/0.bin`.
    pub(crate) fn unsigned() -> Self {
        let sandbox = Self::empty();
        sandbox.write("model/config.json", b"{}\n");
        sandbox.write("model/w/0.bin", b"abcd");
        sandbox
    }

    /// The same, signed with `p256.pem`: `model/model.sig`.
    #[track_caller]
    pub(crate) fn signed() -> Self {
        let sandbox = Self::unsigned();
        run(&mut sign(sandbox.model(), "p256.pem")).accepted();
        sandbox
    }

    /// A copy of a directory below `tests/vectors`.
    pub(crate) fn of_vector(path: &str) -> Self {
        let sandbox = Self::empty();
        copy_tree(&vector(path), sandbox.path());
        sandbox
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.at("model")
    }

    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.path().join(path)
    }

    /// Writes a file; directories are made.
    pub(crate) fn write(&self, path: impl AsRef<Path>, data: &[u8]) -> PathBuf {
        let path = self.at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, data).unwrap();
        path
    }

    /// Makes a file of `size` bytes that takes no room.
    pub(crate) fn sparse(&self, path: impl AsRef<Path>, size: u64) -> PathBuf {
        let path = self.write(path, b"");
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(size).unwrap();
        path
    }

    #[cfg(unix)]
    pub(crate) fn symlink(&self, target: impl AsRef<Path>, path: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.at(path)).unwrap();
    }

    #[cfg(unix)]
    pub(crate) fn fifo(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = self.at(path);
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    /// The names in a directory.
    pub(crate) fn names(&self, path: impl AsRef<Path>) -> BTreeSet<String> {
        let entries = fs::read_dir(self.at(path)).unwrap();
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
    }
}

/// Copies a directory; links stay links.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            #[cfg(unix)]
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), &target).unwrap();
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}

/// Permission bits; nothing where there are none.
pub(crate) fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    #[cfg(not(unix))]
    let _ = (path, mode);
}

/// The bundle's payload, decoded.
#[track_caller]
pub(crate) fn payload(bundle: &Path) -> Value {
    use base64::Engine as _;

    let bundle: Value = serde_json::from_slice(&fs::read(bundle).unwrap()).unwrap();
    let text = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
}

/// A command run by a user who is nobody: the suite may run as root, whom no permission stops.
///
/// The program and the keys are copied into the sandbox, as nobody may be barred from the repository.
#[cfg(unix)]
pub(crate) fn as_nobody(sandbox: &Sandbox, command: &Command) -> Command {
    use std::os::unix::fs::MetadataExt as _;

    let binary = sandbox.at("modelseal");
    if !binary.exists() {
        fs::copy(command.get_program(), &binary).unwrap();
        set_mode(&binary, 0o755);
        copy_tree(&key(""), &sandbox.at("keys"));
    }
    let arguments = command.get_args().map(|argument| match Path::new(argument).strip_prefix(key("")) {
        Ok(name) => sandbox.at("keys").join(name).into_os_string(),
        Err(_) => argument.to_owned(),
    });
    let mut other = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        let mut dropped = Command::new("setpriv");
        dropped.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(binary);
        dropped
    } else {
        Command::new(binary)
    };
    other.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    other
}

/// Characters that no output may hold: they steer terminals, hide or reorder text.
#[track_caller]
pub(crate) fn assert_tame(run: &Run) {
    for bytes in [&run.stdout, &run.stderr] {
        let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
        if let Some(c) = text.chars().find(|&c| is_hostile(c)) {
            panic!("U+{:04X} in the output: {}", u32::from(c), text.escape_debug());
        }
    }
}

fn is_hostile(c: char) -> bool {
    matches!(c,
        '\0'..='\t' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}
