//! Writes the small model of `make demo`: a valid safetensors file with its configuration and tokenizer.
//!
//! Usage: `make_demo_model DIRECTORY`

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

/// Name, safetensors type, bytes per element, shape: in the order of the data.
const TENSORS: &[(&str, &str, usize, &[usize])] = &[
    ("embed.weight", "F16", 2, &[256, 32]),
    ("layers.0.attention.weight", "F32", 4, &[32, 32]),
    ("layers.0.attention.bias", "F32", 4, &[32]),
    ("layers.0.norm.weight", "BF16", 2, &[32]),
    ("layers.0.rotary.positions", "I64", 8, &[64]),
    ("layers.0.mask", "BOOL", 1, &[8, 8]),
    ("head.weight.quantized", "I8", 1, &[256, 32]),
    ("head.weight.zero_points", "U8", 1, &[256]),
];

const CONFIG: &str = r#"{
  "architectures": ["DemoForCausalLM"],
  "hidden_size": 32,
  "max_position_embeddings": 64,
  "num_attention_heads": 4,
  "num_hidden_layers": 1,
  "torch_dtype": "float32",
  "vocab_size": 256
}
"#;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(directory), None) = (arguments.next(), arguments.next()) else {
        return fail("usage: make_demo_model DIRECTORY");
    };
    match write_model(&directory) {
        Ok(bytes) => say(&format!("{bytes} bytes of tensors in {} tensors", TENSORS.len())),
        Err(error) => fail(&format!("{}: {error}", directory.display())),
    }
}

fn write_model(directory: &OsString) -> io::Result<usize> {
    let directory = Path::new(directory);
    fs::create_dir_all(directory)?;
    fs::write(directory.join("config.json"), CONFIG)?;
    fs::write(directory.join("tokenizer.json"), tokenizer())?;
    let (model, bytes) = safetensors();
    fs::write(directory.join("model.safetensors"), model)?;
    Ok(bytes)
}

/// A safetensors file: the length of the header in eight little-endian bytes, the header in JSON, the data. The
/// tensors tile the data without a gap, and the header is padded with spaces so that the data starts on eight bytes.
fn safetensors() -> (Vec<u8>, usize) {
    let mut header = String::from(r#"{"__metadata__":{"format":"pt"}"#);
    let mut data = Vec::new();
    for (index, (name, dtype, width, shape)) in TENSORS.iter().enumerate() {
        let start = data.len();
        let elements: usize = shape.iter().product();
        fill(&mut data, index, dtype, elements * width);
        let shape = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        // Writing to a String cannot fail.
        let _ = write!(
            header,
            r#","{name}":{{"dtype":"{dtype}","shape":[{shape}],"data_offsets":[{start},{}]}}"#,
            data.len()
        );
    }
    header.push('}');
    while header.len() % 8 != 0 {
        header.push(' ');
    }
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    let bytes = data.len();
    file.append(&mut data);
    (file, bytes)
}

/// Values that look like weights: the same on every run, and valid for the type.
fn fill(data: &mut Vec<u8>, seed: usize, dtype: &str, length: usize) {
    let end = data.len() + length;
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ seed as u64;
    let mut position = 0_i64;
    while data.len() < end {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let noise = (state >> 33) as u32;
        // Exponents near 1.0, so that no weight is infinite or not a number.
        match dtype {
            "F32" => data.extend_from_slice(&(0x3f00_0000 | noise & 0x80ff_ffff).to_le_bytes()),
            "F16" => data.extend_from_slice(&(0x3800 | noise as u16 & 0x83ff).to_le_bytes()),
            "BF16" => data.extend_from_slice(&(0x3f00 | noise as u16 & 0x807f).to_le_bytes()),
            "I64" => data.extend_from_slice(&position.to_le_bytes()),
            "BOOL" => data.push((noise & 1) as u8),
            _ => data.push(noise as u8),
        }
        position += 1;
    }
}

/// One token per byte.
fn tokenizer() -> String {
    let mut text = String::from(
        "{\n  \"version\": \"1.0\",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"merges\": [],\n    \"vocab\": {",
    );
    for byte in 0..=u8::MAX {
        let comma = if byte == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}\n      \"<0x{byte:02X}>\": {byte}");
    }
    text.push_str("\n    }\n  }\n}\n");
    text
}

fn say(line: &str) -> ExitCode {
    match writeln!(io::stdout().lock(), "{line}") {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(line: &str) -> ExitCode {
    // Nothing is left to do if standard error is closed as well.
    let _ = writeln!(io::stderr().lock(), "make_demo_model: {line}");
    ExitCode::FAILURE
}
