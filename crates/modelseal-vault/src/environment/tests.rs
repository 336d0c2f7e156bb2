//! Every variable, and every value that cannot be used.

mod steering;

use std::fs;
use std::path::PathBuf;

use modelseal_http::{FixedEnv, Proxy, Roots};

use super::*;

const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
/// Must appear in no message and no notice.
const SECRET: &str = "pl4nted";

fn resolve<const N: usize>(variables: [(&str, &str); N]) -> Result<Resolved> {
    with(&Settings::default(), variables)
}

fn with<const N: usize>(settings: &Settings, variables: [(&str, &str); N]) -> Result<Resolved> {
    Resolved::new(settings, &FixedEnv::from_iter(variables))
}

fn notes(resolved: &Resolved) -> String {
    resolved.notices.join("\n")
}

/// The refusal of one variable: its name is in the message, its value is not.
fn refused(name: &str, value: &str, code: Code) -> Error {
    refused_with(name, value, code, [])
}

fn refused_with<const N: usize>(name: &str, value: &str, code: Code, others: [(&str, &str); N]) -> Error {
    let mut variables = vec![(name, value)];
    variables.extend(others);
    let error = Resolved::new(&Settings::default(), &FixedEnv::from_iter(variables)).unwrap_err();
    assert_eq!(error.code(), code, "{name}={value}: {error}");
    assert!(error.message().contains(name), "{name}={value}: {error}");
    assert!(!format!("{error}{error:?}{}", error.hint()).contains(SECRET), "{name}={value}: {error}");
    error
}

#[test]
fn defaults() {
    let resolved = resolve([]).unwrap();
    assert_eq!(resolved.client.address.to_string(), "https://127.0.0.1:8200");
    assert!(resolved.default_address && !resolved.agent);
    assert_eq!((resolved.namespace, resolved.auth_namespace), (None, None));
    assert_eq!(resolved.transit_mount.as_str(), "transit");
    assert_eq!((resolved.timeout, resolved.retries), (Duration::from_secs(60), 2));
    assert!(matches!(resolved.client.tls.roots, Roots::System) && matches!(resolved.client.proxy, Proxy::None));
    assert!(!resolved.client.tls.danger_skip_verify && !resolved.client.danger_plain_http);
    assert_eq!(resolved.notices, ["address https://127.0.0.1:8200: the default"]);
}

#[test]
fn an_empty_variable_is_not_set() {
    let empty =
        ["BAO_ADDR", "VAULT_NAMESPACE", "VAULT_SKIP_VERIFY", "VAULT_CACERT", "VAULT_MAX_RETRIES", "HTTPS_PROXY"];
    let env = FixedEnv::from_iter(empty.into_iter().map(|name| (name, "")).chain([("VAULT_ADDR", "https://v:1")]));
    let resolved = Resolved::new(&Settings::default(), &env).unwrap();
    assert_eq!(resolved.notices, ["address https://v:1: VAULT_ADDR"]);
}

#[test]
fn which_address_wins() {
    let all = [
        ("MODELSEAL_VAULT_ADDR", "https://m:1"),
        ("BAO_AGENT_ADDR", "https://ba:1"),
        ("BAO_ADDR", "https://b:1"),
        ("VAULT_AGENT_ADDR", "https://va:1"),
        ("VAULT_ADDR", "https://v:1"),
    ];
    let settings = Settings { address: Some("https://flag:1".to_owned()), ..Settings::default() };
    let given = with(&settings, all).unwrap();
    assert_eq!(given.client.address.to_string(), "https://flag:1");
    assert!(!given.agent && !given.default_address);
    for (name, address) in all {
        let resolved = resolve([(name, address)]).unwrap();
        assert_eq!(resolved.notices, [format!("address {address}: {name}")]);
        assert_eq!(resolved.agent, name.contains("AGENT"), "{name}");
        assert!(!resolved.default_address);
    }
    // An agent stands in front of the server of its own family.
    for family in ["BAO", "VAULT"] {
        let (agent, server) = (format!("{family}_AGENT_ADDR"), format!("{family}_ADDR"));
        let resolved = resolve([(&agent, "https://agent:1"), (&server, "https://server:1")]).unwrap();
        assert_eq!(resolved.notices, [format!("address https://agent:1: {agent}")]);
    }
}

