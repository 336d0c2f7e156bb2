//! The reference tool and modelseal on the same models, in both directions.
//!
//! It is `model_signing` 1.1.1, a Python program: `MODELSEAL_TEST_MODEL_SIGNING` names it, else `make interop-venv`
//! installs it below `.cache/`. Without it these tests fail: interoperability that nobody looked at is none.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

#[path = "attestations.rs"]
mod attestations;
#[path = "../support/mod.rs"]
mod support;

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};
use support::{
    Run, Sandbox, TEST_KEYS, key, model_signing, modelseal, payload, run, sign, verify, verify_trusting, workspace,
};

/// The reference tool, started once: see `peer.py`.
struct Peer {
    _child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> Self {
        let mut child = Command::new(peer_python())
            .arg(workspace().join("tests/interop/peer.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the Python of model_signing starts");
        let requests = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { _child: child, requests, answers }
    }

    fn ask(&mut self, directory: &Path, arguments: &[String]) -> Value {
        let request = json!({"args": arguments, "cwd": directory});
        writeln!(self.requests, "{request}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).expect("model_signing 1.1.1 imports: install it with 'sigstore<4.5.1'")
    }
}

/// The Python that has the reference tool installed.
fn peer_python() -> PathBuf {
    let script = model_signing();
    let text = fs::read_to_string(&script).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; MODELSEAL_TEST_MODEL_SIGNING must name the model_signing of a virtual environment",
            script.display()
        )
    });
    let beside = script.with_file_name("python");
    if beside.exists() {
        return beside;
    }
    let interpreter = text.lines().next().and_then(|line| line.strip_prefix("#!"));
    PathBuf::from(interpreter.expect("the script of model_signing names its interpreter").trim())
}

/// Whether the reference tool ends with 0, and what it printed.
fn peer(directory: &Path, arguments: &[String]) -> (bool, String) {
    static PEER: OnceLock<Mutex<Peer>> = OnceLock::new();
    let answer = {
        let mut peer = PEER.get_or_init(|| Mutex::new(Peer::start())).lock().unwrap();
        peer.ask(directory, arguments)
    };
    (answer["status"] == 0, format!("{}{}", answer["stdout"].as_str().unwrap(), answer["stderr"].as_str().unwrap()))
}

/// One argument list, given as words; `{keys}` stands for the directory of keys.
fn words(line: &str) -> Vec<String> {
    let keys = key("").display().to_string();
    line.split_whitespace().map(|word| word.replace("{keys}", keys.trim_end_matches('/'))).collect()
}

#[track_caller]
fn peer_accepts(sandbox: &Sandbox, line: &str) {
    let (accepted, text) = peer(sandbox.path(), &words(line));
    assert!(accepted, "model_signing {line}\n{text}");
}

#[track_caller]
fn peer_refuses(sandbox: &Sandbox, line: &str) {
    let (accepted, text) = peer(sandbox.path(), &words(line));
    assert!(!accepted, "model_signing {line}\n{text}");
}

/// The same words for modelseal.
fn ours(sandbox: &Sandbox, line: &str) -> Run {
    run(modelseal().current_dir(sandbox.path()).args(words(line)).arg(TEST_KEYS))
}

/// A tree with everything that a name or a layout may hold.
fn rich() -> Sandbox {
    let sandbox = Sandbox::unsigned();
    let names = [
        "Z-upper.txt",
        "a.txt",
        "a/x",
        "a-b/x",
        "sub/deep/er/tensor.bin",
        "sub/.gitattributes",
        "empty.bin",
        "new\nline",
        "tab\t",
        "quote\"'",
        "back\\slash",
        "colon:1:2",
        " lead",
        "trail ",
        "\x01control",
        "<&>\u{2028}\u{7f}",
        "\u{ff5e}.txt",
        "\u{1f600}.txt",
        "e\u{301}-nfd",
        "\u{e9}-nfc",
        "d/..x/...",
        "*",
        "[set]",
        "-rf",
    ];
    for name in names {
        sandbox.write(Path::new("model").join(name), if name == "empty.bin" { b"" } else { name.as_bytes() });
    }
    for name in [".gitattributes", ".gitignore", ".git/HEAD", ".github/x.yml"] {
        sandbox.write(Path::new("model").join(name), b"not signed\n");
    }
    sandbox.write("model/ignored/x", b"not signed\n");
    sandbox
}

const CURVES: [&str; 3] = ["p256", "p384", "p521"];

