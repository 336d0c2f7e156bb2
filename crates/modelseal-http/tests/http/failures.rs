//! Kinds and words of failures, and whether the request may have been sent.

use std::net::TcpListener;

use modelseal_http::{HttpErrorKind, Sent};

use crate::support::{Server, client, get, hold, read_request};

fn saying(bytes: &'static [u8]) -> Server {
    Server::new(move |stream| {
        read_request(stream);
        stream.write_all(bytes).unwrap();
    })
}

fn fails(server: &Server, kind: &HttpErrorKind, words: &str) {
    let error = server.client().send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (kind, Sent::Maybe), "{error}");
    assert_eq!(error.to_string(), words.replace("SERVER", &server.address.to_string()));
}

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client(&format!("http://{address}")).send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Connection, Sent::No));
    assert_eq!(error.to_string(), format!("{address} refused the connection"));
}

#[test]
fn closed_before_the_answer() {
    let words = "SERVER closed the connection before its answer was complete";
    fails(&saying(b""), &HttpErrorKind::Connection, words);
    fails(&saying(b"HTTP/1.1 200 OK\r\nContent-Le"), &HttpErrorKind::Connection, words);
    fails(&Server::new(|_| ()), &HttpErrorKind::Connection, words);
}

#[test]
fn closed_within_the_answer() {
    let words = "SERVER closed the connection before its answer was complete";
    fails(&saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}"), &HttpErrorKind::Connection, words);
    fails(&saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"), &HttpErrorKind::Connection, words);
    fails(
        &saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
        &HttpErrorKind::Connection,
        words,
    );
}

#[test]
fn not_http() {
    let words = "the answer of SERVER is not HTTP";
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.6\r\n"[..],
        b"\x15\x03\x01\x00\x02\x02\x46",
        b"<html>no</html>\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: minus\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        fails(&saying(bytes), &HttpErrorKind::NotHttp, words);
    }
}

#[test]
fn html_of_a_gateway_is_an_answer() {
    let server = saying(b"HTTP/1.0 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>bad</html>");
    let response = server.client().send(get()).unwrap();
    assert_eq!((response.status, response.content_type.as_deref()), (502, Some("text/html")));
    assert_eq!(crate::support::body(&response), "<html>bad</html>");
}

#[test]
fn more_than_was_asked_for_is_not_the_next_answer() {
    let server = Server::new(|stream| {
        let seen = read_request(stream).unwrap();
        let one = crate::support::answer(200, "", &seen.line);
        stream.write_all(&[one, crate::support::answer(200, "", "smuggled")].concat()).unwrap();
        hold(stream);
    });
    let client = server.client();
    for _ in 0..3 {
        assert_eq!(crate::support::body(&client.send(get()).unwrap()), "GET /v1/x HTTP/1.1");
    }
    assert_eq!(server.connections(), 3);
}
