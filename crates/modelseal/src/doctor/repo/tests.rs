use core::ops::ControlFlow;
use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use modelseal_core::{Event, Silent};

use super::*;
use crate::doctor::Status;

/// A text that nobody chose, the same at each run, made here so that this file holds none.
fn noise(length: usize) -> String {
    let alphabet: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    (0..length).map(|at| alphabet[(at * 37 + at * at * 11 + 5) % alphabet.len()]).collect()
}

fn base64url(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}

fn jwt() -> String {
    format!("{}.{}.{}", base64url(r#"{"alg":"RS256"}"#), base64url(r#"{"sub":"x"}"#), noise(40))
}

fn uuid() -> String {
    "0f1e2d3c".to_owned() + "-4b5a-6978-8796-a5b4c3d2e1f0"
}

fn pem(label: &str) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", noise(64))
}

/// Kinds by line, and that nothing of the text is repeated.
fn found(name: &str, text: &str) -> Vec<(usize, &'static str)> {
    let checks = search(name, text);
    for check in &checks {
        let all = format!("{check:?}");
        for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 12) {
            assert!(!all.contains(word), "{word} in {all}");
        }
        assert!(check.status == Status::Ok || (check.why.is_some() && check.fix.is_some()));
    }
    checks.iter().map(|check| (check.line.unwrap(), check.id)).collect()
}

#[track_caller]
fn kinds(name: &str, text: &str) -> Vec<String> {
    found(name, text);
    search(name, text).into_iter().map(|check| check.what).collect()
}

#[test]
fn every_kind_of_secret_is_found_and_never_shown() {
    let long = noise(40);
    let legacy: String = noise(80).chars().filter(char::is_ascii_alphanumeric).take(24).collect();
    for (name, text, kind) in [
        ("a.py", format!("t = 'hvs.{long}'"), Kind::VaultToken),
        ("a.py", format!("t = 'hvb.{long}'"), Kind::VaultToken),
        ("a.md", format!("hvr.{long}"), Kind::VaultToken),
        ("a.txt", format!("s.{legacy}"), Kind::LegacyVaultToken),
        ("a.txt", format!("\"b.{legacy}\""), Kind::LegacyVaultToken),
        ("a.txt", format!("s.{legacy}.nsid1"), Kind::LegacyVaultToken),
        ("a.sh", format!("ghp_{long}"), Kind::GitHubToken),
        ("a.sh", format!("x=gho_{long}"), Kind::GitHubToken),
        ("a.sh", format!("(ghs_{long})"), Kind::GitHubToken),
        ("a.sh", format!("github_pat_{long}"), Kind::GitHubToken),
        ("a.sh", format!("glpat-{long}"), Kind::GitLabToken),
        ("a.json", format!("{{\"t\":\"{}\"}}", jwt()), Kind::Jwt),
        ("a.sh", format!("export VAULT_{}=r00tr00t", "TOKEN"), Kind::TokenVariable),
        ("a.yml", format!("  BAO_{}: r00tr00t", "TOKEN"), Kind::TokenVariable),
        ("a.yml", format!("  \"VAULT_{}\": \"r00tr00t\"", "TOKEN"), Kind::TokenVariable),
        ("a.sh", format!("secret_id={}", uuid()), Kind::SecretId),
        ("a.json", format!("\"secret-id\": \"{}\"", uuid()), Kind::SecretId),
        ("a.sh", format!("SECRET_ID='{}'", uuid()), Kind::SecretId),
        ("k.pem", pem("PRIVATE KEY"), Kind::PrivateKey),
        ("k.pem", pem("RSA PRIVATE KEY"), Kind::PrivateKey),
        ("k.pem", pem("OPENSSH PRIVATE KEY"), Kind::PrivateKey),
        ("k.pem", pem("ENCRYPTED PRIVATE KEY"), Kind::PrivateKey),
        ("a.rs", pem("EC PRIVATE KEY").replace('\n', "\\n"), Kind::PrivateKey),
        (".env", "DB_PASSWORD=tr0ub4dor".to_owned(), Kind::DotEnv),
        ("deploy/.env.production", "export API_KEY='tr0ub4dor'".to_owned(), Kind::DotEnv),
        ("Dockerfile", "ENV NPM_TOKEN=tr0ub4dor".to_owned(), Kind::DockerVariable),
        ("x/Dockerfile.gpu", "ENV HF_TOKEN tr0ub4dor".to_owned(), Kind::DockerVariable),
        ("Containerfile", "ARG HF_TOKEN".to_owned(), Kind::DockerVariable),
    ] {
        assert_eq!(kinds(name, &text), [kind.what()], "{name} {kind:?}");
        let first = text.lines().next().unwrap();
        let allowed = text.replacen(first, &format!("{first} # {ALLOW}"), 1);
        let checks = search(name, &allowed);
        assert_eq!(
            checks.iter().map(|check| (check.id, check.status)).collect::<Vec<_>>(),
            [("repo-secret-allowed", Status::Ok)]
        );
    }
}

