//! Figures with their bounds, as a table.

use std::process::ExitCode;

/// Rows that are printed as they come.
#[derive(Debug)]
pub(crate) struct Table {
    broken: Vec<String>,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    None,
    AtLeast(f64),
    AtMost(f64),
}

impl Table {
    pub(crate) fn new() -> Self {
        println!("| what | found | must be | |");
        println!("| --- | ---: | ---: | --- |");
        Self { broken: Vec::new() }
    }

    pub(crate) fn row(&mut self, what: &str, found: f64, bound: Bound) {
        let (words, is_kept) = match bound {
            Bound::None => (String::new(), true),
            Bound::AtLeast(least) => (format!("at least {least}"), found >= least),
            Bound::AtMost(most) => (format!("at most {most}"), found <= most),
        };
        let kept = match (bound, is_kept) {
            (Bound::None, _) => "",
            (_, true) => "yes",
            (_, false) => "**no**",
        };
        let digits = if found < 10.0 { 2 } else { 0 };
        println!("| {what} | {found:.digits$} | {words} | {kept} |");
        if !is_kept {
            self.broken.push(what.to_owned());
        }
    }

    pub(crate) fn end(self) -> ExitCode {
        for what in &self.broken {
            eprintln!("not kept: {what}");
        }
        if self.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
