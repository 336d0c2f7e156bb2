//! What a file is by its bytes: recognised by structure. Whatever looks dangerous wins over whatever looks benign, as one
//! file can be both.

use std::io::{self, BufReader, Read};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::FileFormat;
use super::container::{Container, container};
use super::numpy;
use super::pickle::is_pickle;
use super::safetensors::is_safetensors;

/// Bytes at the beginning that most formats are known by.
const HEAD: usize = 64 << 10;
/// The end record of a ZIP archive and the longest comment after it.
const TAIL: usize = (64 << 10) + 22;
/// Largest text or JSON that is read for it; what is larger is something else.
const MOST_TEXT: u64 = 64 << 20;

const PROGRAMS: [&[u8]; 10] = [
    b"#!",
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xca\xfe\xba\xbf",
    b"\0asm",
];
const IMAGES: [&[u8]; 4] = [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"];

/// The bytes of a file.
pub(crate) trait Content {
    fn size(&self) -> u64;

    /// Reads at an offset; 0 at the end.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

impl FileFormat {
    /// The format of these bytes. The format that their name promises helps only where bytes alone say too little.
    ///
    /// # Errors
    /// Those of reading.
    pub(crate) fn of_bytes(content: &dyn Content, by_name: Self) -> io::Result<Self> {
        let head = read(content, 0, HEAD)?;
        if PROGRAMS.iter().any(|magic| head.starts_with(magic)) {
            return Ok(Self::Code);
        }
        let container = container(&head);
        if container == Some(Container::Opened) || is_pickle(content)? || ends_archive(content)? {
            return Ok(Self::Pickle);
        }
        if container.is_some() {
            return Ok(Self::Other);
        }
        if is_safetensors(content, &head)? {
            return Ok(Self::Safetensors);
        }
        if is_gguf(&head) {
            return Ok(Self::Gguf);
        }
        if let Some(plain) = numpy::is_plain(&head, content.size()) {
            return Ok(if plain { Self::Numpy } else { Self::Pickle });
        }
        if is_image(&head, content.size()) {
            return Ok(Self::Image);
        }
        match by_name {
            Self::Onnx if is_message(&head, content.size(), 26) => return Ok(Self::Onnx),
            Self::Sentencepiece if is_message(&head, content.size(), 5) => return Ok(Self::Sentencepiece),
            _ => {}
        }
        if content.size() > MOST_TEXT || !is_text(content)? {
            return Ok(Self::Other);
        }
        Ok(if is_json(content)? { Self::Json } else { Self::Text })
    }
}

/// Whether a ZIP archive ends here: readers find it by its end, whatever is before it.
fn ends_archive(content: &dyn Content) -> io::Result<bool> {
    let tail = read(content, content.size().saturating_sub(TAIL as u64), TAIL)?;
    Ok(tail.windows(4).any(|window| window == b"PK\x05\x06"))
}

fn is_gguf(head: &[u8]) -> bool {
    let version =
        head.strip_prefix(b"GGUF").and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    // Either order of bytes.
    version.is_some_and(|version| matches!(version, 1..=3) || matches!(version.swap_bytes(), 1..=3))
}

fn is_image(head: &[u8], size: u64) -> bool {
    let length = |at: usize| head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    IMAGES.iter().any(|magic| head.starts_with(magic))
        || (head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP"))
        || (head.starts_with(b"BM") && length(2).is_some_and(|length| u64::from(length) == size))
}

/// Whether the beginning is a protocol buffer message with fields up to `most`, as far as it is looked at.
fn is_message(head: &[u8], size: u64, most: u64) -> bool {
    let mut at: u64 = 0;
    let mut fields = 0;
    while at < size {
        let Some(mut rest) = usize::try_from(at).ok().and_then(|at| head.get(at..)) else { break };
        let before = rest.len();
        // Only what is wholly in the head can be judged, and the head ends somewhere.
        let cut = before < 20 && size > head.len() as u64;
        let Some(tag) = varint(&mut rest) else { return cut && fields > 0 };
        let length = match tag & 7 {
            0 => varint(&mut rest).map(|_| 0),
            1 => Some(8),
            2 => varint(&mut rest),
            5 => Some(4),
            _ => return false,
        };
        let Some(length) = length else { return cut && fields > 0 };
        if !(1..=most).contains(&(tag >> 3)) {
            return false;
        }
        let Some(next) =
            (before - rest.len()).try_into().ok().and_then(|read: u64| at.checked_add(read)?.checked_add(length))
        else {
            return false;
        };
        (at, fields) = (next, fields + 1);
    }
    fields > 0 && at <= size
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// UTF-8 without NUL.
fn is_text(content: &dyn Content) -> io::Result<bool> {
    let mut buffer = vec![0; HEAD];
    let (mut kept, mut offset) = (0, 0);
    loop {
        let read = content.read_at(&mut buffer[kept..], offset)?;
        if read == 0 {
            return Ok(kept == 0);
        }
        offset += read as u64;
        let filled = &buffer[..kept + read];
        if filled.contains(&0) {
            return Ok(false);
        }
        let valid = match core::str::from_utf8(filled) {
            Ok(_) => filled.len(),
            // A character that goes on in the next piece.
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Ok(false),
        };
        let filled = filled.len();
        buffer.copy_within(valid..filled, 0);
        kept = filled - valid;
    }
}

fn is_json(content: &dyn Content) -> io::Result<bool> {
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(Reader::new(content, 0)));
    let parsed = Deserialize::deserialize(&mut reader).and_then(|IgnoredAny| reader.end());
    match parsed {
        Ok(()) => Ok(true),
        Err(error) if error.is_io() => Err(error.into()),
        Err(_) => Ok(false),
    }
}

/// The bytes from an offset on.
pub(super) struct Reader<'a> {
    content: &'a dyn Content,
    offset: u64,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(content: &'a dyn Content, offset: u64) -> Self {
        Self { content, offset }
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.content.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

/// Up to `most` bytes from an offset.
fn read(content: &dyn Content, offset: u64, most: usize) -> io::Result<Vec<u8>> {
    let left = content.size().saturating_sub(offset);
    let mut bytes = vec![0; most.min(usize::try_from(left).unwrap_or(usize::MAX))];
    let mut filled = 0;
    while filled < bytes.len() {
        match content.read_at(&mut bytes[filled..], offset + filled as u64)? {
            0 => break,
            read => filled += read,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
