//! JSON that is safe in a terminal and a log: what [`modelseal::escape`] would escape is written as `\uXXXX`.

use core::num::NonZeroU32;

use std::io::{self, Write};

use modelseal::vault::KeyPlace;
use modelseal::{Error, SignedBy, escape};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

/// One line of compact JSON with its line end.
pub(crate) fn to_line(value: &impl Serialize) -> String {
    write(value, CompactFormatter)
}

/// Indented JSON, for files.
pub(crate) fn to_pretty(value: &impl Serialize) -> String {
    write(value, PrettyFormatter::new())
}

fn write(value: &impl Serialize, layout: impl Formatter) -> String {
    let mut bytes = Vec::new();
    // Fails only for maps with keys that are no strings, of which there are none.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut bytes, Careful(layout)));
    bytes.push(b'\n');
    String::from_utf8(bytes).unwrap_or_default()
}

/// Lays out as another formatter does, and escapes more.
struct Careful<F>(F);

impl<F: Formatter> Formatter for Careful<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !fragment.contains("##") && matches!(escape(fragment), std::borrow::Cow::Borrowed(_)) {
            return writer.write_all(fragment.as_bytes());
        }
        let mut buffer = [0; 4];
        for c in fragment.chars() {
            let text = c.encode_utf8(&mut buffer);
            if c != '#' && matches!(escape(text), std::borrow::Cow::Borrowed(_)) {
                writer.write_all(text.as_bytes())?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

/// `modelseal.error`: what went wrong before there was a result.
#[derive(Debug, Serialize)]
pub(crate) struct ErrorObject {
    kind: &'static str,
    version: u8,
    code: &'static str,
    exit: u8,
    message: String,
    hint: String,
    findings: Vec<FindingObject>,
    findings_complete: bool,
}

impl ErrorObject {
    /// The object of an error that ends the run with `exit`.
    pub(crate) fn new(error: &Error, exit: u8) -> Self {
        Self {
            kind: "modelseal.error",
            version: 1,
            code: error.code().as_str(),
            exit,
            message: error.message().to_owned(),
            hint: error.hint().to_owned(),
            findings: findings(error),
            findings_complete: error.findings_complete(),
        }
    }
}

/// One thing that is wrong with a model.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FindingObject {
    pub(crate) code: &'static str,
    pub(crate) name: String,
    pub(crate) detail: String,
}

/// Everything that an error found.
pub(crate) fn findings(error: &Error) -> Vec<FindingObject> {
    let object = |finding: &modelseal::Finding| FindingObject {
        code: finding.code().as_str(),
        name: finding.name().to_owned(),
        detail: finding.detail().to_owned(),
    };
    error.findings().iter().map(object).collect()
}

/// Who signed.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SignerObject {
    pub(crate) method: &'static str,
    pub(crate) key_id: String,
    #[serde(rename = "kind")]
    pub(crate) key_kind: String,
    pub(crate) scheme: Option<&'static str>,
    pub(crate) key_name: Option<String>,
    pub(crate) key_version: Option<u32>,
    pub(crate) subject: Option<String>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) anchor_fingerprint: Option<String>,
    pub(crate) pinned: Option<bool>,
    pub(crate) leaf_is_ca: Option<bool>,
}

impl From<&SignedBy> for SignerObject {
    fn from(signed_by: &SignedBy) -> Self {
        let mut signer = Self {
            method: signed_by.method(),
            key_id: signed_by.key_id().to_string(),
            key_kind: signed_by.kind().to_string(),
            key_name: signed_by.key_name().map(str::to_owned),
            key_version: signed_by.key_version().map(NonZeroU32::get),
            ..Self::default()
        };
        match signed_by {
            SignedBy::Key { scheme, .. } => signer.scheme = Some(scheme.as_str()),
            SignedBy::Certificate { chain, .. } => {
                signer.subject = Some(chain.leaf.subject());
                signer.fingerprint = Some(chain.leaf.fingerprint().to_string());
                signer.anchor_fingerprint = Some(chain.anchor.fingerprint().to_string());
                signer.pinned = Some(chain.pinned);
                signer.leaf_is_ca = Some(chain.leaf_is_ca);
            }
            _ => {}
        }
        signer
    }
}

/// The server that a result rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ServerObject {
    pub(crate) address: String,
    pub(crate) namespace: Option<String>,
    pub(crate) mount: String,
}

impl From<&KeyPlace> for ServerObject {
    fn from(place: &KeyPlace) -> Self {
        Self { address: place.address.clone(), namespace: place.namespace.clone(), mount: place.mount.clone() }
    }
}

/// A path that is not covered.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UncoveredObject {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
}

/// Paths that are not covered.
pub(crate) fn uncovered(seen: &[modelseal::Uncovered]) -> Vec<UncoveredObject> {
    seen.iter().map(|path| UncoveredObject { name: path.name.clone(), kind: path.kind }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t11_what_a_terminal_must_not_see_is_escaped_and_read_back() {
        let hostile = "a\u{202e}\u{200b}\u{2028}\u{7f}\u{1b}[31m\n##vso[x]\u{e0001}\u{fffe}é中#\"";
        let line = to_line(&hostile);
        assert_eq!(
            line,
            "\"a\\u202e\\u200b\\u2028\\u007f\\u001b[31m\\n\\u0023\\u0023vso[x]\\udb40\\udc01\\ufffeé中\\u0023\\\"\"\n"
        );
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), hostile);
        assert_eq!(to_line(&["plain#", "é"]), "[\"plain#\",\"é\"]\n");
    }
}
