//! The path from a leaf to an anchor.
//!
//! A path check of our own, because none fits the rules: a leaf may be a CA and bear its issuer's name, an anchor may
//! be any certificate and must be valid itself, and the leaf's key usage counts. It is bounded in every direction.

use jiff::Timestamp;

use super::Certificate;
use super::link::LinkAlgorithm;
use crate::{Code, Digest, Error, KeyId, KeyKind, Result};

/// Most certificates of a bundle.
const MAX_CERTIFICATES: usize = 8;

/// Most CAs above the leaf, the anchor included.
const MAX_CAS: usize = 4;

/// Most signatures that are checked for one leaf: many CAs of one name must not make many paths.
const MAX_SIGNATURES: usize = 128;

/// What the leaf certificate must be, besides chaining to an anchor. Empty: any leaf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeafPin {
    /// SHA-256 of the leaf.
    pub fingerprint: Option<Digest>,
    /// Exact subject, as [`Certificate::subject`] gives it.
    pub subject: Option<String>,
    /// One subject alternative name, exact.
    pub alternative_name: Option<String>,
}

/// A chain that was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainEvidence {
    /// The leaf.
    pub leaf: Certificate,
    /// The certificates between the leaf and the anchor, the leaf's issuer first.
    pub intermediates: Vec<Certificate>,
    /// The anchor that the chain ends in.
    pub anchor: Certificate,
    /// Whether the leaf's identity was pinned.
    pub pinned: bool,
    /// Whether the leaf says CA:true, which is accepted and reported.
    pub leaf_is_ca: bool,
}

/// Verifies `chain` (leaf first, then helpers in any order) against `anchors`, by the table of `docs/formats.md`.
///
/// # Errors
/// `signature/untrusted-certificate`, `signature/certificate-time`, `signature/scheme-not-allowed`.
pub(crate) fn verify_chain(
    chain: &[Certificate],
    anchors: &[Certificate],
    pin: &LeafPin,
    at: Timestamp,
) -> Result<ChainEvidence> {
    let Some((leaf, helpers)) = chain.split_first() else {
        return Err(untrusted("there is no certificate to check"));
    };
    if chain.len() > MAX_CERTIFICATES {
        return Err(untrusted(format!("the bundle holds {} certificates, where 8 are the limit", chain.len())));
    }
    if anchors.is_empty() {
        return Err(untrusted("no certificate is trusted"));
    }
    check_leaf(leaf)?;
    let mut search = Search { helpers, anchors, at, signatures_left: MAX_SIGNATURES, refusal: None };
    let mut path = vec![leaf];
    let Some(anchor) = search.from(&mut path) else {
        return Err(search.refusal.map_or_else(|| not_issued(leaf), |(_, error)| error));
    };
    let pinned = check_pin(leaf, pin)?;
    let between = path.into_iter().skip(1).filter(|certificate| *certificate != anchor);
    Ok(ChainEvidence {
        leaf: leaf.clone(),
        intermediates: between.cloned().collect(),
        anchor: anchor.clone(),
        pinned,
        leaf_is_ca: leaf.extensions.is_ca(),
    })
}

impl ChainEvidence {
    /// Ids of the keys above the leaf's, the anchor's last. Whoever holds one of them could have issued the leaf.
    pub(crate) fn issuer_key_ids(&self) -> impl Iterator<Item = KeyId> {
        self.intermediates.iter().chain([&self.anchor]).filter_map(|issuer| Some(issuer.public_key().ok()?.id()))
    }
}

/// How much a refusal explains: the one of the most promising path is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Nobody of that name.
    NoIssuer,
    /// Somebody of that name did not sign it.
    Signature,
    /// The right issuer may not issue, or issued in a way that is not accepted.
    Rule,
    /// The path is complete, and a certificate on it is out of its time.
    Time,
    /// The search was given up.
    Limit,
}

struct Search<'a> {
    helpers: &'a [Certificate],
    anchors: &'a [Certificate],
    at: Timestamp,
    signatures_left: usize,
    refusal: Option<(Rank, Error)>,
}

