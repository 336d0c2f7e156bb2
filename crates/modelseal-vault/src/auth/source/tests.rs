use std::ffi::OsString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Instant;

use modelseal_http::FixedEnv;

use super::*;

const KINDS: [Kind; 6] =
    [Kind::IdentityToken, Kind::ServiceAccountToken, Kind::SecretId, Kind::WrappingToken, Kind::Token, Kind::Sink];

fn read(kind: Kind, source: &SecretSource) -> Result<SecretString> {
    Source::find(kind, source, &FixedEnv::default())?.read(&|| false)
}

fn file(directory: &tempfile::TempDir, content: &[u8], mode: u32) -> SecretSource {
    let path = directory.path().join("planted");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    SecretSource::File(path)
}

#[test]
fn one_newline_at_the_end_is_not_part_of_it() {
    let directory = tempfile::tempdir().unwrap();
    for kind in KINDS {
        for content in [&b"secret"[..], b"secret\n", b"secret\r\n"] {
            assert_eq!(read(kind, &file(&directory, content, 0o600)).unwrap().expose_secret(), "secret");
        }
    }
}

#[test]
fn what_is_not_one_line_of_printable_ascii_is_refused_and_never_quoted() {
    let directory = tempfile::tempdir().unwrap();
    for kind in KINDS {
        for content in [
            &b"planted\n\n"[..],
            b"plan\nted",
            b"planted\t",
            b"\x1bplanted",
            "plant\u{e9}d".as_bytes(),
            b"planted\x80",
            b"pl\0d",
        ] {
            let error = read(kind, &file(&directory, content, 0o600)).unwrap_err();
            let expected = if kind.is_jwt() { Code::IdentityMalformed } else { Code::VaultCredentials };
            assert_eq!(error.code(), expected, "{kind:?} {content:?}");
            assert!(error.message().contains(kind.name()), "{error}");
            // The file's own name says it once.
            assert!(!error.message().replace("/planted`", "").contains("plan"), "{error}");
            let value = str::from_utf8(content).map(|text| read(kind, &SecretSource::Value(text.into())));
            if let Ok(Err(error)) = value {
                assert_eq!(error.code(), expected);
                assert!(!error.message().contains("plan"), "{error}");
            }
        }
    }
    assert_eq!(read(Kind::SecretId, &file(&directory, b"my secret", 0o600)).unwrap().expose_secret(), "my secret");
    assert!(read(Kind::Token, &file(&directory, b"my token", 0o600)).is_err());
    assert!(read(Kind::Sink, &file(&directory, b"{\n \"token\": \"x\"}\n", 0o600)).is_ok());
}

#[test]
fn nothing_there_is_another_error_than_something_unusable() {
    let directory = tempfile::tempdir().unwrap();
    for kind in KINDS {
        let missing = if kind.is_jwt() { Code::IdentityMissing } else { Code::VaultNoCredentials };
        assert_eq!(read(kind, &SecretSource::File(directory.path().join("none"))).unwrap_err().code(), missing);
        assert_eq!(read(kind, &file(&directory, b"\n", 0o600)).unwrap_err().code(), missing);
        let error = read(kind, &SecretSource::Env("NOT_SET".into())).unwrap_err();
        assert_eq!(error.code(), missing);
        assert!(error.message().contains("NOT_SET"), "{error}");
        let unusable = if kind.is_jwt() { Code::IdentityMalformed } else { Code::VaultCredentials };
        assert_eq!(read(kind, &file(&directory, &[b'a'; MOST + 1], 0o600)).unwrap_err().code(), unusable);
    }
    let error = read(Kind::Token, &SecretSource::Env("hvs.planted-token".into())).unwrap_err();
    assert_eq!(error.code(), Code::UsageArguments);
    assert!(!error.message().contains("planted"), "{error}");
}

#[test]
fn variables_are_read_when_configured() {
    let env = FixedEnv::from_iter([("ID_TOKEN", OsString::from("a.b.c"))]);
    let source = Source::find(Kind::IdentityToken, &SecretSource::Env("ID_TOKEN".into()), &env).unwrap();
    assert_eq!(source.read(&|| false).unwrap().expose_secret(), "a.b.c");
    assert_eq!(source.name(), "the identity token in ID_TOKEN");
}

