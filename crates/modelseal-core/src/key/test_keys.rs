//! Key ids of private keys that are published with the tests: anyone can sign with them.

use super::KeyId;

/// Published keys by key id. Whoever publishes another private key with the tests adds it here.
const PUBLISHED: [&str; 5] = [
    "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4", // P-256, in the leaf certificates too
    "d9f6a9c4754d27ae7dca940afa737cc60c3521e5cf0337e1b4bc331b8a560f7f", // P-384
    "d0d4eb3d9e2f32bbfebb8bccc5ef3e4f4f1bcd3b9f7e77f5840623e1f6d448ff", // P-521
    "a2ed9d1f9fa5be260d0143c2c2caa0bbaee1ce5fe183a8d7c5255016568239ef", // root certificate
    "f6b7e07bc376c5634d6377293387d527af01f28fad1f3ef10dd5456c48d4791c", // intermediate certificate
];

/// Whether the key is a published test key, which no verifier may trust unless told to.
pub(crate) fn is_published_test_key(id: KeyId) -> bool {
    PUBLISHED.contains(&id.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_published_test_keys_are_known() {
        for text in PUBLISHED {
            assert!(is_published_test_key(text.parse().unwrap()));
        }
        assert!(!is_published_test_key("0".repeat(64).parse().unwrap()));
    }
}
