//! Times as people say them.

use std::fmt;
use std::time::Duration;

/// A time as people say it: whole milliseconds, tenths of seconds, whole seconds from ten on.
pub(crate) struct Rounded(pub(crate) Duration);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = (self.0.as_micros() + 500) / 1000;
        // A second that was waited for is measured as a little less.
        let tenths = (millis + 50) / 100;
        match millis {
            0..995 => write!(f, "{millis} ms"),
            ..10_000 if !tenths.is_multiple_of(10) => {
                write!(f, "{}.{} s", tenths / 10, tenths % 10)
            }
            _ => write!(f, "{} s", (millis + 500) / 1000),
        }
    }
}
