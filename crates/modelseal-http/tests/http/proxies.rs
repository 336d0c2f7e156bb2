//! Proxies: used when the caller says so, never otherwise.

use std::io::{self, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use modelseal_http::{Client, HttpErrorKind, Proxy, Roots, Sent};

use crate::support::tls::Authority;
use crate::support::{Seen, Server, answer, body, config, get, read_request};

/// A proxy: opens tunnels to `target` wherever they should lead, and answers forwarded requests itself.
struct Tunnels {
    url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

fn tunnels(target: &Server, answer: &'static str) -> Tunnels {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://planted-user:planted%40pass@{}", listener.local_addr().unwrap());
    let (target, seen) = (target.address, Arc::new(Mutex::new(Vec::new())));
    let requests = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut client = stream.unwrap();
            let Some(request) = read_request(&mut client) else { continue };
            requests.lock().unwrap().push(request);
            client.write_all(answer.as_bytes()).unwrap();
            if !answer.starts_with("HTTP/1.1 200 Tunnel") {
                continue;
            }
            let server = TcpStream::connect(target).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || {
                drop(io::copy(&mut from, &mut to));
                drop(to.shutdown(Shutdown::Both));
            });
            thread::spawn(move || drop(io::copy(&mut &server, &mut client)));
        }
    });
    Tunnels { url, seen }
}

const OPEN: &str = "HTTP/1.1 200 Tunnel\r\n\r\n";

fn through(proxy: &str, url: &str, authority: &Authority) -> Client {
    let mut config = config(url);
    config.proxy = Proxy::url(proxy).unwrap();
    config.tls.roots = Roots::Only(vec![authority.pem()]);
    Client::new(config).unwrap()
}

#[test]
fn https_goes_through_a_tunnel() {
    let authority = Authority::new("ca");
    let server = Server::answering_tls(authority.server(&["vault.example"]), |_| answer(200, "", "end to end"));
    let proxy = tunnels(&server, OPEN);
    let client = through(&proxy.url, "https://vault.example:8200", &authority);
    for _ in 0..3 {
        assert_eq!(body(&client.send(get()).unwrap()), "end to end");
    }
    let seen = proxy.seen.lock().unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].line, "CONNECT vault.example:8200 HTTP/1.1");
    // base64 of planted-user:planted@pass
    assert_eq!(seen[0].header("proxy-authorization"), Some("Basic cGxhbnRlZC11c2VyOnBsYW50ZWRAcGFzcw=="));
    assert_eq!(server.requests()[0].header("proxy-authorization"), None);
}

#[test]
fn plain_http_is_forwarded_by_a_proxy_on_this_machine() {
    let server = Server::answering(|_| answer(200, "", "direct"));
    let proxy = tunnels(&server, "HTTP/1.1 200 Forwarded\r\nContent-Length: 3\r\nConnection: close\r\n\r\nway");
    let client = through(&proxy.url, &server.url(), &Authority::new("ca"));
    assert_eq!(body(&client.send(get()).unwrap()), "way");
    assert_eq!(proxy.seen.lock().unwrap()[0].line, format!("GET {}/v1/x HTTP/1.1", server.url()));
    assert_eq!(server.connections(), 0);
}

#[test]
fn failures_name_the_proxy_and_no_credentials() {
    let authority = Authority::new("ca");
    let server = Server::answering_tls(authority.server(&["vault.example"]), |_| answer(200, "", ""));
    for (says, words) in [
        ("HTTP/1.1 407 Auth\r\n\r\n", "PROXY wants a user name and a password, or others than those given"),
        ("HTTP/1.1 403 No\r\n\r\n", "PROXY did not open a way to vault.example:443"),
        ("nonsense\r\n\r\n", "PROXY did not open a way to vault.example:443"),
        ("", "PROXY broke off before the way to vault.example:443 stood"),
    ] {
        let proxy = tunnels(&server, says);
        let error = through(&proxy.url, "https://vault.example", &authority).send(get()).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Connection, Sent::No), "{error}");
        let address = proxy.url.rsplit_once('@').unwrap().1;
        assert_eq!(error.to_string(), words.replace("PROXY", &format!("the proxy {address}")));
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://planted:planted@{gone}");
    let error = through(&url, "https://vault.example", &authority).send(get()).unwrap_err();
    assert_eq!(error.to_string(), format!("the proxy {gone} refused the connection"));
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Connection, Sent::No));
}

#[test]
fn the_servers_certificate_is_checked_through_the_tunnel() {
    let authority = Authority::new("ca");
    let server = Server::answering_tls(Authority::new("other").server(&["vault.example"]), |_| answer(200, "", ""));
    let proxy = tunnels(&server, OPEN);
    let error = through(&proxy.url, "https://vault.example", &authority).send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Tls, Sent::No));
    assert_eq!(error.to_string(), "the certificate of vault.example:443 is not from a trusted authority");
}

#[test]
fn a_proxy_with_tls_is_checked_too() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let proxy = Server::answering_tls(authority.server(&["127.0.0.1"]), |_| answer(403, "", ""));
    let url = format!("https://planted:planted@{}", proxy.address);
    let shown = format!("the proxy {}", proxy.address);
    let error = through(&url, "https://vault.example", &authority).send(get()).unwrap_err();
    assert_eq!(error.to_string(), format!("{shown} did not open a way to vault.example:443"));
    assert_eq!(proxy.requests()[0].line, "CONNECT vault.example:443 HTTP/1.1");
    let error = through(&url, "https://vault.example", &other).send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Tls, Sent::No));
    assert_eq!(error.to_string(), format!("the certificate of {shown} is not from a trusted authority"));

    let proxy = Server::answering_tls(authority.server(&["10.0.0.1"]), |_| answer(403, "", ""));
    let url = format!("https://{}", proxy.address);
    let error = through(&url, "https://vault.example", &authority).send(get()).unwrap_err();
    let shown = format!("the proxy {}", proxy.address);
    assert_eq!(error.to_string(), format!("the certificate of {shown} is not for the name 127.0.0.1"));
}

#[test]
fn a_proxy_whose_name_has_no_address() {
    let error = through("proxy.invalid:3128", "https://vault.example", &Authority::new("ca")).send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Dns, Sent::No));
    assert_eq!(error.to_string(), "no address is known for the proxy proxy.invalid");
}

#[test]
fn what_cannot_go_through_a_proxy_is_said() {
    let with = |url: &str, proxy: &str, name: Option<&str>| {
        let mut config = config(url);
        config.proxy = Proxy::url(proxy).unwrap();
        config.tls.server_name = name.map(str::to_owned);
        Client::new(config).unwrap_err()
    };
    let error = with("https://10.0.0.1", "http://planted@127.0.0.1:1", Some("vault.example"));
    assert_eq!(error.kind(), &HttpErrorKind::Config);
    assert_eq!(error.to_string(), "a TLS server name cannot be used together with a proxy");
    let error = with("unix:///run/x", "http://planted@127.0.0.1:1", None);
    assert_eq!(error.to_string(), "a socket cannot be reached through a proxy");
    // Local to whom? To the proxy, and everybody on the way there could read it.
    let error = with("http://127.0.0.1:1", "http://planted@proxy.example", None);
    assert_eq!(error.kind(), &HttpErrorKind::PlainHttp);
    assert_eq!(error.to_string(), "http://127.0.0.1:1 is plain HTTP through the proxy http://proxy.example");
}
