//! HTTP/1.1 as bytes, for a server that misbehaves and for sockets that are no TCP.

use std::io::{BufRead, BufReader, Read, Write};

/// The most that anybody sends in a test.
const LONGEST: u64 = 64 << 20;

/// First line, headers and body of a request or an answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) start: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The value of the first header of this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(present, _)| present.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The status of an answer.
    pub(crate) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    /// Reads one message; nothing when the stream is at its end. `has_body` is false for the answer to a HEAD.
    pub(crate) fn read(stream: &mut impl BufRead, has_body: bool) -> Option<Self> {
        let start = line(stream)?;
        let mut message = Self { start, ..Self::default() };
        loop {
            let line = line(stream)?;
            let Some((name, value)) = line.split_once(':') else { break };
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        if has_body {
            message.body = message.read_body(stream)?;
        }
        Some(message)
    }

    fn read_body(&self, stream: &mut impl BufRead) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        if self.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
            loop {
                let size = u64::from_str_radix(line(stream)?.split(';').next()?.trim(), 16).ok()?;
                stream.take(size).read_to_end(&mut body).ok()?;
                line(stream)?;
                if size == 0 {
                    return Some(body);
                }
            }
        }
        let is_answer = self.start.starts_with("HTTP/");
        let bodiless = is_answer && matches!(self.status(), 204 | 304);
        let length = self.header("content-length").and_then(|value| value.parse().ok());
        let length = length.unwrap_or(if is_answer && !bodiless { LONGEST } else { 0 });
        stream.take(length).read_to_end(&mut body).ok()?;
        Some(body)
    }

    /// Writes it with the headers it has.
    pub(crate) fn write(&self, stream: &mut impl Write) -> std::io::Result<()> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        // In one piece: a peer that answers before it has read everything would cut off the rest.
        stream.write_all(&[format!("{}\r\n{headers}\r\n", self.start).as_bytes(), &self.body].concat())?;
        stream.flush()
    }
}

/// Sends one request over a stream of any kind and reads the answer.
pub(crate) fn exchange<S: Read + Write>(
    stream: S,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<Message> {
    let mut request = Message { start: format!("{method} {path} HTTP/1.1"), body: body.to_vec(), ..Message::default() };
    request.headers.push(("Host".to_owned(), "localhost".to_owned()));
    request.headers.push(("Connection".to_owned(), "close".to_owned()));
    request.headers.push(("Content-Length".to_owned(), body.len().to_string()));
    request.headers.extend(headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
    let mut stream = BufReader::new(stream);
    request.write(stream.get_mut()).ok()?;
    Message::read(&mut stream, method != "HEAD")
}

fn line(stream: &mut impl BufRead) -> Option<String> {
    let mut line = Vec::new();
    stream.take(64 << 10).read_until(b'\n', &mut line).ok()?;
    line.pop().filter(|&last| last == b'\n')?;
    line.pop_if(|last| *last == b'\r');
    Some(String::from_utf8_lossy(&line).into_owned())
}
