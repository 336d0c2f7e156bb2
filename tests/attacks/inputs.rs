//! Bad inputs and outputs that need no attacker.

use std::ffi::OsStr;
use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::support::{
    Sandbox, TEST_KEYS, as_nobody, assert_tame, key, modelseal, payload, run, set_mode, sign, vector, verify,
    verify_trusting,
};

#[test]
fn no_such_model() {
    let sandbox = Sandbox::empty();
    run(&mut sign(sandbox.at("absent"), "p256.pem")).refused(3, "input/not-found");
    run(&mut verify(sandbox.at("absent"), "p256.pub.pem")).refused(3, "input/not-found");
    sandbox.symlink("nowhere", "broken");
    run(&mut sign(sandbox.at("broken"), "p256.pem")).refused(3, "input/not-found");
}

#[test]
fn no_signature() {
    let sandbox = Sandbox::unsigned();
    run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/unsigned");
}

#[test]
fn no_key_file() {
    let sandbox = Sandbox::signed();
    run(&mut verify_trusting(sandbox.model(), "--key", sandbox.at("absent"))).refused(3, "input/not-found");
    run(&mut verify_trusting(sandbox.model(), "--certificate-chain", sandbox.at("absent")))
        .refused(3, "input/not-found");
}

#[test]
fn nothing_trusted() {
    let sandbox = Sandbox::signed();
    let run = run(modelseal().arg("verify").arg(sandbox.model()).args(["--format", "json"]));
    assert_eq!(run.status, Some(2), "{}", run.text());
}

#[test]
fn empty_model() {
    let sandbox = Sandbox::empty();
    fs::create_dir(sandbox.at("model")).unwrap();
    run(&mut sign(sandbox.model(), "p256.pem")).refused(3, "input/empty");
    fs::create_dir_all(sandbox.at("model/a/b")).unwrap();
    run(&mut sign(sandbox.model(), "p256.pem")).refused(3, "input/empty");
    sandbox.write("model/.git/HEAD", b"x");
    run(&mut sign(sandbox.model(), "p256.pem")).refused(3, "input/empty");
    sandbox.write("model/a/x", b"x");
    run(sign(sandbox.model(), "p256.pem").args(["--ignore", "a"])).refused(3, "input/empty");
    assert!(!sandbox.at("model/model.sig").exists());
}

#[test]
fn unreadable() {
    let sandbox = Sandbox::signed();
    let secret = sandbox.write("secret/w.bin", b"x");
    set_mode(&sandbox.at("secret"), 0o000);
    run(&mut as_nobody(&sandbox, &sign(sandbox.at("secret"), "p256.pem"))).refused(3, "input/unreadable");
    // Writable, so that only the file stands in the way.
    set_mode(&sandbox.at("secret"), 0o777);
    set_mode(&secret, 0o000);
    run(&mut as_nobody(&sandbox, &sign(sandbox.at("secret"), "p256.pem"))).refused(3, "input/unreadable");
    for (path, mode) in [("model/w/0.bin", 0o644), ("model/w", 0o755), ("model/model.sig", 0o644)] {
        set_mode(&sandbox.at(path), 0o000);
        let command = as_nobody(&sandbox, &verify(sandbox.model(), "p256.pub.pem"));
        run(&mut { command }).refused(3, "input/unreadable");
        set_mode(&sandbox.at(path), mode);
    }
    run(&mut as_nobody(&sandbox, &verify(sandbox.model(), "p256.pub.pem"))).accepted();
}

#[test]
fn special_files_are_not_signed() {
    let sandbox = Sandbox::unsigned();
    let fifo = sandbox.fifo("model/fifo");
    run(&mut sign(sandbox.model(), "p256.pem")).refused(3, "input/special-file");
    run(sign(sandbox.model(), "p256.pem").args(["--ignore", "fifo"])).accepted();
    fs::remove_file(fifo).unwrap();

    let sandbox = Sandbox::unsigned();
    let _socket = UnixListener::bind(sandbox.at("model/socket")).unwrap();
    run(&mut sign(sandbox.model(), "p256.pem")).refused(3, "input/special-file");
    run(&mut sign("/dev/null", "p256.pem")).refused(3, "input/special-file");
}

