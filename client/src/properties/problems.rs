//! All that is wrong with several settings, as one error. *core*

use super::name::{UNSHOWN_LINE, UNSHOWN_NAME};
use crate::error::Error;

/// What was found wrong: each with where or with what.
#[derive(Debug, Default)]
pub(super) struct Problems {
    all: Vec<(Box<str>, Box<str>)>,
    /// How many were found.
    count: usize,
    /// Those beyond what is told.
    more: usize,
    has_unshown: bool,
}

impl Problems {
    /// Takes what came of setting one, and the line on which it stands, if it is one of a file.
    pub(super) fn note(
        &mut self,
        line: Option<usize>,
        outcome: Result<(), Error>,
    ) -> Result<(), Error> {
        let Err(Error::Invalid { setting, problem }) = outcome else { return outcome };
        self.count += 1;
        let is_unshown = *setting == *UNSHOWN_NAME;
        // All lines of a PEM would say the same.
        if is_unshown && std::mem::replace(&mut self.has_unshown, true) {
            return Ok(());
        }
        let told = match line {
            Some(line) if is_unshown => (format!("line {line}").into(), UNSHOWN_LINE.into()),
            Some(line) => (format!("line {line}").into(), format!("{setting}: {problem}").into()),
            None => (setting, problem),
        };
        match self.all.len() {
            _ if self.all.contains(&told) => {}
            ..PROBLEMS_MAX => self.all.push(told),
            _ => self.more += 1,
        }
        Ok(())
    }

    /// Whether so many were found that looking at the rest would only take time.
    pub(super) fn is_enough(&self) -> bool {
        self.count >= COUNT_MAX
    }

    /// One error for all of them, if there are any.
    pub(super) fn into_outcome(self) -> Result<(), Error> {
        let mut all = self.all.into_iter();
        let Some((first, problem)) = all.next() else { return Ok(()) };
        let mut problem = problem.into_string();
        for (at, other) in all {
            problem.push_str(&format!("; {at}: {other}"));
        }
        if self.more > 0 {
            let least = if self.count < COUNT_MAX { "" } else { ", at least" };
            problem.push_str(&format!("; and {} more{least}", self.more));
        }
        Err(Error::invalid(first, problem))
    }
}

/// What nobody has written by hand. For each a nearest name is looked for.
const COUNT_MAX: usize = 1000;
/// So many are enough to see what is wrong with all of them.
const PROBLEMS_MAX: usize = 20;