#[test]
fn addresses_that_cannot_be_used() {
    for name in ADDRESS.concat() {
        for bad in [
            "vault.example.com",
            "ftp://h",
            "https://u:pl4nted@h",
            "https://h?t=pl4nted",
            "unix://relative",
            "https://",
        ] {
            refused(name, bad, Code::UsageEnvironment);
        }
        let plain = refused(name, "http://vault.example.com:8200", Code::VaultPlainHttp);
        assert!(plain.message().contains("http://vault.example.com:8200"), "{plain}");
        for local in ["http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost:8100", "unix:///run/agent.sock"] {
            assert!(resolve([(name, local)]).is_ok(), "{local}");
        }
    }
    let mut settings = Settings { address: Some("https://u:pl4nted@h".to_owned()), ..Settings::default() };
    let error = with(&settings, []).unwrap_err();
    assert_eq!(error.code(), Code::VaultAddress);
    assert!(!error.to_string().contains(SECRET));
    settings.address = Some("http://vault.example.com".to_owned());
    assert_eq!(with(&settings, []).unwrap_err().code(), Code::VaultPlainHttp);
    settings.danger_plain_http = true;
    let resolved = with(&settings, []).unwrap();
    assert!(resolved.client.danger_plain_http && notes(&resolved).contains("plain HTTP to another machine"));
}

#[test]
fn namespaces() {
    let all = [("MODELSEAL_NAMESPACE", "m/x"), ("BAO_NAMESPACE", "/b/"), ("VAULT_NAMESPACE", "v/")];
    for (from, expected) in ["m/x", "b", "v"].into_iter().enumerate() {
        let resolved = resolve([all[from], ("UNRELATED", "x")]).unwrap();
        assert_eq!(resolved.namespace.as_ref().map(VaultPath::as_str), Some(expected));
        assert_eq!(resolved.auth_namespace, resolved.namespace);
        assert!(notes(&resolved).contains(&format!("namespace {expected}: {}", all[from].0)));
    }
    let mut settings = Settings { namespace: Some("flag".parse().unwrap()), ..Settings::default() };
    let resolved = with(&settings, [("VAULT_NAMESPACE", "v"), ("MODELSEAL_AUTH_NAMESPACE", "login")]).unwrap();
    assert_eq!(resolved.namespace.as_ref().map(VaultPath::as_str), Some("flag"));
    assert_eq!(resolved.auth_namespace.as_ref().map(VaultPath::as_str), Some("login"));
    assert!(notes(&resolved).contains("login: namespace login: MODELSEAL_AUTH_NAMESPACE"), "{}", notes(&resolved));
    settings.auth_namespace = Some("own".parse().unwrap());
    let resolved = with(&settings, [("MODELSEAL_AUTH_NAMESPACE", "login")]).unwrap();
    assert_eq!(resolved.auth_namespace.as_ref().map(VaultPath::as_str), Some("own"));
    for name in ["MODELSEAL_NAMESPACE", "BAO_NAMESPACE", "VAULT_NAMESPACE", "MODELSEAL_AUTH_NAMESPACE"] {
        for bad in ["..", "a//b", "a/../b", "a b", "a?b", "a%2f", "//", "/"] {
            refused(name, bad, Code::UsageEnvironment);
        }
    }
}

#[test]
fn timeouts_and_retries() {
    for name in TIMEOUT {
        let resolved = resolve([(name, "1m30s")]).unwrap();
        assert_eq!(resolved.timeout, Duration::from_secs(90));
        assert!(notes(&resolved).contains(&format!("timeout 90s: {name}")), "{}", notes(&resolved));
        for bad in ["0", "0s", "16m", "901", "-1s", "soon", "1d"] {
            refused(name, bad, Code::UsageEnvironment);
        }
    }
    let mut settings = Settings { timeout: Some(Duration::from_secs(900)), ..Settings::default() };
    assert_eq!(with(&settings, [("VAULT_CLIENT_TIMEOUT", "x")]).unwrap().timeout, Duration::from_secs(900));
    for bad in [Duration::ZERO, Duration::from_secs(901)] {
        settings.timeout = Some(bad);
        assert_eq!(with(&settings, []).unwrap_err().code(), Code::UsageArguments);
    }
    for name in RETRIES {
        assert_eq!(resolve([(name, "0")]).unwrap().retries, 0);
        assert_eq!(resolve([(name, "20")]).unwrap().retries, 20);
        for bad in ["21", "-1", "x", "2.0", "+2"] {
            refused(name, bad, Code::UsageEnvironment);
        }
    }
    assert_eq!(resolve([("BAO_MAX_RETRIES", "1"), ("VAULT_MAX_RETRIES", "x")]).unwrap().retries, 1);
}

