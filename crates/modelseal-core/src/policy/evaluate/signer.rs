//! What is decided before any rule: whether the signer is one of the policy's at all, and still accepted.

use jiff::Timestamp;

use crate::policy::model::{PolicyCertificate, PolicyFile, Revoked, RevokedThing};
use crate::policy::{Facts, SignatureFacts};
use crate::{ChainEvidence, Code, Digest, Error, KeyId, Result, SigningWindow, TrustedKey};

/// A key or certificate of the policy that made a signature.
#[derive(Clone, Copy)]
pub(super) enum Signer<'a> {
    Key(&'a TrustedKey),
    Certificate(&'a PolicyCertificate),
}

/// The one key or certificate of the policy that the facts name.
///
/// # Errors
/// `signature/unknown-key`.
pub(super) fn find<'a>(file: &'a PolicyFile, facts: &SignatureFacts) -> Result<Signer<'a>> {
    let unknown = |what: &str| Err(Error::new(Code::SignatureUnknownKey, what));
    if facts.verified != Some(true) {
        return unknown("no key of the policy verified the signature");
    }
    let Some(name) = facts.key.as_deref() else {
        return unknown("the signature is by a key that the policy does not have");
    };
    if let Some(certificate) = file.certificates.iter().find(|certificate| certificate.name == name) {
        return Ok(Signer::Certificate(certificate));
    }
    let is_meant = |key: &&TrustedKey| {
        key.name() == Some(name)
            && facts.key_id.as_deref().is_none_or(|id| id == key.key().id().to_string())
            && match facts.key_version {
                Some(version) => key.version().is_some_and(|own| own.get() == version),
                None => facts.key_id.is_some() || key.version().is_none(),
            }
    };
    let mut meant = file.trusted.keys().iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(key), None) => Ok(Signer::Key(key)),
        _ => {
            let version = facts.key_version.map(|version| format!("version {version} of ")).unwrap_or_default();
            unknown(&format!("the signature is by {version}the key `{name:.100}`, which the policy does not have"))
        }
    }
}

/// The certificate table that a chain fits: its anchor, and one of its names.
pub(crate) fn certificate_of<'a>(file: &'a PolicyFile, chain: &ChainEvidence) -> Option<&'a PolicyCertificate> {
    let (anchor, names) = (chain.anchor.fingerprint(), chain.leaf.alternative_names());
    file.certificates.iter().find(|certificate| {
        certificate.anchors.contains(&anchor)
            && certificate.alternative_names.iter().any(|accepted| names.contains(accepted))
    })
}

/// # Errors
/// `policy/revoked`.
pub(super) fn check_revoked(file: &PolicyFile, facts: &Facts) -> Result<()> {
    let artifact = &facts.artifact;
    let roots: Vec<Digest> = [&artifact.root_digest, &artifact.canonical_root_digest, &artifact.reference_root_digest]
        .into_iter()
        .flatten()
        .filter_map(|text| text.parse().ok())
        .collect();
    let signature = &facts.signature;
    let trusted_time = trusted_time(signature);
    for revoked in &file.revoked {
        let what = match &revoked.what {
            RevokedThing::Model(digest) => roots.contains(digest).then(|| "the model".to_owned()),
            RevokedThing::File(digest) => {
                let text = digest.to_string();
                let mut files = artifact.resources.iter().flatten();
                files
                    .find(|file| file.digest.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(&text)))
                    .map(|file| format!("the file `{:.100}`", file.name))
            }
            RevokedThing::KeyId(_) | RevokedThing::KeyVersions(..) => {
                let name = signature.key.as_deref().unwrap_or_default();
                let revokes = |id: Option<&String>| {
                    let id = id.and_then(|id| id.parse().ok());
                    revokes_key(revoked, signature.key.as_deref(), id, signature.key_version, trusted_time)
                };
                if revokes(signature.key_id.as_ref()) {
                    Some(format!("the key `{name:.100}`"))
                } else {
                    let issuer = signature.issuer_key_ids.iter().find(|id| revokes(Some(id)));
                    issuer.map(|id| format!("the key {id:.100} of an authority above the certificate `{name:.100}`"))
                }
            }
        };
        if let Some(what) = what {
            return Err(revocation(&what, revoked));
        }
    }
    Ok(())
}

/// The refusal of something revoked.
pub(crate) fn revocation(what: &str, revoked: &Revoked) -> Error {
    Error::new(Code::PolicyRevoked, format!("{what} is revoked: {}", revoked.reason))
}

