//! Credentials that are wrong, stale, stolen, in the wrong place, or asked for by a server that lies.

use std::fs;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use modelseal::Code;
use serde_json::{Value, json};

use crate::common::set_mode;
use crate::faults::{Ground, Job, Spy, planted};
use crate::support::agent::{Agent, Login};
use crate::support::issuer::{AUDIENCE, now, payload};
use crate::support::kubernetes::Cluster;
use crate::support::{Behaviour, FaultServer, Issuer, Kind, Server, on_each_server, unique};

const KEY: &str = "hashivault://models";

/// A server that must hear nothing.
fn silent() -> FaultServer {
    FaultServer::builder().on("*", "/", [Behaviour::json(200, &json!({}))]).start()
}

/// A job with an identity token in a file, and an audience that it must have.
fn identity(server: &FaultServer, token: impl AsRef<[u8]>) -> Job {
    let job = Job::sign(&server.address, KEY);
    let file = job.file("jwt", token);
    job.with(["--role", "ci", "--audience", AUDIENCE, "--identity-token-file", &file])
}

/// A token that nobody signed.
fn unsigned(header: &str, payload: &str) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", encode(header), encode(payload), encode("signature of nobody at all"))
}

#[test]
fn what_is_no_identity_token_is_not_sent() {
    let server = silent();
    let good = Issuer::new().token(&json!({}));
    let header = r#"{"alg":"RS256"}"#;
    for (name, token) in [
        ("a newline inside", good.replacen('.', ".\n", 1).into_bytes()),
        ("a carriage return inside", good.replacen('.', ".\r", 1).into_bytes()),
        ("a header of another request", format!("{good}\r\nX-Vault-Namespace: root").into_bytes()),
        ("a space", format!("{good} ").into_bytes()),
        ("two tokens", format!("{good}\n{good}\n").into_bytes()),
        ("not ASCII", format!("{good}é").into_bytes()),
        ("no text", [good.as_bytes(), b"\xff"].concat()),
        ("NUL", format!("{good}\0").into_bytes()),
        ("a megabyte", vec![b'a'; 1 << 20]),
        ("too long", unsigned(header, &format!(r#"{{"padding":"{}"}}"#, "x".repeat(20_000))).into_bytes()),
        ("JSON", format!(r#"{{"value":"{good}"}}"#).into_bytes()),
        ("a token of a server", planted().into_bytes()),
        ("two parts", good.rsplit_once('.').unwrap().0.as_bytes().to_vec()),
        ("four parts", format!("{good}.YWJj").into_bytes()),
        ("no base64", b"a+b/.c==.d".to_vec()),
        ("no JSON", unsigned(header, "nothing of the kind").into_bytes()),
        ("a list", unsigned(header, "[1]").into_bytes()),
        (
            "a claim twice",
            unsigned(header, &format!(r#"{{"aud":"{AUDIENCE}","aud":"{AUDIENCE}","exp":1e300}}"#)).into_bytes(),
        ),
        ("an audience that is none", unsigned(header, r#"{"aud":7}"#).into_bytes()),
        ("an expiry that is none", unsigned(header, &format!(r#"{{"aud":"{AUDIENCE}","exp":"never"}}"#)).into_bytes()),
    ] {
        let done = identity(&server, token).refused(Code::IdentityMalformed);
        assert!(done.message().contains("secrets/jwt"), "{name}: {}", done.message());
    }
    for empty in ["", "\n", "\r\n"] {
        identity(&server, empty).refused(Code::IdentityMissing).says(&["empty"]);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn identity_tokens_for_others_and_other_times_are_not_sent() {
    let (server, issuer) = (silent(), Issuer::new());
    for audience in
        [json!("https://elsewhere.example"), json!(["a", "b"]), json!(format!("{AUDIENCE}/")), json!([]), json!(null)]
    {
        let done = identity(&server, issuer.token(&json!({"aud": audience}))).refused(Code::IdentityAudience);
        done.says(&[AUDIENCE, "not sent"]).hints(&["--audience"]);
    }
    let done = identity(&server, issuer.token_expired()).refused(Code::IdentityExpired);
    done.says(&["expired"]).hints(&["clock"]);
    let done = identity(&server, issuer.token_of_the_future()).refused(Code::IdentityExpired);
    done.says(&["not valid"]).hints(&["clock"]);
    assert_eq!(server.connections(), 0);
}

#[test]
fn identity_tokens_that_are_not_there() {
    let server = silent();
    let sign = || Job::sign(&server.address, KEY).with(["--role", "ci"]);
    sign().with(["--identity-token-file", "absent"]).refused(Code::IdentityMissing).says(&["absent"]);
    sign().with(["--identity-token-env", "NO_SUCH_TOKEN"]).refused(Code::IdentityMissing).says(&["NO_SUCH_TOKEN"]);
    sign().env("T", "").with(["--identity-token-env", "T"]).refused(Code::IdentityMissing);
    sign().with(["--identity-token-file", "model"]).refused(Code::IdentityMalformed).says(&["not a regular file"]);
    // Somebody gives the token where its name belongs.
    let job = sign();
    let token = job.secret(&Issuer::new().token(&json!({})));
    job.with(["--identity-token-env", &token]).refused(Code::UsageArguments);
    assert_eq!(server.connections(), 0);
}

#[test]
fn t09_no_file_makes_the_command_wait() {
    let server = silent();
    for (flag, code) in [
        ("--identity-token-file", Code::IdentityMalformed),
        ("--service-account-token", Code::IdentityMalformed),
        ("--token-file", Code::VaultCredentials),
        ("--token-sink", Code::VaultCredentials),
        ("--secret-id-file", Code::VaultCredentials),
        ("--wrapped-secret-id-file", Code::VaultCredentials),
    ] {
        let mut job = Job::sign(&server.address, KEY);
        job.sandbox.fifo("secrets/pipe");
        if !flag.contains("token-file") || flag.contains("identity") {
            job = job.with(["--role", "ci"]);
        }
        if flag.contains("secret-id") {
            job = job.with(["--role-id", "1"]);
        }
        let started = Instant::now();
        job.with([flag, "secrets/pipe"]).refused(code).says(&["regular file"]);
        assert!(started.elapsed() < Duration::from_secs(20), "{flag}");
    }
    assert_eq!(server.connections(), 0);
}

/// That one which hangs is ended after 30 s is tested where the bound can be set: `auth/command.rs`.
#[test]
fn commands_that_give_no_token() {
    let server = silent();
    let good = Issuer::new().token(&json!({}));
    let sign = |words: &[&str]| {
        let job = Job::sign(&server.address, KEY).with(["--role", "ci"]);
        job.secret(&good);
        words.iter().fold(job, |job, word| job.with([format!("--identity-token-command={word}")]))
    };
    let printed = format!("echo {good}; echo {good} >&2; exit 3");
    sign(&["sh", "-c", &printed]).refused(Code::IdentityMissing).says(&["3"]);
    sign(&["sh", "-c", "kill -9 $$"]).refused(Code::IdentityMissing).says(&["signal"]);
    sign(&["/nonexistent/program"]).refused(Code::IdentityMissing).says(&["does not start"]);
    sign(&["true"]).refused(Code::IdentityMissing);
    sign(&["sh", "-c", "head -c 100000 /dev/zero"]).refused_with_exit(2);
    sign(&["sh", "-c", "yes"]).refused_with_exit(2);
    sign(&["sh", "-c", "cat /dev/zero | head -c 60000"]).refused(Code::IdentityMalformed);
    sign(&["sh", "-c", &format!("echo {good}; echo {good}")]).refused(Code::IdentityMalformed);
    sign(&[""]).refused(Code::UsageArguments);
    // It is a list of words, and no shell: nothing is expanded.
    sign(&["echo $HOME; id"]).refused(Code::IdentityMissing);
    assert_eq!(server.connections(), 0);
}

#[test]
fn t21_commands_see_no_credentials() {
    let server = silent();
    let job = Job::sign(&server.address, KEY).with(["--role", "ci"]);
    let out = job.sandbox.at("seen");
    let words = ["sh", "-c", &format!("env > {}; exit 1", out.display())]
        .map(|word| format!("--identity-token-command={word}"));
    let names = ["VAULT_TOKEN", "BAO_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "MODELSEAL_CORRELATION_ID"];
    let job = names.iter().fold(job.with(words), |job, name| job.env(name, &planted()));
    assert_eq!(job.run().status, Some(2));
    let seen = fs::read_to_string(out).unwrap();
    assert!(seen.contains("PATH=") && !names.iter().any(|name| seen.contains(name)), "{seen}");
}

/// A job with a given kind of credential in `file`, and whether its file may be readable by all.
fn with_file(server: &FaultServer, flag: &str, content: impl AsRef<[u8]>) -> Job {
    let job = Job::sign(&server.address, KEY);
    let file = job.file("credential", content);
    let job = if flag.contains("secret-id") { job.with(["--role", "ci", "--role-id", "1"]) } else { job };
    job.with([flag, &file])
}

#[test]
fn what_cannot_be_a_credential_is_not_sent() {
    let server = silent();
    for flag in ["--token-file", "--secret-id-file", "--wrapped-secret-id-file", "--token-sink"] {
        let token = planted();
        for (name, content) in [
            ("a newline", format!("{token}\n{token}").into_bytes()),
            ("a header", format!("{token}\r\nX-Vault-Namespace: root").into_bytes()),
            ("not ASCII", format!("{token}é").into_bytes()),
            ("no text", [token.as_bytes(), b"\xff\xfe"].concat()),
            ("NUL", format!("{token}\0").into_bytes()),
            ("a megabyte", vec![b'x'; 1 << 20]),
        ] {
            let done = with_file(&server, flag, &content).refused(Code::VaultCredentials);
            assert!(done.message().contains("secrets/credential"), "{flag} {name}: {}", done.message());
            assert!(!done.said.contains(&token), "{flag} {name}: {}", done.said);
        }
        with_file(&server, flag, "").refused(Code::VaultNoCredentials);
        for mode in [0o620, 0o602, 0o666] {
            let job = with_file(&server, flag, &token);
            set_mode(&job.sandbox.at("secrets/credential"), mode);
            job.refused(Code::VaultCredentials).hints(&["chmod go-w"]);
        }
    }
    for name in ["VAULT_TOKEN", "BAO_TOKEN"] {
        let token = planted();
        let job = Job::sign(&server.address, KEY).env(name, &format!("{token}\nX-Evil: 1"));
        job.secret(&token);
        job.refused(Code::VaultCredentials).says(&[name]);
    }
    let job = Job::sign(&server.address, KEY).with(["--role-id", "1", "--secret-id-env", "S"]).env("S", "a\nb");
    job.refused(Code::VaultCredentials);
    with_file(&server, "--token-sink", r#"{"curve25519_public_key":"AAAA","nonce":"AAAA","encrypted_payload":"AAAA"}"#)
        .refused(Code::VaultNotSupported)
        .hints(&["dh_type"]);
    with_file(&server, "--token-sink", r#"{"token":"#).refused(Code::VaultCredentials);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_wrapped_secret_id_needs_its_role() {
    let server = silent();
    let job = Job::sign(&server.address, KEY).with(["--role-id", "1"]);
    let file = job.file("wrapping", planted());
    job.with(["--wrapped-secret-id-file", &file]).refused(Code::UsageArguments).says(&["--role"]).hints(&["secret-id"]);
    assert_eq!(server.connections(), 0);
}

on_each_server! {
    fn jwt_logins_that_are_refused(server: &Server) {
        let ground = Ground::new(server);
        let issuer = &ground.issuer;
        let of = |claims: Value| issuer.token(&claims);
        // Without an audience of ours: all of this is for the server to find.
        let sign = |token: &str, role: &str| {
            let spy = Spy::start(FaultServer::builder(), &server.address);
            let job = Job::sign(&spy.faults.address, &ground.key()).spied(&spy);
            let file = job.file("jwt", token);
            let job = job.with(["--auth-path", &ground.auth, "--role", role, "--identity-token-file", &file]);
            let done = job.refused(Code::VaultLoginRefused);
            assert_eq!(spy.faults.requests().len(), 1, "{}", done.said);
            assert!(spy.tokens().is_empty());
            done
        };
        sign(&ground.identity(), "nobody").says(&[&ground.auth, "nobody"]).hints(&["--role"]);
        sign(&of(json!({"aud": "https://elsewhere.example"})), "ci").hints(&["audience"]);
        sign(&of(json!({"aud": null})), "ci").hints(&["audience"]);
        sign(&of(json!({"ref": "refs/heads/evil"})), "ci").hints(&["bound_claims"]);
        sign(&of(json!({"ref": null})), "ci").hints(&["claim"]);
        sign(&of(json!({"ref": true})), "ci");
        sign(&of(json!({"repository_id": null})), "ci");
        sign(&of(json!({"iss": "https://elsewhere.example"})), "ci");
        sign(&issuer.token_hs256_public_key(&json!({})), "ci");
        sign(&Issuer::new().token(&json!({})), "ci").hints(&["keys"]);
        sign(&of(json!({"exp": null, "iat": null, "nbf": null})), "ci");
        // Its last part is empty: that is not even sent.
        let job = Job::sign(&server.address, &ground.key());
        let file = job.file("jwt", issuer.token_alg_none(&json!({})));
        job.with(["--auth-path", &ground.auth, "--role", "ci", "--identity-token-file", &file]).refused(Code::IdentityMalformed);
        let none = unsigned(r#"{"alg":"none","typ":"JWT"}"#, &payload(&json!({})).to_string());
        sign(&none, "ci");
        sign(&of(json!({"exp": now() + 3, "nbf": now() - 7200, "iat": now() - 7200, "ref": "x"})), "ci");
    }

    fn mounts_that_do_not_exist(server: &Server) {
        let ground = Ground::new(server);
        let job = Job::sign(&server.address, &ground.key());
        let file = job.file("jwt", ground.identity());
        let job = job.with(["--auth-path", "jwt-nowhere", "--role", "ci", "--identity-token-file", &file]);
        job.refused(Code::VaultLoginRefused).says(&["jwt-nowhere"]).hints(&["--auth-path"]);
        for path in ["../sys", "a//b", "jwt?x", "a b", "jwt/../../sys"] {
            let job = Job::sign(&server.address, &ground.key());
            let file = job.file("jwt", ground.identity());
            job.with(["--auth-path", path, "--role", "ci", "--identity-token-file", &file]).refused(Code::UsageArguments);
        }
    }

    fn logins_that_ask_for_more(server: &Server) {
        let ground = Ground::new(server);
        let mfa = json!({"auth": {
            "client_token": "", "accessor": "", "policies": null, "lease_duration": 0, "token_type": "default",
            "mfa_requirement": {"mfa_request_id": "d0c9eec7", "mfa_constraints": {"c": {"any": [{"type": "totp"}]}}},
        }});
        let wrapped = json!({"auth": null, "wrap_info": {
            "token": planted(), "accessor": "a", "ttl": 60, "creation_time": "2026-11-21T00:00:00Z", "creation_path": "auth/jwt/login",
        }});
        let nothing = json!({"auth": null, "data": {}});
        let no_token = json!({"auth": {"accessor": "a", "policies": ["p"], "lease_duration": 60}});
        let odd = json!({"auth": {"client_token": "hvs.a\r\nX-Evil: 1", "accessor": "a", "policies": ["p"], "lease_duration": 60}});
        for (answer, code) in [
            (&mfa, Code::VaultNotSupported),
            (&wrapped, Code::VaultNotSupported),
            (&nothing, Code::VaultAnswer),
            (&no_token, Code::VaultAnswer),
            (&odd, Code::VaultAnswer),
        ] {
            let rules = FaultServer::builder().on("POST", "/v1/auth/", [Behaviour::json(200, answer)]);
            let (job, spy) = ground.spied(rules);
            if let Some(token) = answer["wrap_info"]["token"].as_str() {
                job.secret(token);
            }
            job.refused(code);
            assert_eq!(spy.faults.requests().len(), 1, "{answer}");
        }
    }

    /// The server may have made a token: the login is repeated, and that is said.
    fn lost_answers_of_jwt_logins(server: &Server) {
        let ground = Ground::new(server);
        let path = format!("/v1/auth/{}/login", ground.auth);
        let rules = FaultServer::builder().on("POST", &path, [Behaviour::CloseAfterRequest, Behaviour::Forward]);
        let (job, spy) = ground.spied(rules);
        let done = job.done();
        assert_eq!(spy.count("/login"), 2);
        assert!(done.json["warnings"].to_string().contains("sent again"), "{}", done.json);
        let rules = FaultServer::builder().on("POST", &path, [Behaviour::CloseAfterRequest]);
        let (job, spy) = ground.spied(rules);
        job.refused(Code::VaultUnreachable).says(&["cannot be revoked"]);
        assert_eq!(spy.count("/login"), 3);
    }

    fn kubernetes_logins_that_are_refused(server: &Server) {
        let Some(cluster) = Cluster::shared() else { return };
        let (ground, admin) = (Ground::new(server), server.admin());
        let (namespace, other, auth) = (unique("mlops"), unique("other"), admin.kubernetes_mount(cluster));
        cluster.account(&namespace, "signer");
        cluster.account(&other, "signer");
        admin.kubernetes_role(&auth, "ci", (&namespace, "signer"), &[&ground.policy], &json!({}));
        let job = |mount: &str, role: &str, token: &str| {
            let job = Job::sign(&server.address, &ground.key());
            let file = job.file("account", token);
            job.with(["--auth-path", mount, "--role", role, "--service-account-token", &file])
        };
        let good = cluster.token(&namespace, "signer", &[AUDIENCE]);
        job(&auth, "ci", &good).done();
        job(&auth, "nobody", &good).refused(Code::VaultLoginRefused).hints(&["--role"]);
        job(&auth, "ci", &cluster.token(&other, "signer", &[AUDIENCE])).refused(Code::VaultLoginRefused);
        let elsewhere = cluster.token(&namespace, "signer", &["https://elsewhere.example"]);
        job(&auth, "ci", &elsewhere).refused(Code::VaultLoginRefused).hints(&["audience"]);
        job(&auth, "ci", &elsewhere).with(["--audience", AUDIENCE]).refused(Code::IdentityAudience);
        job(&auth, "ci", &Issuer::new().token(&json!({"aud": [AUDIENCE]}))).refused(Code::VaultLoginRefused);
        // A cluster that is down: the server says no more than for a refusal, so the hint names both causes.
        let down = admin.kubernetes_mount_at("https://127.0.0.1:1", &cluster.ca_pem, &cluster.reviewer_token());
        admin.kubernetes_role(&down, "ci", (&namespace, "signer"), &[&ground.policy], &json!({}));
        job(&down, "ci", &good).refused(Code::VaultLoginRefused).hints(&["bound_service_account", "cannot reach the cluster"]);
    }

    fn sinks_of_agents(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let approle = admin.approle("agent", &[&ground.policy], &json!({"secret_id_num_uses": 0}));
        let secret_id = admin.secret_id(&approle);
        let agent = Agent::start(server, &Login::AppRole { approle: &approle, secret_id: &secret_id });
        let wrapped = Agent::read(&agent.wrapped_sink());
        let sink = |content: &str| {
            let job = Job::sign(&server.address, &ground.key());
            let file = job.file("sink", content);
            let token: Value = serde_json::from_str(content).unwrap_or_default();
            job.secret(token["token"].as_str().unwrap_or(content));
            job.with(["--token-sink", &file])
        };
        // Wrapped by the thief: the file says one path, the server another.
        let mut lying: Value = serde_json::from_str(&wrapped).unwrap();
        lying["creation_path"] = "auth/approle/login".into();
        sink(&lying.to_string()).refused(Code::VaultWrappingPath);
        sink(&wrapped).done();
        sink(&wrapped).refused(Code::VaultWrappingToken);
        let approle = admin.approle("ci", &[&ground.policy], &json!({}));
        sink(&admin.wrapped_secret_id(&approle, "60s").to_string()).refused(Code::VaultWrappingPath);
    }
}
