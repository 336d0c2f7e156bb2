//! Exactly which requests a command makes, and over how many connections.

use std::process::Command;

use serde_json::json;

use crate::common::{Run, run};
use crate::scene::{Scene, conversation};
use crate::support::{FaultServer, Kind, Server, on_each_server};

/// Runs a command through something that counts; the run, and what was asked.
#[track_caller]
fn listen(server: &Server, command: &mut Command) -> (Run, Vec<String>) {
    let between = FaultServer::builder().proxy_to(&server.address).start();
    let done = run(command.env("VAULT_ADDR", &between.address));
    assert_eq!(between.connections(), 1, "{:?}", conversation(&between));
    (done, conversation(&between))
}

/// The requests that are always the same.
const LOOKUP: &str = "GET /v1/auth/token/lookup-self";
const REVOKE: &str = "POST /v1/auth/token/revoke-self";

on_each_server! {
    fn a_job_asks_four_times_over_one_connection(server: &Server) {
        let scene = Scene::new(server);
        let login = format!("POST /v1/auth/{}/login", scene.auth);
        let (read, sign) = (format!("GET /v1/{}/keys/model", scene.mount), format!("POST /v1/{}/sign/model", scene.mount));
        let (done, asked) = listen(server, &mut scene.sign());
        done.accepted();
        assert_eq!(asked, [&*login, &read, &sign, REVOKE]);

        // Nothing is written, and yet everything is tried.
        let (done, asked) = listen(server, scene.sign().arg("--dry-run"));
        assert_eq!(done.accepted()["written"], false);
        assert_eq!(asked, [&*login, &read, &sign, REVOKE]);

        for arguments in [vec!["keys", "show"], vec!["keys", "export"], vec!["keys", "export", "--out", "keys"]] {
            let (done, asked) = listen(server, scene.ask(&arguments).arg(scene.key()));
            done.accepted();
            assert_eq!(asked, [&*login, &read, REVOKE], "{arguments:?}");
        }
        let (done, asked) = listen(server, &mut scene.verify_by_reference());
        done.accepted();
        assert_eq!(asked, [&*login, &read, REVOKE]);
        let (done, asked) = listen(server, &mut scene.verify_online());
        done.accepted();
        let verify = format!("POST /v1/{}/verify/model", scene.mount);
        assert_eq!(asked, [&*login, &read, &verify, REVOKE]);

        let health = "GET /v1/sys/health";
        let (done, asked) = listen(server, &mut scene.ask(&["vault", "login", "--dry-run"]));
        assert_eq!(done.accepted()["revoked"], true);
        assert_eq!(asked, [health, &login, REVOKE]);
        let capabilities = "POST /v1/sys/capabilities-self";
        let (done, asked) = listen(server, &mut scene.ask(&["vault", "login", "--dry-run", "--key", &scene.key()]));
        done.accepted();
        assert_eq!(asked, [health, &*login, capabilities, &read, REVOKE]);
    }

    fn a_table_is_verified_without_any_request(server: &Server) {
        let scene = Scene::new(server);
        run(&mut scene.sign()).accepted();
        let table = scene.export("keys");
        let between = FaultServer::builder().start();
        run(scene.verify(&table).env("VAULT_ADDR", &between.address).env("VAULT_TOKEN", "unused")).accepted();
        run(scene.verify(&scene.sandbox.at("keys/model-v1.pem")).env("VAULT_ADDR", &between.address)).accepted();
        assert_eq!((between.connections(), conversation(&between)), (0, vec![]));
    }

    fn an_online_verification_asks_once_for_each_model(server: &Server) {
        let scene = Scene::new(server);
        run(&mut scene.sign()).accepted();
        for name in ["a", "b", "c"] {
            crate::common::copy_tree(&scene.sandbox.model(), &scene.sandbox.at("many").join(name));
        }
        let mut command = scene.ask(&["verify", "--recursive", "many", "--any-model", "--key", &scene.key()]);
        // The three are asked about at the same time, so there may be more than one connection.
        let between = FaultServer::builder().proxy_to(&server.address).start();
        run(command.arg("--online").env("VAULT_ADDR", &between.address)).accepted();
        let asked = conversation(&between);
        assert_eq!((asked.len(), between.count(&format!("/v1/{}/verify/", scene.mount))), (6, 3), "{asked:?}");
        assert_eq!(asked.last().map(String::as_str), Some(REVOKE));
    }

    fn a_wrapped_secret_id_takes_six_requests(server: &Server) {
        let scene = Scene::new(server);
        let approle = server.admin().approle("ci", &[&scene.policy], &json!({"token_no_default_policy": true}));
        let wrapping = server.admin().wrapped_secret_id(&approle, "60s");
        scene.secret("wrapping", wrapping["token"].as_str().unwrap());
        let mut command = scene.bare_sign();
        command.args(["--auth-path", &approle.mount, "--role-id", &approle.role_id, "--role", "ci"]);
        let (done, asked) = listen(server, command.args(["--wrapped-secret-id-file", "wrapping"]));
        done.accepted();
        let expected = [
            "POST /v1/sys/wrapping/lookup".to_owned(),
            "POST /v1/sys/wrapping/unwrap".to_owned(),
            format!("POST /v1/auth/{}/login", approle.mount),
            format!("GET /v1/{}/keys/model", scene.mount),
            format!("POST /v1/{}/sign/model", scene.mount),
            REVOKE.to_owned(),
        ];
        assert_eq!(asked, expected);
    }

    fn a_batch_token_is_not_revoked(server: &Server) {
        let scene = Scene::new(server);
        let more = json!({"token_type": "batch", "token_no_default_policy": true});
        server.admin().jwt_role(&scene.auth, "ci", &json!({}), &[&scene.policy], &more);
        let (done, asked) = listen(server, &mut scene.sign());
        done.accepted();
        assert_eq!(asked.len(), 3, "{asked:?}");
        assert!(asked[2].ends_with("/sign/model"), "{asked:?}");
        let (done, _) = listen(server, &mut scene.ask(&["vault", "login", "--dry-run"]));
        let said = done.accepted();
        assert_eq!((&said["revoked"], &said["token"]["type"]), (&json!(false), &json!("batch")));
    }

    fn a_given_token_is_looked_up_and_never_revoked(server: &Server) {
        let scene = Scene::new(server);
        let token = server.admin().token(&[&scene.policy], "5m", "service", 0);
        let (done, asked) = listen(server, scene.bare_sign().env("VAULT_TOKEN", &token));
        done.accepted();
        let (read, sign) = (format!("GET /v1/{}/keys/model", scene.mount), format!("POST /v1/{}/sign/model", scene.mount));
        assert_eq!(asked, [LOOKUP, &read, &sign]);
        let (done, asked) = listen(server, scene.bare(&["vault", "login", "--dry-run"]).env("VAULT_TOKEN", &token));
        assert_eq!(done.accepted()["revoked"], false);
        assert_eq!(asked, ["GET /v1/sys/health", LOOKUP]);
        server.client().with_token(&token).get("auth/token/lookup-self").ok();
    }

    fn three_uses_are_enough_for_one_signature(server: &Server) {
        let scene = Scene::new(server);
        let more = json!({"token_num_uses": 3, "token_no_default_policy": true});
        server.admin().jwt_role(&scene.auth, "ci", &json!({}), &[&scene.policy], &more);
        let (done, asked) = listen(server, &mut scene.sign());
        assert_eq!(done.accepted()["warnings"], json!([]));
        assert_eq!((asked.len(), done.stderr.len()), (4, 0), "{asked:?} {}", done.text());
    }

    fn every_request_is_told_with_its_status_and_nothing_secret(server: &Server) {
        let scene = Scene::new(server);
        let identity = scene.issuer.token(&json!({}));
        let mut command = scene.bare_sign();
        command.args(["--auth-path", &scene.auth, "--role", "ci", "--identity-token-env", "ID", "-v"]);
        let (done, asked) = listen(server, command.env("ID", &identity));
        done.accepted();
        let text = done.text();
        for request in asked {
            let (method, path) = request.split_once(" /v1/").unwrap();
            assert!(text.lines().any(|line| line.contains(method) && line.contains(path)), "{request}: {text}");
        }
        for part in identity.split('.') {
            assert!(!text.contains(part), "{text}");
        }
    }
}
