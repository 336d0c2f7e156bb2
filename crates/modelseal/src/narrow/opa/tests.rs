//! What a real OPA does not do, and what is refused before anything is sent. Real servers: `tests/vault/opa.rs`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use modelseal_core::{Code, Error, Exit, OpaStage};
use modelseal_http::{FixedEnv, Hooks};
use serde_json::json;

use super::OpaNarrow;

const SECRET: &str = "pl4nted-token";

/// Answers every request with the same bytes; keeps the requests. Without bytes it says nothing.
struct Fake {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn new(answer: impl Into<Vec<u8>>) -> Self {
        let (answer, listener) = (answer.into(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (address, requests) = (format!("http://{}", listener.local_addr().unwrap()), Arc::default());
        let seen: Arc<Mutex<Vec<String>>> = Arc::clone(&requests);
        thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                seen.lock().unwrap().push(request(&stream));
                let _ = (&stream).write_all(&answer);
                if answer.is_empty() {
                    kept.push(stream);
                }
            }
        });
        Self { address, requests }
    }

    fn json(status: u16, body: &str) -> Self {
        Self::of(status, "Content-Type: application/json\r\n", body)
    }

    fn of(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::new(format!(
            "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        ))
    }

    fn ask(&self, timeout: Duration) -> Result<(), Error> {
        let stage = OpaStage::new(format!("{}/v1/data/model/allow", self.address), timeout);
        OpaNarrow::new(&stage, &Hooks::default(), &FixedEnv::default()).unwrap().judge(&json!({"x": 1}))
    }

    fn refusal(&self) -> Error {
        self.ask(Duration::from_secs(10)).unwrap_err()
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

/// Head and body of a request.
fn request(stream: &TcpStream) -> String {
    let (mut reader, mut text, mut length) = (BufReader::new(stream), String::new(), 0);
    loop {
        let start = text.len();
        if reader.read_line(&mut text).unwrap_or(0) == 0 {
            return text;
        }
        let line = text[start..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    text + core::str::from_utf8(&body).unwrap()
}

fn new(url: &str, variables: &[(&str, &str)]) -> Result<OpaNarrow, Error> {
    let stage = OpaStage::new(url.to_owned(), Duration::from_secs(2));
    OpaNarrow::new(&stage, &Hooks::default(), &FixedEnv::from_iter(variables.iter().copied()))
}

#[test]
fn only_status_200_with_a_true_result_allows() {
    let allowing = Fake::json(200, r#"{"result": true}"#);
    allowing.ask(Duration::from_secs(10)).unwrap();
    let sent = allowing.requests.lock().unwrap()[0].clone();
    assert!(sent.starts_with("POST /v1/data/model/allow HTTP/1.1\r\n"), "{sent}");
    assert!(sent.ends_with(r#"{"input":{"x":1}}"#) && !sent.contains("authorization"), "{sent}");
    for body in [
        "{}",
        r#"{"result": false}"#,
        r#"{"result": "true"}"#,
        r#"{"result": 1}"#,
        r#"{"result": null}"#,
        r#"{"result": [true]}"#,
        r#"{"result": {"allow": true}}"#,
        r#"{"Result": true}"#,
        r#"{"warning": {"code": "api_usage_warning"}}"#,
    ] {
        let error = Fake::json(200, body).refusal();
        assert_eq!(error.code(), Code::PolicyOpaDenied, "{body}: {error}");
        assert_eq!(error.code().exit(), Exit::No);
        assert_eq!(error.hint().contains("package"), body.contains("allow"), "{body}: {}", error.hint());
    }
}

#[test]
fn an_answer_that_does_not_count_allows_nothing() {
    let nested = format!("{{\"result\": true, \"x\": {}1{}}}", "[".repeat(100), "]".repeat(100));
    let json = "Content-Type: application/json\r\n";
    for (status, headers, body) in [
        (200, "Content-Type: text/html\r\n", r#"{"result": true}"#),
        (200, "Content-Type: text/plain\r\n", r#"{"result": true}"#),
        (200, "", r#"{"result": true}"#),
        (200, json, "true"),
        (200, json, ""),
        (200, json, r#"{"result": true"#),
        (200, json, r#"{"result": true} {"result": false}"#),
        (200, json, r#"{"result": false, "result": true}"#),
        (200, json, nested.as_str()),
        (201, json, r#"{"result": true}"#),
        (204, json, ""),
        (301, "Location: /v1/data/model/allow\r\n", ""),
        (307, "Content-Type: application/json\r\nLocation: http://127.0.0.1:1/\r\n", r#"{"result": true}"#),
        (400, json, r#"{"result": true}"#),
        (401, json, r#"{"result": true}"#),
        (403, json, r#"{"result": true}"#),
        (404, json, r#"{"result": true}"#),
        (500, json, r#"{"code": "internal_error", "message": "pl4nted-token"}"#),
        (502, "Content-Type: text/html\r\n", "<html>pl4nted-token</html>"),
        (503, json, r#"{"result": true}"#),
    ] {
        let fake = Fake::of(status, headers, body);
        let error = fake.refusal();
        assert_eq!(error.code(), Code::PolicyOpaUnavailable, "{status} {headers} {body}: {error}");
        assert_eq!((error.code().exit(), fake.count()), (Exit::Unavailable, 1), "{status} {body}");
        assert!(!error.message().contains(SECRET) && error.message().contains(&fake.address), "{error}");
    }
}

#[test]
fn what_is_no_answer_allows_nothing() {
    let large = format!("{{\"result\": true, \"x\": \"{}\"}}", "x".repeat(1024 * 1024));
    for fake in [
        Fake::json(200, &large),
        Fake::new("garbage\r\n\r\n"),
        Fake::new("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"),
    ] {
        let error = fake.refusal();
        assert_eq!(error.code(), Code::PolicyOpaUnavailable, "{error}");
        assert!(fake.count() >= 1);
    }
    let started = Instant::now();
    let silent = Fake::new("");
    let error = silent.ask(Duration::from_millis(300)).unwrap_err();
    assert_eq!((error.code(), silent.count()), (Code::PolicyOpaUnavailable, 1), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_connection_is_tried_twice_and_an_answer_once() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let records = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&records);
    let mut hooks = Hooks::default();
    hooks.record = Arc::new(move |_| *counter.lock().unwrap() += 1);
    let stage = OpaStage::new(format!("http://{address}/v1/data/model/allow"), Duration::from_secs(5));
    let narrow = OpaNarrow::new(&stage, &hooks, &FixedEnv::default()).unwrap();
    let error = narrow.judge(&json!({})).unwrap_err();
    assert_eq!((error.code(), *records.lock().unwrap()), (Code::PolicyOpaUnavailable, 2), "{error}");

    let fake = Fake::of(503, "", "");
    assert_eq!(fake.refusal().code(), Code::PolicyOpaUnavailable);
    assert_eq!(fake.count(), 1);
}

#[test]
fn the_caller_can_stop() {
    let fake = Fake::new("");
    let mut hooks = Hooks::default();
    hooks.stop = Arc::new(|| true);
    let stage = OpaStage::new(format!("{}/v1/data/model/allow", fake.address), Duration::from_secs(20));
    let narrow = OpaNarrow::new(&stage, &hooks, &FixedEnv::default()).unwrap();
    assert_eq!(narrow.judge(&json!({})).unwrap_err().code(), Code::UsageInterrupted);
}

#[test]
fn addresses_that_cannot_be_meant_are_refused() {
    for good in [
        "https://opa.internal/v1/data/model/allow",
        "https://opa.internal:8181/v1/data/allow",
        "http://127.0.0.1:8181/v1/data/model/allow",
        "http://localhost/v1/data/model/allow",
        "http://[::1]:8181/v1/data/model/allow",
    ] {
        new(good, &[]).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for bad in [
        "",
        "opa.internal/v1/data/model/allow",
        "http://opa.internal/v1/data/model/allow",
        "http://127.0.0.1.example/v1/data/model/allow",
        "https://opa.internal",
        "https://opa.internal/",
        "https://opa.internal/v1/data",
        "https://opa.internal/v1/data/",
        "https://opa.internal/v1/data/model/allow/",
        "https://opa.internal/v1/data//allow",
        "https://opa.internal/v1/data/model//allow",
        "https://opa.internal/v0/data/model/allow",
        "https://opa.internal/v1/query",
        "https://opa.internal/v1/data/../policies/x",
        "https://opa.internal/v1/data/model/allow?metrics",
        "https://opa.internal/v1/data/model/allow#x",
        "https://u:pl4nted-token@opa.internal/v1/data/model/allow",
        "https://opa.internal/v1/data/model/allow\n",
        "unix:///v1/data/model/allow",
        "ftp://opa.internal/v1/data/model/allow",
    ] {
        let error = new(bad, &[]).expect_err(bad);
        assert_eq!(error.code(), Code::PolicySyntax, "{bad}: {error}");
        assert!(!error.message().contains(SECRET), "{error}");
    }
    let mut stage = OpaStage::new("https://opa.internal/v1/data/model/allow".to_owned(), Duration::from_secs(1));
    stage.ca_pem = Some("-----BEGIN CERTIFICATE-----\nbm90IERFUg==\n-----END CERTIFICATE-----\n".to_owned());
    let error = OpaNarrow::new(&stage, &Hooks::default(), &FixedEnv::default()).unwrap_err();
    assert_eq!(error.code(), Code::PolicySyntax, "{error}");
}

#[test]
fn this_machine_is_never_asked_through_a_proxy() {
    let fake = Fake::json(200, r#"{"result": true}"#);
    let proxy = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1")];
    let narrow = new(&format!("{}/v1/data/model/allow", fake.address), &proxy).unwrap();
    narrow.judge(&json!({})).unwrap();
    let error = new("https://opa.invalid/v1/data/model/allow", &proxy).unwrap().judge(&json!({})).unwrap_err();
    assert!(error.message().contains("the proxy 127.0.0.1:1"), "{error}");
    let excluded = [proxy[0], ("NO_PROXY", "opa.invalid")];
    let error = new("https://opa.invalid/v1/data/model/allow", &excluded).unwrap().judge(&json!({})).unwrap_err();
    assert!(!error.message().contains("the proxy"), "{error}");
    let bad = [("HTTPS_PROXY", "socks5://pl4nted-token@h")];
    let error = new("https://opa.invalid/v1/data/model/allow", &bad).unwrap_err();
    assert_eq!(error.code(), Code::UsageEnvironment);
    assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
}

#[test]
fn t23_the_token_is_read_anew_and_never_shown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let fake = Fake::json(401, &format!("{{\"message\": \"{SECRET}\"}}"));
    let mut stage = OpaStage::new(format!("{}/v1/data/model/allow", fake.address), Duration::from_secs(10));
    stage.token_file = Some(path.clone());
    let narrow = OpaNarrow::new(&stage, &Hooks::default(), &FixedEnv::default()).unwrap();
    for token in [SECRET, "another"] {
        std::fs::write(&path, format!("{token}\n")).unwrap();
        let error = narrow.judge(&json!({})).unwrap_err();
        assert_eq!(error.code(), Code::PolicyOpaUnavailable);
        assert!(error.hint().contains("token_file"), "{}", error.hint());
        assert!(!format!("{error} {error:?} {} {narrow:?}", error.hint()).contains(SECRET));
        let sent = fake.requests.lock().unwrap().last().cloned().unwrap();
        assert!(sent.contains(&format!("authorization: Bearer {token}\r\n")), "{sent}");
    }
}

#[test]
fn a_token_that_cannot_be_read_sends_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let fake = Fake::json(200, r#"{"result": true}"#);
    for path in [
        directory.path().join("missing"),
        directory.path().to_owned(),
        at("empty", " \n"),
        at("two", "pl4nted-token\npl4nted-token\n"),
        at("words", "pl4nted-token x"),
        at("control", "pl4nted-token\u{1}"),
        at("large", &"x".repeat(70_000)),
        #[cfg(unix)]
        std::path::PathBuf::from("/dev/zero"),
    ] {
        let mut stage = OpaStage::new(format!("{}/v1/data/model/allow", fake.address), Duration::from_secs(10));
        stage.token_file = Some(path.clone());
        let narrow = OpaNarrow::new(&stage, &Hooks::default(), &FixedEnv::default()).unwrap();
        let error = narrow.judge(&json!({})).unwrap_err();
        assert_eq!(error.code(), Code::PolicyOpaUnavailable, "{path:?}: {error}");
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
    assert_eq!(fake.count(), 0);
}
