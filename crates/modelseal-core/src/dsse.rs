//! DSSE v1: the envelope's payload and its pre-authentication encoding.

/// The payload type of in-toto statements.
pub const IN_TOTO_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// DSSE pre-authentication encoding (PAE) of a payload: the bytes that are signed.
///
/// A signer takes this type and not bytes, so that nothing but an encoded payload can be signed with a model key.
#[derive(Clone, PartialEq, Eq)]
pub struct Pae {
    bytes: Vec<u8>,
    payload_at: usize,
}

impl Pae {
    /// Encodes an in-toto payload: `DSSEv1 28 application/vnd.in-toto+json LEN PAYLOAD`.
    #[must_use]
    pub fn in_toto(payload: &[u8]) -> Self {
        let head = format!("DSSEv1 {} {IN_TOTO_PAYLOAD_TYPE} {} ", IN_TOTO_PAYLOAD_TYPE.len(), payload.len());
        let mut bytes = Vec::with_capacity(head.len() + payload.len());
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(payload);
        Self { bytes, payload_at: head.len() }
    }

    /// The encoding that version 0.2.0 of the reference tool signed: a capital V and the payload as Python prints it.
    pub(crate) fn legacy(payload: &[u8]) -> Vec<u8> {
        let mut bytes =
            format!("DSSEV1 {} {IN_TOTO_PAYLOAD_TYPE} {} b'", IN_TOTO_PAYLOAD_TYPE.len(), payload.len()).into_bytes();
        for &byte in payload {
            match byte {
                b'\\' => bytes.extend_from_slice(b"\\\\"),
                b'\'' => bytes.extend_from_slice(b"\\'"),
                b'\n' => bytes.extend_from_slice(b"\\n"),
                b'\r' => bytes.extend_from_slice(b"\\r"),
                b'\t' => bytes.extend_from_slice(b"\\t"),
                0x20..=0x7e => bytes.push(byte),
                _ => bytes.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            }
        }
        bytes.push(b'\'');
        bytes
    }

    /// The bytes to sign.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The payload inside.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload_at..]
    }
}

impl core::fmt::Debug for Pae {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pae({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_exact() {
        let pae = Pae::in_toto(b"{}");
        assert_eq!(pae.as_bytes(), b"DSSEv1 28 application/vnd.in-toto+json 2 {}");
        assert_eq!(pae.payload(), b"{}");
        assert_eq!(
            Pae::legacy("{\"a\":'\\\n\u{e9}'}".as_bytes()),
            b"DSSEV1 28 application/vnd.in-toto+json 12 b'{\"a\":\\'\\\\\\n\\xc3\\xa9\\'}'"
        );
    }
}