#[test]
fn links_are_not_signed() {
    let link = |target: &str, path: &str, allowed: bool| {
        let sandbox = Sandbox::unsigned();
        sandbox.write("outside.bin", b"x");
        sandbox.symlink(target, path);
        let mut command = sign(sandbox.model(), "p256.pem");
        if allowed {
            command.arg("--danger-allow-symlinks");
        }
        (run(&mut command), sandbox)
    };
    for (target, path) in [
        ("config.json", "model/link"),
        ("../outside.bin", "model/link"),
        ("/etc/hostname", "model/link"),
        ("nowhere", "model/link"),
        ("link", "model/link"),
        ("w", "model/link"),
        ("..", "model/w/up"),
    ] {
        link(target, path, false).0.refused(3, "input/symlink");
        let (allowed, sandbox) = link(target, path, true);
        if target == "config.json" {
            allowed.accepted();
            run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/symlink");
            run(verify(sandbox.model(), "p256.pub.pem").arg("--danger-allow-symlinks")).accepted();
        } else {
            allowed.refused(3, "input/symlink");
            assert!(!sandbox.at("model/model.sig").exists());
        }
    }
    let (ignored, _sandbox) = {
        let sandbox = Sandbox::unsigned();
        sandbox.symlink("/etc", "model/link");
        (run(sign(sandbox.model(), "p256.pem").args(["--ignore", "link"])), sandbox)
    };
    ignored.accepted();
}

#[test]
fn loops_of_links_end() {
    let sandbox = Sandbox::unsigned();
    sandbox.symlink("b", "model/a");
    sandbox.symlink("a", "model/b");
    sandbox.symlink("../..", "model/w/up");
    run(sign(sandbox.model(), "p256.pem").arg("--danger-allow-symlinks")).refused(3, "input/symlink");
}

#[test]
fn odd_names_are_signed() {
    let long = "x".repeat(255);
    let sandbox = Sandbox::unsigned();
    let names =
        ["new\nline", "\x01control", " ", "-rf", "~", "a\\b", "a:1:2", "*", "e\u{301}", "\u{e9}", long.as_str()];
    for name in names {
        sandbox.write(Path::new("model").join(name), name.as_bytes());
    }
    let deep: PathBuf = std::iter::repeat_n("d", 100).collect();
    sandbox.write(Path::new("model").join(deep).join(&long), b"deep");
    let signed = run(&mut sign(sandbox.model(), "p256.pem"));
    signed.accepted();
    assert_tame(&signed);
    run(&mut verify(sandbox.model(), "p256.pub.pem")).accepted();
    let listed = payload(&sandbox.at("model/model.sig"));
    assert_eq!(listed["predicate"]["resources"].as_array().unwrap().len(), names.len() + 3);
}

#[test]
fn names_that_are_not_utf_8_are_refused() {
    let name = OsStr::from_bytes(b"bad\xff\x1bname");
    let sandbox = Sandbox::unsigned();
    sandbox.write(Path::new("model").join(name), b"x");
    let refused = run(&mut sign(sandbox.model(), "p256.pem"));
    refused.refused(3, "input/name");
    assert_tame(&refused);

    let sandbox = Sandbox::signed();
    sandbox.write(Path::new("model").join(name), b"x");
    let refused = run(&mut verify(sandbox.model(), "p256.pub.pem"));
    refused.refused(1, "artifact/unexpected");
    assert_tame(&refused);
    let refused = run(&mut verify(sandbox.at(name), "p256.pub.pem"));
    refused.refused(3, "input/not-found");
    assert_tame(&refused);
}

/// A tree deeper than any path may be long. It is built and taken apart by moving, as no path reaches its bottom.
struct Deep<'a> {
    sandbox: &'a Sandbox,
    levels: usize,
}

impl<'a> Deep<'a> {
    fn new(sandbox: &'a Sandbox, levels: usize) -> Self {
        let deep = Self { sandbox, levels };
        sandbox.write("top/file", b"deep");
        for _ in 0..levels {
            fs::create_dir(sandbox.at("next")).unwrap();
            fs::rename(sandbox.at("top"), sandbox.at("next/d")).unwrap();
            fs::rename(sandbox.at("next"), sandbox.at("top")).unwrap();
        }
        deep
    }
}

impl Drop for Deep<'_> {
    fn drop(&mut self) {
        let at = |path: &str| self.sandbox.at(path);
        let _ = fs::rename(at("model/deep"), at("top"));
        for _ in 0..self.levels {
            let _ = fs::rename(at("top/d"), at("next"));
            let _ = fs::remove_dir_all(at("top"));
            let _ = fs::rename(at("next"), at("top"));
        }
    }
}

#[test]
fn a_tree_of_4000_directories_ends_cleanly() {
    let sandbox = Sandbox::signed();
    let _deep = Deep::new(&sandbox, 4000);
    fs::rename(sandbox.at("top"), sandbox.at("model/deep")).unwrap();
    let signed = run(&mut sign(sandbox.model(), "p256.pem"));
    assert_eq!(signed.status, Some(3), "{}", signed.text());
    assert!(signed.json()["code"].as_str().unwrap().starts_with("input/"), "{}", signed.text());
    let verified = run(&mut verify(sandbox.model(), "p256.pub.pem"));
    assert!(matches!(verified.status, Some(1 | 3)), "{}", verified.text());
}

