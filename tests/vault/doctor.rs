//! `doctor` finds what is wrong, says it by its own id, and leaves nothing behind.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Run, modelseal, run};
use crate::scene::{Ledger, Scene, bound_claims, policy};
use crate::support::fault::Reply;
use crate::support::issuer::{AUDIENCE, now};
use crate::support::{Behaviour, FaultServer, Kind, Options, Server, on_each_server};

/// `doctor` as the job, for its key.
fn doctor(scene: &Scene<'_>) -> Command {
    scene.ask(&["doctor", "--key", &scene.key()])
}

/// The same with somebody at hand who may read the role.
fn with_operator(scene: &Scene<'_>) -> Command {
    let mut command = doctor(scene);
    command.env("VAULT_TOKEN", &scene.server.root_token);
    command
}

/// The object of a run that ended as it should and told no secret.
#[track_caller]
fn examined(server: &Server, command: &mut Command, exit: i32) -> Value {
    let done = run(command);
    told_nothing(server, &done);
    assert_eq!(done.status, Some(exit), "{}", done.text());
    let object = done.json();
    assert_eq!(object["code"], if exit == 0 { "healthy" } else { "problems" }, "{object}");
    object
}

#[track_caller]
fn told_nothing(server: &Server, done: &Run) {
    for secret in ["eyJ", "hvs.", "hvb.", server.root_token.as_str()] {
        assert!(!done.text().contains(secret), "{}", done.text());
    }
}

/// The ids of the checks that ended so.
fn ids<'a>(object: &'a Value, status: &str) -> Vec<&'a str> {
    let checks = object["checks"].as_array().unwrap();
    checks.iter().filter(|check| check["status"] == status).map(|check| check["id"].as_str().unwrap()).collect()
}

/// The first check of an id.
#[track_caller]
fn named<'a>(object: &'a Value, id: &str) -> &'a Value {
    let checks = object["checks"].as_array().unwrap();
    checks.iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no {id} in {object}"))
}

/// Asserts a problem that says how to get out of it.
#[track_caller]
fn problem<'a>(object: &'a Value, id: &str) -> &'a Value {
    assert!(ids(object, "problem").contains(&id), "{object:#}");
    let check = named(object, id);
    assert!(check["fix"].is_string(), "{check}");
    check
}

