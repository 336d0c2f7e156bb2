//! Where secrets must not be.

use std::sync::{Arc, Mutex};

use modelseal_identity::Provider;

use super::*;

#[test]
fn no_value_shows_a_secret() {
    let token = token(GITHUB);
    let server = server([Behaviour::answer(503, &[], ""), value(&token)]);
    let log = Arc::new(Mutex::new(String::new()));
    let lines = Arc::clone(&log);
    let mut request = request(Provider::GitHub);
    request.hooks.record = Arc::new(move |record| *lines.lock().unwrap() += &format!("{record}\n"));
    let environment = github(&server);
    let found = find(&request, &environment).unwrap();
    let read = found.token().unwrap();
    let log = log.lock().unwrap().clone();
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("/150//idtoken/7f1c/a2b3 503") && !log.contains("audience"), "{log}");
    let shown = format!("{request:?} {environment:?} {found:?} {read:?} {log}");
    for secret in [REQUEST_TOKEN, SIGNATURE, "planted-subject", &token] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
