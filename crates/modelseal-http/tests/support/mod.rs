//! Servers on this machine that do what healthy ones do not.

#![allow(dead_code, unreachable_pub, reason = "each test program uses a part of it")]

pub mod tls;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use modelseal_http::{Address, Client, ClientConfig, ExposeSecret as _, Method, Request, Response};

pub trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// What a server has seen of a request.
#[derive(Clone, Debug)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads one request; `None` when the client has closed the connection.
pub fn read_request(stream: &mut dyn Stream) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, v)| v.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Seen { line, headers, body })
}

/// An answer of HTTP/1.1.
pub fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Words\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len()).into_bytes()
}

type Handler = Arc<dyn Fn(&mut dyn Stream) + Send + Sync>;

/// A listening server. Dropping it closes the listener.
pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    pub seen: Arc<Mutex<Vec<Seen>>>,
    stopping: Arc<AtomicBool>,
}

impl Server {
    /// Each connection is handed to `handler`.
    pub fn new(handler: impl Fn(&mut dyn Stream) + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), None, Arc::new(handler))
    }

    /// Each connection speaks TLS first.
    pub fn with_tls(config: rustls::ServerConfig, handler: impl Fn(&mut dyn Stream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self::on(listener, Some(Arc::new(config)), Arc::new(handler))
    }

    /// Answers every request on every connection.
    pub fn answering(answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::answering_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap(), None, answer)
    }

    /// Answers every request on every connection, through TLS.
    pub fn answering_tls(
        config: rustls::ServerConfig,
        answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        Self::answering_on(listener, Some(Arc::new(config)), answer)
    }

    pub fn answering_on(
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        answer: impl Fn(&Seen) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        let handler = move |stream: &mut dyn Stream| {
            while let Some(request) = read_request(stream) {
                let answer = answer(&request);
                requests.lock().unwrap().push(request);
                if stream.write_all(&answer).and_then(|()| stream.flush()).is_err() {
                    return;
                }
            }
        };
        let mut server = Self::on(listener, tls, Arc::new(handler));
        server.seen = seen;
        server
    }

    fn on(listener: TcpListener, tls: Option<Arc<rustls::ServerConfig>>, handler: Handler) -> Self {
        let address = listener.local_addr().unwrap();
        let (connections, stopping) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, stop) = (Arc::clone(&connections), Arc::clone(&stopping));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                count.fetch_add(1, Ordering::SeqCst);
                let (tls, handler) = (tls.clone(), Arc::clone(&handler));
                thread::spawn(move || match tls {
                    None => handler(&mut stream),
                    Some(config) => {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        let mut stream = rustls::StreamOwned::new(session, stream);
                        handler(&mut stream);
                        // Closing with unread data would reset the connection, and take the last words with it.
                        drop(stream.sock.shutdown(Shutdown::Write));
                        drop(stream.sock.set_read_timeout(Some(Duration::from_secs(1))));
                        drop(io::copy(&mut stream.sock, &mut io::sink()));
                    }
                });
            }
        });
        Self { address, connections, seen: Arc::default(), stopping }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn tls_url(&self) -> String {
        format!("https://{}", self.address)
    }

    pub fn client(&self) -> Client {
        client(&self.url())
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect_timeout(&self.address, Duration::from_secs(1)));
    }
}

/// Holds a connection open until the client closes it.
pub fn hold(stream: &mut dyn Stream) {
    drop(io::copy(stream, &mut io::sink()));
}

pub fn config(url: &str) -> ClientConfig {
    ClientConfig::new(Address::parse(url).unwrap())
}

pub fn client(url: &str) -> Client {
    Client::new(config(url)).unwrap()
}

/// `GET v1/x`, to be done within five seconds.
pub fn get() -> Request<'static> {
    let mut request = Request::new(Method::Get, "v1/x");
    request.deadline = Instant::now() + Duration::from_secs(5);
    request
}

/// `GET v1/x`, to be done within so many milliseconds.
pub fn get_within(milliseconds: u64) -> Request<'static> {
    let mut request = get();
    request.deadline = Instant::now() + Duration::from_millis(milliseconds);
    request
}

pub fn body(response: &Response) -> &str {
    std::str::from_utf8(response.body.expose_secret()).unwrap()
}

/// What it gives, when one of three runs takes about so many milliseconds: the machine may be busy.
pub fn takes<T>(about: u128, work: impl Fn() -> T) -> T {
    let mut all = Vec::new();
    for _ in 0..3 {
        let (result, took) = timed(&work);
        if (about.saturating_sub(10)..about + 100).contains(&took) {
            return result;
        }
        all.push(took);
    }
    panic!("took {all:?} ms instead of {about}");
}

/// What it gives, and how long it took in milliseconds.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, u128) {
    let started = Instant::now();
    let result = work();
    (result, started.elapsed().as_millis())
}
