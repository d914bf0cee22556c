//! What a failure says: what was found, and what may help.

use std::borrow::Cow;
use std::fmt;

/// What was found, and what may help against it, if anything is known to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) found: Cow<'static, str>,
    pub(super) advice: Option<Cow<'static, str>>,
}

impl Told {
    /// Both.
    pub(super) fn new(
        found: impl Into<Cow<'static, str>>,
        advice: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { found: found.into(), advice: Some(advice.into()) }
    }

    /// What was found, and no way out.
    pub(super) fn found(found: impl Into<Cow<'static, str>>) -> Self {
        Self { found: found.into(), advice: None }
    }

    /// The words of another part, which say what may help behind a semicolon, as all of ours do.
    pub(super) fn of_text(text: &str) -> Self {
        match text.split_once("; ") {
            Some((found, advice)) => Self::new(found.to_owned(), advice.to_owned()),
            None => Self::found(text.to_owned()),
        }
    }

    /// The same, with what was found said in other words.
    pub(super) fn map(self, words: impl FnOnce(&str) -> String) -> Self {
        Self { found: words(&self.found).into(), ..self }
    }

    /// The same, with more that may help.
    pub(super) fn and(self, advice: impl Into<Cow<'static, str>>) -> Self {
        let more = advice.into();
        let advice = match self.advice {
            Some(first) => format!("{first}; {more}").into(),
            None => more,
        };
        Self { advice: Some(advice), ..self }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.found)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}
