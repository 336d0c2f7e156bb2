//! One test for each threat that signing with a key on a server can meet. `leaks.rs` has those about what is printed.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use modelseal::vault::signer_policy;
use modelseal::{Curve, KeyKind, Scheme};
use serde_json::{Value, json};

use crate::common::{TEST_KEYS, key, modelseal, run, workspace};
use crate::leaks::pass_on;
use crate::scene::Scene;
use crate::support::fault::Request;
use crate::support::process::{eventually, script};
use crate::support::tls::TlsFront;
use crate::support::{Behaviour, FaultServer, Kind, Options, Server, on_each_server, unique};

/// Requests to a path arrive at the real server with something changed.
fn changing(server: &Server, path: &str, change: impl Fn(&mut Value) + Send + Sync + 'static) -> FaultServer {
    let address = server.address.clone();
    let behaviour = Behaviour::compute(move |request| {
        let mut body = request.json();
        change(&mut body);
        pass_on(&address, &Request { body: body.to_string().into_bytes(), ..request.clone() })
    });
    FaultServer::builder().on("POST", path, [behaviour]).proxy_to(&server.address).start()
}

/// The first policy of the guide: everything between two lines.
fn policy_of_the_guide(name: &str) -> String {
    let guide = fs::read_to_string(workspace().join("docs/vault.md")).unwrap();
    let start = format!("vault policy write {name} - <<'EOF'\n");
    let (_, rest) = guide.split_once(&start).unwrap();
    rest.split_once("\nEOF\n").unwrap().0.to_owned()
}

