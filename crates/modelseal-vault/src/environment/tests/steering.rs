//! Variables of an earlier step that would decide which server is trusted.

use super::*;

#[test]
fn t21_variables_that_name_different_servers_or_namespaces_are_refused() {
    let differ = |first: &str, second: &str, hint: &str| {
        let [one, other] = if hint == "--vault-addr" { ["https://h", "https://pl4nted"] } else { ["a", "pl4nted"] };
        let error = resolve([(first, one), (second, other)]).unwrap_err();
        assert_eq!(error.code(), Code::UsageEnvironment);
        assert!(error.message().contains(first) && error.message().contains(second), "{error}");
        assert!(error.hint().contains(hint) && error.hint().contains("unset"), "{}", error.hint());
        assert!(!format!("{error}{}", error.hint()).contains(SECRET), "{error}");
    };
    for (first, second) in [
        ("MODELSEAL_VAULT_ADDR", "BAO_ADDR"),
        ("MODELSEAL_VAULT_ADDR", "VAULT_ADDR"),
        ("MODELSEAL_VAULT_ADDR", "VAULT_AGENT_ADDR"),
        ("BAO_ADDR", "VAULT_ADDR"),
        ("BAO_AGENT_ADDR", "VAULT_ADDR"),
        ("BAO_ADDR", "VAULT_AGENT_ADDR"),
        ("BAO_AGENT_ADDR", "VAULT_AGENT_ADDR"),
    ] {
        differ(first, second, "--vault-addr");
        for same in ["https://H:443/", "https://h"] {
            assert!(resolve([(first, "https://h"), (second, same)]).is_ok(), "{first} {second} {same}");
        }
        refused_with(second, "https://u:pl4nted@h", Code::UsageEnvironment, [(first, "https://h")]);
    }
    for (first, second) in [
        ("MODELSEAL_NAMESPACE", "BAO_NAMESPACE"),
        ("MODELSEAL_NAMESPACE", "VAULT_NAMESPACE"),
        ("BAO_NAMESPACE", "VAULT_NAMESPACE"),
    ] {
        differ(first, second, "--namespace");
        assert!(resolve([(first, "a"), (second, "/a/")]).is_ok());
        let settings = Settings { namespace: Some("a".parse().unwrap()), ..Settings::default() };
        assert!(with(&settings, [(first, "a"), (second, "b")]).is_ok());
    }
    assert!(resolve([("BAO_NAMESPACE", "a"), ("MODELSEAL_AUTH_NAMESPACE", "b")]).is_ok());
}

#[test]
fn t21_no_variable_replaces_the_authorities_of_the_system_unseen() {
    let files = Files::new();
    let ca = files.write("ca.pem", PEM);
    for name in ["SSL_CERT_FILE", "SSL_CERT_DIR"] {
        let error = refused(name, "/pl4nted", Code::UsageEnvironment);
        assert!(error.hint().contains("--ca-cert") && error.hint().contains("VAULT_CACERT"), "{}", error.hint());
        let plain = ("VAULT_ADDR", "http://vault.example.com");
        let settings = Settings { danger_plain_http: true, ..Settings::default() };
        assert!(with(&settings, [(name, "/x"), plain]).is_ok());
        let proxy = ("VAULT_PROXY_ADDR", "https://proxy.example.com:3128");
        assert_eq!(with(&settings, [(name, "/x"), plain, proxy]).unwrap_err().code(), Code::UsageEnvironment);
        assert!(resolve([(name, ""), ("VAULT_ADDR", "https://h")]).is_ok());
        for local in ["http://127.0.0.1:8200", "unix:///s"] {
            assert!(resolve([(name, "/x"), ("VAULT_ADDR", local)]).is_ok(), "{local}");
        }
        assert!(resolve([(name, "/x"), ("VAULT_CACERT", &ca)]).is_ok());
        let settings = Settings { ca_cert: Some(ca.clone().into()), ..Settings::default() };
        assert!(with(&settings, [(name, "/x")]).is_ok());
        let settings = Settings { danger_skip_tls_verify: true, ..Settings::default() };
        assert!(with(&settings, [(name, "/x")]).is_ok());
    }
}
