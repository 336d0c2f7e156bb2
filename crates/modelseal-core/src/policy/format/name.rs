//! What a file is by its name.

use super::FileFormat;

impl FileFormat {
    /// The format that the name of a file promises. Case does not matter: loaders differ.
    pub(crate) fn of_name(name: &str) -> Self {
        let file = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        // Versions follow the ending: `libx.so.1`.
        if file.contains(".so.") {
            return Self::Code;
        }
        match file.rsplit_once('.').map_or("", |(_, ending)| ending) {
            "safetensors" => Self::Safetensors,
            "gguf" => Self::Gguf,
            "onnx" => Self::Onnx,
            "json" => Self::Json,
            "md" | "txt" | "csv" | "tsv" | "jsonl" | "ndjson" | "rst" | "yaml" | "yml" | "toml" | "ini" | "cfg"
            | "bpe" | "vocab" | "log" | "license" | "tex" | "bib" => Self::Text,
            "model" | "spm" => Self::Sentencepiece,
            "npy" => Self::Numpy,
            "png" | "jpg" | "jpeg" | "gif" | "webp" | "bmp" => Self::Image,
            "pkl" | "pickle" | "pt" | "pt2" | "ptl" | "pte" | "pth" | "ckpt" | "bin" | "joblib" | "npz" | "dill"
            | "keras" | "zip" | "nemo" | "mar" | "tar" => Self::Pickle,
            // Templates are programs, and pages and notebooks hold them.
            "py" | "pyc" | "pyo" | "pyd" | "pyw" | "pyi" | "pyx" | "ipynb" | "sh" | "bash" | "zsh" | "fish" | "ps1"
            | "psm1" | "bat" | "cmd" | "com" | "exe" | "dll" | "so" | "dylib" | "a" | "o" | "js" | "mjs" | "cjs"
            | "ts" | "jsx" | "tsx" | "rb" | "pl" | "php" | "lua" | "r" | "jl" | "java" | "class" | "jar" | "go"
            | "rs" | "c" | "h" | "cc" | "cpp" | "hpp" | "cu" | "cuh" | "ptx" | "cubin" | "wasm" | "jinja"
            | "jinja2" | "j2" | "html" | "htm" | "svg" | "vbs" | "whl" | "egg" => Self::Code,
            _ if matches!(&*file, "makefile" | "dockerfile") => Self::Code,
            _ if matches!(&*file, "license" | "notice" | "readme" | "authors" | "changelog") => Self::Text,
            _ => Self::Other,
        }
    }
}
