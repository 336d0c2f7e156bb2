use core::cell::RefCell;
use std::path::PathBuf;

use super::*;
use crate::Error;

// Throw-away test keys, published on purpose: never trust them.
const P256: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAjyXZOeF+9hHv06t4bXrVN5JpRM+
a5HmQSv0/daDatCpESOrOX4ysVVHkEU/Y7Boi+mtL9+IjVsqPxjDsIDCpw==
-----END PUBLIC KEY-----
";
const P256_ID: &str = "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4";
const P384: &str = "-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEr3VvUnoGSJm2yjZZIbBB/Afaf79oyyoi
BFvW/RfBbmi28zBGY/I/74si0Y+ZjTJO080d1FlWrl+PO2DCZQDqMjIjXxkAvWZY
K/jZ6pBR9nN+lVoSyzjNgwvhw8uqfdoB
-----END PUBLIC KEY-----
";
const ED25519: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAvKlZG1ro/jUwOi6W9IdTj6Omqq1i6MiKQxC5IkfDuUQ=
-----END PUBLIC KEY-----
";

/// `p256`, `p384` and `ed25519` name the keys above; every file is its own source.
fn load(path: &Path) -> Result<TrustedKey> {
    let text = match path.to_str() {
        Some("p256") => P256,
        Some("p384") => P384,
        Some("ed25519") => ED25519,
        _ => return Err(Error::new(Code::InputNotFound, format!("`{}` does not exist", path.display()))),
    };
    Ok(TrustedKey::new(PublicKey::from_pem(text.as_bytes())?).with_source(path.to_owned()))
}

fn read(text: &str) -> Result<Vec<TrustedKey>> {
    KeyTable::parse(text.as_bytes())?.trusted_keys(&mut load)
}

fn refused(text: &str, line: usize, message: &str) {
    let error = read(text).unwrap_err();
    assert_eq!(error.code(), Code::KeyMalformed, "{text}\n{error}");
    assert!(error.message().starts_with(&format!("line {line}: ")), "{text}\n{error}");
    assert!(error.message().contains(message), "{text}\n{error}");
}

fn instant(text: &str) -> Option<crate::Timestamp> {
    Some(text.parse().unwrap())
}

#[test]
fn what_keys_export_writes_is_read() {
    let text = format!(
        r#"# Public keys of hashivault://transit/models, written by `modelseal keys export`.
version = 1

[[key]]
name = "models"
scheme = "ecdsa"
vault = "hashivault://transit/models"
min_version = 2

[[key.version]]
version = 1
public_key = "p256"
key_id = "{P256_ID}"
not_before = 2026-11-01T08:30:00.123456789Z

[[key.version]]
version = 2
public_key = "p384"
not_before = 2026-11-20T00:00:00+01:00
"#
    );
    let keys = read(&text).unwrap();
    let facts: Vec<_> = keys
        .iter()
        .map(|key| (key.name().unwrap(), key.version().unwrap().get(), key.min_version().unwrap().get()))
        .collect();
    assert_eq!(facts, [("models", 1, 2), ("models", 2, 2)]);
    assert_eq!(keys[0].key().id().to_string(), P256_ID);
    assert_eq!(keys[0].window().not_before(), instant("2026-11-01T08:30:00.123456789Z"));
    assert_eq!(keys[1].window().not_before(), instant("2026-11-19T23:00:00Z"));
    assert_eq!(keys[1].window().not_after(), None);
    for key in &keys {
        assert_eq!(key.vault().unwrap().to_string(), "hashivault://transit/models");
        assert_eq!(key.scheme(), Some(Scheme::Ecdsa));
    }
    assert_eq!(keys[1].sources().map(Path::to_owned).collect::<Vec<_>>(), [PathBuf::from("p384")]);
}

