//! How long keys are believed, and how often they are asked for.

use std::time::{Duration, Instant};

use super::fault::{Behaviour, FaultServer, Reply};
use super::mock::{DISCOVERY, Mock, discovery, of, verifier_of};
use super::*;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;

/// Waits until something that happens behind the callers' backs has happened.
#[track_caller]
fn eventually(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits for the requests that are under way.
#[track_caller]
fn settled(verifier: &TokenVerifier, requests: u64) {
    eventually(|| verifier.keys_status().refreshes + verifier.keys_status().failures == requests);
}

#[test]
fn keys_are_asked_for_once() {
    let mock = Mock::new(&[&RSA, &NEXT]);
    let verifier = mock.verifier();
    for seconds in 0..20 {
        check(&verifier, &mock.token(&RSA, seconds * 20), seconds * 20).unwrap();
        check(&verifier, &mock.token(&NEXT, seconds * 20), seconds * 20).unwrap();
    }
    assert_eq!((mock.fetches(), mock.server.count(DISCOVERY)), (1, 1));
    assert_eq!(verifier.keys_status().fetched_at, Some(at(0)));
}

#[test]
fn a_hundred_misses_at_once_are_one_request() {
    let mock = Mock::slow(&[&RSA], Duration::from_millis(300));
    let verifier = mock.verifier();
    let token = mock.token(&RSA, 0);
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| check(&verifier, &token, 0).unwrap());
        }
    });
    assert_eq!(mock.fetches(), 1);
}

#[test]
fn a_hundred_who_wait_for_a_failure_are_one_request_too() {
    let mock = Mock::slow(&[&RSA], Duration::from_millis(300));
    mock.says(Reply::new(404, &[], ""));
    let verifier = mock.verifier();
    let token = mock.token(&RSA, 0);
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| refused(&verifier, &token, Code::IdentityKeysUnavailable));
        }
    });
    assert_eq!(mock.fetches(), 1);
}

#[test]
fn random_names_of_keys_cost_a_request_a_minute() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    let random = |seconds: i64, name: usize| {
        let header = json!({"alg": "RS256", "kid": format!("random-{name}")});
        check(&verifier, &RSA.token_with(&header, &mock.claims(seconds)), seconds).unwrap_err().code()
    };
    for name in 0..200 {
        assert_eq!(random(0, name), Code::IdentityUnknownKey);
    }
    assert_eq!(mock.fetches(), 1);
    assert_eq!(verifier.cooldown_at(at(0)), Duration::from_secs(60));
    assert_eq!(verifier.cooldown_at(at(59)), Duration::from_secs(1));
    assert_eq!(verifier.cooldown_at(at(60)), Duration::ZERO);
    for name in 0..50 {
        assert_eq!(random(59, name), Code::IdentityUnknownKey);
    }
    assert_eq!(mock.fetches(), 1);
    for name in 0..50 {
        assert_eq!(random(60, name), Code::IdentityUnknownKey);
    }
    assert_eq!(mock.fetches(), 2);
    // Those who are known are not troubled.
    check(&verifier, &mock.token(&RSA, 60), 60).unwrap();
}

#[test]
fn a_new_key_is_found_after_the_cooldown() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    mock.has(&[&RSA, &NEXT]);
    assert_eq!(check(&verifier, &mock.token(&NEXT, 30), 30).unwrap_err().code(), Code::IdentityUnknownKey);
    check(&verifier, &mock.token(&NEXT, 61), 61).unwrap();
    assert_eq!(mock.fetches(), 2);
}

#[test]
fn old_keys_are_refreshed_while_nobody_waits() {
    let mock = Mock::slow(&[&RSA], Duration::from_millis(700));
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    let late = 11 * MINUTE;
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| check(&verifier, &mock.token(&RSA, late), late).unwrap());
        }
    });
    assert!(started.elapsed() < Duration::from_millis(650), "somebody waited");
    settled(&verifier, 2);
    assert_eq!((mock.fetches(), verifier.keys_status().fetched_at), (2, Some(at(late))));
    check(&verifier, &mock.token(&RSA, late + 9 * MINUTE), late + 9 * MINUTE).unwrap();
    assert_eq!(mock.fetches(), 2);
}

#[test]
fn a_failing_issuer_is_done_without_for_a_day() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    mock.says(Reply::new(404, &[], ""));
    let mut failures = 0;
    for hours in [1, 2, 12, 23] {
        check(&verifier, &mock.token(&RSA, hours * HOUR), hours * HOUR).unwrap();
        failures += 1;
        settled(&verifier, 1 + failures);
        // Not again within a minute.
        check(&verifier, &mock.token(&RSA, hours * HOUR + 30), hours * HOUR + 30).unwrap();
        assert_eq!(verifier.keys_status().failures, failures);
    }
    let late = 24 * HOUR;
    let error = check(&verifier, &mock.token(&RSA, late), late).unwrap_err();
    assert_eq!(error.code(), Code::IdentityKeysUnavailable, "{error}");
    let fetches = mock.fetches();
    assert_eq!(check(&verifier, &mock.token(&RSA, late + 59), late + 59).unwrap_err().code(), error.code());
    assert_eq!(mock.fetches(), fetches);
    assert_eq!(verifier.cooldown_at(at(late + 20)), Duration::from_secs(40));
    mock.has(&[&RSA]);
    check(&verifier, &mock.token(&RSA, late + 60), late + 60).unwrap();
}

