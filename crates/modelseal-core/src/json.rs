//! JSON with one reading only: no duplicate keys, bounded depth.

use core::fmt;
use core::marker::PhantomData;
use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{Code, Error, Result};

/// Deepest nesting of arrays and objects that is read; the formats need seven.
pub(crate) const MAX_DEPTH: usize = 32;

/// Most keys of one object; the formats need ten.
const MAX_KEYS: usize = 10_000;

/// Parses `text` after a streaming pass over all of it that refuses duplicate keys, at every depth and compared after
/// unescaping, because serde sees only duplicates of fields that it knows.
///
/// # Errors
/// `format/malformed`; the message quotes the text.
pub fn parse<'a, T: Deserialize<'a>>(text: &'a [u8], what: &str) -> Result<T> {
    let malformed = |reason: &dyn fmt::Display| Error::new(Code::FormatMalformed, format!("{what}: {reason}"));
    let text = core::str::from_utf8(text).map_err(|_| malformed(&"not UTF-8 text"))?;
    if text.starts_with('\u{feff}') {
        return Err(malformed(&"starts with a byte order mark"));
    }
    let mut strict = serde_json::Deserializer::from_str(text);
    Strict { depth: 0 }.deserialize(&mut strict).and_then(|()| strict.end()).map_err(|error| malformed(&error))?;
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

/// A list of at most `MOST` elements: one more refuses the text before it takes memory.
pub(crate) struct AtMost<T, const MOST: usize>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for AtMost<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T, const MOST: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for List<T, MOST> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST} elements")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(element) = seq.next_element()? {
                    if list.len() == MOST {
                        return Err(de::Error::custom(format_args!("a list of more than {MOST} elements")));
                    }
                    list.push(element);
                }
                Ok(list)
            }
        }

        deserializer.deserialize_seq(List::<T, MOST>(PhantomData)).map(Self)
    }
}

/// An object of which nothing is kept.
pub(crate) struct AnyObject;

impl<'de> Deserialize<'de> for AnyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = AnyObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyObject, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(AnyObject)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// For `Option` fields: absent is `None`, but `null` is an error.
pub(crate) fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Strict {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while seq.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        let mut keys = Keys::default();
        while let Some(Key(key)) = map.next_key()? {
            if let Some(duplicate) = keys.insert(key) {
                return Err(de::Error::custom(format_args!("the key `{duplicate}` stands twice")));
            }
            if keys.many.len() > MAX_KEYS {
                return Err(de::Error::custom(format_args!("an object of more than {MAX_KEYS} keys")));
            }
            map.next_value_seed(inner)?;
        }
        Ok(())
    }
}

/// A key, borrowed where the text allows it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The keys of one object: compared one by one while few, since the objects of a manifest have four.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    /// Gives the key back when it was there already.
    fn insert(&mut self, key: Cow<'a, str>) -> Option<Cow<'a, str>> {
        const FEW: usize = 16;
        if self.few.contains(&key) || self.many.contains(&key) {
            return Some(key);
        }
        if self.few.len() < FEW {
            self.few.push(key);
        } else {
            self.many.insert(key);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<serde_json::Value> {
        parse(text.as_bytes(), "test")
    }

    #[test]
    fn duplicates_are_found_everywhere() {
        assert!(check(r#"{"a":1,"b":{"a":[{"a":null,"b":1.5e3}]}}"#).is_ok());
        for bad in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"\u0061":2}]}"#, r#"{"":0,"":0}"#] {
            assert_eq!(check(bad).unwrap_err().code(), Code::FormatMalformed, "{bad}");
        }
        let many: Vec<String> = (0..40).map(|i| format!("\"k{i}\":0")).collect();
        assert!(check(&format!("{{{}}}", many.join(","))).is_ok());
        assert!(check(&format!("{{{},\"k39\":1}}", many.join(","))).is_err());
    }

    #[test]
    fn lists_and_objects_are_bounded() {
        assert!(serde_json::from_str::<AtMost<u8, 2>>("[1,2]").is_ok());
        assert!(serde_json::from_str::<AtMost<u8, 2>>("[1,2,3]").is_err());
        assert!(
            serde_json::from_str::<AnyObject>(r#"{"a":[1]}"#).is_ok()
                && serde_json::from_str::<AnyObject>("[]").is_err()
        );
        let keys: Vec<String> = (0..20_000).map(|i| format!("\"k{i}\":0")).collect();
        assert!(check(&format!("{{{}}}", keys[..9_000].join(","))).is_ok());
        assert!(check(&format!("{{{}}}", keys.join(","))).is_err());
    }

    #[test]
    fn depth_trailing_data_and_encodings_are_refused() {
        assert!(check(&("[".repeat(32) + &"]".repeat(32))).is_ok());
        assert!(check(&("[".repeat(33) + &"]".repeat(33))).is_err());
        assert!(check(&"[".repeat(1_000_000)).is_err());
        for bad in ["", " ", "{} x", "{}{}", "\u{feff}{}", "{'a':1}", "{\"a\":\"\\ud800\"}", "NaN", "{\"a\":1,}"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(parse::<serde_json::Value>(b"{\"a\":\"\xff\"}", "test").is_err());
    }
}
