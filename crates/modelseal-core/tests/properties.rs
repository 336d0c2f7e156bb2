//! What is written reads back as it was; what is not ours never panics.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::num::NonZeroU64;

use modelseal_core::{
    Bundle, Digest, HashAlgorithm, Manifest, Method, ModelStatement, Pae, Resource, ResourceName, Serialization,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn names() -> impl Strategy<Value = String> {
    // Whatever a file system takes, the odd as often as the plain.
    let component =
        prop_oneof!["[a-z]{1,8}", "[^/\0]{1,8}", Just("a:1:2".to_owned()), Just("\u{1f600}\n\\".to_owned())]
            .prop_filter("not a name", |part: &String| !matches!(part.as_str(), "." | ".."));
    vec(component, 1..4).prop_map(|parts| parts.join("/"))
}

fn digest(algorithm: HashAlgorithm, seed: &[u8]) -> Digest {
    let bytes = [Digest::sha256(seed).as_bytes(), Digest::sha256(b"").as_bytes()].concat();
    Digest::new(algorithm, &bytes[..algorithm.digest_len()]).unwrap()
}

fn manifests() -> impl Strategy<Value = Manifest> {
    let hashes = prop_oneof![Just(HashAlgorithm::Sha256), Just(HashAlgorithm::Blake2b), Just(HashAlgorithm::Blake3)];
    (btree_map(names(), 1_u64..2000, 1..8), hashes, proptest::option::of(1_u64..500)).prop_map(
        |(files, hash, shard)| {
            let shard = shard.filter(|_| hash != HashAlgorithm::Blake3).and_then(NonZeroU64::new);
            let mut resources = Vec::new();
            for (name, size) in &files {
                let parsed = ResourceName::parse(name).unwrap();
                let digest = digest(hash, name.as_bytes());
                match shard {
                    None => resources.push(Resource::file(parsed, digest, Some(*size))),
                    Some(shard) => {
                        for start in (0..*size).step_by(usize::try_from(shard.get()).unwrap()) {
                            let range = start..(start + shard.get()).min(*size);
                            resources.push(Resource::shard(parsed.clone(), digest, range));
                        }
                    }
                }
            }
            let method = shard.map_or(Method::Files, |size| Method::Shards { size });
            let ignored = vec![".git".to_owned(), "model.sig".to_owned()];
            Manifest::new(Serialization::new(method, hash, false, ignored).unwrap(), resources).unwrap()
        },
    )
}

proptest! {
    #[test]
    fn statements_read_back(manifest in manifests(), name in "[^\0]{1,20}", types in vec("[a-z:/]{1,20}", 0..3)) {
        let statement = ModelStatement::new(name, types, manifest);
        let payload = statement.to_payload();
        prop_assert_eq!(&ModelStatement::parse(&payload).unwrap(), &statement);
        prop_assert_eq!(payload, statement.to_payload());
    }

    #[test]
    fn pae_separates_payloads(a in vec(any::<u8>(), 0..50), b in vec(any::<u8>(), 0..50)) {
        prop_assert_eq!(Pae::in_toto(&a) == Pae::in_toto(&b), a == b);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Bundle::parse(&bytes);
        let _ = ModelStatement::parse(&bytes);
    }

    #[test]
    fn names_are_canonical(text in "[a./\\\\\0:]{0,12}") {
        if let Ok(name) = ResourceName::parse(&text) {
            prop_assert_eq!(name.as_str(), &text);
            prop_assert!(text == "." || text.split('/').all(|part| !matches!(part, "" | "." | "..")));
        }
    }
}
