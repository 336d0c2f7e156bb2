//! JUnit XML, as build servers read it: one test case per model.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::decision;
use super::safe;
use super::verification::{ModelObject, Verification};

/// The name of the suite, by which a report is known to be ours.
pub(crate) const SUITE: &str = "modelseal verify";

/// The same for cases of a policy.
pub(crate) const POLICY_SUITE: &str = "modelseal policy test";

/// One case that passed or failed.
pub(crate) struct Case<'a> {
    /// Where it is written.
    pub(crate) class: &'a str,
    pub(crate) name: &'a str,
    /// Why it failed.
    pub(crate) failure: Option<&'a str>,
}

/// A report of cases.
pub(crate) fn cases<'a>(cases: impl Iterator<Item = Case<'a>>) -> io::Result<String> {
    let cases: Vec<Case<'_>> = cases.collect();
    let failures = cases.iter().filter(|case| case.failure.is_some()).count();
    suite(POLICY_SUITE, (cases.len(), failures, 0), |writer| {
        cases.iter().try_for_each(|case| {
            let (class, name) = (safe(case.class), safe(case.name));
            let element = writer.create_element("testcase");
            let element = element.with_attribute(("classname", class.as_str())).with_attribute(("name", name.as_str()));
            element.write_inner_content(|writer| {
                if let Some(failure) = case.failure {
                    let message = safe(failure);
                    let element = writer.create_element("failure").with_attribute(("message", message.as_str()));
                    element.write_empty()?;
                }
                Ok(())
            })?;
            Ok(())
        })
    })
}

/// The report. Every text is escaped first: XML 1.0 has no way to write control characters at all.
pub(crate) fn report(verification: &Verification) -> io::Result<String> {
    let models: Vec<&ModelObject> = verification.objects().collect();
    let failures = models.iter().filter(|model| model.status() == 1).count();
    let errors = models.iter().filter(|model| model.status() > 1).count();
    suite(SUITE, (models.len(), failures, errors), |writer| {
        models.iter().try_for_each(|model| test_case(writer, model))
    })
}

/// A suite with its numbers of cases, failures and errors.
fn suite(
    name: &str,
    (tests, failures, errors): (usize, usize, usize),
    content: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>,
) -> io::Result<String> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer
        .create_element("testsuite")
        .with_attribute(("name", name))
        .with_attribute(("tests", tests.to_string().as_str()))
        .with_attribute(("failures", failures.to_string().as_str()))
        .with_attribute(("errors", errors.to_string().as_str()))
        .with_attribute(("skipped", "0"))
        .write_inner_content(content)?;
    let mut bytes = writer.into_inner();
    bytes.push(b'\n');
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn test_case(writer: &mut Writer<Vec<u8>>, model: &ModelObject) -> io::Result<()> {
    let name = safe(model.model.as_deref().unwrap_or(SUITE));
    writer
        .create_element("testcase")
        .with_attribute(("classname", "modelseal"))
        .with_attribute(("name", name.as_str()))
        .write_inner_content(|writer| {
            let text = details(model);
            match (&model.message, model.status()) {
                (Some(message), status) => {
                    let element = if status == 1 { "failure" } else { "error" };
                    let message = safe(message);
                    writer
                        .create_element(element)
                        .with_attribute(("type", model.code))
                        .with_attribute(("message", message.as_str()))
                        .write_text_content(BytesText::new(&text))?;
                }
                (None, _) if !text.is_empty() => {
                    writer.create_element("system-out").write_text_content(BytesText::new(&text))?;
                }
                (None, _) => {}
            }
            Ok(())
        })?;
    Ok(())
}

/// Findings and hint, or what a verified model rests on less than fully.
fn details(model: &ModelObject) -> String {
    let mut lines: Vec<String> = Vec::new();
    for finding in &model.findings {
        let detail = if finding.detail.is_empty() { String::new() } else { format!(": {}", safe(&finding.detail)) };
        lines.push(format!("{}  {}{detail}", finding.code, safe(&finding.name)));
    }
    if let Some(decision) = &model.decision {
        lines.push(format!("policy: {}", safe(&decision::policy_and_rule(decision))));
        if model.message.is_some() {
            lines.extend(decision::denials(decision).iter().map(|line| safe(line)));
        }
    }
    if !model.findings_complete {
        lines.push("the search stopped there: there may be more".to_owned());
    }
    if let Some(hint) = &model.hint {
        lines.push(format!("hint: {}", safe(hint)));
    }
    for path in &model.uncovered {
        lines.push(format!("not covered: {} ({})", safe(&path.name), path.kind));
    }
    for unchecked in &model.unchecked {
        lines.push(format!("not checked: {unchecked}"));
    }
    for relaxed in &model.relaxed {
        lines.push(format!("relaxed: {relaxed}"));
    }
    if let Some(only) = &model.only {
        lines.push(format!("partial: {} files", only.len()));
    }
    lines.join("\n")
}
