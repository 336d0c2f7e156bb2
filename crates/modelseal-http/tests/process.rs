//! What needs a process of its own: its environment, and the number of its threads.

#![cfg(target_os = "linux")]
#![allow(clippy::panic, clippy::unwrap_used, clippy::use_debug, reason = "a test fails by panicking")]

mod support;

use std::process::Command;
use std::time::Duration;

use modelseal_http::{Client, HttpErrorKind, Roots, Sent};
use support::tls::Authority;
use support::{Server, answer, client, config, get, timed};

/// Runs an ignored test of this file in a new process with these variables.
fn child(test: &str, variables: &[(&str, &str)]) {
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command.args(["--exact", test, "--include-ignored", "--test-threads=1"]).env_clear();
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
fn proxy_variables_are_not_looked_at() {
    // A port that nobody listens on.
    let proxy = "http://127.0.0.1:1";
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    child("inner_proxy", &names.map(|name| (name, proxy)));
}

#[test]
#[ignore = "run by proxy_variables_are_not_looked_at"]
fn inner_proxy() {
    let server = Server::answering(|_| answer(204, "", ""));
    assert_eq!(server.client().send(get()).unwrap().status, 204);
    let authority = Authority::new("ca");
    let server = Server::answering_tls(authority.server(&["localhost"]), |_| answer(204, "", ""));
    let mut config = config(&format!("https://localhost:{}", server.address.port()));
    config.tls.roots = Roots::Only(vec![authority.pem()]);
    assert_eq!(Client::new(config).unwrap().send(get()).unwrap().status, 204);
}

#[test]
fn t23_no_variable_has_the_keys_of_a_connection_written_down() {
    let file = std::env::temp_dir().join(format!("modelseal-keys-{}", std::process::id()));
    child("inner_proxy", &[("SSLKEYLOGFILE", file.to_str().unwrap())]);
    assert!(!file.exists());
}

#[test]
fn a_system_without_authorities() {
    child("inner_no_authorities", &[("SSL_CERT_FILE", "/nowhere/file"), ("SSL_CERT_DIR", "/nowhere")]);
}

#[test]
#[ignore = "run by a_system_without_authorities"]
fn inner_no_authorities() {
    let error = Client::new(config("https://vault.example")).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Config, Sent::No));
    assert_eq!(error.to_string(), "this system has no certificate authorities: install them or name a file of them");
    // Needed neither without TLS nor with authorities of one's own.
    client("http://127.0.0.1:1");
    client("unix:///run/agent.sock");
    let mut config = config("https://vault.example");
    config.tls.roots = Roots::Only(vec![Authority::new("ca").pem()]);
    Client::new(config.clone()).unwrap();
    config.tls.roots = Roots::System;
    config.tls.danger_skip_verify = true;
    Client::new(config).unwrap();
}

#[test]
fn no_thread_and_no_descriptor_is_left_behind() {
    child("inner_leftovers", &[]);
}

#[test]
#[ignore = "run by no_thread_and_no_descriptor_is_left_behind"]
fn inner_leftovers() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let descriptors = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    client("http://localhost:1").send(get()).unwrap_err();
    let before = (threads(), descriptors());
    for _ in 0..200 {
        client("http://localhost:1").send(get()).unwrap_err();
    }
    // This one asks the system for a name, on a thread that then ends.
    let mut config = config("https://name.invalid");
    config.tls.danger_skip_verify = true;
    let error = Client::new(config).unwrap().send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Dns, Sent::No), "{error}");
    assert_eq!(error.to_string(), "no address is known for name.invalid");
    let (_, took) = timed(|| {
        while (threads(), descriptors()) != before {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert!(took < 2000);
}
