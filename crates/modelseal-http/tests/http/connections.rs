//! What goes over the wire, and over how many connections.

use std::io::Write as _;
use std::net::{Ipv6Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use modelseal_http::{
    Address, Client, ClientConfig, ExposeSecret as _, Header, HttpErrorKind, Method, Query, Request, SecretSlice, Sent,
};

use crate::support::{Server, answer, body, client, config, get, get_within, hold, read_request, timed};

#[test]
fn several_requests_share_one_connection() {
    let server = Server::answering(|seen| answer(200, "", &seen.line));
    let client = server.client();
    for _ in 0..20 {
        assert_eq!(body(&client.send(get()).unwrap()), "GET /v1/x HTTP/1.1");
        let mut request = get();
        request.method = Method::Post;
        request.body = Some(SecretSlice::from(b"{}".to_vec()));
        assert_eq!(body(&client.send(request).unwrap()), "POST /v1/x HTTP/1.1");
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_connection_that_the_server_closed_is_not_used_again() {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()));
    let (closed, closing) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            read_request(&mut stream).unwrap();
            stream.write_all(&answer(200, "", "one")).unwrap();
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    for _ in 0..50 {
        assert_eq!(body(&client.send(get()).unwrap()), "one");
        closing.recv().unwrap();
    }
}

#[test]
fn an_answer_that_came_too_late_is_not_the_next_ones() {
    let server = Server::new(|stream| {
        while let Some(seen) = read_request(stream) {
            if seen.line.contains("slow") {
                std::thread::sleep(Duration::from_millis(200));
            }
            let _ = stream.write_all(&answer(200, "", &seen.line));
        }
    });
    let client = server.client();
    let mut slow = get_within(100);
    slow.path = "v1/slow";
    assert_eq!(client.send(slow).unwrap_err().kind(), &HttpErrorKind::Timeout);
    assert_eq!(body(&client.send(get()).unwrap()), "GET /v1/x HTTP/1.1");
    assert_eq!(server.connections(), 2);
}

#[test]
fn only_the_headers_that_are_needed_are_sent() {
    let server = Server::answering(|_| answer(200, "Set-Cookie: a=b\r\n", ""));
    let client = server.client();
    client.send(get()).unwrap();
    let mut request = get();
    request.method = Method::Post;
    request.body = Some(SecretSlice::from(b"{\"a\":1}".to_vec()));
    request.headers.push(Header::plain("x-one", "1"));
    request.headers.push(Header::secret("x-vault-token", "s.token".into()));
    client.send(request).unwrap();
    let seen = server.requests();
    let names = |index: usize| {
        let mut names: Vec<_> = seen[index].headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(0), ["accept", "host", "user-agent"]);
    assert_eq!(names(1), ["accept", "content-length", "content-type", "host", "user-agent", "x-one", "x-vault-token"]);
    assert_eq!(seen[1].header("content-type"), Some("application/json"));
    assert_eq!(seen[1].header("x-vault-token"), Some("s.token"));
    assert_eq!(seen[1].header("host"), Some(server.address.to_string().as_str()));
    assert!(seen[1].header("user-agent").unwrap().starts_with("modelseal/"));
    assert_eq!(seen[1].body, b"{\"a\":1}");
}

#[test]
fn the_callers_content_type_is_kept() {
    let server = Server::answering(|_| answer(204, "", ""));
    let mut request = get();
    request.method = Method::Post;
    request.body = Some(SecretSlice::from(b"a=b".to_vec()));
    request.headers.push(Header::plain("content-type", "application/x-www-form-urlencoded"));
    assert_eq!(server.client().send(request).unwrap().status, 204);
    let types: Vec<_> =
        server.requests()[0].headers.iter().filter(|(name, _)| name == "content-type").cloned().collect();
    assert_eq!(types, [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())]);
}

#[test]
fn answers_are_not_unpacked() {
    let server = Server::answering(|_| answer(200, "Content-Encoding: gzip\r\n", "\u{1f}not gzip"));
    assert_eq!(body(&server.client().send(get()).unwrap()), "\u{1f}not gzip");
}

#[test]
fn redirects_are_returned_and_nothing_is_sent_there() {
    let other = Server::answering(|_| answer(200, "", "other"));
    let target = format!("{}/v1/other", other.url());
    let location = format!("Location: {target}\r\n");
    for status in [301, 302, 303, 307, 308] {
        let location = location.clone();
        let server = Server::answering(move |_| answer(status, &location, ""));
        let mut request = get();
        request.headers.push(Header::secret("x-vault-token", "s.token".into()));
        let response = server.client().send(request).unwrap();
        assert_eq!((response.status, response.location.as_deref()), (status, Some(target.as_str())));
        assert_eq!(server.requests().len(), 1);
    }
    assert_eq!(other.connections(), 0);
}

