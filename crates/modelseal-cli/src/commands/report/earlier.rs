//! What a report may replace: a report of an earlier run.

use std::fs::File;
use std::io::{self, BufReader, Read as _};
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde::Deserialize;

use super::Form;
use crate::output::{junit, sarif};

/// Most bytes that are read to tell a report from something else.
const MAX_BYTES: u64 = 1 << 30;

type Input = BufReader<io::Take<File>>;

/// Whether the regular file at `path` holds an earlier report. Unknown is no.
pub(super) fn is_report(path: &Path, form: Form) -> bool {
    let Ok(file) = File::open(path) else { return false };
    let input = BufReader::new(file.take(MAX_BYTES));
    match form {
        Form::Json => is_json(input),
        Form::Sarif => is_sarif(input),
        Form::Junit => is_junit(input),
    }
}

#[derive(Deserialize)]
struct JsonHead {
    kind: String,
}

fn is_json(input: Input) -> bool {
    serde_json::from_reader(input)
        .is_ok_and(|head: JsonHead| matches!(head.kind.as_str(), "modelseal.verify" | "modelseal.error"))
}

#[derive(Deserialize)]
struct Log {
    version: String,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    tool: Tool,
}

#[derive(Deserialize)]
struct Tool {
    driver: Driver,
}

#[derive(Deserialize)]
struct Driver {
    name: String,
}

fn is_sarif(input: Input) -> bool {
    serde_json::from_reader(input).is_ok_and(|log: Log| {
        let ours = |run: &Run| run.tool.driver.name == sarif::DRIVER;
        log.version == sarif::VERSION && !log.runs.is_empty() && log.runs.iter().all(ours)
    })
}

/// Reads the whole text: what only begins like a report is none.
fn is_junit(input: Input) -> bool {
    let mut reader = Reader::from_reader(input);
    let (mut buffer, mut depth, mut roots) = (Vec::new(), 0_usize, 0_usize);
    loop {
        buffer.clear();
        match reader.read_event_into(&mut buffer) {
            Ok(Event::Start(tag)) => {
                if depth == 0 && !is_suite(&tag) {
                    return false;
                }
                roots += usize::from(depth == 0);
                depth += 1;
            }
            Ok(Event::Empty(tag)) if depth == 0 => {
                if !is_suite(&tag) {
                    return false;
                }
                roots += 1;
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => return depth == 0 && roots == 1,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// Whether the root element is a suite, or a list of suites, of our name.
fn is_suite(tag: &BytesStart<'_>) -> bool {
    let name = tag.attributes().flatten().find(|attribute| attribute.key.as_ref() == "name");
    let is_ours = name.is_some_and(|name| [junit::SUITE, junit::POLICY_SUITE].iter().any(|suite| name.value == *suite));
    is_ours && matches!(tag.name().as_ref(), "testsuite" | "testsuites")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::verification::Verification;
    use modelseal::{Code, Error};

    #[test]
    fn only_our_own_reports_of_the_same_form_may_be_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("r");
        let is = |text: &str| {
            std::fs::write(&path, text).unwrap();
            [Form::Json, Form::Sarif, Form::Junit].map(|form| is_report(&path, form))
        };
        let verification = Verification::failed(&Error::new(Code::InputNotFound, "x"));
        let json = crate::output::json::to_pretty(&verification);
        let failed = crate::output::json::to_pretty(&verification.error.as_ref().unwrap().object);
        let (sarif, junit) = (sarif::report(&verification), junit::report(&verification).unwrap());
        assert_eq!(is(&json), [true, false, false]);
        assert_eq!(is(&failed), [true, false, false]);
        assert_eq!(is(&sarif), [false, true, false]);
        assert_eq!(is(&junit), [false, false, true]);
        assert_eq!(
            is(&junit.replace("testsuite ", "testsuites ").replace("/testsuite>", "/testsuites>")),
            [false, false, true]
        );
        for other in [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            r#"{"kind":"modelseal.sign"}"#.to_owned(),
            format!("{json}{json}"),
            sarif.replace("\"modelseal\"", "\"other\""),
            sarif.replace("\"version\": \"2.1.0\"", "\"version\": \"2.2\""),
            r#"{"version":"2.1.0","runs":[]}"#.to_owned(),
            junit.replace(junit::SUITE, "other"),
            junit.replace("testsuite", "suite"),
            junit.replace("</testsuite>", ""),
            format!("{junit}{junit}"),
        ] {
            assert_eq!(is(&other), [false; 3], "{other}");
        }
    }
}
