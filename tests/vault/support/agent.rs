//! The agents that stand between a program and its server: they log in, keep tokens in files, pass requests on.

use std::fmt::Write as _;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::admin::Client;
use super::process::{Tethered, eventually};
use super::server::{Server, providing};
use super::setup::AppRole;

/// How the agent logs in.
#[derive(Clone, Debug)]
pub(crate) enum Login<'a> {
    AppRole { approle: &'a AppRole, secret_id: &'a str },
    Jwt { mount: &'a str, role: &'a str, token: &'a str },
}

/// A running `bao agent` or `bao proxy`; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Agent {
    directory: TempDir,
    /// `http://127.0.0.1:PORT`, which insists on `X-Vault-Request: true`.
    pub(crate) address: String,
    _process: Tethered,
}

impl Agent {
    /// `bao agent`: fills both sinks, and passes requests on with its own token.
    #[track_caller]
    pub(crate) fn start(server: &Server, login: &Login<'_>) -> Self {
        Self::run("agent", server, login)
    }

    /// `bao proxy`: the same in its newer form.
    #[track_caller]
    pub(crate) fn start_proxy(server: &Server, login: &Login<'_>) -> Self {
        Self::run("proxy", server, login)
    }

    /// The file that holds the token and nothing else.
    pub(crate) fn plain_sink(&self) -> PathBuf {
        self.directory.path().join("token")
    }

    /// The file that holds the token in a wrapping, as the JSON of `wrap_info`.
    pub(crate) fn wrapped_sink(&self) -> PathBuf {
        self.directory.path().join("wrapped")
    }

    /// The socket that passes requests on.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("proxy.sock")
    }

    /// The content of a sink, as soon as there is any.
    #[track_caller]
    pub(crate) fn read(path: &Path) -> String {
        eventually("the sink has a token", || fs::read_to_string(path).ok().filter(|text| !text.is_empty()))
    }

    /// Its token must be allowed to look itself up, as the policies `default` and `signing_policy` allow it.
    ///
    /// Works with servers of either kind: there is no agent of Vault's to be had as a Go module.
    #[track_caller]
    fn run(command: &str, server: &Server, login: &Login<'_>) -> Self {
        let program = providing("openbao").expect("OpenBao is there");
        // Somebody else may take the free port before the agent does.
        let agent = (0..5).find_map(|_| Self::at(free_port(), &program, command, server, login));
        let agent = agent.unwrap_or_else(|| panic!("bao {command} ends at once; standard error says why"));
        let client = Client::new(&agent.address).with_header("X-Vault-Request", "true");
        eventually("the agent has a token", || (client.get("auth/token/lookup-self").status == 200).then_some(()));
        agent
    }

    /// An agent that listens at this port; `None` if it ended before it did.
    #[track_caller]
    fn at(port: u16, program: &Path, command: &str, server: &Server, login: &Login<'_>) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("agent.hcl");
        fs::write(&config, configuration(directory.path(), port, server, login)).unwrap();
        let mut command_line = Command::new(program);
        command_line.arg(command).arg(format!("-config={}", config.display())).arg("-log-level=error");
        command_line.env("HOME", directory.path()).current_dir(directory.path());
        let mut process = Tethered::command(&command_line);
        let address = format!("127.0.0.1:{port}");
        let socket = directory.path().join("proxy.sock");
        let listens = eventually("the agent listens or ends", || {
            let connect = || TcpStream::connect(&address).and_then(|_| UnixStream::connect(&socket)).is_ok();
            match process.is_running() {
                true => connect().then_some(true),
                false => Some(false),
            }
        });
        listens.then(|| Self { directory, address: format!("http://{address}"), _process: process })
    }
}

fn configuration(directory: &Path, port: u16, server: &Server, login: &Login<'_>) -> String {
    let file = |name: &str| text(directory.join(name).to_str().unwrap());
    let write = |name: &str, content: &str| {
        fs::write(directory.join(name), content).unwrap();
        file(name)
    };
    let method = match login {
        Login::AppRole { approle, secret_id } => format!(
            "method \"approle\" {{\n mount_path = {}\n config = {{\n role_id_file_path = {}\n secret_id_file_path = {}\n \
             remove_secret_id_file_after_reading = false\n }}\n }}\n",
            text(&format!("auth/{}", approle.mount)),
            write("role-id", &approle.role_id),
            write("secret-id", secret_id),
        ),
        Login::Jwt { mount, role, token } => format!(
            "method \"jwt\" {{\n mount_path = {}\n config = {{\n path = {}\n role = {}\n \
             remove_jwt_after_reading = false\n }}\n }}\n",
            text(&format!("auth/{mount}")),
            write("jwt", token),
            text(role),
        ),
    };
    let mut hcl = format!("vault {{\n address = {}\n}}\nauto_auth {{\n {method}", text(&server.address));
    for (name, wrapping) in [("token", ""), ("wrapped", "wrap_ttl = \"5m\"\n")] {
        write!(hcl, " sink \"file\" {{\n {wrapping} config = {{ path = {} }}\n }}\n", file(name)).unwrap();
    }
    hcl.push_str("}\napi_proxy {\n use_auto_auth_token = true\n}\n");
    for (kind, address) in [("tcp", text(&format!("127.0.0.1:{port}"))), ("unix", file("proxy.sock"))] {
        let more = "tls_disable = true\n require_request_header = true";
        write!(hcl, "listener \"{kind}\" {{\n address = {address}\n {more}\n}}\n").unwrap();
    }
    hcl
}

/// A string of HCL.
fn text(value: &str) -> String {
    Value::from(value).to_string()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