#[test]
fn status_and_headers_are_told() {
    let server = Server::answering(|seen| {
        let retry = if seen.line.contains("date") { "Tue, 31 Dec 2999 23:59:59 GMT" } else { "7" };
        answer(429, &format!("Content-Type: application/json\r\nRetry-After: {retry}\r\n"), "{}")
    });
    let client = server.client();
    let response = client.send(get()).unwrap();
    assert_eq!(response.status, 429);
    assert_eq!(response.content_type.as_deref(), Some("application/json"));
    assert_eq!(response.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(response.location, None);
    let mut request = get();
    request.path = "v1/date";
    assert_eq!(client.send(request).unwrap().retry_after, Some(Duration::from_secs(3600)));
}

#[test]
fn a_prefix_goes_before_the_path() {
    let server = Server::answering(|_| answer(200, "", ""));
    for (prefix, expected) in
        [("", "/v1/x"), ("/", "/v1/x"), ("/vault", "/vault/v1/x"), ("/vault/", "/vault/v1/x"), ("/a/b/", "/a/b/v1/x")]
    {
        client(&format!("{}{prefix}", server.url())).send(get()).unwrap();
        assert_eq!(server.requests().last().unwrap().line, format!("GET {expected} HTTP/1.1"));
    }
}

#[test]
fn bad_paths_and_headers_are_refused_before_anything_is_sent() {
    let server = Server::answering(|_| answer(200, "", ""));
    let client = server.client();
    let refused = |request| {
        let error = client.send(request).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Config, Sent::No));
        error.to_string()
    };
    for path in ["", "/v1/x", "v1/x?a=b", "v1/../x", "v1/x y"] {
        let mut request = get();
        request.path = path;
        refused(request);
    }
    for value in ["planted\n", "planted\r\nx: y", "plänted", "planted\t", "planted\0", "planted\u{7f}"] {
        let mut request = get();
        request.headers.push(Header::secret("x-vault-token", value.into()));
        let message = refused(request);
        assert!(message.contains("x-vault-token") && !message.contains("pl"), "{message}");
        let mut request = get();
        request.headers.push(Header::plain("x-one", value));
        assert!(refused(request).contains("x-one"));
    }
    for name in ["host", "content-length", "transfer-encoding", "connection", "", "a b", "x\n"] {
        let mut request = get();
        request.headers.push(Header::plain(name, "1"));
        refused(request);
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn loopback_by_name_and_by_number() {
    let server = Server::answering(|_| answer(200, "", "four"));
    let port = server.address.port();
    for host in ["localhost", "LOCALHOST", "127.0.0.1"] {
        assert_eq!(body(&client(&format!("http://{host}:{port}")).send(get()).unwrap()), "four");
    }
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let server = Server::answering_on(listener, None, |_| answer(200, "", "six"));
    let port = server.address.port();
    for host in ["localhost", "[::1]"] {
        assert_eq!(body(&client(&format!("http://{host}:{port}")).send(get()).unwrap()), "six", "{host}");
    }
}

#[test]
fn plain_http_to_others_is_refused() {
    for address in [
        "http://vault.example",
        "http://10.0.0.1:8200",
        "http://[2001:db8::1]",
        "http://localhost.example",
        "http://0.0.0.0",
        "http://localhost.",
    ] {
        let error = Client::new(config(address)).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::PlainHttp, Sent::No), "{address}");
        let mut config = config(address);
        config.danger_plain_http = true;
        Client::new(config).unwrap();
    }
    for address in ["http://127.0.0.1:1", "http://127.1.2.3", "http://localhost", "http://[::1]", "unix:///run/x"] {
        client(address);
    }
}

#[cfg(unix)]
#[test]
fn sockets() {
    use std::os::unix::net::UnixListener;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = Vec::new();
        while let Some(seen) = read_request(&mut stream) {
            lines.push((seen.line.clone(), seen.header("host").unwrap().to_owned()));
            stream.write_all(&answer(200, "", "socket")).unwrap();
        }
        lines
    });
    let url = format!("unix://{}", path.display());
    let client = client(&url);
    for _ in 0..3 {
        assert_eq!(body(&client.send(get()).unwrap()), "socket");
    }
    drop(client);
    let expected = ("GET /v1/x HTTP/1.1".to_owned(), "localhost".to_owned());
    assert_eq!(thread.join().unwrap(), vec![expected; 3]);

    let missing = crate::support::client("unix:///nowhere/agent.sock").send(get()).unwrap_err();
    assert_eq!((missing.kind(), missing.sent()), (&HttpErrorKind::Connection, Sent::No));
    assert_eq!(missing.to_string(), "the socket /nowhere/agent.sock is not there");
}

