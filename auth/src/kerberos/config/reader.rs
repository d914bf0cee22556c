//! Reads `krb5.conf` and what it includes, without touching a file itself. *Core.*

use std::path::{Path, PathBuf};

use super::content::Config;
use super::syntax::{Include, OpenFile};
use super::tree::Tree;
use crate::kerberos::error::Error;

/// Asks for one file after the other until all is known.
#[derive(Debug, Default)]
pub struct ConfigReader {
    tree: Tree,
    /// The file that is being read, and those that include it.
    open: Vec<OpenFile>,
    /// Files to read, each once so many files are open; the next one last.
    queue: Vec<(usize, PathBuf)>,
    files: usize,
    bytes: usize,
}

/// What the reader needs next.
#[derive(Debug)]
pub enum Wanted {
    /// The content of this file: [`ConfigReader::push_file`].
    File(PathBuf),
    /// The names of the files in this folder: [`ConfigReader::push_folder`].
    Folder(PathBuf),
    /// Nothing: this is what the files say.
    Nothing(Config),
}

impl ConfigReader {
    /// A reader of these files; what stands in the first counts first.
    #[must_use]
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut queue: Vec<_> = files.into_iter().map(|path| (0, path)).collect();
        queue.reverse();
        Self { queue, ..Self::default() }
    }

    /// What is needed next.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] names file and line of what cannot be understood.
    pub fn poll(&mut self) -> Result<Wanted, Error> {
        loop {
            let depth = self.open.len();
            if let Some((_, path)) = self.queue.pop_if(|(due, _)| *due == depth) {
                return Ok(Wanted::File(path));
            }
            let Some(file) = self.open.last_mut() else {
                return Ok(Wanted::Nothing(Config::new(std::mem::take(&mut self.tree))));
            };
            match file.advance(&mut self.tree)? {
                Some(Include::File(path)) => self.queue.push((depth, path)),
                Some(Include::Folder(path)) => return Ok(Wanted::Folder(path)),
                None => drop(self.open.pop()),
            }
        }
    }

    /// Takes in a file that [`poll`](Self::poll) asked for.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if files include each other too deep, or are too many or too long.
    pub fn push_file(&mut self, path: &Path, content: &[u8]) -> Result<(), Error> {
        self.files += 1;
        self.bytes += content.len();
        if self.open.len() >= DEPTH_MAX || self.files > FILES_MAX || self.bytes > BYTES_MAX {
            return Err(self.unreadable(&format!(
                "{} is one include too many: at most {FILES_MAX} files of {BYTES_MAX} bytes in \
                 all are read, {DEPTH_MAX} deep",
                path.display()
            )));
        }
        self.open.push(OpenFile::new(path, content));
        Ok(())
    }

    /// Takes in the names of the files in a folder that [`poll`](Self::poll) asked for. Only
    /// names of letters, digits, `-` and `_`, and those that end in `.conf`, are read.
    pub fn push_folder(&mut self, folder: &Path, names: &[String]) {
        let mut chosen: Vec<&String> = names.iter().filter(|name| is_included(name)).collect();
        chosen.sort();
        let depth = self.open.len();
        self.queue.extend(chosen.into_iter().rev().map(|name| (depth, folder.join(name))));
    }

    /// The error that a file or folder that is asked for cannot be read.
    #[must_use]
    pub fn unreadable(&self, problem: &str) -> Error {
        match self.open.last() {
            Some(file) => file.error(problem),
            None => {
                Error::Configuration { file: "krb5.conf".into(), line: 0, problem: problem.into() }
            }
        }
    }
}

fn is_included(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    name.bytes().all(plain) || (name.ends_with(".conf") && !name.starts_with('.'))
}

/// How deep files may include each other.
const DEPTH_MAX: usize = 8;
/// How many files there may be.
const FILES_MAX: usize = 100;
/// How long all files together may be.
const BYTES_MAX: usize = 1 << 20;
