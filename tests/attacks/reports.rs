//! What `verify --report` may write, and what a run says when it cannot.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::{
    Run, Sandbox, TEST_KEYS, as_nobody, key, modelseal, run, set_mode, sign, verify, verify_trusting,
};

/// `verify` in the sandbox, as JSON, with the key outside of it.
fn verify_here(sandbox: &Sandbox, arguments: &[&str]) -> Command {
    let mut command = modelseal();
    command.current_dir(sandbox.path()).arg("verify").args(arguments);
    command.arg("--key").arg(key("p256.pub.pem")).args([TEST_KEYS, "--format", "json"]);
    command
}

/// An error before anything was verified, and no file touched.
#[track_caller]
fn refused_early(sandbox: &Sandbox, report: &str, code: &str, command: &mut Command) {
    let before = fs::read(sandbox.at(report)).ok();
    let json = run(command).refused(2, code);
    assert_eq!(json["kind"], "modelseal.error", "{json}");
    assert_eq!(fs::read(sandbox.at(report)).ok(), before, "{report} was touched");
}

#[test]
fn a_report_is_no_part_of_a_model() {
    let sandbox = Sandbox::signed();
    sandbox.symlink("model", "alias");
    sandbox.symlink("model/w", "inner");
    sandbox.write("weights.json", b"{}");
    run(&mut sign(sandbox.at("weights.json"), "p256.pem")).accepted();
    for (model, report) in [
        ("model", "model/config.json"),
        ("model", "model/report.json"),
        ("model", "model/w/report.sarif"),
        ("model", "alias/report.xml"),
        ("model", "inner/report.xml"),
        ("alias", "model/report.json"),
        ("alias", "alias/w/../report.json"),
        (".", "report.json"),
        ("weights.json", "weights.json"),
        ("weights.json", "inner/../../weights.json"),
    ] {
        refused_early(&sandbox, report, "output/exists", &mut verify_here(&sandbox, &[model, "--report", report]));
    }
    // Below a root, every file belongs to a model.
    refused_early(
        &sandbox,
        "report.json",
        "output/exists",
        &mut verify_here(&sandbox, &["--recursive", ".", "--report", "report.json"]),
    );
    // The second model is a model too.
    refused_early(
        &sandbox,
        "model/config.json",
        "output/exists",
        &mut verify_here(&sandbox, &["weights.json", "model", "--report", "model/config.json"]),
    );
    run(&mut verify_here(&sandbox, &["model", "--report", "model/../report.json"])).accepted();
    run(&mut verify(sandbox.model(), "p256.pub.pem")).accepted();
}

#[test]
fn a_report_replaces_nothing_that_the_run_reads() {
    let sandbox = Sandbox::signed();
    let trusted = fs::read(key("p256.pub.pem")).unwrap();
    for name in ["key.json", "key.sarif", "key.xml"] {
        let path = sandbox.write(name, &trusted);
        sandbox.symlink(name, format!("link-{name}"));
        for other in [path.clone(), sandbox.at(format!("link-{name}"))] {
            let mut command = verify_trusting(sandbox.model(), "--key", &other);
            refused_early(&sandbox, name, "output/exists", command.arg("--report").arg(&path));
        }
    }
    // Even if its content would do, or it is not there yet: the words of the error say which file it is.
    for (option, path) in [("--key", "absent.json"), ("--certificate-chain", "absent.xml")] {
        let mut command = verify_trusting(sandbox.model(), option, sandbox.at(path));
        let json = run(command.arg("--report").arg(sandbox.at(path))).refused(2, "output/exists");
        assert!(json["message"].as_str().unwrap().contains("which is read"), "{json}");
        assert!(!sandbox.at(path).exists());
    }
    fs::rename(sandbox.at("model/model.sig"), sandbox.at("bundle.json")).unwrap();
    let arguments = ["model", "--bundle", "bundle.json", "--report", "bundle.json"];
    refused_early(&sandbox, "bundle.json", "output/exists", &mut verify_here(&sandbox, &arguments));
}