on_each_server! {
    fn everything_is_well(server: &Server) {
        let scene = Scene::new(server);
        let object = examined(server, &mut doctor(&scene), 0);
        assert_eq!((ids(&object, "problem"), ids(&object, "warning")), (vec![], vec![]), "{object:#}");
        let good = ["environment", "address", "name", "connection", "http", "server", "health", "clock", "credentials",
            "identity-token", "identity-time", "login", "token", "permissions", "key", "revocation"];
        assert_eq!(ids(&object, "ok"), good, "{object:#}");
        assert_eq!(ids(&object, "skipped"), ["tls", "role"]);

        // Who may read the role sees it beside the token.
        let object = examined(server, &mut with_operator(&scene), 0);
        assert_eq!(named(&object, "role-claims")["status"], "ok", "{object:#}");
        assert_eq!(named(&object, "role")["status"], "ok", "{object:#}");
        assert_eq!(ids(&object, "warning"), ["login-warning"], "the token that is set: {object:#}");
        examined(server, with_operator(&scene).arg("--strict"), 1);
    }

    fn the_way_to_the_server(server: &Server) {
        let scene = Scene::new(server);
        let object = examined(server, doctor(&scene).args(["--vault-addr", "http://127.0.0.1:9"]), 1);
        assert_eq!(problem(&object, "connection")["code"], "vault/unreachable");
        assert!(ids(&object, "skipped").contains(&"login"), "{object:#}");

        let object = examined(server, doctor(&scene).args(["--vault-addr", "http://vault.example"]), 1);
        assert_eq!(problem(&object, "address")["code"], "vault/plain-http");
        let object = examined(server, doctor(&scene).args(["--vault-addr", "https://no-such-host.invalid"]), 1);
        problem(&object, "name");
        let tls = server.address.replace("http://", "https://");
        let object = examined(server, doctor(&scene).args(["--vault-addr", &tls]), 1);
        problem(&object, "tls");

        let page = FaultServer::builder().on("GET", "/", [Behaviour::answer(404, &[], "<html>")]).start();
        let object = examined(server, doctor(&scene).args(["--vault-addr", &page.address]), 1);
        assert_eq!(problem(&object, "server")["code"], "vault/not-vault");
        let elsewhere = Behaviour::redirect("https://active.example:8200/v1/sys/health?token=planted");
        let standby = FaultServer::builder().on("GET", "/", [elsewhere]).start();
        let object = examined(server, doctor(&scene).args(["--vault-addr", &standby.address]), 1);
        let found = problem(&object, "http")["what"].as_str().unwrap();
        assert!(found.contains("https://active.example:8200") && !found.contains("planted"), "{found}");
        // Nothing but the one request, which has no token.
        assert_eq!((page.requests().len(), standby.requests().len()), (1, 1));
    }

    fn clocks(server: &Server) {
        let scene = Scene::new(server);
        let late = Behaviour::alter(|mut reply: Reply| {
            reply.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("date"));
            reply.headers.push(("Date".to_owned(), "Tue, 31 Dec 2999 23:59:59 GMT".to_owned()));
            reply
        });
        let between = FaultServer::builder().on("GET", "/v1/sys/health", [late]).proxy_to(&server.address).start();
        let object = examined(server, doctor(&scene).args(["--vault-addr", &between.address]), 1);
        assert!(problem(&object, "clock")["what"].as_str().unwrap().contains("ahead of"), "{object:#}");
        assert_eq!(ids(&object, "problem"), ["clock"]);

        // The server's leeway hides this one.
        scene.secret("identity", &scene.issuer.token(&json!({"iat": now() + 45, "nbf": now() - 5})));
        let object = examined(server, &mut doctor(&scene), 1);
        assert!(problem(&object, "identity-time")["what"].as_str().unwrap().contains("in the future"), "{object:#}");
        scene.secret("identity", &scene.issuer.token_expired());
        let object = examined(server, &mut doctor(&scene), 1);
        let found = problem(&object, "identity-time")["what"].as_str().unwrap();
        assert!(found.contains("expired 360") && found.contains("clock"), "{found}");
        scene.secret("identity", &scene.issuer.token_of_the_future());
        problem(&examined(server, &mut doctor(&scene), 1), "identity-time");
    }

    fn audiences(server: &Server) {
        let scene = Scene::new(server);
        let object = examined(server, doctor(&scene).args(["--audience", "https://other.example"]), 1);
        let found = problem(&object, "identity-audience")["what"].as_str().unwrap();
        assert!(found.contains(AUDIENCE) && found.contains("https://other.example"), "{found}");

        scene.secret("identity", &scene.issuer.token(&json!({"aud": "https://other.example"})));
        let object = examined(server, &mut with_operator(&scene), 1);
        assert_eq!(problem(&object, "login")["code"], "vault/login-refused");
        let compared = problem(&object, "role-claims");
        assert!(compared["details"][0].as_str().unwrap().starts_with("aud: expected `https://vault.example`"), "{compared}");
        assert!(compared["details"][0].as_str().unwrap().contains("first difference"), "{compared}");
    }

    fn claims_that_differ_are_shown_side_by_side(server: &Server) {
        let scene = Scene::new(server);
        let claims = json!({"ref": "refs/heads/mine", "repository_id": "666"});
        scene.secret("identity", &scene.issuer.token(&claims));
        let object = examined(server, &mut with_operator(&scene), 1);
        problem(&object, "login");
        let compared = problem(&object, "role-claims");
        let details: Vec<&str> = compared["details"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        let differing: Vec<&&str> = details.iter().filter(|line| line.contains("DIFFERS")).collect();
        assert_eq!(differing.len(), 2, "{details:#?}");
        assert_eq!(*differing[0], "ref: expected `refs/heads/main` (bound_claims), token has `refs/heads/mine`: \
            DIFFERS (first difference), from character 13 on");
        assert!(differing[1].contains("`123456789`") && differing[1].contains("`666`"), "{details:#?}");
        // Whoever may not read the role is told who can.
        let object = examined(server, &mut doctor(&scene), 1);
        assert!(named(&object, "role")["fix"].as_str().unwrap().contains("VAULT_TOKEN"), "{object:#}");
        assert!(!object.to_string().contains("refs/heads/main"), "{object:#}");
    }

    fn another_role(server: &Server) {
        let scene = Scene::new(server);
        let mut command = scene.bare(&["doctor", "--key", &scene.key(), "--auth-path", &scene.auth, "--role", "nope"]);
        command.args(["--identity-token-file", "identity"]).env("VAULT_TOKEN", &server.root_token);
        let object = examined(server, &mut command, 1);
        problem(&object, "login");
        assert!(problem(&object, "role")["what"].as_str().unwrap().ends_with("role/nope does not exist"), "{object:#}");
    }

    fn weak_roles(server: &Server) {
        let scene = Scene::new(server);
        let role = |bound: &Value, more: &Value| {
            server.admin().delete(&format!("auth/{}/role/ci", scene.auth));
            server.admin().jwt_role(&scene.auth, "ci", bound, &[&scene.policy], more);
            let exit = if more["token_ttl"] == "0" || bound.get("repository_id").is_none() { 1 } else { 0 };
            examined(server, &mut with_operator(&scene), exit)
        };
        let endless = json!({"token_ttl": "0", "token_max_ttl": "0", "token_no_default_policy": true});
        let object = role(&bound_claims(), &endless);
        assert_eq!(ids(&object, "problem"), ["role-ttl"], "{object:#}");
        assert!(ids(&object, "warning").contains(&"token-ttl"), "{object:#}");
        let everybody = json!({"token_no_default_policy": true});
        let object = role(&json!({}), &everybody);
        assert_eq!(ids(&object, "problem"), ["role-only-audience"], "{object:#}");
        let object = role(&json!({"repository": "example-org/model"}), &everybody);
        assert_eq!(ids(&object, "problem"), ["role-mutable-names"], "{object:#}");
        let loose = json!({
            "bound_claims_type": "glob", "bound_subject": "repo:example-org/model:environment:release",
            "user_claim": "repository", "bound_audiences": [AUDIENCE, "https://other.example"], "token_ttl": "1h",
            "token_max_ttl": "2h",
        });
        let object = role(&json!({"repository_id": "123456789"}), &loose);
        for id in ["role-glob", "role-subject", "role-user-claim", "role-audience", "role-ttl", "role-max-ttl",
            "role-default-policy", "role-runner", "token-policies", "token-ttl"] {
            assert!(ids(&object, "warning").contains(&id), "{id}: {object:#}");
        }
    }

    fn keys_that_cannot_sign(server: &Server) {
        let scene = Scene::new(server);
        let missing = scene.ask(&["doctor", "--key", &format!("hashivault://{}/absent", scene.mount)]);
        let object = examined(server, &mut { missing }, 1);
        problem(&object, "permissions");
        let open = format!("path \"{}/*\" {{ capabilities = [\"create\", \"read\", \"update\", \"delete\"] }}", scene.mount);
        let broad = server.admin().policy("broad", &format!("{}\n{open}", policy(&scene.mount)));
        server.admin().jwt_role(&scene.auth, "ci", &bound_claims(), &[&broad], &json!({"token_no_default_policy": true}));
        let missing = scene.ask(&["doctor", "--key", &format!("hashivault://{}/absent", scene.mount)]);
        let object = examined(server, &mut { missing }, 1);
        assert_eq!(problem(&object, "key")["code"], "vault/key-not-found");
        assert!(ids(&object, "warning").contains(&"over-broad"), "{object:#}");

        let scene = Scene::with_key(server, "aes256-gcm96");
        let object = examined(server, &mut doctor(&scene), 1);
        assert_eq!(problem(&object, "key")["code"], "vault/key-type");
        assert!(named(&object, "key")["fix"].as_str().unwrap().contains("type=ecdsa-p256"));
    }

    fn too_little_and_too_much_permission(server: &Server) {
        let scene = Scene::new(server);
        let set = |hcl: &str| {
            let path = format!("sys/policies/acl/{}", scene.policy);
            server.admin().put(&path, &json!({"policy": hcl})).ok();
        };
        let whole = policy(&scene.mount);
        set(&whole.replace(&format!("{}/sign/model", scene.mount), "elsewhere/sign/model"));
        let object = examined(server, &mut doctor(&scene), 1);
        assert!(problem(&object, "permissions")["what"].as_str().unwrap().contains("may not sign"), "{object:#}");

        set(&format!("{whole}\npath \"{}/*\" {{ capabilities = [\"read\", \"update\"] }}", scene.mount));
        let object = examined(server, &mut doctor(&scene), 0);
        let found = named(&object, "over-broad");
        assert!(found["what"].as_str().unwrap().contains("every key of the mount"), "{found}");
        assert!(found["details"].to_string().contains("export/signing-key"), "{found}");
        set(&whole.replace("sys/capabilities-self", "elsewhere/capabilities-self"));
        let object = examined(server, &mut doctor(&scene), 0);
        assert_eq!(named(&object, "permissions")["status"], "warning", "{object:#}");

        let path = format!("{}/keys/model/config", scene.mount);
        let flags = json!({"exportable": true, "allow_plaintext_backup": true, "deletion_allowed": true});
        set(&whole);
        server.admin().post(&path, &flags).ok();
        let object = examined(server, &mut doctor(&scene), 0);
        assert_eq!(ids(&object, "warning"), ["key-flags", "key-flags", "key-flags"], "{object:#}");
    }

    fn tokens_that_are_given(server: &Server) {
        let scene = Scene::new(server);
        let ask = |token: &str| {
            let mut command = scene.bare(&["doctor", "--key", &scene.key(), "--auth", "token"]);
            command.env("VAULT_TOKEN", token);
            command
        };
        let object = examined(server, &mut ask(&server.root_token), 1);
        assert_eq!(problem(&object, "token-refused")["code"], "vault/token-unlimited");
        let token = server.admin().token(&[&scene.policy], "5m", "service", 0);
        let object = examined(server, &mut ask(&token), 0);
        assert_eq!(ids(&object, "warning"), ["token-given"], "{object:#}");
        server.client().with_token(&token).get("auth/token/lookup-self").ok();
        // Few uses: it can still be revoked, and what is left out is said.
        let few = json!({"token_no_default_policy": true, "token_num_uses": 3});
        server.admin().jwt_role(&scene.auth, "ci", &bound_claims(), &[&scene.policy], &few);
        let object = examined(server, &mut doctor(&scene), 0);
        assert_eq!(named(&object, "revocation")["status"], "ok", "{object:#}");
    }

    fn a_bundle_is_verified_with_the_key_of_the_server(server: &Server) {
        let scene = Scene::new(server);
        let ask = |scene: &Scene<'_>| {
            let mut command = doctor(scene);
            command.args(["--model", "model"]);
            command
        };
        let object = examined(server, &mut ask(&scene), 1);
        assert_eq!(problem(&object, "bundle")["code"], "artifact/unsigned");
        run(&mut scene.sign()).accepted();
        let object = examined(server, &mut ask(&scene), 0);
        for id in ["bundle", "bundle-key", "bundle-verified"] {
            assert_eq!(named(&object, id)["status"], "ok", "{object:#}");
        }
        scene.sandbox.write("model/config.json", b"{}x");
        let object = examined(server, &mut ask(&scene), 1);
        assert_eq!(problem(&object, "bundle-verified")["code"], "artifact/modified");
    }

    fn every_token_that_was_obtained_is_revoked(kind: Kind) {
        let server = Server::own(kind, &Options { audit: true, ..Options::default() });
        let scene = Scene::new(&server);
        let start = server.audit_lines().len();
        examined(&server, &mut doctor(&scene), 0);
        let absent = format!("hashivault://{}/absent", scene.mount);
        examined(&server, &mut scene.ask(&["doctor", "--key", &absent]), 1);
        scene.secret("identity", &scene.issuer.token(&json!({"ref": "refs/heads/mine"})));
        examined(&server, &mut with_operator(&scene), 1);
        let ledger = Ledger::since(&server, start);
        assert_eq!(ledger.tokens.len(), 2, "{ledger:?}");
        ledger.assert_all_revoked();

        server.seal();
        let object = examined(&server, &mut doctor(&scene), 1);
        assert_eq!(problem(&object, "health")["code"], "vault/sealed");
        assert!(ids(&object, "skipped").contains(&"login"), "{object:#}");
    }
}

