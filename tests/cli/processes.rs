//! What only a process shows: modes, closed outputs, signals, inputs that would hang.

use std::fs::{self, File, OpenOptions};
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::MODELSEAL;

fn modelseal(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(MODELSEAL);
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    command
}

fn output(directory: &Path, arguments: &[&str]) -> Output {
    modelseal(directory, arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// As [`modelseal`], whatever signals the test run itself was told to ignore.
fn listening(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("env");
    command.arg("--default-signal=HUP,INT,TERM").arg(MODELSEAL).args(arguments);
    command.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A key pair `k.pem` and a signed model `m`.
fn signed() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::create_dir(at.join("m")).unwrap();
    fs::write(at.join("m/w.bin"), "w").unwrap();
    assert!(output(at, &["keys", "generate", "k.pem"]).status.success());
    assert!(output(at, &["sign", "m", "--key", "k.pem"]).status.success());
    directory
}

#[test]
fn private_keys_are_for_their_owner_and_signatures_for_all() {
    let directory = signed();
    let mode = |path: &str| directory.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("k.pem"), 0o600);
    assert_eq!(mode("k.pub.pem") & 0o400, 0o400);
    assert_eq!(mode("m/model.sig") & !0o666, 0);
}

#[test]
fn t40_a_closed_standard_output_is_never_success() {
    let directory = signed();
    let at = directory.path();
    for arguments in [
        &["verify", "m", "--key", "k.pub.pem"][..],
        &["verify", "m", "--key", "k.pub.pem", "--format", "json"],
        &["sign", "m", "--key", "k.pem"],
        &["digest", "m"],
        &["inspect", "m"],
        &["keys", "show", "k.pem"],
        &["generate", "completions", "bash"],
        &["--help"],
        &["--version"],
        &["verify", "key", "--signature", "s", "--public_key", "k.pub.pem", "--help"],
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ended = modelseal(at, arguments).stdout(full).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {}", stderr(&ended));
        assert!(stderr(&ended).contains("[output/unwritable]"), "{}", stderr(&ended));

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = modelseal(at, arguments).stdout(writer).output().unwrap();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {}", stderr(&ended));
    }
    // A descriptor that takes no writes.
    let read_only = File::open(at.join("k.pub.pem")).unwrap();
    let ended = modelseal(at, &["digest", "m"]).stdout(read_only).output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", stderr(&ended));
    // A no stays a no.
    fs::write(at.join("m/w.bin"), "x").unwrap();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = modelseal(at, &["verify", "m", "--key", "k.pub.pem"]).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
}

#[test]
fn signals_stop_the_work_and_nothing_is_written() {
    for (signal, status) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let directory = signed();
        let at = directory.path();
        // A hole that takes minutes to hash and no room on the disk.
        File::create(at.join("m/w.bin")).unwrap().set_len(1 << 40).unwrap();
        fs::remove_file(at.join("m/model.sig")).unwrap();
        let arguments = ["sign", "m", "--key", "k.pem", "--format", "json"];
        let child = listening(at, &arguments).spawn().unwrap();
        wait_until_it_watches(child.id());
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(status), "{signal}: {}", stderr(&ended));
        let object: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        assert_eq!((&object["code"], &object["exit"]), (&"usage/interrupted".into(), &status.into()));
        assert!(!at.join("m/model.sig").exists());
    }
}

#[test]
fn signals_that_were_ignored_stay_ignored() {
    let directory = signed();
    let at = directory.path();
    File::create(at.join("m/w.bin")).unwrap().set_len(1 << 40).unwrap();
    let script = format!("trap '' HUP; exec '{MODELSEAL}' sign m --key k.pem");
    let mut child = Command::new("sh").args(["-c", &script]).current_dir(at).stderr(Stdio::null()).spawn().unwrap();
    wait_until_it_watches(child.id());
    let kill = |signal: &str| Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(kill("-HUP").success());
    std::thread::sleep(Duration::from_millis(200));
    assert!(kill("-TERM").success());
    assert_eq!(child.wait().unwrap().code(), Some(143));
}

