//! The extensions (RFC 5280 §4.2) that the path check looks at.

use der::asn1::ObjectIdentifier;
use der::{AnyRef, Decode, Reader as _, SliceReader, Tag, TagNumber, Tagged as _};
use x509_cert::TbsCertificate;
use x509_cert::certificate::Version;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};

use crate::{Code, Error, Result};

const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const CERTIFICATE_POLICIES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32");
const AUTHORITY_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.35");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

const ANY_PURPOSE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const CODE_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3");

/// What the extensions say.
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions {
    pub(super) is_v3: bool,
    pub(super) basic_constraints: Option<BasicConstraints>,
    pub(super) key_usage: Option<KeyUsage>,
    purposes: Option<Vec<ObjectIdentifier>>,
    pub(super) alternative_names: Vec<String>,
    /// A critical extension that we do not process, by name.
    pub(super) unknown_critical: Option<String>,
}

impl Extensions {
    pub(super) fn read(fields: &TbsCertificate) -> Result<Self> {
        let list = fields.extensions().map(Vec::as_slice).unwrap_or_default();
        let mut found = Self { is_v3: fields.version() == Version::V3, ..Self::default() };
        if !found.is_v3 && fields.extensions().is_some() {
            return Err(malformed("the certificate has extensions, which only version 3 allows"));
        }
        for (index, extension) in list.iter().enumerate() {
            let (oid, value) = (extension.extn_id, extension.extn_value.as_bytes());
            if list.iter().take(index).any(|earlier| earlier.extn_id == oid) {
                return Err(malformed(format!("the certificate has the extension {oid} twice")));
            }
            match oid {
                BASIC_CONSTRAINTS => found.basic_constraints = Some(decode(value, "basicConstraints")?),
                KEY_USAGE => found.key_usage = Some(decode(value, "keyUsage")?),
                EXTENDED_KEY_USAGE => {
                    found.purposes = Some(decode::<ExtendedKeyUsage>(value, "extKeyUsage")?.0);
                }
                SUBJECT_ALTERNATIVE_NAME => {
                    found.alternative_names = alternative_names(value).ok_or_else(|| undecodable("subjectAltName"))?;
                }
                // Nothing in these narrows what the key may sign here: policies bind only who asks for one.
                SUBJECT_KEY_IDENTIFIER | AUTHORITY_KEY_IDENTIFIER | CERTIFICATE_POLICIES => {}
                NAME_CONSTRAINTS if extension.critical => found.unknown_critical = Some("nameConstraints".to_owned()),
                other if extension.critical => found.unknown_critical = Some(other.to_string()),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether the certificate says that it is a CA.
    pub(super) fn is_ca(&self) -> bool {
        self.basic_constraints.as_ref().is_some_and(|constraints| constraints.ca)
    }

    /// Whether an extended key usage is there at all.
    pub(super) fn has_purposes(&self) -> bool {
        self.purposes.is_some()
    }

    /// Whether the extended key usage, if there is one, names code signing.
    pub(super) fn allows_code_signing(&self) -> bool {
        self.purposes.as_ref().is_none_or(|purposes| purposes.contains(&CODE_SIGNING))
    }

    /// The same for a CA, whose list narrows its leafs: there "any" excludes nothing.
    pub(super) fn allows_issuing_for_code_signing(&self) -> bool {
        self.allows_code_signing() || self.purposes.as_ref().is_some_and(|purposes| purposes.contains(&ANY_PURPOSE))
    }
}

fn decode<'a, T: Decode<'a>>(value: &'a [u8], name: &str) -> Result<T> {
    T::from_der(value).map_err(|_| undecodable(name))
}

/// E-mail addresses, DNS names and URIs of `GeneralNames` (RFC 5280 §4.2.1.6); the other forms are passed over.
fn alternative_names(value: &[u8]) -> Option<Vec<String>> {
    let mut reader = SliceReader::new(value).ok()?;
    let names = reader
        .sequence(|inner| {
            let mut names = Vec::new();
            while !inner.is_finished() {
                names.push(AnyRef::decode(inner)?);
            }
            Ok::<_, der::Error>(names)
        })
        .ok()?;
    reader.finish().ok()?;
    let texts = names.into_iter().filter(|name| {
        [1, 2, 6]
            .into_iter()
            .map(TagNumber)
            .any(|number| name.tag() == Tag::ContextSpecific { constructed: false, number })
    });
    texts
        .map(|name| core::str::from_utf8(name.value()).ok().filter(|text| text.is_ascii()).map(str::to_owned))
        .collect()
}

fn undecodable(name: &str) -> Error {
    malformed(format!("the certificate has a malformed {name} extension"))
}

fn malformed(message: impl AsRef<str>) -> Error {
    Error::new(Code::KeyMalformed, message)
}
