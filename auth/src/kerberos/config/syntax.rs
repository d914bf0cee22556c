//! The lines of one file of configuration. *Core.*

use std::path::{Path, PathBuf};

use super::tree::Tree;
use crate::kerberos::error::Error;

/// One file while its lines are taken in.
#[derive(Debug)]
pub(super) struct OpenFile {
    path: PathBuf,
    lines: std::vec::IntoIter<Box<str>>,
    line: usize,
    /// The name of the section, and what stands in it so far.
    section: Option<(Box<str>, Tree)>,
    /// Values in braces that are not closed yet, the innermost last.
    braces: Vec<(Box<str>, Tree)>,
}

/// Another file or folder that a line asks for.
#[derive(Debug)]
pub(super) enum Include {
    File(PathBuf),
    Folder(PathBuf),
}

impl OpenFile {
    pub(super) fn new(path: &Path, content: &[u8]) -> Self {
        let text = String::from_utf8_lossy(content);
        let lines: Vec<Box<str>> = text.lines().map(Into::into).collect();
        Self {
            path: path.to_owned(),
            lines: lines.into_iter(),
            line: 0,
            section: None,
            braces: Vec::new(),
        }
    }

    /// Takes in lines up to one that asks for another file, or to the end of the file. Sections
    /// that are complete go into `tree`.
    pub(super) fn advance(&mut self, tree: &mut Tree) -> Result<Option<Include>, Error> {
        while let Some(line) = self.lines.next() {
            self.line += 1;
            let line = line.trim();
            if let Some(include) = include_of(line) {
                self.end_section(tree);
                return Ok(Some(include));
            }
            self.take(line, tree)?;
        }
        if let Some((name, _)) = self.braces.last() {
            return Err(self.error(&format!("the brace of {name} is not closed")));
        }
        self.end_section(tree);
        Ok(None)
    }

    /// An error at the line that was taken in last.
    pub(super) fn error(&self, problem: &str) -> Error {
        Error::Configuration {
            file: self.path.display().to_string().into(),
            line: self.line,
            problem: problem.into(),
        }
    }

    fn take(&mut self, line: &str, tree: &mut Tree) -> Result<(), Error> {
        let ignored = line.is_empty() || line.starts_with(['#', ';']) || line == "{";
        if ignored || line.starts_with("module ") {
            return Ok(());
        }
        if let Some(rest) = line.strip_prefix('[').filter(|_| self.braces.is_empty()) {
            let (name, _) = rest.split_once(']').ok_or_else(|| self.error("a ] is missing"))?;
            self.end_section(tree);
            self.section = Some((name.trim().into(), Tree::default()));
            return Ok(());
        }
        if line.starts_with('}') {
            let (name, inner) = self.braces.pop().ok_or_else(|| self.error("a } too many"))?;
            self.push_section(&name, inner);
            return Ok(());
        }
        if self.section.is_none() {
            return Err(self.error("a relation stands before any [section]"));
        }
        let (name, value) = line.split_once('=').ok_or_else(|| self.error("a = is missing"))?;
        let (name, value) = (name.trim().trim_end_matches('*'), value.trim());
        match value.strip_prefix('{') {
            None if !value.is_empty() => {
                let text = unquote(value);
                if let Some(innermost) = self.innermost() {
                    innermost.push_text(name, &text);
                }
            }
            // Java takes a section in one line.
            Some(inner) if inner.trim_end().ends_with('}') => {
                self.push_section(name, inline(inner));
            }
            _ if self.braces.len() == BRACES_MAX => {
                return Err(self.error(&format!("more than {BRACES_MAX} braces in each other")));
            }
            _ => self.braces.push((name.into(), Tree::default())),
        }
        Ok(())
    }

    fn push_section(&mut self, name: &str, inner: Tree) {
        if let Some(innermost) = self.innermost() {
            innermost.push_section(name, inner);
        }
    }

    fn innermost(&mut self) -> Option<&mut Tree> {
        let open = self.braces.last_mut().or(self.section.as_mut());
        open.map(|(_, tree)| tree)
    }

    /// The section so far; lines that follow an include belong to the same one.
    fn end_section(&mut self, tree: &mut Tree) {
        if let Some((name, content)) = self.section.take() {
            tree.push_section(&name, content);
            self.section = Some((name, Tree::default()));
        }
    }
}

/// The relation of a section that stands in one line.
fn inline(inner: &str) -> Tree {
    let mut tree = Tree::default();
    let body = inner.trim().trim_end_matches('}');
    if let Some((name, value)) = body.split_once('=') {
        tree.push_text(name.trim(), &unquote(value.trim()));
    }
    tree
}

fn include_of(line: &str) -> Option<Include> {
    let (word, path) = line.split_once([' ', '\t'])?;
    let path = PathBuf::from(path.trim());
    match word {
        "include" => Some(Include::File(path)),
        "includedir" => Some(Include::Folder(path)),
        _ => None,
    }
}

fn unquote(value: &str) -> String {
    match value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => value.trim_end_matches('*').trim_end().to_owned(),
    }
}

/// How deep sections may stand in each other: who drops a tree goes as deep as it is.
const BRACES_MAX: usize = 16;
