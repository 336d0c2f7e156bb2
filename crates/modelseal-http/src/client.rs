//! The client.

use core::fmt;
use core::pin::pin;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use tokio::runtime::{Handle, Runtime};

use crate::exchange::{self, Prepared};
use crate::failure::{self, Peer};
use crate::resolve::{self, Lookup, Resolver};
use crate::watch::Watch;
use crate::{Address, Hooks, HttpError, HttpErrorKind, Proxy, Request, RequestRecord, Response, Sent, TlsConfig, tls};

/// How often the caller is asked whether to stop.
const POLL: Duration = Duration::from_millis(40);

/// Most headers of an answer.
const MAX_HEADERS: usize = 64;

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
    /// Longest time until a connection stands: name, proxy and TLS together.
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

    /// What contradicts itself or would show a secret to others.
    fn check(&self) -> Result<(), HttpError> {
        if !self.user_agent.bytes().all(exchange::is_printable) {
            return Err(HttpError::config("the user agent must be printable ASCII"));
        }
        let plain = |why: String| Err(HttpError::new(HttpErrorKind::PlainHttp, Sent::No, why));
        if !self.address.is_local() && !self.address.is_tls() && !self.danger_plain_http {
            return plain(format!("{} is plain HTTP to another machine", self.address));
        }
        let Proxy::Url(proxy) = &self.proxy else { return Ok(()) };
        if self.address.socket().is_some() {
            return Err(HttpError::config("a socket cannot be reached through a proxy"));
        }
        if self.tls.server_name.is_some() {
            return Err(HttpError::config("a TLS server name cannot be used together with a proxy"));
        }
        // What is local is local to the proxy then, and the way to it is not.
        if !self.address.is_tls() && !proxy.is_local() && !self.danger_plain_http {
            return plain(format!("{} is plain HTTP through the proxy {proxy}", self.address));
        }
        Ok(())
    }

    fn peer(&self) -> Peer {
        let server = self.address.endpoint();
        Peer {
            endpoint: match &self.proxy {
                Proxy::None => server.clone(),
                Proxy::Url(proxy) => format!("the proxy {}", proxy.endpoint()),
            },
            name: self.tls.server_name.clone().or_else(|| Some(self.address.host()?.to_string())).unwrap_or_default(),
            server,
        }
    }
}

/// A client for one server. One connection is kept and used again.
///
/// It may be used from any thread, also from within a runtime of the caller's: the exchange then runs on a thread of
/// its own. Calls block. Dropping it closes the connection and waits for nothing.
pub struct Client {
    config: ClientConfig,
    peer: Peer,
    http: reqwest::Client,
    watch: Watch,
    /// `None` only while the client is dropped.
    runtime: Option<Runtime>,
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
    /// [`HttpErrorKind::PlainHttp`] for plain HTTP to another machine; [`HttpErrorKind::Config`].
    pub fn new(config: ClientConfig) -> Result<Self, HttpError> {
        Self::with_lookup(config, resolve::system())
    }

    fn with_lookup(config: ClientConfig, lookup: Lookup) -> Result<Self, HttpError> {
        config.check()?;
        let instead = match config.tls.server_name()? {
            Some(_) if config.address.is_tls() => config.address.host(),
            _ => None,
        };
        let watch = Watch::default();
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(config.connect_timeout)
            .connector_layer(watch.clone())
            .dns_resolver(Resolver { instead, lookup })
            .pool_max_idle_per_host(1)
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .no_proxy()
            .referer(false)
            .user_agent(&config.user_agent);
        if let Proxy::Url(proxy) = &config.proxy {
            builder = builder.proxy(proxy.build()?);
        }
        if let Some(path) = config.address.socket() {
            builder = socket(builder, path)?;
        }
        // An https proxy needs the roots, too.
        let tls = config.address.is_tls() || matches!(config.proxy, Proxy::Url(_));
        builder = if tls { config.tls.apply(builder)? } else { tls::no_roots(builder) };
        let http = builder.build().map_err(|error| failure::client(&error))?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            // Only names are looked up on threads.
            .max_blocking_threads(4)
            .thread_keep_alive(Duration::from_millis(100))
            .thread_name("modelseal-dns")
            .build()
            .map_err(|error| HttpError::config(format!("the runtime cannot be made: {}", error.kind())))?;
        Ok(Self { peer: config.peer(), config, http, watch, runtime: Some(runtime) })
    }

    /// The address.
    #[must_use]
    pub const fn address(&self) -> &Address {
        &self.config.address
    }

    /// Tells [`Hooks::record`] of an exchange. Not done by [`Client::send`]: the request id is in the answer's body,
    /// which only the caller understands.
    pub fn record(&self, record: &RequestRecord) {
        (self.config.hooks.record)(record);
    }