#[test]
fn a_stopped_verification_of_several_says_so() {
    let directory = signed();
    let at = directory.path();
    File::create(at.join("big")).unwrap().set_len(1 << 40).unwrap();
    fs::copy(at.join("m/model.sig"), at.join("big.sig")).unwrap();
    fs::create_dir(at.join("n")).unwrap();
    fs::rename(at.join("big"), at.join("n/w.bin")).unwrap();
    // Another tool's signature has no sizes, so that the file must be read.
    let vectors = super::workspace().join("tests/vectors");
    let key = vectors.join("keys/p256.pub.pem").display().to_string();
    fs::copy(vectors.join("key-p256-files/model/model.sig"), at.join("n/model.sig")).unwrap();
    let payload = String::from_utf8(output(at, &["inspect", "n", "--manifest"]).stdout).unwrap();
    let name = payload.lines().last().unwrap().split("  ").last().unwrap();
    fs::create_dir_all(at.join("n").join(name).parent().unwrap()).unwrap();
    fs::rename(at.join("n/w.bin"), at.join("n").join(name)).unwrap();
    let arguments = ["verify", "n", "m", "--key", "k.pub.pem", "--key", &key, "--danger-allow-test-keys"];
    let child = listening(at, &arguments).spawn().unwrap();
    wait_until_it_watches(child.id());
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(143), "{}", stderr(&ended));
}

/// Waits until SIGTERM has a handler: a signal that comes sooner ends the process by itself.
fn wait_until_it_watches(process: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let watches = || {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(caught.trim(), 16).unwrap_or(0) & (1 << 14) != 0
    };
    while !watches() {
        assert!(Instant::now() < deadline, "it never watches for signals");
        std::thread::sleep(Duration::from_millis(5));
    }
    // Handlers for all three are set one after the other.
    std::thread::sleep(Duration::from_millis(50));
}

/// A pipe that is full and that nobody reads.
fn blocked() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[0; 1 << 16]).unwrap();
    (reader, writer)
}

