//! The text of a signature: `vault:vN:BASE64`.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest signature in bytes: more than ML-DSA-87 (4627) and RSA with 16 384 bits need.
const MAX_BYTES: usize = 8 * 1024;

/// A signature with the version of the key that made it.
///
/// Servers also read `v02`, `v+2` and line ends inside the base64. Here each signature has exactly one text: what
/// [`parse`](Self::parse) accepts is what `Display` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignatureText {
    pub(super) version: u32,
    pub(super) bytes: Vec<u8>,
}

impl SignatureText {
    /// Reads `vault:v` and a number from 1 without leading zero, `:`, and canonical, padded standard base64 of at
    /// least one byte.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (version, encoded) = text.strip_prefix("vault:v")?.split_once(':')?;
        if encoded.is_empty() || encoded.len() > MAX_BYTES.div_ceil(3) * 4 {
            return None;
        }
        Some(Self { version: version_number(version)?, bytes: STANDARD.decode(encoded).ok()? })
    }
}

impl fmt::Display for SignatureText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vault:v{}:{}", self.version, STANDARD.encode(&self.bytes))
    }
}

/// The number of a version as servers write it: from 1, digits only, no leading zero.
pub(super) fn version_number(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_servers_tolerate_is_refused() {
        assert_eq!(SignatureText::parse("vault:v12:AAE="), Some(SignatureText { version: 12, bytes: vec![0, 1] }));
        assert!(SignatureText::parse("vault:v4294967295:AAEC").is_some());
        for bad in [
            "",
            "vault",
            "vault:",
            "vault:v",
            "vault:v1",
            "vault:v1:",
            "vault:v:AAEC",
            "vault:1:AAEC",
            "v1:AAEC",
            "vault:v0:AAEC",
            "vault:v01:AAEC",
            "vault:v+1:AAEC",
            "vault:v-1:AAEC",
            "vault:v 1:AAEC",
            "vault:v1.0:AAEC",
            "vault:v4294967296:AAEC",
            "vault:v99999999999999999999:AAEC",
            "vault:v\u{661}:AAEC",
            "Vault:v1:AAEC",
            "VAULT:V1:AAEC",
            " vault:v1:AAEC",
            "bao:v1:AAEC",
            "vault:v1:v1:AAEC",
            "vault:v1:AAE",
            "vault:v1:AAF=",
            "vault:v1:AAE=\n",
            "vault:v1:AA\nEC",
            "vault:v1:\nAAEC",
            "vault:v1:AAEC ",
            "vault:v1:AAE==",
            "vault:v1:_-EC",
            "vault:v1:=",
            "vault:v1:AAEC:AAEC",
            "vault:v1:AAEC\0",
        ] {
            assert_eq!(SignatureText::parse(bad), None, "{bad:?}");
        }
        assert!(SignatureText::parse(&format!("vault:v1:{}", "AAAA".repeat(1 << 20))).is_none());
    }

    proptest! {
        #[test]
        fn every_signature_has_one_text(version in 1_u32.., bytes in prop::collection::vec(any::<u8>(), 1..5000)) {
            let signature = SignatureText { version, bytes };
            prop_assert_eq!(SignatureText::parse(&signature.to_string()), Some(signature));
        }

        #[test]
        fn nothing_else_is_read(text in "(vault:v)?[0-9+ ]{0,12}:?[A-Za-z0-9+/=_\n-]{0,16}") {
            if let Some(signature) = SignatureText::parse(&text) {
                prop_assert_eq!(signature.to_string(), text);
            }
        }

        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            if let Some(signature) = SignatureText::parse(&text) {
                prop_assert_eq!(signature.to_string(), text);
            }
        }
    }
}