#[test]
fn a_fork_is_told_nothing_about_role_and_key() {
    let directory = tempfile::tempdir().unwrap();
    let event = directory.path().join("event.json");
    let fork = json!({"pull_request": {"head": {"repo": {"full_name": "mallory/model"}}, "base": {"repo": {"full_name": "acme/model"}}}});
    std::fs::write(&event, fork.to_string()).unwrap();
    let mut command = modelseal();
    command.args(["doctor", "--vault-addr", "http://127.0.0.1:9", "--role", "planted-role"]);
    command.args(["--key", "hashivault://planted-mount/planted-key", "--policy", "planted.toml", "--format", "json"]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "pull_request").env("GITHUB_EVENT_PATH", &event);
    let done = run(&mut command);
    assert_eq!(done.status, Some(1), "{}", done.text());
    let object = done.json();
    assert_eq!(problem(&object, "identity-source")["code"], "identity/fork");
    assert!(!done.text().contains("planted"), "{}", done.text());
}

/// What `doctor` says here, without a server.
#[track_caller]
fn said(at: &Path, arguments: &[&str], exit: i32) -> Value {
    let done = run(modelseal().current_dir(at).args(["doctor", "--format", "json"]).args(arguments));
    assert_eq!(done.status, Some(exit), "{}", done.text());
    done.json()
}

