//! What users of other tools complain about in public threads: each named thread is a complaint that ours cannot have.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use modelseal::vault::{reader_policy, signer_policy, verifier_policy};
use modelseal::{Curve, KeyKind, Scheme};
use serde_json::{Value, json};

use crate::common::{modelseal, run};
use crate::scene::{Ledger, NAME, Scene, alive, conversation};
use crate::support::process::eventually;
use crate::support::{Behaviour, FaultServer, Kind, Options, Server, on_each_server};

/// Signs, and verifies by table, by reference and by asking; all of them agree about a good and a bad model.
#[track_caller]
fn all_paths_agree(scene: &Scene<'_>, scheme: &str) {
    let signed = run(&mut scene.sign()).accepted();
    assert_eq!(signed["signer"]["scheme"], scheme, "{signed}");
    let table = scene.export("keys");
    let paths = || [scene.verify(&table), scene.verify_by_reference(), scene.verify_online()];
    for mut path in paths() {
        let verified = run(&mut path).accepted();
        assert_eq!(verified["results"][0]["signer"]["key_id"], signed["signer"]["key_id"], "{verified}");
    }
    scene.sandbox.write("model/w/0.bin", b"abce");
    for mut path in paths() {
        run(&mut path).refused(1, "artifact/modified");
    }
}

/// What every request to a path held, with a server that passes everything on.
fn heard(scene: &Scene<'_>, path: &str) -> Vec<Value> {
    let between = FaultServer::builder().proxy_to(&scene.server.address).start();
    run(scene.sign().env("VAULT_ADDR", &between.address)).accepted();
    between.requests().iter().filter(|request| request.path.contains(path)).map(|request| request.json()).collect()
}

