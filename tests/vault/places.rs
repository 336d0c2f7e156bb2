//! Where servers and keys can be: namespaces, mounts, addresses with a path, sockets, TLS.

use std::fs;
use std::process::Command;

use serde_json::json;

use crate::common::run;
use crate::scene::{NAME, Scene, conversation, policy};
use crate::support::agent::{Agent, Login};
use crate::support::fault::Reply;
use crate::support::tls::TlsFront;
use crate::support::{Behaviour, FaultServer, Kind, Options, Server, on_each_server, unique, wire};

/// Adds a jwt mount and a role `ci` at a path, for the identities of a scene.
fn jwt_at(scene: &Scene<'_>, admin: &crate::support::Client, mount: &str, policy: &str) {
    admin.post(&format!("sys/auth/{mount}"), &json!({"type": "jwt"})).ok();
    admin.post(&format!("auth/{mount}/config"), &json!({"jwt_validation_pubkeys": [scene.issuer.public_pem()]})).ok();
    admin.jwt_role(
        mount,
        "ci",
        &json!({"ref": "refs/heads/main"}),
        &[policy],
        &json!({"token_no_default_policy": true}),
    );
}

/// `sign` with a key and an identity, and nothing else.
fn sign(scene: &Scene<'_>, key: &str, more: &[&str]) -> Command {
    let mut command = scene.bare(&["sign", "model", "--key", key, "--name", NAME, "--identity-token-file", "identity"]);
    command.args(["--role", "ci"]).args(more);
    command
}

