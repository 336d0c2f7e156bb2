//! A small client for setting servers up.

use std::time::Duration;

use serde_json::Value;
use ureq::http::{Method, Request};
use ureq::{Agent, Body};

/// Sends JSON over plain HTTP to one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    /// What comes before the path, such as `http://127.0.0.1:8200/v1`.
    base: String,
    headers: Vec<(&'static str, String)>,
}

/// Status and body; the body is null when it is empty, and a string when it is not JSON.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    request: String,
}

impl Client {
    /// A client of Vault or OpenBao, without a token.
    pub(crate) fn new(address: &str) -> Self {
        Self::plain(&format!("{}/v1", address.trim_end_matches('/')))
    }

    /// A client of any server.
    pub(crate) fn plain(base: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: Agent::new_with_config(config), base: base.to_owned(), headers: Vec::new() }
    }

    #[must_use]
    pub(crate) fn with_token(&self, token: &str) -> Self {
        self.with_header("X-Vault-Token", token)
    }

    /// A client whose requests go to a namespace, by header.
    #[must_use]
    pub(crate) fn in_namespace(&self, namespace: &str) -> Self {
        self.with_header("X-Vault-Namespace", namespace)
    }

    /// A client whose answers are wrapped.
    #[must_use]
    pub(crate) fn wrapping(&self, ttl: &str) -> Self {
        self.with_header("X-Vault-Wrap-TTL", ttl)
    }

    /// A client that sends a header; one of the same name is replaced.
    #[must_use]
    pub(crate) fn with_header(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(present, _)| *present != name);
        client.headers.push((name, value.to_owned()));
        client
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &Value::Null)
    }

    /// What the servers call LIST, in the spelling that every HTTP client can send.
    #[track_caller]
    pub(crate) fn list(&self, path: &str) -> Answer {
        self.get(&format!("{path}?list=true"))
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body)
    }

    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body)
    }

    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &Value::Null)
    }

    #[track_caller]
    fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = format!("{method} {}/{path}", self.base);
        let mut builder = Request::builder().method(method).uri(format!("{}/{path}", self.base));
        for (name, value) in &self.headers {
            builder = builder.header(*name, value);
        }
        let sent = if body.is_null() {
            self.agent.run(builder.body(()).unwrap())
        } else {
            let builder = builder.header("Content-Type", "application/json");
            self.agent.run(builder.body(body.to_string()).unwrap())
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{request}: {error}"));
        let status = response.status().as_u16();
        Answer { status, body: parse(response.body_mut()), request }
    }
}

impl Answer {
    /// The body; panics unless the server agreed.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{}: {} {}", self.request, self.status, self.body);
        self.body
    }

    /// Status and body.
    pub(crate) fn parts(self) -> (u16, Value) {
        (self.status, self.body)
    }
}

fn parse(body: &mut Body) -> Value {
    let text = body.read_to_string().unwrap();
    if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}
