//! The client.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use tokio::runtime::Runtime;

use crate::{Address, HttpError, HttpErrorKind, Roots, Sent, TlsConfig};

/// How often the caller is asked whether to stop.
const POLL: Duration = Duration::from_millis(50);

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// Reads.
    Get,
    /// Writes, or asks with a body.
    Post,
    /// Removes.
    Delete,
}

impl Method {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// The value of a header.
#[derive(Clone)]
#[non_exhaustive]
pub enum HeaderValue {
    /// Anyone may see it.
    Plain(String),
    /// Never printed, and marked as sensitive on the way.
    Secret(SecretString),
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(value) => fmt::Debug::fmt(value, f),
            Self::Secret(_) => f.write_str("[secret]"),
        }
    }
}

/// One header of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Header {
    /// Lower-case name.
    pub name: &'static str,
    /// Value: printable ASCII, else the request fails with [`HttpErrorKind::Config`] before anything is sent.
    pub value: HeaderValue,
}

impl Header {
    /// A header that anyone may see.
    pub fn plain(name: &'static str, value: impl Into<String>) -> Self {
        Self { name, value: HeaderValue::Plain(value.into()) }
    }

    /// A header that nobody may see.
    #[must_use]
    pub const fn secret(name: &'static str, value: SecretString) -> Self {
        Self { name, value: HeaderValue::Secret(value) }
    }
}

/// A request. Its `Debug` shows no secret.
#[non_exhaustive]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// Canonical path below the address' prefix, without leading `/`: `v1/transit/keys/k`. Only ASCII letters,
    /// digits and `/ . _ - ~`, no empty, `.` or `..` part: else [`HttpErrorKind::Config`].
    pub path: &'a str,
    /// Headers besides those that HTTP needs.
    pub headers: Vec<Header>,
    /// A JSON body.
    pub body: Option<SecretSlice<u8>>,
    /// Most bytes of the answer's body.
    pub max_answer: usize,
    /// When to give up.
    pub deadline: Instant,
    /// Whether [`Hooks::stop`] may end it. A revocation must not be given up because the work was.
    pub stoppable: bool,
}

impl<'a> Request<'a> {
    /// A request without headers and body: 1 MiB of answer, 60 s, stoppable.
    #[must_use]
    pub fn new(method: Method, path: &'a str) -> Self {
        let deadline = Instant::now() + Duration::from_secs(60);
        Self { method, path, headers: Vec::new(), body: None, max_answer: 1024 * 1024, deadline, stoppable: true }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

/// An answer, of any status. Its `Debug` shows no body.
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: u16,
    /// `Content-Type`, when it is text.
    pub content_type: Option<String>,
    /// `Retry-After` in seconds, or until its date.
    pub retry_after: Option<Duration>,
    /// `Location`, when it is text. Never followed.
    pub location: Option<String>,
    /// The whole body. It may hold a token.
    pub body: SecretSlice<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.expose_secret().len())
    }
}

/// Which proxy requests go through.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Proxy {
    /// None, whatever the environment says.
    #[default]
    None,
    /// This one.
    Url(String),
}

/// One exchange, for `-v`: no header, no body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The method.
    pub method: &'static str,
    /// The path, without the address.
    pub path: String,
    /// The status; `None` when there was no answer.
    pub status: Option<u16>,
    /// From the first byte to the last.
    pub took: Duration,
}

/// How the client talks to its caller.
#[derive(Clone)]
#[non_exhaustive]
pub struct Hooks {
    /// Whether to stop; asked about twenty times a second, on the calling thread.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Told of every exchange.
    pub record: Arc<dyn Fn(&RequestRecord) + Send + Sync>,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { stop: Arc::new(|| false), record: Arc::new(|_| ()) }
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

/// How a client is made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Where the server is.
    pub address: Address,
    /// TLS.
    pub tls: TlsConfig,
    /// Proxy.
    pub proxy: Proxy,
    /// Longest time until a connection stands.
    pub connect_timeout: Duration,
    /// `User-Agent`.
    pub user_agent: String,
    /// Allow plain HTTP to other machines.
    pub danger_plain_http: bool,
    /// The caller's ears.
    pub hooks: Hooks,
}

impl ClientConfig {
    /// The defaults: system roots, no proxy, 10 s to connect.
    #[must_use]
    pub fn new(address: Address) -> Self {
        Self {
            address,
            tls: TlsConfig::default(),
            proxy: Proxy::None,
            connect_timeout: Duration::from_secs(10),
            user_agent: concat!("modelseal/", env!("CARGO_PKG_VERSION")).to_owned(),
            danger_plain_http: false,
            hooks: Hooks::default(),
        }
    }
}

/// A client for one server. One connection is kept and used again.
pub struct Client {
    config: ClientConfig,
    http: reqwest::Client,
    runtime: Runtime,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.config.address)
    }
}

