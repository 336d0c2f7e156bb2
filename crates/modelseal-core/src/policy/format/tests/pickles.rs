//! Whatever a loader of pickles runs is a pickle, whatever else it may be.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

const CALL: &[u8] = b"cos\nsystem\n(S'id'\ntR.";

#[test]
fn t32_what_loaders_pass_over_does_not_hide_a_call() {
    for before in [
        &b"}Nb0"[..],
        b"N)}\x86b0",
        b"I0o7\n0",
        b"I0x_f\n0",
        b"I\x0b1\n0",
        b"I1\0text\n0",
        b"I \x0c+1 \r\n0",
        b"L-0b1\n0",
        b"FInf\n0",
        b"F-nAn\n0",
        b"F.5e-3\n0",
        b"F1_0\n0",
        b"Nr\x01\x00\x00\x000j\x01\x00\x00\x000",
        b"Np +0\n0g0 \n0",
        b"Ptext\n0",
        b"S\"a'\n0",
        b"\x80\x01",
        b"N.",
        b"I1\n.N.",
        b"K\x01.\x80\x02",
    ] {
        let file = [before, CALL].concat();
        assert_eq!(of(file), FileFormat::Pickle, "{}", before.escape_ascii());
    }
    for (what, file) in [
        ("the last line has no end", &b"(ios\nsystem "[..]),
        ("a module with a blank", b"ca dir\n__class__\n(tR."),
        ("a remembered name", b"cos\nsystem\np0\n0Vid\n0g0\n(tR"),
        ("a name of the loader's", b"\x82\x01)R"),
    ] {
        assert_eq!(of(file), FileFormat::Pickle, "{what}");
    }
    // Without a call, and with none that could be.
    for text in
        ["cat\ndog\n", "Paris\nPrague\nRome\n", "N.B. This is a text.\n", "}Nb", "(c) 2024 A. Author\nand others\n"]
    {
        assert_eq!(of(text), FileFormat::Text, "{text}");
    }
}

#[test]
fn t32_a_call_hides_in_no_other_format() {
    let image = [&b"GIF89a\x01\0\x01}Nb"[..], CALL].concat();
    assert_eq!(of(image), FileFormat::Pickle);
    assert_eq!(of(&b"GIF89a\x01\0\x01\0\0\0\0;"[..]), FileFormat::Image);
    // The length 0x1e42 of the header is an operation that skips as many bytes as lead into the header.
    let data = [&[b'N'; 400][..], CALL].concat();
    let begin = "{\"__metadata__\":{\"a\":\"";
    let end = format!("\"}},\"t\":{{\"dtype\":\"U8\",\"shape\":[{0}],\"data_offsets\":[0,{0}]}}}}", data.len());
    let mut header = begin.as_bytes().to_vec();
    header.resize(0x1e42 - end.len(), b'x');
    header.extend_from_slice(end.as_bytes());
    let mut at = 5 + 30 - 8;
    let clean = header.clone();
    header[at..at + 3].copy_from_slice(b"}Nb");
    at += 3;
    while at < header.len() {
        header[at..at + 2].copy_from_slice(b"U\x7f");
        at += 2 + 127;
        if at + 2 > header.len() - end.len() {
            break;
        }
    }
    let text = String::from_utf8(header).unwrap();
    assert_eq!(of(safetensors(&text, &data)), FileFormat::Pickle);
    assert_eq!(of(safetensors(core::str::from_utf8(&clean).unwrap(), &data)), FileFormat::Safetensors);
}

#[test]
fn t32_what_is_too_long_to_be_followed_is_a_pickle() {
    for begin in ["V", "P", "Vtext\nP", "N0N0V"] {
        let mut file = begin.as_bytes().to_vec();
        file.resize(15 << 20, b'x');
        assert_eq!(of(file.clone()), FileFormat::Text, "{begin}");
        file.resize(17 << 20, b'x');
        assert_eq!(of(file), FileFormat::Pickle, "{begin}");
    }
    assert_eq!(of(b"(".repeat(1_000_001)), FileFormat::Pickle);
    // No line that could be an argument.
    let mut file = b"I think so. ".to_vec();
    file.resize(17 << 20, b'x');
    assert_eq!(of(file), FileFormat::Text);
}

/// A line of text, as long as one likes, that counts what is read of it.
struct Line {
    size: u64,
    read: AtomicU64,
}

impl Content for Line {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let length = usize::try_from(self.size - offset).unwrap().min(buffer.len());
        buffer[..length].fill(b'V');
        self.read.fetch_add(length as u64, Ordering::Relaxed);
        Ok(length)
    }
}

#[test]
fn t32_a_bounded_part_of_a_file_tells_its_format() {
    let line = Line { size: 3 << 29, read: AtomicU64::new(0) };
    assert_eq!(FileFormat::of_bytes(&line, FileFormat::Text).unwrap(), FileFormat::Pickle);
    assert!(line.read.into_inner() < 17 << 20);
}

#[cfg(target_os = "linux")]
#[test]
fn t32_whatever_python_runs_is_a_pickle() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    // A seed of its own for every run would find more, and fail for others than those who can mend it.
    let child = Command::new("python3")
        .args(["-W", "ignore", "-", "32", "2"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = child else { return };
    child.stdin.take().unwrap().write_all(include_bytes!("pickles.py")).unwrap();
    let output = child.wait_with_output().unwrap();
    let mut count = 0;
    for line in core::str::from_utf8(&output.stdout).unwrap().lines() {
        let bytes: Vec<u8> =
            (0..line.len() / 2).map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).unwrap()).collect();
        assert_eq!(of(bytes.clone()), FileFormat::Pickle, "{}", bytes.escape_ascii());
        count += 1;
    }
    assert!(output.status.success() && count > 100, "{count}");
}
