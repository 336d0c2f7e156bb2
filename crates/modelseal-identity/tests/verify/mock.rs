//! An issuer on this machine.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use modelseal_http::{FixedEnv, Hooks};

use super::fault::{Behaviour, FaultServer, Reply};
use super::*;

/// Answers with its discovery document, and at `/keys` with whatever it is told.
pub(super) struct Mock {
    pub(super) server: FaultServer,
    answer: Arc<Mutex<Reply>>,
}

impl Mock {
    pub(super) fn new(keys: &[&Key]) -> Self {
        Self::slow(keys, Duration::ZERO)
    }

    /// One that takes its time for the keys.
    pub(super) fn slow(keys: &[&Key], time: Duration) -> Self {
        let answer = Arc::new(Mutex::new(Reply::json(200, &key_set(keys))));
        let told = Arc::clone(&answer);
        let keys = Behaviour::compute(move |_| {
            std::thread::sleep(time);
            told.lock().unwrap().clone()
        });
        let server =
            FaultServer::builder().on("GET", DISCOVERY, [discovery(|_| ())]).on("GET", "/keys", [keys]).start();
        Self { server, answer }
    }

    pub(super) fn url(&self) -> &str {
        &self.server.address
    }

    /// From now on it has these keys.
    pub(super) fn has(&self, keys: &[&Key]) {
        self.says(Reply::json(200, &key_set(keys)));
    }

    /// From now on it answers so.
    pub(super) fn says(&self, reply: Reply) {
        *self.answer.lock().unwrap() = reply;
    }

    pub(super) fn fetches(&self) -> usize {
        self.server.count("/keys")
    }

    pub(super) fn verifier(&self) -> TokenVerifier {
        verifier_of(self.url(), KeySource::Discovery).unwrap()
    }

    /// Claims of a token of this issuer.
    pub(super) fn claims(&self, seconds: i64) -> Value {
        of(self.url(), seconds)
    }

    /// A token that is good after so many seconds.
    pub(super) fn token(&self, key: &Key, seconds: i64) -> String {
        key.token(&self.claims(seconds))
    }
}

pub(super) const DISCOVERY: &str = "/.well-known/openid-configuration";

pub(super) fn of(url: &str, seconds: i64) -> Value {
    let at = NOW + seconds;
    with(json!({"iss": url, "iat": at - 5, "nbf": at - 5, "exp": at + 295}))
}

/// The discovery document of whoever is asked, with something changed.
pub(super) fn discovery(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Behaviour {
    Behaviour::compute(move |request| {
        let url = format!("http://{}", request.header("host").unwrap());
        let mut document = json!({"issuer": url, "jwks_uri": format!("{url}/keys"), "claims_supported": ["sub"]});
        change(&mut document);
        Reply::json(200, &document)
    })
}

pub(super) fn verifier_of(url: &str, keys: KeySource) -> Result<TokenVerifier> {
    verifier_with(url, keys, &Hooks::default(), &no_env())
}

pub(super) fn verifier_with(url: &str, keys: KeySource, hooks: &Hooks, env: &FixedEnv) -> Result<TokenVerifier> {
    let mut issuer = Issuer::new("oidc", url, AUDIENCE);
    issuer.keys = keys;
    TokenVerifier::new(issuer, hooks, env)
}
