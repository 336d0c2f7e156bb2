//! When a failed request is sent again.

use core::time::Duration;
use std::time::Instant;

use modelseal_http::{Delays, Sent};

use super::Repeat;
use crate::refusal::Refusal;

const FIRST_DELAY: Duration = Duration::from_millis(100);

/// One failed attempt.
pub(super) struct Failed {
    pub(super) refusal: Refusal,
    /// What the server asked to wait.
    pub(super) retry_after: Option<Duration>,
    /// For failures without an answer: whether another attempt can go better.
    pub(super) passing: bool,
}

impl Failed {
    /// Whether what was asked for may have happened all the same.
    pub(super) fn may_have_acted(&self) -> bool {
        let answered_first = matches!(self.refusal.status, Some(412 | 473));
        self.refusal.sent == Sent::Maybe && !answered_first
    }
}

/// The attempts of one request.
pub(super) struct Repeats {
    repeat: Repeat,
    deadline: Instant,
    retries: usize,
    left: usize,
    delays: Delays,
}

/// What allows another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limit {
    /// Nothing does.
    None,
    /// The number of retries, and the deadline.
    Count,
    /// The deadline alone: many jobs under one quota need more attempts than anybody would configure.
    Time,
}

impl Repeats {
    pub(super) fn new(repeat: Repeat, retries: usize, deadline: Instant) -> Self {
        Self { repeat, deadline, retries, left: retries, delays: Delays::new(FIRST_DELAY, usize::MAX) }
    }

    /// How long to wait before the next attempt. `None`: there is none.
    pub(super) fn next(&mut self, failed: &Failed) -> Option<Duration> {
        let limit = limit(self.repeat, failed);
        if limit == Limit::None || self.retries == 0 {
            return None;
        }
        if limit == Limit::Count {
            self.left = self.left.checked_sub(1)?;
        }
        let delay = self.delays.next(failed.retry_after)?;
        let remaining = self.deadline.checked_duration_since(Instant::now())?;
        if delay < remaining {
            return Some(delay);
        }
        // Too late for what the server asked for. Our own delay can be shorter, for a last attempt or two.
        (failed.retry_after.is_none() && remaining > FIRST_DELAY).then_some(remaining / 2)
    }
}

fn limit(repeat: Repeat, failed: &Failed) -> Limit {
    match repeat {
        Repeat::Never => return Limit::None,
        Repeat::IfNotSent if failed.refusal.sent == Sent::Maybe => return Limit::None,
        Repeat::IfNotSent | Repeat::Safe => {}
    }
    match failed.refusal.status {
        // Not 500: that is how servers answer mistakes of ours, and a failing audit device.
        Some(412 | 429) => Limit::Time,
        Some(473 | 502..=504) => Limit::Count,
        None if failed.passing => Limit::Count,
        _ => Limit::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use modelseal_core::{Code, Error};

    fn failed(status: Option<u16>, sent: Sent, passing: bool) -> Failed {
        let error = Error::new(Code::VaultUnavailable, "test");
        Failed { refusal: Refusal { status, words: Vec::new(), sent, lost: false, error }, retry_after: None, passing }
    }

    #[test]
    fn the_table_of_repeats() {
        use Limit::{Count, None as No, Time};
        // Status, whether it may have been acted upon, whether it can pass; for Safe, for IfNotSent.
        let cases = [
            (Some(400), Sent::Maybe, false, No, No),
            (Some(403), Sent::Maybe, false, No, No),
            (Some(404), Sent::Maybe, false, No, No),
            (Some(307), Sent::Maybe, false, No, No),
            (Some(200), Sent::Maybe, false, No, No),
            (Some(412), Sent::Maybe, false, Time, No),
            (Some(429), Sent::No, false, Time, Time),
            (Some(472), Sent::Maybe, false, No, No),
            (Some(473), Sent::Maybe, false, Count, No),
            (Some(500), Sent::Maybe, false, No, No),
            (Some(501), Sent::Maybe, false, No, No),
            (Some(502), Sent::Maybe, false, Count, No),
            (Some(503), Sent::Maybe, false, Count, No),
            (Some(503), Sent::No, false, Count, Count),
            (Some(504), Sent::Maybe, false, Count, No),
            (None, Sent::No, true, Count, Count),
            (None, Sent::Maybe, true, Count, No),
            (None, Sent::No, false, No, No),
            (None, Sent::Maybe, false, No, No),
        ];
        for (status, sent, passing, safe, if_not_sent) in cases {
            let failed = failed(status, sent, passing);
            assert_eq!(limit(Repeat::Safe, &failed), safe, "{status:?} {sent:?}");
            assert_eq!(limit(Repeat::IfNotSent, &failed), if_not_sent, "{status:?} {sent:?}");
            assert_eq!(limit(Repeat::Never, &failed), No, "{status:?} {sent:?}");
        }
    }

    #[test]
    fn counts_and_deadlines() {
        let soon = || Instant::now() + Duration::from_secs(60);
        let down = failed(Some(502), Sent::Maybe, false);
        let mut repeats = Repeats::new(Repeat::Safe, 2, soon());
        let delays: Vec<_> = core::iter::from_fn(|| repeats.next(&down)).collect();
        assert_eq!(delays.len(), 2);
        assert!(delays[0] >= FIRST_DELAY && delays[1] >= 2 * FIRST_DELAY);

        let mut limited = failed(Some(429), Sent::No, false);
        let mut repeats = Repeats::new(Repeat::IfNotSent, 1, soon());
        assert!((0..50).all(|_| repeats.next(&limited).is_some()));
        assert_eq!(Repeats::new(Repeat::Safe, 0, soon()).next(&limited), None);

        limited.retry_after = Some(Duration::from_secs(3));
        assert!(Repeats::new(Repeat::Safe, 2, soon()).next(&limited).unwrap() >= Duration::from_secs(3));
        // Asked for more than there is: no use in trying before.
        let deadline = Instant::now() + Duration::from_secs(2);
        assert_eq!(Repeats::new(Repeat::Safe, 2, deadline).next(&limited), None);
        assert_eq!(Repeats::new(Repeat::Safe, 2, Instant::now()).next(&down), None);
    }
}