#[test]
fn the_reference_tool_verifies_ours() {
    for curve in CURVES {
        for (bundle, model) in [("model/model.sig", "model"), ("outside.sig", "model")] {
            let sandbox = rich();
            let mut command = sign(sandbox.model(), &format!("{curve}.pem"));
            run(command.args(["--ignore", "ignored"]).arg("--bundle").arg(sandbox.at(bundle))).accepted();
            let line = format!("verify key {model} --signature {bundle} --public_key {{keys}}/{curve}.pub.pem");
            peer_accepts(&sandbox, &line);
            sandbox.write("model/.git/HEAD", b"changed, still not signed\n");
            peer_accepts(&sandbox, &line);
        }
    }
}

#[test]
fn ours_verifies_the_reference_tool_s() {
    for curve in CURVES {
        for bundle in ["model/model.sig", "outside.sig"] {
            let sandbox = rich();
            peer_accepts(
                &sandbox,
                &format!(
                    "sign key model --signature {bundle} --private_key {{keys}}/{curve}.pem --ignore-paths model/ignored"
                ),
            );
            let check =
                || run(verify(sandbox.model(), &format!("{curve}.pub.pem")).arg("--bundle").arg(sandbox.at(bundle)));
            let json = check().accepted();
            let uncovered = json["results"][0]["uncovered"].as_array().unwrap();
            let names: Vec<_> = uncovered.iter().map(|uncovered| uncovered["name"].as_str().unwrap()).collect();
            assert_eq!(names, [".git", ".gitattributes", ".github", ".gitignore", "ignored"]);
            sandbox.write("model/a/x", b"changed");
            check().refused(1, "artifact/modified");
        }
    }
}

#[test]
fn both_refuse_what_was_altered() {
    for ours_signs in [true, false] {
        let altered = |change: &dyn Fn(&Sandbox), code: &str| {
            let sandbox = Sandbox::unsigned();
            if ours_signs {
                run(&mut sign(sandbox.model(), "p256.pem")).accepted();
            } else {
                peer_accepts(&sandbox, "sign key model --signature model/model.sig --private_key {keys}/p256.pem");
            }
            let line = "verify key model --signature model/model.sig --public_key {keys}/p256.pub.pem";
            peer_accepts(&sandbox, line);
            run(&mut verify(sandbox.model(), "p256.pub.pem")).accepted();
            change(&sandbox);
            peer_refuses(&sandbox, line);
            run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, code);
        };
        altered(&|sandbox| drop(sandbox.write("model/w/0.bin", b"abcD")), "artifact/modified");
        altered(&|sandbox| drop(sandbox.write("model/w/0.bin", b"abc")), "artifact/modified");
        altered(&|sandbox| drop(sandbox.write("model/w/0.bin", b"abcde")), "artifact/modified");
        altered(&|sandbox| drop(sandbox.write("model/extra", b"x")), "artifact/unexpected");
        altered(&|sandbox| fs::remove_file(sandbox.at("model/w/0.bin")).unwrap(), "artifact/missing");
        altered(&|sandbox| fs::rename(sandbox.at("model/w"), sandbox.at("model/v")).unwrap(), "artifact/missing");
        altered(&|sandbox| sandbox.symlink("config.json", "model/link"), "artifact/symlink");
        let flip = |sandbox: &Sandbox| {
            let path = sandbox.at("model/model.sig");
            let text = fs::read_to_string(&path).unwrap();
            let start = text.find("\"payload\":\"").unwrap() + 40;
            let other = if &text[start..=start] == "A" { "B" } else { "A" };
            fs::write(&path, format!("{}{other}{}", &text[..start], &text[start + 1..])).unwrap();
        };
        altered(&flip, "signature/invalid");
    }
}

#[test]
fn a_single_file_both_ways() {
    let sandbox = Sandbox::empty();
    let file = sandbox.write("weights.bin", b"weights");
    let line = "verify key weights.bin --signature weights.bin.sig --public_key {keys}/p256.pub.pem";
    run(&mut sign(&file, "p256.pem")).accepted();
    peer_accepts(&sandbox, line);
    fs::remove_file(sandbox.at("weights.bin.sig")).unwrap();
    peer_accepts(&sandbox, "sign key weights.bin --signature weights.bin.sig --private_key {keys}/p256.pem");
    run(&mut verify(&file, "p256.pub.pem")).accepted();
    sandbox.write("weights.bin", b"Weights");
    peer_refuses(&sandbox, line);
    run(&mut verify(&file, "p256.pub.pem")).refused(1, "artifact/modified");
}

