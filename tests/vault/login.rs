//! Every way to log in signs a model, and says why it was chosen.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::common::{Run, run};
use crate::scene::{NAME, Scene};
use crate::support::agent::{Agent, Login};
use crate::support::issuer::AUDIENCE;
use crate::support::kubernetes::Cluster;
use crate::support::{Kind, Options, Server, on_each_server, unique};

/// Signs, and verifies without the server. What was chosen, and why, is told with `-v` and nowhere else.
#[track_caller]
fn signs(scene: &Scene<'_>, command: &mut Command, chosen: &str) -> Run {
    let table = scene.sandbox.at("keys/model.toml");
    if !table.exists() {
        scene.export("keys");
    }
    let _ = fs::remove_file(scene.bundle());
    let quiet = run(command);
    assert_eq!(quiet.accepted()["signer"]["key_version"], 1);
    assert!(!quiet.text().contains("login: "), "{}", quiet.text());

    let told = run(command.arg("-v"));
    told.accepted();
    let said = format!("login: {chosen}\n");
    assert!(String::from_utf8_lossy(&told.stderr).contains(&said), "no `{said}` in {}", told.text());
    let verified = run(&mut scene.verify(&table)).accepted();
    assert_eq!(verified["results"][0]["name"], NAME, "{verified}");
    told
}

/// The command, with one way to log in added.
fn with(scene: &Scene<'_>, flags: &[&str]) -> Command {
    let mut command = scene.bare_sign();
    command.args(flags);
    command
}

