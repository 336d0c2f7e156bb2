//! Progress to a Python callable, and Ctrl-C, while the work runs without the interpreter.

use core::cell::RefCell;
use core::ops::ControlFlow;

use modelseal::{Error, Event, Observer, Result};
use pyo3::prelude::*;

use crate::errors::exception;
use crate::records::Progress;

/// Runs `work` detached from the interpreter, so that other Python threads go on, and attaches only to tell `progress`
/// and to let Python handle signals.
///
/// What the callable or a signal handler raises stops the work and is raised here, `KeyboardInterrupt` among them:
/// the caller learns why it stopped, not that it stopped.
pub(crate) fn run<T: Send>(
    py: Python<'_>,
    progress: Option<Py<PyAny>>,
    work: impl FnOnce(&dyn Observer) -> Result<T> + Send,
) -> PyResult<T> {
    let (result, raised): (Result<T, Error>, Option<PyErr>) = py.detach(|| {
        let watch = Watch { progress, raised: RefCell::new(None) };
        let result = work(&watch);
        (result, watch.raised.into_inner())
    });
    match raised {
        Some(raised) => Err(raised),
        None => result.map_err(|error| exception(py, &error)),
    }
}

struct Watch {
    progress: Option<Py<PyAny>>,
    raised: RefCell<Option<PyErr>>,
}

impl Watch {
    fn tell(&self, py: Python<'_>, event: Event) -> PyResult<()> {
        py.check_signals()?;
        if let Some(progress) = &self.progress
            && let Some(event) = Progress::of(event)
        {
            progress.call1(py, (event,))?;
        }
        Ok(())
    }
}

impl Observer for Watch {
    fn event(&self, event: Event) -> ControlFlow<()> {
        // The interpreter may be shutting down while a daemon thread is in here: then nobody wants the result.
        match Python::try_attach(|py| self.tell(py, event)) {
            Some(Ok(())) => ControlFlow::Continue(()),
            Some(Err(raised)) => {
                // The first reason stands: later events only come while the work winds down.
                self.raised.borrow_mut().get_or_insert(raised);
                ControlFlow::Break(())
            }
            None => ControlFlow::Break(()),
        }
    }
}