/// Starts what a repository can have started: a file that is not there is asked for at a remote of its own choice.
const TRAP: &str = r#"
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 HOME=$PWD
git init -q origin
cd origin
git config uploadpack.allowFilter true
mkdir d
echo x > d/.gitignore
git add .
git -c user.name=a -c user.email=a@example.com commit -qm x
cd ..
git clone -q --filter=blob:none --no-checkout "file://$PWD/origin" repo
cd repo
git read-tree HEAD
git update-index --skip-worktree d/.gitignore
mkdir d
echo y > d/new
git config remote.origin.url "ext::sh -c touch% $PWD/marker"
git config protocol.ext.allow always
"#;

#[test]
fn t21_a_hostile_repository_starts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (repo, programs) = (directory.path().join("repo"), directory.path().join("programs"));
    let set = run(Command::new("sh").args(["-c", TRAP]).current_dir(directory.path()));
    assert_eq!(set.status, Some(0), "{}", set.text());
    said(&repo, &["--repo", "."], 0);
    assert!(!repo.join("marker").exists(), "the remote of the repository was started");

    // No program at all, whatever the repository is.
    std::fs::create_dir(&programs).unwrap();
    let git = programs.join("git");
    std::fs::write(&git, format!("#!/bin/sh\n: > '{}'\n", directory.path().join("started").display())).unwrap();
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).unwrap();
    let done = run(modelseal().args(["doctor", "--repo", "repo"]).current_dir(directory.path()).env("PATH", &programs));
    assert_eq!(done.status, Some(0), "{}", done.text());
    assert!(!directory.path().join("started").exists(), "a program of the path was started");

    // The trap is one: this is what must not run.
    run(Command::new("git").args(["ls-files", "--others", "--exclude-standard"]).current_dir(&repo));
    assert!(repo.join("marker").exists(), "the test has to find another way in");
}

