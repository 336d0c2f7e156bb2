//! Time and size.

use std::time::{Duration, Instant};

use modelseal_http::{ExposeSecret as _, HttpErrorKind, Method, SecretSlice, Sent};

use crate::support::{Server, Stream, answer, client, config, get, get_within, hold, read_request, takes, timed};

fn timeout(server: &Server, sent: Sent) {
    let error = takes(300, || server.client().send(get_within(300))).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Timeout, sent), "{error}");
    assert_eq!(error.to_string(), format!("no answer from {} in time", server.address));
}

#[test]
fn a_server_that_never_answers() {
    timeout(&Server::new(hold), Sent::Maybe);
}

#[test]
fn a_slow_drip_of_headers() {
    timeout(&Server::new(|stream| drip(stream, b"HTTP/1.1 200 OK\r\nX-Drip: ", b"x")), Sent::Maybe);
}

#[test]
fn a_slow_drip_of_a_body() {
    timeout(&Server::new(|stream| drip(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x")), Sent::Maybe);
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    timeout(&Server::new(|stream| drip(stream, chunks, b"1\r\nx\r\n")), Sent::Maybe);
}

#[test]
fn endless_interim_answers() {
    timeout(&Server::new(|stream| drip(stream, b"", b"HTTP/1.1 100 Continue\r\n\r\n")), Sent::Maybe);
}

fn drip(stream: &mut dyn Stream, head: &[u8], drop: &[u8]) {
    read_request(stream);
    stream.write_all(head).unwrap();
    while stream.write_all(drop).is_ok() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_server_that_does_not_read() {
    let server = Server::new(|_| std::thread::sleep(Duration::from_secs(2)));
    let body = SecretSlice::from(vec![b' '; 64 * 1024 * 1024]);
    let (result, took) = timed(|| {
        let mut request = get_within(300);
        request.method = Method::Post;
        request.body = Some(body);
        server.client().send(request)
    });
    assert_eq!(result.unwrap_err().kind(), &HttpErrorKind::Timeout);
    assert!(took < 1000, "{took} ms");
}

#[test]
fn a_deadline_that_has_passed() {
    let server = Server::answering(|_| answer(200, "", ""));
    let mut request = get();
    request.deadline = Instant::now();
    let error = server.client().send(request).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Timeout, Sent::No));
    assert_eq!(server.requests().len(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_does_not_come_about() {
    // A queue of one, which is full: the system drops what comes next.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 100);
    }
    drop(_guard);
    let url = format!("http://{address}");
    let expected = format!("no connection to {address} in time");

    let error = takes(300, || client(&url).send(get_within(300))).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Timeout, Sent::No));
    assert_eq!(error.to_string(), expected);

    let mut config = config(&url);
    config.connect_timeout = Duration::from_millis(200);
    let client = modelseal_http::Client::new(config).unwrap();
    let error = takes(200, || client.send(get())).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Timeout, Sent::No));
    assert_eq!(error.to_string(), expected);
}

fn too_large(server: &Server, most: usize) -> String {
    let mut request = get();
    request.max_answer = most;
    let (result, took) = timed(|| server.client().send(request));
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::TooLarge, Sent::Maybe), "{error}");
    assert!(took < 2000, "{took} ms");
    error.to_string()
}

#[test]
fn a_large_answer_is_refused_by_its_length_alone() {
    let server = Server::new(|stream| {
        read_request(stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n").unwrap();
        hold(stream);
    });
    let message = too_large(&server, 1024 * 1024);
    assert_eq!(message, format!("the body of {}'s answer is larger than 1048576 bytes", server.address));
}

#[test]
fn endless_answers_are_cut_at_the_cap() {
    for head in ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"] {
        let server = Server::new(move |stream| {
            read_request(stream);
            stream.write_all(head.as_bytes()).unwrap();
            let data = [b'1'; 0x1_0000];
            loop {
                let chunk = [b"10000\r\n", &data[..], b"\r\n"].concat();
                if stream.write_all(&chunk).is_err() {
                    return;
                }
            }
        });
        too_large(&server, 1024 * 1024);
        too_large(&server, 0);
    }
}

#[test]
fn the_cap_itself_is_allowed() {
    let server = Server::answering(|_| answer(200, "", &"x".repeat(1000)));
    let mut request = get();
    request.max_answer = 1000;
    assert_eq!(server.client().send(request).unwrap().body.expose_secret().len(), 1000);
    too_large(&server, 999);
}

#[test]
fn headers_are_bounded() {
    let many = Server::answering(|_| answer(200, &"x: y\r\n".repeat(70), ""));
    assert_eq!(too_large(&many, 10), format!("the headers of {}'s answer are too many or too large", many.address));
    let large = Server::answering(|_| answer(200, &format!("x: {}\r\n", "y".repeat(40_000)), ""));
    assert_eq!(too_large(&large, 10), format!("the header of {}'s answer is larger than 32768 bytes", large.address));
    let endless = Server::new(|stream| {
        read_request(stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ");
        while stream.write_all(&[b'y'; 4096]).is_ok() {}
    });
    too_large(&endless, 10);
}
