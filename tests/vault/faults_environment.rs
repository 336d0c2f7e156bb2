//! Variables and flags that cannot be right, and models that cannot be read: nothing is sent.

use std::time::{Duration, Instant};

use modelseal::Code;
use serde_json::{Value, json};

use crate::common::set_mode;
use crate::faults::{Ground, Job, planted};
use crate::support::{Behaviour, FaultServer, Issuer, Kind, Server, on_each_server};

const KEY: &str = "hashivault://models";

/// A server that must hear nothing.
fn silent() -> FaultServer {
    FaultServer::builder().on("*", "/", [Behaviour::json(200, &json!({}))]).start()
}

#[test]
fn variables_that_cannot_be_used_are_named() {
    let server = silent();
    let long = "a/".repeat(5000);
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    for (names, values) in [
        (
            &["MODELSEAL_VAULT_ADDR", "BAO_AGENT_ADDR", "BAO_ADDR", "VAULT_AGENT_ADDR", "VAULT_ADDR"][..],
            &[
                "vault.example",
                "vault.example:8200",
                "ftp://vault.example",
                "https://",
                "https:///v1",
                "https:vault.example",
                "https:/vault.example",
                "https://user:pl4nted@h",
                "https://h?x=pl4nted",
                "https://h/#x",
                "https://h:99999",
                "https://h h",
                "file:///etc/passwd",
                "unix://relative",
                "http://[::1",
                "https://h/../x",
                "javascript:alert(1)",
            ][..],
        ),
        (
            &[
                "MODELSEAL_NAMESPACE",
                "BAO_NAMESPACE",
                "VAULT_NAMESPACE",
                "MODELSEAL_AUTH_NAMESPACE",
                "TRANSIT_SECRET_ENGINE_PATH",
            ],
            &["..", "a/../b", "a//b", "a b", "a?b", "a#b", "a%2fb", "a\nb", "ä", &long],
        ),
        (
            &["MODELSEAL_TIMEOUT", "BAO_CLIENT_TIMEOUT", "VAULT_CLIENT_TIMEOUT"],
            &["0", "soon", "-1", "1d", "16m", "1e9", "99999999999999999999"],
        ),
        (&["BAO_MAX_RETRIES", "VAULT_MAX_RETRIES"], &["-1", "21", "many", "1.5", "99999999999999999999"]),
        (&["BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY"], &["true", "1", "TRUE", "t", "yes", "no", "off", "2", " true"]),
        (&["BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"], &["a b", "a/b", "a..b", "https://a", "ä", "a\r\nb"]),
        (&["BAO_CACERT_BYTES", "VAULT_CACERT_BYTES"], &["/etc/ssl/cert.pem", "nonsense", certificate]),
        (&["MODELSEAL_CA_CERT", "BAO_CACERT", "VAULT_CACERT"], &[certificate, "model"]),
        (&["BAO_CAPATH", "VAULT_CAPATH"], &["model/config.json", "model", certificate]),
        (&["BAO_CLIENT_CERT", "VAULT_CLIENT_CERT", "BAO_CLIENT_KEY", "VAULT_CLIENT_KEY"], &["model/config.json"]),
        (&["MODELSEAL_AUTH"], &["oidc", "ldap", "jwt token"]),
        (&["MODELSEAL_AUTH_PATH"], &["..", "a//b", "a b"]),
        (&["MODELSEAL_ROLE", "MODELSEAL_AUDIENCE", "MODELSEAL_ROLE_ID"], &["a\nb", "a\u{7f}b"]),
        (&["MODELSEAL_MAX_TOKEN_TTL"], &["0", "long", "-1s", "1 h"]),
        (&["MODELSEAL_STRICT_TOKEN"], &["yes", "maybe", "2"]),
    ] {
        for name in names {
            for value in values {
                let job = Job::new("sign").with(["model", "--key", KEY]).token(&planted());
                // Where nothing else than the address is wrong, a request would arrive.
                let job = match *name {
                    name if name.ends_with("_ADDR") => job,
                    name if name.contains("CERT") || name.contains("CA") => {
                        job.with(["--vault-addr", "https://127.0.0.1:1"])
                    }
                    _ => job.with(["--vault-addr", &server.address]),
                };
                let done = job.env(name, value).refused_with_exit(2);
                assert_eq!(done.json["code"], "usage/environment", "{name}={value}: {}", done.said);
                // What is wrong inside a certificate is found later, and then all that it can be is named.
                let named =
                    done.message().contains(name) || (*value == certificate && done.hint().contains("VAULT_CACERT"));
                assert!(named, "{name}: {}", done.said);
                assert!(!done.said.contains("pl4nted"), "{}", done.said);
            }
            // Empty is not set.
            let job = Job::new("sign").with(["model", "--key", KEY, "--vault-addr", "http://127.0.0.1:1"]);
            job.token(&planted()).env("VAULT_MAX_RETRIES", "0").env(name, "").refused_with_exit(5);
        }
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn values_that_are_no_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;

    let names =
        ["VAULT_ADDR", "BAO_NAMESPACE", "VAULT_CLIENT_TIMEOUT", "VAULT_MAX_RETRIES", "MODELSEAL_ROLE", "VAULT_TOKEN"];
    for name in names {
        let sandbox = crate::common::Sandbox::unsigned();
        let mut command = crate::common::modelseal();
        command.args(["sign", "model", "--key", KEY, "--format", "json"]).current_dir(sandbox.path());
        command.env("VAULT_ADDR", "http://127.0.0.1:1").env("VAULT_TOKEN", planted());
        command.env(name, std::ffi::OsStr::from_bytes(b"a\xff\xfeb"));
        let run = crate::common::run(&mut command);
        assert_eq!(run.status, Some(2), "{name}: {}", run.text());
        assert!(run.text().contains(name), "{name}: {}", run.text());
    }
}

#[test]
fn files_that_variables_name_must_be_there() {
    for name in ["VAULT_CACERT", "VAULT_CAPATH", "MODELSEAL_CA_CERT"] {
        let job = Job::sign("https://127.0.0.1:1", KEY).token(&planted()).env(name, "/nonexistent/ca.pem");
        let done = job.run().json();
        assert!([2, 3].contains(&done["exit"].as_u64().unwrap()), "{done}");
        assert!(
            done["message"].as_str().unwrap().contains("/nonexistent/ca.pem")
                || done["message"].as_str().unwrap().contains(name),
            "{done}"
        );
    }
    // One half of a client certificate is none.
    for (name, other) in [("VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY"), ("VAULT_CLIENT_KEY", "VAULT_CLIENT_CERT")] {
        let job = Job::sign("https://127.0.0.1:1", KEY).token(&planted()).env(name, "file.pem");
        job.refused(Code::UsageEnvironment).says(&[name, other]);
    }
    let ca = Job::sign("https://127.0.0.1:1", KEY).token(&planted()).with(["--ca-cert", "model/config.json"]);
    ca.refused(Code::UsageArguments).says(&["certificate"]);
}

#[test]
fn t21_no_variable_weakens_a_check() {
    let server = silent();
    // The names of all switches that do, and what they would be called as variables.
    let job = Job::sign("http://192.0.2.1:8200", KEY).token(&planted());
    job.env("MODELSEAL_DANGER_PLAIN_HTTP", "true").env("DANGER_PLAIN_HTTP", "1").refused(Code::VaultPlainHttp);
    let job =
        Job::sign(&server.address, KEY).env("MODELSEAL_IDENTITY_TOKEN_COMMAND", "touch pwned").with(["--role", "ci"]);
    job.refused(Code::VaultNoCredentials);
    let job =
        Job::sign(&server.address, KEY).env("MODELSEAL_WRAPPING_PATH", "sys/wrapping/wrap").with(["--role-id", "1"]);
    let file = job.file("wrapping", planted());
    job.with(["--wrapped-secret-id-file", &file]).refused(Code::UsageArguments).says(&["--role"]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn addresses_that_are_none() {
    for address in [
        "vault.example",
        "https://user:pl4nted@h:8200",
        "https://h?token=pl4nted",
        "https://h#x",
        "ftp://h",
        "unix://a/b",
        "",
        " ",
        "https://",
    ] {
        let job = Job::sign(address, KEY).token(&planted());
        let done = job.refused(Code::VaultAddress);
        assert!(!done.said.contains("pl4nted"), "{}", done.said);
        done.hints(&["https://HOST:PORT"]);
    }
}

#[test]
fn flags_that_contradict_each_other() {
    let server = silent();
    let sign = |arguments: &[&str]| Job::sign(&server.address, KEY).with(arguments.iter().copied());
    for arguments in [
        &["--identity-token-file", "a", "--identity-token-env", "A"][..],
        &["--secret-id-file", "a", "--secret-id-env", "A"],
        &["--secret-id-file", "a", "--wrapped-secret-id-file", "b"],
        &["--wrapping-path", "p"],
        &["--auth", "jwt", "--token-file", "a"],
        &["--auth", "ldap"],
        &["--role", "ci", "--identity-token-env", "A", "--role-id", "1"],
        &["--token-file", "a", "--token-sink", "b"],
        &["--role", "", "--identity-token-env", "A"],
        &["--role", "a\nb", "--identity-token-env", "A"],
        &["--timeout", "0s"],
        &["--timeout", "16m", "--auth", "token"],
        &["--timeout", "forever"],
        &["--max-token-ttl", "0s"],
        &["--token", "hvs.CAESIplanted"],
        &["--secret-id", "planted"],
    ] {
        let job = sign(arguments).env("A", "x.y.z").env("VAULT_TOKEN", "hvs.CAESIsomething");
        job.refused(Code::UsageArguments);
    }
    assert_eq!(server.connections(), 0);
}

/// A reference that could lead elsewhere on the server.
#[test]
fn references_that_leave_their_place() {
    let server = silent();
    for reference in [
        "hashivault://",
        "hashivault:///",
        "hashivault://../sys/seal",
        "hashivault://a/../b",
        "hashivault://a//b",
        "hashivault://a/b/",
        "hashivault://user@a/b",
        "hashivault://a/b#c",
        "hashivault://a b/c",
        "hashivault://a/b?namespace=../x",
        "hashivault://a/b?x=y",
        "hashivault://a/b%2f..%2fc",
        "hashivault://a\\b",
        "hashivault://a\r\nX-Evil: 1",
        "hashivault://é",
        "HASHIVAULT://a/./b",
        "openbao://..",
        "awskms://key",
        "vault://key",
    ] {
        let job = Job::sign(&server.address, reference).token(&planted());
        let done = job.run().json();
        assert!([2, 3].contains(&done["exit"].as_u64().unwrap()), "{reference}: {done}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn secrets_inside_the_model_are_refused_before_anything_is_sent() {
    let server = silent();
    let jwt = Issuer::new().token(&json!({}));
    for (flag, content, more) in [
        ("--identity-token-file", jwt.as_str(), &["--role", "ci"][..]),
        ("--service-account-token", &jwt, &["--role", "ci"]),
        ("--secret-id-file", "s3cret-planted-id", &["--role-id", "1"]),
        ("--wrapped-secret-id-file", "hvs.planted-wrapping", &["--role-id", "1", "--role", "ci"]),
        ("--token-file", "hvs.planted-token", &[]),
        ("--token-sink", "hvs.planted-token", &[]),
    ] {
        for direct in [true, false] {
            let job = Job::sign(&server.address, KEY).with(more.iter().copied());
            let inside = job.sandbox.write("model/secret", content.as_bytes());
            set_mode(&inside, 0o600);
            // Also where a link leads into it.
            job.sandbox.symlink(&inside, "link");
            let path = if direct { "model/secret" } else { "link" };
            let done = job.with([flag, path]).run();
            let json = done.refused(2, "usage/trust-inside-model");
            assert!(json["message"].as_str().unwrap().contains(path), "{json}");
            assert!(!done.text().contains(content), "{}", done.text());
        }
        // By variable as well.
        let name = match flag {
            "--identity-token-file" => "MODELSEAL_IDENTITY_TOKEN_FILE",
            "--service-account-token" => "MODELSEAL_SERVICE_ACCOUNT_TOKEN",
            "--secret-id-file" => "MODELSEAL_SECRET_ID_FILE",
            "--wrapped-secret-id-file" => "MODELSEAL_WRAPPED_SECRET_ID_FILE",
            "--token-sink" => "MODELSEAL_TOKEN_SINK",
            _ => "MODELSEAL_TOKEN_FILE",
        };
        let job = Job::sign(&server.address, KEY).with(more.iter().copied()).env(name, "model/secret");
        set_mode(&job.sandbox.write("model/secret", content.as_bytes()), 0o600);
        let done = job.run();
        done.refused(2, "usage/trust-inside-model");
    }
    assert_eq!(server.connections(), 0);
}

/// Whoever chooses the authority chooses the server, and its key.
#[test]
fn t10_authorities_inside_the_model_are_refused_before_anything_is_sent() {
    let pem = include_bytes!("any-ca.pem");
    let address = "https://127.0.0.1:1";
    let verify = || Job::new("verify model").with(["--key", KEY, "--any-model", "--vault-addr", address]);
    for job in [Job::sign(address, KEY), verify()] {
        let job = job.token(&planted()).with(["--ca-cert", "model/ca.pem"]);
        job.sandbox.write("model/ca.pem", pem);
        job.refused(Code::UsageTrustInsideModel).says(&["model/ca.pem"]);
    }
    for (name, value) in
        [("VAULT_CACERT", "model/ca.pem"), ("VAULT_CAPATH", "model"), ("MODELSEAL_CA_CERT", "model/ca.pem")]
    {
        for job in [Job::sign(address, KEY), verify()] {
            let job = job.token(&planted()).env(name, value);
            job.sandbox.write("model/ca.pem", pem);
            job.refused(Code::UsageTrustInsideModel).says(&[value]);
        }
    }
    let token = planted();
    let job = Job::new("verify model").with([
        "--key",
        KEY,
        "--any-model",
        "--vault-addr",
        address,
        "--token-file",
        "model/token",
    ]);
    set_mode(&job.sandbox.write("model/token", token.as_bytes()), 0o600);
    let run = job.run();
    run.refused(2, "usage/trust-inside-model");
    assert!(!run.text().contains(&token));
    let job = Job::new("sign model").with(["--key", KEY]).token(&planted());
    let socket = format!("unix://{}", job.sandbox.model().join("config.json").display());
    job.with(["--vault-addr", &socket]).refused(Code::UsageTrustInsideModel);
}

/// Hashing comes first, the token last: a model that cannot be signed costs no request.
#[test]
fn models_that_cannot_be_read_cost_no_request() {
    let server = silent();
    let job = |name: &str| {
        let job = Job::sign(&server.address, KEY).with(["--role", "ci"]);
        let file = job.file("jwt", Issuer::new().token(&json!({})));
        let job = job.with(["--identity-token-file", &file]);
        if name == "pipe" {
            job.sandbox.fifo("model/pipe");
        } else {
            job.sandbox.symlink("/etc/hostname", "model/link");
        }
        job
    };
    job("pipe").refused_with_exit(3);
    job("link").refused_with_exit(3);
    let absent = Job::new("sign absent").with(["--key", KEY, "--vault-addr", &server.address]).token(&planted());
    absent.refused(Code::InputNotFound);
    let other = Job::sign(&server.address, KEY)
        .token(&planted())
        .with(["--expect-digest", &format!("sha256:{}", "0".repeat(64))]);
    other.refused(Code::PolicyOtherModel).hints(&["nothing was signed"]);
    let name = Job::sign(&server.address, KEY).token(&planted()).with(["--name", "../evil"]);
    name.refused(Code::UsageName);
    let output = Job::sign(&server.address, KEY).token(&planted());
    output.sandbox.write("model/model.sig", b"somebody's file");
    output.refused(Code::OutputExists);
    let nowhere = Job::sign(&server.address, KEY).token(&planted()).with(["--bundle", "nowhere/model.sig"]);
    nowhere.refused(Code::OutputUnwritable);
    assert_eq!(server.connections(), 0);
}

#[test]
fn models_that_change_cost_no_request() {
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let server = silent();
    let job = Job::sign(&server.address, KEY).token(&planted());
    let path = job.sandbox.sparse("model/w/large.bin", 200 << 20);
    let done = Arc::new(AtomicBool::new(false));
    let (stop, started) = (Arc::clone(&done), Instant::now());
    let writer = std::thread::spawn(move || {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        while !stop.load(Ordering::SeqCst) && started.elapsed() < Duration::from_secs(50) {
            file.write_all(b"x").unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let run = job.run();
    done.store(true, Ordering::SeqCst);
    writer.join().unwrap();
    run.refused(3, "input/changed");
    assert_eq!(server.connections(), 0);
}

on_each_server! {
    fn the_environment_is_enough(server: &Server) {
        let ground = Ground::new(server);
        let job = Job::new("sign").with(["model", "--key", "hashivault://model"]);
        let file = job.file("jwt", ground.identity());
        let job = job
            .env("VAULT_ADDR", &server.address)
            .env("TRANSIT_SECRET_ENGINE_PATH", &ground.mount)
            .env("MODELSEAL_AUTH_PATH", &ground.auth)
            .env("MODELSEAL_ROLE", "ci")
            .env("MODELSEAL_IDENTITY_TOKEN_FILE", &file)
            .env("VAULT_SKIP_VERIFY", "false")
            .env("VAULT_WRAP_TTL", "60")
            .env("VAULT_FORMAT", "yaml");
        let done = job.done();
        assert_eq!(done.json["code"], Value::from("signed"));
        for name in ["VAULT_WRAP_TTL", "VAULT_FORMAT"] {
            assert!(done.said.contains(&format!("{name} is set, and not honoured")), "{}", done.said);
        }
    }
}

#[test]
fn online_without_a_key_on_a_server() {
    let server = silent();
    let job = Job::new("verify model --online --any-model").with(["--vault-addr", &server.address]).token(&planted());
    let key = crate::common::key("p256.pub.pem").display().to_string();
    let done = job.with(["--key", &key]).refused(Code::UsageArguments);
    done.says(&["server"]).hints(&["hashivault://"]);
    assert_eq!(server.connections(), 0);
}
