//! A server that does what a healthy one never does.

use std::fmt;
use std::io::{BufReader, ErrorKind, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::wire::{Message, exchange};

/// What is answered: status, headers, body. Length and connection headers come by themselves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { status, headers, body: body.into() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, &[("Content-Type", "application/json")], body.to_string())
    }
}

/// What happens to one request.
#[derive(Clone)]
pub(crate) enum Behaviour {
    /// A whole answer.
    Answer(Reply),
    /// A whole answer that depends on the request.
    Compute(Arc<dyn Fn(&Request) -> Reply + Send + Sync>),
    /// What the server behind answers.
    Forward,
    /// What the server behind answers, changed.
    Alter(Arc<dyn Fn(Reply) -> Reply + Send + Sync>),
    /// The length of the whole body, but only its first bytes, then the end of the connection.
    Truncated(Reply, usize),
    /// A body that does not end.
    Endless,
    /// The answer's body in single bytes with a pause before each.
    Drip(Reply, Duration),
    /// No answer, and no end of the connection.
    Silence,
    /// The end of the connection after the whole request was read.
    CloseAfterRequest,
    /// A reset of the connection with the request unread.
    CloseUnread,
}

impl Behaviour {
    pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        Self::Answer(Reply::new(status, headers, body))
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Answer(Reply::json(status, body))
    }

    pub(crate) fn compute(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::Compute(Arc::new(reply))
    }

    /// The server's answer with something changed; for one step of a real conversation.
    pub(crate) fn alter(change: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Self {
        Self::Alter(Arc::new(change))
    }

    /// A 307, as a standby node sends it.
    pub(crate) fn redirect(location: &str) -> Self {
        Self::answer(307, &[("Location", location)], "")
    }

    /// What a load balancer says when nothing is behind it.
    pub(crate) fn html_502() -> Self {
        let page = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>\n";
        Self::answer(502, &[("Content-Type", "text/html")], page)
    }
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Answer(_) => "Answer",
            Self::Compute(_) => "Compute",
            Self::Forward => "Forward",
            Self::Alter(_) => "Alter",
            Self::Truncated(..) => "Truncated",
            Self::Endless => "Endless",
            Self::Drip(..) => "Drip",
            Self::Silence => "Silence",
            Self::CloseAfterRequest => "CloseAfterRequest",
            Self::CloseUnread => "CloseUnread",
        })
    }
}

/// A request that arrived. One that was left unread has no headers.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of the first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(present, _)| present.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Rules in the order in which they are tried.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    rules: Vec<Rule>,
    upstream: Option<SocketAddr>,
}

#[derive(Debug)]
struct Rule {
    method: String,
    prefix: String,
    behaviours: Vec<Behaviour>,
    used: AtomicUsize,
}

impl Builder {
    /// What happens to the first, second, … request of this method (`*` is any) to a path with this prefix. The last
    /// behaviour goes on for ever.
    #[must_use]
    pub(crate) fn on(mut self, method: &str, prefix: &str, behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let behaviours: Vec<_> = behaviours.into_iter().collect();
        assert!(!behaviours.is_empty(), "{method} {prefix}: nothing happens");
        let (method, prefix) = (method.to_owned(), prefix.to_owned());
        self.rules.push(Rule { method, prefix, behaviours, used: AtomicUsize::new(0) });
        self
    }

    /// Where requests go that no rule is for, and those to be forwarded: `http://127.0.0.1:PORT`.
    #[must_use]
    pub(crate) fn proxy_to(mut self, address: &str) -> Self {
        self.upstream = Some(address.trim_start_matches("http://").parse().unwrap());
        self
    }

    pub(crate) fn start(self) -> FaultServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State {
            rules: self.rules,
            upstream: self.upstream,
            requests: Mutex::default(),
            connections: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = Arc::new(stream);
                shared.connections.lock().unwrap().push(Arc::downgrade(&stream));
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.converse(&stream));
            }
        });
        FaultServer { address: format!("http://{address}"), socket: address, state }
    }
}

/// A running server; it stops when it is dropped.
#[derive(Debug)]
pub(crate) struct FaultServer {
    /// `http://127.0.0.1:PORT`
    pub(crate) address: String,
    socket: SocketAddr,
    state: Arc<State>,
}

impl FaultServer {
    pub(crate) fn builder() -> Builder {
        Builder::default()
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// How many requests went to a path with this prefix.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.requests().iter().filter(|request| request.path.starts_with(prefix)).count()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.lock().unwrap().len()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        for stream in self.state.connections.lock().unwrap().iter().filter_map(Weak::upgrade) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // The listening thread looks up only when somebody connects.
        drop(TcpStream::connect(self.socket));
    }
}

#[derive(Debug)]
struct State {
    rules: Vec<Rule>,
    upstream: Option<SocketAddr>,
    requests: Mutex<Vec<Request>>,
    /// Every connection so far. Only the thread that serves one holds it: a close with bytes unread is a reset.
    connections: Mutex<Vec<Weak<TcpStream>>>,
    stopped: AtomicBool,
}

