//! AppRole: secret ids that are wrong or used up, and wrapping tokens that somebody had before.

use modelseal::Code;
use serde_json::json;

use crate::faults::{Done, Ground, Job, Spy, planted};
use crate::support::fault::Builder;
use crate::support::process::eventually;
use crate::support::setup::AppRole;
use crate::support::{Behaviour, FaultServer, Kind, Server, on_each_server, unique};

on_each_server! {
    fn approles_that_are_refused(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let approle = admin.approle("ci", &[&ground.policy], &json!({}));
        let sign = |role_id: &str, secret_id: &str, code: Code| {
            let spy = Spy::start(FaultServer::builder(), &server.address);
            let job = Job::sign(&spy.faults.address, &ground.key()).spied(&spy).approle(&approle.mount, role_id);
            let file = job.file("secret-id", secret_id);
            let done = job.with(["--secret-id-file", &file]).refused(code);
            assert!(spy.faults.requests().len() == 1 && spy.tokens().is_empty());
            done
        };
        sign(&approle.role_id, &unique("wrong-secret"), Code::VaultLoginRefused);
        sign(&unique("role"), &admin.secret_id(&approle), Code::VaultLoginRefused);
        let once = admin.secret_id(&approle);
        let job = Job::sign(&server.address, &ground.key()).approle(&approle.mount, &approle.role_id);
        let file = job.file("secret-id", &once);
        job.with(["--secret-id-file", &file]).done();
        sign(&approle.role_id, &once, Code::VaultLoginRefused);
        let destroyed = admin.secret_id(&approle);
        let path = format!("auth/{}/role/ci/secret-id/destroy", approle.mount);
        admin.post(&path, &json!({"secret_id": destroyed})).ok();
        sign(&approle.role_id, &destroyed, Code::VaultLoginRefused);
    }

    /// Not repeated: the secret id may be good once.
    fn lost_answers_of_approle_logins(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let approle = admin.approle("ci", &[&ground.policy], &json!({}));
        for behaviour in [Behaviour::CloseAfterRequest, Behaviour::html_502()] {
            let spy = Spy::start(FaultServer::builder().on("POST", "/v1/auth/", [behaviour]), &server.address);
            let job = Job::sign(&spy.faults.address, &ground.key()).approle(&approle.mount, &approle.role_id);
            let file = job.file("secret-id", admin.secret_id(&approle));
            let job = job.with(["--secret-id-file", &file]);
            let run = job.run();
            assert_eq!(run.status, Some(5), "{}", run.text());
            assert!(run.text().contains("used up"), "{}", run.text());
            assert_eq!(spy.count("/login"), 1);
        }
    }

    fn t40_wrapping_tokens_that_somebody_had_before(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let approle = admin.approle("ci", &[&ground.policy], &json!({}));
        let wrapped = |ttl: &str| admin.wrapped_secret_id(&approle, ttl)["token"].as_str().unwrap().to_owned();
        let client = server.client();
        let unwrap = |token: &str| client.with_token(token).post("sys/wrapping/unwrap", &json!({})).ok();

        // Used before.
        let token = wrapped("60s");
        unwrap(&token);
        refused(&ground, &approle, &token, Code::VaultWrappingToken, 1);
        // Expired.
        let token = wrapped("1s");
        eventually("it has expired", || {
            (client.post("sys/wrapping/lookup", &json!({"token": token})).status != 200).then_some(())
        });
        refused(&ground, &approle, &token, Code::VaultWrappingToken, 1);
        // Forged.
        refused(&ground, &approle, &planted(), Code::VaultWrappingToken, 1);
        // Read, and wrapped again by the thief.
        let token = wrapped("60s");
        let read = unwrap(&token)["data"].clone();
        let again = admin.wrapping("60s").post("sys/wrapping/wrap", &read).ok();
        let again = again["wrap_info"]["token"].as_str().unwrap();
        refused(&ground, &approle, again, Code::VaultWrappingPath, 1).says(&["sys/wrapping/wrap", "not unwrapped"]);
        unwrap(again);
        // Another role's.
        let other = json!({"token_policies": [ground.policy], "token_ttl": "5m"});
        admin.post(&format!("auth/{}/role/other", approle.mount), &other).ok();
        let path = format!("auth/{}/role/other/secret-id", approle.mount);
        let token = admin.wrapping("60s").post(&path, &json!({})).ok()["wrap_info"]["token"].as_str().unwrap().to_owned();
        refused(&ground, &approle, &token, Code::VaultWrappingPath, 1).says(&["/role/other/secret-id"]);
        unwrap(&token);
        // Another mount's.
        let elsewhere = admin.approle("ci", &[&ground.policy], &json!({}));
        let token = admin.wrapped_secret_id(&elsewhere, "60s")["token"].as_str().unwrap().to_owned();
        refused(&ground, &approle, &token, Code::VaultWrappingPath, 1);
        unwrap(&token);
        // Something else that is wrapped.
        let token = admin.wrapping("60s").get("auth/token/lookup-self").ok()["wrap_info"]["token"].as_str().unwrap().to_owned();
        refused(&ground, &approle, &token, Code::VaultWrappingPath, 1);
        unwrap(&token);
        // A token that is no wrapping token.
        refused(&ground, &approle, &ground.token(), Code::VaultWrappingToken, 1);
    }

    /// The server itself can renew the wrapping, which keeps the path: whoever does has not read what is inside.
    fn rewrapped_secret_ids_are_good(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let approle = admin.approle("ci", &[&ground.policy], &json!({}));
        let token = admin.wrapped_secret_id(&approle, "60s")["token"].as_str().unwrap().to_owned();
        let again = admin.post("sys/wrapping/rewrap", &json!({"token": token})).ok();
        let again = again["wrap_info"]["token"].as_str().unwrap().to_owned();
        let (job, spy) = wrapped_job(&ground, &approle, &again, FaultServer::builder());
        job.done();
        assert_eq!(spy.count("sys/wrapping/unwrap"), 1);
        ground.assert_revoked(&spy, 1);
        // The old one is gone.
        refused(&ground, &approle, &token, Code::VaultWrappingToken, 1);
    }

    fn lost_answers_of_unwrapping(server: &Server) {
        let (ground, admin) = (Ground::new(server), server.admin());
        let approle = admin.approle("ci", &[&ground.policy], &json!({}));
        for behaviour in [Behaviour::CloseAfterRequest, Behaviour::html_502()] {
            let token = admin.wrapped_secret_id(&approle, "60s")["token"].as_str().unwrap().to_owned();
            let rules = FaultServer::builder().on("*", "/v1/sys/wrapping/unwrap", [behaviour]);
            let (job, spy) = wrapped_job(&ground, &approle, &token, rules);
            let done = job.refused_with_exit(5);
            assert!(done.message().contains("used up"), "{}", done.message());
            assert_eq!((spy.count("sys/wrapping/unwrap"), spy.count("/login")), (1, 0));
        }
        // Faster than us, between the question and the unwrapping.
        let token = admin.wrapped_secret_id(&approle, "60s")["token"].as_str().unwrap().to_owned();
        let (client, stolen) = (server.client(), token.clone());
        let race = Behaviour::alter(move |reply| {
            client.with_token(&stolen).post("sys/wrapping/unwrap", &json!({})).ok();
            reply
        });
        let rules = FaultServer::builder().on("POST", "/v1/sys/wrapping/lookup", [race]);
        let (job, _spy) = wrapped_job(&ground, &approle, &token, rules);
        job.refused(Code::VaultWrappingToken).hints(&["security"]);
        // What comes out is no secret id.
        for inside in [json!({"data": {}}), json!({"data": {"secret_id": ""}}), json!({"data": null})] {
            let token = admin.wrapped_secret_id(&approle, "60s")["token"].as_str().unwrap().to_owned();
            let rules = FaultServer::builder().on("*", "/v1/sys/wrapping/unwrap", [Behaviour::json(200, &inside)]);
            let (job, spy) = wrapped_job(&ground, &approle, &token, rules);
            job.refused(Code::VaultAnswer);
            assert_eq!(spy.count("/login"), 0);
        }
    }
}

/// A job with a wrapped secret id.
fn wrapped_job(ground: &Ground<'_>, approle: &AppRole, token: &str, rules: Builder) -> (Job, Spy) {
    let spy = Spy::start(rules, &ground.server.address);
    let job = Job::sign(&spy.faults.address, &ground.key()).spied(&spy).approle(&approle.mount, &approle.role_id);
    let file = job.file("wrapping", token);
    (job.with(["--role", "ci", "--wrapped-secret-id-file", &file]), spy)
}

/// Nothing was unwrapped, and nobody logged in.
#[track_caller]
fn refused(ground: &Ground<'_>, approle: &AppRole, token: &str, code: Code, requests: usize) -> Done {
    let (job, spy) = wrapped_job(ground, approle, token, FaultServer::builder());
    let done = job.refused(code);
    done.hints(&["security"]);
    assert_eq!(spy.faults.requests().len(), requests, "{}", done.said);
    assert_eq!((spy.count("sys/wrapping/unwrap"), spy.count("/login")), (0, 0));
    done
}
