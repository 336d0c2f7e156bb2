//! Values in the forms that programs written in Go read.

use core::time::Duration;

/// A truth value as Go's `strconv.ParseBool` reads it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A whole number, digits only.
pub(super) fn number(text: &str) -> Option<usize> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// A duration: `1m30s`, `500ms`, `1.5h`, or whole seconds without a unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if let Some(seconds) = number(text) {
        return Some(Duration::from_secs(seconds as u64));
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (count, after) = split(rest, |c| c.is_ascii_digit() || c == '.');
        let (unit, after) = split(after, |c| !c.is_ascii_digit() && c != '.');
        let seconds = count.parse::<f64>().ok()? * seconds_of(unit)?;
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(total)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|c| !belongs(c)).unwrap_or(text.len()))
}

fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "ns" => Some(1e-9),
        "us" | "µs" | "μs" => Some(1e-6),
        "ms" => Some(1e-3),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_in_go() {
        let good = [
            ("60", 60_000),
            ("0", 0),
            ("60s", 60_000),
            ("1m30s", 90_000),
            ("500ms", 500),
            ("1.5s", 1_500),
            ("1h", 3_600_000),
            (".5s", 500),
            ("2m0s", 120_000),
        ];
        for (text, milliseconds) in good {
            assert_eq!(duration(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        assert_eq!(duration("1µs"), Some(Duration::from_micros(1)));
        let long = "9".repeat(400);
        for bad in ["", "s", "1x", "-1s", "+1s", "1s 2s", "1 s", "1.2.3s", "60s1", ".s", "1d", "1e3s", "∞", &long] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_and_booleans() {
        assert_eq!(number("20"), Some(20));
        for bad in ["", "-1", "+1", " 1", "1.0", "0x1", "99999999999999999999999"] {
            assert_eq!(number(bad), None, "{bad}");
        }
        assert_eq!(boolean("T"), Some(true));
        assert_eq!(boolean("False"), Some(false));
        for bad in ["", "yes", "no", "on", "off", "tRUE", "2"] {
            assert_eq!(boolean(bad), None, "{bad}");
        }
    }
}
