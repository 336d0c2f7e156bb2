//! A progress bar on the terminal, when the work lasts.

use core::ops::ControlFlow;
use core::time::Duration;
use std::cell::OnceCell;
use std::io::IsTerminal as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use modelseal::{Event, Observer};

use crate::output::text::{count, size};
use crate::signals::Signals;

/// Work that is shorter shows no bar.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shows progress on the standard error when that is a terminal, and passes on the wish to stop.
pub(crate) struct Progress<'a> {
    signals: &'a Signals,
    started: Instant,
    on_terminal: bool,
    bar: OnceCell<ProgressBar>,
}

impl<'a> Progress<'a> {
    /// Progress of work that begins now.
    pub(crate) fn new(signals: &'a Signals) -> Self {
        Self { signals, started: Instant::now(), on_terminal: std::io::stderr().is_terminal(), bar: OnceCell::new() }
    }

    /// So many of so many models are done.
    pub(crate) fn models(&self, done: u64, total: u64) {
        self.show(done, total, |_| format!("{done} of {}", count(total, "model")));
    }

    fn show(&self, done: u64, total: u64, words: impl FnOnce(Duration) -> String) {
        let elapsed = self.started.elapsed();
        if !self.on_terminal || elapsed < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let style = ProgressStyle::with_template("{bar:30} {msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
            ProgressBar::new(total).with_style(style.progress_chars("━╸ "))
        });
        bar.set_length(total);
        bar.set_message(format!("{}, {} left", words(elapsed), time_left(done, total, elapsed)));
        bar.set_position(done);
    }
}

/// By the rate so far: the bar appears late, so its own estimate would start with a leap.
fn time_left(done: u64, total: u64, elapsed: Duration) -> String {
    let left = u128::from(total.saturating_sub(done)) * elapsed.as_millis() / u128::from(done.max(1)) / 1000;
    match (left / 3600, left / 60 % 60, left % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

impl Observer for Progress<'_> {
    fn event(&self, event: Event) -> ControlFlow<()> {
        if let Event::Hashing { bytes_done, bytes_total, .. } = event {
            self.show(bytes_done, bytes_total, |elapsed| {
                let rate = u128::from(bytes_done) * 1000 / elapsed.as_millis().max(1);
                let rate = size(u64::try_from(rate).unwrap_or(u64::MAX));
                format!("{} of {}, {rate}/s", size(bytes_done), size(bytes_total))
            });
        }
        Stoppable(self.signals).event(event)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

/// Shows nothing, but can be stopped.
pub(crate) struct Stoppable<'a>(pub(crate) &'a Signals);

impl Observer for Stoppable<'_> {
    fn event(&self, _: Event) -> ControlFlow<()> {
        if self.0.stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_the_rate_so_far() {
        let after = |done, total| time_left(done, total, Duration::from_secs(10));
        assert_eq!(after(5, 10), "10 s");
        assert_eq!(after(1, 10), "1 min 30 s");
        assert_eq!(after(1, 1000), "2 h 46 min");
        assert_eq!((after(10, 10), after(0, 0), after(3, 2)), ("0 s".into(), "0 s".into(), "0 s".into()));
    }
}