#[test]
fn links_inside_the_model_both_ways() {
    let allow = "--danger-allow-symlinks";
    for ours_signs in [true, false] {
        let sandbox = Sandbox::unsigned();
        sandbox.symlink("w/0.bin", "model/link.bin");
        if ours_signs {
            run(sign(sandbox.model(), "p256.pem").arg(allow)).accepted();
        } else {
            let line = "sign key model --allow_symlinks --signature model/model.sig --private_key {keys}/p256.pem";
            peer_accepts(&sandbox, line);
        }
        let line = "verify key model --signature model/model.sig --public_key {keys}/p256.pub.pem";
        peer_refuses(&sandbox, line);
        peer_accepts(&sandbox, &format!("{line} --allow_symlinks"));
        run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/symlink");
        run(verify(sandbox.model(), "p256.pub.pem").arg(allow)).accepted();
    }
}

#[test]
fn certificates_both_ways() {
    let peer_line = "verify certificate model --signature model/model.sig --certificate_chain {keys}/cert-root.pem";
    let check =
        |sandbox: &Sandbox| run(&mut verify_trusting(sandbox.model(), "--certificate-chain", key("cert-root.pem")));
    for ours_signs in [true, false] {
        let sandbox = Sandbox::unsigned();
        if ours_signs {
            let mut command = sign(sandbox.model(), "p256.pem");
            command.arg("--certificate").arg(key("cert-leaf-p256.pem"));
            run(command.arg("--certificate-chain").arg(key("cert-int.pem"))).accepted();
        } else {
            peer_accepts(
                &sandbox,
                "sign certificate model --signature model/model.sig --private_key {keys}/p256.pem \
                 --signing_certificate {keys}/cert-leaf-p256.pem --certificate_chain {keys}/cert-int.pem",
            );
        }
        peer_accepts(&sandbox, peer_line);
        check(&sandbox).accepted();
        peer_refuses(&sandbox, "verify key model --signature model/model.sig --public_key {keys}/p256.pub.pem");
        run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "signature/wrong-method");
        sandbox.write("model/w/0.bin", b"abcD");
        peer_refuses(&sandbox, peer_line);
        check(&sandbox).refused(1, "artifact/modified");
    }
}

#[test]
fn the_private_key_must_be_the_certificate_s() {
    let sandbox = Sandbox::unsigned();
    let mut command = sign(sandbox.model(), "p256-other.pem");
    command.arg("--certificate").arg(key("cert-leaf-p256.pem"));
    run(command.arg("--certificate-chain").arg(key("cert-int.pem"))).refused(2, "key/mismatch");
    assert!(!sandbox.at("model/model.sig").exists());
}

#[test]
fn the_fields_that_only_we_write_disturb_nobody() {
    let sandbox = Sandbox::signed();
    let statement = payload(&sandbox.at("model/model.sig"));
    let sizes: Vec<_> =
        statement["predicate"]["resources"].as_array().unwrap().iter().map(|item| item["size"].as_u64()).collect();
    assert_eq!(sizes, [Some(3), Some(4)], "{statement}");
    let ignored = &statement["predicate"]["serialization"]["ignore_paths"];
    assert_eq!(
        ignored,
        &json!([".git", ".gitattributes", ".github", ".gitignore", "model.attestations.jsonl", "model.sig"])
    );
    peer_accepts(&sandbox, "verify key model --signature model/model.sig --public_key {keys}/p256.pub.pem");
}

#[test]
fn resources_are_in_code_point_order() {
    let sandbox = rich();
    run(&mut sign(sandbox.model(), "p256.pem")).accepted();
    let statement = payload(&sandbox.at("model/model.sig"));
    let resources = statement["predicate"]["resources"].as_array().unwrap();
    let names: Vec<_> = resources.iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
}

/// A model, its bundle at `model.sig` made by the reference tool, and what the argument lists below talk about.
fn grammar_sandbox(signing: &str) -> Sandbox {
    let sandbox = Sandbox::unsigned();
    sandbox.write("model/notes/x", b"x");
    sandbox.write("model/.gitignore", b"x");
    peer_accepts(&sandbox, signing);
    sandbox
}

const SIGN_KEY: &str = "sign key model --signature model.sig --private_key {keys}/p256.pem";
const SIGN_CERTIFICATE: &str = "sign certificate model --signature model.sig --private_key {keys}/p256.pem \
    --signing_certificate {keys}/cert-leaf-p256.pem --certificate_chain {keys}/cert-int.pem";