on_each_server! {
    // One command signs with a transit key; nothing has to fetch a token for it.
    fn issue_vault_action_249_and_498_one_command_signs_with_transit(server: &Server) {
        let scene = Scene::new(server);
        let signed = run(&mut scene.sign()).accepted();
        assert_eq!((&signed["code"], &signed["signer"]["key_name"]), (&json!("signed"), &json!("model")));
        run(&mut scene.verify(&scene.export("keys"))).accepted();
    }

    fn issue_vault_action_427_and_501_token_is_revoked(kind: Kind) {
        let server = Server::own(kind, &Options { audit: true, ..Options::default() });
        let scene = Scene::new(&server);
        let (before, entry) = (alive(&server), server.audit_lines().len());
        run(&mut scene.sign()).accepted();
        run(&mut scene.ask(&["sign", "model", "--key", &format!("hashivault://{}/no", scene.mount)])).refused(4, "vault/permission");
        for (signal, status) in [("INT", 130), ("TERM", 143)] {
            let path = format!("/v1/{}/sign/", scene.mount);
            let builder = FaultServer::builder().on("POST", &path, [Behaviour::Silence]);
            let between = builder.proxy_to(&server.address).start();
            let inner = scene.sign();
            let mut command = Command::new("env");
            command.arg("--default-signal=INT,TERM").arg(inner.get_program()).args(inner.get_args()).env_clear();
            command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command.current_dir(scene.sandbox.path()).env("VAULT_ADDR", &between.address);
            let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
            eventually("it signs", || (between.count(&path) > 0).then_some(()));
            assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
            assert_eq!(child.wait_with_output().unwrap().status.code(), Some(status));
        }
        let ledger = Ledger::since(&server, entry);
        assert_eq!(ledger.tokens.len(), 4);
        ledger.assert_all_revoked();
        assert_eq!(alive(&server), before);
    }

    // The token is in no variable, file or output that a later step could read, and there is nothing to clean up.
    fn issue_vault_action_352_and_runner_1126_and_1478_nothing_is_left_behind(server: &Server) {
        let scene = Scene::new(server);
        let files = ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"];
        fs::create_dir_all(scene.sandbox.at("home")).unwrap();
        fs::create_dir_all(scene.sandbox.at("tmp")).unwrap();
        let mut command = scene.sign();
        for name in files {
            command.env(name, scene.sandbox.write(name, b""));
        }
        command.env("HOME", scene.sandbox.at("home")).env("TMPDIR", scene.sandbox.at("tmp")).env("CI", "true");
        let names = |path: &str| scene.sandbox.names(path);
        let before = names("");
        let alive_before = alive(server);
        run(command.env("GITHUB_ACTIONS", "true").arg("-vvv")).accepted();
        for name in files {
            assert_eq!(fs::read(scene.sandbox.at(name)).unwrap(), b"", "{name}");
        }
        assert_eq!(names(""), before);
        assert_eq!((names("home"), names("tmp")), (BTreeSet::new(), BTreeSet::new()));
        assert_eq!(names("model"), ["config.json", "model.sig", "w"].map(str::to_owned).into());
        // No process of ours stays, which would have to end the token later: it has ended.
        assert_eq!(alive(server).difference(&alive_before).filter(|it| is_ours(server, it, &scene)).count(), 0);
    }

    // A token of five minutes has to outlive no hashing: it is fetched after that.
    fn issue_toolkit_2048_and_others_the_model_is_hashed_before_a_token_is_fetched(server: &Server) {
        let scene = Scene::new(server);
        let word = "--identity-token-command";
        // What the program does to the model comes too late to be signed.
        let script = "printf changed >model/w/0.bin; cat identity";
        let mut command = scene.bare_sign();
        command.args(["--auth-path", &scene.auth, "--role", "ci", word, "sh", word, "-c", word, script]);
        let done = run(&mut command);
        let table = scene.export("keys");
        if done.status == Some(0) {
            run(&mut scene.verify(&table)).refused(1, "artifact/modified");
            scene.sandbox.write("model/w/0.bin", b"abcd");
            run(&mut scene.verify(&table)).accepted();
        } else {
            // Noticed, which also takes an earlier look.
            assert_eq!(done.json()["code"], "artifact/modified", "{}", done.text());
        }
    }

    fn issue_vault_action_525_what_fails_now_and_then_is_tried_again(server: &Server) {
        let scene = Scene::new(server);
        let login = format!("/v1/auth/{}/login", scene.auth);
        let (sign, read) = (format!("/v1/{}/sign/", scene.mount), format!("/v1/{}/keys/", scene.mount));
        let twice = || [Behaviour::html_502(), Behaviour::CloseAfterRequest, Behaviour::Forward];
        let between = FaultServer::builder().on("POST", &login, twice()).on("POST", &sign, twice()).on("GET", &read, twice());
        let between = between.proxy_to(&server.address).start();
        run(scene.sign().env("VAULT_ADDR", &between.address)).accepted();
        assert_eq!([&login, &sign, &read].map(|path| between.count(path)), [3; 3]);

        // For ever is too long: the bound holds for all attempts together, and the cause is told.
        let between = FaultServer::builder().on("POST", &login, [Behaviour::html_502()]).start();
        let refused = run(scene.sign().env("VAULT_ADDR", &between.address)).refused(5, "vault/unavailable");
        assert!(refused["message"].as_str().unwrap().contains("502"), "{refused}");
        assert_eq!(between.count(&login), 3);
        let limited = Behaviour::json(429, &json!({"errors": ["request path: rate limit quota exceeded"]}));
        let between = FaultServer::builder().on("POST", &login, [limited]).start();
        let done = run(scene.sign().args(["--timeout", "1s"]).env("VAULT_ADDR", &between.address));
        let refused = done.refused(5, "vault/rate-limited");
        assert!(refused["message"].as_str().unwrap().contains("quota exceeded"), "{refused}");
        assert!(between.count(&login) > 2);
    }

    // A custom mount of the login.
    fn issue_vault_action_267_and_507_any_mount_can_log_in(server: &Server) {
        let scene = Scene::new(server);
        run(&mut scene.sign()).accepted();
        let mut wrong = scene.bare_sign();
        wrong.args(["--auth-path", "jwt-nowhere", "--role", "ci", "--identity-token-file", "identity"]);
        let refused = run(&mut wrong).refused(4, "vault/login-refused");
        let hint = refused["hint"].as_str().unwrap();
        assert!(hint.contains("auth/jwt-nowhere") && hint.contains("--auth-path"), "{refused}");
    }

    // What a token is for is looked at when it arrives.
    fn issue_di_id_441_the_audience_is_checked_before_anything_is_sent(server: &Server) {
        let scene = Scene::new(server);
        let between = FaultServer::builder().proxy_to(&server.address).start();
        let audience = ["--audience", "https://vault.example"];
        run(scene.sign().args(audience).env("VAULT_ADDR", &between.address)).accepted();
        let sent = between.connections();
        for claims in [json!({"aud": null}), json!({"aud": "https://elsewhere.example"}), json!({"aud": ["x"]})] {
            scene.secret("identity", &scene.issuer.token(&claims));
            let refused = run(scene.sign().args(audience).env("VAULT_ADDR", &between.address)).refused(2, "identity/audience");
            assert!(refused["message"].as_str().unwrap().contains("https://vault.example"), "{refused}");
        }
        assert_eq!(between.connections(), sent);
    }

    // Three policies, each as small as it can be, suffice for everything.
    fn issue_cosign_2646_the_smallest_policies_suffice(server: &Server) {
        let scene = Scene::new(server);
        let (mount, name) = (scene.mount.parse().unwrap(), "model".parse().unwrap());
        let policies = [
            signer_policy(&mount, &name, KeyKind::Ec(Curve::P256), Scheme::Ecdsa).unwrap(),
            verifier_policy(&mount, &name),
            reader_policy(&mount, &name),
        ];
        let admin = server.admin();
        let roles = ["sign", "verify", "read"];
        for (role, hcl) in roles.iter().zip(&policies) {
            let policy = admin.policy(role, hcl);
            admin.jwt_role(&scene.auth, role, &json!({}), &[&policy], &json!({"token_no_default_policy": true}));
        }
        let key = scene.key();
        let commands: [(&[&str], [bool; 3]); 6] = [
            (&["sign", "model", "--key", &key, "--name", NAME], [true, false, false]),
            (&["keys", "show", &key], [true; 3]),
            (&["keys", "export", &key], [true; 3]),
            (&["verify", "model", "--key", &key, "--expect-name", NAME], [true; 3]),
            (&["verify", "model", "--key", &key, "--expect-name", NAME, "--online"], [false, true, false]),
            (&["vault", "login", "--dry-run", "--key", &key], [true, false, false]),
        ];
        for (arguments, allowed) in commands {
            for (role, allowed) in roles.iter().zip(allowed) {
                let mut command = scene.bare(arguments);
                command.args(["--auth-path", &scene.auth, "--role", role, "--identity-token-file", "identity"]);
                let done = run(&mut command);
                assert_eq!(done.status == Some(0), allowed, "{arguments:?} as {role}: {}", done.text());
                let code = done.json()["code"].clone();
                let code = if code.is_string() { code } else { done.json()["results"][0]["code"].clone() };
                assert!(allowed || code == "vault/permission", "{arguments:?} as {role}: {}", done.text());
                assert!(!done.text().contains("could not be revoked"), "{}", done.text());
            }
        }
    }

    fn issue_cosign_1223_any_transit_mount_can_be_named(server: &Server) {
        let scene = Scene::new(server);
        run(&mut scene.sign()).accepted();
        // The variable that other tools know, and a mount with a slash in it.
        let mut command = scene.ask(&["sign", "model", "--key", "hashivault://model"]);
        run(command.env("TRANSIT_SECRET_ENGINE_PATH", &scene.mount)).accepted();
        let deep = format!("{}/deep/er", scene.mount);
        let admin = server.admin();
        admin.post(&format!("sys/mounts/team/{deep}"), &json!({"type": "transit"})).ok();
        let deep = format!("team/{deep}");
        admin.key(&deep, "model", "ecdsa-p256");
        let policy = admin.policy("deep", &crate::scene::policy(&deep));
        admin.jwt_role(&scene.auth, "deep", &json!({}), &[&policy], &json!({}));
        let mut command = scene.bare(&["sign", "model", "--key", &format!("hashivault://{deep}/model")]);
        run(command.args(["--auth-path", &scene.auth, "--role", "deep", "--identity-token-file", "identity"])).accepted();
        // A mount that is not there is said to be so to whoever may look.
        let root = server.admin().token(&["root"], "1h", "service", 0);
        let mut command = scene.bare(&["keys", "show", "hashivault://nowhere/model", "--danger-unlimited-token"]);
        let refused = run(command.env("VAULT_TOKEN", root)).refused(4, "vault/mount-not-found");
        let hint = refused["hint"].as_str().unwrap();
        assert!(hint.contains("hashivault://MOUNT/KEY") && hint.contains("TRANSIT_SECRET_ENGINE_PATH"), "{refused}");
    }

    fn issue_cosign_1301_another_key_of_the_server_does_not_verify(server: &Server) {
        let scene = Scene::new(server);
        server.admin().key(&scene.mount, "other", "ecdsa-p256");
        let policy = server.admin().policy("other", &crate::scene::policy(&scene.mount).replace("/model\"", "/other\""));
        server.admin().jwt_role(&scene.auth, "other", &json!({}), &[&policy], &json!({}));
        run(&mut scene.sign()).accepted();
        let other = format!("hashivault://{}/other", scene.mount);
        for online in [&[][..], &["--online"]] {
            let mut command = scene.bare(&["verify", "model", "--any-model", "--key", &other]);
            command.args(["--auth-path", &scene.auth, "--role", "other", "--identity-token-file", "identity"]).args(online);
            run(&mut command).refused(1, "signature/unknown-key");
        }
        // Nor does the key of the same name on another mount.
        let elsewhere = Scene::new(server);
        let bundle = scene.bundle().display().to_string();
        for mut command in [elsewhere.verify_by_reference(), elsewhere.verify_online()] {
            run(command.args(["--bundle", &bundle])).refused(1, "signature/unknown-key");
        }
        // What was signed says with what.
        let signed = run(&mut scene.sign()).accepted();
        assert_eq!((&signed["signer"]["key_name"], &signed["signer"]["key_version"]), (&json!("model"), &json!(1)));
    }

    fn issue_cosign_1351_and_kyverno_1407_signatures_outlive_a_rotation(server: &Server) {
        let scene = Scene::new(server);
        run(&mut scene.sign()).accepted();
        let early = scene.export("early");
        let first = fs::read(scene.bundle()).unwrap();
        scene.operate("rotate", &json!({}));
        assert_eq!(run(&mut scene.sign()).accepted()["signer"]["key_version"], 2);
        let second = fs::read(scene.bundle()).unwrap();
        let late = scene.export("late");
        for (bundle, version) in [(&first, 1), (&second, 2)] {
            fs::write(scene.bundle(), bundle).unwrap();
            for mut command in [scene.verify(&late), scene.verify_by_reference(), scene.verify_online()] {
                let verified = run(&mut command).accepted();
                assert_eq!(verified["results"][0]["signer"]["key_version"], version, "{verified}");
            }
            let named = format!("{}?version={version}", scene.key());
            run(&mut scene.ask(&["verify", "model", "--any-model", "--key", &named])).accepted();
            let other = format!("{}?version={}", scene.key(), 3 - version);
            run(&mut scene.ask(&["verify", "model", "--any-model", "--key", &other])).refused(1, "signature/unknown-key");
        }
        // What was exported before verifies what was signed before, and nothing later.
        run(&mut scene.verify(&early)).refused(1, "signature/unknown-key");
        fs::write(scene.bundle(), &first).unwrap();
        run(&mut scene.verify(&early)).accepted();
        // An old version still signs when it is named.
        let pinned = format!("{}?version=1", scene.key());
        let signed = run(&mut scene.ask(&["sign", "model", "--key", &pinned, "--name", NAME])).accepted();
        assert_eq!(signed["signer"]["key_version"], 1);
    }

    // The same answer from the server and from the exported key, for each type of key.
    fn issue_cosign_3367_and_3751_and_4467_server_and_exported_key_agree(server: &Server) {
        all_paths_agree(&Scene::with_key(server, "ecdsa-p256"), "ecdsa");
        all_paths_agree(&Scene::with_key(server, "rsa-2048"), "rsa-pss-sha256");
    }

    fn issue_cosign_5018_the_larger_curves_work(server: &Server) {
        for (kind, hash) in [("ecdsa-p384", "sha2-384"), ("ecdsa-p521", "sha2-512")] {
            let scene = Scene::with_key(server, kind);
            all_paths_agree(&scene, "ecdsa");
            assert_eq!(heard(&scene, "/sign/")[0]["hash_algorithm"], hash);
        }
    }

    fn issue_sigstore_1810_and_vault_31574_ed25519_signs_the_message_itself(server: &Server) {
        let scene = Scene::with_key(server, "ed25519");
        all_paths_agree(&scene, "ed25519");
        let asked = heard(&scene, "/sign/");
        let names: Vec<_> = asked[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["batch_input", "key_version"]);
        // The raw key of the server became one that every tool reads.
        let pem = fs::read_to_string(scene.sandbox.at("keys/model-v1.pem")).unwrap();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n") && pem.ends_with("-----END PUBLIC KEY-----\n"), "{pem}");
    }

    // Nothing is left to a default of the server, and what it answers is verified before it is written.
    fn issue_sigstore_1735_and_hvac_541_every_option_is_said(server: &Server) {
        let cases = [
            ("ecdsa-p256", json!({"prehashed": true, "hash_algorithm": "sha2-256", "marshaling_algorithm": "asn1"})),
            (
                "rsa-2048",
                json!({"prehashed": true, "hash_algorithm": "sha2-256", "signature_algorithm": "pss", "salt_length": "hash"}),
            ),
        ];
        for (kind, options) in cases {
            let scene = Scene::with_key(server, kind);
            let asked = heard(&scene, "/sign/");
            assert_eq!(asked.len(), 1);
            for (name, value) in options.as_object().unwrap() {
                assert_eq!(&asked[0][name], value, "{kind}: {}", asked[0]);
            }
            assert_eq!(asked[0]["key_version"], 1);
            let path = format!("/v1/{}/sign/", scene.mount);
            let other = Behaviour::alter(|mut reply| {
                let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
                let signature = &mut body["data"]["batch_results"][0]["signature"];
                let text = signature.as_str().unwrap().to_owned();
                // One bit in the middle, which still is base64.
                let (at, old) = (text.len() / 2, text.as_bytes()[text.len() / 2]);
                let new = if old == b'A' { 'B' } else { 'A' };
                *signature = json!(format!("{}{new}{}", &text[..at], &text[at + 1..]));
                reply.body = body.to_string().into_bytes();
                reply
            });
            let between = FaultServer::builder().on("POST", &path, [other]).proxy_to(&server.address).start();
            fs::remove_file(scene.bundle()).unwrap();
            run(scene.sign().env("VAULT_ADDR", &between.address)).refused(4, "vault/wrong-signature");
            assert!(!scene.bundle().exists());
        }
    }

    fn issue_model_transparency_203_and_597_models_are_signed_with_keys_of_a_server(server: &Server) {
        let scene = Scene::new(server);
        let signed = run(&mut scene.sign()).accepted();
        assert_eq!((&signed["code"], &signed["files"], &signed["written"]), (&json!("signed"), &json!(2), &json!(true)));
        // In the standard form: nothing in it is for us only.
        let bundle: Value = serde_json::from_slice(&fs::read(scene.bundle()).unwrap()).unwrap();
        assert_eq!(bundle["dsseEnvelope"]["payloadType"], "application/vnd.in-toto+json");
        let pem = scene.export("keys").parent().unwrap().join("model-v1.pem");
        run(&mut scene.verify(&pem)).accepted();
    }

    // Without a network: no server, no log, no time server.
    fn issue_cosign_4831_and_3423_and_aicr_409_verification_needs_no_network(server: &Server) {
        let scene = Scene::new(server);
        run(&mut scene.sign()).accepted();
        let table = scene.export("keys");
        let everybody = FaultServer::builder().start();
        let mut command = scene.verify(&table);
        for name in ["VAULT_ADDR", "BAO_ADDR", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "VAULT_PROXY_ADDR"] {
            command.env(name, &everybody.address);
        }
        run(&mut command).accepted();
        assert_eq!(everybody.connections(), 0);
        // Where the system permits it, in a world without even a loopback.
        let mut without = Command::new("unshare");
        without.args(["--map-root-user", "--net"]).arg(command.get_program()).args(command.get_args());
        without.current_dir(scene.sandbox.path());
        let permitted = Command::new("unshare").args(["--map-root-user", "--net", "true"]).output();
        if permitted.is_ok_and(|done| done.status.success()) {
            run(&mut without).accepted();
        }
        // And signing sends to the named server alone: nothing is uploaded anywhere.
        let between = FaultServer::builder().proxy_to(&server.address).start();
        run(scene.sign().env("VAULT_ADDR", &between.address)).accepted();
        assert_eq!(conversation(&between).len(), 4);
    }
}

