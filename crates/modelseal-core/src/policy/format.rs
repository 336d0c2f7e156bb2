//! File formats that a rule can allow: a filter, no proof.

mod bytes;
mod container;
mod input;
mod name;
mod numpy;
mod pickle;
mod safetensors;

#[cfg(test)]
mod tests;

pub(crate) use bytes::Content;

/// What a file is, by its name or by its bytes.
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

    /// Whether a file that is `self` by its name and `bytes` by its bytes is one of `allowed`, by both.
    pub(crate) fn is_allowed(self, bytes: Self, allowed: &[Self]) -> bool {
        let loose = matches!(self, Self::Pickle | Self::Code | Self::Other);
        let agree = match bytes {
            _ if bytes == self => true,
            // What can run code is never taken for anything that cannot, and counts under its own word.
            Self::Pickle | Self::Code => loose && allowed.contains(&bytes),
            // A text may happen to be JSON.
            Self::Json if self == Self::Text => true,
            // A name that promises nothing, or worse, can stand for something better.
            _ => loose,
        };
        agree && allowed.contains(&self)
    }
}
