//! The one hardened HTTP client of modelseal.
//!
//! Redirects are never followed, every answer has a cap, every exchange a deadline, and nothing that travels in a
//! body or a secret header is ever printed. The public interface is synchronous; the runtime behind it is private.

#![forbid(unsafe_code)]

mod address;
mod client;
mod env;
mod error;
mod retry;
mod tls;

pub use address::Address;
pub use client::{Client, ClientConfig, Header, HeaderValue, Hooks, Method, Proxy, Request, RequestRecord, Response};
pub use env::{Env, FixedEnv, ProcessEnv};
pub use error::{HttpError, HttpErrorKind, Sent};
pub use retry::Delays;
pub use secrecy::{ExposeSecret, SecretSlice, SecretString};
pub use tls::{ClientIdentity, Roots, TlsConfig};