on_each_server! {
    fn t13_a_key_has_one_scheme_and_no_other_is_tried(server: &Server) {
        let scene = Scene::with_key(server, "rsa-2048");
        run(&mut scene.sign()).accepted();
        let table = scene.export("keys");
        run(&mut scene.verify(&table)).accepted();
        let text = fs::read_to_string(&table).unwrap();
        for other in ["rsa-pss-sha384", "rsa-pss-sha512", "rsa-pkcs1v15-sha256", "rsa-pkcs1v15-sha512"] {
            fs::write(&table, text.replace("\"rsa-pss-sha256\"", &format!("\"{other}\""))).unwrap();
            run(&mut scene.verify(&table)).refused(1, "signature/invalid");
            let reference = format!("{}?scheme={other}", scene.key());
            run(&mut scene.ask(&["verify", "model", "--any-model", "--key", &reference])).refused(1, "signature/invalid");
            run(&mut scene.ask(&["verify", "model", "--any-model", "--key", &reference, "--online"]))
                .refused(1, "signature/invalid");
        }
        // An RSA key by itself does not say its scheme, and none is guessed.
        let bare = run(&mut scene.verify(&scene.sandbox.at("keys/model-v1.pem")));
        assert_ne!(bare.status, Some(0), "{}", bare.text());
    }

    fn t13_a_signature_in_another_padding_is_not_written(server: &Server) {
        let scene = Scene::with_key(server, "rsa-2048");
        let path = format!("/v1/{}/sign/", scene.mount);
        // What the server would do by itself if it were not told: the longest salt.
        let changes: [fn(&mut Value); 4] = [
            |body| body["salt_length"] = json!("auto"),
            |body| body["salt_length"] = json!("0"),
            |body| body["signature_algorithm"] = json!("pkcs1v15"),
            |body| drop(body.as_object_mut().unwrap().remove("salt_length")),
        ];
        for change in changes {
            let between = changing(server, &path, change);
            run(scene.sign().env("VAULT_ADDR", &between.address)).refused(4, "vault/wrong-signature");
            assert!(between.count(&path) > 0 && !scene.bundle().exists());
        }
        run(scene.sign().env("VAULT_ADDR", &changing(server, &path, |_| ()).address)).accepted();
    }

    fn t16_a_signer_can_sign_in_one_way_only(server: &Server) {
        let scene = Scene::new(server);
        let admin = server.admin();
        let (mount, name) = (scene.mount.parse().unwrap(), "model".parse().unwrap());
        let generated = signer_policy(&mount, &name, KeyKind::Ec(Curve::P256), Scheme::Ecdsa).unwrap();
        let guide = policy_of_the_guide("models-sign");
        let guide = guide.replace("model-signing/sign/models", &format!("{mount}/sign/model"));
        let guide = guide.replace("model-signing/keys/models", &format!("{mount}/keys/model"));
        admin.key(&scene.mount, "other", "ecdsa-p256");
        for hcl in [generated, guide] {
            assert!(hcl.contains("required_parameters"), "{hcl}");
            let policy = admin.policy("signer", &hcl);
            let token = admin.token(&[&policy], "5m", "service", 0);
            run(scene.bare_sign().env("VAULT_TOKEN", &token)).accepted();

            let client = server.client().with_token(&token);
            let sign = format!("{mount}/sign/model");
            let digest = json!({"input": "5kA5ov2oN0qS4y8UjoWxIR0uHyhOX4wJ1dGqJpSFmYs="});
            let good = json!({
                "batch_input": [digest], "key_version": 1, "prehashed": true, "hash_algorithm": "sha2-256",
                "marshaling_algorithm": "asn1",
            });
            assert_eq!(client.post(&sign, &good).status, 200);
            // Left out, the server's default would hold.
            for left_out in ["key_version", "prehashed", "hash_algorithm", "marshaling_algorithm"] {
                let mut body = good.clone();
                body.as_object_mut().unwrap().remove(left_out);
                assert_eq!(client.post(&sign, &body).status, 403, "{left_out}");
            }
            // What signs a JWT: the whole text, in the form that JWTs have.
            let changes = [
                ("prehashed", json!(false)), ("hash_algorithm", json!("sha2-512")), ("hash_algorithm", json!("none")),
                ("marshaling_algorithm", json!("jws")), ("context", json!("AAAA")), ("signature_algorithm", json!("x")),
            ];
            for (name, value) in changes {
                let mut body = good.clone();
                body[name] = value;
                assert_eq!(client.post(&sign, &body).status, 403, "{name}");
            }
            assert_eq!(client.post(&format!("{sign}/sha2-256"), &good).status, 403);
            assert_eq!(client.post(&format!("{mount}/sign/other"), &good).status, 403);
            for path in ["rotate", "config", "trim"] {
                assert_eq!(client.post(&format!("{mount}/keys/model/{path}"), &json!({})).status, 403, "{path}");
            }
            assert_eq!(client.post(&format!("{mount}/verify/model"), &good).status, 403);
        }
    }

    fn t17_a_server_that_was_exchanged_has_another_key(server: &Server) {
        let scene = Scene::new(server);
        let signed = run(&mut scene.sign()).accepted();
        let id = signed["signer"]["key_id"].as_str().unwrap().to_owned();
        let sign = || {
            let mut command = scene.sign();
            command.args(["--expect-key-id", &id]);
            command
        };
        run(&mut sign()).accepted();
        fs::remove_file(scene.bundle()).unwrap();

        // Somebody else's server: the same names, another key, and it is sure of itself.
        let admin = server.admin();
        scene.operate("config", &json!({"deletion_allowed": true}));
        admin.delete(&format!("{}/keys/model", scene.mount)).ok();
        admin.key(&scene.mount, "model", "ecdsa-p256");
        let between = FaultServer::builder().proxy_to(&server.address).start();
        let refused = run(sign().env("VAULT_ADDR", &between.address)).refused(4, "vault/unexpected-key");
        assert!(refused["message"].as_str().unwrap().contains(&id[..8]), "{refused}");
        assert_eq!(between.count(&format!("/v1/{}/sign/", scene.mount)), 0);
        assert_eq!(between.count("/v1/auth/token/revoke-self"), 1);
        assert!(!scene.bundle().exists());
        // Without the rule nothing finds it.
        run(&mut scene.sign()).accepted();
    }

    fn t17_a_signature_by_another_key_is_not_written(server: &Server) {
        let scene = Scene::new(server);
        server.admin().key(&scene.mount, "other", "ecdsa-p256");
        let address = server.address.clone();
        let root = server.root_token.clone();
        let other = Behaviour::compute(move |request: &Request| {
            let headers = vec![("X-Vault-Token".to_owned(), root.clone())];
            let path = request.path.replace("/sign/model", "/sign/other");
            pass_on(&address, &Request { path, headers, ..request.clone() })
        });
        let path = format!("/v1/{}/sign/", scene.mount);
        let between = FaultServer::builder().on("POST", &path, [other]).proxy_to(&server.address).start();
        run(scene.sign().env("VAULT_ADDR", &between.address)).refused(4, "vault/wrong-signature");
        assert!(!scene.bundle().exists());
    }

    fn t18_a_version_that_was_retired_does_not_verify_by_reference(server: &Server) {
        // Either minimum is enough, whatever the server itself still says.
        for minimum in ["min_encryption_version", "min_decryption_version"] {
            let scene = Scene::new(server);
            run(&mut scene.sign()).accepted();
            let before = scene.export("before");
            scene.operate("rotate", &json!({}));
            for command in [&mut scene.verify_by_reference(), &mut scene.verify_online()] {
                run(command).accepted();
            }
            scene.operate("config", &json!({minimum: 2}));
            run(&mut scene.verify_by_reference()).refused(1, "signature/unknown-key");
            run(&mut scene.verify_online()).refused(1, "signature/unknown-key");
            let named = format!("{}?version=1", scene.key());
            run(&mut scene.ask(&["verify", "model", "--any-model", "--key", &named])).refused(4, "vault/key-version");
            run(&mut scene.ask(&["sign", "model", "--key", &named])).refused(4, "vault/key-version");
            // A trusted table of before, asked about: the server offers the version, or not, and is not believed.
            let table = before.display().to_string();
            let mut asked = scene.ask(&["verify", "model", "--any-model", "--key", &table, "--online"]);
            run(&mut asked).refused(1, "signature/online-refused");
            let after = scene.export("after");
            let refused = run(&mut scene.verify(&after));
            assert_eq!(refused.status, Some(1), "{}", refused.text());
            assert!(fs::read_to_string(after).unwrap().contains("min_version = 2"));
        }
    }

    fn t20_whatever_ends_a_run_it_revokes_once_and_for_three_seconds_at_most(server: &Server) {
        let ends = ["INT", "TERM", "HUP", "QUIT", "closed", "error"];
        thread::scope(|scope| {
            for end in ends {
                scope.spawn(move || {
                    let scene = Scene::new(server);
                    let sign = format!("/v1/{}/sign/", scene.mount);
                    let lasting = if end == "closed" { Behaviour::Forward } else { Behaviour::Silence };
                    let failing = Behaviour::json(500, &json!({"errors": ["no"]}));
                    let deed = if end == "error" { failing } else { lasting };
                    let between = FaultServer::builder()
                        .on("POST", &sign, [deed])
                        .on("POST", "/v1/auth/token/revoke-self", [Behaviour::Silence])
                        .proxy_to(&server.address)
                        .start();
                    let inner = scene.sign();
                    let mut command = Command::new("env");
                    command.arg("--default-signal=HUP,INT,QUIT,TERM").arg(inner.get_program()).args(inner.get_args());
                    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
                    command.current_dir(scene.sandbox.path()).env("VAULT_ADDR", &between.address).stdin(Stdio::null());
                    let (reader, writer) = io::pipe().unwrap();
                    drop(reader);
                    if end == "closed" { command.stdout(writer) } else { command.stdout(Stdio::null()) };
                    let child = command.stderr(Stdio::piped()).spawn().unwrap();
                    eventually("it signs", || (between.count(&sign) > 0).then_some(()));
                    let started = Instant::now();
                    if !["closed", "error"].contains(&end) {
                        let id = child.id().to_string();
                        assert!(Command::new("kill").args(["-s", end, &id]).status().unwrap().success());
                    }
                    let done = child.wait_with_output().unwrap();
                    let text = String::from_utf8_lossy(&done.stderr);
                    // Without the bound it would be the minute of the usual timeout, times three with retries.
                    assert!(started.elapsed() < Duration::from_secs(20), "{end}: {:?}", started.elapsed());
                    assert_eq!(between.count("/v1/auth/token/revoke-self"), 1, "{end}: {text}");
                    assert!(done.status.code().is_some_and(|code| code != 0), "{end}: {:?} {text}", done.status);
                    assert!(text.contains("the token could not be revoked, and it lives "), "{end}: {text}");
                });
            }
        });
    }

    fn t21_no_variable_weakens_a_check_or_starts_a_program(server: &Server) {
        let scene = Scene::new(server);
        let endless = server.admin().token(&["root"], "0", "service", 0);
        let flags = dangers();
        assert!(flags.len() > 5 && flags.contains(&"danger-unlimited-token".to_owned()), "{flags:?}");
        let weaken = |mut command: Command| {
            for flag in &flags {
                let name = flag.to_uppercase().replace('-', "_");
                for prefix in ["MODELSEAL_", "VAULT_", "BAO_", ""] {
                    command.env(format!("{prefix}{name}"), "1");
                }
                command.env(format!("MODELSEAL_{}", name.trim_start_matches("DANGER_")), "true");
            }
            for name in ["MODELSEAL_IDENTITY_TOKEN_COMMAND", "VAULT_IDENTITY_TOKEN_COMMAND", "VAULT_TOKEN_HELPER"] {
                command.env(name, "touch pwned");
            }
            run(&mut command)
        };
        let mut unlimited = scene.bare_sign();
        unlimited.env("VAULT_TOKEN", &endless);
        weaken(unlimited).refused(4, "vault/token-unlimited");

        let mut plain = scene.sign();
        plain.env("VAULT_ADDR", "http://vault.example.invalid:8200");
        weaken(plain).refused(2, "vault/plain-http");

        let mut nothing = scene.bare_sign();
        nothing.env("MODELSEAL_ROLE", "ci").env("MODELSEAL_AUTH_PATH", &scene.auth);
        weaken(nothing).refused(2, "vault/no-credentials");
        assert!(!scene.sandbox.at("pwned").exists());

        let mut published = modelseal();
        published.current_dir(scene.sandbox.path()).args(["sign", "model", "--format", "json", "--key"]);
        assert_ne!(weaken({ published.arg(key("p256.pem")); published }).status, Some(0), "{TEST_KEYS}");
        run(&mut scene.sign()).accepted();
        scene.sandbox.write("model/extra.bin", b"x");
        let table = scene.export("keys");
        weaken(scene.verify(&table)).refused(1, "artifact/unexpected");
        fs::remove_file(scene.sandbox.at("model/extra.bin")).unwrap();

        // The method that the job names is not another one because of a variable.
        let mut named = scene.sign();
        named.args(["--auth", "jwt"]).env("MODELSEAL_AUTH", "token").env("VAULT_TOKEN", &endless).arg("-v");
        let done = run(&mut named);
        done.accepted();
        assert!(done.text().contains("login: jwt, because of --auth"), "{}", done.text());
    }

    fn t21_a_command_is_an_argument_list_and_no_shell_line(server: &Server) {
        let scene = Scene::new(server);
        let word = "--identity-token-command";
        for words in [
            &["cat identity; touch pwned"][..],
            &["cat identity", "touch pwned"],
            &["$(touch pwned)"],
            &["echo", "$(touch pwned)`touch pwned`; touch pwned | touch pwned"],
        ] {
            let mut command = scene.bare_sign();
            command.args(["--auth-path", &scene.auth, "--role", "ci"]);
            command.args(words.iter().flat_map(|one| [word, one]));
            assert_ne!(run(&mut command).status, Some(0), "{words:?}");
            assert!(!scene.sandbox.at("pwned").exists(), "{words:?}");
        }
        let mut command = scene.bare_sign();
        command.args(["--auth-path", &scene.auth, "--role", "ci", word, "cat", word, "identity"]);
        run(&mut command).accepted();
    }

    fn t23_the_log_has_our_own_lines_only(server: &Server) {
        let scene = Scene::new(server);
        let lines = |filter: Option<&str>| {
            let mut command = scene.sign();
            command.arg("-vvv").env("RUST_BACKTRACE", "full");
            filter.map(|filter| command.env("RUST_LOG", filter));
            let done = run(&mut command);
            done.accepted();
            let text = String::from_utf8(done.stderr).unwrap();
            assert!(text.lines().all(|line| line.starts_with("modelseal: ")), "{text}");
            // Times and ids differ from run to run.
            text.lines().map(|line| line.split(" ms").next().unwrap().trim_end_matches(char::is_numeric).to_owned()).collect::<Vec<_>>()
        };
        let quiet = lines(None);
        assert!(quiet.iter().any(|line| line.contains("revoke-self")), "{quiet:?}");
        for filter in ["trace", "reqwest=trace,hyper=trace,rustls=trace,modelseal=trace"] {
            assert_eq!(lines(Some(filter)), quiet);
        }
    }

    fn t24_a_server_of_the_tests_has_a_random_token_that_nobody_can_see(kind: Kind) {
        let servers = [Server::own(kind, &Options::default()), Server::own(kind, &Options::default())];
        assert_ne!(servers[0].root_token, servers[1].root_token);
        for server in &servers {
            assert!(server.root_token.len() >= 24 && server.address.starts_with("http://127.0.0.1:"));
            for process in fs::read_dir("/proc").unwrap() {
                let line = fs::read(process.unwrap().path().join("cmdline")).unwrap_or_default();
                assert!(!String::from_utf8_lossy(&line).contains(&server.root_token));
            }
        }
    }
}

