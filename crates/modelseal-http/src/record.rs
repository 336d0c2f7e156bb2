//! What the client's user hears of it while it works.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use crate::Method;

/// How the client talks to its caller.
#[derive(Clone)]
#[non_exhaustive]
pub struct Hooks {
    /// Whether to stop; asked about twenty times a second, on the calling thread.
    pub stop: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Told of every exchange, by whoever understands the answer: this crate never calls it by itself.
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

/// One exchange, for `-v`: no query, no header, no body. Its `Display` is one line that a terminal may see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The method.
    pub method: &'static str,
    /// The path, without the address and without a query.
    pub path: String,
    /// The status; `None` when there was no answer.
    pub status: Option<u16>,
    /// From the first byte to the last.
    pub took: Duration,
    /// By what the server's audit log calls it.
    pub request_id: Option<String>,
}

impl RequestRecord {
    /// A record. A query is cut off; characters that [`Request::path`](crate::Request::path) would refuse become `?`; a
    /// `request_id` that is not 1 to 64 hexadecimal digits and hyphens is left out.
    #[must_use]
    pub fn new(method: Method, path: &str, status: Option<u16>, took: Duration, request_id: Option<&str>) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        Self {
            method: method.as_str(),
            path: path.chars().map(|c| if crate::message::is_path_char(c) { c } else { '?' }).collect(),
            status,
            took,
            request_id: request_id.filter(|id| is_request_id(id)).map(str::to_owned),
        }
    }
}

fn is_request_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

impl fmt::Display for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.method, self.path)?;
        match self.status {
            Some(status) => write!(f, "{status}")?,
            None => f.write_str("no answer")?,
        }
        write!(f, " {} ms", self.took.as_millis())?;
        match &self.request_id {
            Some(id) => write!(f, " id {id}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_micros(3_900);

    #[test]
    fn a_record_is_one_line() {
        let record = RequestRecord::new(Method::Post, "v1/transit/sign/k", Some(200), TOOK, Some("1234-aF"));
        assert_eq!(record.to_string(), "POST v1/transit/sign/k 200 3 ms id 1234-aF");
        let record = RequestRecord::new(Method::Get, "v1/sys/health", None, TOOK, None);
        assert_eq!(record.to_string(), "GET v1/sys/health no answer 3 ms");
    }

    #[test]
    fn what_a_terminal_must_not_see_is_not_in_it() {
        let record = RequestRecord::new(Method::Get, "v1/\u{1b}[2Jx\n?token=secret", Some(200), TOOK, None);
        assert_eq!(record.to_string(), "GET v1/??2Jx? 200 3 ms");
        for id in ["", "xyz", "12\n34", "12 34", &"1".repeat(65)] {
            assert_eq!(RequestRecord::new(Method::Get, "v1", None, TOOK, Some(id)).request_id, None, "{id:?}");
        }
    }
}
