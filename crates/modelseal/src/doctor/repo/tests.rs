use std::fs;

use modelseal_core::Silent;
use modelseal_vault::FixedEnv;

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

fn examined(directory: &Path, env: &FixedEnv) -> Vec<Check> {
    let mut checks = Vec::new();
    examine(directory, env, &Silent, &mut checks).unwrap();
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
    let checks = examined(here.path(), &FixedEnv::default());
    let ids: Vec<(&str, Option<&str>)> = checks.iter().map(|check| (check.id, check.file.as_deref())).collect();
    assert_eq!(ids, [("repo", None), ("repo-secret", Some("a/b.txt"))]);
    assert!(checks[0].what.contains("1 file over 5 MiB and 1 binary file passed over"), "{}", checks[0].what);
    assert!(checks[0].what.contains("git does not know"), "{}", checks[0].what);
    assert_eq!(examined(&elsewhere.path().join("none"), &FixedEnv::default())[0].status, Status::Problem);
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
    let checks = examined(here.path(), &FixedEnv::default());
    let places: Vec<&str> = checks.iter().filter_map(|check| check.file.as_deref()).collect();
    assert_eq!(places, ["a", "a/b"]);
    assert!(checks[1..].iter().all(|check| (check.id, check.status) == ("repo-unsigned-model", Status::Warning)));
}

#[cfg(unix)]
#[test]
fn t21_git_says_which_files_there_are_and_starts_nothing_of_the_repository() {
    let Some(path) = std::env::var_os("PATH") else { return };
    let env: FixedEnv = [("PATH", path.to_str().unwrap())].into_iter().collect();
    let secret = format!("hvs.{}", noise(40));
    let here = directory(&[
        ("tracked", &secret),
        ("new", &secret),
        ("ignored", &secret),
        (".env", "A_TOKEN=tr0ub4dor"),
        (".gitignore", "ignored\n.env\n"),
        ("evil.sh", "#!/bin/sh\ntouch started\n"),
    ]);
    let git = |arguments: &[&str]| {
        let ran = std::process::Command::new("git").args(arguments).current_dir(here.path()).output();
        ran.is_ok_and(|output| output.status.success())
    };
    if !git(&["init", "-q"]) {
        return;
    }
    assert!(git(&["add", "tracked", ".gitignore"]));
    use std::os::unix::fs::PermissionsExt as _;
    let evil = here.path().join("evil.sh");
    fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(git(&["config", "core.fsmonitor", evil.to_str().unwrap()]));
    let checks = examined(here.path(), &env);
    let files: Vec<&str> = checks.iter().filter_map(|check| check.file.as_deref()).collect();
    assert_eq!(files, [".env", "new", "tracked"]);
    assert_eq!(checks[0].details, [".env is ignored by git, and searched all the same"]);
    assert!(!here.path().join("started").exists());
}