#[test]
fn a_key_is_allowed_on_the_line_before() {
    let text = format!("{ALLOW}: thrown away\n{}", pem("PRIVATE KEY"));
    assert_eq!(found("k.pem", &text), [(2, "repo-secret-allowed")]);
    assert_eq!(found("k.pem", &format!("{ALLOW}\n\n{}", pem("PRIVATE KEY"))), [(3, "repo-secret")]);
}

#[test]
fn what_only_looks_like_a_secret_is_not_found() {
    let variable = ["VAULT", "TOKEN"].join("_");
    for (name, text) in [
        ("a.md", "hvs. is how tokens begin; hvs.planted-token is short".to_owned()),
        ("a.md", format!("hvs.{}", "x".repeat(40))),
        ("a.rs", format!("s.{}()", "aB3".repeat(8))),
        ("a.rs", "s.some_function_with_a_long_name".to_owned()),
        ("a.rs", format!("words.{}", "aB3".repeat(8))),
        ("a.sh", "ghp_short".to_owned()),
        ("a.txt", format!("eyJ{}.{}.{}", noise(20), noise(20), noise(20))),
        ("a.sh", format!("{variable}=$(cat token)")),
        ("a.sh", format!("{variable}=$OTHER {variable}=\"${{OTHER}}\" {variable}=")),
        ("a.yml", format!("{variable}: ${{{{ secrets.X }}}}")),
        ("a.sh", format!("{variable}=<token> {variable}=xxxx {variable}=...")),
        ("a.sh", format!("{variable}=your-token")),
        ("a.py", format!("{variable} = os.environ['X']")),
        ("a.md", format!("set {variable}: the token of an operator")),
        ("a.sh", "secret_id=00000000-0000-0000-0000-000000000000".to_owned()),
        ("a.sh", format!("run_id={}", uuid())),
        ("a.rs", "\"-----BEGIN PRIVATE KEY-----\\nMAA=\\n-----END PRIVATE KEY-----\"".to_owned()),
        ("a.pem", pem("PUBLIC KEY")),
        (".env", "TOKEN_FILE=/run/token\n# TOKEN=tr0ub4dor\nPORT=8200\nTOKEN=".to_owned()),
        (".env.example", "API_TOKEN=your-token\nAPI_SECRET=changeme".to_owned()),
        ("Dockerfile", "ENV PATH=/usr/bin\nARG VERSION=1\nENV TOKEN_PATH=/run/token".to_owned()),
    ] {
        assert_eq!(kinds(name, &text), [""; 0], "{name} {text}");
    }
}

#[test]
fn manifests_of_secrets_are_found_by_their_kind() {
    let manifest = |kind: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: {kind}\nmetadata:\n  name: token\nstringData:\n  vault-token: {value}\n  port: \"1\"\n"
        )
    };
    assert_eq!(found("k.yaml", &manifest("Secret", "tr0ub4dor")), [(6, "repo-secret")]);
    assert_eq!(found("k.yaml", &manifest("Secret", "{{ .Values.token }}")), []);
    assert_eq!(found("k.yaml", &manifest("ConfigMap", "tr0ub4dor")), []);
    let two = format!("kind: ConfigMap\ndata:\n  token: tr0ub4dor\n---\n{}", manifest("Secret", "tr0ub4dor"));
    assert_eq!(found("k.yml", &two), [(10, "repo-secret")]);
}

