//! Every case under `tests/vectors`: the verdict, the code and the lists of its `expect` file.

#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use modelseal::{
    Error, Expected, KeyRef, LeafPin, Policy, Silent, VerifiedArtifact, VerifyOptions, load_trusted_keys,
    verify_model_artifact,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(rename = "about")]
    _about: String,
    verdict: Verdict,
    code: Option<String>,
    base: Option<String>,
    #[serde(default)]
    setup: Vec<Vec<String>>,
    #[serde(default = "model")]
    model: String,
    #[serde(default = "bundle")]
    bundle: String,
    #[serde(default)]
    keys: Vec<Key>,
    #[serde(default)]
    anchors: Vec<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    ignore: Vec<String>,
    #[serde(default = "yes")]
    allow_test_keys: bool,
    at: Option<String>,
    findings: Option<Vec<(String, String)>>,
    uncovered: Option<Vec<String>>,
    unchecked: Option<Vec<String>>,
    #[serde(rename = "model_signing_1_1_1")]
    _model_signing: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    path: String,
    scheme: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Accept,
    Error,
    Refuse,
}

fn model() -> String {
    "model".to_owned()
}

fn bundle() -> String {
    "model.sig".to_owned()
}

const fn yes() -> bool {
    true
}

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let mut cases = Vec::new();
    find(&vectors, &mut cases);
    assert!(cases.len() >= 600, "only {} cases", cases.len());
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let name = case.strip_prefix(&vectors).unwrap_or(case).display().to_string();
            run(&vectors, case).err().map(|why| format!("{name}: {why}"))
        })
        .collect();
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn find(directory: &Path, cases: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            find(&entry.path(), cases);
        } else if name == "expect" || name.starts_with("expect-") {
            cases.push(entry.path());
        }
    }
}

fn run(vectors: &Path, path: &Path) -> Result<(), String> {
    let case: Case = serde_json::from_slice(&fs::read(path).unwrap()).map_err(|error| error.to_string())?;
    let directory = path.parent().unwrap();
    let copy = tempfile::tempdir().unwrap();
    if let Some(base) = &case.base {
        copy_tree(&vectors.join(base), copy.path());
    }
    copy_tree(directory, copy.path());
    for step in &case.setup {
        set_up(copy.path(), &step.iter().map(String::as_str).collect::<Vec<_>>());
    }
    compare(&case, verify(vectors, copy.path(), &case))
}

fn verify(vectors: &Path, copy: &Path, case: &Case) -> Result<VerifiedArtifact, Error> {
    let keys = case.keys.iter().map(|key| {
        let path = vectors.join(&key.path);
        let scheme = key.scheme.as_ref().map(|scheme| scheme.parse()).transpose()?;
        Ok(KeyRef::File { path, scheme })
    });
    let anchors: Vec<PathBuf> = case.anchors.iter().map(|path| vectors.join(path)).collect();
    let keys = keys.collect::<Result<Vec<_>, Error>>()?;
    let trusted = load_trusted_keys(&keys, &anchors, LeafPin::default(), case.allow_test_keys)?;
    let mut options = VerifyOptions::default();
    options.bundle = Some(copy.join(&case.bundle));
    options.danger_ignore_paths.clone_from(&case.ignore);
    options.danger_clock = case.at.as_ref().map(|at| at.parse().unwrap());
    for flag in &case.flags {
        match flag.as_str() {
            "danger-accept-legacy" => options.danger_accept_legacy = true,
            "danger-allow-symlinks" => options.danger_allow_symlinks = true,
            "danger-ignore-unsigned-files" => options.danger_ignore_unsigned_files = true,
            "no-ignore-git-paths" => options.ignore_git_paths = false,
            other => panic!("unknown flag {other}"),
        }
    }
    let (policy, expected) = (Policy::any_trusted_key(), Expected::danger_any_model());
    verify_model_artifact(&copy.join(&case.model), &trusted, &policy, &expected, &options, &Silent)
}

fn compare(case: &Case, outcome: Result<VerifiedArtifact, Error>) -> Result<(), String> {
    let same = |what: &str, expected: &dyn core::fmt::Debug, actual: &dyn core::fmt::Debug| {
        let (expected, actual) = (format!("{expected:?}"), format!("{actual:?}"));
        if expected == actual { Ok(()) } else { Err(format!("{what}: expected {expected}, got {actual}")) }
    };
    match outcome {
        Ok(artifact) => {
            same("verdict", &case.verdict, &Verdict::Accept)?;
            if let Some(expected) = &case.uncovered {
                let actual: Vec<&str> = artifact.uncovered().iter().map(|uncovered| uncovered.name.as_str()).collect();
                same("uncovered", expected, &actual)?;
            }
            let unchecked: Vec<&str> = artifact.unchecked().iter().map(|unchecked| unchecked.as_str()).collect();
            for expected in case.unchecked.iter().flatten() {
                if !unchecked.contains(&expected.as_str()) {
                    return Err(format!("unchecked: {expected} is not among {unchecked:?}"));
                }
            }
            Ok(())
        }
        Err(error) => {
            let code = error.code();
            let verdict = if code.exit().status() == 1 { Verdict::Refuse } else { Verdict::Error };
            let detail = |why: String| format!("{why} ({error})");
            same("code", &case.code.as_deref().unwrap_or("none"), &code.as_str()).map_err(detail)?;
            same("verdict", &case.verdict, &verdict).map_err(detail)?;
            if let Some(expected) = &case.findings {
                let actual: Vec<(&str, &str)> =
                    error.findings().iter().map(|finding| (finding.code().as_str(), finding.name())).collect();
                same("findings", expected, &actual)?;
            }
            Ok(())
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn set_up(copy: &Path, step: &[&str]) {
    let at = |path: &str| {
        let path = copy.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    match *step {
        ["mkdir", path] => fs::create_dir_all(at(path)).unwrap(),
        ["write", path, hex] => fs::write(at(path), unhex(hex)).unwrap(),
        ["append", path, hex] => {
            let mut bytes = fs::read(at(path)).unwrap();
            bytes.extend(unhex(hex));
            fs::write(at(path), bytes).unwrap();
        }
        ["truncate", path, size] => {
            fs::File::options().write(true).open(at(path)).unwrap().set_len(size.parse().unwrap()).unwrap();
        }
        ["remove", path] => {
            let path = at(path);
            if path.symlink_metadata().unwrap().is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
        ["rename", from, to] => fs::rename(at(from), at(to)).unwrap(),
        ["chmod", path, mode] => {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = u32::from_str_radix(mode, 8).unwrap();
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        ["touch", path, seconds] => {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.parse().unwrap());
            fs::File::options().write(true).open(at(path)).unwrap().set_modified(time).unwrap();
        }
        ["symlink", target, path] => std::os::unix::fs::symlink(target, at(path)).unwrap(),
        ["mkfifo", path] => {
            let made = std::process::Command::new("mkfifo").arg(at(path)).status().unwrap();
            assert!(made.success());
        }
        ["tree", file, path] => {
            let files: std::collections::BTreeMap<String, String> =
                serde_json::from_slice(&fs::read(copy.join(file)).unwrap()).unwrap();
            for (name, content) in files {
                fs::write(at(&format!("{path}/{name}")), content).unwrap();
            }
        }
        _ => panic!("unknown step {step:?}"),
    }
}

fn unhex(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
