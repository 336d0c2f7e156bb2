//! `[[certificate]]`: authorities whose leaves may sign.

use toml::Spanned;

use super::raw::RawCertificate;
use super::{Files, values};
use crate::key_table::text::{Text, at_line};
use crate::policy::model::PolicyCertificate;
use crate::{Certificate, Result, SigningWindow, TrustedCertificate};

/// Reads the certificates, and the anchors that they name.
pub(super) fn read(
    text: Text<'_>,
    raw: &[RawCertificate],
    files: &mut Files<'_>,
) -> Result<(Vec<PolicyCertificate>, Vec<TrustedCertificate>)> {
    let mut certificates: Vec<PolicyCertificate> = Vec::with_capacity(raw.len());
    let mut anchors = Vec::new();
    for raw in raw {
        let certificate = one(text, raw, files, &mut anchors)?;
        let same_name = |other: &&PolicyCertificate| other.name == certificate.name;
        if certificates.iter().any(|other| same_name(&other)) {
            return Err(text.error(certificate.line, format!("the name `{}` is there twice", certificate.name)));
        }
        if let Some(other) = certificates.iter().find(|other| overlap(other, &certificate)) {
            let message = format!("`{}` and `{}` accept the same certificates", other.name, certificate.name);
            return Err(text
                .error(certificate.line, message)
                .with_hint("a leaf needs one name: give them different roots, or different `san`"));
        }
        certificates.push(certificate);
    }
    Ok((certificates, anchors))
}

fn one(
    text: Text<'_>,
    raw: &RawCertificate,
    files: &mut Files<'_>,
    anchors: &mut Vec<TrustedCertificate>,
) -> Result<PolicyCertificate> {
    let mut digests = Vec::new();
    for path in values::entries(text, "roots", &raw.roots)? {
        for (certificate, source) in roots(text, path, files)? {
            digests.push(certificate.fingerprint());
            anchors.push(TrustedCertificate::new(certificate).with_source(source));
        }
    }
    digests.sort_unstable();
    digests.dedup();
    Ok(PolicyCertificate {
        name: text.name("certificate", &raw.name)?,
        anchors: digests,
        alternative_names: values::texts(text, "san", &raw.san)?,
        window: text.window(raw.not_before.as_ref(), raw.not_after.as_ref(), SigningWindow::ALWAYS)?,
        line: text.of(&raw.name),
    })
}

fn roots(
    text: Text<'_>,
    path: &Spanned<String>,
    files: &mut Files<'_>,
) -> Result<Vec<(Certificate, std::path::PathBuf)>> {
    let (content, source) = files.read(text, path)?;
    let certificates = Certificate::from_pem(&content).map_err(|error| at_line(text.of(path), &error))?;
    for certificate in &certificates {
        if let Ok(key) = certificate.public_key() {
            files.refuse_test_key(&key).map_err(|error| at_line(text.of(path), &error))?;
        }
    }
    Ok(certificates.into_iter().map(|certificate| (certificate, source.clone())).collect())
}

fn overlap(one: &PolicyCertificate, other: &PolicyCertificate) -> bool {
    one.anchors.iter().any(|anchor| other.anchors.contains(anchor))
        && one.alternative_names.iter().any(|name| other.alternative_names.contains(name))
}
