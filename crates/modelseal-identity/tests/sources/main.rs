//! Every platform against a server or program on this machine that plays it. What other programs got wrong has tests
//! by name.

#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test program")]

mod actions;
mod detection;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../../../../tests/vault/support/fault.rs"]
mod fault;
mod platforms;
mod refusals;
mod secrets;
#[allow(dead_code, reason = "a part is used here")]
#[path = "../../../../tests/vault/support/wire.rs"]
mod wire;

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fault::{Behaviour, FaultServer};
use modelseal_core::{Code, Result};
use modelseal_http::{Env, FixedEnv};
use modelseal_identity::{IdentityToken, Places, Provider, TokenRequest, find};
use serde_json::{Value, json};

const AUDIENCE: &str = "https://vault.example:8200/a b&c=d?e#f+g%20ü";
const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// The path as GitHub's runners really get it, with an empty part and a query.
const PATH: &str = "/150//idtoken/7f1c/a2b3?api-version=2.0";
/// What allows a job to ask for tokens.
const REQUEST_TOKEN: &str = "planted-request-token";
/// The signature of every token: it must never be seen.
const SIGNATURE: &str = "cGxhbnRlZC1zaWduYXR1cmU";

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

fn part(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token with these claims besides an end in five minutes.
fn mint(claims: &Value) -> String {
    let mut all = json!({"exp": now() + 300, "sub": "planted-subject"});
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    format!("{}.{}.{SIGNATURE}", part(br#"{"alg":"RS256"}"#), part(all.to_string().as_bytes()))
}

fn token(issuer: &str) -> String {
    mint(&json!({"iss": issuer, "aud": AUDIENCE}))
}

fn request(provider: Provider) -> TokenRequest {
    let mut request = TokenRequest::default();
    request.provider = provider;
    request.audience = Some(AUDIENCE.to_owned());
    request.places = nowhere();
    request
}

/// A machine of nobody.
fn nowhere() -> Places {
    let mut places = Places::default();
    places.product_name = "/no/product".into();
    places.google_metadata = "http://127.0.0.1:9".to_owned();
    places.service_account_token = "/no/token".into();
    places
}

fn env(variables: &[(&str, &str)]) -> FixedEnv {
    variables.iter().copied().collect()
}

fn ask(request: &TokenRequest, env: &dyn Env) -> Result<IdentityToken> {
    find(request, env)?.token()
}

/// A job of GitHub whose requests go to this server.
fn github(server: &FaultServer) -> FixedEnv {
    github_at(&format!("{}{PATH}", server.address))
}

fn github_at(url: &str) -> FixedEnv {
    env(&[
        ("GITHUB_ACTIONS", "true"),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN),
    ])
}

fn value(token: &str) -> Behaviour {
    Behaviour::json(200, &json!({"value": token, "count": 1}))
}

/// A server that behaves so, time after time.
fn server(behaviours: impl IntoIterator<Item = Behaviour>) -> FaultServer {
    FaultServer::builder().on("*", "/", behaviours).start()
}

/// What asking GitHub ends with when its server behaves so.
#[track_caller]
fn refused(behaviours: impl IntoIterator<Item = Behaviour>, code: Code) -> (modelseal_core::Error, FaultServer) {
    let server = server(behaviours);
    let error = ask(&request(Provider::GitHub), &github(&server)).unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    let shown = format!("{error} {error:?} {}", error.hint());
    assert!(!shown.contains(REQUEST_TOKEN) && !shown.contains(SIGNATURE), "{shown}");
    (error, server)
}
