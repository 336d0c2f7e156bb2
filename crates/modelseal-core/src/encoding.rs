//! Base64 in its one accepted encoding.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Standard alphabet, padded, no whitespace, no spare bits (RFC 4648 §4 and §3.5).
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Standard alphabet, padded.
pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_encoding_only() {
        assert_eq!(from_base64("+/8=").as_deref(), Some(&[0xfb, 0xff][..]));
        for bad in ["+/8", "-_8=", "+/8=\n", "+/ 8=", "+/9=", "+/8==", "="] {
            assert_eq!(from_base64(bad), None, "{bad:?}");
        }
    }
}