#[test]
fn answers_without_keys_change_nothing() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    let replies = [
        Reply::json(200, &json!({"keys": []})),
        Reply::json(200, &json!({"keys": [NEXT.jwk_with(json!({"use": "enc"}))]})),
        Reply::new(200, &[], "<html>"),
        Reply::new(404, &[], ""),
    ];
    for (minutes, reply) in (2..).step_by(2).zip(replies) {
        mock.says(reply);
        let now = minutes * MINUTE;
        let code = check(&verifier, &mock.token(&NEXT, now), now).unwrap_err().code();
        assert!(matches!(code, Code::IdentityKeysMalformed | Code::IdentityKeysUnavailable), "{code:?}");
        check(&verifier, &mock.token(&RSA, now), now).unwrap();
    }
    assert_eq!(verifier.keys_status().fetched_at, Some(at(0)));
}

#[test]
fn a_key_that_vanished_stays_for_an_hour() {
    let mock = Mock::new(&[&RSA, &NEXT]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    // Some servers of the issuer still have the old set.
    mock.has(&[&NEXT]);
    let late = 20 * MINUTE;
    check(&verifier, &mock.token(&RSA, late), late).unwrap();
    settled(&verifier, 2);
    check(&verifier, &mock.token(&RSA, 59 * MINUTE), 59 * MINUTE).unwrap();
    settled(&verifier, 3);
    let late = HOUR + 30;
    assert_eq!(check(&verifier, &mock.token(&RSA, late), late).unwrap_err().code(), Code::IdentityUnknownKey);
    check(&verifier, &mock.token(&NEXT, late), late).unwrap();
}

#[test]
fn a_key_that_comes_back_counts_from_then() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    for (requests, (minutes, keys)) in (2..).zip([(20, &*NEXT), (40, &*RSA), (60, &*NEXT), (80, &*NEXT)]) {
        mock.has(&[keys]);
        check(&verifier, &mock.token(&RSA, minutes * MINUTE), minutes * MINUTE).unwrap();
        settled(&verifier, requests);
    }
}

#[test]
fn of_two_keys_of_one_name_the_newer_answer_has_the_right_one() {
    let changed = Key::rsa("rsa-1");
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    mock.has(&[&changed]);
    let late = 11 * MINUTE;
    check(&verifier, &mock.token(&RSA, late), late).unwrap();
    settled(&verifier, 2);
    assert_eq!(check(&verifier, &mock.token(&RSA, late), late).unwrap_err().code(), Code::IdentitySignature);
    check(&verifier, &mock.token(&changed, late), late).unwrap();
}

#[test]
fn a_clock_that_is_set_back_neither_floods_nor_locks_out() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    check(&verifier, &mock.token(&RSA, HOUR), HOUR).unwrap();
    check(&verifier, &mock.token(&RSA, HOUR - 30), HOUR - 30).unwrap();
    assert_eq!(mock.fetches(), 1);
    check(&verifier, &mock.token(&RSA, 0), 0).unwrap();
    settled(&verifier, 2);
    assert_eq!(verifier.keys_status().fetched_at, Some(at(0)));
}

#[test]
fn known_keys_are_there_while_a_request_hangs() {
    let keys = [Behaviour::json(200, &key_set(&[&RSA])), Behaviour::Silence];
    let server = FaultServer::builder().on("GET", DISCOVERY, [discovery(|_| ())]).on("GET", "/keys", keys).start();
    let verifier = verifier_of(&server.address, KeySource::Discovery).unwrap();
    let token = |key: &Key, now| key.token(&of(&server.address, now));
    check(&verifier, &token(&RSA, 0), 0).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| check(&verifier, &token(&NEXT, 61), 61).unwrap_err());
        eventually(|| server.count("/keys") == 2);
        let token = token(&RSA, 62);
        let started = Instant::now();
        for _ in 0..20 {
            check(&verifier, &token, 62).unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(1), "somebody waited");
    });
}

#[test]
fn keys_can_be_fetched_beforehand() {
    let mock = Mock::new(&[&RSA]);
    let verifier = mock.verifier();
    verifier.warm_up().unwrap();
    verifier.warm_up().unwrap();
    assert_eq!(mock.fetches(), 1);
    let (now, key) = (Timestamp::now().as_second() - NOW, &*RSA);
    let verified = verifier.verify(&SecretString::from(mock.token(key, now))).unwrap();
    assert_eq!(verified.issuer, mock.url());
    assert_eq!(mock.fetches(), 1);
    assert!(verifier.cooldown() > Duration::from_secs(30) && verifier.cooldown() <= Duration::from_secs(60));
}

#[test]
fn a_request_under_way_does_not_outlive_its_verifier_for_long() {
    let keys = [Behaviour::json(200, &key_set(&[&RSA])), Behaviour::Silence];
    let server = FaultServer::builder().on("GET", DISCOVERY, [discovery(|_| ())]).on("GET", "/keys", keys).start();
    let verifier = verifier_of(&server.address, KeySource::Discovery).unwrap();
    let token = |now| RSA.token(&of(&server.address, now));
    check(&verifier, &token(0), 0).unwrap();
    check(&verifier, &token(11 * MINUTE), 11 * MINUTE).unwrap();
    eventually(|| server.count("/keys") == 2);
    drop(verifier);
}
