//! Exit statuses: bugs, signals, several models.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Mutex, PoisonError};

use modelseal::{Code, Error};

use crate::args::Format;
use crate::output::Console;

/// Status of a bug.
const BUG: u8 = 70;

thread_local! {
    /// The status of the signal that stopped the work of this thread's run.
    static STOPPED_BY: RefCell<Option<u8>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic in it becomes a message and a status of its own.
pub(crate) fn guard(work: impl FnOnce() -> u8) -> u8 {
    STOPPED_BY.with_borrow_mut(Option::take);
    let place = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&place);
    let before = take_hook();
    // Where, and nothing else: a panic's own message may hold anything.
    set_hook(Box::new(move |info| {
        let at = info.location().map(|location| format!("{}:{}", location.file(), location.line()));
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }));
    let ended = catch_unwind(AssertUnwindSafe(work));
    set_hook(before);
    ended.unwrap_or_else(|_| {
        let at = place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let at = at.unwrap_or_else(|| "an unknown place".to_owned());
        let version = env!("CARGO_PKG_VERSION");
        Console::new(Format::Text, 0).bug(&format!("modelseal {version} failed at {at}; please report it"));
        BUG
    })
}

/// Remembers the signal that stopped this run: its status replaces the one of `usage/interrupted`.
pub(crate) fn stopped_by(signal: u8) {
    STOPPED_BY.set(Some(128 + signal));
}

/// The exit status of an error.
pub(crate) fn of(error: &Error) -> u8 {
    of_code(error.code())
}

/// The exit status of an error code.
pub(crate) fn of_code(code: Code) -> u8 {
    match code {
        Code::UsageInterrupted => STOPPED_BY.with_borrow(|status| status.unwrap_or(code.exit().status())),
        code => code.exit().status(),
    }
}

/// The exit status of several: interrupted before no before trouble, the highest trouble first.
pub(crate) fn of_several(statuses: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |status: u8| match status {
        0 => 0,
        1 => 100,
        status => status,
    };
    statuses.into_iter().max_by_key(|&status| rank(status)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_no_outweighs_trouble_and_an_interruption_outweighs_all() {
        assert_eq!(of_several([]), 0);
        assert_eq!(of_several([0, 0]), 0);
        assert_eq!(of_several([0, 2, 3, 0]), 3);
        assert_eq!(of_several([3, 1, 2, 5]), 1);
        assert_eq!(of_several([1, 130, 3]), 130);
    }

    #[test]
    fn a_panic_is_a_bug_and_says_nothing_of_its_message() {
        assert_eq!(guard(|| panic!("secret")), BUG);
        assert_eq!(guard(|| 3), 3);
    }
}
