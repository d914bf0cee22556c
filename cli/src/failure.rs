//! Why a command ended without success: one line for the user, and the exit status.

use std::fmt;

use crate::text::plain;

/// What a command returns.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ended without success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// What was asked for cannot be meant: exit status 2.
    Usage(String),
    /// It was tried, and it did not work: exit status 1.
    Failed(String),
    /// Nobody reads stdout any more: exit status 1.
    StdoutClosed,
    /// Stdout does not take what is written to it, for this reason: exit status 1.
    StdoutBroken(String),
    /// As `Failed`, and everything has been said already.
    Said,
}

impl Failure {
    /// The exit status of the process.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) | Self::StdoutClosed | Self::StdoutBroken(_) | Self::Said => 1,
        }
    }

    /// The same failure, with something more to say at the end of its line.
    pub(crate) fn and(self, more: &str) -> Self {
        match self {
            Self::Usage(line) => Self::Usage(format!("{line}{more}")),
            Self::Failed(line) => Self::Failed(format!("{line}{more}")),
            Self::StdoutClosed | Self::StdoutBroken(_) => Self::Failed(format!("{self}{more}")),
            Self::Said => Self::Said,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(line) | Self::Failed(line) => f.write_str(&plain(line.trim_end())),
            Self::StdoutClosed => f.write_str("stdout was closed by its reader"),
            Self::StdoutBroken(reason) => write!(f, "cannot write to stdout: {reason}"),
            Self::Said => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_whatever_is_in_it() {
        let failure = Failure::Failed("broker said:\n\x1b[31mno\n".into());
        assert_eq!(failure.to_string(), "broker said:  [31mno");
        assert_eq!(
            failure.and("; 3 records lost").to_string(),
            "broker said:  [31mno ; 3 records lost"
        );
    }

    #[test]
    fn wrong_usage_is_status_two_and_the_rest_is_one() {
        let failures =
            [Failure::Usage("a".into()), Failure::Failed("b".into()), Failure::StdoutClosed];
        assert_eq!(failures.map(|failure| failure.status()), [2, 1, 1]);
    }
}
