//! Where a redirect leads, for a message.

use super::cut;

/// Longest part of a target that is shown.
const MOST_CHARACTERS: usize = 200;

/// What to say of a `Location`: never its query, fragment, user name or password, which may be secret.
pub(super) fn target(location: Option<&str>) -> String {
    let Some(location) = location else { return "a redirect that does not say where to".to_owned() };
    let place = location.split(['?', '#']).next().unwrap_or_default();
    let (start, rest) = match place.find("//") {
        Some(at) if is_scheme(&place[..at]) => place.split_at(at + 2),
        _ => return format!("a redirect to the path {} of the same server", cut(place, MOST_CHARACTERS)),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("a redirect to {}", cut(&format!("{start}{host}{path}"), MOST_CHARACTERS))
}

/// What stands before `//` when a host follows: nothing, or `https:`.
fn is_scheme(text: &str) -> bool {
    text.is_empty() || text.strip_suffix(':').is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_without_secrets() {
        let cases = [
            (None, "a redirect that does not say where to"),
            (Some("https://other.example:8200/v1/x?token=s3cret#f"), "a redirect to https://other.example:8200/v1/x"),
            (Some("https://user:s3cret@other.example/x"), "a redirect to https://other.example/x"),
            (Some("https://a@s3cret@other.example"), "a redirect to https://other.example"),
            (Some("https://other.example?s3cret"), "a redirect to https://other.example"),
            (Some("//u:s3cret@other.example/x"), "a redirect to //other.example/x"),
            (Some("/ui/"), "a redirect to the path /ui/ of the same server"),
            (Some("/v1//x"), "a redirect to the path /v1//x of the same server"),
            (Some(""), "a redirect to the path  of the same server"),
        ];
        for (location, expected) in cases {
            assert_eq!(target(location), expected, "{location:?}");
        }
        assert!(target(Some(&format!("https://h/{}", "x".repeat(5000)))).chars().count() < 250);
    }
}