/// Whether a live token was handed out by the scene's role.
fn is_ours(server: &Server, accessor: &str, scene: &Scene<'_>) -> bool {
    let answer = server.admin().post("auth/token/lookup-accessor", &json!({"accessor": accessor}));
    answer.body["data"]["path"] == format!("auth/{}/login", scene.auth)
}

/// A model so large that the token of the file expires while it is hashed, and another one takes its place.
#[test]
fn issue_chainloop_2892_a_token_is_read_when_it_is_needed() {
    assert!(Kind::OpenBao.available());
    let scene = Scene::new(Server::shared(Kind::OpenBao));
    scene.secret("identity", &scene.issuer.token_expired());
    run(&mut scene.sign()).refused(2, "identity/expired");
    // Longer to hash than the sleep below, on any machine; it takes no room.
    scene.sandbox.sparse("model/large.bin", 1 << 30);
    let fresh = scene.secret("fresh", &scene.issuer.token(&json!({})));
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            fs::rename(&fresh, scene.sandbox.at("identity")).unwrap();
        });
        run(scene.sign().args(["--jobs", "1"])).accepted();
    });
}

/// Certificates as a file, as text and as a directory; what is in the wrong place is told where it belongs.
#[test]
fn issue_vault_action_204_and_366_authorities_in_every_form() {
    assert!(Kind::OpenBao.available());
    let server = Server::own(Kind::OpenBao, &Options { tls: true, ..Options::default() });
    let scene = Scene::new(&server);
    let address = server.tls_address.as_deref().unwrap();
    let file = server.certificates["ca"].display().to_string();
    let text = fs::read_to_string(&file).unwrap();
    let directory = scene.sandbox.at("authorities").display().to_string();
    scene.sandbox.write("authorities/ca.pem", text.as_bytes());
    let sign = |name: &str, value: &str| run(scene.sign().env("VAULT_ADDR", address).env(name, value));
    run(scene.sign().env("VAULT_ADDR", address).args(["--ca-cert", &file])).accepted();
    for (name, value) in [("VAULT_CACERT", &file), ("VAULT_CACERT_BYTES", &text), ("VAULT_CAPATH", &directory)] {
        sign(name, value).accepted();
    }
    let encoded = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&text)
    };
    let wrong = [
        ("VAULT_CACERT", &text, "VAULT_CACERT_BYTES"),
        ("VAULT_CACERT", &encoded, "decode it"),
        ("VAULT_CACERT", &directory, "VAULT_CAPATH"),
        ("VAULT_CACERT_BYTES", &encoded, "decode it"),
        ("VAULT_CACERT_BYTES", &file, "VAULT_CACERT"),
        ("VAULT_CAPATH", &file, "VAULT_CACERT"),
        ("VAULT_CAPATH", &text, "VAULT_CACERT_BYTES"),
    ];
    for (name, value, remedy) in wrong {
        let refused = sign(name, value).refused(2, "usage/environment");
        assert!(refused["message"].as_str().unwrap().starts_with(name), "{refused}");
        assert!(refused["hint"].as_str().unwrap().contains(remedy), "{name}: {refused}");
    }
    run(scene.sign().env("VAULT_ADDR", address)).refused(4, "vault/tls");
}

