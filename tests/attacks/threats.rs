//! One test for each threat that a command with key files can meet.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{
    PATIENCE, Run, Sandbox, TEST_KEYS, assert_tame, key, modelseal, payload, run, sign, vector, verify,
    verify_trusting, workspace,
};

/// Names that try to write over a terminal, a log or a report.
pub(crate) const HOSTILE_NAMES: [&str; 12] = [
    "new\nline",
    "carriage\rreturn",
    "tab\there",
    "\x1b[2J\x1b[31mred",
    "\x1b]0;title\x07",
    "bell\x07",
    "c1\u{9b}31m",
    "bidi\u{202e}gpj.exe",
    "isolate\u{2066}x\u{2069}",
    "zero\u{200b}width\u{feff}",
    "line\u{2028}paragraph\u{2029}",
    "::add-mask::x%0A<script>&\"'`$(id)",
];

/// `results[0].findings` as pairs of code and name.
fn findings(json: &Value) -> Vec<(String, String)> {
    let list = json["results"][0]["findings"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter().map(|item| (text(&item["code"]), text(&item["name"]))).collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

#[test]
fn t01_another_signed_model_is_not_the_expected_one() {
    let sandbox = Sandbox::unsigned();
    run(sign(sandbox.model(), "p256.pem").args(["--name", "acme/wanted"])).accepted();
    sandbox.write("other/config.json", b"{}\n");
    run(sign(sandbox.at("other"), "p256.pem").args(["--name", "acme/other"])).accepted();
    let root = payload(&sandbox.at("model/model.sig"))["subject"][0]["digest"]["sha256"].as_str().unwrap().to_owned();
    let digest = format!("sha256:{root}");

    run(verify(sandbox.model(), "p256.pub.pem").args(["--expect-name", "acme/wanted"])).accepted();
    run(verify(sandbox.model(), "p256.pub.pem").args(["--expect-digest", &digest])).accepted();
    for expected in [["--expect-name", "acme/wanted"], ["--expect-digest", &digest]] {
        run(verify(sandbox.at("other"), "p256.pub.pem").args(expected)).refused(1, "policy/other-model");
    }
    for near in ["acme/wante", "acme/wanted2", "wanted", "Acme/wanted"] {
        run(verify(sandbox.model(), "p256.pub.pem").args(["--expect-name", near])).refused(1, "policy/other-model");
    }
}

#[test]
fn t01_without_an_expectation_the_result_says_so() {
    let sandbox = Sandbox::signed();
    let json = run(&mut verify(sandbox.model(), "p256.pub.pem")).accepted();
    assert!(!strings(&json["results"][0]["unchecked"]).is_empty(), "{json}");
    let text = run(modelseal().arg("verify").arg(sandbox.model()).arg("--key").arg(key("p256.pub.pem")).arg(TEST_KEYS));
    assert!(String::from_utf8_lossy(&text.stderr).contains("warning"), "{}", text.text());
}

#[test]
fn t02_an_attestation_over_the_same_root_alone_does_not_count() {
    // The subject names provenance as signed along; beside it lies another statement with the very same root digest.
    let sandbox = Sandbox::of_vector("models/small");
    let bundle = fs::read(vector("statement/attestations-missing/model.sig")).unwrap();
    sandbox.write("model.sig", &bundle);
    let foreign = fs::read(vector("bundle/compact/model.sig")).unwrap();
    sandbox.write("model.attestations.jsonl", &[foreign, b"\n".to_vec()].concat());
    let refused = run(verify(sandbox.model(), "p256.pub.pem").arg("--bundle").arg(sandbox.at("model.sig")));
    assert_eq!(refused.status, Some(1), "{}", refused.text());
    assert!(refused.json()["code"].as_str().unwrap().starts_with("policy/"), "{}", refused.text());
}

#[test]
fn t03_stripped_attestations_are_missed() {
    let sandbox = Sandbox::of_vector("models/small");
    sandbox.write("model.sig", &fs::read(vector("statement/attestations-missing/model.sig")).unwrap());
    let bundle = sandbox.at("model.sig");
    let command = || verify(sandbox.model(), "p256.pub.pem");
    run(command().arg("--bundle").arg(&bundle)).refused(1, "policy/attestation-missing");
    // No switch makes up for it.
    let switches = ["--danger-ignore-unsigned-files", "--danger-allow-symlinks", "--danger-accept-legacy"];
    run(command().arg("--bundle").arg(&bundle).args(switches)).refused(1, "policy/attestation-missing");
    sandbox.write("model.attestations.jsonl", b"");
    run(command().arg("--bundle").arg(&bundle)).refused(1, "policy/attestation-missing");
}

#[test]
fn t06_a_sparse_giant_is_refused_by_its_size() {
    let sandbox = Sandbox::signed();
    sandbox.sparse("model/w/0.bin", 1 << 40);
    let refused = run(&mut verify(sandbox.model(), "p256.pub.pem"));
    let json = refused.refused(1, "artifact/modified");
    assert_eq!(findings(&json), [("artifact/modified".to_owned(), "w/0.bin".to_owned())]);
    assert!(refused.took < Duration::from_secs(5), "read for {:?}", refused.took);
}

#[test]
fn t06_without_sizes_the_limits_hold() {
    let sandbox = Sandbox::of_vector("key-p384-files");
    sandbox.sparse("model/w/0.bin", 1 << 40);
    for limit in ["--max-file-bytes", "--max-total-bytes"] {
        let refused = run(verify(sandbox.model(), "p384.pub.pem").args([limit, "1000000"]));
        refused.refused(3, "input/limit");
        assert!(refused.took < Duration::from_secs(5), "read for {:?}", refused.took);
    }
}

#[test]
fn t06_the_walk_stops_after_many_planted_files() {
    let sandbox = Sandbox::signed();
    fs::create_dir(sandbox.at("model/planted")).unwrap();
    for number in 0..3000 {
        fs::write(sandbox.at(format!("model/planted/{number}")), b"").unwrap();
    }
    let json = run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/unexpected");
    let count = findings(&json).len();
    assert!((1000..=1010).contains(&count), "{count} findings");
}

/// Two signed models, `a` and `b`, below `root/`.
fn two_models() -> Sandbox {
    let sandbox = Sandbox::empty();
    for name in ["root/a", "root/b"] {
        sandbox.write(format!("{name}/w.bin"), name.as_bytes());
        run(&mut sign(sandbox.at(name), "p256.pem")).accepted();
    }
    sandbox
}

fn verify_recursively(sandbox: &Sandbox) -> Command {
    let mut command = verify(sandbox.at("root"), "p256.pub.pem");
    command.arg("--recursive");
    command
}

#[test]
fn t07_recursive_misses_no_unsigned_file() {
    let sandbox = two_models();
    run(&mut verify_recursively(&sandbox)).accepted();
    run(verify_recursively(&sandbox).args(["--expect-count", "2"])).accepted();
    let more = run(verify_recursively(&sandbox).args(["--expect-count", "3"]));
    assert_eq!(more.status, Some(1), "{}", more.text());

    fs::remove_file(sandbox.at("root/b/model.sig")).unwrap();
    run(&mut verify_recursively(&sandbox)).refused(1, "artifact/unsigned");
    fs::remove_file(sandbox.at("root/a/model.sig")).unwrap();
    run(&mut verify_recursively(&sandbox)).refused(1, "artifact/unsigned");
}

#[test]
fn t07_recursive_wants_every_file_in_a_model() {
    let sandbox = two_models();
    sandbox.write("root/stray.py", b"x");
    run(&mut verify_recursively(&sandbox)).refused(1, "artifact/unsigned");
}

#[test]
fn t07_recursive_over_nothing_is_no_success() {
    let sandbox = Sandbox::empty();
    fs::create_dir(sandbox.at("root")).unwrap();
    let nothing = run(&mut verify_recursively(&sandbox));
    assert_eq!(nothing.status, Some(1), "{}", nothing.text());
}

#[test]
fn t07_any_no_wins_over_trouble_and_success() {
    let sandbox = two_models();
    sandbox.write("root/b/w.bin", b"changed");
    run(&mut verify_recursively(&sandbox)).refused(1, "artifact/modified");
    sandbox.write("root/b/w.bin", b"root/b");
    sandbox.write("c/w.bin", b"c");
    let command = |models: &[&str]| {
        let mut command = modelseal();
        command.arg("verify").args(models.iter().map(|name| sandbox.at(name)));
        command.arg("--key").arg(key("p256.pub.pem")).args([TEST_KEYS, "--format", "json"]);
        run(&mut command).status
    };
    assert_eq!(command(&["root/a", "root/b"]), Some(0));
    assert_eq!(command(&["root/a", "absent"]), Some(3));
    assert_eq!(command(&["absent", "c", "root/a"]), Some(1));
    assert_eq!(command(&["c", "absent"]), Some(1));
}

#[test]
fn t08_directories_under_ignored_file_names_hide_nothing() {
    for name in [".gitignore", ".gitattributes", "model.attestations.jsonl"] {
        let sandbox = Sandbox::signed();
        sandbox.write(format!("model/{name}/evil.py"), b"x");
        run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/unexpected");
    }
    let sandbox = Sandbox::signed();
    fs::rename(sandbox.at("model/model.sig"), sandbox.at("away.sig")).unwrap();
    sandbox.write("model/model.sig/evil.py", b"x");
    let away = sandbox.at("away.sig");
    run(verify(sandbox.model(), "p256.pub.pem").arg("--bundle").arg(away)).refused(1, "artifact/unexpected");
}

#[test]
fn t08_only_the_bundle_in_use_is_exempt() {
    let sandbox = Sandbox::signed();
    fs::copy(sandbox.at("model/model.sig"), sandbox.at("model/other.sig")).unwrap();
    let json = run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/unexpected");
    assert_eq!(findings(&json), [("artifact/unexpected".to_owned(), "other.sig".to_owned())]);
}

#[test]
fn t09_a_fifo_or_device_hangs_nothing() {
    let sandbox = Sandbox::signed();
    let fifo = sandbox.fifo("fifo");
    let bundles = |path: &Path| run(verify(sandbox.model(), "p256.pub.pem").arg("--bundle").arg(path));
    for path in [fifo.as_path(), Path::new("/dev/zero"), Path::new("/dev/null")] {
        bundles(path).refused(3, "input/special-file");
        for option in ["--key", "--certificate-chain"] {
            run(&mut verify_trusting(sandbox.model(), option, path)).refused(3, "input/special-file");
        }
        let mut command = modelseal();
        command.arg("sign").arg(sandbox.model()).arg("--key").arg(path).args([TEST_KEYS, "--format", "json"]);
        run(&mut command).refused(3, "input/special-file");
        run(&mut verify(path, "p256.pub.pem")).refused(3, "input/special-file");
    }
}

#[test]
fn t09_special_files_in_a_model_are_refused_unread() {
    let sandbox = Sandbox::signed();
    fs::remove_file(sandbox.at("model/w/0.bin")).unwrap();
    sandbox.fifo("model/w/0.bin");
    run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/missing");

    let sandbox = Sandbox::signed();
    let _socket = UnixListener::bind(sandbox.at("model/socket")).unwrap();
    run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/unexpected");
}

#[test]
fn t09_a_directory_swapped_for_a_link_is_not_followed() {
    let sandbox = Sandbox::signed();
    fs::rename(sandbox.at("model/w"), sandbox.at("w")).unwrap();
    sandbox.symlink("../w", "model/w");
    run(&mut verify(sandbox.model(), "p256.pub.pem")).refused(1, "artifact/symlink");
    run(verify(sandbox.model(), "p256.pub.pem").arg("--danger-allow-symlinks")).refused(1, "artifact/symlink");
}

#[test]
fn t10_trust_inside_the_model_is_refused() {
    let sandbox = Sandbox::signed();
    let inside = "usage/trust-inside-model";
    fs::copy(key("p256.pub.pem"), sandbox.at("model/key.pub")).unwrap();
    fs::copy(key("cert-root.pem"), sandbox.at("model/w/root.pem")).unwrap();
    sandbox.symlink("model/key.pub", "looks-outside.pub");
    sandbox.symlink("model", "alias");
    for path in ["model/key.pub", "model/w/../key.pub", "looks-outside.pub", "alias/key.pub"] {
        run(&mut verify_trusting(sandbox.model(), "--key", sandbox.at(path))).refused(2, inside);
        run(&mut verify_trusting(sandbox.at("alias"), "--key", sandbox.at(path))).refused(2, inside);
    }
    run(&mut verify_trusting(sandbox.model(), "--certificate-chain", sandbox.at("model/w/root.pem")))
        .refused(2, inside);
    let mut relative = verify_trusting(".", "--key", "key.pub");
    run(relative.current_dir(sandbox.model())).refused(2, inside);
    // A link inside the model to a key outside is as good as a key inside: the model chose it.
    fs::remove_file(sandbox.at("model/key.pub")).unwrap();
    sandbox.symlink(key("p256.pub.pem"), "model/key.pub");
    let linked = run(&mut verify_trusting(sandbox.model(), "--key", sandbox.at("model/key.pub")));
    assert_eq!(linked.status, Some(2), "{}", linked.text());
}

#[test]
fn t11_hostile_names_reach_no_output() {
    let both = |model: &Path, extra: &[&str]| -> Vec<Run> {
        let text = || {
            let mut command = modelseal();
            command.arg("verify").arg(model).arg("--key").arg(key("p256.pub.pem")).arg(TEST_KEYS).args(extra);
            command
        };
        vec![run(&mut text()), run(text().args(["--format", "json"]))]
    };
    let signed = Sandbox::signed();
    for name in HOSTILE_NAMES {
        signed.write(Path::new("model").join(name.replace('/', "_")), b"x");
    }
    for outcome in both(&signed.model(), &[]) {
        assert_eq!(outcome.status, Some(1), "{}", outcome.text());
        assert_tame(&outcome);
    }
    for outcome in both(&signed.model(), &["--danger-ignore-unsigned-files"]) {
        assert_eq!(outcome.status, Some(0), "{}", outcome.text());
        assert_tame(&outcome);
    }
    for name in HOSTILE_NAMES {
        for outcome in both(&signed.at(name), &["--bundle", name]) {
            assert_ne!(outcome.status, Some(0), "{}", outcome.text());
            assert_tame(&outcome);
        }
        let unknown = run(modelseal().args(["verify", "--format", "json", name, "--key", name, "--no-such", name]));
        assert_eq!(unknown.status, Some(2), "{}", unknown.text());
        assert_tame(&unknown);
    }
}

#[test]
fn t11_hostile_names_are_signed_and_modified_in_one_line() {
    let sandbox = Sandbox::unsigned();
    for name in HOSTILE_NAMES {
        sandbox.write(Path::new("model").join(name.replace('/', "_")), b"x");
    }
    let signed = run(modelseal().arg("sign").arg(sandbox.model()).arg("--key").arg(key("p256.pem")).arg(TEST_KEYS));
    assert_eq!(signed.status, Some(0), "{}", signed.text());
    assert_tame(&signed);
    for name in HOSTILE_NAMES {
        sandbox.write(Path::new("model").join(name.replace('/', "_")), b"y");
    }
    let refused = run(&mut verify(sandbox.model(), "p256.pub.pem"));
    assert_tame(&refused);
    let json = refused.refused(1, "artifact/modified");
    assert_eq!(findings(&json).len(), HOSTILE_NAMES.len());
}

#[test]
fn t11_a_hostile_subject_name_is_escaped() {
    let sandbox = Sandbox::of_vector("models/small");
    sandbox.write("model.sig", &fs::read(vector("statement/subject-hostile/model.sig")).unwrap());
    let accepted = run(verify(sandbox.model(), "p256.pub.pem").arg("--bundle").arg(sandbox.at("model.sig")));
    accepted.accepted();
    assert_tame(&accepted);
    let mut text = modelseal();
    text.arg("verify").arg(sandbox.model()).arg("--bundle").arg(sandbox.at("model.sig"));
    let text = run(text.arg("--key").arg(key("p256.pub.pem")).arg(TEST_KEYS));
    assert_eq!(text.status, Some(0), "{}", text.text());
    assert_tame(&text);
}

#[test]
fn t13_only_the_scheme_of_the_key_entry_is_tried() {
    let sandbox = Sandbox::of_vector("models/small");
    let check = |case: &str, name: &str, scheme: Option<&str>| {
        let bundle = vector(&format!("signature/{case}/model.sig"));
        let path = key(name);
        let reference = match scheme {
            Some(scheme) => format!("file:{}?scheme={scheme}", path.display()),
            None => path.display().to_string(),
        };
        run(verify_trusting(sandbox.model(), "--key", reference).arg("--bundle").arg(bundle))
    };
    let not_allowed = "signature/scheme-not-allowed";
    check("rsa-no-scheme", "rsa-3072.pub.pem", None).refused(1, not_allowed);
    check("ed25519-no-scheme", "ed25519.pub.pem", None).refused(1, not_allowed);
    check("rsa-pss-sha256", "rsa-3072.pub.pem", Some("rsa-pss-sha256")).accepted();
    check("ed25519", "ed25519.pub.pem", Some("ed25519")).accepted();
    for (case, scheme) in [
        ("rsa-pss-sha256", "rsa-pkcs1v15-sha256"),
        ("rsa-pss-sha256", "rsa-pss-sha384"),
        ("rsa-pkcs1v15-sha256", "rsa-pss-sha256"),
        ("rsa-pss-salt-20", "rsa-pss-sha256"),
    ] {
        check(case, "rsa-3072.pub.pem", Some(scheme)).refused(1, "signature/invalid");
    }
    check("rsa-pss-sha256", "rsa-3072.pub.pem", Some("rsa-pss-sha1")).refused(2, "usage/arguments");
}

#[test]
fn t15_published_test_keys_are_refused() {
    let sandbox = Sandbox::signed();
    let plain = |verb: &str, key: &Path| {
        let mut command = modelseal();
        command.arg(verb).arg(sandbox.model()).arg("--key").arg(key).args(["--format", "json"]);
        run(&mut command)
    };
    plain("verify", &key("p256.pub.pem")).refused(2, "key/test-key");
    plain("sign", &key("p256.pem")).refused(2, "key/test-key");
    // Copies and other encodings are the same keys.
    let copy = sandbox.at("production.pem");
    fs::copy(key("p256-crlf.pub.pem"), &copy).unwrap();
    plain("verify", &copy).refused(2, "key/test-key");
    fs::copy(key("p256-sec1.pem"), &copy).unwrap();
    plain("sign", &copy).refused(2, "key/test-key");
    // The switch cannot be set by environment.
    for name in ["MODELSEAL_DANGER_ALLOW_TEST_KEYS", "MODELSEAL_ALLOW_TEST_KEYS"] {
        let mut command = modelseal();
        command.env(name, "1").arg("verify").arg(sandbox.model());
        run(command.arg("--key").arg(key("p256.pub.pem")).args(["--format", "json"])).refused(2, "key/test-key");
    }
}

#[test]
fn t15_every_published_key_is_refused() {
    let sandbox = Sandbox::signed();
    for entry in fs::read_dir(key("")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".pub.pem") {
            continue;
        }
        let reference = match name.split(['-', '.']).next().unwrap() {
            "rsa" => format!("file:{}?scheme=rsa-pss-sha256", path.display()),
            "ed25519" => format!("file:{}?scheme=ed25519", path.display()),
            _ => path.display().to_string(),
        };
        let mut command = modelseal();
        command.arg("verify").arg(sandbox.model()).arg("--key").arg(reference).args(["--format", "json"]);
        let refused = run(&mut command);
        assert_eq!(refused.status, Some(2), "{name}: {}", refused.text());
        let code = refused.json()["code"].as_str().unwrap().to_owned();
        assert!(code.starts_with("key/"), "{name}: {code}");
    }
}

#[test]
fn t34_no_file_is_mapped_into_memory() {
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).unwrap();
    for name in ["memmap", "memmap2", "memmapix", "mmap-rs", "fmmap"] {
        assert!(!lock.contains(&format!("name = \"{name}\"")), "{name} is among the dependencies");
    }
    let mut found = Vec::new();
    for directory in ["crates", "python"] {
        search(&workspace().join(directory), &mut found);
    }
    assert!(found.is_empty(), "{found:?}");
}