#[test]
fn a_signal_stops_the_search() {
    let directory = tempfile::tempdir().unwrap();
    let line = "A line of a text that is long and holds nothing. ".repeat(20) + "\n";
    let text = line.repeat(5000);
    std::fs::write(directory.path().join("0"), &text).unwrap();
    for name in 1..2000 {
        std::fs::hard_link(directory.path().join("0"), directory.path().join(name.to_string())).unwrap();
    }
    let mut command = modelseal();
    command.args(["doctor", "--repo", "."]).current_dir(directory.path()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let signalled = Instant::now();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(143));
    assert!(signalled.elapsed() < Duration::from_secs(5), "{:?}", signalled.elapsed());
}

const POLICY: &str = r#"version = 1
serial = 3
valid_until = 2099-01-01T00:00:00Z

[[key]]
name = "k"
public_key = "k.pub.pem"

[[rule]]
name = "all"
models = ["*"]
keys = ["k"]
identity = "key-only"
"#;

/// A signed model, the policy that accepts it, and a key that signed the policy.
fn signed() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::create_dir(at.join("nothing")).unwrap();
    std::fs::create_dir(at.join("model")).unwrap();
    std::fs::write(at.join("model/config.json"), "{}").unwrap();
    std::fs::write(at.join("policy.toml"), POLICY).unwrap();
    let does = |arguments: &[&str]| {
        let done = run(modelseal().current_dir(at).args(arguments));
        assert_eq!(done.status, Some(0), "{}", done.text());
    };
    for key in ["k.pem", "p.pem", "other.pem"] {
        does(&["keys", "generate", key]);
    }
    does(&["policy", "sign", "policy.toml", "--key", "p.pem"]);
    does(&["sign", "model", "--key", "k.pem"]);
    directory
}

