//! The one hardened HTTP client of modelseal.
//!
//! Redirects are never followed, every answer has a cap, every exchange a deadline, and nothing that travels in a
//! body or a secret header is ever printed. The public interface is synchronous; the runtime behind it is private.

#![forbid(unsafe_code)]
#![warn(clippy::exhaustive_enums, clippy::exhaustive_structs)]

mod address;
mod client;
mod env;
mod error;
mod exchange;
mod failure;
mod message;
mod no_proxy;
mod proxy;
mod query;
mod record;
mod resolve;
mod retry;
mod tls;
mod watch;
mod wiped;

pub use address::Address;
pub use client::{Client, ClientConfig};
pub use env::{Env, FixedEnv, ProcessEnv};
pub use error::{HttpError, HttpErrorKind, Sent};
pub use message::{Header, HeaderValue, Method, Request, Response};
pub use no_proxy::is_excluded_from_proxy;
pub use proxy::{Proxy, ProxyUrl};
pub use query::Query;
pub use record::{Hooks, RequestRecord};
pub use retry::Delays;
pub use secrecy::{ExposeSecret, SecretSlice, SecretString};
pub use tls::{ClientIdentity, Roots, TlsConfig};