#[test]
fn the_smallest_tables() {
    let keys = read("[[key]]\nname = \"team-a\"\npublic_key = \"p256\"\nshared_key = \"danger\"").unwrap();
    assert_eq!((keys[0].name(), keys[0].version(), keys[0].min_version()), (Some("team-a"), None, None));
    assert_eq!(
        (keys[0].window(), keys[0].scheme(), keys[0].vault()),
        (SigningWindow::ALWAYS, Some(Scheme::Ecdsa), None)
    );
    let keys = read(&format!(
        "[[key]]\nname = \"a\"\npublic_key_pem = \"\"\"{P256}\"\"\"\n[[key]]\nname = \"b\"\nscheme = \"ed25519\"\n\
         public_key = \"ed25519\"\nnot_after = 2027-01-31 00:00:00Z\nvault = \"openbao://m/b?version=3\""
    ))
    .unwrap();
    assert_eq!((keys[0].key().id().to_string().as_str(), keys[1].scheme()), (P256_ID, Some(Scheme::Ed25519)));
    assert_eq!((keys[1].window().not_after(), keys[1].version()), (instant("2027-01-31T00:00:00Z"), None));
}

#[test]
fn both_windows_apply() {
    let text = "[[key]]\nname = \"a\"\nnot_before = 2026-01-01T00:00:00Z\nnot_after = 2026-06-01T00:00:00Z\n\
                [[key.version]]\nversion = 7\npublic_key = \"p256\"\nnot_after = 2026-03-01T00:00:00Z\n";
    let window = read(text).unwrap()[0].window();
    assert_eq!(window.not_before(), instant("2026-01-01T00:00:00Z"));
    assert_eq!(window.not_after(), instant("2026-03-01T00:00:00Z"));
    refused(&text.replace("2026-03-01", "2025-03-01"), 8, "no time lies between");
    refused(&text.replace("2026-06-01", "2026-01-01"), 4, "no time lies between");
}

#[test]
fn every_other_field_is_refused() {
    let key = "[[key]]\nname = \"a\"\npublic_key = \"p256\"\n";
    let version = "[[key]]\nname = \"a\"\n[[key.version]]\nversion = 1\npublic_key = \"p256\"\n";
    read(key).unwrap();
    read(version).unwrap();
    refused(&format!("{key}publickey = 1\n"), 4, "unknown field `publickey`");
    refused(&format!("name = \"production\"\n{key}"), 1, "unknown field `name`");
    refused(&format!("{key}[[rule]]\nname = \"r\"\n"), 4, "unknown field `rule`");
    for field in ["scheme = \"ecdsa\"", "min_version = 1", "name = \"b\"", "vault = \"hashivault://a\"", "x = 1"] {
        refused(&format!("{version}{field}\n"), 6, "unknown field");
    }
    refused(&format!("version = 2\n{key}"), 1, "only 1 is known");
    refused(&format!("version = \"1\"\n{key}"), 1, "invalid type");
    read(&format!("version = 1\n{key}")).unwrap();
}

#[test]
fn exactly_one_kind_of_key() {
    refused("[[key]]\nname = \"a\"\n", 2, "neither");
    refused(&format!("[[key]]\nname = \"a\"\npublic_key = \"p256\"\npublic_key_pem = \"\"\"{P256}\"\"\"\n"), 2, "both");
    let version = "[[key.version]]\nversion = 1\n";
    refused(&format!("[[key]]\nname = \"a\"\n{version}"), 4, "neither");
    for field in ["public_key = \"p256\"", "public_key_pem = \"x\"", &format!("key_id = \"{P256_ID}\"")] {
        let text = format!("[[key]]\nname = \"a\"\n{field}\n{version}public_key = \"p384\"\n");
        refused(&text, 2, "belong into [[key.version]]");
    }
    refused("[[key]]\nname = \"a\"\npublic_key_pem = \"-----BEGIN\"\n", 3, "no PEM");
    refused("[[key]]\nname = \"a\"\npublic_key = [\"p256\"]\n", 3, "invalid type");
}

#[test]
fn empty_lists_are_refused() {
    refused("", 1, "no [[key]]");
    refused("version = 1\nkey = []\n", 1, "no [[key]]");
    refused("[[key]]\nname = \"a\"\nversion = []\n", 2, "empty list");
    refused("[[key]]\n", 1, "missing field `name`");
}