/// The names of all flags that weaken something, without their dashes.
fn dangers() -> Vec<String> {
    let mut flags = Vec::new();
    for command in
        [&["sign", "--help"][..], &["verify", "--help"], &["vault", "login", "--help"], &["keys", "show", "--help"]]
    {
        let help = run(modelseal().args(command)).text();
        let words =
            help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).filter_map(|word| word.strip_prefix("--"));
        flags.extend(words.filter(|word| word.starts_with("danger-")).map(str::to_owned));
    }
    flags.sort();
    flags.dedup();
    flags
}

#[test]
fn t21_no_variable_switches_the_check_of_certificates_off() {
    assert!(Kind::OpenBao.available());
    let server = Server::own(Kind::OpenBao, &Options { tls: true, ..Options::default() });
    let scene = Scene::new(&server);
    let file = |name: &str| server.certificates[name].as_path();
    let front = TlsFront::start(file("wrong_host"), file("wrong_host_key"), &server.address);
    for (address, authority) in [(server.tls_address.as_deref().unwrap(), "other_ca"), (front.address.as_str(), "ca")] {
        let mut command = scene.sign();
        command.env("VAULT_ADDR", address).env("VAULT_CACERT", file(authority));
        for name in ["DANGER_SKIP_TLS_VERIFY", "SKIP_VERIFY", "TLS_SKIP_VERIFY", "INSECURE"] {
            command.env(format!("MODELSEAL_{name}"), "1");
        }
        command.env("SSL_CERT_FILE", file("ca")).env("PYTHONHTTPSVERIFY", "0").env("NODE_TLS_REJECT_UNAUTHORIZED", "0");
        run(&mut command).refused(4, "vault/tls");
        for name in ["VAULT_SKIP_VERIFY", "BAO_SKIP_VERIFY"] {
            run(command.env(name, "true")).refused(2, "usage/environment");
            command.env_remove(name);
        }
    }
    run(scene.sign().env("VAULT_ADDR", server.tls_address.as_deref().unwrap()).env("VAULT_CACERT", file("ca")))
        .accepted();
}

