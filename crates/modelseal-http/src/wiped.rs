//! Secret bytes on their way in and out, wiped as far as this crate holds them.
//!
//! Out of reach: hyper's buffers of headers and answers, rustls's records, the kernel.

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretBox, SecretSlice, SecretString};
use zeroize::{Zeroize as _, Zeroizing};

/// The bytes of a body, wiped when the last user is done.
pub(crate) fn body(body: SecretSlice<u8>) -> Bytes {
    Bytes::from_owner(Body(body))
}

/// The bytes of a header, wiped when the last user is done.
pub(crate) fn text(text: SecretString) -> Bytes {
    Bytes::from_owner(Text(text))
}

struct Body(SecretSlice<u8>);

impl AsRef<[u8]> for Body {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_secret()
    }
}

struct Text(SecretString);

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

/// A growing body that leaves no copy behind: a `Vec` that grows by itself frees the old bytes as they are.
pub(crate) struct Buffer {
    bytes: Zeroizing<Vec<u8>>,
    most: usize,
}

/// The body is larger than allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Buffer {
    /// For at most `most` bytes. `expected` is only a hint: the other side's word reserves 64 KiB at most.
    pub(crate) fn new(most: usize, expected: Option<u64>) -> Self {
        let expected = expected.and_then(|length| usize::try_from(length).ok()).unwrap_or(4096);
        Self { bytes: Zeroizing::new(Vec::with_capacity(expected.min(64 * 1024).min(most))), most }
    }

    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), Full> {
        let length = self.bytes.len().checked_add(chunk.len()).filter(|length| *length <= self.most).ok_or(Full)?;
        if length > self.bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(length.max(self.bytes.capacity() * 2).min(self.most)));
            larger.extend_from_slice(&self.bytes);
            // The old bytes are wiped here.
            self.bytes = larger;
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// The bytes, in a box of exactly their size: making one out of a larger vector would move them.
    pub(crate) fn finish(mut self) -> SecretSlice<u8> {
        let mut exact: Box<[u8]> = vec![0; self.bytes.len()].into();
        exact.copy_from_slice(&self.bytes);
        self.bytes.zeroize();
        SecretBox::new(exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_keeps_what_it_is_given_up_to_its_cap() {
        for expected in [None, Some(0), Some(10), Some(u64::MAX)] {
            let mut buffer = Buffer::new(10_000, expected);
            for _ in 0..10 {
                buffer.push(&[7; 1000]).unwrap();
            }
            assert_eq!(buffer.push(&[7]), Err(Full));
            buffer.push(&[]).unwrap();
            assert_eq!(buffer.finish().expose_secret(), vec![7; 10_000]);
        }
        assert_eq!(Buffer::new(0, None).push(&[1]), Err(Full));
        assert!(Buffer::new(usize::MAX, Some(u64::MAX)).bytes.capacity() <= 64 * 1024);
    }

    #[test]
    fn growth_never_reallocates_in_place() {
        let mut buffer = Buffer::new(usize::MAX, Some(4));
        for length in 1..200 {
            let before = buffer.bytes.capacity();
            buffer.push(&vec![1; length]).unwrap();
            assert!(buffer.bytes.capacity() == before || buffer.bytes.capacity() >= before * 2);
        }
    }

    #[test]
    fn bytes_on_the_way_out_are_not_copied() {
        let secret = SecretSlice::from(b"body".to_vec());
        let address = secret.expose_secret().as_ptr();
        let bytes = body(secret);
        assert_eq!((bytes.as_ref(), bytes.as_ptr()), (b"body".as_slice(), address));
        let secret = SecretString::from("token");
        let address = secret.expose_secret().as_ptr();
        let value = reqwest::header::HeaderValue::from_maybe_shared(text(secret)).unwrap();
        assert_eq!((value.as_bytes(), value.as_bytes().as_ptr()), (b"token".as_slice(), address));
    }
}
