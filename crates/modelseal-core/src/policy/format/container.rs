//! Files that hold other files or compressed bytes.

use core::ops::Range;

/// What loaders do with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// Some open it by themselves and load the pickle in it.
    Opened,
    /// They are given what is in it by others.
    Sealed,
}

const OPENED: [&[u8]; 7] = [
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"PK\x07\x08",
    b"\x1f\x8b\x08",
    b"\xfd7zXZ\0",
    // LZMA without XZ around it.
    b"\x5d\0\0",
    // LZ4.
    b"\x04\x22\x4d\x18",
];
/// Zstandard, old LZ4, 7z, RAR.
const SEALED: [&[u8]; 4] = [b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"];

/// Bytes of a block of a tape.
const BLOCK: usize = 512;
/// Where the sum lies in the first of them, and where the other numbers do.
const SUM: Range<usize> = 148..156;
const NUMBERS: [Range<usize>; 7] = [100..108, 108..116, 116..124, 124..136, 136..148, 329..337, 337..345];

/// The kind of container that begins so.
pub(super) fn container(head: &[u8]) -> Option<Container> {
    let is_bzip2 = matches!(head, [b'B', b'Z', b'h', b'1'..=b'9', ..]);
    if OPENED.iter().any(|magic| head.starts_with(magic)) || is_bzip2 || is_zlib(head) || is_tape(head) {
        return Some(Container::Opened);
    }
    SEALED.iter().any(|magic| head.starts_with(magic)).then_some(Container::Sealed)
}

/// Two bytes say little: the first block must be one that can be unpacked, without a dictionary that nobody has.
fn is_zlib(head: &[u8]) -> bool {
    let [0x78, flags, block, rest @ ..] = head else { return false };
    let checked = (0x7800 | u16::from(*flags)).is_multiple_of(31) && flags & 0x20 == 0;
    checked
        && match (block >> 1) & 3 {
            // Stored: the length and its complement.
            0 => matches!(rest, [a, b, not_a, not_b, ..] if *a == !*not_a && *b == !*not_b),
            kind => kind != 3,
        }
}

/// By its mark, or by the sum of the first header, which the oldest tapes have, too.
fn is_tape(head: &[u8]) -> bool {
    if head.get(257..262) == Some(b"ustar") {
        return true;
    }
    let Some(block) = head.get(..BLOCK) else { return false };
    let field = |range: Range<usize>| block.get(range).and_then(number);
    let Some(stated) = field(SUM).filter(|_| NUMBERS.into_iter().all(|range| field(range).is_some())) else {
        return false;
    };
    let bytes = || block.iter().enumerate().map(|(at, byte)| if SUM.contains(&at) { b' ' } else { *byte });
    // Some programs took the bytes for signed.
    bytes().map(i64::from).sum::<i64>() == stated
        || bytes().map(|byte| i64::from(byte.cast_signed())).sum::<i64>() == stated
}

/// A number in octal digits as Python reads them, or in binary. Nothing is 0.
fn number(field: &[u8]) -> Option<i64> {
    if let [first @ (0x80 | 0xff), rest @ ..] = field {
        let start = if *first == 0xff { -1 } else { 0 };
        return Some(rest.iter().fold(start, |sum, byte| (sum << 8) | i64::from(*byte)));
    }
    let text = field.split(|byte| *byte == 0).next().unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return Some(0);
    }
    let (sign, text) = text.strip_prefix(b"-").map_or((1, text), |text| (-1, text));
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let text = text.strip_prefix(b"0o").or_else(|| text.strip_prefix(b"0O")).unwrap_or(text);
    let digits = || text.iter().filter(|byte| **byte != b'_');
    if !digits().all(|byte| matches!(byte, b'0'..=b'7')) {
        return None;
    }
    Some(sign * digits().fold(0, |sum, byte| sum * 8 + i64::from(byte - b'0')))
}
