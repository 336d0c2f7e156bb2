//! Small texts: names that are sent, times that are shown.

use core::time::Duration;

/// Longest role name, role id or audience.
const MOST: usize = 4096;

/// Checks a name before it is sent: some text, on one line.
///
/// # Errors
/// What is wrong, to be put after the name of what it is.
pub(super) fn check_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        Err("is empty")
    } else if text.len() > MOST {
        Err("is too long")
    } else if text.chars().any(char::is_control) {
        Err("holds control characters")
    } else {
        Ok(())
    }
}

/// A time in its largest whole unit: `32 days`, `15 minutes`, `61 seconds`.
pub(crate) fn lasting(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let fits = |&(length, _): &(u64, &str)| seconds >= length && seconds.is_multiple_of(length);
    let (length, name) = units.into_iter().find(fits).unwrap_or((1, "second"));
    let number = seconds / length;
    format!("{number} {name}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole() {
        let text = |seconds| lasting(Duration::from_secs(seconds));
        assert_eq!(text(2_764_800), "32 days");
        assert_eq!(text(3600), "1 hour");
        assert_eq!(text(900), "15 minutes");
        assert_eq!(text(901), "901 seconds");
        assert_eq!(text(1), "1 second");
        assert_eq!(text(0), "0 seconds");
    }
}