/// Every program and test that starts servers or talks to one.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = ["tests", "scripts", "crates/modelseal-vault/tests", "python/tests"]
        .map(|path| workspace().join(path))
        .to_vec();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|end| ["rs", "py", "sh"].iter().any(|known| end == *known)) {
                found.push(path);
            }
        }
    }
    found
}

/// What reads a variable of the environment, in Rust, Python and shell.
const READERS: [&str; 9] = [
    "env::var(",
    "env::var_os(",
    "environ[",
    "environ.get(",
    "getenv(",
    "environ.pop(",
    "environ.setdefault(",
    "${",
    "$",
];

#[test]
fn t24_no_test_reads_the_address_of_a_users_server() {
    let (mut files, mut allowed) = (0, 0);
    for path in sources().iter().filter(|path| path.file_name() != Path::new(file!()).file_name()) {
        let text = fs::read_to_string(path).unwrap();
        files += 1;
        for reader in READERS {
            for (at, _) in text.match_indices(reader) {
                let rest = text[at + reader.len()..].trim_start_matches(['"', '\'', ' ', '\n']);
                allowed += usize::from(rest.starts_with("MODELSEAL_TEST_VAULT_ADDR"));
                let users = ["VAULT_", "BAO_", "MODELSEAL_VAULT_ADDR"].iter().any(|name| rest.starts_with(name));
                assert!(!users, "{}: {reader}{:.40}", path.display(), rest);
            }
        }
    }
    assert!(files > 20 && allowed > 0, "{files} files, {allowed} times the variable that is meant");
}

