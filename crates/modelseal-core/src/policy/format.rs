//! File formats that a rule can allow.

/// What a file is, by its name or by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum FileFormat {
    Safetensors,
    Gguf,
    Onnx,
    Json,
    Text,
    Sentencepiece,
    Numpy,
    Image,
    Pickle,
    Code,
    Other,
}

impl FileFormat {
    /// Every format.
    pub(crate) const ALL: [Self; 11] = [
        Self::Safetensors,
        Self::Gguf,
        Self::Onnx,
        Self::Json,
        Self::Text,
        Self::Sentencepiece,
        Self::Numpy,
        Self::Image,
        Self::Pickle,
        Self::Code,
        Self::Other,
    ];

    /// The word in policies.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Safetensors => "safetensors",
            Self::Gguf => "gguf",
            Self::Onnx => "onnx",
            Self::Json => "json",
            Self::Text => "text",
            Self::Sentencepiece => "sentencepiece",
            Self::Numpy => "numpy",
            Self::Image => "image",
            Self::Pickle => "pickle",
            Self::Code => "code",
            Self::Other => "other",
        }
    }
}