const VERIFY_KEY: &str = "verify key model --signature model.sig --public_key {keys}/p256.pub.pem";
const VERIFY_CERTIFICATE: &str =
    "verify certificate model --signature model.sig --certificate_chain {keys}/cert-root.pem";

/// Both programs get the same words about copies of the same model; both must succeed, or neither.
#[track_caller]
fn agree(sandbox: &Sandbox, line: &str, expected: bool) {
    let (accepted, text) = peer(sandbox.path(), &words(line));
    assert_eq!(accepted, expected, "model_signing {line}\n{text}");
    let run = ours(sandbox, line);
    assert_eq!(run.status == Some(0), expected, "modelseal {line}\nstatus {:?}\n{}", run.status, run.text());
    assert!(run.status.is_some_and(|status| status != 70 && status != 101), "{}", run.text());
}

#[test]
fn verify_key_takes_the_words_of_the_reference_tool() {
    let sandbox = grammar_sandbox(SIGN_KEY);
    agree(&sandbox, VERIFY_KEY, true);
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore-git-paths --no-ignore_unsigned_files"), true);
    agree(&sandbox, &VERIFY_KEY.replace("p256", "p384"), false);
    agree(&sandbox, &VERIFY_KEY.replace("model.sig", "absent.sig"), false);
    agree(&sandbox, &VERIFY_KEY.replace("key model", "key absent"), false);
    agree(&sandbox, &VERIFY_KEY.replace("p256.pub.pem", "absent.pem"), false);
    agree(&sandbox, "verify key model --signature model.sig", false);
    agree(&sandbox, "verify key model --public_key {keys}/p256.pub.pem", false);
    agree(&sandbox, &format!("{VERIFY_KEY} --no-such-option"), false);
    agree(
        &sandbox,
        &format!("verify key --public_key {{keys}}/p256.pub.pem --signature model.sig {}", sandbox.model().display()),
        true,
    );
    agree(&sandbox, VERIFY_CERTIFICATE, false);

    sandbox.write("model/extra", b"x");
    agree(&sandbox, VERIFY_KEY, false);
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore_unsigned_files"), true);
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore_unsigned_files --no-ignore_unsigned_files"), false);
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore-paths model/extra"), true);
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore-paths {}", sandbox.at("model/extra").display()), true);
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore-paths extra"), false);

    sandbox.write("model/w/0.bin", b"abcD");
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore_unsigned_files"), false);
    fs::remove_file(sandbox.at("model/w/0.bin")).unwrap();
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore_unsigned_files"), false);
    sandbox.symlink("../../away", "model/w/0.bin");
    agree(&sandbox, &format!("{VERIFY_KEY} --ignore_unsigned_files"), false);
}

#[test]
fn signed_options_are_remembered() {
    let sandbox = grammar_sandbox(&format!("{SIGN_KEY} --ignore-paths model/notes"));
    agree(&sandbox, VERIFY_KEY, true);
    sandbox.write("model/notes/y", b"y");
    agree(&sandbox, VERIFY_KEY, true);

    let sandbox = grammar_sandbox(&format!("{SIGN_KEY} --no-ignore-git-paths"));
    agree(&sandbox, &format!("{VERIFY_KEY} --no-ignore-git-paths"), true);
    sandbox.write("model/.gitignore", b"y");
    agree(&sandbox, &format!("{VERIFY_KEY} --no-ignore-git-paths"), false);
}

#[test]
fn links_take_the_words_of_the_reference_tool() {
    let sandbox = Sandbox::unsigned();
    sandbox.symlink("config.json", "model/link");
    agree(&sandbox, SIGN_KEY, false);
    agree(&sandbox, &format!("{SIGN_KEY} --allow_symlinks"), true);
    agree(&sandbox, VERIFY_KEY, false);
    agree(&sandbox, &format!("{VERIFY_KEY} --allow_symlinks"), true);
}

