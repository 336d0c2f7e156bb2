//! PEM text (RFC 7468): lenient about line ends, indentation and wrapping, strict about everything else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Code, Error, Result};

/// One block between `-----BEGIN label-----` and `-----END label-----`.
#[derive(Debug)]
pub(crate) struct PemBlock {
    label: String,
    /// The lines between the boundaries, without white space.
    body: Vec<u8>,
}

/// Whether text before, between and after the blocks is accepted, as `openssl x509 -text` writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outside {
    Accepted,
    Refused,
}

impl PemBlock {
    /// What the block says it holds, such as `PUBLIC KEY`.
    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The bytes of the block.
    ///
    /// # Errors
    /// `key/malformed`.
    pub(crate) fn decode(&self) -> Result<Vec<u8>> {
        STANDARD.decode(&self.body).map_err(|_| {
            malformed(format!("the text between the `{}` lines is not base64", self.label))
                .with_hint("fetch the file again; it may have been cut or edited")
        })
    }
}

/// Finds every block of a PEM text; none is no error.
///
/// # Errors
/// `key/malformed`.
pub(crate) fn blocks(text: &[u8], outside: Outside) -> Result<Vec<PemBlock>> {
    if text.starts_with(b"\xef\xbb\xbf") || text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err(malformed("the file begins with a byte order mark").with_hint("save it as plain ASCII text"));
    }
    let mut found = Vec::new();
    let mut open: Option<PemBlock> = None;
    // Looked for once: a hostile file may have many lines.
    let mut before = None;
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii) {
        if let Some(label) = boundary(line, b"-----BEGIN ") {
            if let Some(block) = open {
                return Err(malformed(format!("the PEM block `{}` has no END line", block.label)));
            }
            open = Some(PemBlock { label, body: Vec::new() });
        } else if let Some(label) = boundary(line, b"-----END ") {
            match open.take() {
                Some(block) if block.label == label => found.push(block),
                Some(block) => {
                    return Err(malformed(format!("the PEM block `{}` ends as `{label}`", block.label)));
                }
                None => return Err(malformed(format!("the PEM block `{label}` has no BEGIN line"))),
            }
        } else if let Some(block) = &mut open {
            block.body.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        } else if outside == Outside::Refused && !line.is_empty() && !found.is_empty() {
            return Err(malformed("there is text after the PEM block"));
        } else if outside == Outside::Refused && !line.is_empty() && *before.get_or_insert_with(|| has_boundary(text)) {
            return Err(malformed("there is text before the PEM block"));
        }
    }
    match open {
        Some(block) => Err(malformed(format!("the PEM block `{}` has no END line", block.label))),
        None => Ok(found),
    }
}

/// Writes one block: 64 columns, LF, with a final LF.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

fn boundary(line: &[u8], start: &[u8]) -> Option<String> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    label.iter().all(|byte| matches!(byte, b' '..=b'~')).then(|| String::from_utf8_lossy(label).into_owned())
}

fn has_boundary(text: &[u8]) -> bool {
    text.windows(11).any(|window| window == b"-----BEGIN ")
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_free_and_content_is_not() {
        let one = |text: &str| blocks(text.as_bytes(), Outside::Refused).map(|found| found[0].decode());
        for text in [
            "-----BEGIN X-----\nAAEC\n-----END X-----\n",
            "-----BEGIN X-----\r\nAA\r\nEC\r\n-----END X-----",
            "\n\n  -----BEGIN X-----\n\t AAEC \n\n  -----END X-----  \n \n",
            "-----BEGIN X-----\rAAEC\r-----END X-----\r",
        ] {
            assert_eq!(one(text).unwrap().unwrap(), [0, 1, 2], "{text:?}");
        }
        for text in ["AAE", "AAF=", "A_EC", "AAEC=", "Proc-Type: 4,ENCRYPTED\n\nAAEC"] {
            let text = format!("-----BEGIN X-----\n{text}\n-----END X-----\n");
            assert!(one(&text).unwrap().is_err(), "{text:?}");
        }
        for text in [
            "-----BEGIN X-----\nAAEC\n",
            "-----BEGIN X-----\nAAEC\n-----END Y-----\n",
            "AAEC\n-----END X-----\n",
            "-----BEGIN X-----\n-----BEGIN X-----\nAAEC\n-----END X-----\n",
            "-----BEGIN X-----\nAAEC\n-----END X-----\ntext",
            "text\n-----BEGIN X-----\nAAEC\n-----END X-----\n",
        ] {
            assert_eq!(one(text).unwrap_err().code(), Code::KeyMalformed, "{text:?}");
        }
        let text = b"a\n-----BEGIN X-----\nAAEC\n-----END X-----\nb\n-----BEGIN X-----\n-----END X-----\n";
        assert_eq!(blocks(text, Outside::Accepted).unwrap().len(), 2);
    }

    #[test]
    fn lines_hold_64_columns() {
        for len in [0, 1, 47, 48, 49, 96, 97] {
            let text = encode("X", &vec![7; len]);
            assert!(text.lines().all(|line| line.len() <= 64) && text.ends_with("-----END X-----\n"));
            assert_eq!(blocks(text.as_bytes(), Outside::Refused).unwrap()[0].decode().unwrap(), vec![7; len]);
        }
    }
}
