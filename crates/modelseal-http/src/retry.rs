//! How long to wait between attempts.

use core::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Growing delays with jitter, which the other side's wish can lengthen.
#[derive(Debug)]
pub struct Delays(backon::ExponentialBackoff);

/// Longest wait that a server can ask for.
const MOST: Duration = Duration::from_secs(30);

/// Longest `Retry-After` that is told.
const MOST_TOLD: Duration = Duration::from_secs(3600);

impl Delays {
    /// At most `retries` delays, from `first` on, doubled each time, each with up to as much again as jitter, none
    /// longer than 5 s.
    #[must_use]
    pub fn new(first: Duration, retries: usize) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(Duration::from_millis(2500))
            .with_max_times(retries)
            .with_jitter();
        Self(builder.build())
    }

    /// The next delay, at least what the other side asked for (`Retry-After`, capped at 30 s). `None`: give up.
    pub fn next(&mut self, asked: Option<Duration>) -> Option<Duration> {
        let own = Iterator::next(&mut self.0)?;
        Some(own.max(asked.unwrap_or_default().min(MOST)))
    }
}

/// `Retry-After`: seconds, or an HTTP date.
pub(crate) fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more than the cap.
        return Some(text.parse().map_or(MOST_TOLD, Duration::from_secs).min(MOST_TOLD));
    }
    let until = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default().min(MOST_TOLD))
}

/// `Date`.
pub(crate) fn date(text: &str) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_differ_and_end() {
        let first = Duration::from_millis(100);
        let mut seen = Vec::new();
        for _ in 0..50 {
            let mut delays = Delays::new(first, 8);
            for power in 0..8 {
                let least = (first * (1 << power)).min(Duration::from_millis(2500));
                let delay = delays.next(None).unwrap();
                assert!((least..=least * 2).contains(&delay), "{power}: {delay:?}");
                assert!(delay <= Duration::from_secs(5));
                if power == 0 {
                    seen.push(delay);
                }
            }
            assert_eq!(delays.next(None), None);
            assert_eq!(delays.next(Some(first)), None);
        }
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 10, "the jitter does not differ");
        assert_eq!(Delays::new(first, 0).next(None), None);
    }

    #[test]
    fn what_the_server_asks_for_is_honoured_and_capped() {
        let mut delays = Delays::new(Duration::from_millis(1), 3);
        assert_eq!(delays.next(Some(Duration::from_secs(7))), Some(Duration::from_secs(7)));
        assert_eq!(delays.next(Some(Duration::MAX)), Some(MOST));
        assert!(delays.next(Some(Duration::ZERO)).unwrap() >= Duration::from_millis(4));
    }

    #[test]
    fn seconds_and_dates() {
        let now: Timestamp = "1994-11-06T08:49:30Z".parse().unwrap();
        let seconds = |count| Some(Duration::from_secs(count));
        for (text, expected) in [
            ("0", seconds(0)),
            (" 120 ", seconds(120)),
            ("99999999999999999999999999", seconds(3600)),
            ("3601", seconds(3600)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", seconds(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", seconds(0)),
            ("Tue, 31 Dec 2999 23:59:59 GMT", seconds(3600)),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("soon", None),
            ("Mon, 06 Nov 1994 08:49:37 GMT", None),
        ] {
            assert_eq!(retry_after(text, now), expected, "{text}");
        }
    }
}