fn revokes_key(
    revoked: &Revoked,
    name: Option<&str>,
    id: Option<KeyId>,
    version: Option<u32>,
    trusted_time: Option<Timestamp>,
) -> bool {
    let is_meant = match &revoked.what {
        RevokedThing::KeyId(revoked) => id == Some(*revoked),
        RevokedThing::KeyVersions(key, versions) => {
            name == Some(key) && version.is_some_and(|version| versions.iter().any(|own| own.get() == version))
        }
        RevokedThing::Model(_) | RevokedThing::File(_) => false,
    };
    let excepted = revoked.except_timestamped_before.zip(trusted_time).is_some_and(|(until, time)| time < until);
    is_meant && !excepted
}

/// Whether the policy still accepts what a key or certificate of this name attested. `issuers` are the keys above it.
pub(super) fn accepts_attestations(
    file: &PolicyFile,
    name: &str,
    id: Option<KeyId>,
    issuers: &[KeyId],
    now: Timestamp,
) -> bool {
    let accepted = |version: Option<u32>, id: Option<KeyId>| {
        !file.revoked.iter().any(|revoked| revokes_key(revoked, Some(name), id, version, None))
    };
    if let Some(certificate) = file.certificates.iter().find(|certificate| certificate.name == name) {
        let mut ids = issuers.iter().copied().map(Some).chain([id]);
        return contains(certificate.window, now) && ids.all(|id| accepted(None, id));
    }
    file.trusted.keys().iter().any(|key| {
        let own = key.key().id();
        key.name() == Some(name)
            && id.is_none_or(|id| id == own)
            && key.version() >= key.min_version()
            && contains(key.window(), now)
            && accepted(key.version().map(core::num::NonZero::get), Some(own))
    })
}

impl Signer<'_> {
    /// # Errors
    /// `policy/key-version`.
    pub(super) fn check_version(&self) -> Result<()> {
        let Self::Key(key) = self else { return Ok(()) };
        match (key.version(), key.min_version()) {
            (Some(version), Some(minimum)) if version < minimum => {
                let what = self.shown();
                let message = format!("the signature is by {what}, and the smallest accepted version is {minimum}");
                Err(Error::new(Code::PolicyKeyVersion, message))
            }
            _ => Ok(()),
        }
    }

    /// Checks the signing window, and returns when it ends for this signature: never, when a trusted timestamp lies in
    /// it. A time that the signer wrote down never helps, and denies when it lies outside.
    ///
    /// # Errors
    /// `policy/key-window`.
    pub(super) fn check_window(&self, facts: &SignatureFacts, now: Timestamp) -> Result<Option<Timestamp>> {
        let window = match self {
            Self::Key(key) => key.window(),
            Self::Certificate(certificate) => certificate.window,
        };
        let trusted = trusted_time(facts);
        self.check_inside(
            window,
            trusted.unwrap_or(now),
            if trusted.is_some() { "it signed at" } else { "now it is" },
        )?;
        if let Some(asserted) = facts.signed_at {
            self.check_inside(window, asserted, "it says that it signed at")?;
        }
        Ok(window.not_after().filter(|_| trusted.is_none()))
    }

    fn check_inside(&self, window: SigningWindow, time: Timestamp, how: &str) -> Result<()> {
        let bound = match (window.not_before(), window.not_after()) {
            (Some(from), _) if time < from => format!("from {from} on"),
            (_, Some(until)) if time >= until => format!("only before {until}"),
            _ => return Ok(()),
        };
        let message = format!("{} is accepted {bound}, and {how} {time:.0}", self.shown());
        Err(Error::new(Code::PolicyKeyWindow, message))
    }

    fn shown(&self) -> String {
        match self {
            Self::Key(key) => {
                let name = key.name().unwrap_or_default();
                key.version().map_or_else(
                    || format!("the key `{name}`"),
                    |version| format!("version {version} of the key `{name}`"),
                )
            }
            Self::Certificate(certificate) => format!("the certificate `{}`", certificate.name),
        }
    }
}

fn trusted_time(facts: &SignatureFacts) -> Option<Timestamp> {
    facts.signed_at.filter(|_| facts.time_source.as_deref() == Some("trusted"))
}

fn contains(window: SigningWindow, time: Timestamp) -> bool {
    window.not_before().is_none_or(|from| from <= time) && window.not_after().is_none_or(|until| time < until)
}
