//! Who is trusted, and what is said when somebody is not.

use modelseal_http::{
    Client, ClientConfig, ClientIdentity, ExposeSecret as _, HttpErrorKind, Roots, SecretSlice, Sent,
};
use rcgen::{BasicConstraints, IsCa, date_time_ymd};
use rustls::version::{TLS12, TLS13};

use crate::support::tls::{Authority, Pair};
use crate::support::{Server, answer, body, config, get, get_within, hold, takes};

fn trusting(url: &str, authority: &Authority) -> ClientConfig {
    let mut config = config(url);
    config.tls.roots = Roots::Only(vec![authority.pem()]);
    config
}

fn showing(pair: &Pair) -> Option<ClientIdentity> {
    Some(ClientIdentity::new(pair.certificate.clone().into_bytes(), SecretSlice::from(pair.key.clone().into_bytes())))
}

fn hello(server: rustls::ServerConfig) -> Server {
    Server::answering_tls(server, |seen| answer(200, "", seen.header("host").unwrap()))
}

fn refusal(config: ClientConfig) -> String {
    let error = Client::new(config).unwrap().send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Tls, Sent::No), "{error}");
    error.to_string()
}

fn unusable(config: ClientConfig) -> String {
    let error = Client::new(config).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Config, Sent::No), "{error}");
    error.to_string()
}

#[test]
fn both_versions_and_one_connection() {
    let authority = Authority::new("ca");
    for version in [&TLS12, &TLS13] {
        let server = hello(authority.issue(&["127.0.0.1"], |_| ()).server_of(version));
        let client = Client::new(trusting(&server.tls_url(), &authority)).unwrap();
        for _ in 0..5 {
            assert_eq!(body(&client.send(get()).unwrap()), server.address.to_string());
        }
        assert_eq!(server.connections(), 1);
    }
}

#[test]
fn one_of_several_authorities() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let server = hello(authority.server(&["127.0.0.1"]));
    let mut config = config(&server.tls_url());
    config.tls.roots = Roots::Only(vec![[other.pem(), authority.pem()].concat()]);
    Client::new(config.clone()).unwrap().send(get()).unwrap();
    config.tls.roots = Roots::Only(vec![other.pem(), authority.pem()]);
    Client::new(config).unwrap().send(get()).unwrap();
}

#[test]
fn certificates_that_are_refused() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let expired = authority.issue(&["127.0.0.1"], |params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = authority.issue(&["127.0.0.1"], |params| params.not_before = date_time_ymd(2090, 1, 1));
    let ca = authority.issue(&["127.0.0.1"], |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    for (server, words) in [
        (other.server(&["127.0.0.1"]), "is not from a trusted authority"),
        (authority.server(&["vault.example", "10.0.0.1"]), "is not for the name 127.0.0.1"),
        (expired.server(), "has expired"),
        (early.server(), "is not valid yet: is the clock right?"),
        (ca.server(), "is that of an authority, not of a server"),
        (authority.client_pair().server(), "is not for servers"),
    ] {
        let server = hello(server);
        let expected = format!("the certificate of {} {words}", server.address);
        let mut config = trusting(&server.tls_url(), &authority);
        assert_eq!(refusal(config.clone()), expected);
        assert!(server.requests().is_empty());
        config.tls.danger_skip_verify = true;
        Client::new(config).unwrap().send(get()).unwrap();
    }
}

#[test]
fn the_systems_authorities_do_not_vouch_for_ours() {
    let server = hello(Authority::new("ca").server(&["127.0.0.1"]));
    let mut config = config(&server.tls_url());
    let expected = format!("the certificate of {} is not from a trusted authority", server.address);
    assert_eq!(refusal(config.clone()), expected);
    config.tls.danger_skip_verify = true;
    Client::new(config).unwrap().send(get()).unwrap();
}

#[test]
fn what_is_not_tls() {
    let plain = Server::new(|stream| {
        drop(stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        hold(stream);
    });
    let authority = Authority::new("ca");
    let expected = format!("{} does not speak TLS: is its address http://?", plain.address);
    assert_eq!(refusal(trusting(&plain.tls_url(), &authority)), expected);

    let old = Server::new(|stream| {
        drop(stream.write_all(b"\x15\x03\x01\x00\x02\x02\x46"));
        hold(stream);
    });
    let expected = format!("{} speaks neither TLS 1.2 nor 1.3", old.address);
    assert_eq!(refusal(trusting(&old.tls_url(), &authority)), expected);

    let closing = Server::new(|_| ());
    let error = Client::new(trusting(&closing.tls_url(), &authority)).unwrap().send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Connection, Sent::No));
    assert_eq!(error.to_string(), format!("{} closed the connection before it stood", closing.address));

    let silent = Server::new(hold);
    let client = Client::new(trusting(&silent.tls_url(), &authority)).unwrap();
    let error = takes(300, || client.send(get_within(300))).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Timeout, Sent::No));
    assert_eq!(error.to_string(), format!("no connection to {} in time", silent.address));
}