#[test]
fn t09_fifos_and_directories_are_refused_without_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let started = Instant::now();
    for path in [fifo, directory.path().to_owned(), "/dev/zero".into()] {
        for kind in KINDS {
            let error = read(kind, &SecretSource::File(path.clone())).unwrap_err();
            assert!(error.message().contains("not a regular file"), "{error}");
        }
    }
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_file_that_others_may_change_is_refused_unless_it_is_signed() {
    let directory = tempfile::tempdir().unwrap();
    for kind in KINDS {
        for mode in [0o620, 0o602, 0o666] {
            let answer = read(kind, &file(&directory, b"secret", mode));
            if kind.is_jwt() {
                assert!(answer.is_ok());
            } else {
                assert_eq!(answer.unwrap_err().code(), Code::VaultCredentials);
            }
        }
        assert!(read(kind, &file(&directory, b"secret", 0o644)).is_ok());
    }
}

#[test]
fn projected_tokens_are_links_that_change() {
    let directory = tempfile::tempdir().unwrap();
    for (data, content) in [("..1", "first"), ("..2", "second")] {
        std::fs::create_dir(directory.path().join(data)).unwrap();
        std::fs::write(directory.path().join(data).join("token"), content).unwrap();
    }
    let (link, current) = (directory.path().join("token"), directory.path().join("..data"));
    symlink("..1", &current).unwrap();
    symlink("..data/token", &link).unwrap();
    let source = Source::find(Kind::ServiceAccountToken, &SecretSource::File(link), &FixedEnv::default()).unwrap();
    assert_eq!(source.read(&|| false).unwrap().expose_secret(), "first");
    std::fs::remove_file(&current).unwrap();
    symlink("..2", &current).unwrap();
    assert_eq!(source.read(&|| false).unwrap().expose_secret(), "second");
}

#[test]
fn t23_a_secret_in_the_place_of_its_path_is_not_repeated() {
    let jwt = format!("eyJ{}.eyJ{}.pl4nted", "a".repeat(300), "b".repeat(300));
    for text in [
        "hvs.CAESIPl4nted",
        "s.pl4nted",
        "b.pl4nted",
        "hvb.pl4nted",
        "0a1b2c3d-pl4nted0-1234-1234-0123456789ab",
        "{\"token\":\"pl4nted\"}",
        &jwt,
    ] {
        for kind in KINDS {
            let error = read(kind, &SecretSource::File(text.into())).unwrap_err();
            let all = format!("{error} {error:?} {}", error.hint());
            assert!(!all.contains("l4nted") && all.contains(kind.name()), "{all}");
            assert!(error.hint().contains("path"), "{all}");
        }
    }
    for text in ["token", "./hvs.planted", "/no/such/0a1b2c3d-0000-1234-1234-0123456789ab", "my token"] {
        let error = read(Kind::Token, &SecretSource::File(text.into())).unwrap_err();
        assert!(error.message().contains(text), "{error}");
    }
}

#[test]
fn a_file_that_others_may_read_draws_a_warning_unless_it_is_projected() {
    let directory = tempfile::tempdir().unwrap();
    let warning = |kind, source: &SecretSource| {
        Source::find(kind, source, &FixedEnv::default()).unwrap().warning().map(str::to_owned)
    };
    for kind in KINDS {
        for mode in [0o644, 0o640, 0o604] {
            let warning = warning(kind, &file(&directory, b"secret", mode));
            match kind {
                Kind::ServiceAccountToken => assert_eq!(warning, None),
                _ => assert!(warning.unwrap().contains(kind.name())),
            }
        }
        assert_eq!(warning(kind, &file(&directory, b"secret", 0o600)), None);
        assert_eq!(warning(kind, &SecretSource::Value("secret".into())), None);
    }
    symlink("..1", directory.path().join("..data")).unwrap();
    assert_eq!(warning(Kind::IdentityToken, &file(&directory, b"secret", 0o644)), None);
}
