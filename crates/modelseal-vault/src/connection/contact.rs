//! How far a first request comes, step by step.

use core::time::Duration;
use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use modelseal_core::{Code, Error, Result};
use modelseal_http::{HttpErrorKind, Request, Sent};

use super::{Call, Connection, Health};
use crate::refusal::Refusal;

/// Longest time for the one attempt.
const PATIENCE: Duration = Duration::from_secs(15);

/// A step on the way to an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// The host name has an address.
    Name,
    /// Somebody listens there, or at the proxy, which opens the way.
    Connection,
    /// The server's certificate holds.
    Tls,
    /// An answer in HTTP came back, which is no redirect.
    Http,
    /// It was the server that answered.
    Server,
}

/// What came of one request without a token, sent once.
#[derive(Debug)]
#[non_exhaustive]
pub struct Contact {
    /// What the server says of itself, or the step that failed and why.
    pub health: Result<Health, (Stage, Error)>,
    /// How far the server's clock is ahead of this machine's, in seconds, to about one second; `None` when the answer
    /// has no date.
    pub ahead: Option<i64>,
}

impl Connection {
    /// Asks for the state of the server, once.
    pub(crate) fn contact(&self) -> Contact {
        let call = Call::get("sys/health");
        let (what, path) = (self.what(&call), call.full_path());
        let mut request = Request::new(call.method, &path);
        let started = Instant::now();
        request.deadline = started + self.resolved.timeout.min(PATIENCE);
        let outcome = self.client.send(request);
        self.record(&call, &path, started.elapsed(), outcome.as_ref().ok());
        let response = match outcome {
            Ok(response) => response,
            Err(failure) => {
                let stage = match (failure.kind(), failure.sent()) {
                    (HttpErrorKind::Dns, _) => Stage::Name,
                    (HttpErrorKind::Tls, _) => Stage::Tls,
                    (HttpErrorKind::Connection | HttpErrorKind::Timeout, Sent::No) => Stage::Connection,
                    _ => Stage::Http,
                };
                return Contact { health: Err((stage, Refusal::failed(&what, &failure).error)), ahead: None };
            }
        };
        let ahead = response.date.zip(now()).map(|(theirs, ours)| theirs.as_second() - ours.as_second());
        let health = self.read_health(&what, &response).map_err(|error| match error.code() {
            Code::VaultRedirect => (Stage::Http, error),
            _ => (Stage::Server, error),
        });
        Contact { health, ahead }
    }
}

fn now() -> Option<Timestamp> {
    SystemTime::now().try_into().ok()
}