/// Source files that call what maps files.
fn search(directory: &Path, found: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs" || end == "py") {
            let text = fs::read_to_string(&path).unwrap();
            let calls = ["update_mmap", "mmap::", "Mmap::", "::mmap(", "mmap.mmap("];
            found.extend(
                calls.iter().filter(|call| text.contains(**call)).map(|call| format!("{}: {call}", path.display())),
            );
        }
    }
}

#[test]
fn t40_a_result_that_nobody_could_read_is_no_success() {
    let sandbox = Sandbox::signed();
    for format in ["text", "json"] {
        let command = || {
            let mut command = modelseal();
            command.arg("verify").arg(sandbox.model()).arg("--key").arg(key("p256.pub.pem"));
            command.args([TEST_KEYS, "--format", format]);
            command
        };
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = command().stdout(full).stderr(Stdio::null()).status().unwrap();
        assert!(status.code().is_some_and(|code| code != 0 && code != 70), "{format}: {status}");
        let mut child = command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take()); // before anything can be written
        let status = child.wait().unwrap();
        assert!(status.code() != Some(0) && status.code() != Some(70), "{format}: {status}");
    }
}

/// What docs/exit-codes.md says: the runtime puts `/dev/null` in the place of a descriptor that was closed before the
/// start, and supervisors open it in the very same way, so that the two cannot be told apart. The status alone is right.
#[test]
#[cfg(unix)]
fn t40_with_an_output_closed_before_the_start_the_status_is_all_there_is() {
    let sandbox = Sandbox::signed();
    let shell = |redirection: &str, arguments: &[&str]| {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("exec \"$0\" \"$@\" {redirection}")).arg(env!("CARGO_BIN_EXE_modelseal"));
        command.args(arguments).arg(TEST_KEYS).env_clear().current_dir(sandbox.path()).stdin(Stdio::null());
        run(&mut command)
    };
    let (public, private) = (key("p256.pub.pem").display().to_string(), key("p256.pem").display().to_string());
    let verify = ["verify", "model", "--key", &public, "--any-model"];
    for redirection in [">&-", "> /dev/null", "1<> /dev/null"] {
        let done = shell(redirection, &verify);
        assert!(done.status == Some(0) && done.stdout.is_empty(), "{}", done.text());
        // What was to be made is made, and its place is the one that is known.
        fs::remove_file(sandbox.at("model/model.sig")).unwrap();
        assert_eq!(shell(redirection, &["sign", "model", "--key", &private]).status, Some(0));
        assert!(sandbox.at("model/model.sig").exists());
    }
    // A no stays a no, and an error is said.
    sandbox.write("model/w/0.bin", b"Abcd");
    for redirection in [">&-", ">&- 2>&-"] {
        assert_eq!(shell(redirection, &verify).status, Some(1));
    }
    assert!(String::from_utf8_lossy(&shell(">&-", &verify).stderr).contains("[artifact/modified]"));
}

