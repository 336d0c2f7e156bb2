//! Arrays of numpy: plain numbers, or objects, which are pickled.

/// Whether the file that begins so holds one array of plain numbers and nothing else; `None` when it is no array file.
///
/// The header is a Python expression, which can write one type in many ways: only the very form that numpy writes is
/// accepted, and no structured type.
pub(super) fn is_plain(head: &[u8], size: u64) -> Option<bool> {
    let rest = head.strip_prefix(b"\x93NUMPY")?;
    let split = match rest {
        [1, 0, low, high, rest @ ..] => rest.split_at_checked(usize::from(u16::from_le_bytes([*low, *high]))),
        [2 | 3, 0, a, b, c, d, rest @ ..] => {
            usize::try_from(u32::from_le_bytes([*a, *b, *c, *d])).ok().and_then(|length| rest.split_at_checked(length))
        }
        _ => None,
    };
    let plain = split.is_some_and(|(header, data)| {
        let before = (head.len() - data.len()) as u64;
        let length = core::str::from_utf8(header).ok().and_then(data_length);
        length.is_some_and(|length| before.checked_add(length) == Some(size))
    });
    Some(plain)
}

/// Bytes of the data that a header describes.
fn data_length(header: &str) -> Option<u64> {
    let (kind, rest) = header.strip_prefix("{'descr': '")?.split_once("', 'fortran_order': ")?;
    let rest = rest.strip_prefix("False").or_else(|| rest.strip_prefix("True"))?;
    let (shape, rest) = rest.strip_prefix(", 'shape': (")?.split_once("), }")?;
    let padding = rest.strip_suffix('\n')?;
    if padding.bytes().any(|byte| byte != b' ') {
        return None;
    }
    item_length(kind)?.checked_mul(count(shape)?)
}

fn item_length(kind: &str) -> Option<u64> {
    let kind = kind.strip_prefix(['<', '>', '|'])?;
    let (letter, size) = kind.split_at_checked(1)?;
    if matches!(letter, "m" | "M") {
        // Times may name their unit: `<M8[ns]`.
        let unit = size.strip_prefix('8')?;
        let named = unit.strip_prefix('[').and_then(|unit| unit.strip_suffix(']'));
        let fine = named.map_or(unit.is_empty(), |unit| unit.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        return fine.then_some(8);
    }
    let size = whole(size)?;
    match (letter, size) {
        ("b", 1)
        | ("i" | "u", 1 | 2 | 4 | 8)
        | ("f", 2 | 4 | 8 | 12 | 16)
        | ("c", 8 | 16 | 24 | 32)
        | ("S" | "V", _) => Some(size),
        ("U", _) => size.checked_mul(4),
        _ => None,
    }
}

/// Items of a tuple of lengths, as Python writes it between the parentheses.
fn count(shape: &str) -> Option<u64> {
    if shape.is_empty() {
        return Some(1);
    }
    if let Some(only) = shape.strip_suffix(',') {
        return whole(only);
    }
    if !shape.contains(", ") {
        return None;
    }
    shape.split(", ").try_fold(1_u64, |product, length| product.checked_mul(whole(length)?))
}

fn whole(text: &str) -> Option<u64> {
    let canonical = text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    if canonical { text.parse().ok() } else { None }
}
