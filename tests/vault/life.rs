//! No token outlives the command that obtained it, whatever becomes of the command.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{PATIENCE, run};
use crate::scene::{Ledger, NAME, Scene, alive};
use crate::support::process::eventually;
use crate::support::{Behaviour, FaultServer, Kind, Options, Server, on_each_server};

/// The command as it is run when no signal is ignored, whatever the test run itself was told to ignore.
fn listening(command: &Command) -> Command {
    let mut outer = Command::new("env");
    outer.arg("--default-signal=HUP,INT,QUIT,TERM").arg(command.get_program()).args(command.get_args());
    outer.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    outer
}

fn kill(child: &Child, signal: &str) {
    let done = Command::new("kill").args(["-s", signal, &child.id().to_string()]).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[track_caller]
fn ended(child: Child) -> Output {
    let id = child.id();
    let watch = thread::spawn(move || child.wait_with_output().unwrap());
    let deadline = Instant::now() + PATIENCE;
    while !watch.is_finished() {
        if Instant::now() > deadline {
            Command::new("kill").args(["-KILL", &id.to_string()]).status().unwrap();
            panic!("it hangs");
        }
        thread::sleep(Duration::from_millis(5));
    }
    watch.join().unwrap()
}

/// Where a run is when the signal comes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Login,
    ReadKey,
    Sign,
}

impl Stage {
    const ALL: [Self; 3] = [Self::Login, Self::ReadKey, Self::Sign];

    fn path(self, scene: &Scene<'_>) -> String {
        match self {
            Self::Login => format!("/v1/auth/{}/login", scene.auth),
            Self::ReadKey => format!("/v1/{}/keys/", scene.mount),
            Self::Sign => format!("/v1/{}/sign/", scene.mount),
        }
    }

    /// A login is made, and its answer comes late. The others do not come at all.
    fn faults(self, scene: &Scene<'_>) -> FaultServer {
        let behaviour = match self {
            Self::Login => Behaviour::alter(|reply| {
                thread::sleep(Duration::from_millis(700));
                reply
            }),
            Self::ReadKey | Self::Sign => Behaviour::Silence,
        };
        let builder = FaultServer::builder().on("*", &self.path(scene), [behaviour]);
        builder.proxy_to(&scene.server.address).start()
    }
}

/// Sends a signal, or several, once a run has come to a stage; returns what the run left.
#[track_caller]
fn interrupted(scene: &Scene<'_>, stage: Stage, signals: &[&str], mut command: Command) -> Output {
    let faults = stage.faults(scene);
    let child = listening(command.env("VAULT_ADDR", &faults.address)).spawn().unwrap();
    eventually("the request arrived", || (faults.count(&stage.path(scene)) > 0).then_some(()));
    for signal in signals {
        kill(&child, signal);
        thread::sleep(Duration::from_millis(30));
    }
    ended(child)
}