on_each_server! {
    fn jwt_from_a_file_a_variable_and_a_program(server: &Server) {
        let scene = Scene::new(server);
        let flags = ["--auth-path", &scene.auth, "--role", "ci", "--audience", AUDIENCE];
        let token = scene.issuer.token(&json!({}));

        let file = ["--identity-token-file", "identity"];
        signs(&scene, with(&scene, &flags).args(file), "jwt, because of --role and --identity-token-file");
        let variable = ["--identity-token-env", "SIGNING_TOKEN"];
        let reason = "jwt, because of --role and --identity-token-env";
        signs(&scene, with(&scene, &flags).args(variable).env("SIGNING_TOKEN", &token), reason);
        let word = "--identity-token-command";
        let program = [word, "sh", word, "-c", word, "printf '%s\\n' \"$1\"", word, "-", word, &token];
        let reason = "jwt, because of --role and --identity-token-command";
        signs(&scene, with(&scene, &flags).args(program), reason);

        let mut variables = scene.bare_sign();
        variables.env("MODELSEAL_AUTH_PATH", &scene.auth).env("MODELSEAL_ROLE", "ci");
        variables.env("MODELSEAL_IDENTITY_TOKEN_FILE", scene.sandbox.at("identity"));
        let reason = "jwt, because of MODELSEAL_ROLE and MODELSEAL_IDENTITY_TOKEN_FILE";
        signs(&scene, &mut variables, reason);

        // The same name, another id: somebody else's repository after a rename.
        scene.secret("identity", &scene.issuer.token(&json!({"repository_id": "666"})));
        run(with(&scene, &flags).args(file)).refused(4, "vault/login-refused");
    }

    fn kubernetes_with_a_projected_token(server: &Server) {
        let Some(cluster) = Cluster::shared() else { return };
        let scene = Scene::new(server);
        let admin = server.admin();
        let (namespace, auth) = (unique("mlops"), admin.kubernetes_mount(cluster));
        cluster.account(&namespace, "signer");
        let more = json!({"token_no_default_policy": true, "token_type": "service"});
        admin.kubernetes_role(&auth, "models-sign", (&namespace, "signer"), &[&scene.policy], &more);
        // Kubernetes ends the file without a line end, people with one: both are good.
        let token = cluster.token(&namespace, "signer", &[AUDIENCE]);
        let path = scene.secret("projected", &token);
        let flags = ["--auth-path", &auth, "--role", "models-sign", "--service-account-token", "projected"];
        signs(&scene, &mut with(&scene, &flags), "kubernetes, because of --role and --service-account-token");
        fs::write(&path, &token).unwrap();
        signs(&scene, with(&scene, &flags).args(["--audience", AUDIENCE]), "kubernetes, because of --role and \
            --service-account-token");
        let mut variables = scene.bare_sign();
        variables.env("MODELSEAL_AUTH_PATH", &auth).env("MODELSEAL_ROLE", "models-sign");
        variables.env("MODELSEAL_SERVICE_ACCOUNT_TOKEN", &path);
        let reason = "kubernetes, because of MODELSEAL_ROLE and MODELSEAL_SERVICE_ACCOUNT_TOKEN";
        signs(&scene, &mut variables, reason);
    }

    fn approle_with_a_plain_secret_id(server: &Server) {
        let scene = Scene::new(server);
        let more = json!({"secret_id_num_uses": 0, "token_no_default_policy": true});
        let approle = server.admin().approle("ci", &[&scene.policy], &more);
        let secret_id = server.admin().secret_id(&approle);
        scene.secret("secret-id", &secret_id);
        let flags = ["--auth-path", &approle.mount, "--role-id", &approle.role_id];

        let reason = "approle, because of --role-id and --secret-id-file";
        signs(&scene, with(&scene, &flags).args(["--secret-id-file", "secret-id"]), reason);
        let mut variable = with(&scene, &flags);
        variable.args(["--secret-id-env", "SECRET_ID"]).env("SECRET_ID", &secret_id);
        signs(&scene, &mut variable, "approle, because of --role-id and --secret-id-env");
    }

    fn approle_with_a_wrapped_secret_id(server: &Server) {
        let scene = Scene::new(server);
        let approle = server.admin().approle("ci", &[&scene.policy], &json!({"token_no_default_policy": true}));
        let wrapped = || {
            let wrapping = server.admin().wrapped_secret_id(&approle, "60s");
            scene.secret("wrapping", wrapping["token"].as_str().unwrap());
        };
        let table = scene.export("keys");
        let flags = ["--auth-path", &approle.mount, "--role-id", &approle.role_id];
        let mut command = with(&scene, &flags);
        command.args(["--role", "ci", "--wrapped-secret-id-file", "wrapping", "-v"]);
        wrapped();
        let told = run(&mut command);
        told.accepted();
        let reason = "login: approle, because of --role-id and --wrapped-secret-id-file\n";
        assert!(told.text().contains(reason), "{}", told.text());
        run(&mut scene.verify(&table)).accepted();
        // It opens once: who comes second is told that somebody else may have the secret.
        run(&mut command).refused(6, "vault/wrapping-token");
        // The path that the role implies can also be given.
        wrapped();
        let path = format!("auth/{}/role/ci/secret-id", approle.mount);
        let mut command = with(&scene, &flags);
        run(command.args(["--wrapped-secret-id-file", "wrapping", "--wrapping-path", &path])).accepted();
    }

    fn a_token_of_ones_own(server: &Server) {
        let scene = Scene::new(server);
        let token = server.admin().token(&[&scene.policy], "5m", "service", 0);
        scene.secret("token", &token);
        let file = ["--token-file", "token"];
        signs(&scene, &mut with(&scene, &file), "token, because of --token-file");
        signs(&scene, with(&scene, &[]).env("VAULT_TOKEN", &token), "token, because of VAULT_TOKEN");
        signs(&scene, with(&scene, &[]).env("BAO_TOKEN", &token), "token, because of BAO_TOKEN");
        // The variable of OpenBao comes first, and the other one is named.
        let both = signs(
            &scene,
            with(&scene, &[]).env("BAO_TOKEN", &token).env("VAULT_TOKEN", "nothing"),
            "token, because of BAO_TOKEN",
        );
        assert!(both.text().contains("VAULT_TOKEN is set and not used"), "{}", both.text());
        // It is still good: it was not ours to revoke.
        server.client().with_token(&token).get("auth/token/lookup-self").ok();
    }

    fn an_agents_sinks_and_listeners(server: &Server) {
        let scene = Scene::new(server);
        // With the policy `default`: without it the agent may not wrap.
        let more = json!({"secret_id_num_uses": 0});
        let approle = server.admin().approle("agent", &[&scene.policy], &more);
        let secret_id = server.admin().secret_id(&approle);
        let agent = Agent::start(server, &Login::AppRole { approle: &approle, secret_id: &secret_id });

        let token = Agent::read(&agent.plain_sink());
        let sink = agent.plain_sink().display().to_string();
        signs(&scene, &mut with(&scene, &["--token-sink", &sink]), "agent, because of --token-sink");
        let table = scene.sandbox.at("keys/model.toml");

        // A wrapped sink opens once.
        Agent::read(&agent.wrapped_sink());
        let sink = agent.wrapped_sink().display().to_string();
        fs::remove_file(scene.bundle()).unwrap();
        run(&mut with(&scene, &["--token-sink", &sink])).accepted();
        run(&mut scene.verify(&table)).accepted();

        let unix = format!("unix://{}", agent.socket().display());
        for address in [&agent.address, &unix] {
            let mut command = with(&scene, &[]);
            command.env_remove("VAULT_ADDR").env("VAULT_AGENT_ADDR", address);
            signs(&scene, &mut command, "agent, because of the address of an agent");
            let mut command = with(&scene, &["--auth", "agent"]);
            command.env_remove("VAULT_ADDR").env("BAO_AGENT_ADDR", address);
            signs(&scene, &mut command, "agent, because of --auth");
        }
        // None of these runs ended the agent's token.
        server.client().with_token(&token).get("auth/token/lookup-self").ok();
    }

    fn a_token_that_is_set_and_not_used_is_said(server: &Server) {
        let scene = Scene::new(server);
        let token = server.admin().token(&[&scene.policy], "5m", "service", 0);
        for command in [&mut scene.sign(), &mut scene.verify_by_reference(), &mut scene.ask(&["keys", "show", &scene.key()])] {
            let done = run(command.env("VAULT_TOKEN", &token));
            done.accepted();
            let text = String::from_utf8_lossy(&done.stderr).into_owned();
            assert!(text.contains("VAULT_TOKEN is set and not used: this run logs in by jwt"), "{command:?}: {text}");
            assert!(!done.text().contains(&token));
        }
        // A role alone does not turn the token into a login by jwt.
        let mut command = with(&scene, &["--role", "ci"]);
        let done = run(command.env("VAULT_TOKEN", &token).arg("-v"));
        done.accepted();
        assert!(done.text().contains("--role is not used: this run logs in by token"), "{}", done.text());
    }

    fn jwt_on_a_server_that_was_started_for_it(kind: Kind) {
        // The mount that needs no flag.
        let server = Server::own(kind, &Options::default());
        let scene = Scene::new(&server);
        let admin = server.admin();
        admin.post("sys/auth/jwt", &json!({"type": "jwt"})).ok();
        let config = json!({"jwt_validation_pubkeys": [scene.issuer.public_pem()]});
        admin.post("auth/jwt/config", &config).ok();
        admin.jwt_role("jwt", "ci", &json!({"repository_id": "123456789"}), &[&scene.policy], &json!({}));
        admin.post("sys/mounts/transit", &json!({"type": "transit"})).ok();
        admin.key("transit", "model", "ecdsa-p256");
        admin.put(&format!("sys/policies/acl/{}", scene.policy), &json!({"policy": crate::scene::policy("transit")})).ok();
        let mut command = scene.bare(&["sign", "model", "--key", "hashivault://model", "--name", NAME]);
        command.args(["--role", "ci", "--identity-token-file", "identity"]);
        assert_eq!(run(&mut command).accepted()["signer"]["key_name"], "model");
    }
}
