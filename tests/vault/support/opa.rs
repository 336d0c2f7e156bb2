//! Open Policy Agent servers.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Tethered, announce, eventually, script};
use super::server::{has_go, providing};
use super::wire::exchange;
use crate::common::workspace;

/// A running server, which keeps everything in memory.
#[derive(Debug)]
pub(crate) struct Opa {
    /// `http://127.0.0.1:PORT`, or with `https`.
    pub(crate) address: String,
    /// The authority behind its certificate, and another one of the same name.
    pub(crate) authorities: Option<[PathBuf; 2]>,
    _process: Tethered,
    _directory: TempDir,
}

impl Opa {
    /// A server with these modules and documents, by file name; none without Go, which is said on standard error.
    #[track_caller]
    pub(crate) fn start(files: &[(&str, &str)], options: &[&str]) -> Option<Self> {
        Self::started(files, options, false)
    }

    /// The same with TLS.
    #[track_caller]
    pub(crate) fn with_tls(files: &[(&str, &str)]) -> Option<Self> {
        Self::started(files, &[], true)
    }

    #[track_caller]
    fn started(files: &[(&str, &str)], options: &[&str], tls: bool) -> Option<Self> {
        let Some(program) = providing("opa") else {
            assert!(!has_go(), "no Open Policy Agent: `python3 tests/vault/provide.py` says why");
            announce("NOT TESTED against Open Policy Agent: install Go");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, text) in files {
            fs::write(at(name), text).unwrap();
        }
        let certificates = tls.then(|| certificates(&at("certificates")));
        // Between choosing a port and listening on it another process may take it.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let mut command = Command::new(&program);
            command.args(["run", "--server", "--skip-version-check", "--log-level", "error"]);
            command.arg("--addr").arg(format!("127.0.0.1:{port}")).args(options);
            if let Some(directory) = &certificates {
                command.arg("--tls-cert-file").arg(directory.join("server.pem"));
                command.arg("--tls-private-key-file").arg(directory.join("server.key"));
            }
            command.args(files.iter().map(|(name, _)| at(name))).current_dir(directory.path());
            let mut process = Tethered::command(&command);
            let listens = || TcpStream::connect(("127.0.0.1", port)).is_ok();
            if !eventually("OPA listens", || (listens() || !process.is_running()).then(|| process.is_running())) {
                continue;
            }
            return Some(Self {
                address: format!("{}://127.0.0.1:{port}", if tls { "https" } else { "http" }),
                authorities: certificates.map(|directory| ["ca.pem", "other-ca.pem"].map(|name| directory.join(name))),
                _process: process,
                _directory: directory,
            });
        }
        panic!("Open Policy Agent does not start; standard error says why")
    }

    /// Puts a module or a document there; returns the status.
    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &str) -> u16 {
        self.request("PUT", path, body)
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) {
        assert_eq!(self.request("DELETE", path, ""), 200, "{path}");
    }

    fn request(&self, method: &str, path: &str, body: &str) -> u16 {
        let stream = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        exchange(stream, method, path, &[], body.as_bytes()).expect("OPA answers").status()
    }
}

/// Makes certificates of a private authority in a new directory.
fn certificates(directory: &std::path::Path) -> PathBuf {
    let make = "import certificates, pathlib, sys; certificates.make(pathlib.Path(sys.argv[1]))";
    let mut python = Command::new(script("provide.py").get_program());
    python.args(["-c", make]).arg(directory).current_dir(workspace().join("tests/vault"));
    assert!(python.output().unwrap().status.success(), "tests/vault/certificates.py needs openssl");
    directory.to_owned()
}