#[test]
fn keys_of_the_wrong_half() {
    let sandbox = Sandbox::signed();
    for name in ["p256.pem", "p256-sec1.pem", "p256-encrypted.pem", "cert-leaf-p256.pem"] {
        run(&mut verify(sandbox.model(), name)).refused(2, "key/wrong-form");
    }
    for name in ["p256.pub.pem", "cert-leaf-p256.pem"] {
        run(&mut sign(sandbox.model(), name)).refused(2, "key/wrong-form");
    }
    run(&mut verify_trusting(sandbox.model(), "--certificate-chain", key("p256.pub.pem"))).refused(2, "key/wrong-form");
    for name in ["p224", "secp256k1"] {
        run(&mut verify(sandbox.model(), &format!("{name}.pub.pem"))).refused(2, "key/unsupported");
        run(&mut sign(sandbox.model(), &format!("{name}.pem"))).refused(2, "key/unsupported");
    }
    run(&mut sign(sandbox.model(), "p256-encrypted.pem")).refused(2, "key/passphrase");
}

#[test]
fn encrypted_keys_open_with_their_passphrase_only() {
    let sandbox = Sandbox::unsigned();
    let with = |passphrase: &str| {
        let mut command = sign(sandbox.model(), "p256-encrypted.pem");
        run(command.env("KEY_PASSPHRASE", passphrase).args(["--key-passphrase-env", "KEY_PASSPHRASE"]))
    };
    let wrong = with("wrong-passphrase");
    wrong.refused(2, "key/passphrase");
    assert!(!wrong.text().contains("wrong-passphrase"));
    with("test").accepted();
    run(&mut verify(sandbox.model(), "p256.pub.pem")).accepted();
}

#[test]
fn output_that_cannot_be_written() {
    let sandbox = Sandbox::unsigned();
    let bundle = |path: &Path| run(sign(sandbox.model(), "p256.pem").arg("--bundle").arg(path));
    bundle(&sandbox.at("absent/model.sig")).refused(2, "output/unwritable");
    let sealed = sandbox.at("sealed");
    fs::create_dir(&sealed).unwrap();
    set_mode(&sealed, 0o555);
    let mut command = sign(sandbox.model(), "p256.pem");
    command.arg("--bundle").arg(sealed.join("model.sig"));
    run(&mut as_nobody(&sandbox, &command)).refused(2, "output/unwritable");
    set_mode(&sealed, 0o755);
    assert!(sandbox.names("sealed").is_empty());
}

#[test]
fn output_without_room() {
    // No file may grow: every write fails, as on a full disk. The signal that would end the process is ignored.
    let sandbox = Sandbox::unsigned();
    fs::create_dir(sandbox.at("full")).unwrap();
    let signing = sign(sandbox.model(), "p256.pem");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$@\"", "sh"]).arg(signing.get_program());
    command.args(signing.get_args()).arg("--bundle").arg(sandbox.at("full/model.sig")).stdin(Stdio::null());
    run(&mut command).refused(2, "output/unwritable");
    assert!(sandbox.names("full").is_empty(), "{:?}", sandbox.names("full"));
}

#[test]
fn nothing_but_a_bundle_is_replaced() {
    for content in [&b"notes"[..], b"", b"{}", &fs::read(key("p256.pem")).unwrap()] {
        let sandbox = Sandbox::unsigned();
        let path = sandbox.write("precious", content);
        run(sign(sandbox.model(), "p256.pem").arg("--bundle").arg(&path)).refused(2, "output/exists");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    let sandbox = Sandbox::unsigned();
    fs::create_dir(sandbox.at("directory")).unwrap();
    let outcome = run(sign(sandbox.model(), "p256.pem").arg("--bundle").arg(sandbox.at("directory")));
    assert_eq!(outcome.status, Some(2), "{}", outcome.text());
    let outcome = run(sign(sandbox.model(), "p256.pem").arg("--bundle").arg("/dev/full"));
    assert_eq!(outcome.status, Some(2), "{}", outcome.text());

    let sandbox = Sandbox::signed();
    sandbox.write("model/w/0.bin", b"other");
    run(&mut sign(sandbox.model(), "p256.pem")).accepted();
    run(&mut verify(sandbox.model(), "p256.pub.pem")).accepted();
}

#[test]
fn a_bundle_is_not_written_through_a_link() {
    let sandbox = Sandbox::unsigned();
    let precious = sandbox.write("precious", b"notes");
    sandbox.symlink("precious", "model.sig");
    let outcome = run(sign(sandbox.model(), "p256.pem").arg("--bundle").arg(sandbox.at("model.sig")));
    assert_eq!(outcome.status, Some(2), "{}", outcome.text());
    assert_eq!(fs::read(precious).unwrap(), b"notes");
}

#[test]
fn a_signing_that_is_killed_leaves_the_old_bundle() {
    let sandbox = Sandbox::signed();
    let before = fs::read(sandbox.at("model/model.sig")).unwrap();
    sandbox.sparse("model/big.bin", 64 << 30);
    let names = sandbox.names("model");
    let mut child = sign(sandbox.model(), "p256.pem").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "signing was over before it could be killed");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(fs::read(sandbox.at("model/model.sig")).unwrap(), before);
    assert_eq!(sandbox.names("model"), names);
}

