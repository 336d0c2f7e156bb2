//! Arrays of numpy: plain numbers, or objects, which are pickled.

/// Whether the file that begins so holds an array of plain numbers; `None` when it is no array file.
///
/// The header is a Python expression, which can write one type in many ways: only the plain one is accepted.
pub(super) fn is_plain(head: &[u8]) -> Option<bool> {
    let rest = head.strip_prefix(b"\x93NUMPY")?;
    let header = match rest {
        [1, _, low, high, header @ ..] => header.get(..usize::from(u16::from_le_bytes([*low, *high]))),
        [2 | 3, _, a, b, c, d, header @ ..] => {
            let length = u32::from_le_bytes([*a, *b, *c, *d]);
            header.get(..usize::try_from(length).unwrap_or(usize::MAX))
        }
        _ => None,
    };
    Some(header.and_then(|header| core::str::from_utf8(header).ok()).is_some_and(has_plain_type))
}

fn has_plain_type(header: &str) -> bool {
    let Some(start) = header.strip_prefix("{'descr': '") else { return false };
    let Some((kind, rest)) = start.split_once('\'') else { return false };
    let kind = kind.strip_prefix(['<', '>', '|', '=']).unwrap_or(kind);
    let Some(size) = kind.strip_prefix(['b', 'i', 'u', 'f', 'c', 'S', 'U', 'V', '?', 'm', 'M']) else { return false };
    let digits = size.trim_start_matches(|c: char| c.is_ascii_digit());
    // Times name their unit: `<M8[ns]`.
    let unit = digits.is_empty() || (digits.starts_with('[') && digits.ends_with(']'));
    unit && rest.starts_with(',') && !rest.contains("descr") && !header.contains(['\\', '#'])
}