#[test]
fn issue_cosign_1223_the_mount_that_other_tools_know() {
    for (text, mount) in [("team/transit", "team/transit"), ("/transit2/", "transit2")] {
        let resolved = resolve([("TRANSIT_SECRET_ENGINE_PATH", text)]).unwrap();
        assert_eq!(resolved.transit_mount.as_str(), mount);
    }
    for bad in ["../sys", "a b", "/"] {
        refused("TRANSIT_SECRET_ENGINE_PATH", bad, Code::UsageEnvironment);
    }
}

#[test]
fn t21_no_variable_switches_the_certificate_check_off() {
    for name in ["BAO_SKIP_VERIFY", "VAULT_SKIP_VERIFY"] {
        for text in ["1", "t", "T", "TRUE", "true", "True"] {
            let error = refused(name, text, Code::UsageEnvironment);
            assert!(error.hint().contains("--danger-skip-tls-verify"));
        }
        for text in ["0", "f", "F", "FALSE", "false", "False"] {
            assert!(!resolve([(name, text)]).unwrap().client.tls.danger_skip_verify);
        }
        for text in ["yes", "no", "off", "on", " ", "tRUE"] {
            refused(name, text, Code::UsageEnvironment);
        }
    }
    assert!(resolve([("BAO_SKIP_VERIFY", "0"), ("VAULT_SKIP_VERIFY", "1")]).is_ok());
    let settings = Settings { danger_skip_tls_verify: true, ..Settings::default() };
    for text in ["0", "1"] {
        let resolved = with(&settings, [("VAULT_SKIP_VERIFY", text)]).unwrap();
        assert!(resolved.client.tls.danger_skip_verify && notes(&resolved).contains("not checked"));
    }
    // Nor does one allow plain HTTP, or hold any other danger.
    for name in ["MODELSEAL_DANGER_PLAIN_HTTP", "VAULT_DANGER_PLAIN_HTTP"] {
        refused_with("VAULT_ADDR", "http://h", Code::VaultPlainHttp, [(name, "1")]);
    }
}

#[test]
fn what_is_not_honoured_is_said() {
    for name in NOT_HONOURED {
        assert!(notes(&resolve([(name, SECRET)]).unwrap()).contains(&format!("{name} is set, and not honoured")));
        assert!(!notes(&resolve([(name, SECRET)]).unwrap()).contains(SECRET));
    }
}

#[test]
fn correlation_ids_are_made_harmless() {
    let mut settings = Settings::default();
    for (text, expected) in [
        ("run-42/1:a.b_c", Some("run-42/1:a.b_c")),
        ("run 42\r\nx-vault-token: é", Some("run-42--x-vault-token:--")),
        ("", None),
    ] {
        settings.correlation_id = Some(text.to_owned());
        assert_eq!(with(&settings, []).unwrap().correlation_id.as_deref(), expected);
    }
    settings.correlation_id = Some("x".repeat(1000));
    assert_eq!(with(&settings, []).unwrap().correlation_id.unwrap().len(), 128);
}

struct Files {
    directory: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path: PathBuf = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }
}

fn only(resolved: &Resolved) -> Vec<String> {
    match &resolved.client.tls.roots {
        Roots::Only(texts) => texts.iter().map(|text| String::from_utf8(text.clone()).unwrap()).collect(),
        _ => panic!("system roots"),
    }
}

#[test]
fn which_authorities_win_and_replace_those_of_the_system() {
    let files = Files::new();
    let pem = |name: &str| format!("{name}\n{PEM}");
    let path = |name: &str| files.write(&format!("{name}.pem"), pem(name));
    files.write("dir/b.crt", pem("b"));
    files.write("dir/a.pem", pem("a"));
    files.write("dir/key.pem", "-----BEGIN PRIVATE KEY-----");
    files.write("dir/other.txt", pem("no"));
    let (m, b, v, dir, text) = (path("m"), path("bao"), path("vault"), files.path("dir"), pem("text"));
    let all: [(&str, &str, &[String]); 7] = [
        ("MODELSEAL_CA_CERT", &m, &[pem("m")]),
        ("BAO_CACERT", &b, &[pem("bao")]),
        ("BAO_CACERT_BYTES", &text, &[pem("text")]),
        ("BAO_CAPATH", &dir, &[pem("a"), pem("b")]),
        ("VAULT_CACERT", &v, &[pem("vault")]),
        ("VAULT_CACERT_BYTES", &text, &[pem("text")]),
        ("VAULT_CAPATH", &dir, &[pem("a"), pem("b")]),
    ];
    for from in 0..all.len() {
        let env = FixedEnv::from_iter(all[from..].iter().map(|(name, value, _)| (*name, *value)));
        let resolved = Resolved::new(&Settings::default(), &env).unwrap();
        let (name, _, expected) = all[from];
        assert_eq!(only(&resolved), expected, "{name}");
        assert!(notes(&resolved).contains(&format!("certificate authorities: {name}")));
        let settings = Settings { ca_cert: Some(path("flag").into()), ..Settings::default() };
        assert_eq!(only(&Resolved::new(&settings, &env).unwrap()), [pem("flag")]);
    }
}