#[test]
fn a_signing_that_is_interrupted_says_so() {
    let sandbox = Sandbox::unsigned();
    sandbox.sparse("model/big.bin", 64 << 30);
    for (signal, status) in [("-INT", 130), ("-TERM", 143)] {
        let mut child = sign(sandbox.model(), "p256.pem").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(300));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(status), "{signal}");
        assert!(!sandbox.at("model/model.sig").exists());
    }
}

#[test]
fn a_bundle_of_a_gigabyte_is_refused_at_once() {
    let sandbox = Sandbox::unsigned();
    let bundle = sandbox.sparse("huge.sig", 1 << 30);
    let check = || {
        let refused = run(verify(sandbox.model(), "p256.pub.pem").arg("--bundle").arg(&bundle));
        refused.refused(1, "format/malformed");
        assert!(refused.took < Duration::from_secs(5), "took {:?}", refused.took);
    };
    check();
    // The same with a good bundle in front of a gigabyte of nothing.
    let mut file = fs::OpenOptions::new().write(true).open(&bundle).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.write_all(&fs::read(vector("bundle/compact/model.sig")).unwrap()).unwrap();
    check();
}

#[test]
fn key_files_of_a_gigabyte_are_refused_at_once() {
    let sandbox = Sandbox::signed();
    let huge = sandbox.sparse("huge.pem", 1 << 30);
    for option in ["--key", "--certificate-chain"] {
        let refused = run(&mut verify_trusting(sandbox.model(), option, &huge));
        assert_eq!(refused.status, Some(2), "{}", refused.text());
        assert!(refused.took < Duration::from_secs(5), "took {:?}", refused.took);
    }
}

#[test]
fn ignored_paths_stay_inside_the_model() {
    let sandbox = Sandbox::unsigned();
    sandbox.write("outside", b"x");
    let absolute = sandbox.at("outside").display().to_string();
    for path in ["../outside", "w/../../outside", ".", "", "/", "*.bin", "w/?", "[w]", absolute.as_str()] {
        let refused = run(sign(sandbox.model(), "p256.pem").args(["--ignore", path]));
        refused.refused(2, "usage/ignore-path");
    }
    run(sign(sandbox.model(), "p256.pem").args(["--ignore", "w"])).accepted();
    assert_eq!(payload(&sandbox.at("model/model.sig"))["predicate"]["resources"].as_array().unwrap().len(), 1);
}

#[test]
fn signing_twice_gives_the_same_payload() {
    let sandbox = Sandbox::signed();
    let first = payload(&sandbox.at("model/model.sig"));
    run(&mut sign(sandbox.model(), "p256.pem")).accepted();
    assert_eq!(payload(&sandbox.at("model/model.sig")), first);
}

#[test]
fn names_given_by_the_caller_are_checked() {
    let sandbox = Sandbox::unsigned();
    let long = "x".repeat(256);
    for name in ["", ".", "..", "a/../b", "/a", "a/", "a//b", "a b", "a\nb", "é", long.as_str()] {
        run(sign(sandbox.model(), "p256.pem").args(["--name", name])).refused(2, "usage/name");
    }
    run(sign(sandbox.model(), "p256.pem").args(["--name", "acme/llama-3.1_8B"])).accepted();
}

#[test]
fn no_argument_is_a_panic() {
    for arguments in
        [&[][..], &["verify"], &["sign"], &["verify", ""], &["sign", "", "--key", ""], &["--format"], &["nonsense"]]
    {
        let outcome = run(modelseal().args(arguments).arg(TEST_KEYS));
        assert!(
            outcome.status.is_some_and(|status| status != 0 && status != 70 && status != 101),
            "{arguments:?}: {}",
            outcome.text()
        );
    }
    let outcome = run(modelseal()
        .arg("verify")
        .arg(OsStr::from_bytes(b"\xff\x1b[31m"))
        .arg("--key")
        .arg(OsStr::from_bytes(b"\xfe")));
    assert!(outcome.status.is_some_and(|status| status != 0 && status != 70 && status != 101), "{}", outcome.text());
    assert_tame(&outcome);
}
