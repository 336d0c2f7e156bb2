//! What these tests need besides the harness of `tests/vault`.

#![allow(unreachable_pub, reason = "a part of a test program")]

use serde_json::{Value, json};

use crate::harness::{self, Client, Issuer, Kind};

/// A shared server, as its operator sees it.
pub struct Server {
    pub server: &'static harness::Server,
    pub address: String,
    pub operator: Client,
}

/// Does the same with OpenBao and with Vault.
pub fn both(work: impl Fn(&Server)) {
    for kind in harness::server::kinds() {
        work(&server(kind));
    }
}

pub fn server(kind: Kind) -> Server {
    let server = harness::Server::shared(kind);
    Server { server, address: server.address.clone(), operator: server.admin() }
}

impl Server {
    /// A mount of the jwt method with an issuer of its own and the role `ci`.
    pub fn jwt(&self) -> Jwt<'_> {
        let issuer = Issuer::new();
        let jwt = Jwt { operator: &self.operator, mount: self.operator.jwt_mount(&issuer), issuer };
        jwt.role("ci", json!({}));
        jwt
    }

    /// A wrapping token for the answer at `path`.
    pub fn wrapped(&self, path: &str, body: &Value, ttl: &str) -> String {
        let answer = self.operator.wrapping(ttl).post(path, body).ok();
        answer["wrap_info"]["token"].as_str().unwrap().to_owned()
    }

    /// A new token as `settings` say.
    pub fn token(&self, settings: &Value) -> String {
        let answer = self.operator.post("auth/token/create", settings).ok();
        answer["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    pub fn knows_accessor(&self, accessor: &str) -> bool {
        self.operator.post("auth/token/lookup-accessor", &json!({"accessor": accessor})).status == 200
    }
}

pub struct Jwt<'a> {
    operator: &'a Client,
    pub mount: String,
    pub issuer: Issuer,
}

impl Jwt<'_> {
    pub fn role(&self, name: &str, more: Value) {
        // Clocks are those of one machine: without leeway a test need not wait.
        let mut all = json!({"clock_skew_leeway": -1, "expiration_leeway": -1, "not_before_leeway": -1});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let bound = json!({"ref": "refs/heads/main"});
        self.operator.jwt_role(&self.mount, name, &bound, &[], &all);
    }
}