#[test]
fn bad_advice_in_workflows_is_found() {
    let at = ".github/workflows/sign.yml";
    let pinned = format!("uses: actions/checkout@{}", "0a".repeat(20));
    let identity = "permissions:\n  id-token: write\n";
    for (text, expected) in [
        (format!("on: pull_request_target\n{identity}"), vec![(1, "workflow-pull-request-target")]),
        ("on: pull_request_target\n".to_owned(), vec![]),
        (format!("{identity}      - uses: actions/checkout@v4\n"), vec![(3, "workflow-unpinned-action")]),
        (format!("{identity}      - {pinned} # v4\n"), vec![]),
        ("- uses: actions/checkout@v4\n".to_owned(), vec![]),
        (format!("{identity}- uses: docker://alpine:3\n"), vec![(3, "workflow-unpinned-action")]),
        (format!("on: workflow_call\n{identity}- uses: ./sign\n"), vec![(4, "workflow-local-action")]),
        ("run: echo \"::add-mask::$T\"".to_owned(), vec![(1, "workflow-add-mask")]),
        ("run: echo \"JWT=$JWT\" >> $GITHUB_ENV".to_owned(), vec![(1, "workflow-token-exported")]),
        ("run: echo \"token=$T\" >> \"$GITHUB_OUTPUT\"".to_owned(), vec![(1, "workflow-token-exported")]),
        ("run: echo \"digest=$D\" >> \"$GITHUB_OUTPUT\"".to_owned(), vec![]),
        ("# echo ::add-mask::".to_owned(), vec![]),
        ("run: vault write -f transit/keys/models".to_owned(), vec![(1, "script-key-type")]),
        ("run: vault write transit/keys/models \\\n  type=ecdsa-p256".to_owned(), vec![]),
        ("run: vault write -f transit/keys/models/rotate".to_owned(), vec![]),
        (
            "run: bao write transit/keys/m type=ecdsa-p256 exportable=true".to_owned(),
            vec![(1, "script-key-exportable")],
        ),
        ("run: vault write auth/jwt/role/ci user_claim=repository".to_owned(), vec![(1, "script-user-claim")]),
    ] {
        assert_eq!(found(at, &text), expected, "{text}");
        assert_eq!(found("docs/a.md", &text), [], "{text}");
    }
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn examined(directory: &Path) -> Vec<Check> {
    let mut checks = Vec::new();
    examine(directory, &Silent, &mut checks).unwrap();
    checks
}

#[test]
fn files_that_are_no_text_or_lie_elsewhere_are_passed_over() {
    let secret = format!("hvs.{}", noise(40));
    let elsewhere = directory(&[("outside", &secret)]);
    let here = directory(&[("a/b.txt", &secret), ("large", ""), ("binary", &format!("\0{secret}"))]);
    fs::File::create(here.path().join("large")).unwrap().set_len(5 * 1024 * 1024 + 1).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(elsewhere.path().join("outside"), here.path().join("link")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(elsewhere.path(), here.path().join("links")).unwrap();
    let checks = examined(here.path());
    let ids: Vec<(&str, Option<&str>)> = checks.iter().map(|check| (check.id, check.file.as_deref())).collect();
    assert_eq!(ids, [("repo", None), ("repo-secret", Some("a/b.txt"))]);
    assert!(checks[0].what.contains("1 file over 5 MiB and 1 binary file passed over"), "{}", checks[0].what);
    assert_eq!(examined(&elsewhere.path().join("none"))[0].status, Status::Problem);
}

#[test]
fn models_without_a_signature_are_found() {
    let here = directory(&[
        ("a/model.safetensors", ""),
        ("a/b/more.gguf", ""),
        ("signed/model.sig", ""),
        ("signed/w/model.safetensors", ""),
        ("alone.gguf", ""),
        ("alone.gguf.sig", ""),
    ]);
    let checks = examined(here.path());
    let places: Vec<&str> = checks.iter().filter_map(|check| check.file.as_deref()).collect();
    assert_eq!(places, ["a", "a/b"]);
    assert!(checks[1..].iter().all(|check| (check.id, check.status) == ("repo-unsigned-model", Status::Warning)));
}

#[test]
fn t21_nothing_in_the_directory_says_what_is_not_searched_but_names_that_are_listed() {
    let secret = format!("hvs.{}", noise(40));
    let here = directory(&[
        ("tracked", &secret),
        ("ignored", &secret),
        (".env", "A_TOKEN=tr0ub4dor"),
        (".gitignore", "*\n"),
        (".git/config", &secret),
        ("a/.git", &secret),
        ("a/node_modules/b/c", &secret),
        ("target/x", &secret),
        ("b/target/x", &secret),
        (".venv/x", &secret),
        (".cache/x", &secret),
        ("targets/x", &secret),
    ]);
    let checks = examined(here.path());
    let files: Vec<&str> = checks.iter().filter_map(|check| check.file.as_deref()).collect();
    assert_eq!(files, [".env", "a/.git", "ignored", "targets/x", "tracked"]);
    let said = "directories not entered: .cache (1), .git (1), .venv (1), node_modules (1), target (2)";
    assert!(checks[0].what.ends_with(said), "{}", checks[0].what);
}

#[test]
fn a_search_that_ends_early_is_a_problem() {
    let secret = format!("hvs.{}", noise(40));
    let here = directory(&[("a/b/c/x", &secret), ("d", "text"), ("e", &secret)]);
    let within = |limits| {
        let mut checks = Vec::new();
        examine_within(here.path(), limits, &Silent, &mut checks).unwrap();
        let limit = checks.iter().find(|check| check.id == "repo-limit");
        if let Some(limit) = limit {
            assert_eq!((limit.status, limit.code), (Status::Problem, Some(Code::InputLimit)));
            assert!(limit.what.starts_with("the search ended early: ") && limit.why.is_some() && limit.fix.is_some());
        }
        let files: Vec<String> = checks.iter().filter_map(|check| check.file.clone()).collect();
        (files, limit.map(|limit| limit.what.clone()))
    };
    let all = Limits::default();
    assert_eq!(within(all), (vec!["a/b/c/x".to_owned(), "e".to_owned()], None));
    for (limits, files, what) in [
        (Limits { depth: 3, ..all }, vec!["a/b/c/x", "e"], ""),
        (Limits { depth: 2, ..all }, vec!["e"], "deeper than 2"),
        (Limits { entries: 6, ..all }, vec!["a/b/c/x", "e"], ""),
        (Limits { entries: 5, ..all }, vec!["e"], "more than 5 files"),
        (Limits { bytes: 92, ..all }, vec!["a/b/c/x", "e"], ""),
        (Limits { bytes: 91, ..all }, vec!["a/b/c/x"], "more than 91 bytes"),
    ] {
        let (found, limit) = within(limits);
        assert_eq!(found, files, "{limits:?}");
        assert!(limit.as_deref().map_or(what.is_empty(), |limit| limit.contains(what)), "{limits:?} {limit:?}");
        assert_eq!(limit.is_none(), what.is_empty(), "{limits:?}");
    }
}

/// Stops at the given question.
struct After(Cell<usize>);

impl Observer for After {
    fn event(&self, _: Event) -> ControlFlow<()> {
        match self.0.get().checked_sub(1) {
            Some(left) => {
                self.0.set(left);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    }
}

#[test]
fn a_stop_is_seen_while_a_directory_is_listed_and_between_files() {
    let here = directory(&[("a", ""), ("b", ""), ("c", "")]);
    // Three names, then each of them, then the end.
    for questions in 0..7 {
        let mut checks = Vec::new();
        let stopped = examine(here.path(), &After(Cell::new(questions)), &mut checks).unwrap_err();
        assert_eq!((stopped.code(), checks.len()), (Code::UsageInterrupted, 0), "{questions}");
    }
    examine(here.path(), &After(Cell::new(7)), &mut Vec::new()).unwrap();
}

#[test]
fn long_lines_do_not_take_forever() {
    let started = Instant::now();
    let variable = ["VAULT", "TOKEN"].join("_");
    for text in ["eyJ".repeat(200_000), "hvs.".repeat(200_000), format!("{variable}=xxxx=").repeat(40_000)] {
        assert_eq!(found("a.yml", &text), []);
    }
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

#[test]
fn findings_beyond_the_limit_are_counted_and_still_fail() {
    let allowed = format!("A_TOKEN=tr0ub4dor # {ALLOW}\n").repeat(MOST);
    let here = directory(&[("a.env", &allowed), ("b.env", "A_TOKEN=tr0ub4dor")]);
    let checks = examined(here.path());
    assert_eq!(checks.len(), 1 + MOST + 1);
    assert!(!checks[0].what.contains("no stored secret"), "{}", checks[0].what);
    let more = checks.last().unwrap();
    assert_eq!((more.id, more.status), ("repo-more", Status::Problem));
    assert!(more.what.contains("1 finding more"), "{}", more.what);
}

#[cfg(unix)]
#[test]
fn t11_hostile_names_stay_on_one_line_and_a_secret_in_a_name_is_not_repeated() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let secret = format!("hvs.{}", noise(40));
    let here = directory(&[("a\nok  repo\u{1b}[2J/x\u{202e}.gguf", ""), (&format!("{secret}/f"), &secret)]);
    fs::write(here.path().join(OsStr::from_bytes(b"no-utf8-\xff")), &secret).unwrap();
    let checks = examined(here.path());
    let all = format!("{checks:?}");
    assert!(!all.contains(&noise(40)), "{all}");
    let files: Vec<(&str, &str)> = checks[1..].iter().map(|check| (check.id, check.file.as_deref().unwrap())).collect();
    assert_eq!(
        files,
        [
            ("repo-unsigned-model", "a\\nok  repo\\u{1b}[2J"),
            ("repo-secret", "[a token of Vault or OpenBao]"),
            ("repo-secret", "[a token of Vault or OpenBao]/f"),
            ("repo-secret", "no-utf8-\u{fffd}"),
        ]
    );
    for check in &checks {
        let texts =
            [check.what.as_str(), check.fix.as_deref().unwrap_or_default(), check.file.as_deref().unwrap_or_default()];
        assert!(texts.iter().all(|text| !text.contains(['\n', '\u{1b}', '\u{202e}'])), "{check:?}");
    }
}