#[test]
fn a_cut_connection_is_not_the_end_of_an_answer() {
    let authority = Authority::new("ca");
    let server = Server::with_tls(authority.server(&["127.0.0.1"]), |stream| {
        crate::support::read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"half\":").unwrap();
    });
    let error = Client::new(trusting(&server.tls_url(), &authority)).unwrap().send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Connection, Sent::Maybe));
}

#[test]
fn client_certificates() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    for (version, sent) in [(&TLS12, Sent::No), (&TLS13, Sent::Maybe)] {
        let server = hello(authority.issue(&["127.0.0.1"], |_| ()).server_for_clients_of(&authority, version));
        let mut config = trusting(&server.tls_url(), &authority);
        let refused = |config: &ClientConfig| {
            let error = Client::new(config.clone()).unwrap().send(get()).unwrap_err();
            assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Tls, sent), "{error}");
            error.to_string()
        };
        let message = refused(&config);
        assert!(
            message == format!("{} wants a client certificate", server.address)
                || message == format!("{} refuses TLS with alert 40", server.address),
            "{message}"
        );
        config.tls.identity = showing(&other.client_pair());
        assert_eq!(refused(&config), format!("{} refuses the client certificate", server.address));
        config.tls.identity = showing(&authority.client_pair());
        assert_eq!(Client::new(config).unwrap().send(get()).unwrap().status, 200);
    }
}

#[test]
fn identities_are_checked_before_they_are_used() {
    let authority = Authority::new("ca");
    let (pair, other) = (authority.client_pair(), authority.client_pair());
    let with = |certificate: &str, key: &str| {
        let mut config = trusting("https://vault.example", &authority);
        config.tls.identity =
            Some(ClientIdentity::new(certificate.as_bytes().to_vec(), SecretSlice::from(key.as_bytes().to_vec())));
        config
    };
    Client::new(with(&pair.certificate, &pair.key)).unwrap();
    let both = format!("{}{}", pair.key, pair.certificate);
    Client::new(with(&both, &both)).unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let wrong_key = "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n";
    for (certificate, key, words) in [
        ("", pair.key.as_str(), "the client certificate is empty"),
        (&pair.key, &pair.key, "the client certificate holds no PEM certificate"),
        (garbage, &pair.key, "the client certificate cannot be read"),
        (&pair.certificate, "", "the client key is not a PEM private key"),
        (&pair.certificate, &pair.certificate, "the client key is not a PEM private key"),
        (&pair.certificate, encrypted, "the client key is encrypted: decrypt it first"),
        (&pair.certificate, wrong_key, "the client key cannot be used"),
        (&pair.certificate, &other.key, "the client key does not belong to the client certificate"),
    ] {
        assert_eq!(unusable(with(certificate, key)), words);
    }
}

#[test]
fn authorities_are_checked_before_they_are_used() {
    let with = |texts: Vec<&str>| {
        let mut config = config("https://vault.example");
        config.tls.roots = Roots::Only(texts.into_iter().map(|text| text.as_bytes().to_vec()).collect());
        config
    };
    let key = Authority::new("ca").client_pair().key;
    let pem = String::from_utf8(Authority::new("ca").pem()).unwrap();
    let bad = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    for (texts, words) in [
        (vec![], "the list of certificate authorities is empty"),
        (vec![""], "the file of certificate authorities is empty"),
        (vec![" \n"], "the file of certificate authorities is empty"),
        (vec![pem.as_str(), "no PEM"], "the file of certificate authorities holds no PEM certificate"),
        (vec![key.as_str()], "the file of certificate authorities holds no PEM certificate"),
        (vec!["-----BEGIN CERTIFICATE-----\nMAA"], "the file of certificate authorities is not PEM"),
        (vec![bad], "a certificate of the certificate authorities cannot be read"),
    ] {
        assert_eq!(unusable(with(texts.clone())), words);
        // Bad settings are bad settings, also where they would not be used.
        let mut config = with(texts);
        config.tls.danger_skip_verify = true;
        assert_eq!(unusable(config), words);
    }
}

#[test]
fn another_server_name() {
    let authority = Authority::new("ca");
    let server = hello(authority.server(&["vault.internal"]));
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost"] {
        let mut config = trusting(&format!("https://{host}:{port}"), &authority);
        config.tls.server_name = Some("vault.internal".to_owned());
        let response = Client::new(config.clone()).unwrap().send(get()).unwrap();
        // The server is told the host of the address, as ever.
        assert_eq!(response.body.expose_secret(), format!("{host}:{port}").as_bytes());
        config.tls.server_name = Some("other.internal".to_owned());
        let expected = format!("the certificate of {host}:{port} is not for the name other.internal");
        assert_eq!(refusal(config.clone()), expected);
        // An address in its place would be connected to.
        for name in ["10.0.0.1", "::1", "", "a b", "a/b", "a:1", "a@b", "ä"] {
            config.tls.server_name = Some(name.to_owned());
            assert_eq!(unusable(config.clone()), "the TLS server name must be a host name", "{name}");
        }
    }
}
