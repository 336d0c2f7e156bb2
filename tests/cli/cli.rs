//! Sessions of the command, recorded: every command, every error code that a shell can reach.
//!
//! `TRYCMD=overwrite cargo test -p modelseal-cli --test cli` records them again; `tests/cli/README.md` says how.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

#[path = "../support/mod.rs"]
mod support;

mod complete;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../vault/support/fault.rs"]
mod fault;
mod identity;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../../crates/modelseal-identity/tests/support/keys.rs"]
mod keys;
mod output;
mod processes;
mod schemas;
mod servers;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../vault/support/wire.rs"]
mod wire;

use std::path::{Path, PathBuf};

use trycmd::schema::Bin;

/// The binary of this build. Named here so that a case never runs another one, or none.
const MODELSEAL: &str = env!("CARGO_BIN_EXE_modelseal");

/// The root of the repository.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The recorded sessions.
fn sessions() -> Vec<PathBuf> {
    let files = std::fs::read_dir(workspace().join("tests/cli/cases")).unwrap();
    let mut sessions: Vec<PathBuf> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "trycmd"))
        .collect();
    sessions.sort();
    assert!(sessions.len() > 10, "the sessions are not where they should be");
    sessions
}

#[test]
fn sessions_are_as_recorded() {
    assert!(Path::new(MODELSEAL).is_file(), "{MODELSEAL} was not built");
    let cases = trycmd::TestCases::new();
    cases.register_bin("modelseal", Bin::Path(MODELSEAL.into()));
    cases.register_bin("sh", Bin::Path("/bin/sh".into()));
    cases.env("MODELSEAL", MODELSEAL);
    cases.env("VECTORS", workspace().join("tests/vectors").display().to_string());
    cases.env("FIXTURES", workspace().join("tests/cli/fixtures").display().to_string());
    cases.env("COLUMNS", "100");
    // What the person who runs the tests has set up is not meant for them. Empty is not set.
    for (name, _) in std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))) {
        // A CI system gives the jobs that run the tests an identity as well.
        let platforms =
            ["ACTIONS_", "GITHUB_", "FORGEJO_", "GITEA_", "GITLAB_", "CI_", "BUILDKITE", "CIRCLE", "BITBUCKET_"];
        let others = ["VAULT_", "BAO_", "MODELSEAL_", "TRANSIT_", "SYSTEM_", "SPIFFE_", "SSL_CERT_"];
        if platforms.iter().chain(&others).any(|prefix| name.starts_with(prefix)) {
            cases.env(name, "");
        }
    }
    // Nobody is asked, and without TLS the authorities of the system need not be there.
    cases.env("VAULT_ADDR", "http://127.0.0.1:8200");
    for session in sessions() {
        cases.case(session);
    }
    // Links to the README and the guide, whose sessions are held to what they print.
    cases.case(workspace().join("tests/cli/readme.md"));
    cases.case(workspace().join("tests/cli/usage.md"));
    cases.run();
}
