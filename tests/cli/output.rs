//! One corpus of hostile names goes through every output.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::MODELSEAL;

const HOSTILE: &[&str] = &[
    "a\nmodelseal: verified",
    "b\u{1b}[2J\u{1b}[31m",
    "c\r::error::x",
    "::set-output name=x::y",
    "##vso[task.complete result=Succeeded]",
    "##[error]x",
    "d\u{202e}gnp.exe",
    "e\u{200b}\u{feff}\u{2028}\u{2029}\u{85}",
    "f<script>alert(1)</script>&\"'",
    "g]]>",
    "h\u{7f}\u{8}\u{1}\u{fffe}\u{fffd}",
    "i\u{e0041}\u{f0000}",
    "| j `x` |",
    "EOF",
];

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(MODELSEAL).args(arguments).current_dir(directory).output().unwrap()
}

/// No control, no invisible character, no line that a build server takes for a command.
fn assert_tame(bytes: &[u8], what: &str) {
    let text = std::str::from_utf8(bytes).unwrap();
    for c in text.chars().filter(|&c| c != '\n') {
        assert_eq!(modelseal::escape(c.encode_utf8(&mut [0; 4])), c.to_string(), "{what} holds {c:?}:\n{text}");
    }
    for line in text.lines() {
        assert!(!line.trim_start().starts_with("::"), "{what}: {line}");
        assert!(!line.contains("##"), "{what}: {line}");
    }
}

#[test]
fn t11_hostile_names_are_tame_everywhere_and_exact_in_json() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    fs::create_dir(at.join("m")).unwrap();
    fs::write(at.join("m/w.bin"), "w").unwrap();
    assert!(run(at, &["keys", "generate", "k.pem"]).status.success());
    let verify =
        ["verify", "m", "--key", "k.pub.pem", "--report", "r.json", "--report", "r.sarif", "--report", "r.xml"];
    let tame = |arguments: &[&str], status: i32| {
        let output = run(at, arguments);
        let what = format!("{arguments:?}");
        assert_eq!(output.status.code(), Some(status), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        assert_tame(&output.stdout, &what);
        assert_tame(&output.stderr, &what);
        output.stdout
    };
    let reports_are_tame = || {
        for report in ["r.json", "r.sarif", "r.xml"] {
            assert_tame(&fs::read(at.join(report)).unwrap(), report);
        }
        let sarif: Value = serde_json::from_slice(&fs::read(at.join("r.sarif")).unwrap()).unwrap();
        for result in sarif["runs"][0]["results"].as_array().unwrap() {
            let uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
            assert!(uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`#?".contains(&byte)), "{uri}");
        }
        well_formed(&fs::read_to_string(at.join("r.xml")).unwrap());
    };

    tame(&["sign", "m", "--key", "k.pem"], 0);
    for name in HOSTILE {
        fs::write(at.join("m").join(name.replace('/', "_")), "x").unwrap();
    }
    tame(&verify, 1);
    reports_are_tame();
    tame(&[&verify[..], &["--danger-ignore-unsigned-files", "--any-model", "-v"]].concat(), 0);
    reports_are_tame();
    let json: Value = serde_json::from_slice(&tame(&[&verify[..], &["--format", "json"]].concat(), 1)).unwrap();
    let mut wanted: Vec<String> = HOSTILE.iter().map(|name| name.replace('/', "_")).collect();
    wanted.sort();
    let findings = json["results"][0]["findings"].as_array().unwrap();
    assert_eq!(findings.iter().map(|finding| finding["name"].as_str().unwrap()).collect::<Vec<_>>(), wanted);

    tame(&["sign", "m", "--key", "k.pem", "--ignore", "d\u{202e}gnp.exe"], 0);
    for more in [&[][..], &["--format", "json"]] {
        tame(&[&["digest", "m", "--manifest"][..], more].concat(), 0);
        tame(&[&["inspect", "m", "--manifest"][..], more].concat(), 0);
        for name in HOSTILE {
            let output = run(at, &[&["verify", name, "--key", name, name][..], more].concat());
            assert_tame(&output.stdout, name);
            assert_tame(&output.stderr, name);
            let output = run(at, &[&["sign", "m", "--key", "k.pem", "--name", name][..], more].concat());
            assert_tame(&output.stderr, name);
            let output = run(at, &[&[*name][..], more].concat());
            assert_tame(&output.stderr, name);
        }
    }
    for name in HOSTILE {
        fs::write(at.join("m").join(name.replace('/', "_")), "y").unwrap();
    }
    tame(&verify, 1);
    reports_are_tame();
}

#[test]
fn t11_what_a_policy_says_of_hostile_names_is_tame() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    assert!(run(at, &["keys", "generate", "k.pem"]).status.success());
    let rule = "[[rule]]\nname = \"r\"\nmodels = [\"x\"]\nkeys = [\"k\"]\nidentity = \"key-only\"\n";
    let key = "version = 1\n[[key]]\nname = \"k\"\npublic_key = \"k.pub.pem\"\n";
    fs::write(at.join("p.toml"), format!("{key}{rule}")).unwrap();
    for name in HOSTILE {
        let model = name.replace('/', "_");
        fs::create_dir(at.join(&model)).unwrap();
        fs::write(at.join(&model).join("w"), "w").unwrap();
        assert!(run(at, &["sign", "--key", "k.pem", "--", &model]).status.success(), "{name:?}");
        let verify = ["verify", "--policy", "p.toml", "--any-model", "--decision-log", "log", "--report", "r.sarif"];
        let explain = ["policy", "explain", "--policy", "p.toml", "--any-model"];
        let input = ["policy", "input", "--policy", "p.toml"];
        let init = ["policy", "init", "--key", "k.pub.pem", "--from"];
        for (line, status) in [(&verify[..], 1), (&explain[..], 1), (&input[..], 0), (&init[..], 2)] {
            for more in [&[][..], &["--format", "json"]] {
                let separator = if line == &init[..] { &[][..] } else { &["--"] };
                let output = run(at, &[more, line, separator, &[model.as_str()]].concat());
                // A name that a policy can match is no hostile one.
                let plain = model == "EOF" && line == &init[..];
                assert_eq!(output.status.code(), Some(if plain { 0 } else { status }), "{line:?} {name:?}");
                assert_tame(&output.stdout, name);
                assert_tame(&output.stderr, name);
            }
        }
        assert_tame(&fs::read(at.join("r.sarif")).unwrap(), name);
    }
    let log = fs::read(at.join("log")).unwrap();
    assert_eq!(log.iter().filter(|&&byte| byte == b'\n').count(), 2 * HOSTILE.len());
    for line in String::from_utf8(log).unwrap().lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!(record["code"], "policy/no-rule-matches");
    }
}

/// Reads every event of an XML text.
fn well_formed(text: &str) {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            quick_xml::events::Event::Eof => return,
            quick_xml::events::Event::Start(tag) | quick_xml::events::Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    attribute.unwrap();
                }
            }
            _ => {}
        }
    }
}
