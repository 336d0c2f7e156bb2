//! Key ids of private keys that are published with the tests: anyone can sign with them.

use super::KeyId;

/// Published keys by key id, as in `tests/vectors/keys`.
const PUBLISHED: [&str; 14] = [
    "c954fc3233f90e6694266329a69e964338d48f44c5c7c2ec85604c902b0fd972", // ca-int
    "b02d3b8c33ad6856675946649feef1a1f1ba16b85e0f37fc3ec243ef4557c636", // ca-root
    "8c2bfd024a80e142635c7b5ed7775cc74ae3f7f6089023e13c3f0ed4afb51e5d", // ed25519
    "e76c42ec8811ed81cb0f481c88bcf2a964457b7066e2599ed8f19636c55bfdf8", // p224
    "601856183c448221cf02fa1b97a56d4b7ba101f1a3d58c875995b5cce82b57e4", // p256
    "7ab7c9eb977d961353055a15d33bf649199d6d19b9de1ddf1c4e9a0c5ec30ede", // p256-other
    "d9f6a9c4754d27ae7dca940afa737cc60c3521e5cf0337e1b4bc331b8a560f7f", // p384
    "d0d4eb3d9e2f32bbfebb8bccc5ef3e4f4f1bcd3b9f7e77f5840623e1f6d448ff", // p521
    "b0fa399921d1911d06b40c5b43d5e5782cde433c33f496668658b0d5e472589b", // rsa-1024
    "111bc4a5b4313783834a482a2eb279c00ca29655fb3d51407df2b37d00662dd0", // rsa-2048
    "51cd390699aad1874fedbfc9514239b7482b22db49cf125ecabb798590da9b01", // rsa-3072
    "07816be943effb720c197e42db962d906da825a40927d9873c663f89a9168f75", // secp256k1
    "a2ed9d1f9fa5be260d0143c2c2caa0bbaee1ce5fe183a8d7c5255016568239ef", // cert-root
    "f6b7e07bc376c5634d6377293387d527af01f28fad1f3ef10dd5456c48d4791c", // cert-int
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
        let list = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/keys/ids.txt");
        for line in std::fs::read_to_string(list).unwrap().lines() {
            let id = line.split_whitespace().next().unwrap();
            assert!(is_published_test_key(id.parse().unwrap()), "{line}");
        }
    }
}