#[test]
fn t24_nothing_is_sent_to_a_users_server() {
    assert!(Kind::OpenBao.available());
    let users = FaultServer::builder().on("*", "", [Behaviour::json(200, &json!({}))]).start();
    let point = |command: &mut Command| {
        for name in ["VAULT_ADDR", "BAO_ADDR", "VAULT_AGENT_ADDR", "BAO_AGENT_ADDR", "MODELSEAL_VAULT_ADDR"] {
            command.env(name, &users.address);
        }
        for name in ["VAULT_PROXY_ADDR", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(name, &users.address);
        }
        command.env("VAULT_TOKEN", unique("users-token")).env("BAO_TOKEN", unique("users-token"));
        command.env_remove("MODELSEAL_TEST_VAULT_ADDR").env_remove("MODELSEAL_TEST_VAULT_TOKEN");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // Tests of this very program: a server is started, set up and used.
    let tests =
        ["harness::tokens_can_be_limited::openbao", "requests::a_job_asks_four_times_over_one_connection::openbao"];
    let inner = point(Command::new(std::env::current_exe().unwrap()).args(tests).arg("--exact"));
    let done = inner.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&done.stdout).contains("2 passed"), "{done:?}");
    // It serves until its standard input ends.
    let mut server = point(script("serve.py").arg("openbao"));
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(server.wait_with_output().unwrap().status.success());
    let announced: Value = serde_json::from_str(&line).unwrap();
    assert_ne!(announced["address"], users.address.as_str());
    assert_eq!((users.connections(), users.requests().len()), (0, 0));
}