    /// Sends a request and reads the whole answer, of whatever status.
    ///
    /// # Errors
    /// Any kind of [`HttpErrorKind`] but `PlainHttp`. With [`Sent::No`] the request surely was not sent.
    pub fn send(&self, request: Request<'_>) -> Result<Response, HttpError> {
        let (stoppable, deadline) = (request.stoppable, request.deadline);
        let stop = || stoppable && (self.config.hooks.stop)();
        let prepared = exchange::prepare(&self.http, &self.config, request)?;
        match Handle::try_current() {
            Err(error) if error.is_missing_context() => self.drive(prepared, deadline, &stop),
            // Within another runtime, or while a thread ends, ours must not run here.
            _ => self.drive_elsewhere(prepared, deadline, &stop),
        }
    }

    /// Waits, unless the caller asks to stop.
    ///
    /// # Errors
    /// [`HttpErrorKind::Stopped`].
    pub fn wait(&self, time: Duration) -> Result<(), HttpError> {
        let started = Instant::now();
        loop {
            if (self.config.hooks.stop)() {
                return Err(stopped(Sent::No));
            }
            match time.checked_sub(started.elapsed()) {
                None | Some(Duration::ZERO) => return Ok(()),
                Some(left) => std::thread::sleep(POLL.min(left)),
            }
        }
    }

    fn drive(&self, prepared: Prepared, deadline: Instant, stop: &dyn Fn() -> bool) -> Result<Response, HttpError> {
        let Some(runtime) = &self.runtime else { return Err(HttpError::config("the client is being dropped")) };
        // Nobody has listened to the kept connection since: it may have been closed.
        runtime.block_on(settle());
        let mut begun = false;
        let mut work = Box::pin(prepared.run(&self.http, &self.peer));
        let end = loop {
            // Outside of the runtime: the caller may send requests of its own here.
            if stop() {
                break Err(stopped(self.sent(begun)));
            }
            let Some(left) = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                break Err(HttpError::new(HttpErrorKind::Timeout, self.sent(begun), self.late()));
            };
            begun = true;
            let step = async { tokio::time::timeout(POLL.min(left), pin!(&mut work)).await };
            if let Ok(end) = runtime.block_on(step) {
                break end;
            }
        };
        // Lets the connection be kept, or closed when its exchange was given up.
        runtime.block_on(async move {
            drop(work);
            settle().await;
        });
        end
    }

    fn drive_elsewhere(
        &self,
        prepared: Prepared,
        deadline: Instant,
        stop: &dyn Fn() -> bool,
    ) -> Result<Response, HttpError> {
        if stop() {
            return Err(stopped(Sent::No));
        }
        let failed = |sent| HttpError::new(HttpErrorKind::Connection, sent, "no thread for the request");
        let stopping = AtomicBool::new(false);
        let (running, ended) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let stopping = &stopping;
            let exchange = move || {
                let _running = running;
                self.drive(prepared, deadline, &|| stopping.load(Ordering::Relaxed))
            };
            let thread = std::thread::Builder::new().name("modelseal-http".to_owned());
            let Ok(worker) = thread.spawn_scoped(scope, exchange) else { return Err(failed(Sent::No)) };
            while matches!(ended.recv_timeout(POLL), Err(RecvTimeoutError::Timeout)) {
                if stop() {
                    stopping.store(true, Ordering::Relaxed);
                }
            }
            worker.join().unwrap_or_else(|_| Err(failed(Sent::Maybe)))
        })
    }

    /// What an exchange that is given up may have sent: without a connection, now or kept, nothing.
    fn sent(&self, begun: bool) -> Sent {
        if begun && self.watch.connected() { Sent::Maybe } else { Sent::No }
    }

    fn late(&self) -> String {
        if self.watch.connected() {
            failure::no_answer(&self.peer)
        } else {
            format!("no connection to {} in time", self.peer.endpoint)
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // An ordinary drop would wait for a name that is being looked up, and panic within another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets the connection's own task run, and see what has arrived.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

fn stopped(sent: Sent) -> HttpError {
    HttpError::new(HttpErrorKind::Stopped, sent, "the caller asked to stop")
}

#[cfg(unix)]
fn socket(builder: reqwest::ClientBuilder, path: &std::path::Path) -> Result<reqwest::ClientBuilder, HttpError> {
    Ok(builder.unix_socket(path))
}

#[cfg(not(unix))]
fn socket(_: reqwest::ClientBuilder, _: &std::path::Path) -> Result<reqwest::ClientBuilder, HttpError> {
    Err(HttpError::config("this system has no sockets of that kind"))
}

#[cfg(test)]
mod tests;