#[test]
fn t40_a_relaxed_or_partial_run_has_a_code_of_its_own() {
    let sandbox = Sandbox::unsigned();
    // A key of its own, since to accept a published one is a relaxation too.
    let plain = |arguments: &[&str]| {
        run(modelseal().current_dir(sandbox.path()).args(arguments).args(["--format", "json"])).accepted()
    };
    plain(&["keys", "generate", "k.pem"]);
    plain(&["sign", "model", "--key", "k.pem"]);
    let strict = plain(&["verify", "model", "--key", "k.pub.pem"]);
    let relaxed = plain(&["verify", "model", "--key", "k.pub.pem", "--danger-ignore-unsigned-files"]);
    assert_ne!(strict["code"], relaxed["code"]);
    assert_eq!(strict["results"][0]["relaxed"], serde_json::json!([]));
    let names = strings(&relaxed["results"][0]["relaxed"]).join(" ");
    assert!(names.contains("ignore-unsigned-files"), "{relaxed}");
    let partial = plain(&["verify", "model", "--key", "k.pub.pem", "--only", "config.json"]);
    assert_ne!(strict["code"], partial["code"]);
    assert_ne!(relaxed["code"], partial["code"]);
}

#[test]
fn t40_partial_runs_still_see_what_was_planted() {
    let sandbox = Sandbox::signed();
    let only = || {
        let mut command = verify(sandbox.model(), "p256.pub.pem");
        command.args(["--only", "config.json"]);
        command
    };
    sandbox.write("model/w/0.bin", b"Abcd");
    run(&mut only()).accepted();
    fs::remove_file(sandbox.at("model/w/0.bin")).unwrap();
    run(&mut only()).accepted();
    sandbox.write("model/evil.py", b"x");
    run(&mut only()).refused(1, "artifact/unexpected");
    fs::remove_file(sandbox.at("model/evil.py")).unwrap();
    run(verify(sandbox.model(), "p256.pub.pem").args(["--only", "no-such"])).refused(2, "usage/unknown-resource");
    sandbox.write("model/config.json", b"[]\n");
    run(&mut only()).refused(1, "artifact/modified");
}

#[test]
fn t40_json_output_has_its_shape() {
    let sandbox = Sandbox::signed();
    sandbox.write("model/.github/x.yml", b"x");
    let json = run(&mut verify(sandbox.model(), "p256.pub.pem")).accepted();
    assert_eq!((json["kind"].as_str(), json["version"].as_u64()), (Some("modelseal.verify"), Some(1)), "{json}");
    assert_eq!(json["results"][0]["uncovered"], serde_json::json!([{"name": ".github", "kind": "directory"}]));
    sandbox.write("model/w/0.bin", b"Abcd");
    let refused = run(&mut verify(sandbox.model(), "p256.pub.pem"));
    assert!(refused.took < PATIENCE);
    let json = refused.refused(1, "artifact/modified");
    assert_eq!(json["results"][0]["code"], "artifact/modified");
    assert!(json["results"][0]["findings"][0]["detail"].is_string(), "{json}");
}
