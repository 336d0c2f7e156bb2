//! Requests to the server: paths, headers, retries.
//!
//! A request that failed is sent again by this table, within the deadline of its step. *Count* is the number of
//! retries (`VAULT_MAX_RETRIES`, default 2; 0 switches off all of them):
//!
//! | failure | [`Repeat::Safe`] | [`Repeat::IfNotSent`] |
//! |---|---|---|
//! | no connection, no such host | count | count |
//! | connection lost, no whole answer | count | no |
//! | 429, with `Retry-After` of at most 30 s | until the deadline | until the deadline |
//! | 412 | until the deadline | no |
//! | 503 in the server's own form, so also sealed | count | count |
//! | 502, 503, 504 of a proxy, 473 | count | no |
//! | all else, also 500 | no | no |

mod call;
mod contact;
mod health;
mod repeats;

#[cfg(test)]
pub(crate) mod faults;
#[cfg(test)]
mod real;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::time::Instant;

use modelseal_core::{Code, Error, Result};
use modelseal_http::{Client, Header, HttpErrorKind, Request, RequestRecord, Response, Sent};
use serde::de::DeserializeOwned;

pub(crate) use call::{Call, Repeat};
pub use contact::{Contact, Stage};
pub use health::Health;

use crate::answer::{self, Answer};
use crate::discretion::Discretion;
use crate::environment::Resolved;
use crate::refusal::Refusal;
use repeats::{Failed, Repeats};

/// What a client is made from, besides the address.
const SETTINGS: &str = "look at the certificate authorities (--ca-cert, VAULT_CACERT, VAULT_CAPATH), at VAULT_CLIENT_CERT \
    and VAULT_CLIENT_KEY, VAULT_TLS_SERVER_NAME, and the proxy";

/// A server and how to reach it.
#[derive(Debug)]
pub(crate) struct Connection {
    client: Client,
    pub(crate) resolved: Resolved,
    /// What must not be repeated of what the server says.
    pub(crate) discretion: Discretion,
}

impl Connection {
    /// # Errors
    /// `vault/plain-http`; `usage/environment` for certificates, keys and names that do not fit together.
    pub(crate) fn new(resolved: Resolved) -> Result<Self> {
        let client = Client::new(resolved.client.clone()).map_err(|error| match error.kind() {
            HttpErrorKind::PlainHttp => Error::new(Code::VaultPlainHttp, error.message()),
            _ => Error::new(Code::UsageEnvironment, error.message()).with_hint(SETTINGS),
        })?;
        Ok(Self { client, resolved, discretion: Discretion::default() })
    }

    /// Makes a call whose answer is JSON.
    pub(crate) fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<Answer<T>, Refusal> {
        let (response, lost) = self.call(&call, is_success)?;
        let refused = |error| Refusal {
            status: Some(response.status),
            words: Vec::new(),
            sent: Sent::Maybe,
            lost: lost > 0,
            error,
        };
        let answer = Answer::read(&self.what(&call), &response, &self.discretion).map_err(refused)?;
        Ok(Answer { lost, ..answer })
    }

    /// Makes a call whose answer does not matter.
    pub(crate) fn tell(&self, call: Call<'_>) -> Result<(), Refusal> {
        self.call(&call, is_success).map(drop)
    }

    /// Sends a request until `wanted` takes the status of an answer, or the table gives up. With the answer comes the
    /// number of attempts that were lost: the server may have acted on them.
    fn call(&self, call: &Call<'_>, wanted: fn(u16) -> bool) -> Result<(Response, usize), Refusal> {
        let deadline = Instant::now() + call.timeout.unwrap_or(self.resolved.timeout);
        let mut repeats = Repeats::new(call.repeat, self.resolved.retries, deadline);
        let mut lost = 0;
        let mut earlier: Option<Refusal> = None;
        loop {
            let failed = match self.attempt(call, wanted, deadline) {
                Ok(response) => return Ok((response, lost)),
                Err(failed) => failed,
            };
            let lost_before = lost > 0;
            lost += usize::from(failed.may_have_acted());
            let delay = repeats.next(&failed);
            // An attempt that the deadline cut short explains nothing: what came before it does.
            let cut_short = failed.refusal.error.code() == Code::VaultTimeout;
            let mut refusal = earlier.filter(|_| cut_short).unwrap_or(failed.refusal);
            refusal.lost = lost_before;
            if lost > 0 {
                refusal.sent = Sent::Maybe;
            }
            let Some(delay) = delay else { return Err(refusal) };
            if call.stoppable {
                self.client.wait(delay).map_err(|stopped| Refusal {
                    sent: refusal.sent,
                    lost: lost > 0,
                    ..Refusal::failed(&self.what(call), &stopped)
                })?;
            } else {
                std::thread::sleep(delay);
            }
            earlier = Some(refusal);
        }
    }

    fn attempt(&self, call: &Call<'_>, wanted: fn(u16) -> bool, deadline: Instant) -> Result<Response, Failed> {
        let path = call.full_path();
        let mut request = Request::new(call.method, &path);
        request.deadline = deadline;
        request.stoppable = call.stoppable;
        request.max_answer = call.max_answer;
        request.body = call.body.clone();
        // An agent may insist on it, as a sign that no browser was tricked into the request.
        request.headers.push(Header::plain("x-vault-request", "true"));
        if let Some(id) = &self.resolved.correlation_id {
            request.headers.push(Header::plain("x-correlation-id", id));
        }
        if let Some(token) = call.token {
            self.discretion.learn(token);
            request.headers.push(Header::secret("x-vault-token", token.clone()));
        }
        let started = Instant::now();
        let outcome = match call.patience {
            Some(watch) => watch.patiently(|| self.client.send(request)),
            None => self.client.send(request),
        };
        self.record(call, &path, started.elapsed(), outcome.as_ref().ok());
        match outcome {
            Ok(response) if wanted(response.status) => Ok(response),
            Ok(response) => Err(Failed {
                refusal: Refusal::answered(&self.what(call), &response, &self.discretion),
                retry_after: response.retry_after,
                passing: false,
            }),
            Err(failure) => {
                let passing =
                    matches!(failure.kind(), HttpErrorKind::Connection | HttpErrorKind::Dns | HttpErrorKind::Timeout);
                let mut refusal = Refusal::failed(&self.what(call), &failure);
                if self.resolved.default_address && refusal.error.code() == Code::VaultUnreachable {
                    refusal.error = refusal.error.with_hint("name the server with --vault-addr or VAULT_ADDR");
                }
                Err(Failed { refusal, retry_after: None, passing })
            }
        }
    }

    fn record(&self, call: &Call<'_>, path: &str, took: Duration, response: Option<&Response>) {
        let id = response.and_then(answer::request_id).filter(|id| self.discretion.permits(id));
        let status = response.map(|response| response.status);
        let record = RequestRecord::new(call.method, path, status, took, id.as_deref());
        (self.resolved.client.hooks.record)(&record);
    }

    /// Method, path and server, for messages.
    fn what(&self, call: &Call<'_>) -> String {
        format!("{} {} at {}", call.method.as_str(), call.full_path(), self.client.address())
    }
}

fn is_success(status: u16) -> bool {
    matches!(status, 200 | 204)
}
