//! One exchange: the request is checked and made, the answer is read up to its cap.

use jiff::Timestamp;
use reqwest::header;

use crate::failure::{self, Peer};
use crate::wiped::{self, Buffer, Full};
use crate::{
    ClientConfig, Header, HeaderValue, HttpError, HttpErrorKind, Method, Request, Response, Sent, message, retry,
};

/// Most bytes of an answer's headers, names and values together.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Headers that frame messages or steer connections: not the caller's.
const OURS: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request that can be sent.
pub(crate) struct Prepared {
    request: reqwest::Request,
    max_answer: usize,
}

/// Checks everything that can be wrong without a connection.
pub(crate) fn prepare(
    http: &reqwest::Client,
    config: &ClientConfig,
    request: Request<'_>,
) -> Result<Prepared, HttpError> {
    if !request.bare {
        message::check_path(request.path)?;
    }
    let method = match request.method {
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Delete => reqwest::Method::DELETE,
    };
    let mut headers = header::HeaderMap::new();
    for header in request.headers {
        let (name, value) = checked(header)?;
        headers.append(name, value);
    }
    let mut url = if request.bare { config.address.whole() } else { config.address.url(request.path) };
    url.set_query(request.query.as_str());
    if let (true, Some(name)) = (config.address.is_tls(), config.tls.server_name()?) {
        // The name is what the certificate is checked against; the resolver knows the host, and the server is told it.
        let refused = |_| HttpError::config("the TLS server name must be a host name");
        url.set_host(Some(name)).map_err(refused)?;
        if let Some(authority) = config.address.authority() {
            let value = header::HeaderValue::from_str(&authority)
                .map_err(|_| HttpError::config("the address has no usable host"))?;
            headers.insert(header::HOST, value);
        }
    }
    let mut builder = http.request(method, url);
    if let Some(body) = request.body {
        if !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
        }
        builder = builder.body(wiped::body(body));
    }
    let built = builder.headers(headers).build().map_err(|_| HttpError::config("the request cannot be made"))?;
    Ok(Prepared { request: built, max_answer: request.max_answer })
}

/// Whether a header may hold it.
pub(crate) fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

fn checked(header: Header) -> Result<(header::HeaderName, header::HeaderValue), HttpError> {
    let Header { name, value } = header;
    let wrong = |why: &str| HttpError::config(format!("the header {} {why}", name.escape_debug()));
    let key = header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("has a name that cannot be sent"))?;
    if OURS.contains(&key.as_str()) {
        return Err(wrong("is not the caller's"));
    }
    let (bytes, sensitive) = match value {
        HeaderValue::Plain(text) => (bytes::Bytes::from(text), false),
        HeaderValue::Secret(text) => (wiped::text(text), true),
    };
    let unprintable = "has a value with characters other than printable ASCII";
    if !bytes.iter().copied().all(is_printable) {
        return Err(wrong(unprintable));
    }
    let mut value = header::HeaderValue::from_maybe_shared(bytes).map_err(|_| wrong(unprintable))?;
    value.set_sensitive(sensitive);
    Ok((key, value))
}

impl Prepared {
    /// Sends it and reads the answer.
    pub(crate) async fn run(self, http: &reqwest::Client, peer: &Peer) -> Result<Response, HttpError> {
        let failed = |error: reqwest::Error| failure::exchange(&error, peer);
        let too_large = |what: &str, most: usize| {
            let message = format!("the {what} of {}'s answer is larger than {most} bytes", peer.server);
            HttpError::new(HttpErrorKind::TooLarge, Sent::Maybe, message)
        };
        let mut answer = http.execute(self.request).await.map_err(failed)?;
        let headers = answer.headers();
        let size: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if size > MAX_HEADER_BYTES {
            return Err(too_large("header", MAX_HEADER_BYTES));
        }
        let text = |name: header::HeaderName| headers.get(name)?.to_str().ok().map(str::to_owned);
        let content_type = text(header::CONTENT_TYPE);
        let location = text(header::LOCATION);
        let retry_after = text(header::RETRY_AFTER).and_then(|text| retry::retry_after(&text, Timestamp::now()));
        let date = text(header::DATE).and_then(|text| retry::date(&text));
        let status = answer.status().as_u16();
        let expected = answer.content_length();
        let full = |_: Full| too_large("body", self.max_answer);
        if expected.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > self.max_answer)) {
            return Err(full(Full));
        }
        let mut buffer = Buffer::new(self.max_answer, expected);
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            buffer.push(&chunk).map_err(full)?;
        }
        Ok(Response { status, content_type, retry_after, location, date, body: buffer.finish() })
    }
}
