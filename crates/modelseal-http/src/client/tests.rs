//! With a name service of our own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::Method;

fn get(milliseconds: u64) -> Request<'static> {
    let mut request = Request::new(Method::Get, "v1/x");
    request.deadline = Instant::now() + Duration::from_millis(milliseconds);
    request
}

fn config(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new(Address::parse(address).unwrap());
    config.tls.danger_skip_verify = true;
    config
}

#[test]
fn clients_go_from_thread_to_thread() {
    fn check<T: Send + Sync>() {}
    check::<Client>();
    check::<ClientConfig>();
    check::<HttpError>();
}

fn slow() -> Lookup {
    Arc::new(|_| {
        std::thread::sleep(Duration::from_millis(1500));
        Ok(Vec::new())
    })
}

#[test]
fn a_slow_name_service_keeps_neither_deadline_nor_stop_nor_drop() {
    let started = Instant::now();
    let client = Client::with_lookup(config("https://vault.example"), slow()).unwrap();
    let error = client.send(get(200)).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Timeout, Sent::No));
    assert_eq!(error.to_string(), "no connection to vault.example:443 in time");
    drop(client);

    let mut config = config("https://vault.example");
    let asked = AtomicUsize::new(0);
    config.hooks.stop = Arc::new(move || asked.fetch_add(1, Ordering::SeqCst) == 4);
    let client = Client::with_lookup(config, slow()).unwrap();
    let error = client.send(get(5000)).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Stopped, Sent::No));
    drop(client);
    assert!(started.elapsed() < Duration::from_millis(1200), "{:?}", started.elapsed());
}

#[test]
fn names_without_an_address() {
    for lookup in [
        Arc::new(|_: &str| Ok(Vec::new())) as Lookup,
        Arc::new(|_: &str| Err(io::Error::other("planted"))) as Lookup,
        Arc::new(|_: &str| Err(io::Error::from(io::ErrorKind::TimedOut))) as Lookup,
        Arc::new(|_: &str| -> io::Result<Vec<IpAddr>> { panic!("on purpose") }) as Lookup,
    ] {
        let client = Client::with_lookup(config("https://vault.example"), lookup).unwrap();
        let error = client.send(get(5000)).unwrap_err();
        assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Dns, Sent::No), "{error}");
        assert_eq!(error.to_string(), "no address is known for vault.example");
    }
}

#[test]
fn the_host_is_looked_up_and_not_the_server_name() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let lookup: Lookup = Arc::new(|name| {
        assert_eq!(name, "vault.example");
        Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
    });
    let mut config = config(&format!("https://vault.example:{port}"));
    config.tls.server_name = Some("vault.internal".to_owned());
    let client = Client::with_lookup(config, lookup).unwrap();
    let thread = std::thread::spawn(move || {
        let mut hello = [0; 1024];
        let (mut stream, _) = listener.accept().unwrap();
        let length = io::Read::read(&mut stream, &mut hello).unwrap();
        String::from_utf8_lossy(&hello[..length]).into_owned()
    });
    let error = client.send(get(5000)).unwrap_err();
    assert_eq!((error.kind(), error.sent()), (&HttpErrorKind::Connection, Sent::No));
    let hello = thread.join().unwrap();
    assert!(hello.contains("vault.internal") && !hello.contains("vault.example"));
}

#[test]
fn localhost_is_never_asked_for() {
    let lookup: Lookup = Arc::new(|_| -> io::Result<Vec<IpAddr>> { panic!("asked") });
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let client = Client::with_lookup(config(&format!("http://localhost:{port}")), lookup).unwrap();
    let error = client.send(get(5000)).unwrap_err();
    assert_eq!(error.to_string(), format!("localhost:{port} refused the connection"));
}