impl Client {
    /// Makes a client; nothing is sent.
    ///
    /// # Errors
    /// [`HttpErrorKind::Config`], also for plain HTTP to another machine.
    pub fn new(config: ClientConfig) -> Result<Self, HttpError> {
        let wrong = |why: String| HttpError::new(HttpErrorKind::Config, Sent::No, why);
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.connect_timeout)
            .http1_only()
            .no_proxy()
            .referer(false)
            .user_agent(&config.user_agent);
        if let Some(path) = config.address.socket() {
            builder = builder.unix_socket(path.to_owned());
        }
        match &config.tls.roots {
            _ if !config.address.is_tls() => builder = builder.tls_certs_only([]),
            Roots::System => {}
            Roots::Only(texts) => {
                let mut certificates = Vec::new();
                for text in texts {
                    certificates
                        .extend(reqwest::Certificate::from_pem_bundle(text).map_err(|error| wrong(error.to_string()))?);
                }
                builder = builder.tls_certs_only(certificates);
            }
        }
        let http = builder.build().map_err(|error| wrong(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| wrong(format!("the runtime cannot be made: {error}")))?;
        Ok(Self { config, http, runtime })
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.config.address
    }

    /// Sends a request and reads the whole answer, of whatever status.
    ///
    /// # Errors
    /// Any kind of [`HttpErrorKind`].
    pub fn send(&self, request: Request<'_>) -> Result<Response, HttpError> {
        let started = Instant::now();
        let answer = self.runtime.block_on(self.exchange(&request));
        (self.config.hooks.record)(&RequestRecord {
            method: request.method.as_str(),
            path: request.path.to_owned(),
            status: answer.as_ref().ok().map(|answer| answer.status),
            took: started.elapsed(),
        });
        answer
    }

    /// Waits, unless the caller asks to stop.
    ///
    /// # Errors
    /// [`HttpErrorKind::Stopped`].
    pub fn wait(&self, time: Duration) -> Result<(), HttpError> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if (self.config.hooks.stop)() {
                return Err(stopped(Sent::No));
            }
            std::thread::sleep(POLL.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Response, HttpError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut builder = self.http.request(method, self.config.address.url(request.path));
        for header in &request.headers {
            let (text, sensitive) = match &header.value {
                HeaderValue::Plain(text) => (text.as_str(), false),
                HeaderValue::Secret(text) => (text.expose_secret(), true),
            };
            let mut value = reqwest::header::HeaderValue::from_str(text).map_err(|_| {
                HttpError::new(HttpErrorKind::Config, Sent::No, format!("the header {} cannot be sent", header.name))
            })?;
            value.set_sensitive(sensitive);
            builder = builder.header(header.name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.header("content-type", "application/json").body(body.expose_secret().to_vec());
        }
        let work = async {
            let mut answer = builder.send().await?;
            let status = answer.status().as_u16();
            let text = |name: &str| answer.headers().get(name)?.to_str().ok().map(str::to_owned);
            let (content_type, location, retry_after) = (text("content-type"), text("location"), text("retry-after"));
            let mut body = zeroize::Zeroizing::new(Vec::new());
            while let Some(chunk) = answer.chunk().await? {
                if body.len() + chunk.len() > request.max_answer {
                    return Ok(None);
                }
                body.extend_from_slice(&chunk);
            }
            let body = SecretSlice::from(body.to_vec());
            let retry_after = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
            Ok::<_, reqwest::Error>(Some(Response { status, content_type, retry_after, location, body }))
        };
        tokio::pin!(work);
        loop {
            if request.stoppable && (self.config.hooks.stop)() {
                return Err(stopped(Sent::Maybe));
            }
            let Some(left) = request.deadline.checked_duration_since(Instant::now()) else {
                return Err(HttpError::new(HttpErrorKind::Timeout, Sent::Maybe, "there was no answer in time"));
            };
            match tokio::time::timeout(POLL.min(left), &mut work).await {
                Err(_) => {}
                Ok(Ok(Some(answer))) => return Ok(answer),
                Ok(Ok(None)) => {
                    let message = format!("the answer is larger than {} bytes", request.max_answer);
                    return Err(HttpError::new(HttpErrorKind::TooLarge, Sent::Maybe, message));
                }
                Ok(Err(error)) => return Err(failure(&error)),
            }
        }
    }
}

fn stopped(sent: Sent) -> HttpError {
    HttpError::new(HttpErrorKind::Stopped, sent, "the caller asked to stop")
}

fn failure(error: &reqwest::Error) -> HttpError {
    let (kind, sent) = if error.is_timeout() {
        (HttpErrorKind::Timeout, Sent::Maybe)
    } else if error.is_connect() {
        (HttpErrorKind::Connection, Sent::No)
    } else {
        (HttpErrorKind::Connection, Sent::Maybe)
    };
    HttpError::new(kind, sent, "the connection failed")
}