#[test]
fn t10_what_decides_about_a_model_may_not_lie_in_it() {
    let directory = signed();
    let at = directory.path();
    let ask =
        |arguments: &[&str], exit| said(at, &[&["--repo", "nothing", "--model", "model"], arguments].concat(), exit);
    let object = ask(&["--policy", "policy.toml"], 0);
    assert_eq!(named(&object, "bundle-verified")["status"], "ok", "{object:#}");
    ask(&["--key", "k.pub.pem"], 0);

    // The same files, in the model or through it.
    std::os::unix::fs::symlink("..", at.join("model/up")).unwrap();
    for file in ["policy.toml", "policy.toml.sig", "k.pub.pem", "p.pub.pem"] {
        std::fs::copy(at.join(file), at.join("model").join(file)).unwrap();
    }
    let inside: [&[&str]; 5] = [
        &["--policy", "model/policy.toml"],
        &["--policy", "model/up/policy.toml"],
        &["--policy", "policy.toml", "--policy-key", "model/p.pub.pem"],
        &["--key", "model/k.pub.pem"],
        &["--policy", "policy.toml", "--key", "model/k.pub.pem"],
    ];
    for arguments in inside {
        let object = ask(arguments, 1);
        assert_eq!(problem(&object, "trust-inside-model")["code"], "usage/trust-inside-model");
        assert_eq!(named(&object, "bundle-verified")["status"], "skipped", "{object:#}");
    }
    // Also without a signature, and for a policy that lies outside and reads a file inside.
    std::fs::remove_file(at.join("model/model.sig")).unwrap();
    problem(&ask(&["--policy", "model/policy.toml"], 1), "trust-inside-model");
    std::fs::write(at.join("policy.toml"), POLICY.replace("k.pub.pem", "model/k.pub.pem")).unwrap();
    problem(&ask(&["--policy", "policy.toml"], 1), "trust-inside-model");
}

#[test]
fn t29_a_policy_is_examined_on_the_terms_of_whoever_uses_it() {
    let directory = signed();
    let at = directory.path();
    let ask = |arguments: &[&str], exit| {
        said(at, &[&["--repo", "nothing", "--policy", "policy.toml"], arguments].concat(), exit)
    };
    let signed_by = |key| ["--policy-key", key, "--min-policy-serial", "3"];
    assert_eq!(named(&ask(&signed_by("p.pub.pem"), 0), "policy")["status"], "ok");
    assert_eq!(problem(&ask(&signed_by("other.pub.pem"), 1), "policy")["code"], "policy/signature");
    assert_eq!(problem(&ask(&["--min-policy-serial", "4"], 1), "policy")["code"], "policy/serial");
    let object = ask(&["--policy-key", "hashivault://policies"], 1);
    assert!(problem(&object, "policy")["fix"].as_str().unwrap().contains("--all"), "{object:#}");
    std::fs::remove_file(at.join("policy.toml.sig")).unwrap();
    assert_eq!(problem(&ask(&signed_by("p.pub.pem"), 1), "policy")["code"], "policy/signature");
    let done = run(modelseal().current_dir(at).args(["doctor", "--repo", "nothing", "--policy-key", "p.pub.pem"]));
    assert_eq!(done.status, Some(2), "{}", done.text());
}
