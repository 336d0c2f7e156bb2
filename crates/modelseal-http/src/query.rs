//! Queries.

use url::form_urlencoded;

use crate::HttpError;

/// The query of a request: pairs, each encoded here, perhaps behind those that an address already had. It may be
/// shown and logged by others: nothing secret belongs in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(String);

/// Longest query that is taken over.
const MOST: usize = 4096;

impl Query {
    /// Takes over an existing query, without its `?`, as it is written.
    ///
    /// # Errors
    /// [`HttpErrorKind::Config`](crate::HttpErrorKind::Config) for anything but printable ASCII without spaces and `#`.
    pub fn parse(text: &str) -> Result<Self, HttpError> {
        if text.len() > MOST {
            return Err(HttpError::config("the query is too long"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(HttpError::config("the query must be printable ASCII without spaces and #"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Adds a pair at the end. One of the same name is replaced: two would let each side believe another.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let named = |pair: &&str| form_urlencoded::parse(pair.as_bytes()).any(|(key, _)| key == name);
        let kept = self.0.split('&').filter(|pair| !pair.is_empty() && !named(pair)).map(str::to_owned);
        let pair = format!("{}={}", encoded(name), encoded(value));
        Self(kept.chain([pair]).collect::<Vec<_>>().join("&"))
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }
}

/// Not every reader takes `+` for a space; all take `%20`.
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_values_are_encoded() {
        let query = Query::parse("api-version=2.0&x=%20y").unwrap().with("audience", "https://a.example/b c?d&e=f#+ü");
        let expected = "api-version=2.0&x=%20y&audience=https%3A%2F%2Fa.example%2Fb%20c%3Fd%26e%3Df%23%2B%C3%BC";
        assert_eq!(query.as_str(), Some(expected));
        assert_eq!(Query::default().as_str(), None);
        assert_eq!(Query::parse("").unwrap().with("a", "").as_str(), Some("a="));
    }

    #[test]
    fn a_pair_of_the_same_name_is_replaced() {
        let query = Query::parse("audience=x&a=1&aud%69ence=y&audienceb=2").unwrap().with("audience", "z");
        assert_eq!(query.as_str(), Some("a=1&audienceb=2&audience=z"));
    }

    #[test]
    fn only_printable_ascii_is_taken_over() {
        for bad in ["a b", "a#b", "a\r\nb", "ä", "\0", &"a".repeat(MOST + 1)] {
            assert_eq!(Query::parse(bad).unwrap_err().kind(), &crate::HttpErrorKind::Config, "{bad:?}");
        }
    }
}
