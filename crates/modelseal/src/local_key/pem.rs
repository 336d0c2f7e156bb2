//! PEM text with private keys in it: lenient about layout, and nothing of it stays behind in memory.

use der::pem::LineEnding;
use modelseal_core::{Code, Error, Result};
use zeroize::Zeroizing;

/// One block between `-----BEGIN label-----` and `-----END label-----`.
pub(super) struct PemBlock<'a> {
    pub(super) label: &'a str,
    lines: Vec<&'a [u8]>,
}

/// Finds every block. Text outside of them is not looked at: OpenSSL writes attributes there.
pub(super) fn blocks(text: &[u8]) -> Result<Vec<PemBlock<'_>>> {
    let mut found = Vec::new();
    let mut open: Option<PemBlock<'_>> = None;
    for line in text.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii) {
        if let Some(label) = boundary(line, b"-----BEGIN ") {
            if let Some(block) = open {
                return Err(malformed(format!("the PEM block `{}` has no END line", block.label)));
            }
            open = Some(PemBlock { label, lines: Vec::new() });
        } else if let Some(label) = boundary(line, b"-----END ") {
            match open.take() {
                Some(block) if block.label == label => found.push(block),
                _ => return Err(malformed(format!("the PEM block `{label}` has no BEGIN line"))),
            }
        } else if let Some(block) = &mut open {
            block.lines.push(line);
        }
    }
    match open {
        Some(block) => Err(malformed(format!("the PEM block `{}` has no END line", block.label))),
        None => Ok(found),
    }
}

impl PemBlock<'_> {
    /// Whether the block is encrypted in the manner of RFC 1421 (`Proc-Type: 4,ENCRYPTED`).
    pub(super) fn is_legacy_encrypted(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with(b"Proc-Type:"))
    }

    /// The bytes of the block.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>> {
        // The decoder works in constant time and wants lines of 64 columns.
        let chars = self.lines.iter().copied().flatten().filter(|byte| !byte.is_ascii_whitespace());
        let len = self.lines.iter().map(|line| line.len()).sum::<usize>();
        let mut text = Zeroizing::new(Vec::with_capacity(len + len / 64 + 2 * self.label.len() + 64));
        text.extend_from_slice(format!("-----BEGIN {}-----", self.label).as_bytes());
        for (index, byte) in chars.enumerate() {
            if index % 64 == 0 {
                text.push(b'\n');
            }
            text.push(*byte);
        }
        text.extend_from_slice(format!("\n-----END {}-----\n", self.label).as_bytes());
        let mut buffer = Zeroizing::new(vec![0; len]);
        let decoded = der::pem::decode(&text, &mut buffer).map(|(_, bytes)| bytes.len()).map_err(|_| {
            malformed(format!("the text between the `{}` lines is not base64", self.label))
                .with_hint("fetch the file again; it may have been cut or edited")
        })?;
        buffer.truncate(decoded);
        Ok(buffer)
    }
}

/// Writes one block: 64 columns, LF, with a final LF.
pub(super) fn encode(label: &str, der: &[u8]) -> Result<Zeroizing<String>> {
    der::pem::encode_string(label, LineEnding::LF, der)
        .map(Zeroizing::new)
        .map_err(|_| malformed("the private key cannot be written as PEM"))
}

fn boundary<'a>(line: &'a [u8], start: &[u8]) -> Option<&'a str> {
    let label = line.strip_prefix(start)?.strip_suffix(b"-----")?;
    core::str::from_utf8(label).ok().filter(|label| label.bytes().all(|byte| matches!(byte, b' '..=b'~')))
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}
