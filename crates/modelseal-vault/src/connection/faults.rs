//! A server that misbehaves, for tests.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use modelseal_http::FixedEnv;

use crate::Settings;
use crate::connection::Connection;
use crate::environment::Resolved;

/// What happens to one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A whole answer: status, headers, body.
    Answer(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The connection ends without an answer.
    Lost,
    /// The connection ends in the middle of the body.
    Truncated,
    /// Nothing, until the client gives up.
    Silence,
    /// A body without end.
    Endless,
    /// Something that is not HTTP.
    Garbage,
}

impl Fault {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        Self::Answer(status, vec![("content-type", "application/json".to_owned())], body.into())
    }

    pub(crate) fn html(status: u16) -> Self {
        let body = b"<html><h1>pl4nted words of a proxy</h1></html>".to_vec();
        Self::Answer(status, vec![("content-type", "text/html".to_owned())], body)
    }

    pub(crate) fn with_header(self, name: &'static str, value: impl Into<String>) -> Self {
        match self {
            Self::Answer(status, mut headers, body) => {
                headers.push((name, value.into()));
                Self::Answer(status, headers, body)
            }
            other => other,
        }
    }
}

/// Gives its faults in turn, the last one again and again.
pub(crate) struct Faults {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Faults {
    pub(crate) fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let faults: Vec<Fault> = faults.into_iter().collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (list, end) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let mut next = 0;
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let Some(request) = read(&stream) else { continue };
                list.lock().unwrap().push(request);
                act(stream, &faults[next.min(faults.len() - 1)], &end);
                next += 1;
            }
        });
        Self { address, seen, stop, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request: head, empty line, body.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// A connection to it, as the environment `variables` and the defaults make it.
    pub(crate) fn connect(&self, variables: &[(&str, &str)]) -> Connection {
        self.connect_as(&Settings::default(), variables)
    }

    pub(crate) fn connect_as(&self, settings: &Settings, variables: &[(&str, &str)]) -> Connection {
        let mut settings = settings.clone();
        settings.address = Some(self.address());
        let env = FixedEnv::from_iter(variables.iter().copied());
        Connection::new(Resolved::new(&settings, &env).unwrap()).unwrap()
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    text.push_str(&String::from_utf8(body).ok()?);
    Some(text)
}

/// Errors do not matter: the client may have gone.
fn act(mut stream: TcpStream, fault: &Fault, end: &AtomicBool) {
    match fault {
        Fault::Lost => {}
        Fault::Garbage => drop(stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n")),
        Fault::Truncated => {
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"data\":{"));
        }
        Fault::Silence => wait_for_end(&stream, end),
        Fault::Endless => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n{\"data\":{\"x\":\"");
            while sent.is_ok() && !end.load(Ordering::SeqCst) {
                sent = stream.write_all(&[b'x'; 65536]);
            }
        }
        Fault::Answer(status, headers, body) => {
            let mut text = format!("HTTP/1.1 {status} Words\r\nconnection: close\r\n");
            for (name, value) in headers {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            if *status != 204 {
                text.push_str(&format!("content-length: {}\r\n", body.len()));
            }
            text.push_str("\r\n");
            drop(stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(body)));
        }
    }
}

fn wait_for_end(mut stream: &TcpStream, end: &AtomicBool) {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(20)));
    while !end.load(Ordering::SeqCst) {
        match stream.read(&mut [0]) {
            Ok(0) => return,
            Err(error) if !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {
                return;
            }
            _ => {}
        }
    }
}
