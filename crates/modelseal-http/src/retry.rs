//! How long to wait between attempts.

use core::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

/// Growing delays with jitter, which the other side's wish can lengthen.
#[derive(Debug)]
pub struct Delays(backon::ExponentialBackoff);

/// Longest wait that a server can ask for.
const MOST: Duration = Duration::from_secs(30);

impl Delays {
    /// At most `retries` delays, from `first` on, doubled each time, at most 5 s, each with jitter.
    #[must_use]
    pub fn new(first: Duration, retries: usize) -> Self {
        let builder = ExponentialBuilder::new()
            .with_min_delay(first)
            .with_max_delay(Duration::from_secs(5))
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
