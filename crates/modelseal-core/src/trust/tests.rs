use super::*;
use crate::{Scheme, SignedBy, Timestamp};

const EC: &str = include_str!("../../../../tests/vectors/keys/p256.pub.pem");
const OTHER: &str = include_str!("../../../../tests/vectors/keys/p384.pub.pem");
const RSA: &str = include_str!("../../../../tests/vectors/keys/rsa-2048.pub.pem");
const ROOT: &str = include_str!("../../../../tests/vectors/keys/cert-root.pem");

fn key(pem: &str) -> TrustedKey {
    TrustedKey::new(PublicKey::from_pem(pem.as_bytes()).unwrap())
}

fn number(number: u32) -> NonZeroU32 {
    number.try_into().unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn trust(keys: Vec<TrustedKey>) -> Result<TrustedKeys> {
    TrustedKeys::danger_allow_test_keys(keys, vec![], LeafPin::default())
}

fn signed_by(key: &TrustedKey) -> SignedBy {
    SignedBy::Key {
        key_id: key.key().id(),
        kind: key.key().kind(),
        scheme: Scheme::Ecdsa,
        name: key.name().map(str::to_owned),
        version: key.version(),
    }
}

#[test]
fn one_key_has_one_set_of_facts() {
    let window = SigningWindow::new(Some(at("2026-01-01T00:00:00Z")), None).unwrap();
    let versioned = key(EC).with_version(number(1));
    for (other, what) in [
        (key(EC).with_version(number(2)), "versions"),
        (key(EC), "versions"),
        (versioned.clone().with_min_version(number(2)).unwrap(), "versions"),
        (versioned.clone().with_window(window), "signing windows"),
        (versioned.clone().with_name("a"), "names"),
    ] {
        let error = trust(vec![versioned.clone(), other]).unwrap_err();
        assert_eq!(error.code(), Code::UsageArguments);
        assert!(error.message().ends_with(&format!("is given twice, with two {what}")), "{error}");
    }
    let scheme = |text: &str| key(RSA).with_scheme(text.parse().unwrap()).unwrap();
    let error = trust(vec![scheme("rsa-pss-sha256"), scheme("rsa-pss-sha384")]).unwrap_err();
    assert!(error.message().contains("two schemes"), "{error}");
    assert_eq!(trust(vec![versioned.clone(), versioned, key(OTHER)]).unwrap().keys().len(), 2);
}

#[test]
fn no_source_is_forgotten() {
    let from = |path: &str| key(EC).with_source(path.into());
    let trusted = trust(vec![from("a").with_source("table".into()), from("b")]).unwrap();
    assert_eq!(trusted.keys().len(), 1);
    assert_eq!(trusted.sources().collect::<Vec<_>>(), ["a", "table", "b"].map(Path::new));
}

#[test]
fn a_minimum_needs_versions() {
    for keys in [vec![key(EC)], vec![key(EC).with_version(number(9)), key(OTHER)]] {
        let error = trust(keys).unwrap().with_min_key_version(number(1)).unwrap_err();
        assert_eq!(error.code(), Code::UsageArguments);
        assert!(error.message().starts_with("the minimum version needs keys with versions"), "{error}");
    }
    assert_eq!(key(EC).with_min_version(number(1)).unwrap_err().code(), Code::UsageArguments);
    let anchor = TrustedCertificate::new(Certificate::from_pem(ROOT.as_bytes()).unwrap().remove(0));
    let certified =
        TrustedKeys::danger_allow_test_keys(vec![key(EC).with_version(number(1))], vec![anchor], LeafPin::default());
    assert_eq!(certified.unwrap().with_min_key_version(number(1)).unwrap_err().code(), Code::UsageArguments);
}

#[test]
fn the_higher_minimum_counts() {
    let versioned = |minimum| key(EC).with_version(number(5)).with_min_version(number(minimum)).unwrap();
    for (table, flag, result) in [(3, 4, 4), (4, 3, 4), (6, 1, 6)] {
        let trusted = trust(vec![versioned(table)]).unwrap().with_min_key_version(number(flag)).unwrap();
        assert_eq!(trusted.keys()[0].min_version(), Some(number(result)));
    }
    let late = versioned(4).with_version(number(2));
    assert_eq!((late.version(), late.min_version()), (Some(number(2)), Some(number(4))));
}

#[test]
fn terms_name_what_is_wrong() {
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2026-02-01T00:00:00Z"));
    let id = key(EC).key().id();
    let window = SigningWindow::new(Some(from), Some(until)).unwrap();
    let key = key(EC).with_name("models").with_window(window);
    let refusal = |key: &TrustedKey, now: &str| {
        key.terms().check(&signed_by(key), at(now)).map_err(|error| (error.code(), error.message().to_owned()))
    };
    assert_eq!(refusal(&key, "2026-01-01T00:00:00Z"), Ok(()));
    assert_eq!(refusal(&key, "2026-01-31T23:59:59.999999999Z"), Ok(()));
    let late = format!(
        "the key `models` ({id}) is accepted only before 2026-02-01T00:00:00Z, and now it is 2026-02-01T00:00:00Z"
    );
    assert_eq!(refusal(&key, "2026-02-01T00:00:00Z"), Err((Code::PolicyKeyWindow, late)));
    let versioned = key.with_version(number(3));
    let early = format!(
        "version 3 of the key `models` ({id}) is accepted from 2026-01-01T00:00:00Z on, and now it is \
         2025-12-31T23:59:59Z"
    );
    assert_eq!(refusal(&versioned, "2025-12-31T23:59:59.999999999Z"), Err((Code::PolicyKeyWindow, early)));
    // The version is looked at first.
    let old = versioned.with_min_version(number(4)).unwrap();
    let message = format!("the signature is by version 3 of the key `models` ({id}), and the smallest accepted is 4");
    for now in ["2026-01-15T00:00:00Z", "2027-01-15T00:00:00Z"] {
        assert_eq!(refusal(&old, now), Err((Code::PolicyKeyVersion, message.clone())));
    }
    let same = old.with_version(number(4));
    assert_eq!(refusal(&same, "2026-01-15T00:00:00Z"), Ok(()));
}
