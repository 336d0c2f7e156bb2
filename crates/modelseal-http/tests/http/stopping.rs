//! Giving up, and the places that a request is sent from.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use modelseal_http::{Client, HttpErrorKind, RequestRecord, Sent};

use crate::support::tls::Authority;
use crate::support::{Server, answer, body, client, config, get, hold, read_request, takes};

/// A client that is told to stop after so many milliseconds, and the threads that it asked on.
fn stopping(url: &str, after: u64) -> (Client, Arc<Mutex<Vec<ThreadId>>>) {
    let threads = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&threads);
    let started = Instant::now();
    let mut config = config(url);
    config.tls.danger_skip_verify = true;
    config.hooks.stop = Arc::new(move || {
        asked.lock().unwrap().push(thread::current().id());
        started.elapsed() >= Duration::from_millis(after)
    });
    (Client::new(config).unwrap(), threads)
}

fn stops(url: &str, sent: Sent) {
    let (result, threads) = takes(200, || {
        let (client, threads) = stopping(url, 200);
        (client.send(get()), threads)
    });
    let error = result.unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Stopped, sent));
    let threads = threads.lock().unwrap();
    assert!((4..12).contains(&threads.len()), "asked {} times", threads.len());
    assert!(threads.iter().all(|id| *id == thread::current().id()));
}

#[test]
fn before_anything() {
    let server = Server::answering(|_| answer(200, "", ""));
    let (client, _) = stopping(&server.url(), 0);
    let error = client.send(get()).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Stopped, Sent::No));
    assert_eq!(server.connections(), 0);
}

#[test]
fn while_tls_is_set_up() {
    stops(&Server::new(hold).tls_url(), Sent::No);
}

#[test]
fn while_an_answer_is_awaited() {
    stops(&Server::new(hold).url(), Sent::Maybe);
    let authority = Authority::new("ca");
    stops(&Server::with_tls(authority.server(&["127.0.0.1"]), hold).tls_url(), Sent::Maybe);
}

#[test]
fn within_headers_and_body() {
    for head in ["HTTP/1.1 200 OK\r\nx: ", "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"] {
        let server = Server::new(move |stream| {
            read_request(stream);
            stream.write_all(head.as_bytes()).unwrap();
            while stream.write_all(b"x").is_ok() {
                thread::sleep(Duration::from_millis(5));
            }
        });
        stops(&server.url(), Sent::Maybe);
    }
}

#[test]
fn what_must_not_be_stopped_is_not() {
    let server = Server::answering(|_| answer(204, "", ""));
    let (client, threads) = stopping(&server.url(), 0);
    let mut request = get();
    request.stoppable = false;
    assert_eq!(client.send(request).unwrap().status, 204);
    assert_eq!(threads.lock().unwrap().len(), 0);
}

#[test]
fn waiting() {
    let result = takes(200, || stopping("http://localhost", 200).0.wait(Duration::MAX));
    assert_eq!(result.unwrap_err().kind(), &HttpErrorKind::Stopped);
    let client = client("http://localhost");
    takes(100, || client.wait(Duration::from_millis(100))).unwrap();
    client.wait(Duration::ZERO).unwrap();
}

#[test]
fn within_another_runtime() {
    let server = Server::answering(|_| answer(200, "", "inside"));
    for runtime in [
        tokio::runtime::Builder::new_current_thread().build().unwrap(),
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
    ] {
        runtime.block_on(async {
            let client = server.client();
            for _ in 0..3 {
                assert_eq!(body(&client.send(get()).unwrap()), "inside");
            }
            drop(client);
        });
    }
    assert_eq!(server.connections(), 2);
}

#[test]
fn stopped_within_another_runtime() {
    let server = Server::new(hold);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { stops(&server.url(), Sent::Maybe) });
}

#[test]
fn a_stop_hook_that_sends_requests_itself() {
    let server = Server::answering(|_| {
        thread::sleep(Duration::from_millis(100));
        answer(200, "", "nested")
    });
    let (inner, count) = (Arc::new(server.client()), Arc::new(AtomicUsize::new(0)));
    let mut config = config(&server.url());
    let (nested, counted) = (Arc::clone(&inner), Arc::clone(&count));
    config.hooks.stop = Arc::new(move || {
        if counted.fetch_add(1, Ordering::SeqCst) == 1 {
            assert_eq!(body(&nested.send(get()).unwrap()), "nested");
        }
        false
    });
    assert_eq!(body(&Client::new(config).unwrap().send(get()).unwrap()), "nested");
    assert!(count.load(Ordering::SeqCst) >= 2);
}

#[test]
fn many_threads() {
    let server = Server::answering(|seen| answer(200, "", &seen.line));
    let client = server.client();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(body(&client.send(get()).unwrap()), "GET /v1/x HTTP/1.1");
                }
            });
        }
    });
}

struct Revoker<'a>(&'a Client, &'a AtomicBool);

impl Drop for Revoker<'_> {
    fn drop(&mut self) {
        let mut request = get();
        request.stoppable = false;
        self.1.store(self.0.send(request).is_ok_and(|answer| answer.status == 204), Ordering::SeqCst);
    }
}

#[test]
fn while_a_panic_unwinds() {
    let server = Server::answering(|_| answer(204, "", ""));
    let client = server.client();
    let revoked = AtomicBool::new(false);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _revoker = Revoker(&client, &revoked);
        panic!("on purpose");
    }));
    assert!(panicked.is_err() && revoked.load(Ordering::SeqCst));

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    revoked.store(false, Ordering::SeqCst);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let _revoker = Revoker(&client, &revoked);
            panic!("on purpose");
        });
    }));
    assert!(panicked.is_err() && revoked.load(Ordering::SeqCst));
}

#[test]
fn a_hook_that_panics_leaves_the_client_usable() {
    let server = Server::answering(|_| answer(204, "", ""));
    let (mut config, calls) = (config(&server.url()), AtomicUsize::new(0));
    config.hooks.stop = Arc::new(move || {
        assert!(calls.fetch_add(1, Ordering::SeqCst) != 0, "on purpose");
        false
    });
    let client = Client::new(config).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| client.send(get()))).is_err());
    assert_eq!(client.send(get()).unwrap().status, 204);
}

#[test]
fn records_are_the_callers() {
    let server = Server::answering(|_| answer(204, "", ""));
    let records = Arc::new(Mutex::new(Vec::new()));
    let (mut config, told) = (config(&server.url()), Arc::clone(&records));
    config.hooks.record = Arc::new(move |record: &RequestRecord| told.lock().unwrap().push(record.to_string()));
    let client = Client::new(config).unwrap();
    client.send(get()).unwrap();
    assert!(records.lock().unwrap().is_empty());
    let took = Duration::from_millis(3);
    client.record(&RequestRecord::new(modelseal_http::Method::Get, "v1/x", Some(204), took, Some("ab-1")));
    assert_eq!(*records.lock().unwrap(), ["GET v1/x 204 3 ms id ab-1"]);
}

#[test]
fn a_client_outlives_the_thread_that_made_it() {
    let server = Server::answering(|_| answer(204, "", ""));
    let url = server.url();
    let client = thread::spawn(move || client(&url)).join().unwrap();
    assert_eq!(client.send(get()).unwrap().status, 204);
}
