mod pickles;

use std::io;

use super::*;

impl Content for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        // Pieces of odd sizes, as systems may give them.
        let length = rest.len().min(buffer.len()).min(1021);
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

fn of(bytes: impl Into<Vec<u8>>) -> FileFormat {
    with_name(bytes, FileFormat::Other)
}

fn with_name(bytes: impl Into<Vec<u8>>, by_name: FileFormat) -> FileFormat {
    FileFormat::of_bytes(&bytes.into(), by_name).unwrap()
}

fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

const TWO: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}  "#;

fn numpy(descr: &str) -> Vec<u8> {
    array(&format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3,), }}   \n"), 12)
}

fn array(header: &str, data: usize) -> Vec<u8> {
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend_from_slice(&(header.len() as u16).to_le_bytes());
    file.extend_from_slice(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

#[test]
fn names_promise_formats_whatever_their_case() {
    for (name, format) in [
        ("model.safetensors", FileFormat::Safetensors),
        ("model.safetensors.index.json", FileFormat::Json),
        ("w/Model.GGUF", FileFormat::Gguf),
        ("pytorch_model.bin", FileFormat::Pickle),
        ("a/b.PKL", FileFormat::Pickle),
        ("tokenizer.model", FileFormat::Sentencepiece),
        ("modeling.py", FileFormat::Code),
        ("libx.so.1", FileFormat::Code),
        ("chat_template.jinja", FileFormat::Code),
        ("README.md", FileFormat::Text),
        ("LICENSE", FileFormat::Text),
        ("x.safetensors/y", FileFormat::Other),
        ("x", FileFormat::Other),
        ("", FileFormat::Other),
    ] {
        assert_eq!(FileFormat::of_name(name), format, "{name}");
    }
    for ending in [".pkl", ".pt", ".pth", ".ckpt", ".bin", ".joblib", ".npz"] {
        assert_eq!(FileFormat::of_name(&format!("x{ending}")), FileFormat::Pickle, "{ending}");
    }
}

#[test]
fn formats_are_recognised_by_structure() {
    assert_eq!(of(safetensors(TWO, &[0; 8])), FileFormat::Safetensors);
    assert_eq!(of(safetensors("{}", &[])), FileFormat::Safetensors);
    assert_eq!(of(b"GGUF\x03\0\0\0\0\0\0\0".to_vec()), FileFormat::Gguf);
    assert_eq!(of(b"GGUFother".to_vec()), FileFormat::Text);
    assert_eq!(of(numpy("'<f4'")), FileFormat::Numpy);
    assert_eq!(of(array("{'descr': '<M8[ns]', 'fortran_order': True, 'shape': (1, 2), }\n", 16)), FileFormat::Numpy);
    assert_eq!(of(b"\x89PNG\r\n\x1a\n\0".to_vec()), FileFormat::Image);
    assert_eq!(of(b"RIFF\x01\0\0\0WEBP".to_vec()), FileFormat::Image);
    assert_eq!(of("{\"a\": [1, \"\u{e9}\"]}\n"), FileFormat::Json);
    assert_eq!(of("{\"a\": 1} x"), FileFormat::Text);
    assert_eq!(of("\u{e9}".repeat(100_000)), FileFormat::Text);
    assert_eq!(of(""), FileFormat::Text);
    assert_eq!(of("a\0b"), FileFormat::Other);
    assert_eq!(of(vec![0xc3]), FileFormat::Other);
    assert_eq!(of(vec![1, 2, 3, 0xff]), FileFormat::Other);
    // ir_version 8, producer "x"; one piece "<unk>".
    assert_eq!(with_name(b"\x08\x08\x12\x01x".to_vec(), FileFormat::Onnx), FileFormat::Onnx);
    assert_eq!(with_name(b"\x0a\x07\x0a\x05<unk>".to_vec(), FileFormat::Sentencepiece), FileFormat::Sentencepiece);
    assert_eq!(with_name(b"\x0a\x08\x0a\x05<unk>\xff".to_vec(), FileFormat::Onnx), FileFormat::Onnx);
    assert_eq!(with_name(vec![0xff; 9], FileFormat::Onnx), FileFormat::Other);
}

#[test]
fn a_header_that_does_not_tile_the_file_is_no_safetensors() {
    let gap = TWO.replace("[4,8]", "[5,8]");
    let overlap = TWO.replace("[4,8]", "[3,8]");
    let backwards = TWO.replace("[4,8]", "[8,4]");
    for file in [
        safetensors(TWO, &[0; 9]),
        safetensors(TWO, &[0; 7]),
        safetensors(&gap, &[0; 8]),
        safetensors(&overlap, &[0; 8]),
        safetensors(&backwards, &[0; 8]),
        safetensors("[]", &[]),
        safetensors(&TWO[..40], &[]),
    ] {
        assert_eq!(of(file), FileFormat::Other);
    }
}

#[test]
fn t32_dangerous_signatures_win_over_benign_ones() {
    // A valid safetensors file with an archive behind it: both readers are content.
    let header = r#"{"a":{"dtype":"U8","shape":[22],"data_offsets":[0,22]}}"#;
    let mut archive = b"PK\x05\x06".to_vec();
    archive.resize(22, 0);
    assert_eq!(of(safetensors(header, &archive)), FileFormat::Pickle);
    assert_eq!(of(safetensors(header, &[0; 22])), FileFormat::Safetensors);
    for (what, bytes) in [
        ("protocol 2", b"\x80\x02}q\x00.".to_vec()),
        ("protocol 5", b"\x80\x05\x95\0\0\0\0\0\0\0\0N.".to_vec()),
        ("archive", b"PK\x03\x04....".to_vec()),
        ("protocol 0", b"cos\nsystem\n(S'id'\ntR.".to_vec()),
        ("protocol 0, old class", b"(S'id'\nios\nsystem\n.".to_vec()),
        ("protocol 0, calls before it is broken", b"cos\nsystem\n(S'id'\ntRthis is text".to_vec()),
        ("protocol 0, data", b"(lp0\nI1\na.".to_vec()),
        ("protocol 1", b"(cos\nsystem\nU\x02ido.".to_vec()),
        ("protocol 4 without its mark", b"\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.".to_vec()),
        ("after many operations", [b"N0".repeat(300_000), b"cos\nsystem\n(S'id'\ntR".to_vec()].concat()),
        ("objects", numpy("'|O'")),
        ("objects by their name", numpy("'object'")),
        ("objects, escaped", numpy("'\\x4f'")),
        ("objects in a structure", numpy("[('a', '|O')]")),
        ("types given twice", numpy("'<f4', 'descr': '|O'")),
    ] {
        assert_eq!(of(bytes), FileFormat::Pickle, "{what}");
    }
    for program in [&b"#!/bin/sh\n"[..], b"\x7fELF\x02", b"MZ\x90", b"\xcf\xfa\xed\xfe", b"\0asm\x01"] {
        assert_eq!(of(program), FileFormat::Code);
    }
}

#[test]
fn t32_containers_are_never_benign() {
    let mut tape = vec![0; 512];
    tape[..5].copy_from_slice(b"a.txt");
    tape[124..135].copy_from_slice(b"00000000012");
    let sum: u32 = tape.iter().map(|byte| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
    tape[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(of(tape.clone()), FileFormat::Pickle, "tape without its mark");
    tape[0] = b'A';
    assert_eq!(of(tape), FileFormat::Other, "another sum");
    // A text can be a tape, too, since blanks count as nothing.
    let mut tape = vec![b' '; 512];
    tape[148..155].copy_from_slice(b"0040000");
    assert_eq!(of(tape.clone()), FileFormat::Pickle, "tape of blanks");
    tape[100] = b'x';
    tape[..3].copy_from_slice(&[8, 0, 0]);
    assert_ne!(of(tape), FileFormat::Pickle, "a number that is none");
    // A picture with runs of 0xff, which could be taken for numbers.
    let mut image = vec![0xff; 512];
    image[..3].copy_from_slice(b"\xff\xd8\xff");
    image[329..].fill(7);
    assert_eq!(of(image), FileFormat::Image);
    for (what, begin) in [
        ("gzip", &b"\x1f\x8b\x08\0"[..]),
        ("zlib, fixed codes", b"x\x9c\x4b\x4c"),
        ("zlib, stored", b"x\x01\x01\x02\0\xfd\xff"),
        ("zlib, as a text", b"x^2"),
        ("bzip2", b"BZh91AY&SY"),
        ("xz", b"\xfd7zXZ\0"),
        ("lzma", b"\x5d\0\0\x80\0"),
        ("lz4", b"\x04\x22\x4d\x18"),
    ] {
        for by_name in [FileFormat::Text, FileFormat::Onnx, FileFormat::Sentencepiece] {
            assert_eq!(with_name(begin, by_name), FileFormat::Pickle, "{what}");
        }
    }
    // A message, were it not for its mark.
    for begin in [&b"\x28\xb5\x2f\xfd\x08\x08"[..], b"\x02\x21\x4c\x18", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\x01"] {
        for by_name in [FileFormat::Text, FileFormat::Onnx] {
            assert_eq!(with_name(begin, by_name), FileFormat::Other);
        }
    }
    for text in ["x y\n", "x\n", "xyz\n", "x^", "BZ", "7zip\n", "Rar\n", "]"] {
        assert_eq!(of(text), FileFormat::Text, "{text}");
    }
    // A header of 376 bytes begins like zlib.
    let header = format!("{TWO}{}", " ".repeat(376 - TWO.len()));
    assert_eq!(of(safetensors(&header, &[0; 8])), FileFormat::Safetensors);
}

#[test]
fn t32_arrays_are_plain_in_the_form_of_numpy_only() {
    let plain = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }      \n";
    assert_eq!(of(array(plain, 16)), FileFormat::Numpy);
    for (header, data) in [
        (plain.replace("(1, 2)", "()"), 8),
        (plain.replace("(1, 2)", "(0,)"), 0),
        (plain.replace("(1, 2)", "(2,)").replace("False", "True"), 16),
        (plain.replace("<f8", "|b1"), 2),
        (plain.replace("<f8", ">c16"), 32),
        (plain.replace("<f8", "<U3"), 24),
        (plain.replace("<f8", "|S3"), 6),
        (plain.replace("<f8", "|V2"), 4),
        (plain.replace("<f8", "<m8[25us]"), 16),
    ] {
        assert_eq!(of(array(&header, data)), FileFormat::Numpy, "{header}");
    }
    let mut second = array(plain, 16);
    second.splice(6..10, [3, 0, plain.len() as u8, 0, 0, 0]);
    assert_eq!(of(second.clone()), FileFormat::Numpy);
    second[6] = 4;
    assert_eq!(of(second), FileFormat::Pickle);
    for header in [
        plain.replace("'fortran", "'des' 'cr': '|O', 'fortran"),
        plain.replace("), }", "), 'descr': '|O'}"),
        plain.replace("), }", "), } or {}"),
        plain.replace("<f8", "<f8' '"),
        plain.replace("<f8", "O8"),
        plain.replace("<f8", "|O8"),
        plain.replace("<f8", "=f8"),
        plain.replace("<f8", "<f08"),
        plain.replace("<f8", "<m8[\\n]"),
        plain.replace("(1, 2)", "(1,2)"),
        plain.replace("(1, 2)", "(2)"),
        plain.replace("(1, 2)", "(01, 2)"),
        plain.replace("(1, 2)", "(1, +2)"),
        plain.replace("(1, 2)", "(1, 3)"),
        plain.replace("(1, 2)", "(9999999999999999999, 9999999999999999999)"),
        plain.replace('\n', " "),
        plain.replace(" \n", "#\n"),
        plain.replace("'descr': ", "'descr':"),
        plain.replace('{', "{\"a\": 1, "),
    ] {
        assert_eq!(of(array(&header, 16)), FileFormat::Pickle, "{header}");
    }
    for data in [0, 15, 17, 64] {
        assert_eq!(of(array(plain, data)), FileFormat::Pickle, "{data}");
    }
    assert_eq!(of(&b"\x93NUMPY\x01\0\xff\xff{"[..]), FileFormat::Pickle);
}

#[test]
fn t32_headers_of_tensors_are_bounded_and_list_nothing_twice() {
    let empty = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    let names = |count: usize| (0..count).map(|name| format!("\"{name}\":{empty}")).collect::<Vec<_>>().join(",");
    assert_eq!(of(safetensors(&format!("{{{}}}", names(2000)), &[])), FileFormat::Safetensors);
    for header in [
        format!("{{\"a\":{empty},\"a\":{empty}}}"),
        format!("{{\"a\":{empty},\"\\u0061\":{empty}}}"),
        format!("{{\"__metadata__\":{{}},\"__metadata__\":{{}},\"a\":{empty}}}"),
        format!("{{\"a\":{}}}", empty.replace("\"shape\"", "\"data_offsets\":[0,0],\"shape\"")),
        r#"{"":{"data_offsets":[0,0]}}"#.to_owned(),
        format!("{{{}{}}}", names(1), " ".repeat(32 << 20)),
    ] {
        let shown: String = header.chars().take(100).collect();
        assert_eq!(of(safetensors(&header, &[])), FileFormat::Other, "{shown}");
    }
}

#[test]
fn texts_and_lengths_are_not_taken_for_pickles() {
    for text in [
        "cat\ndog\n",
        "Copyright (c) 2024 A. Author. All rights reserved.\n",
        "(c) 2024\n",
        "Version 2.0\n\nNotice\n",
        "I think so\n",
        "Licensed under the terms below.\n",
        "2024-01-01\n",
        "the\nof\nand\n",
        "...",
        "N",
    ] {
        assert_eq!(of(text), FileFormat::Text, "{text}");
    }
    // Headers of 640, 896, … bytes begin with the mark of a protocol; others with operations.
    for length in [0x28, 0x50, 0x58, 0x80, 640, 896, 1152, 1408, 0x5800, 0x2e58] {
        let mut header = TWO.to_owned();
        header
            .extend(std::iter::repeat_n(' ', length.max(TWO.len() + 256 - TWO.len() % 256 + length % 256) - TWO.len()));
        assert_eq!(of(safetensors(&header, &[0xff; 8])), FileFormat::Safetensors, "{length}");
    }
    assert_eq!(of(safetensors(&format!("{TWO}{}", " ".repeat(640 - TWO.len())), &[0; 8])), FileFormat::Safetensors);
}

#[test]
fn name_and_bytes_must_agree() {
    use FileFormat::{Code, Json, Other, Pickle, Safetensors, Text};
    for (name, bytes, allowed, expected) in [
        (Safetensors, Safetensors, &[Safetensors][..], true),
        (Safetensors, Pickle, &[Safetensors], false),
        (Safetensors, Pickle, &[Safetensors, Pickle], false),
        (Safetensors, Other, &[Safetensors, Other], false),
        (Safetensors, Json, &[Safetensors, Json], false),
        (Pickle, Safetensors, &[Safetensors], false),
        (Pickle, Pickle, &[Pickle], true),
        (Pickle, Other, &[Pickle], true),
        (Pickle, Code, &[Pickle], false),
        (Text, Json, &[Text], true),
        (Json, Text, &[Json, Text], false),
        (Code, Text, &[Code], true),
        (Code, Text, &[Text], false),
        (Other, Text, &[Other], true),
        (Other, Pickle, &[Other], false),
        (Other, Pickle, &[Other, Pickle], true),
        (Text, Code, &[Text, Code], false),
    ] {
        assert_eq!(name.is_allowed(bytes, allowed), expected, "{name:?} {bytes:?} {allowed:?}");
    }
}
