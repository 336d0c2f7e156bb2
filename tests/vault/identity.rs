//! A job signs with nothing but the identity that its platform gives it.

use serde_json::{Value, json};

use crate::common::{Run, Sandbox, modelseal, run};
use crate::support::{Behaviour, FaultServer, Issuer, Kind, Server, on_each_server};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const REQUEST_TOKEN: &str = "planted-request-token";

/// A transit key, and a role for one workflow of one repository.
struct Place<'a> {
    server: &'a Server,
    issuer: Issuer,
    key: String,
    auth: String,
}

impl<'a> Place<'a> {
    fn new(server: &'a Server) -> Self {
        let (admin, issuer) = (server.admin(), Issuer::new());
        let mount = admin.transit();
        admin.key(&mount, "model", "ecdsa-p256");
        let policy = admin.signing_policy(&mount, "model");
        let auth = admin.jwt_mount(&issuer);
        let config = json!({"jwt_validation_pubkeys": [issuer.public_pem()], "bound_issuer": GITHUB});
        admin.post(&format!("auth/{auth}/config"), &config).ok();
        let bound = json!({
            "repository_id": "123456789", "event_name": "push", "environment": "release",
            "job_workflow_ref": "example-org/model/.github/workflows/release.yml@refs/heads/main",
            "runner_environment": "github-hosted",
        });
        // For whom the token is follows from the server's address.
        let audience = json!({"bound_audiences": [server.address]});
        admin.jwt_role(&auth, "release", &bound, &[&policy], &audience);
        Self { server, issuer, key: format!("hashivault://{mount}/model"), auth }
    }

    fn token(&self, claims: &Value) -> Behaviour {
        let mut all = json!({"iss": GITHUB, "aud": self.server.address});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        Behaviour::json(200, &json!({"value": self.issuer.token(&all)}))
    }

    fn sign(&self, sandbox: &Sandbox, actions: &FaultServer) -> Run {
        let mut command = modelseal();
        command.arg("sign").arg(sandbox.model()).args(["--key", &self.key, "--role", "release", "-v"]);
        command.args(["--auth-path", &self.auth, "--format", "json", "--vault-addr", &self.server.address]);
        command.env("GITHUB_ACTIONS", "true").env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN);
        command.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/150//idtoken/1?api-version=2.0", actions.address));
        let run = run(&mut command);
        assert!(!run.text().contains(REQUEST_TOKEN) && !run.text().contains("eyJ"), "{}", run.text());
        run
    }
}

fn actions(behaviours: impl IntoIterator<Item = Behaviour>) -> FaultServer {
    FaultServer::builder().on("GET", "/150//idtoken/1", behaviours).start()
}

on_each_server! {
    fn a_job_signs_with_its_own_identity(server: &Server) {
        let place = Place::new(server);
        let actions = actions([Behaviour::html_502(), place.token(&json!({}))]);
        let sandbox = Sandbox::unsigned();
        let run = place.sign(&sandbox, &actions);
        assert_eq!((&run.accepted()["signed"], &run.accepted()["code"]), (&json!(true), &json!("signed")));
        assert!(sandbox.model().join("model.sig").is_file());
        let said = run.text();
        for part in ["identity: not file: ", "identity: github, ", "because of --role and the identity of GitHub"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        let asked = &actions.requests()[1];
        assert_eq!(asked.header("authorization"), Some("bearer planted-request-token"));
        let audience = server.address.replace(':', "%3A").replace('/', "%2F");
        assert_eq!(asked.path, format!("/150//idtoken/1?api-version=2.0&audience={audience}"));
    }

    fn another_repository_is_refused(server: &Server) {
        let place = Place::new(server);
        let sandbox = Sandbox::unsigned();
        for claims in [json!({"repository_id": "1"}), json!({"event_name": "pull_request_target"})] {
            place.sign(&sandbox, &actions([place.token(&claims)])).refused(4, "vault/login-refused");
        }
        let other = actions([place.token(&json!({"aud": "https://github.com/example-org"}))]);
        place.sign(&sandbox, &other).refused(2, "identity/audience");
        assert!(!sandbox.model().join("model.sig").exists());
    }
}