#[test]
fn keys_are_those_that_the_table_describes() {
    let key = |more: &str| format!("[[key]]\nname = \"a\"\npublic_key = \"p256\"\n{more}\n");
    read(&key(&format!("key_id = \"{P256_ID}\""))).unwrap();
    refused(&key(&format!("key_id = \"{}\"", "0".repeat(64))), 2, "where the table says 0000");
    refused(&key(&format!("key_id = \"{}\"", P256_ID.to_uppercase())), 4, "64 lower-case");
    refused(&key("scheme = \"ed25519\""), 2, "does not fit the ecdsa-p256 key");
    refused(&key("scheme = \"ecdsa-p256\""), 4, "is not accepted");
    refused("[[key]]\nname = \"a\"\npublic_key = \"ed25519\"\n", 2, "is ecdsa, which does not fit the ed25519 key");
    refused(&key("shared_key = \"yes\""), 4, "danger");
    let error = read("[[key]]\nname = \"a\"\npublic_key = \"gone\"\n").unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::InputNotFound, "line 2: `gone` does not exist"));
}

#[test]
fn nothing_is_there_twice() {
    let key = |name: &str, file: &str| format!("[[key]]\nname = \"{name}\"\npublic_key = \"{file}\"\n");
    read(&[key("a", "p256"), key("b", "p384")].concat()).unwrap();
    refused(&[key("a", "p256"), key("a", "p384")].concat(), 5, "the name `a` is there twice");
    refused(&[key("a", "p256"), key("b", "p256")].concat(), 5, &format!("the key {P256_ID} is there twice"));
    let version = |number: &str, file: &str| format!("[[key.version]]\nversion = {number}\npublic_key = \"{file}\"\n");
    let head = "[[key]]\nname = \"a\"\n";
    read(&[head, &version("1", "p256"), &version("2", "p384")].concat()).unwrap();
    refused(&[head, &version("2", "p256"), &version("2", "p384")].concat(), 7, "version 2 of `a` is there twice");
    refused(&[head, &version("1", "p256"), &version("2", "p256")].concat(), 7, "is there twice");
    refused(&format!("{}name = \"b\"\n", key("a", "p256")), 4, "duplicate key");
}

#[test]
fn versions_are_whole_numbers_from_one() {
    let table = |minimum: &str, version: &str| {
        format!(
            "[[key]]\nname = \"a\"\nmin_version = {minimum}\n[[key.version]]\nversion = {version}\npublic_key = \"p256\"\n"
        )
    };
    read(&table("4294967295", "4294967295")).unwrap();
    for number in ["0", "-1", "4294967296"] {
        refused(&table(number, "1"), 3, "is not a version");
        refused(&table("1", number), 5, "is not a version");
    }
    for number in ["1.0", "\"1\"", "[1]"] {
        refused(&table(number, "1"), 3, "invalid type");
    }
    refused("[[key]]\nname = \"a\"\npublic_key = \"p256\"\nmin_version = 1\n", 4, "has no versions");
}

#[test]
fn times_have_an_offset() {
    let key = |time: &str| format!("[[key]]\nname = \"a\"\npublic_key = \"p256\"\nnot_before = {time}\n");
    read(&key("2026-11-01T00:00:00-23:59")).unwrap();
    for time in ["2026-11-01T00:00:00", "2026-11-01", "00:00:00"] {
        refused(&key(time), 4, "local time");
    }
    for time in [
        "2026-02-30T00:00:00Z",
        "2026-11-01T24:00:00Z",
        "\"2026-11-01T00:00:00Z\"",
        "1793491200",
        "0000-00-00T00:00:00Z",
    ] {
        refused(&key(time), 4, "");
    }
}