#[test]
fn issue_vault_action_204_certificates_in_the_wrong_place_are_named() {
    use base64::Engine as _;
    let files = Files::new();
    let file = files.write("ca.pem", PEM);
    let directory = files.path("");
    let encoded = base64::engine::general_purpose::STANDARD.encode(PEM);
    let (head, tail) = encoded.split_at(20);
    let wrapped = format!("{head}\n{tail}\n");
    let cases = [
        ("CACERT", PEM, "VAULT_CACERT_BYTES"),
        ("CACERT", encoded.as_str(), "base64 -d"),
        ("CACERT", directory.as_str(), "VAULT_CAPATH"),
        ("CACERT_BYTES", file.as_str(), "VAULT_CACERT,"),
        ("CACERT_BYTES", "no path", "VAULT_CACERT,"),
        ("CACERT_BYTES", encoded.as_str(), "base64 -d"),
        ("CACERT_BYTES", wrapped.as_str(), "base64 -d"),
        ("CAPATH", PEM, "VAULT_CACERT_BYTES"),
        ("CAPATH", encoded.as_str(), "base64 -d"),
        ("CAPATH", file.as_str(), "VAULT_CACERT"),
    ];
    for (suffix, value, hint) in cases {
        for family in ["BAO", "VAULT"] {
            let error = refused(&format!("{family}_{suffix}"), value, Code::UsageEnvironment);
            assert!(error.hint().contains(hint), "{suffix}={value}: {}", error.hint());
        }
    }
    refused("VAULT_CACERT_BYTES", "-----BEGIN PRIVATE KEY-----\npl4nted", Code::UsageEnvironment);
    let mut settings = Settings::default();
    for wrong in [PEM, encoded.as_str()] {
        settings.ca_cert = Some(wrong.into());
        assert_eq!(with(&settings, []).unwrap_err().code(), Code::UsageArguments);
    }
    settings.ca_cert = Some(files.write("empty", "").into());
    assert_eq!(with(&settings, []).unwrap_err().code(), Code::UsageArguments);
}

#[test]
fn files_that_cannot_be_read() {
    let files = Files::new();
    let empty = files.write("empty", "not a certificate");
    let large = files.write("large", vec![b'x'; 1024 * 1024 + 1]);
    let missing = files.path("missing");
    let none = files.write("none/file.pem", "no certificate");
    let none = none.trim_end_matches("/file.pem");
    for name in ["MODELSEAL_CA_CERT", "BAO_CACERT", "VAULT_CACERT"] {
        refused(name, &empty, Code::UsageEnvironment);
        refused(name, &large, Code::InputLimit);
        refused(name, &missing, Code::InputNotFound);
    }
    for name in ["BAO_CAPATH", "VAULT_CAPATH"] {
        refused(name, none, Code::UsageEnvironment);
        refused(name, &missing, Code::InputNotFound);
    }
    let mut settings = Settings::default();
    for (path, code) in [(&large, Code::InputLimit), (&missing, Code::InputNotFound)] {
        settings.ca_cert = Some(path.into());
        assert_eq!(with(&settings, []).unwrap_err().code(), code);
    }
    settings.ca_cert = Some(files.path("").into());
    assert_eq!(with(&settings, []).unwrap_err().code(), Code::InputSpecialFile);
}

#[cfg(unix)]
#[test]
fn t09_a_fifo_does_not_hang() {
    let files = Files::new();
    let fifo = files.path("fifo.pem");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    refused("VAULT_CACERT", &fifo, Code::InputSpecialFile);
    refused("VAULT_CAPATH", &files.path(""), Code::InputSpecialFile);
    refused("VAULT_CACERT", "/dev/zero", Code::InputSpecialFile);
}

