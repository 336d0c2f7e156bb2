//! Runs over several models: what counts, what is trusted, what is listed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Run, Sandbox, TEST_KEYS, key, modelseal, run, sign, verify};

/// Two signed models, `root/a` and `root/b`.
fn two_models() -> Sandbox {
    let sandbox = Sandbox::empty();
    for name in ["root/a", "root/b"] {
        sandbox.write(format!("{name}/w.bin"), name.as_bytes());
        run(&mut sign(sandbox.at(name), "p256.pem")).accepted();
    }
    sandbox
}

/// `verify` in the sandbox with `key` and whatever else.
fn verify_here(sandbox: &Sandbox, key: &Path, arguments: &[&str]) -> Run {
    let mut command = modelseal();
    command.current_dir(sandbox.path()).arg("verify").args(arguments).arg("--key").arg(key).arg(TEST_KEYS);
    run(&mut command)
}

fn models(json: &Value) -> Vec<&str> {
    json["results"].as_array().unwrap().iter().map(|result| result["model"].as_str().unwrap()).collect()
}

#[test]
fn t07_a_model_counts_once() {
    let sandbox = two_models();
    sandbox.symlink("root", "alias");
    let count = |number: &str, arguments: &[&str]| {
        let more = ["--format", "json", "--expect-count", number];
        verify_here(&sandbox, &key("p256.pub.pem"), &[arguments, &more].concat())
    };
    for roots in [
        &["root", "root"][..],
        &["root", "./root/../root"],
        &["root", "alias"],
        &["root", "root/a"],
        &["root/b", "root", "alias/a"],
    ] {
        let arguments = [&["--recursive"], roots].concat();
        let json = count("2", &arguments).accepted();
        assert_eq!(json["results"].as_array().unwrap().len(), 2, "{json}");
        for wrong in ["3", "4"] {
            count(wrong, &arguments).refused(1, "artifact/unsigned");
        }
    }
    let json = count("2", &["root/a", "root/b", "alias/a", "root/a/"]).accepted();
    assert_eq!(models(&json), ["root/a", "root/b"]);
    count("4", &["root/a", "root/b", "alias/a", "root/a/"]).refused(1, "artifact/unsigned");
    // A model that is not there is one model, too.
    let json = count("1", &["absent", "./absent"]).refused(3, "input/not-found");
    assert_eq!(models(&json), ["absent"]);
}

#[test]
fn t10_trust_inside_any_model_stops_the_run() {
    let sandbox = two_models();
    fs::copy(key("p256.pub.pem"), sandbox.at("root/b/key.pem")).unwrap();
    sandbox.symlink("root/b/key.pem", "looks-outside.pem");
    for trusted in ["root/b/key.pem", "looks-outside.pem"] {
        for arguments in [&["root/a", "root/b"][..], &["--recursive", "root"], &["absent", "root/a", "root/b"]] {
            let text = verify_here(&sandbox, Path::new(trusted), arguments);
            assert_eq!(text.status, Some(2), "{}", text.text());
            assert!(text.stdout.is_empty(), "{}", text.text());
            let json = verify_here(&sandbox, Path::new(trusted), &[arguments, &["--format", "json"]].concat());
            let json = json.refused(2, "usage/trust-inside-model");
            assert_eq!(json["kind"], "modelseal.error", "{json}");
        }
    }
}

#[test]
fn t06_the_search_for_models_stops_after_many_planted_files() {
    let sandbox = two_models();
    for number in 0..1500 {
        sandbox.write(format!("root/planted/{number}"), b"");
    }
    let outcome = verify_here(
        &sandbox,
        &key("p256.pub.pem"),
        &["--recursive", "root", "--expect-count", "3", "--format", "json"],
    );
    let json = outcome.refused(1, "artifact/unsigned");
    let results = json["results"].as_array().unwrap();
    let root = results.iter().find(|result| result["model"] == "root").unwrap();
    assert_eq!(root["findings"].as_array().unwrap().len(), 1000);
    assert_eq!(root["findings_complete"], false);
    // How many models there are is not known then.
    assert!(results.iter().all(|result| !result["model"].is_null()), "{json}");
}

#[test]
fn every_path_that_is_not_covered_is_listed() {
    let sandbox = Sandbox::signed();
    for number in 0..50 {
        sandbox.write(format!("model/extra{number:02}"), b"x");
    }
    let listed = |arguments: &[&str]| {
        let outcome = verify_here(&sandbox, &key("p256.pub.pem"), arguments);
        let text = String::from_utf8(outcome.stdout).unwrap();
        text.lines().filter(|line| line.starts_with("  not covered: extra")).count()
    };
    assert_eq!(listed(&["model", "--danger-ignore-unsigned-files"]), 50);
    assert_eq!(listed(&["--recursive", "model", "--danger-ignore-unsigned-files"]), 50);
    // Findings are many when a model is simply another one: the rest is counted.
    let refused = verify_here(&sandbox, &key("p256.pub.pem"), &["model"]);
    let text = String::from_utf8(refused.stdout).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("  artifact/unexpected")).count(), 20, "{text}");
    assert!(text.contains("  and 30 more; -v lists them\n"), "{text}");
}

#[test]
fn any_number_of_jobs_is_good() {
    let sandbox = two_models();
    for jobs in ["1", "2", "100000", "18446744073709551615", "99999999999999999999999999"] {
        let with = |mut command: std::process::Command| run(command.args(["--jobs", jobs])).accepted();
        let mut recursive = verify(sandbox.at("root"), "p256.pub.pem");
        recursive.arg("--recursive");
        with(recursive);
        with(verify(sandbox.at("root/a"), "p256.pub.pem"));
        with(sign(sandbox.at("root/b"), "p256.pem"));
        let mut digest = modelseal();
        digest.arg("digest").arg(sandbox.at("root/b")).args(["--format", "json"]);
        with(digest);
    }
}