/// Wrong references are answered with the right form.
#[test]
fn issue_vault_action_192_errors_show_the_right_form() {
    let form = "the form is hashivault://MOUNT/KEY";
    for (wrong, form) in [
        ("hashivault://", form),
        ("hashivault:///", form),
        ("hashivault://a//b", form),
        ("hashivault:models", form),
        ("hashivault:/models", form),
        ("hashivault://models?verison=1", form),
        ("hashivault://models v1", form),
        ("hashivault://models?version=latest", "versions are whole numbers from 1"),
        ("hashivault://models?scheme=best", "accepted are ecdsa, ed25519"),
        ("vault://models", "or hashivault://KEY"),
    ] {
        let done = run(modelseal().args(["sign", ".", "--format", "json", "--key", wrong]));
        assert_eq!(done.status, Some(2), "{wrong}: {}", done.text());
        let hint = done.json()["hint"].clone();
        assert!(hint.as_str().unwrap().contains(form), "{wrong}: {hint}");
    }
    // An address in each of the wrong forms that people try.
    for wrong in ["vault.example.com", "vault.example.com:8200", "https://vault.example/?a=b"] {
        let mut command = modelseal();
        command.args(["sign", ".", "--format", "json", "--key", "hashivault://models", "--vault-addr", wrong]);
        let done = run(command.env("VAULT_TOKEN", "unused-token"));
        let json = done.refused(2, "vault/address");
        assert!(json["hint"].as_str().unwrap().contains("https://HOST:PORT"), "{wrong}: {json}");
    }
}