on_each_server! {
    fn mounts_have_slashes_and_names(server: &Server) {
        let scene = Scene::new(server);
        let admin = server.admin();
        let (mount, auth) = (format!("{}/team/signing", unique("deep")), format!("{}/ci/jwt", unique("deep")));
        admin.post(&format!("sys/mounts/{mount}"), &json!({"type": "transit"})).ok();
        admin.key(&mount, "model", "ecdsa-p256");
        jwt_at(&scene, &admin, &auth, &admin.policy("deep", &policy(&mount)));
        let key = format!("hashivault://{mount}/model");
        let signed = run(&mut sign(&scene, &key, &["--auth-path", &auth])).accepted();
        let place = json!({"address": server.address, "namespace": null, "mount": mount});
        assert_eq!(signed["server"], place);
        let login = ["--auth-path", &auth, "--role", "ci", "--identity-token-file", "identity"];
        run(scene.bare(&["keys", "export", &key, "--out", "keys"]).args(login)).accepted();
        run(&mut scene.verify(&scene.sandbox.at("keys/model.toml"))).accepted();
        let verified = run(scene.bare(&["verify", "model", "--key", &key, "--any-model", "--online"]).args(login));
        assert_eq!(verified.accepted()["servers"], json!([place]));

        // The mount from the environment, as sigstore names it; the scheme of OpenBao means the same.
        for key in ["hashivault://model", "openbao://model"] {
            let mut command = sign(&scene, key, &["--auth-path", &auth]);
            run(command.env("TRANSIT_SECRET_ENGINE_PATH", &mount)).accepted();
        }
        run(&mut sign(&scene, "hashivault://model", &["--auth-path", &auth])).refused(4, "vault/permission");
    }

    fn an_address_can_have_a_path(server: &Server) {
        let scene = Scene::new(server);
        let upstream = server.address.trim_start_matches("http://").to_owned();
        let gateway = Behaviour::compute(move |request| {
            let stream = std::net::TcpStream::connect(&upstream).unwrap();
            let path = request.path.strip_prefix("/secrets/vault").unwrap();
            let token = request.header("x-vault-token").map(|token| ("X-Vault-Token", token));
            let headers: Vec<_> = token.into_iter().collect();
            let answer = wire::exchange(stream, &request.method, path, &headers, &request.body).unwrap();
            Reply { status: answer.status(), headers: vec![], body: answer.body }
        });
        let gateway = FaultServer::builder().on("*", "/secrets/vault/v1/", [gateway]).start();
        for prefix in ["/secrets/vault", "/secrets/vault/"] {
            run(scene.sign().env("VAULT_ADDR", format!("{}{prefix}", gateway.address))).accepted();
        }
        assert!(conversation(&gateway).iter().all(|line| line.contains(" /secrets/vault/v1/")));
        assert_eq!(gateway.requests().len(), 8);
        // At another path there is no such server.
        let done = run(scene.sign().env("VAULT_ADDR", format!("{}/elsewhere", gateway.address)));
        assert_ne!(done.status, Some(0));
    }

    fn a_flag_names_the_server_before_any_variable(server: &Server) {
        let scene = Scene::new(server);
        let wrong = FaultServer::builder().start();
        for name in ["MODELSEAL_VAULT_ADDR", "BAO_ADDR", "VAULT_ADDR"] {
            let mut command = scene.sign();
            command.env_remove("VAULT_ADDR").env(name, &server.address);
            run(&mut command).accepted();
            run(command.env(name, &wrong.address).args(["--vault-addr", &server.address])).accepted();
        }
        let mut command = scene.sign();
        command.env("MODELSEAL_VAULT_ADDR", &server.address).env("BAO_ADDR", &wrong.address);
        run(command.env("VAULT_ADDR", &wrong.address)).accepted();
        let mut command = scene.sign();
        run(command.env("BAO_ADDR", &server.address).env("VAULT_ADDR", &wrong.address)).accepted();
        assert_eq!(wrong.connections(), 0);
    }

    fn a_socket_of_an_agent_carries_a_login_of_ones_own(server: &Server) {
        let scene = Scene::new(server);
        let approle = server.admin().approle("agent", &[&scene.policy], &json!({"secret_id_num_uses": 0}));
        let secret_id = server.admin().secret_id(&approle);
        let agent = Agent::start_proxy(server, &Login::AppRole { approle: &approle, secret_id: &secret_id });
        let socket = format!("unix://{}", agent.socket().display());
        run(scene.sign().env("VAULT_ADDR", &socket)).accepted();
        run(scene.sign().env_remove("VAULT_ADDR").args(["--vault-addr", &socket])).accepted();
        run(&mut scene.verify(&scene.export("keys"))).accepted();
    }

    fn a_private_authority_can_be_named_in_every_way(kind: Kind) {
        let server = Server::own(kind, &Options { tls: true, ..Options::default() });
        let scene = Scene::new(&server);
        let address = server.tls_address.as_deref().unwrap();
        let (ca, other) = (&server.certificates["ca"], &server.certificates["other_ca"]);
        let secure = |address: &str| {
            let mut command = scene.sign();
            command.env("VAULT_ADDR", address);
            command
        };
        run(&mut secure(address)).refused(4, "vault/tls");
        run(secure(address).arg("--ca-cert").arg(ca)).accepted();
        run(secure(&address.replace("127.0.0.1", "localhost")).arg("--ca-cert").arg(ca)).accepted();
        for name in ["MODELSEAL_CA_CERT", "VAULT_CACERT", "BAO_CACERT"] {
            run(secure(address).env(name, ca)).accepted();
            run(secure(address).env(name, other)).refused(4, "vault/tls");
        }
        let pem = fs::read_to_string(ca).unwrap();
        for name in ["VAULT_CACERT_BYTES", "BAO_CACERT_BYTES"] {
            run(secure(address).env(name, &pem)).accepted();
        }
        let directory = scene.sandbox.at("authorities");
        fs::create_dir(&directory).unwrap();
        fs::copy(other, directory.join("other.crt")).unwrap();
        run(secure(address).env("VAULT_CAPATH", &directory)).refused(4, "vault/tls");
        fs::copy(ca, directory.join("ca.pem")).unwrap();
        for name in ["VAULT_CAPATH", "BAO_CAPATH"] {
            run(secure(address).env(name, &directory)).accepted();
        }
        // The flag wins, whatever a step before has set.
        run(secure(address).env("VAULT_CACERT", other).arg("--ca-cert").arg(ca)).accepted();
        run(secure(address).env("VAULT_CACERT", ca).arg("--ca-cert").arg(other)).refused(4, "vault/tls");

        // A certificate for another name, and the name that is expected said.
        let file = |name: &str| server.certificates[name].as_path();
        let front = TlsFront::start(file("wrong_host"), file("wrong_host_key"), &server.address);
        run(secure(&front.address).arg("--ca-cert").arg(ca)).refused(4, "vault/tls");
        for name in ["VAULT_TLS_SERVER_NAME", "BAO_TLS_SERVER_NAME"] {
            run(secure(&front.address).arg("--ca-cert").arg(ca).env(name, "elsewhere.example")).accepted();
            run(secure(address).arg("--ca-cert").arg(ca).env(name, "elsewhere.example")).refused(4, "vault/tls");
        }
        let expired = TlsFront::start(file("expired"), file("expired_key"), &server.address);
        run(secure(&expired.address).arg("--ca-cert").arg(ca)).refused(4, "vault/tls");
        // Everything that can be weakened shows.
        let json = run(secure(address).arg("--danger-skip-tls-verify")).accepted();
        assert_eq!(json["relaxed"], json!(["danger-skip-tls-verify"]));
    }
}