#[test]
fn a_report_replaces_earlier_reports_only() {
    let sandbox = Sandbox::signed();
    let reports = ["r.json", "r.sarif", "r.xml"];
    for report in reports {
        let arguments = ["model", "--report", report];
        run(&mut verify_here(&sandbox, &arguments)).accepted();
        run(&mut verify_here(&sandbox, &arguments)).accepted();
    }
    for (content, report) in [
        ("{\"kind\":\"modelseal.sign\"}", "foreign.json"),
        ("", "empty.json"),
        ("{\"version\":\"2.1.0\",\"runs\":[{\"tool\":{\"driver\":{\"name\":\"other\"}}}]}", "foreign.sarif"),
        ("<testsuites name=\"other\"/>", "foreign.xml"),
    ] {
        sandbox.write(report, content.as_bytes());
        refused_early(&sandbox, report, "output/exists", &mut verify_here(&sandbox, &["model", "--report", report]));
    }
    // A report of another form, a link to a report, a directory.
    fs::copy(sandbox.at("r.json"), sandbox.at("other.sarif")).unwrap();
    sandbox.symlink("r.json", "link.json");
    fs::create_dir(sandbox.at("directory.json")).unwrap();
    for report in ["other.sarif", "link.json", "directory.json"] {
        refused_early(&sandbox, report, "output/exists", &mut verify_here(&sandbox, &["model", "--report", report]));
    }
    assert!(sandbox.at("link.json").is_symlink());
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_the_work() {
    let sandbox = Sandbox::signed();
    // Reading it would take minutes; a no would be exit 1.
    sandbox.sparse("model/w/0.bin", 1 << 40);
    sandbox.write("file", b"");
    for report in ["nowhere/r.json", "file/r.json"] {
        let arguments = ["model", "--report", report, "--report", "good.json"];
        refused_early(&sandbox, report, "output/unwritable", &mut verify_here(&sandbox, &arguments));
        // Those that can be written tell of it.
        let good: Value = serde_json::from_slice(&fs::read(sandbox.at("good.json")).unwrap()).unwrap();
        assert_eq!((good["kind"].as_str(), good["exit"].as_u64()), (Some("modelseal.error"), Some(2)), "{good}");
    }
    fs::create_dir(sandbox.at("closed")).unwrap();
    set_mode(&sandbox.at("closed"), 0o555);
    let command = verify_here(&sandbox, &["model", "--report", "closed/r.json"]);
    let mut command = as_nobody(&sandbox, &command);
    refused_early(&sandbox, "closed/r.json", "output/unwritable", command.current_dir(sandbox.path()));
}

/// `verify` of twelve models where no file may grow beyond one or two kilobytes: a full disk in small.
fn on_a_full_disk(sandbox: &Sandbox, more: &str) -> Run {
    for number in 10..22 {
        let name = format!("root/{number}");
        sandbox.write(format!("{name}/w.bin"), b"w");
        run(&mut sign(sandbox.at(name), "p256.pem")).accepted();
    }
    let script = format!(
        "trap '' XFSZ; ulimit -f 2; exec '{}' verify root/* --key '{}' {TEST_KEYS} --report r.sarif {more}",
        env!("CARGO_BIN_EXE_modelseal"),
        key("p256.pub.pem").display()
    );
    run(Command::new("sh").args(["-c", &script]).current_dir(sandbox.path()))
}

#[test]
fn t40_a_run_whose_report_was_not_written_says_so_once_and_everywhere() {
    let sandbox = Sandbox::empty();
    let failed = on_a_full_disk(&sandbox, "--report r.json --format json");
    // One object: two would not parse.
    let json = failed.refused(2, "output/unwritable");
    assert_eq!((json["kind"].as_str(), json["exit"].as_u64()), (Some("modelseal.verify"), Some(2)), "{json}");
    assert!(!sandbox.at("r.json").exists());
    // The report that fitted does not claim a success that was none.
    let sarif: Value = serde_json::from_slice(&fs::read(sandbox.at("r.sarif")).unwrap()).unwrap();
    let invocation = &sarif["runs"][0]["invocations"][0];
    assert_eq!(invocation, &serde_json::json!({"executionSuccessful": false, "exitCode": 2}));

    let text = on_a_full_disk(&Sandbox::empty(), "--report r.json");
    assert_eq!(text.status, Some(2), "{}", text.text());
    assert!(text.text().contains("[output/unwritable]"), "{}", text.text());
}

#[test]
fn t11_a_name_makes_no_link_in_a_sarif_viewer() {
    let sandbox = Sandbox::signed();
    sandbox.write("model/[safe](https:x) {0} \\", b"x");
    run(&mut verify_here(&sandbox, &["model", "--report", "r.sarif"])).refused(1, "artifact/unexpected");
    let sarif: Value = serde_json::from_slice(&fs::read(sandbox.at("r.sarif")).unwrap()).unwrap();
    let text = sarif["runs"][0]["results"][0]["message"]["text"].as_str().unwrap();
    // The name as text output escapes it, with every backslash, bracket and brace of it escaped again.
    let shown = modelseal::escape("[safe](https:x) {0} \\").into_owned();
    let shown = shown.replace('\\', "\\\\").replace('[', "\\[").replace(']', "\\]");
    let shown = shown.replace('{', "{{").replace('}', "}}");
    assert!(text.starts_with(&format!("{shown}: ")), "{text}");
}