#[test]
fn clients_are_cheap_where_there_is_no_tls() {
    let server = Server::answering(|_| answer(200, "", ""));
    let url = server.url();
    client(&url);
    let (_, took) = timed(|| {
        for _ in 0..1000 {
            client(&url);
        }
    });
    assert!(took < 3000, "1000 clients took {took} ms");
    let (_, took) = timed(|| {
        for _ in 0..200 {
            client(&url).send(get()).unwrap();
        }
    });
    assert!(took < 5000, "200 exchanges took {took} ms");
}

#[test]
fn dropping_a_client_closes_its_connection() {
    static OPEN: AtomicUsize = AtomicUsize::new(0);
    let server = Server::new(|stream| {
        OPEN.fetch_add(1, Ordering::SeqCst);
        read_request(stream);
        stream.write_all(&answer(200, "", "")).unwrap();
        hold(stream);
        OPEN.fetch_sub(1, Ordering::SeqCst);
    });
    let client = server.client();
    client.send(get()).unwrap();
    assert_eq!(OPEN.load(Ordering::SeqCst), 1);
    drop(client);
    let (_, took) = timed(|| while OPEN.load(Ordering::SeqCst) != 0 {});
    assert!(took < 1000);
}

#[test]
fn addresses() {
    for (text, shown) in [
        ("https://vault.example", "https://vault.example"),
        ("https://vault.example:8200/", "https://vault.example:8200"),
        ("https://vault.example/prefix/", "https://vault.example/prefix"),
        ("unix:///run/agent.sock", "unix:///run/agent.sock"),
    ] {
        let address = Address::parse(text).unwrap();
        assert_eq!((address.to_string(), format!("{address:?}")), (shown.to_owned(), shown.to_owned()));
    }
    let long = format!("https://{}", "a".repeat(3000));
    for text in [
        "",
        "vault.example",
        "vault.example:8200",
        "ftp://h",
        "https://",
        "https:///planted",
        "https:/planted",
        "https:planted",
        "https://h/a/../b",
        "https://h/%2e%2e/b",
        "https://h/./b",
        "https://h/\"b",
        "https://planted@h",
        "https://u:planted@h",
        "https://h?planted",
        "https://h#planted",
        "unix://agent.sock",
        "unix://",
        "https://h\n",
        "https://h h",
        "https:\\\\h",
        "https://h\t/x",
        "https://hü",
        "https://h:99999",
        "file:///x",
        "data:planted",
        &long,
    ] {
        let error = Address::parse(text).unwrap_err();
        assert_eq!(error.kind(), &HttpErrorKind::Config, "{text}");
        assert!(!error.to_string().contains("planted"));
    }
    let mut config = ClientConfig::new(Address::parse("http://localhost").unwrap());
    config.user_agent = "a\nb".to_owned();
    assert_eq!(Client::new(config).unwrap_err().to_string(), "the user agent must be printable ASCII");
}

#[test]
fn an_empty_answer_is_an_answer() {
    let server = Server::answering(|_| b"HTTP/1.1 204 No Content\r\nContent-Type: application/json\r\n\r\n".to_vec());
    let client = server.client();
    for _ in 0..3 {
        let response = client.send(get()).unwrap();
        assert_eq!((response.status, response.body.expose_secret()), (204, &[][..]));
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_request_to_the_address_itself_keeps_its_path_and_takes_a_query() {
    let server = Server::answering(|_| answer(200, "", ""));
    let address = Address::parse(&format!("http://{}/41//idtoken/a", server.address)).unwrap();
    let client = Client::new(ClientConfig::new(address)).unwrap();
    let mut request = Request::to_address(Method::Get);
    request.query = Query::parse("api-version=2.0").unwrap().with("audience", "https://a.example");
    client.send(request).unwrap();
    let expected = "GET /41//idtoken/a?api-version=2.0&audience=https%3A%2F%2Fa.example HTTP/1.1";
    assert_eq!(server.seen.lock().unwrap()[0].line, expected);
}
