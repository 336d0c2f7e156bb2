//! Progress to a Python callable, Ctrl-C, and the log of requests, while the work runs without the interpreter.

use core::ops::ControlFlow;
use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use modelseal::vault::{Hooks, RequestRecord};
use modelseal::{Event, Observer, Result, escape};
use pyo3::prelude::*;

use crate::errors::exception;
use crate::records::Progress;

/// While a server is asked the callable is told no more often than this; signals are looked for at every occasion.
const PAUSE: Duration = Duration::from_millis(40);

/// Runs `work` detached from the interpreter, so that other Python threads go on, and attaches only to tell `progress`,
/// to let Python handle signals, and to log.
///
/// What the callable or a signal handler raises stops the work and is raised here, `KeyboardInterrupt` among them:
/// the caller learns why it stopped, not that it stopped. Where a server was asked, the cause of what is raised says
/// what became of that: a token may be left that could not be revoked.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&Watch) -> Result<T> + Send,
) -> PyResult<T> {
    let (result, raised, asked) = py.detach(|| {
        let watch = Watch::new(progress);
        let result = work(&watch);
        (result, watch.locked_raised().take(), watch.0.asked.load(Ordering::Relaxed))
    });
    match (result, raised) {
        (result, None) => result.map_err(|error| exception(py, &error)),
        (Err(error), Some(raised)) if asked && raised.cause(py).is_none() => {
            raised.set_cause(py, Some(exception(py, &error)));
            Err(raised)
        }
        (_, Some(raised)) => Err(raised),
    }
}

/// The caller's ears. `Clone` gives another handle.
#[derive(Clone)]
pub(crate) struct Watch(Arc<State>);

struct State {
    progress: Option<Py<PyAny>>,
    /// What the callable was told last, and when.
    told: Mutex<(Event, Option<Instant>)>,
    raised: Mutex<Option<PyErr>>,
    /// Whether a server may be asked.
    asked: AtomicBool,
}

impl Watch {
    fn new(progress: Option<Py<PyAny>>) -> Self {
        let nothing = Event::Hashing { bytes_done: 0, bytes_total: 0, files_done: 0, files_total: 0, walked: false };
        let (told, raised) = (Mutex::new((nothing, None)), Mutex::new(None));
        Self(Arc::new(State { progress, told, raised, asked: AtomicBool::new(false) }))
    }

    /// Stop requests for a server's client, and the log of its requests.
    pub(crate) fn hooks(&self) -> Hooks {
        self.hooks_of("request")
    }

    /// The same for the client of a source of identity tokens.
    pub(crate) fn identity_hooks(&self) -> Hooks {
        self.hooks_of("identity_request")
    }

    fn hooks_of(&self, log: &'static str) -> Hooks {
        self.0.asked.store(true, Ordering::Relaxed);
        let (stop, record) = (self.clone(), self.clone());
        let mut hooks = Hooks::default();
        hooks.stop = Arc::new(move || stop.must_stop());
        hooks.record = Arc::new(move |exchange| record.log_request(log, exchange));
        hooks
    }

    /// Logs what was decided about a server.
    pub(crate) fn log_notices(&self, notices: &[String]) {
        self.log_lines("notice", notices);
    }

    /// Logs which source of identity tokens was found.
    pub(crate) fn log_identity(&self, notice: String) {
        self.log_lines("identity_notice", &[notice]);
    }

    /// Logs what the user should know, where no result can say it.
    pub(crate) fn log_warnings(&self, warnings: &[String]) {
        self.log_lines("warning", warnings);
    }

    fn log_lines(&self, how: &str, lines: &[String]) {
        self.log(|module| lines.iter().try_for_each(|line| module.call_method1(how, (&*escape(line),)).map(drop)));
    }

    fn log_request(&self, how: &str, exchange: &RequestRecord) {
        let milliseconds = u64::try_from(exchange.took.as_millis()).unwrap_or(u64::MAX);
        let arguments =
            (exchange.method, &exchange.path, exchange.status, milliseconds, exchange.request_id.as_deref());
        self.log(|module| module.call_method1(how, arguments).map(drop));
    }

    /// A handler that raises stops the work, as a callable that raises does: Ctrl-C may come while it runs.
    fn log(&self, tell: impl FnOnce(&Bound<'_, PyModule>) -> PyResult<()>) {
        let told = Python::try_attach(|py| py.import("modelseal._log").and_then(|module| tell(&module)));
        if let Some(Err(raised)) = told {
            self.stop_because(raised);
        }
    }

    /// Whether to stop while a server is asked: the callable is told what it was told last.
    fn must_stop(&self) -> bool {
        if self.locked_raised().is_some() {
            return true;
        }
        let (event, when) = *self.locked_told();
        let event = if when.is_some_and(|when| when.elapsed() < PAUSE) { Event::Checking } else { event };
        self.event(event).is_break()
    }

    fn tell(&self, py: Python<'_>, event: Event) -> PyResult<()> {
        py.check_signals()?;
        if let Some(progress) = &self.0.progress
            && let Some(told) = Progress::of(event)
        {
            *self.locked_told() = (event, Some(Instant::now()));
            progress.call1(py, (told,))?;
        }
        Ok(())
    }

    /// The first reason stands: later ones only come while the work winds down.
    fn stop_because(&self, raised: PyErr) {
        self.locked_raised().get_or_insert(raised);
    }

    // Neither lock is ever held while Python code runs.

    fn locked_raised(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.0.raised.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locked_told(&self) -> MutexGuard<'_, (Event, Option<Instant>)> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn event(&self, event: Event) -> ControlFlow<()> {
        // The interpreter may be shutting down while a daemon thread is in here: then nobody wants the result.
        match Python::try_attach(|py| self.tell(py, event)) {
            Some(Ok(())) if self.locked_raised().is_none() => ControlFlow::Continue(()),
            Some(Err(raised)) => {
                self.stop_because(raised);
                ControlFlow::Break(())
            }
            _ => ControlFlow::Break(()),
        }
    }
}
