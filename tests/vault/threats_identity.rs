//! Threats to the identity of a job that signs with a key on a server: whose claims are signed, and what is printed.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Run, modelseal, run, set_mode};
use crate::pipeline::{GITHUB, NAME, Pipeline};
use crate::support::fault::Reply;
use crate::support::{Behaviour, FaultServer, Issuer, Kind, Server, on_each_server};

/// Asserts the refusal, and that nothing was written.
#[track_caller]
fn nothing_signed(shop: &Pipeline<'_>, run: &Run, status: i32, code: &str) {
    run.refused(status, code);
    let names = shop.sandbox.names("model");
    assert!(!names.contains("model.sig") && !names.contains("model.attestations.jsonl"), "{names:?}");
}

/// Discovery and a key set that does what `keys` does.
fn issuer_with(keys: impl IntoIterator<Item = Behaviour>) -> FaultServer {
    let discovery = Behaviour::compute(|request| {
        let address = format!("http://{}", request.header("host").unwrap());
        Reply::json(200, &json!({"issuer": address, "jwks_uri": format!("{address}/jwks")}))
    });
    FaultServer::builder().on("GET", "/.well-known/openid-configuration", [discovery]).on("GET", "/jwks", keys).start()
}

on_each_server! {
    fn t05_a_token_beside_another_login_is_no_identity(server: &Server) {
        let shop = Pipeline::new(server);
        let token = shop.token(&json!({}));
        let job = server.admin().token(&["root"], "5m", "service", 0);
        let sign = || {
            let actions = Behaviour::json(200, &json!({"value": token}));
            let actions = FaultServer::builder().on("GET", "/idtoken", [actions]).start();
            let mut command = shop.command(&["sign", "model", "--name", NAME, "--auth", "token", "--jwks", "jwks.json"]);
            command.args(["--key", &format!("hashivault://{}/model", shop.mount), "--vault-addr", &server.address]);
            command.args(["--identity", "github", "--audience", &server.address, "--danger-unlimited-token"]);
            command.env_remove("MODELSEAL_PROVENANCE").env("VAULT_TOKEN", &job);
            command.env("GITHUB_ACTIONS", "true").env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "planted-request-token");
            command.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/idtoken?api-version=2.0", actions.address));
            run(&mut command)
        };
        let json = sign().accepted();
        assert_eq!(json["provenance"]["claims_source"], "oidc-unbound", "{json:#}");
        shop.scan();
        assert_eq!(shop.refused_at("identity")["actual"], Value::Null);
        shop.verify(&["--require-provenance"]).refused(1, "policy/no-rule-matches");
        let mut by_key = shop.command(&["verify", "model", "--key", "keys/model.toml", "--expect-name", NAME]);
        run(by_key.arg("--require-provenance")).refused(1, "policy/provenance-missing");
        // What Rego and OPA are asked has no identity either.
        let input = run(&mut shop.command(&["policy", "input", "model", "--policy", "policy.toml"])).accepted();
        assert_eq!(input["identity"]["github"]["repository_id"], Value::Null, "{input:#}");
    }

    fn t05_claims_that_cannot_be_verified_are_never_signed(server: &Server) {
        let shop = Pipeline::new(server);
        let (token, stranger) = (shop.token(&json!({})), Issuer::new());
        // The server accepts the token; this machine is given other keys.
        shop.sandbox.write("other.json", stranger.jwks().to_string().as_bytes());
        let mut renamed = shop.issuer.jwks();
        renamed["keys"][0]["kid"] = json!("key-2");
        shop.sandbox.write("renamed.json", renamed.to_string().as_bytes());
        let mut mixed = shop.issuer.jwks();
        mixed["keys"][0]["alg"] = json!("PS256");
        shop.sandbox.write("mixed.json", mixed.to_string().as_bytes());
        shop.sandbox.write("none.json", b"{\"keys\": []}");
        shop.sandbox.write("page.json", b"<html><body>Sign in</body></html>");
        shop.sandbox.write("empty.json", b"");
        for (file, status, codes) in [
            ("other.json", 2, &["identity/signature"][..]),
            ("renamed.json", 2, &["identity/unknown-key"]),
            ("mixed.json", 2, &["identity/unknown-key", "identity/algorithm", "identity/keys-malformed"]),
            ("none.json", 2, &["identity/keys-malformed", "identity/unknown-key"]),
            ("page.json", 2, &["identity/keys-malformed"]),
            ("empty.json", 2, &["identity/keys-malformed"]),
            ("absent.json", 3, &["input/not-found"]),
        ] {
            let run = shop.sign_with("strict", &token, &["--jwks", file]);
            let code = run.json()["code"].as_str().unwrap().to_owned();
            assert!(codes.contains(&&*code), "{file}: {}", run.text());
            nothing_signed(&shop, &run, status, &code);
            // An error even where nobody asks for provenance; to go without it takes a flag.
            if status == 2 {
                nothing_signed(&shop, &shop.sign_with("strict", &token, &["--jwks", file, "--provenance", "auto"]), 2, &code);
            }
        }
        let without = shop.sign_with("strict", &token, &["--jwks", "other.json", "--no-provenance"]).accepted();
        assert_eq!(without["provenance"], Value::Null, "{without:#}");
        shop.scan();
        shop.refused_at("identity");
    }

    fn t05_tokens_that_are_forged_sign_nothing(server: &Server) {
        let shop = Pipeline::new(server);
        let ours = |claims: Value| {
            let mut all = json!({"iss": GITHUB, "aud": server.address});
            all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
            all
        };
        let stranger = Issuer::new();
        let good = shop.token(&json!({}));
        let (head, rest) = good.split_once('.').unwrap();
        let (body, _) = rest.split_once('.').unwrap();
        let other_claims = shop.token(&json!({"repository_id": "1"}));
        let swapped = format!("{head}.{}", other_claims.split_once('.').unwrap().1.split_once('.').unwrap().0)
            + &good[good.rfind('.').unwrap()..];
        for (what, token) in [
            ("alg none", shop.issuer.token_alg_none(&ours(json!({})))),
            ("no signature", format!("{head}.{body}.")),
            ("the public key as a secret", shop.issuer.token_hs256_public_key(&ours(json!({})))),
            ("another key under the same kid", stranger.token(&ours(json!({})))),
            ("another algorithm", shop.issuer.token_es256(&ours(json!({})))),
            ("other claims under the signature", swapped),
            ("no token", "not a token".to_owned()),
            ("two parts", format!("{head}.{body}")),
            ("expired", shop.token(&json!({"iat": 1_000_000_000, "nbf": 1_000_000_000, "exp": 1_000_000_300}))),
            ("of the future", shop.token(&json!({"iat": 4_000_000_000_u64, "nbf": 4_000_000_000_u64, "exp": 4_000_000_300_u64}))),
            ("no end", shop.token(&json!({"exp": null}))),
            ("an end that is a text", shop.token(&json!({"exp": "4102444800"}))),
            ("no issuer", shop.token(&json!({"iss": null}))),
            ("an issuer with the right start", shop.token(&json!({"iss": format!("{GITHUB}.evil.example")}))),
            ("two audiences", shop.token(&json!({"aud": [server.address, "https://other.example"]}))),
            ("no audience", shop.token(&json!({"aud": null}))),
            ("a megabyte", shop.token(&json!({"padding": "x".repeat(1 << 20)}))),
        ] {
            let run = shop.sign_with("strict", &token, &["--jwks", "jwks.json"]);
            assert!([Some(2), Some(4), Some(5)].contains(&run.status), "{what}: {}", run.text());
            let code = run.json()["code"].as_str().unwrap().to_owned();
            assert!(code.starts_with("identity/") || code.starts_with("vault/"), "{what}: {code}");
            nothing_signed(&shop, &run, run.status.unwrap(), &code);
        }
        shop.signed();
        shop.verify(&["--require-provenance"]).accepted();
    }

    fn t05_keys_of_an_issuer_that_are_late_wrong_or_too_many_sign_nothing(server: &Server) {
        let shop = Pipeline::new(server);
        let good = shop.issuer.jwks();
        let one = good["keys"][0].clone();
        let stranger = Issuer::new().jwks()["keys"][0].clone();
        let mut other = one.clone();
        other["kid"] = json!("key-0");
        let many: Vec<Value> = (0..10_000)
            .map(|number| {
                let mut key = stranger.clone();
                key["kid"] = json!(format!("many-{number}"));
                key
            })
            .collect();
        let page = Behaviour::answer(200, &[("Content-Type", "text/html")], "<html>Sign in</html>");
        let set = |keys: Value| Behaviour::json(200, &json!({"keys": keys}));
        for (what, keys, codes) in [
            ("HTML", page, &["identity/keys-malformed", "identity/keys-unavailable"][..]),
            ("down", Behaviour::CloseUnread, &["identity/keys-unavailable"]),
            ("silent", Behaviour::Silence, &["identity/keys-unavailable"]),
            ("endless", Behaviour::Endless, &["identity/keys-unavailable", "identity/keys-malformed"]),
            ("drips", Behaviour::Drip(Reply::json(200, &good), Duration::from_millis(500)), &["identity/keys-unavailable"]),
            ("elsewhere", Behaviour::redirect("https://evil.example/jwks"), &["identity/keys-unavailable"]),
            ("404", Behaviour::json(404, &good), &["identity/keys-unavailable"]),
            ("10 000 keys", set(json!(many)), &["identity/keys-malformed", "identity/unknown-key", "identity/keys-unavailable"]),
            ("removed", set(json!([other])), &["identity/unknown-key"]),
            ("another key under the same kid", set(json!([stranger])), &["identity/signature"]),
            ("one kid twice", set(json!([stranger, one])), &["identity/keys-malformed", "identity/signature", "identity/unknown-key"]),
        ] {
            let issuer = issuer_with([keys]);
            let token = shop.token(&json!({"iss": issuer.address}));
            let run = shop.sign_with("strict", &token, &["--identity-issuer", &issuer.address, "--timeout", "3s"]);
            let code = run.json()["code"].as_str().unwrap().to_owned();
            assert!(codes.contains(&&*code), "{what}: {}", run.text());
            assert!(run.took < Duration::from_secs(40), "{what}: {:?}", run.took);
            nothing_signed(&shop, &run, run.status.unwrap(), &code);
        }
        // A discovery document that points elsewhere, or names another issuer.
        for (name, url) in [("jwks_uri", "http://evil.example/jwks"), ("issuer", "https://evil.example")] {
            let discovery = Behaviour::compute(move |request| {
                let address = format!("http://{}", request.header("host").unwrap());
                let mut document = json!({"issuer": address, "jwks_uri": format!("{address}/jwks")});
                document[name] = json!(url);
                Reply::json(200, &document)
            });
            let issuer = FaultServer::builder()
                .on("GET", "/.well-known/openid-configuration", [discovery])
                .on("GET", "/jwks", [Behaviour::json(200, &good)])
                .start();
            let token = shop.token(&json!({"iss": issuer.address}));
            let run = shop.sign_with("strict", &token, &["--identity-issuer", &issuer.address, "--timeout", "3s"]);
            let code = run.json()["code"].as_str().unwrap().to_owned();
            assert!(code.starts_with("identity/keys-"), "{name}: {}", run.text());
            nothing_signed(&shop, &run, run.status.unwrap(), &code);
        }
    }

    fn t22_a_job_prints_neither_its_secrets_nor_masks_for_them(server: &Server) {
        let shop = Pipeline::new(server);
        let token = shop.token(&json!({}));
        let files = ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_STEP_SUMMARY", "GITHUB_STATE", "GITHUB_PATH"];
        for (format, role) in [("text", "strict"), ("json", "strict"), ("text", "absent"), ("json", "absent")] {
            let (mut command, _actions) = shop.sign_command(role, &token, &["--jwks", "jwks.json", "-vv"]);
            for name in files {
                command.env(name, shop.sandbox.write(name, b""));
            }
            let mut arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
            let at = arguments.iter().position(|argument| argument == "--format").unwrap();
            arguments[at + 1] = format.into();
            let mut other = modelseal();
            other.current_dir(shop.sandbox.path()).args(&arguments).env_remove("MODELSEAL_PROVENANCE");
            other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let run = run(&mut other);
            assert!([Some(0), Some(4)].contains(&run.status), "{}", run.text());
            let mut places = vec![run.text()];
            places.extend(files.map(|name| fs::read_to_string(shop.sandbox.at(name)).unwrap()));
            for name in shop.sandbox.names("model") {
                places.push(String::from_utf8_lossy(&fs::read(shop.sandbox.at("model").join(name)).unwrap()).into_owned());
            }
            for text in places {
                for secret in ["add-mask", "planted-request-token", "hvs.", "eyJhbGci", token.split('.').nth(1).unwrap(), token.rsplit('.').next().unwrap()] {
                    assert!(!text.contains(secret), "{secret}: {text}");
                }
            }
        }
    }

    fn t26_a_machine_of_somebody_else_gets_no_signature(server: &Server) {
        let shop = Pipeline::new(server);
        let own = shop.token(&json!({"runner_environment": "self-hosted"}));
        nothing_signed(&shop, &shop.sign_with("strict", &own, &["--jwks", "jwks.json"]), 4, "vault/login-refused");
        // Behind a role that says nothing of runners the policy still does.
        shop.sign_with("lenient", &own, &["--jwks", "jwks.json"]).accepted();
        shop.scan();
        let rule = shop.refused_at("github.runner_environment");
        assert_eq!((&rule["expected"], &rule["actual"]), (&json!(["github-hosted"]), &json!("self-hosted")));
        // And doctor points to the role.
        let admin = server.admin();
        let policy = admin.signing_policy(&shop.mount, "model");
        let audience = json!({"bound_audiences": [server.address]});
        for (bound, flagged) in [
            (json!({"repository_id": "123456789"}), true),
            (json!({"repository_id": "123456789", "runner_environment": "github-hosted"}), false),
        ] {
            admin.delete(&format!("auth/{}/role/looked-at", shop.auth));
            admin.jwt_role(&shop.auth, "looked-at", &bound, &[&policy], &audience);
            let file = shop.sandbox.write("identity", shop.token(&json!({})).as_bytes());
            set_mode(&file, 0o600);
            let mut doctor = shop.command(&["doctor", "--key", &format!("hashivault://{}/model", shop.mount)]);
            doctor.args(["--auth-path", &shop.auth, "--vault-addr", &server.address, "--role", "looked-at"]);
            doctor.args(["--identity-token-file", "identity"]).env("VAULT_TOKEN", &server.root_token);
            let checks = run(&mut doctor).json()["checks"].clone();
            let found = checks.as_array().unwrap().iter().any(|check| check["id"] == "role-runner" && check["status"] == "warning");
            assert_eq!(found, flagged, "{checks:#}");
        }
    }
}