on_each_server! {
    fn nothing_is_alive_after_any_command(kind: Kind) {
        let server = Server::own(kind, &Options { audit: true, ..Options::default() });
        let scene = Scene::new(&server);
        let admin = server.admin();
        let (before, entry) = (alive(&server), server.audit_lines().len());
        let deaf = admin.policy("deaf", r#"path "auth/token/revoke-self" { capabilities = ["update"] }"#);
        let more = json!({"token_no_default_policy": true});
        admin.jwt_role(&scene.auth, "deaf", &json!({}), &[&deaf], &more);
        admin.jwt_role(&scene.auth, "lasting", &json!({}), &[&scene.policy], &json!({"token_ttl": "1h", "token_max_ttl": "1h"}));

        let key = scene.key();
        let id = "0".repeat(64);
        let good: [&[&str]; 9] = [
            &["sign", "model", "--key", &key, "--name", NAME, "--dry-run"],
            &["sign", "model", "--key", &key, "--name", NAME],
            &["keys", "show", &key],
            &["keys", "export", &key],
            &["keys", "export", &key, "--out", "keys"],
            &["verify", "model", "--key", &key, "--expect-name", NAME],
            &["verify", "model", "--key", &key, "--online", "--any-model"],
            &["vault", "login", "--dry-run"],
            &["vault", "login", "--dry-run", "--key", &key],
        ];
        for arguments in good {
            run(&mut scene.ask(arguments)).accepted();
        }
        let absent = format!("hashivault://{}/absent", scene.mount);
        let nowhere = "hashivault://nowhere/model";
        let late = format!("{key}?version=7");
        let bad: [(&str, &[&str]); 13] = [
            ("vault/unexpected-key", &["sign", "model", "--key", &key, "--expect-key-id", &id]),
            ("vault/permission", &["sign", "model", "--key", nowhere]),
            ("vault/permission", &["sign", "model", "--key", &absent]),
            ("vault/key-version", &["sign", "model", "--key", &late]),
            ("vault/token-ttl", &["sign", "model", "--key", &key, "--strict-token", "--max-token-ttl", "1m"]),
            ("vault/permission", &["keys", "show", &absent]),
            ("output/exists", &["keys", "export", &key, "--out", "occupied"]),
            ("policy/other-model", &["verify", "model", "--key", &key, "--expect-name", "acme/other"]),
            ("policy/other-model", &["verify", "model", "--key", &key, "--expect-name", "acme/other", "--online"]),
            ("input/not-found", &["verify", "absent", "--key", &key, "--online"]),
            ("vault/permission", &["verify", "model", "--key", &absent, "--online"]),
            ("vault/permission", &["vault", "login", "--dry-run", "--key", &absent]),
            ("artifact/unsigned", &["verify", "--recursive", "model", "--key", &key, "--online", "--expect-count", "9"]),
        ];
        scene.sandbox.write("occupied/model-v1.pem", b"somebody's\n");
        for (code, arguments) in bad {
            let done = run(&mut scene.ask(arguments));
            let json = done.json();
            let found = json["code"].as_str().or_else(|| json["results"][0]["code"].as_str());
            assert_eq!(found, Some(code), "{arguments:?}: {}", done.text());
            assert_ne!(done.status, Some(0), "{arguments:?}");
            assert!(!done.text().contains("could not be revoked"), "{}", done.text());
        }
        let role = |name: &str| {
            let mut command = scene.bare_sign();
            command.args(["--auth-path", &scene.auth, "--identity-token-file", "identity", "--role", name]);
            command
        };
        run(&mut role("deaf")).refused(4, "vault/permission");
        run(role("lasting").arg("--strict-token")).refused(4, "vault/token-ttl");
        // A directory that takes no file, found after the signature was made.
        let done = run(scene.sign().args(["--bundle", "/proc/model.sig"]));
        assert_ne!(done.status, Some(0), "{}", done.text());

        let ledger = Ledger::since(&server, entry);
        assert!(ledger.tokens.len() > 20, "{}", ledger.tokens.len());
        ledger.assert_all_revoked();
        assert_eq!(alive(&server), before);
    }

    fn a_signal_at_any_stage_revokes_and_writes_nothing(kind: Kind) {
        let server = Server::own(kind, &Options { audit: true, ..Options::default() });
        let (before, entry) = (alive(&server), server.audit_lines().len());
        let cases = [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131)];
        let scenes: Vec<_> = Stage::ALL.iter().map(|&stage| (stage, Scene::new(&server))).collect();
        thread::scope(|scope| {
            for (stage, scene) in &scenes {
                scope.spawn(move || {
                    for (signal, status) in cases {
                        let done = interrupted(scene, *stage, &[signal], scene.sign());
                        let text = format!("{stage:?} {signal}: {}", String::from_utf8_lossy(&done.stderr));
                        assert_eq!((done.status.code(), done.status.signal()), (Some(status), None), "{text}");
                        let json: Value = serde_json::from_slice(&done.stdout).unwrap();
                        assert_eq!((&json["code"], &json["exit"]), (&json!("usage/interrupted"), &json!(status)));
                        assert!(!scene.bundle().exists(), "{text}");
                        assert!(!text.contains("could not be revoked"), "{text}");
                    }
                });
            }
        });
        let ledger = Ledger::since(&server, entry);
        assert_eq!(ledger.tokens.len(), cases.len() * Stage::ALL.len());
        ledger.assert_all_revoked();
        assert_eq!(ledger.granted("/sign/model"), 0);
        assert_eq!(alive(&server), before);
    }

    fn a_signal_leaves_an_earlier_signature_as_it_was(kind: Kind) {
        let server = Server::own(kind, &Options::default());
        let scene = Scene::new(&server);
        run(&mut scene.sign()).accepted();
        let (old, before) = (fs::read(scene.bundle()).unwrap(), alive(&server));
        let names = scene.sandbox.names("model");
        scene.sandbox.write("model/w/1.bin", b"more");
        for stage in Stage::ALL {
            // Twice in quick succession: once to the group, once from a parent that passes it on.
            let done = interrupted(&scene, stage, &["INT", "INT"], scene.sign());
            assert_eq!(done.status.code(), Some(130), "{stage:?}: {}", String::from_utf8_lossy(&done.stderr));
            assert_eq!(fs::read(scene.bundle()).unwrap(), old, "{stage:?}");
            assert_eq!(scene.sandbox.names("model"), names, "{stage:?}");
            assert_eq!(alive(&server), before, "{stage:?}");
        }
        let done = interrupted(&scene, Stage::Sign, &["TERM", "INT", "HUP"], scene.sign());
        assert!([Some(143), Some(130), Some(129)].contains(&done.status.code()), "{done:?}");
        assert_eq!(alive(&server), before);
    }

    fn a_signal_stops_every_other_command_too(kind: Kind) {
        let server = Server::own(kind, &Options::default());
        let scene = Scene::new(&server);
        run(&mut scene.sign()).accepted();
        let before = alive(&server);
        let key = scene.key();
        for stage in [Stage::Login, Stage::ReadKey] {
            let commands = [
                scene.ask(&["keys", "show", &key]),
                scene.ask(&["keys", "export", &key, "--out", "keys"]),
                scene.verify_by_reference(),
                scene.verify_online(),
                scene.ask(&["vault", "login", "--dry-run", "--key", &key]),
            ];
            for command in commands {
                let text = format!("{stage:?} {command:?}");
                let done = interrupted(&scene, stage, &["TERM"], command);
                assert_eq!(done.status.code(), Some(143), "{text}: {}", String::from_utf8_lossy(&done.stderr));
                assert_eq!(alive(&server), before, "{text}");
            }
        }
        assert!(!scene.sandbox.at("keys").exists());
    }

    fn a_closed_standard_output_does_not_keep_the_token(kind: Kind) {
        let server = Server::own(kind, &Options { audit: true, ..Options::default() });
        let scene = Scene::new(&server);
        let (before, entry) = (alive(&server), server.audit_lines().len());
        let key = scene.key();
        let commands: [&[&str]; 5] = [
            &["sign", "model", "--key", &key, "--name", NAME],
            &["keys", "show", &key],
            &["verify", "model", "--key", &key, "--online", "--expect-name", NAME],
            &["verify", "model", "--key", &key, "--expect-name", NAME],
            &["vault", "login", "--dry-run"],
        ];
        for arguments in commands {
            let mut command = scene.ask(arguments);
            let (reader, writer) = io::pipe().unwrap();
            drop(reader);
            let done = listening(command.arg("-v")).stdout(writer).output().unwrap();
            assert_eq!(done.status.code(), Some(2), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));

            // Standard error too, where -v writes before and after each request.
            let (reader, writer) = io::pipe().unwrap();
            drop(reader);
            let done = listening(&command).stdout(Stdio::null()).stderr(writer).output().unwrap();
            assert!(done.status.code().is_some(), "{arguments:?}: {done:?}");

            let mut shell = Command::new("sh");
            shell.args(["-c", "exec \"$0\" \"$@\" >&-"]).arg(command.get_program()).args(command.get_args());
            shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let done = shell.current_dir(scene.sandbox.path()).stdin(Stdio::null()).output().unwrap();
            assert!(done.status.code().is_some(), "{arguments:?}: {done:?}");
        }
        let ledger = Ledger::since(&server, entry);
        assert_eq!(ledger.tokens.len(), 3 * commands.len());
        ledger.assert_all_revoked();
        assert_eq!(alive(&server), before);
    }

    fn a_token_that_cannot_be_revoked_is_told_whatever_else_happened(server: &Server) {
        let scene = Scene::new(server);
        let gone = Behaviour::answer(503, &[], "down for maintenance");
        let faults = FaultServer::builder().on("POST", "/v1/auth/token/revoke-self", [gone]);
        let faults = faults.proxy_to(&server.address).start();
        let absent = format!("hashivault://{}/absent", scene.mount);
        let key = scene.key();
        let commands: [(i32, &[&str]); 5] = [
            (0, &["sign", "model", "--key", &key, "--name", NAME]),
            (4, &["sign", "model", "--key", &absent]),
            (0, &["keys", "show", &key]),
            (0, &["verify", "model", "--key", &key, "--online", "--any-model"]),
            (4, &["verify", "model", "--key", &absent]),
        ];
        for (status, arguments) in commands {
            let done = run(scene.ask(arguments).env("VAULT_ADDR", &faults.address));
            let text = done.text();
            assert_eq!(done.status, Some(status), "{arguments:?}: {text}");
            assert!(text.contains("the token could not be revoked, and it lives "), "{arguments:?}: {text}");
            // What an operator needs is there, and it works.
            let (_, rest) = text.split_once("vault token revoke -accessor ").unwrap();
            let accessor: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric()).collect();
            server.admin().post("auth/token/revoke-accessor", &json!({"accessor": accessor})).ok();
        }
    }

    fn a_server_that_never_answers_ends_in_time(server: &Server) {
        let scene = Scene::new(server);
        let started = Instant::now();
        let silent = FaultServer::builder().on("*", "/", [Behaviour::Silence]).start();
        let mut command = scene.sign();
        command.args(["--timeout", "1s"]).env("VAULT_ADDR", &silent.address).env("VAULT_MAX_RETRIES", "0");
        run(&mut command).refused(5, "vault/timeout");
        run(command.env_remove("VAULT_MAX_RETRIES")).refused(5, "vault/timeout");
        let mut online = scene.verify_online();
        online.args(["--timeout", "1s"]).env("VAULT_ADDR", &silent.address);
        run(&mut online).refused(5, "vault/timeout");
        // Each with seconds to spare on a busy machine, and far from the usual minute.
        assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());

        for stage in [Stage::ReadKey, Stage::Sign] {
            let faults = stage.faults(&scene);
            let done = run(scene.sign().args(["--timeout", "2s"]).env("VAULT_ADDR", &faults.address));
            done.refused(5, "vault/timeout");
            assert_eq!(faults.count("/v1/auth/token/revoke-self"), 1, "{stage:?}");
        }
        assert!(!scene.bundle().exists());
    }
}
