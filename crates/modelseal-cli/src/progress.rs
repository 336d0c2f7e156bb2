//! A progress bar on the terminal, when the work lasts.

use core::ops::ControlFlow;
use core::time::Duration;
use std::cell::OnceCell;
use std::io::IsTerminal as _;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use modelseal::{Event, Observer};

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
        self.show("{bar:30} {pos}/{len} models, {eta} left", done, total);
    }

    fn show(&self, template: &str, done: u64, total: u64) {
        if !self.on_terminal || self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(total).with_style(style.progress_chars("━╸ "));
            bar.with_elapsed(self.started.elapsed())
        });
        bar.set_length(total);
        bar.set_position(done);
    }
}

impl Observer for Progress<'_> {
    fn event(&self, event: Event) -> ControlFlow<()> {
        if let Event::Hashing { bytes_done, bytes_total, .. } = event {
            let template = "{bar:30} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
            self.show(template, bytes_done, bytes_total);
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