#[test]
fn paths_stay_below_the_table() {
    let key = |path: &str| format!("[[key]]\nname = \"a\"\npublic_key = '{path}'\n");
    let seen = RefCell::new(Vec::new());
    for path in ["keys/k", "./k", "..k", "a b"] {
        let table = KeyTable::parse(key(path).as_bytes()).unwrap();
        let mut load = |path: &Path| {
            seen.borrow_mut().push(path.to_owned());
            load(Path::new("p256"))
        };
        table.trusted_keys(&mut load).unwrap();
    }
    assert_eq!(*seen.borrow(), ["keys/k", "./k", "..k", "a b"].map(PathBuf::from));
    for path in ["", "/k", "//k", "..", "../k", "a/../../k", "a/..", "a/../k"] {
        refused(&key(path), 3, "not a path below");
    }
    refused("[[key]]\nname = \"a\"\npublic_key = \"a\\u0000b\"\n", 3, "not a path below");
}

#[test]
fn places_on_a_server_are_kept_and_fit() {
    let key = |vault: &str| format!("[[key]]\nname = \"a\"\npublic_key = \"p256\"\nvault = \"{vault}\"\n");
    read(&key("hashivault://team/transit/a?namespace=n&scheme=ecdsa&version=1")).unwrap();
    refused(&key("a.pem"), 4, "not a key on a server");
    refused(&key("hashivault://a?scheme=ed25519"), 4, "another scheme");
    refused(&key("hashivault://../a"), 4, "");
    let text = "[[key]]\nname = \"a\"\nvault = \"hashivault://a?version=1\"\n[[key.version]]\nversion = 1\npublic_key = \"p256\"";
    refused(text, 3, "where the key has several");
}

#[test]
fn names_can_be_shown() {
    let key = |name: &str| format!("[[key]]\nname = {name}\npublic_key = \"p256\"\n");
    read(&key("\"Modèles de l'équipe\"")).unwrap();
    read(&key(&format!("\"{}\"", "a".repeat(255)))).unwrap();
    for name in
        ["\"\"", "\"a\\nb\"", "\"a\\u001bb\"", "\"a\\u202eb\"", "\"a\\u200bb\"", &format!("\"{}\"", "a".repeat(256))]
    {
        refused(&key(name), 2, "not a name");
    }
}

#[test]
fn size_and_number_are_limited() {
    let table = |keys: usize| {
        let versions = |number| format!("[[key.version]]\nversion = {number}\npublic_key = \"p256\"\n");
        format!("[[key]]\nname = \"a\"\n{}", (1..=keys).map(versions).collect::<String>())
    };
    assert!(KeyTable::parse(table(KeyTable::MAX_KEYS).as_bytes()).is_ok());
    refused(&table(KeyTable::MAX_KEYS + 1), 2, "more than 1000 public keys");
    refused(&table(5 * KeyTable::MAX_KEYS), 2, "more than 1000 public keys");
    let several: String =
        (0..=KeyTable::MAX_KEYS).map(|n| format!("[[key]]\nname = \"{n}\"\npublic_key = \"k\"\n")).collect();
    refused(&several, 3002, "more than 1000 public keys");
    refused(&format!("#{}", " ".repeat(KeyTable::MAX_BYTES)), 1, "more than 1048576");
}

#[test]
fn whatever_is_no_toml_is_refused_with_its_line() {
    refused("\n[[key]\n", 2, "");
    refused("\n\n= 1", 3, "");
    refused("-----BEGIN PUBLIC KEY-----\n", 1, "");
    refused(&format!("x = {}", "[".repeat(100_000)), 1, "");
    let error = KeyTable::parse(b"# a\n\xff").unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::KeyMalformed, "line 2: the text is not UTF-8"));
    assert!(error.hint().contains("docs/formats.md"));
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,200}", at in 0..400_usize, byte in 0..=255_u8) {
        let _ = read(&text);
        let good = format!("version = 1\n[[key]]\nname = \"a\"\nmin_version = 1\n[[key.version]]\nversion = 1\n\
                            public_key = \"p256\"\nkey_id = \"{P256_ID}\"\nnot_before = 2026-11-01T08:30:00Z\n");
        let mut changed = good.into_bytes();
        let at = at % changed.len();
        changed[at] = byte;
        if let Ok(table) = KeyTable::parse(&changed) {
            let _ = table.trusted_keys(&mut load);
        }
    }
}