#[test]
fn namespaces_of_openbao() {
    assert!(Kind::OpenBao.available());
    let server = Server::shared(Kind::OpenBao);
    let scene = Scene::new(server);
    let (team, part) = (unique("team"), "models");
    server.admin().post(&format!("sys/namespaces/{team}"), &json!({})).ok();
    server.admin().in_namespace(&team).post(&format!("sys/namespaces/{part}"), &json!({})).ok();
    let inner = format!("{team}/{part}");
    let admin = server.admin().in_namespace(&inner);
    admin.post("sys/mounts/transit", &json!({"type": "transit"})).ok();
    admin.key("transit", "model", "ecdsa-p256");
    jwt_at(&scene, &admin, "jwt", &admin.policy("inner", &policy("transit")));

    let key = "hashivault://model";
    let signed = run(&mut sign(&scene, key, &["--namespace", &inner])).accepted();
    let place = json!({"address": server.address, "namespace": inner, "mount": "transit"});
    assert_eq!(signed["server"], place);
    let text = run(&mut scene.ask_in_text(&["sign", "model", "--key", &scene.key()])).text();
    assert!(text.contains(&format!("server: {} (mount {})\n", server.address, scene.mount)), "{text}");
    for name in ["MODELSEAL_NAMESPACE", "BAO_NAMESPACE", "VAULT_NAMESPACE"] {
        let again = run(sign(&scene, key, &[]).env(name, &inner)).accepted();
        assert_eq!(again["signer"]["key_id"], signed["signer"]["key_id"], "{name}");
    }
    run(sign(&scene, key, &["--namespace", &inner]).env("VAULT_NAMESPACE", "nowhere")).accepted();
    let login = ["--role", "ci", "--identity-token-file", "identity", "--namespace", &inner];
    run(scene.bare(&["keys", "export", key, "--out", "keys"]).args(login)).accepted();
    run(&mut scene.verify(&scene.sandbox.at("keys/model.toml"))).accepted();
    run(scene.bare(&["verify", "model", "--key", key, "--any-model", "--online"]).args(login)).accepted();

    // A namespace in the reference is that of the key; the login is where its mount is.
    let named = format!("hashivault://model?namespace={inner}");
    assert_eq!(run(&mut sign(&scene, &named, &["--auth-namespace", &inner])).accepted()["server"], place);
    run(&mut sign(&scene, &named, &["--namespace", &inner])).accepted();

    // A login in the namespace above, for a key in the one below.
    let outer = server.admin().in_namespace(&team);
    jwt_at(&scene, &outer, "jwt", &outer.policy("outer", &policy(&format!("{part}/transit"))));
    run(&mut sign(&scene, key, &["--namespace", &inner, "--auth-namespace", &team])).accepted();
    run(sign(&scene, key, &["--namespace", &inner]).env("MODELSEAL_AUTH_NAMESPACE", &team)).accepted();
    run(&mut sign(&scene, &named, &["--auth-namespace", &team])).accepted();

    // No other namespace has this key, and the root has no such login.
    assert_ne!(run(&mut sign(&scene, key, &[])).status, Some(0));
    assert_ne!(run(&mut sign(&scene, key, &["--namespace", "nowhere"])).status, Some(0));
    assert_ne!(run(&mut sign(&scene, key, &["--namespace", &team])).status, Some(0));
}

/// A community Vault would ignore a header that names a namespace, and sign with the key of the root.
#[test]
fn a_vault_without_namespaces_never_signs_with_another_key() {
    if !Kind::Vault.available() {
        return;
    }
    let server = Server::shared(Kind::Vault);
    let scene = Scene::new(server);
    let between = FaultServer::builder().proxy_to(&server.address).start();
    for more in [&["--namespace", "team"][..], &["--auth-namespace", "root", "--namespace", "team"]] {
        let done = run(scene.sign().args(more).env("VAULT_ADDR", &between.address));
        assert_eq!(done.status, Some(4), "{}", done.text());
        assert!(!scene.bundle().exists());
    }
    assert!(between.requests().iter().all(|request| request.header("x-vault-namespace").is_none()));
    run(scene.sign().args(["--namespace", "root"])).accepted();
}