#[test]
fn client_certificates() {
    let files = Files::new();
    let certificate = files.write("c.pem", PEM);
    let key = files.write("k.pem", "-----BEGIN EC PRIVATE KEY-----\npl4nted");
    let locked = files.write("l.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\npl4nted");
    let resolved = resolve([("VAULT_CLIENT_CERT", &certificate), ("BAO_CLIENT_KEY", &key)]).unwrap();
    assert!(resolved.client.tls.identity.is_some());
    assert!(!format!("{resolved:?}").contains(SECRET));
    for family in ["BAO", "VAULT"] {
        let (certificate_name, key_name) = (format!("{family}_CLIENT_CERT"), format!("{family}_CLIENT_KEY"));
        refused(&certificate_name, &certificate, Code::UsageEnvironment);
        refused(&key_name, &key, Code::UsageEnvironment);
        let with_certificate = [(certificate_name.as_str(), certificate.as_str())];
        for bad in [locked.as_str(), certificate.as_str(), "-----BEGIN EC PRIVATE KEY-----\npl4nted"] {
            refused_with(&key_name, bad, Code::UsageEnvironment, with_certificate);
        }
        refused_with(&key_name, "/pl4nted", Code::InputNotFound, with_certificate);
        let with_key = [(key_name.as_str(), key.as_str())];
        refused_with(&certificate_name, &key, Code::UsageEnvironment, with_key);
        refused_with(&certificate_name, PEM, Code::UsageEnvironment, with_key);
        refused_with(&certificate_name, &files.path("missing"), Code::InputNotFound, with_key);
    }
}

#[test]
fn server_names() {
    for name in ["BAO_TLS_SERVER_NAME", "VAULT_TLS_SERVER_NAME"] {
        let resolved = resolve([(name, "vault.example.com")]).unwrap();
        assert_eq!(resolved.client.tls.server_name.as_deref(), Some("vault.example.com"));
        for bad in ["https://h", "a b", "a..b", "a\nb", ".", "h:8200", &"a".repeat(64)] {
            refused(name, bad, Code::UsageEnvironment);
        }
    }
}

#[test]
fn proxies() {
    let far = ("VAULT_ADDR", "https://vault.example.com:8200");
    let good = "http://u:pl4nted@proxy.example:3128";
    let names =
        ["BAO_PROXY_ADDR", "BAO_HTTP_PROXY", "VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY", "HTTPS_PROXY", "https_proxy"];
    for (at, name) in names.into_iter().enumerate() {
        let later = names[at..].iter().map(|name| (*name, if *name == names[at] { good } else { "http://other" }));
        let resolved = Resolved::new(&Settings::default(), &later.chain([far]).collect::<FixedEnv>()).unwrap();
        assert!(matches!(resolved.client.proxy, Proxy::Url(_)), "{name}");
        assert!(notes(&resolved).contains(&format!("proxy: {name}")), "{}", notes(&resolved));
        assert!(!format!("{}{:?}", notes(&resolved), resolved.client.proxy).contains(SECRET));
        assert!(matches!(resolve([(name, "proxy:3128"), far]).unwrap().client.proxy, Proxy::Url(_)));
        for bad in ["socks5://pl4nted", "http://", "http://u:pl4nted@", "http://pl4nted x", "http://pl4nted\n"] {
            refused_with(name, bad, Code::UsageEnvironment, [far]);
        }
        for local in ["https://127.0.0.1:8200", "http://localhost:8200", "unix:///s"] {
            let resolved = resolve([(name, good), ("VAULT_ADDR", local)]).unwrap();
            assert!(matches!(resolved.client.proxy, Proxy::None), "{name} for {local}");
        }
        for exclusions in ["NO_PROXY", "no_proxy"] {
            let resolved = resolve([(name, good), (exclusions, ".example.com"), far]).unwrap();
            let common = name.eq_ignore_ascii_case("https_proxy");
            assert_eq!(matches!(resolved.client.proxy, Proxy::None), common, "{name} {exclusions}");
            assert_eq!(notes(&resolved).contains(exclusions), common);
        }
    }
}

#[cfg(unix)]
#[test]
fn every_variable_must_be_text() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    let names = [
        &ADDRESS.concat()[..],
        &NAMESPACE.concat(),
        &AUTH_NAMESPACE.concat(),
        &TIMEOUT,
        &RETRIES,
        &TRANSIT_MOUNT,
        &["MODELSEAL_CA_CERT", "BAO_CACERT", "BAO_CACERT_BYTES", "BAO_CAPATH"],
        &["VAULT_CACERT", "VAULT_CACERT_BYTES", "VAULT_CAPATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY"],
        &["VAULT_TLS_SERVER_NAME", "VAULT_SKIP_VERIFY"],
    ];
    for name in names.concat() {
        let env = FixedEnv::from_iter([(name, OsString::from_vec(b"pl4nted\xff".to_vec()))]);
        let error = Resolved::new(&Settings::default(), &env).unwrap_err();
        assert_eq!(error.code(), Code::UsageEnvironment);
        assert!(error.message().contains(name) && !error.message().contains(SECRET), "{error}");
    }
}