/// Sends a signal again and again until the process ends.
fn end(mut child: Child, signal: &str) -> ExitStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("{signal} does not end it");
        }
        // It may end in between.
        let _ = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_result_that_nobody_takes_can_be_given_up() {
    for (signal, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        let directory = signed();
        let at = directory.path();
        fs::remove_file(at.join("m/model.sig")).unwrap();
        let (reader, writer) = blocked();
        let child = listening(at, &["sign", "m", "--key", "k.pem"]).stdout(writer).spawn().unwrap();
        while !at.join("m/model.sig").exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(end(child, signal).signal(), Some(number));
        drop(reader);
    }
    // After a server was asked.
    let server = super::schemas::server();
    let directory = tempfile::tempdir().unwrap();
    let (reader, writer) = blocked();
    let mut command = listening(directory.path(), &["keys", "show", "hashivault://models"]);
    command.env("VAULT_TOKEN", "hvs.any").env("VAULT_ADDR", &server.address).stdout(writer);
    let child = command.spawn().unwrap();
    while server.requests().iter().all(|request| request.path != "/v1/transit/keys/models") {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(end(child, "-TERM").signal(), Some(15));
    drop(reader);
}

#[test]
fn elsewhere_signals_do_what_they_always_do() {
    let directory = signed();
    let mut child = listening(directory.path(), &["inspect", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(100));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}

#[test]
fn t09_what_would_hang_is_refused() {
    let directory = signed();
    let at = directory.path();
    let fifo = at.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for arguments in [
        &["verify", "m", "--key", "fifo"][..],
        &["verify", "m", "--key", "k.pub.pem", "--bundle", "fifo"],
        &["verify", "fifo", "--key", "k.pub.pem"],
        &["verify", "m", "--certificate-chain", "fifo"],
        &["sign", "m", "--key", "fifo"],
        &["sign", "fifo", "--key", "k.pem"],
        &["inspect", "fifo"],
        &["keys", "show", "fifo"],
        &["digest", "fifo"],
    ] {
        let ended = output(at, arguments);
        assert_eq!(ended.status.code(), Some(3), "{arguments:?}: {}", stderr(&ended));
        assert!(stderr(&ended).contains("[input/special-file]"), "{}", stderr(&ended));
    }
    // As a signature to write, a FIFO is somebody else's.
    let ended = output(at, &["sign", "m", "--key", "k.pem", "--bundle", "fifo"]);
    assert!(stderr(&ended).contains("[output/exists]"), "{}", stderr(&ended));
    drop(OpenOptions::new().read(true).custom_flags(0o4000).open(&fifo).unwrap());
}

#[test]
fn the_standard_input_is_capped() {
    let directory = signed();
    let mut zeros = Command::new("head").args(["-c", "134217729", "/dev/zero"]).stdout(Stdio::piped()).spawn().unwrap();
    let ended = modelseal(directory.path(), &["inspect", "-"]).stdin(zeros.stdout.take().unwrap()).output().unwrap();
    zeros.wait().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(stderr(&ended).contains("larger than the limit"), "{}", stderr(&ended));
}

#[test]
fn t21_no_check_is_weakened_by_the_environment() {
    let directory = signed();
    let at = directory.path();
    fs::write(at.join("m/evil.py"), "x").unwrap();
    let mut command = modelseal(at, &["verify", "m", "--key", "k.pub.pem"]);
    for name in ["DANGER_IGNORE_UNSIGNED_FILES", "DANGER_IGNORE", "ANY_MODEL", "ONLY", "KEY", "FORMAT"] {
        command.env(format!("MODELSEAL_{name}"), "true");
    }
    let ended = command.output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(stderr(&ended).contains("[artifact/unexpected]"), "{}", stderr(&ended));
}

#[test]
fn passphrases_stay_out_of_every_output() {
    let directory = signed();
    let at = directory.path();
    fs::write(at.join("pass"), "correct-horse\n").unwrap();
    let file = ["--key-passphrase-file", "pass"];
    for arguments in [
        &["keys", "generate", "e.pem"][..],
        &["keys", "show", "e.pem"],
        &["keys", "export", "e.pem"],
        &["sign", "m", "--key", "e.pem", "-vvv"],
        &["keys", "show", "k.pem", "--format", "json"],
    ] {
        let ended = output(at, &[arguments, &file].concat());
        assert!(ended.status.success(), "{arguments:?}: {}", stderr(&ended));
        let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
        assert!(!said.contains("correct-horse") && !said.contains("PRIVATE KEY-"), "{said}");
    }
    let mut text = String::new();
    File::open(at.join("e.pem")).unwrap().read_to_string(&mut text).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{text}");
}

#[test]
fn many_models_come_out_in_order() {
    let directory = signed();
    let at = directory.path();
    let mut names = Vec::new();
    for number in 0..60 {
        let name = format!("hub/{number:03}");
        fs::create_dir_all(at.join(&name)).unwrap();
        fs::copy(at.join("m/w.bin"), at.join(&name).join("w.bin")).unwrap();
        fs::copy(at.join("m/model.sig"), at.join(&name).join("model.sig")).unwrap();
        names.push(name);
    }
    fs::write(at.join("hub/017/w.bin"), "x").unwrap();
    for jobs in ["1", "2", "16"] {
        let arguments = ["verify", "--recursive", "hub", "--key", "k.pub.pem", "--any-model", "--jobs", jobs];
        let ended = output(at, &arguments);
        assert_eq!(ended.status.code(), Some(1), "{}", stderr(&ended));
        let text = String::from_utf8(ended.stdout).unwrap();
        let listed: Vec<&str> =
            text.lines().filter_map(|line| line.split("  ").find(|word| word.starts_with("hub/"))).collect();
        assert_eq!(listed, names, "--jobs {jobs}");
        assert!(text.contains("60 results: 59 verified, 1 refused, 0 undecided"), "{text}");
    }
}
