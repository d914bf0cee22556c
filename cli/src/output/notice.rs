//! Files that say something as long as a command runs: where it listens, whom to trust.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that tells others what a command has ready for them, and is gone with it. What was there
/// before is not believed by anybody: a regular file goes at once. Anything else, as a FIFO or a
/// device, is only written to.
#[derive(Debug)]
pub(crate) struct Notice {
    place: Place,
    /// What it says, as soon as it is there.
    text: Option<String>,
}

/// What a name leads to, through all its links.
#[derive(Debug)]
enum Place {
    /// A regular file, or nothing yet.
    File(PathBuf),
    /// Something else, which is not ours.
    Other(PathBuf),
}

impl Notice {
    /// Takes the place of the file that `path` leads to.
    ///
    /// # Errors
    ///
    /// An older file cannot be removed.
    pub(crate) fn claim(path: &Path) -> io::Result<Self> {
        let place = place(path)?;
        if let Place::File(file) = &place {
            match fs::remove_file(file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(Self { place, text: None })
    }

    /// Says it, never half: a regular file appears with all of its text. A FIFO waits for its
    /// reader.
    ///
    /// # Errors
    ///
    /// The file cannot be written; nothing is left of it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing of a regular file; a FIFO may still be written to.
    pub(crate) async fn write(&mut self, text: String) -> io::Result<()> {
        match &self.place {
            Place::File(file) => {
                appear(file, &text)?;
                self.text = Some(text);
                Ok(())
            }
            Place::Other(other) => {
                let open = OpenOptions::new().write(true).clone();
                let other = other.clone();
                let write = move || open.open(other)?.write_all(text.as_bytes());
                tokio::task::spawn_blocking(write).await.map_err(io::Error::other)?
            }
        }
    }
}

impl Drop for Notice {
    /// Takes back what was said. What somebody else has put there since stays.
    fn drop(&mut self) {
        let (Place::File(file), Some(text)) = (&self.place, &self.text) else { return };
        let length = fs::symlink_metadata(file).ok().filter(fs::Metadata::is_file);
        let is_as_long = length.is_some_and(|file| usize::try_from(file.len()) == Ok(text.len()));
        if is_as_long && fs::read(file).is_ok_and(|found| found == text.as_bytes()) {
            // Whoever waited for it may have taken it away.
            let _ = fs::remove_file(file);
        }
    }
}

/// Whether two names lead to one file, or would.
pub(crate) fn is_same_file(one: &Path, two: &Path) -> bool {
    match (place(one), place(two)) {
        (Ok(Place::File(one)), Ok(Place::File(two))) => one == two,
        _ => false,
    }
}

/// Follows links, also to what does not exist yet.
fn place(path: &Path) -> io::Result<Place> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { break };
        // `/dev/stdout` leads here: the file belongs to whoever has opened it.
        if path.starts_with("/proc") {
            return Ok(Place::Other(path));
        }
        path = path.parent().unwrap_or_else(|| Path::new("")).join(target);
    }
    match fs::metadata(&path) {
        Ok(found) if !found.is_file() => Ok(Place::Other(path)),
        Ok(_) => Ok(Place::File(fs::canonicalize(path)?)),
        Err(_) => Ok(Place::File(named(&path))),
    }
}

/// The name that a file which does not exist has for everybody, as far as its folder exists.
fn named(path: &Path) -> PathBuf {
    let folder =
        path.parent().map(|folder| if folder == Path::new("") { Path::new(".") } else { folder });
    match (folder.map(fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// Lets a file appear with all of its text at once.
fn appear(file: &Path, text: &str) -> io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    // Left by a process of the same number that was killed.
    let _ = fs::remove_file(&beside);
    let written = File::create_new(&beside)
        .and_then(|mut part| part.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Links that lead from one to the next, as many as Linux follows.
const LINKS_MAX: usize = 40;
