//! Tokens that may do too much, too little, or that somebody takes away.

use modelseal::Code;
use serde_json::{Value, json};

use crate::faults::{Ground, Job, Spy, planted};
use crate::support::fault::Reply;
use crate::support::{Behaviour, Client, FaultServer, Kind, Server, on_each_server};

/// A job with a token that is given, and what it asks.
fn given(ground: &Ground<'_>, token: &str) -> (Job, Spy) {
    let spy = Spy::start(FaultServer::builder(), &ground.server.address);
    (Job::sign(&spy.faults.address, &ground.key()).spied(&spy).token(token), spy)
}

/// A token made as the body says.
#[track_caller]
fn make(server: &Server, body: Value) -> String {
    server.admin().post("auth/token/create", &body).ok()["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// Paths that end so were never asked.
#[track_caller]
fn assert_unasked(spy: &Spy, ends: &[&str]) {
    for end in ends {
        assert_eq!(spy.count(end), 0, "{end}");
    }
}

/// Whether a token lives.
fn lives(server: &Server, token: &str) -> bool {
    server.admin().post("auth/token/lookup", &json!({"token": token})).status == 200
}

/// What a server that has no such token says to it: OpenBao does not say which it is.
fn code_of_unknown(server: &Server) -> Code {
    match server.kind {
        Kind::Vault => Code::VaultTokenInvalid,
        Kind::OpenBao => Code::VaultPermission,
    }
}

on_each_server! {
    fn tokens_without_end_are_refused(server: &Server) {
        let ground = Ground::new(server);
        let root = &server.root_token;
        // Its parent is root: it is never to expire.
        let endless = make(server, json!({"policies": ["root"], "no_parent": true}));
        for token in [root, &endless] {
            let (job, spy) = given(&ground, token);
            job.refused(Code::VaultTokenUnlimited).says(&["root token"]).hints(&["token_ttl"]);
            assert_unasked(&spy, &["/keys/model", "/sign/model", "/revoke-self"]);
        }
        // No variable permits it.
        let (job, _spy) = given(&ground, root);
        let job = job.env("MODELSEAL_DANGER_UNLIMITED_TOKEN", "1");
        job.refused(Code::VaultTokenUnlimited);
        let (job, _spy) = given(&ground, &endless);
        let done = job.with(["--danger-unlimited-token"]).done();
        assert_eq!(done.json["relaxed"], json!(["danger-unlimited-token"]));
        assert!(done.json["warnings"].to_string().contains("root token"), "{}", done.json);
        assert!(lives(server, root) && lives(server, &endless), "a token that was given was revoked");
    }

    fn lives_that_are_too_long(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let unset = json!({"token_ttl": 0, "token_max_ttl": 0});
        admin.jwt_role(&ground.auth, "long", &json!({}), &[&ground.policy], &unset);
        let sign = |more: &[&str]| {
            let spy = Spy::start(FaultServer::builder(), &server.address);
            let job = Job::sign(&spy.faults.address, &ground.key()).spied(&spy);
            let file = job.file("jwt", ground.identity());
            let job = job.with(["--auth-path", &ground.auth, "--role", "long", "--identity-token-file", &file]);
            (job.with(more.iter().copied()), spy)
        };
        let (job, spy) = sign(&[]);
        let done = job.done();
        let warnings = done.json["warnings"].to_string();
        assert!(warnings.contains("32 days") && warnings.contains("token_ttl"), "{warnings}");
        assert!(done.said.contains("32 days"), "{}", done.said);
        ground.assert_revoked(&spy, 1);

        let (job, spy) = sign(&["--strict-token"]);
        job.refused(Code::VaultTokenTtl).says(&["long", "32 days", "15 minutes"]).hints(&["--max-token-ttl"]);
        assert_unasked(&spy, &["/keys/model", "/sign/model"]);
        ground.assert_revoked(&spy, 1);
        let (job, spy) = sign(&[]);
        job.env("MODELSEAL_STRICT_TOKEN", "true").refused(Code::VaultTokenTtl);
        ground.assert_revoked(&spy, 1);
        let (job, _spy) = sign(&["--strict-token", "--max-token-ttl", "1000h"]);
        assert_eq!(job.done().json["warnings"], json!([]));
        // The same for a token that was given, which is not revoked.
        let token = make(server, json!({"policies": [ground.policy], "ttl": "24h"}));
        let (job, _spy) = given(&ground, &token);
        job.with(["--strict-token"]).refused(Code::VaultTokenTtl);
        assert!(lives(server, &token));
    }

    fn tokens_with_too_few_uses(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        for (uses, enough) in [(1, false), (2, false), (3, true)] {
            admin.jwt_role(&ground.auth, "few", &json!({}), &[&ground.policy], &json!({"token_num_uses": uses}));
            let spy = Spy::start(FaultServer::builder(), &server.address);
            let job = Job::sign(&spy.faults.address, &ground.key()).spied(&spy);
            let file = job.file("jwt", ground.identity());
            let job = job.with(["--auth-path", &ground.auth, "--role", "few", "--identity-token-file", &file]);
            if enough {
                assert_eq!(job.done().json["warnings"], json!([]));
            } else {
                job.refused(Code::VaultTokenInvalid).says(&["few", "3 requests"]).hints(&["token_num_uses"]);
                assert_unasked(&spy, &["/keys/model", "/sign/model"]);
            }
            assert!(!lives(server, &spy.tokens()[0]), "left behind");
        }
        for (uses, enough) in [(1, false), (2, false), (3, true)] {
            let token = admin.token(&[&ground.policy], "5m", "service", uses);
            let (job, _spy) = given(&ground, &token);
            if enough {
                job.done();
            } else {
                let done = job.refused_with_exit(4);
                assert!(["vault/token-invalid", "vault/permission"].contains(&done.json["code"].as_str().unwrap()));
            }
        }
    }

    fn tokens_that_nobody_knows(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let code = code_of_unknown(server);
        let revoked = ground.token();
        admin.post("auth/token/revoke", &json!({"token": revoked})).ok();
        for token in [planted(), revoked] {
            let (job, spy) = given(&ground, &token);
            job.refused(code);
            assert_eq!(spy.faults.requests().len(), 1);
        }
        let blind = admin.policy("blind", &format!("path \"{}/*\" {{ capabilities = [\"update\", \"read\"] }}", ground.mount));
        let (job, spy) = given(&ground, &admin.token(&[&blind], "5m", "service", 0));
        job.refused(Code::VaultPermission).says(&["cannot be judged"]).hints(&["lookup-self"]);
        assert_eq!(spy.faults.requests().len(), 1);
    }

    /// Somebody revokes the token between two of our requests.
    fn tokens_that_are_taken_away(server: &Server) {
        let ground = Ground::new(server);
        let (read, sign) = (format!("/v1/{}/keys/", ground.mount), format!("/v1/{}/sign/", ground.mount));
        for (method, path) in [("GET", &read), ("POST", &sign)] {
            let admin = server.admin();
            let revoke = move |client: &Client, token: &str| client.post("auth/token/revoke", &json!({"token": token})).ok();
            // With the login's answer on its way the token is already gone.
            let gone = Behaviour::alter(move |reply: Reply| {
                let body: Value = serde_json::from_slice(&reply.body).unwrap();
                revoke(&admin, body["auth"]["client_token"].as_str().unwrap());
                reply
            });
            let admin = server.admin();
            let late = Behaviour::compute(move |request| {
                admin.post("auth/token/revoke", &json!({"token": request.header("x-vault-token").unwrap()})).ok();
                let answer = admin.with_token(request.header("x-vault-token").unwrap()).get("auth/token/lookup-self");
                Reply::json(answer.status, &answer.body)
            });
            let rules = if method == "GET" {
                FaultServer::builder().on("POST", &format!("/v1/auth/{}/login", ground.auth), [gone])
            } else {
                FaultServer::builder().on(method, path, [late])
            };
            let (job, _spy) = ground.spied(rules);
            let done = job.refused(code_of_unknown(server));
            // It cannot be revoked again, which is said.
            assert!(format!("{} {}", done.message(), done.hint()).contains("could not be revoked"), "{}", done.said);
        }
    }

    fn tokens_that_cannot_be_given_back(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let mount = &ground.mount;
        let policy = admin.policy("lasting", &format!(
            "path \"{mount}/sign/model\" {{ capabilities = [\"update\"] }}\npath \"{mount}/keys/model\" {{ capabilities = [\"read\"] }}"
        ));
        let more = json!({"token_no_default_policy": true});
        admin.jwt_role(&ground.auth, "lasting", &json!({}), &[&policy], &more);
        let job = |key: &str| {
            let spy = Spy::start(FaultServer::builder(), &server.address);
            let job = Job::sign(&spy.faults.address, key).spied(&spy);
            let file = job.file("jwt", ground.identity());
            (job.with(["--auth-path", &ground.auth, "--role", "lasting", "--identity-token-file", &file]), spy)
        };
        let accessor = |spy: &Spy| {
            let token = spy.tokens().remove(0);
            let found = admin.post("auth/token/lookup", &json!({"token": token})).ok();
            found["data"]["accessor"].as_str().unwrap().to_owned()
        };
        // What was signed stays signed.
        let (signing, spy) = job(&ground.key());
        let done = signing.done();
        let warnings = done.json["warnings"].to_string();
        for part in ["could not be revoked", "lives", "vault token revoke", &accessor(&spy)] {
            assert!(warnings.contains(part), "no `{part}`: {warnings}");
            assert!(done.said.contains(part), "no `{part}`: {}", done.said);
        }
        assert_eq!(spy.count("/revoke-self"), 1);
        // And where nothing was: that a token lives must be said all the same.
        for key in [format!("hashivault://{mount}/absent"), format!("{}?version=7", ground.key())] {
            let (failing, spy) = job(&key);
            let done = failing.refused_with_exit(4);
            let said = format!("{} {}", done.message(), done.hint());
            for part in ["could not be revoked", &accessor(&spy)] {
                assert!(said.contains(part), "no `{part}`: {said}");
            }
        }
        let (expecting, spy) = job(&ground.key());
        let done = expecting.with(["--expect-key-id", &"0".repeat(64)]).refused(Code::VaultUnexpectedKey);
        assert!(format!("{} {}", done.message(), done.hint()).contains(&accessor(&spy)), "{}", done.said);
    }

    fn revocations_that_hang_are_given_up(server: &Server) {
        let ground = Ground::new(server);
        for behaviour in [Behaviour::Silence, Behaviour::CloseAfterRequest, Behaviour::html_502()] {
            let rules = FaultServer::builder().on("POST", "/v1/auth/token/revoke-self", [behaviour]);
            let (job, spy) = ground.spied(rules);
            let done = job.done();
            assert!(done.json["warnings"].to_string().contains("could not be revoked"), "{}", done.json);
            assert_eq!(spy.count("/revoke-self"), 1, "one attempt");
        }
    }

    fn batch_tokens_and_given_tokens_are_left_alone(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        admin.jwt_role(&ground.auth, "batch", &json!({}), &[&ground.policy], &json!({"token_type": "batch"}));
        let spy = Spy::start(FaultServer::builder(), &server.address);
        let job = Job::sign(&spy.faults.address, &ground.key()).spied(&spy);
        let file = job.file("jwt", ground.identity());
        job.with(["--auth-path", &ground.auth, "--role", "batch", "--identity-token-file", &file]).done();
        assert_unasked(&spy, &["/revoke-self"]);

        for kind in ["service", "batch"] {
            let token = admin.token(&[&ground.policy], "5m", kind, 0);
            let (job, spy) = given(&ground, &token);
            job.done();
            assert_unasked(&spy, &["/revoke-self"]);
            let (job, spy) = given(&ground, &token);
            job.with(["--expect-key-id", &"0".repeat(64)]).refused(Code::VaultUnexpectedKey);
            assert_unasked(&spy, &["/revoke-self", "/sign/model"]);
            assert_eq!(server.client().with_token(&token).get("auth/token/lookup-self").status, 200);
        }
    }

    fn t21_a_token_of_an_earlier_step_is_not_used_and_that_is_said(server: &Server) {
        let ground = Ground::new(server);
        let (job, spy) = ground.spied(FaultServer::builder());
        let token = planted();
        let done = job.token(&token).done();
        assert!(done.json["warnings"].to_string().contains("VAULT_TOKEN is set and not used"), "{}", done.json);
        let sent = spy.faults.requests();
        assert!(sent.iter().all(|request| request.header("x-vault-token") != Some(token.as_str())));
    }
}
