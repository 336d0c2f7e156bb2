//! Files of safetensors: a header in JSON whose tensors tile the rest of the file.

use core::fmt;
use core::hash::BuildHasher as _;
use std::collections::HashSet;
use std::hash::RandomState;
use std::io::{self, BufReader, Read as _};
use std::sync::{Mutex, PoisonError};

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Content;
use super::bytes::Reader;

/// Largest header: a hundred times that of models with very many tensors.
const MOST_HEADER: u64 = 32 << 20;
const MOST_TENSORS: usize = 1_000_000;
/// Headers from this size on are looked at one at a time.
const LARGE_HEADER: u64 = 1 << 20;

/// Held while a large header is looked at, so that as many of them as there are threads do not fill the memory.
static LARGE: Mutex<()> = Mutex::new(());

/// # Errors
/// Those of reading.
pub(super) fn is_safetensors(content: &dyn Content, head: &[u8]) -> io::Result<bool> {
    let Some((length, rest)) = head.split_first_chunk().map(|(length, rest)| (u64::from_le_bytes(*length), rest))
    else {
        return Ok(false);
    };
    let Some(data) = content.size().checked_sub(8).and_then(|left| left.checked_sub(length)) else { return Ok(false) };
    if length > MOST_HEADER || rest.first() != Some(&b'{') {
        return Ok(false);
    }
    let _alone = (length >= LARGE_HEADER).then(|| LARGE.lock().unwrap_or_else(PoisonError::into_inner));
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(Reader::new(content, 8).take(length)));
    let mut ranges = match Tensors::deserialize(&mut reader).and_then(|tensors| reader.end().map(|()| tensors)) {
        Ok(Tensors(ranges)) => ranges,
        Err(error) if error.is_io() => return Err(error.into()),
        Err(_) => return Ok(false),
    };
    ranges.sort_unstable();
    let mut reached = 0;
    let tiled = ranges.into_iter().all(|(start, end)| {
        let follows = start == reached && start <= end;
        reached = end;
        follows
    });
    Ok(tiled && reached == data)
}

/// Where the tensors of a header lie in the data.
struct Tensors(Vec<(u64, u64)>);

impl<'de> Deserialize<'de> for Tensors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Tensor {
            #[serde(rename = "dtype")]
            _dtype: IgnoredAny,
            #[serde(rename = "shape")]
            _shape: IgnoredAny,
            data_offsets: (u64, u64),
        }
        struct Header;

        impl<'de> Visitor<'de> for Header {
            type Value = Tensors;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the header of a safetensors file")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tensors, A::Error> {
                let state = RandomState::new();
                // Hashes take less memory than names, and two are hardly ever equal by chance.
                let mut names = HashSet::new();
                let mut ranges = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !names.insert(state.hash_one(&name)) || names.len() > MOST_TENSORS {
                        return Err(A::Error::custom("a name twice, or too many of them"));
                    }
                    if name == "__metadata__" {
                        map.next_value::<IgnoredAny>()?;
                    } else {
                        ranges.push(map.next_value::<Tensor>()?.data_offsets);
                    }
                }
                Ok(Tensors(ranges))
            }
        }

        deserializer.deserialize_map(Header)
    }
}