#[test]
fn verify_certificate_takes_the_words_of_the_reference_tool() {
    let sandbox = grammar_sandbox(SIGN_CERTIFICATE);
    agree(&sandbox, VERIFY_CERTIFICATE, true);
    agree(&sandbox, &format!("{VERIFY_CERTIFICATE} --certificate_chain {{keys}}/cert-int.pem"), true);
    agree(&sandbox, &format!("{VERIFY_CERTIFICATE} --log_fingerprints"), true);
    agree(&sandbox, &VERIFY_CERTIFICATE.replace("cert-root", "cert-leaf-p256-expired"), false);
    agree(&sandbox, &VERIFY_CERTIFICATE.replace("cert-root.pem", "absent.pem"), false);
    agree(&sandbox, "verify certificate model --signature model.sig", false);
    agree(&sandbox, VERIFY_KEY, false);
    sandbox.write("model/w/0.bin", b"abcD");
    agree(&sandbox, VERIFY_CERTIFICATE, false);
}

#[test]
fn sign_takes_the_words_of_the_reference_tool() {
    let sandbox = Sandbox::unsigned();
    for curve in CURVES {
        // Whoever signs last, both verify: `agree` lets modelseal sign after the reference tool.
        agree(&sandbox, &SIGN_KEY.replace("p256", curve), true);
        agree(&sandbox, &VERIFY_KEY.replace("p256", curve), true);
    }
    agree(&sandbox, "sign key model --private_key {keys}/p256.pem", true); // to model.sig in the working directory
    agree(&sandbox, VERIFY_KEY, true);
    agree(&sandbox, "sign key model --signature model/inside.sig --private_key {keys}/p256.pem", true);
    agree(&sandbox, &VERIFY_KEY.replace("model.sig", "model/inside.sig"), true);
    fs::remove_file(sandbox.at("model/inside.sig")).unwrap();
    agree(&sandbox, SIGN_CERTIFICATE, true);
    agree(&sandbox, VERIFY_CERTIFICATE, true);

    agree(&sandbox, &SIGN_KEY.replace("p256.pem", "p256.pub.pem"), false);
    agree(&sandbox, &SIGN_KEY.replace("p256.pem", "rsa-2048.pem"), false);
    agree(&sandbox, &SIGN_KEY.replace("p256.pem", "secp256k1.pem"), false);
    agree(&sandbox, &SIGN_KEY.replace("p256.pem", "absent.pem"), false);
    agree(&sandbox, &SIGN_KEY.replace("key model", "key absent"), false);
    agree(&sandbox, &SIGN_KEY.replace("model.sig", "absent/model.sig"), false);
    agree(&sandbox, "sign key model", false);
    agree(&sandbox, &SIGN_CERTIFICATE.replace("p256.pem --sig", "p256-other.pem --sig"), false);
}

#[test]
fn hyphens_do_as_well_as_underscores() {
    let sandbox = Sandbox::unsigned();
    for line in [SIGN_KEY, VERIFY_KEY, SIGN_CERTIFICATE, VERIFY_CERTIFICATE] {
        for option in ["private_key", "public_key", "signing_certificate", "certificate_chain"] {
            let line = line.replace(&format!("--{option}"), &format!("--{}", option.replace('_', "-")));
            let run = ours(&sandbox, &line);
            assert_eq!(run.status, Some(0), "modelseal {line}\n{}", run.text());
        }
    }
    let more = "--ignore-unsigned-files --no-ignore-unsigned-files --allow-symlinks --ignore_paths model/absent --ignore_git_paths";
    let run = ours(&sandbox, &format!("{VERIFY_CERTIFICATE} {more}"));
    assert_eq!(run.status, Some(0), "{}", run.text());
}

#[test]
fn methods_that_we_do_not_have_are_named_errors() {
    let sandbox = Sandbox::unsigned();
    for line in [
        "sign sigstore model --signature model.sig",
        "verify sigstore model --signature model.sig --identity a --identity_provider b",
        "sign pkcs11-key model --signature model.sig --pkcs11_uri pkcs11:",
        "sign key model --signature model.sig --private_key {keys}/p256-encrypted.pem --password test",
    ] {
        let run = ours(&sandbox, line);
        assert_eq!(run.status, Some(2), "modelseal {line}\n{}", run.text());
        assert!(!sandbox.at("model.sig").exists());
    }
}

#[test]
fn a_model_may_be_called_like_a_method() {
    let sandbox = Sandbox::empty();
    sandbox.write("key/w.bin", b"w");
    let with_key = |verb: &str, file: &str| {
        let mut command = modelseal();
        command.current_dir(sandbox.path()).args([
            OsString::from(verb),
            "key".into(),
            "--key".into(),
            key(file).into(),
        ]);
        run(command.args([TEST_KEYS, "--format", "json"]))
    };
    with_key("sign", "p256.pem").accepted();
    with_key("verify", "p256.pub.pem").accepted();
}