impl<'a> Search<'a> {
    /// Looks for an anchor above the last certificate of `path` (leaf first), which then leads to it.
    fn from(&mut self, path: &mut Vec<&'a Certificate>) -> Option<&'a Certificate> {
        let last = *path.last()?;
        // What the caller trusts ends the path, whatever it is: a root, an intermediate or the leaf itself.
        if let Some(anchor) = self.anchors.iter().find(|anchor| *anchor == last) {
            return match check_times(path, self.at) {
                Ok(()) => Some(anchor),
                Err(error) => {
                    self.refuse(Rank::Time, error);
                    None
                }
            };
        }
        if path.len() > MAX_CAS {
            self.refuse(Rank::Rule, untrusted("the certificate chain is longer than a leaf and 4 CAs"));
            return None;
        }
        let (anchors, helpers) = (self.anchors, self.helpers);
        let mut issuers = 0;
        for issuer in anchors.iter().chain(helpers) {
            if !bears_issuer_name(last, issuer) || path.contains(&issuer) {
                continue;
            }
            issuers += 1;
            if let Err((rank, error)) = self.check_issuer(path, issuer) {
                self.refuse(rank, error);
                continue;
            }
            path.push(issuer);
            let found = self.from(path);
            if found.is_some() {
                return found;
            }
            path.pop();
        }
        if issuers == 0 {
            self.refuse(Rank::NoIssuer, not_issued(last));
        }
        None
    }

    /// Whether `issuer` signed the last certificate of `path` and was allowed to.
    fn check_issuer(&mut self, path: &[&Certificate], issuer: &Certificate) -> Result<(), (Rank, Error)> {
        let Some(subject) = path.last() else { return Err((Rank::NoIssuer, untrusted("the path is empty"))) };
        let rule = |message: String| (Rank::Rule, untrusted(message));
        let algorithm = LinkAlgorithm::of(subject)
            .map_err(|name| rule(format!("certificate `{}` is signed with {name}", shown(&subject.subject()))))?;
        let name = shown(&issuer.subject());
        let key = issuer
            .public_key()
            .map_err(|error| rule(format!("the key of certificate `{name}` is refused: {}", error.message())))?;
        if self.signatures_left == 0 {
            return Err((Rank::Limit, untrusted("the certificates of the bundle make too many paths to check")));
        }
        self.signatures_left -= 1;
        if !algorithm.holds(subject, &key) {
            let message = format!("certificate `{}` was not signed by `{name}`", shown(&subject.subject()));
            return Err((Rank::Signature, untrusted(message)));
        }
        check_ca(issuer, path.len() - 1).map_err(|what| rule(format!("certificate `{name}` {what}")))
    }

    /// Keeps the most telling refusal, the first among equals.
    fn refuse(&mut self, rank: Rank, error: Error) {
        if self.refusal.as_ref().is_none_or(|(kept, _)| rank > *kept) {
            self.refusal = Some((rank, error));
        }
    }
}

fn check_leaf(leaf: &Certificate) -> Result<()> {
    let name = shown(&leaf.subject());
    match leaf.public_key().map(|key| key.kind()) {
        Ok(KeyKind::Ec(_)) => {}
        Ok(kind) => {
            return Err(Error::new(
                Code::SignatureSchemeNotAllowed,
                format!("certificate `{name}` has a key of kind {kind}, which certificates may not sign models with"),
            )
            .with_hint("have the model signed with a certificate for ECDSA on P-256, P-384 or P-521"));
        }
        Err(error) => {
            return Err(Error::new(
                Code::SignatureSchemeNotAllowed,
                format!("the key of certificate `{name}` is refused: {}", error.message()),
            )
            .with_hint("have the model signed with a certificate for ECDSA on P-256, P-384 or P-521"));
        }
    }
    let extensions = &leaf.extensions;
    let refused = |what: &str| Err(untrusted(format!("certificate `{name}` {what}")));
    if let Some(unknown) = &extensions.unknown_critical {
        return refused(&format!("has the critical extension {unknown}, which is not processed"));
    }
    if extensions.key_usage.is_none() && !extensions.has_purposes() {
        return refused("says neither by key usage nor by extended key usage that it may sign");
    }
    if extensions.key_usage.as_ref().is_some_and(|usage| !usage.digital_signature()) {
        return refused("has a key usage without digitalSignature");
    }
    if !extensions.allows_code_signing() {
        return refused("has an extended key usage without codeSigning");
    }
    Ok(())
}

/// Whether a certificate may issue, with so many CAs between it and the leaf; else what is wrong with it.
fn check_ca(issuer: &Certificate, cas_below: usize) -> Result<(), String> {
    let extensions = &issuer.extensions;
    if !extensions.is_v3 {
        return Err("is of a version before 3 and cannot say that it is a CA".to_owned());
    }
    if let Some(unknown) = &extensions.unknown_critical {
        return Err(format!("has the critical extension {unknown}, which is not processed"));
    }
    if !extensions.is_ca() {
        return Err("is no CA and may not issue certificates".to_owned());
    }
    let limit = extensions.basic_constraints.as_ref().and_then(|constraints| constraints.path_len_constraint);
    // Every CA counts, also one that was issued to its own name.
    if limit.is_some_and(|limit| cas_below > usize::from(limit)) {
        return Err(format!("allows {} CAs below it, and there are {cas_below}", limit.unwrap_or_default()));
    }
    if extensions.key_usage.as_ref().is_some_and(|usage| !usage.key_cert_sign()) {
        return Err("has a key usage without keyCertSign".to_owned());
    }
    if !extensions.allows_issuing_for_code_signing() {
        return Err("has an extended key usage without codeSigning".to_owned());
    }
    Ok(())
}

fn check_times(path: &[&Certificate], at: Timestamp) -> Result<()> {
    for certificate in path {
        let name = shown(&certificate.subject());
        let (from, to) = (certificate.not_before(), certificate.not_after());
        let message = if at < from {
            format!("certificate `{name}` is not valid before {from}; the time of checking is {at}")
        } else if at > to {
            format!("certificate `{name}` expired at {to}; the time of checking is {at}")
        } else {
            continue;
        };
        return Err(Error::new(Code::SignatureCertificateTime, message));
    }
    Ok(())
}

/// Whether the leaf was pinned; an error when it is another one.
fn check_pin(leaf: &Certificate, pin: &LeafPin) -> Result<bool> {
    let other = |what: &str, expected: &str, actual: &str| {
        Err(untrusted(format!(
            "the leaf certificate has the {what} `{}`, where `{}` is expected",
            shown(actual),
            shown(expected)
        ))
        .with_hint("somebody else under the same trusted certificate signed the model, or the expectation is old"))
    };
    if let Some(expected) = pin.fingerprint.as_ref().filter(|expected| **expected != leaf.fingerprint()) {
        return other("fingerprint", &expected.to_string(), &leaf.fingerprint().to_string());
    }
    let subject = leaf.subject();
    if let Some(expected) = pin.subject.as_ref().filter(|expected| **expected != subject) {
        return other("subject", expected, &subject);
    }
    let names = leaf.alternative_names();
    if let Some(expected) = pin.alternative_name.as_ref().filter(|expected| !names.contains(expected)) {
        return other("alternative names", expected, &names.join(", "));
    }
    Ok(pin.fingerprint.is_some() || pin.subject.is_some() || pin.alternative_name.is_some())
}

/// Equal names make a candidate, no more: only the signature tells who issued.
fn bears_issuer_name(subject: &Certificate, issuer: &Certificate) -> bool {
    subject.fields.tbs_certificate().issuer() == issuer.fields.tbs_certificate().subject()
}

fn not_issued(certificate: &Certificate) -> Error {
    let (subject, issuer) = (shown(&certificate.subject()), shown(&certificate.issuer()));
    untrusted(if subject == issuer {
        format!("the certificate chain ends in `{subject}`, which is not trusted here")
    } else {
        format!("the certificate chain ends in `{subject}`, issued by `{issuer}`, which is not trusted here")
    })
}

/// A name for a message: hostile ones may be long.
fn shown(name: &str) -> String {
    match name.char_indices().nth(256) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

fn untrusted(message: impl AsRef<str>) -> Error {
    Error::new(Code::SignatureUntrustedCertificate, message)
}