impl State {
    /// Serves one connection to its end.
    fn converse(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((method, path)) = self.peek(stream) {
            let behaviour = self.behaviour(&method, &path);
            let mut request = Request { method, path, headers: Vec::new(), body: Vec::new() };
            if matches!(behaviour, Behaviour::CloseUnread) {
                self.requests.lock().unwrap().push(request);
                break;
            }
            let Some(message) = Message::read(&mut reader, true) else { break };
            request.headers = message.headers;
            request.body = message.body;
            self.requests.lock().unwrap().push(request.clone());
            if !self.perform(stream, &behaviour, &request) {
                break;
            }
        }
    }

    /// The request line, left in the socket: closing a socket with something unread is another event for the client.
    fn peek(&self, stream: &TcpStream) -> Option<(String, String)> {
        let mut bytes = [0; 4096];
        loop {
            let size = stream.peek(&mut bytes).ok().filter(|&size| size > 0)?;
            if let Some(end) = bytes[..size].iter().position(|&byte| byte == b'\n') {
                let line = String::from_utf8_lossy(&bytes[..end]);
                let mut words = line.split(' ');
                return Some((words.next()?.to_owned(), words.next()?.to_owned()));
            }
            self.pause(Duration::from_millis(1)).then_some(())?;
        }
    }

    fn behaviour(&self, method: &str, path: &str) -> Behaviour {
        let matching = |rule: &&Rule| (rule.method == "*" || rule.method == method) && path.starts_with(&rule.prefix);
        match self.rules.iter().find(matching) {
            Some(rule) => {
                let turn = rule.used.fetch_add(1, Ordering::SeqCst).min(rule.behaviours.len() - 1);
                rule.behaviours[turn].clone()
            }
            None if self.upstream.is_some() => Behaviour::Forward,
            None => Behaviour::answer(404, &[], format!("no rule for {method} {path}\n")),
        }
    }

    /// Does it, and returns whether the connection goes on.
    fn perform(&self, mut stream: &TcpStream, behaviour: &Behaviour, request: &Request) -> bool {
        match behaviour {
            Behaviour::Answer(reply) => send(stream, reply, request),
            Behaviour::Compute(reply) => send(stream, &reply(request), request),
            Behaviour::Forward => send(stream, &self.forward(request), request),
            Behaviour::Alter(change) => send(stream, &change(self.forward(request)), request),
            Behaviour::Truncated(reply, sent) => {
                let mut message = message(reply);
                message.body.truncate(*sent);
                let _ = message.write(&mut stream);
                false
            }
            Behaviour::Endless => {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
                let mut sent = stream.write_all(head.as_bytes());
                let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
                while sent.is_ok() {
                    sent = stream.write_all(chunk.as_bytes());
                }
                false
            }
            Behaviour::Drip(reply, every) => {
                let mut message = message(reply);
                let body = std::mem::take(&mut message.body);
                let mut sent = message.write(&mut stream);
                for byte in body {
                    if sent.is_err() || !self.pause(*every) {
                        return false;
                    }
                    sent = stream.write_all(&[byte]);
                }
                sent.is_ok() && !asked_to_close(request)
            }
            Behaviour::Silence => {
                while self.pause(Duration::from_millis(20)) && !is_closed(stream) {}
                false
            }
            Behaviour::CloseAfterRequest | Behaviour::CloseUnread => false,
        }
    }

    fn forward(&self, request: &Request) -> Reply {
        let unreachable = Reply::new(502, &[], "nothing to forward to\n");
        let Some(stream) = self.upstream.and_then(|address| TcpStream::connect(address).ok()) else {
            return unreachable;
        };
        let ours = ["host", "connection", "content-length", "transfer-encoding"];
        let headers = request.headers.iter().filter(|(name, _)| !ours.contains(&name.to_ascii_lowercase().as_str()));
        let headers: Vec<_> = headers.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let Some(answer) = exchange(stream, &request.method, &request.path, &headers, &request.body) else {
            return unreachable;
        };
        let status = answer.status();
        let headers =
            answer.headers.into_iter().filter(|(name, _)| !ours.contains(&name.to_ascii_lowercase().as_str()));
        Reply { status, headers: headers.collect(), body: answer.body }
    }

    /// Sleeps, and returns false when the server is stopped.
    fn pause(&self, time: Duration) -> bool {
        thread::sleep(time);
        !self.stopped.load(Ordering::SeqCst)
    }
}

fn send(mut stream: &TcpStream, reply: &Reply, request: &Request) -> bool {
    let mut message = message(reply);
    if request.method == "HEAD" {
        message.body.clear();
    }
    message.write(&mut stream).is_ok() && !asked_to_close(request)
}

fn asked_to_close(request: &Request) -> bool {
    request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
}

fn message(reply: &Reply) -> Message {
    let start = format!("HTTP/1.1 {} Scripted", reply.status);
    let mut message = Message { start, headers: reply.headers.clone(), body: reply.body.clone() };
    if reply.status != 204 && message.header("content-length").is_none() {
        message.headers.push(("Content-Length".to_owned(), reply.body.len().to_string()));
    }
    message
}

fn is_closed(stream: &TcpStream) -> bool {
    let _ = stream.set_read_timeout(Some(Duration::from_millis(1)));
    match stream.peek(&mut [0]) {
        Ok(size) => size == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
