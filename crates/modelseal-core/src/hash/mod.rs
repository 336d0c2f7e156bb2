//! Hash functions behind one door, so that faster kernels can be put in without touching the callers.

use crate::{Digest, HashAlgorithm};

/// A digest in the making.
pub(crate) struct Hasher(State);

// Boxed where the state is large: a hasher moves between functions.
enum State {
    Blake2b(Box<blake2::Blake2b512>),
    Blake3(Box<blake3::Hasher>),
    Sha256(sha2::Sha256),
}

impl Hasher {
    pub(crate) fn new(algorithm: HashAlgorithm) -> Self {
        Self(match algorithm {
            HashAlgorithm::Blake2b => State::Blake2b(Box::default()),
            HashAlgorithm::Blake3 => State::Blake3(Box::default()),
            HashAlgorithm::Sha256 => State::Sha256(sha2::Sha256::default()),
        })
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        use sha2::Digest as _;
        match &mut self.0 {
            State::Blake2b(state) => state.update(bytes),
            State::Blake3(state) => {
                state.update(bytes);
            }
            State::Sha256(state) => state.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        use sha2::Digest as _;
        match self.0 {
            State::Blake2b(state) => Digest::from_blake2b(state.finalize().into()),
            State::Blake3(state) => Digest::from_blake3(state.finalize().into()),
            State::Sha256(state) => Digest::from_sha256(state.finalize().into()),
        }
    }
}

/// Hashes independent messages that are in memory; `each` gets their digests in order.
///
/// The place for a kernel that hashes several messages side by side: callers give as many at once as they have.
pub(crate) fn digest_each<'a>(
    algorithm: HashAlgorithm,
    messages: impl IntoIterator<Item = &'a [u8]>,
    mut each: impl FnMut(Digest),
) {
    use sha2::Digest as _;
    for message in messages {
        each(match algorithm {
            HashAlgorithm::Blake2b => Digest::from_blake2b(blake2::Blake2b512::digest(message).into()),
            HashAlgorithm::Blake3 => Digest::from_blake3(blake3::hash(message).into()),
            HashAlgorithm::Sha256 => Digest::sha256(message),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published digests of `abc`.
    const ABC: [(HashAlgorithm, &str); 3] = [
        (
            HashAlgorithm::Blake2b,
            "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
        ),
        (HashAlgorithm::Blake3, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"),
        (HashAlgorithm::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ];

    #[test]
    fn known_answers_in_one_piece_and_in_many() {
        for (algorithm, hex) in ABC {
            let known = Digest::from_hex(algorithm, hex).unwrap();
            let mut hasher = Hasher::new(algorithm);
            for byte in b"abc" {
                hasher.update(&[*byte]);
            }
            assert_eq!(hasher.finish(), known);
            let mut digests = Vec::new();
            digest_each(algorithm, [b"abc".as_slice(), b""], |digest| digests.push(digest));
            assert_eq!(digests, [known, Hasher::new(algorithm).finish()]);
        }
    }
}
